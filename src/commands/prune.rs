//! `sitepush prune`: deletes what no kept release needs, and on demand what sitepush did not publish.

use crate::cli::PruneArgs;
use crate::core::guard;
use crate::core::inventory::unknown_keys;
use crate::core::key::ObjectKey;
use crate::core::plan::Purpose;
use crate::core::planning::{self, PlanningInput, ReleaseDraft};
use crate::edges::process;
use crate::error::{Class, Error};
use crate::execute::push::Work;
use crate::execute::{observe, prune_unknown};
use crate::exit_code::ExitCode;
use crate::settings::PruneSettings;
use crate::ui::terminal;

use super::connect::{Connected, call_failed, connect};
use super::prepare;
use super::run_plan;
use super::world::{self, Scrutiny, World};

/// Prunes.
///
/// # Errors
/// When a limit refuses, or somebody is at work: nothing was changed.
pub async fn run(args: &PruneArgs) -> Result<ExitCode, Error> {
    let settings = PruneSettings::resolve(args)?;
    let connected = connect(&settings.target, settings.run.retry_limit).await;
    let world = World::read(&connected.bucket).await?;
    let took_over = world.recovery(connected.clock.service_now())?;
    let Some(live) = &world.live else {
        return Err(Error::usage("nothing was published here yet, so there is nothing to prune")
            .with_hint("`sitepush push` publishes the first release"));
    };
    if args.prune_unknown {
        return unknown(args, &settings, connected, &world).await;
    }
    let remote = world::remote_state(&connected, &world, None, took_over.is_some(), Scrutiny::Trust).await?;
    let distributions = prepare::distributions(&settings.target, &connected, Some(&live.manifest)).await?;
    let desired = live.manifest.desired();
    let draft = ReleaseDraft { time: connected.clock.local_now(), commit: None, author: None, message: None };
    let planned = planning::plan(&PlanningInput {
        purpose: Purpose::Prune,
        bucket: &settings.target.bucket,
        prefix: &settings.target.prefix,
        draft,
        desired: &desired,
        remote: &remote,
        live: Some((&live.manifest, &live.e_tag)),
        settlement: &world.settlement(),
        retention: settings.run.retention,
        distributions: &distributions,
        url_style: settings.url_style,
        newly_demoted: &[],
        warnings: Vec::new(),
    });
    if args.dry_run && settings.is_json {
        terminal::json(&planned.plan);
    } else {
        run_plan::show(&planned.plan, settings.is_json);
    }
    guard::check(&planned.plan, &desired, Some(&live.manifest), &settings.run.limits)?;
    if args.dry_run {
        return Ok(ExitCode::Done);
    }
    if planned.plan.is_empty() && took_over.is_none() {
        return Ok(run_plan::nothing_to_do(&planned.plan, settings.is_json));
    }
    let work = Work {
        plan: &planned.plan,
        changes: &planned.changes,
        desired: &desired,
        remote: &remote,
        previous: Some(&live.manifest),
        found_lock: world.lock.as_ref(),
        took_over: took_over.clone(),
        local: None,
        newly_demoted: &[],
        distributions: distributions.clone(),
        versioning: Some(live.manifest.capabilities.versioning),
    };
    run_plan::run(work, connected, &settings.run, settings.is_json).await
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
    let known = world.recorded_state().objects;
    let unknown: Vec<ObjectKey> = unknown_keys(observed.listing, |key| known.contains_key(key));
    if args.output.json {
        terminal::json(&unknown);
    } else {
        for key in &unknown {
            terminal::data(&format!("{key}\n"));
        }
    }
    if unknown.is_empty() || args.dry_run {
        terminal::note(&format!("{} objects were not published by sitepush\n", unknown.len()));
        return Ok(ExitCode::Done);
    }
    let count = unknown.len() as u64;
    if count > settings.run.limits.max_deletes {
        return Err(guard::Refusal::TooManyDeletes { count, limit: settings.run.limits.max_deletes }.into());
    }
    if !args.yes && !terminal::confirm(&format!("delete these {count} objects?")) {
        return Err(Error::new(Class::Refused, format!("{count} objects were left where they are"))
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
    terminal::note(&format!("{} objects deleted\n", unknown.len() - failures.len()));
    Ok(if failures.is_empty() { ExitCode::Done } else { ExitCode::PartWay })
}
