//! `sitepush rollback`: an earlier release live again, by copies on the server.

use std::borrow::Cow;

use crate::cli::RollbackArgs;
use crate::core::demotion;
use crate::core::diff::Action;
use crate::core::key::ObjectKey;
use crate::core::manifest::Manifest;
use crate::core::outcome::Outcome;
use crate::core::plan::{Plan, Purpose};
use crate::core::planning::ReleaseDraft;
use crate::core::release::{ReleaseId, ReleaseSummary};
use crate::error::{Class, Error};
use crate::execute::observe;
use crate::execute::record::{self, RecordError};
use crate::exit_code::ExitCode;
use crate::settings::RollbackSettings;

use super::connect::{Connected, call_failed, connect_for_as_long};
use super::from_record::{self, Prepared, Request, Wanted};
use super::world::{LiveManifest, World};

/// Makes a release live again.
///
/// # Errors
/// When there is no such release, when it cannot be brought back whole, or somebody is at work: nothing was changed.
pub async fn run(args: &RollbackArgs) -> Result<ExitCode, Error> {
    let settings = RollbackSettings::resolve(args)?;
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let world = World::read(&connected.bucket).await?;
    let Some(live) = &world.live else {
        return Err(Error::usage("nothing was published here yet, so there is nothing to go back to")
            .with_hint("`sitepush push` publishes the first release"));
    };
    let to = choose(&live.manifest.history, args.release.as_deref())?;
    let wanted = record_of(&connected, live, to).await?;
    let request = request(&settings, args.dry_run);
    let wish = Wish { to, message: args.message.clone() };
    let prepared = prepare(&request, &connected, (&world, live), &wanted, wish).await?;
    from_record::carry_out(&request, connected, &prepared).await
}

/// Makes the release before live again because `release_id` was found wrong; the plan and what came of it.
///
/// # Errors
/// When another release is live by now, or as for any rollback: nothing was changed.
pub async fn take_back(
    settings: &RollbackSettings,
    (release_id, to): (&ReleaseId, &ReleaseId),
    message: String,
) -> Result<(Plan, Outcome), Error> {
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let world = World::read(&connected.bucket).await?;
    let Some(live) = world.live.as_ref().filter(|live| live.manifest.release.id == *release_id) else {
        return Err(Error::new(
            Class::Conflict,
            format!("release `{release_id}` is not the live one any more"),
        )
        .with_hint("look at `sitepush releases`"));
    };
    let to = choose(&live.manifest.history, Some(to.as_str()))?;
    let wanted = record_of(&connected, live, to).await?;
    let request = request(settings, false);
    let wish = Wish { to, message: Some(message) };
    let prepared = prepare(&request, &connected, (&world, live), &wanted, wish).await?;
    let outcome = from_record::execute(&request, connected, &prepared).await?;
    Ok((prepared.planned.plan, outcome))
}

/// Where to go back to, and why.
struct Wish<'a> {
    to: &'a ReleaseSummary,
    message: Option<String>,
}

fn request(settings: &RollbackSettings, is_dry_run: bool) -> Request<'_> {
    Request {
        target: &settings.target,
        run: &settings.run,
        routing: settings.routing,
        is_json: settings.is_json,
        is_dry_run,
    }
}

async fn record_of(
    connected: &Connected,
    live: &LiveManifest,
    to: &ReleaseSummary,
) -> Result<Wanted<'static>, Error> {
    let mut record = if to.id == live.manifest.release.id {
        // A run that died after its commit has left no copy of it.
        live.manifest.clone()
    } else {
        read_record(connected, &to.id).await?
    };
    let newly_demoted = demotion::demote(&mut record, &live.manifest);
    Ok(Wanted { record: Cow::Owned(record), newly_demoted })
}

async fn prepare<'a>(
    request: &Request<'_>,
    connected: &Connected,
    (world, live): (&'a World, &'a LiveManifest),
    wanted: &'a Wanted<'a>,
    wish: Wish<'_>,
) -> Result<Prepared<'a>, Error> {
    let purpose = Purpose::Rollback { to: wish.to.id.clone() };
    let draft = draft(connected, wish.to, wish.message);
    let mut prepared = from_record::prepare(request, connected, world, live, wanted, purpose, draft).await?;
    let gone = missing_versions(connected, &prepared.planned.plan).await?;
    let unavailable = &mut prepared.planned.plan.unavailable;
    unavailable.extend(gone);
    unavailable.sort();
    Ok(prepared)
}

/// The release that `wanted` names by its id's beginning or its commit's; without it, the one before the live one.
///
/// # Errors
/// When there is none, or several.
pub fn choose<'a>(history: &'a [ReleaseSummary], wanted: Option<&str>) -> Result<&'a ReleaseSummary, Error> {
    let hint = "`sitepush releases` lists them";
    let Some(wanted) = wanted else {
        return history
            .get(1)
            .ok_or_else(|| Error::usage("there is no release before the live one").with_hint(hint));
    };
    let matches: Vec<&ReleaseSummary> = history
        .iter()
        .filter(|release| {
            let commit = release.commit.as_ref().map(|commit| commit.hash.as_str()).unwrap_or_default();
            release.id.as_str().starts_with(wanted) || (wanted.len() >= 4 && commit.starts_with(wanted))
        })
        .collect();
    let exact = matches.iter().find(|release| release.id.as_str() == wanted);
    match (matches.as_slice(), exact) {
        (_, Some(exact)) => Ok(exact),
        ([one], None) => Ok(one),
        ([], None) => Err(Error::usage(format!("there is no release `{wanted}`")).with_hint(hint)),
        (several, None) => Err(Error::usage(format!(
            "`{wanted}` names {} releases, `{}` and `{}` among them",
            several.len(),
            several[0].id,
            several[1].id
        ))
        .with_hint("give more of the id")),
    }
}

/// The record of a release that is not the live one.
///
/// # Errors
/// When it is gone or cannot be read.
pub async fn read_record(connected: &Connected, id: &ReleaseId) -> Result<Manifest, Error> {
    let what = format!("cannot read the record of release `{id}`");
    let unreadable = |error| match error {
        RecordError::Call(error) => call_failed(what.as_str(), error),
        RecordError::Content(error) => Error::new(Class::Refused, what.as_str())
            .with_hint("roll back to another release, or push its build again")
            .caused_by(error),
    };
    let Some(found) = record::find(&connected.bucket, &id.record_file()).await.map_err(unreadable)? else {
        return Err(Error::new(
            Class::Refused,
            format!("the record of release `{id}` is gone from the bucket"),
        )
        .with_hint("build that commit again and push it"));
    };
    record::whole(&connected.bucket, found.root).await.map_err(unreadable)
}

fn draft(connected: &Connected, to: &ReleaseSummary, message: Option<String>) -> ReleaseDraft {
    ReleaseDraft {
        time: connected.clock.local_now(),
        commit: to.commit.clone(),
        author: to.author.clone(),
        message: message.or_else(|| to.message.clone()),
    }
}

/// Versions that the plan counts on and a lifecycle rule or a person has removed.
async fn missing_versions(connected: &Connected, plan: &Plan) -> Result<Vec<ObjectKey>, Error> {
    let wanted: Vec<(ObjectKey, String)> = plan
        .changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Restore { version_id } => Some((change.key.clone(), version_id.clone())),
            _ => None,
        })
        .collect();
    let missing = observe::missing_versions(&connected.bucket, &wanted)
        .await
        .map_err(|error| call_failed("cannot look for the earlier versions", error))?;
    Ok(missing.into_iter().collect())
}
