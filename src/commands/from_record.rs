//! Plans that need no build: what is wanted stands in a release's record.

use std::borrow::Cow;

use crate::core::desired::Desired;
use crate::core::edge_settings::{EdgeSettings, Routing};
use crate::core::guard;
use crate::core::inventory::RemoteState;
use crate::core::key::ObjectKey;
use crate::core::manifest::Manifest;
use crate::core::outcome::Outcome;
use crate::core::plan::Purpose;
use crate::core::planning::{self, Planned, PlanningInput, ReleaseDraft, WantedEdgeSettings};
use crate::error::Error;
use crate::execute::push::Work;
use crate::exit_code::ExitCode;
use crate::settings::{RunSettings, TargetSettings};
use crate::ui::terminal;

use super::connect::Connected;
use super::distributions::{self, Facts};
use super::edge_settings;
use super::run_plan;
use super::world::{self, LiveManifest, Scrutiny, World};

/// What the two verbs have in common.
pub struct Request<'a> {
    pub target: &'a TargetSettings,
    pub run: &'a RunSettings,
    pub routing: Routing,
    pub is_json: bool,
    pub is_dry_run: bool,
}

/// The release that is to stand in the target.
pub struct Wanted<'a> {
    pub record: Cow<'a, Manifest>,
    /// Names in it that are found only now to come with other bytes than promised.
    pub newly_demoted: Vec<ObjectKey>,
}

/// A plan made from a record, with what carrying it out needs.
pub struct Prepared<'a> {
    pub planned: Planned,
    live: &'a LiveManifest,
    world: &'a World,
    desired: Desired<'a>,
    newly_demoted: &'a [ObjectKey],
    remote: RemoteState,
    took_over: Option<String>,
    distributions: Facts,
    edge_settings: Option<EdgeSettings>,
}

/// Plans to make the record of `wanted` stand in the target.
///
/// # Errors
/// When somebody is at work, or the target cannot be read.
pub async fn prepare<'a>(
    request: &Request<'_>,
    connected: &Connected,
    world: &'a World,
    live: &'a LiveManifest,
    wanted: &'a Wanted<'a>,
    purpose: Purpose,
    draft: ReleaseDraft,
) -> Result<Prepared<'a>, Error> {
    let took_over = world.recovery(connected.clock.service_now())?;
    let remote = world::remote_state(connected, world, None, took_over.is_some(), Scrutiny::Trust).await?;
    let mut distributions = distributions::known(request.target, connected, Some(&live.manifest)).await?;
    let Wanted { record, newly_demoted } = wanted;
    let desired = record.desired();
    let settings =
        |facts: &Facts| edge_settings::wanted(request.target, request.routing, facts, record.objects.keys());
    let edge = settings(&distributions);
    let manifest = Some(&live.manifest);
    let mut edge = edge_settings::compared(edge, connected, manifest, took_over.is_some()).await?;
    let plan_by = |distributions: &Facts, edge: Option<WantedEdgeSettings>| {
        planning::plan(&PlanningInput {
            purpose: purpose.clone(),
            bucket: &request.target.bucket,
            prefix: &request.target.prefix,
            draft: draft.clone(),
            desired,
            remote: &remote,
            live: Some((&live.manifest, &live.e_tag)),
            settlement: &world.settlement(),
            retention: request.run.retention,
            distributions,
            edge_settings: edge,
            url_style: request.routing.url_style,
            newly_demoted,
            warnings: Vec::new(),
        })
    };
    let mut planned = plan_by(&distributions, edge.clone());
    let renewed = distributions::renewed(&distributions, &planned.plan, request.target, connected).await?;
    if let Some(renewed) = renewed {
        edge = edge.zip(settings(&renewed)).map(|(edge, settings)| edge.with(settings));
        planned = plan_by(&renewed, edge.clone());
        distributions = renewed;
    }
    let edge_settings = match purpose {
        Purpose::Prune => live.manifest.edge_settings.clone(),
        Purpose::Push | Purpose::Rollback { .. } => edge.map(|edge| edge.settings),
    };
    Ok(Prepared {
        planned,
        live,
        world,
        desired,
        newly_demoted,
        remote,
        took_over,
        distributions,
        edge_settings,
    })
}

/// Shows the plan, reads the guards against it, carries it out and reports, unless it is a dry run.
///
/// # Errors
/// When a guard refuses or the lock cannot be taken: nothing was changed.
pub async fn carry_out(
    request: &Request<'_>,
    connected: Connected,
    prepared: &Prepared<'_>,
) -> Result<ExitCode, Error> {
    let plan = &prepared.planned.plan;
    if request.is_dry_run {
        show_and_check(request, prepared)?;
        if request.is_json {
            terminal::json(plan);
        }
        return Ok(ExitCode::Done);
    }
    let outcome = execute(request, connected, prepared).await?;
    run_plan::report(plan, &outcome, request.is_json);
    Ok(run_plan::exit_code(&outcome))
}

/// The same without the report.
///
/// # Errors
/// When a guard refuses or the lock cannot be taken: nothing was changed.
pub async fn execute(
    request: &Request<'_>,
    connected: Connected,
    prepared: &Prepared<'_>,
) -> Result<Outcome, Error> {
    show_and_check(request, prepared)?;
    let plan = &prepared.planned.plan;
    if plan.is_empty() {
        return Ok(Outcome::begin());
    }
    let work = Work {
        plan,
        stale: &prepared.planned.stale,
        desired: prepared.desired,
        remote: &prepared.remote,
        previous: Some(&prepared.live.manifest),
        committed_at: prepared.live.committed_at,
        found_lock: prepared.world.lock.as_ref(),
        took_over: prepared.took_over.clone(),
        local: None,
        newly_demoted: prepared.newly_demoted,
        distributions: prepared.distributions.clone(),
        edge_settings: prepared.edge_settings.clone(),
        versioning: Some(prepared.live.manifest.capabilities.versioning),
    };
    run_plan::execute(work, connected, request.run).await
}

fn show_and_check(request: &Request<'_>, prepared: &Prepared<'_>) -> Result<(), Error> {
    let plan = &prepared.planned.plan;
    run_plan::show(plan, request.is_json);
    let checked = guard::check(plan, prepared.desired, Some(&prepared.live.manifest), &request.run.limits);
    checked.map_err(|refusal| Error::from(refusal).about(plan))
}
