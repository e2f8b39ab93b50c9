//! `sitepush status`: what is live, what is owed, who is at work, and on demand what drifted.

use crate::cli::StatusArgs;
use crate::core::inventory::{RemoteState, unknown_keys};
use crate::core::key::ObjectKey;
use crate::core::lock::{self, LockDecision};
use crate::core::manifest::OwedInvalidation;
use crate::edges::process;
use crate::error::Error;
use crate::execute::observe::{self, Observation};
use crate::exit_code::ExitCode;
use crate::settings::TargetSettings;
use crate::ui::release_view::{self, DriftRow, StatusDocument};
use crate::ui::terminal;

use super::connect::{Connected, call_failed, connect};
use super::run_plan::SHORT_RETRY_LIMIT;
use super::world::World;

/// Reads the state and prints it; changes nothing.
///
/// # Errors
/// When the state, or the bucket, cannot be read.
pub async fn run(args: &StatusArgs) -> Result<ExitCode, Error> {
    let target = TargetSettings::resolve(&args.target)?;
    let connected = connect(&target, SHORT_RETRY_LIMIT).await;
    let world = World::read(&connected.bucket).await?;
    let comparison = if args.verify_remote { Some(compare(&connected, &world).await?) } else { None };
    let paths =
        if args.invalidation_cost { Some(paths_this_month(&connected, &target).await?) } else { None };
    let debts = debts(&world);
    let (lock, lock_detail) = lock_state(&connected, &world);
    let manifest = world.manifest();
    let document = StatusDocument {
        bucket: &target.bucket,
        prefix: target.prefix.as_str(),
        live: manifest.map(|manifest| &manifest.release),
        kept_count: manifest
            .map_or(0, |manifest| manifest.stale.values().filter(|stale| !stale.is_due).count() as u64),
        demoted: manifest.map(|manifest| manifest.demoted.keys().collect()).unwrap_or_default(),
        debts: &debts,
        owes_edge_settings: manifest.is_some_and(|manifest| manifest.edge_settings.is_some())
            && !world.settlement().has_edge_settings,
        lock,
        lock_detail,
        capabilities: manifest.map(|manifest| manifest.capabilities),
        drift: comparison.as_ref().map(|(state, _)| {
            state.drift.iter().map(|(key, drift)| DriftRow { key, drift: *drift }).collect()
        }),
        invalidation_paths_this_month: paths,
        unknown: comparison.as_ref().map(|(_, unknown)| unknown.iter().collect()),
    };
    if args.output.json {
        terminal::json(&document);
    } else {
        terminal::data(&release_view::render_status(&document));
    }
    Ok(ExitCode::Done)
}

/// Invalidation paths that the target's distributions were sent since the month began (UTC).
async fn paths_this_month(connected: &Connected, target: &TargetSettings) -> Result<u64, Error> {
    let month = connected.clock.service_now().strftime("%Y-%m-01T00:00:00Z").to_string();
    let month = month.parse().expect("the first of a month is a time");
    let mut paths = 0;
    for id in &target.distributions {
        let counted = connected.cloudfront.count_invalidation_paths(id, month).await;
        paths += counted.map_err(|error| {
            call_failed(format!("cannot list the invalidations of distribution `{id}`"), error)
        })?;
    }
    Ok(paths)
}

/// The recorded state corrected by the bucket, and the keys that no manifest names.
async fn compare(connected: &Connected, world: &World) -> Result<(RemoteState, Vec<ObjectKey>), Error> {
    let bucket = &connected.bucket;
    let committed_at = world.live.as_ref().and_then(|live| live.committed_at);
    let Observation { listing, seen_headers, .. } = observe::observe(bucket, world.manifest(), committed_at)
        .await
        .map_err(|error| call_failed(format!("cannot look into bucket `{}`", bucket.name()), error))?;
    let mut state = world.recorded_state();
    state.correct(&listing, &seen_headers);
    Ok((state, unknown_keys(listing, |key| world.answers_for(key))))
}

fn debts(world: &World) -> Vec<OwedInvalidation> {
    let paid = world.settlement().paid;
    let owed = world.manifest().map(|manifest| manifest.owed.as_slice()).unwrap_or_default();
    owed.iter().filter(|owed| !paid.contains(&owed.caller_reference)).cloned().collect()
}

fn lock_state(connected: &Connected, world: &World) -> (&'static str, Option<String>) {
    match lock::decide(world.lock.as_ref(), connected.clock.service_now(), process::is_gone) {
        LockDecision::Clean => ("free", None),
        LockDecision::Recover { reason } => {
            ("unfinished", Some(format!("{reason}; the next push compares the bucket and finishes")))
        }
        LockDecision::Busy { holder, expires, .. } => {
            ("held", Some(format!("{} until {}", holder.owner, expires.strftime("%Y-%m-%d %H:%M:%S UTC"))))
        }
    }
}
