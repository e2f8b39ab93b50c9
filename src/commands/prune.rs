//! `sitepush prune`: deletes what no kept release needs, and on demand what sitepush did not publish.

use std::borrow::Cow;

use crate::cli::PruneArgs;
use crate::core::guard;
use crate::core::inventory::unknown_keys;
use crate::core::key::ObjectKey;
use crate::core::plan::Purpose;
use crate::core::planning::ReleaseDraft;
use crate::edges::process;
use crate::error::{Class, Error};
use crate::execute::{observe, prune_unknown};
use crate::exit_code::ExitCode;
use crate::settings::PruneSettings;
use crate::ui::{human, terminal};

use super::connect::{Connected, call_failed, connect_for_as_long};
use super::from_record::{self, Request, Wanted};
use super::world::World;

/// Prunes.
///
/// # Errors
/// When a limit refuses, or somebody is at work: nothing was changed.
pub async fn run(args: &PruneArgs) -> Result<ExitCode, Error> {
    let settings = PruneSettings::resolve(args)?;
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let world = World::read(&connected.bucket).await?;
    let Some(live) = &world.live else {
        return Err(Error::usage("nothing was published here yet, so there is nothing to prune")
            .with_hint("`sitepush push` publishes the first release"));
    };
    if args.prune_unknown {
        // Pages that an unfinished push wrote may need objects that no record names yet.
        if let Some(reason) = world.recovery(connected.clock.service_now())? {
            return Err(Error::new(Class::Refused, format!("what is unknown cannot be told: {reason}"))
                .with_hint(
                    "run `sitepush push`, or `sitepush prune` without `--prune-unknown`: it finishes that",
                ));
        }
        return unknown(args, &settings, connected, &world).await;
    }
    let request = Request {
        target: &settings.target,
        run: &settings.run,
        routing: settings.routing,
        is_json: settings.is_json,
        is_dry_run: args.dry_run,
    };
    let draft = ReleaseDraft { time: connected.clock.local_now(), commit: None, author: None, message: None };
    let wanted = Wanted { record: Cow::Borrowed(&live.manifest), newly_demoted: Vec::new() };
    let prepared =
        from_record::prepare(&request, &connected, &world, live, &wanted, Purpose::Prune, draft).await?;
    from_record::carry_out(&request, connected, &prepared).await
}

/// Lists what sitepush did not publish, asks, and deletes it.
async fn unknown(
    args: &PruneArgs,
    settings: &PruneSettings,
    connected: Connected,
    world: &World,
) -> Result<ExitCode, Error> {
    let failed = |error| call_failed(format!("cannot look into bucket `{}`", settings.target.bucket), error);
    let observed = observe::observe(&connected.bucket, None, None).await.map_err(failed)?;
    let unknown: Vec<ObjectKey> = unknown_keys(observed.listing, |key| world.answers_for(key));
    if args.output.json {
        terminal::json(&unknown);
    } else {
        for key in &unknown {
            terminal::data(&format!("{key}\n"));
        }
    }
    if unknown.is_empty() || args.dry_run {
        let count = human::count(unknown.len() as u64, "object was", "objects were");
        terminal::note(&format!("{count} not published by sitepush\n"));
        return Ok(ExitCode::Done);
    }
    let count = unknown.len() as u64;
    if count > settings.run.limits.max_deletes {
        return Err(guard::Refusal::TooManyDeletes { count, limit: settings.run.limits.max_deletes }.into());
    }
    if !args.yes && !terminal::confirm(&format!("delete {}?", human::count(count, "object", "objects"))) {
        return Err(Error::new(
            Class::Refused,
            format!("{} left in place", human::count(count, "object was", "objects were")),
        )
        .with_hint("answer `y`, or pass `--yes` where nobody can answer"));
    }
    let failures = prune_unknown::delete(
        &connected.bucket,
        &connected.clock,
        world.lock.as_ref(),
        process::identity(),
        &unknown,
    )
    .await
    .map_err(|error| call_failed("cannot delete the unknown objects", error))?;
    for (key, error) in &failures {
        terminal::note(&format!("error: cannot delete `{key}`\n  caused by: {error}\n"));
    }
    let deleted = human::count((unknown.len() - failures.len()) as u64, "object", "objects");
    terminal::note(&format!("{deleted} deleted\n"));
    Ok(if failures.is_empty() { ExitCode::Done } else { ExitCode::PartWay })
}
