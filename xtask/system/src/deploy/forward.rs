//! `plan` and `deploy`: finds out what there is, plans, shows, asks, and does the steps. Each step finds out by itself whether
//! it is done, so that a run that was cut off anywhere is finished by the next.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::changes::Gap;
use super::ending::Ending;
use super::failure::{self, Failure};
use super::guard::{self, Permissions};
use super::held::Held;
use super::lineage::{self, Age};
use super::live::{self, Expected, Patience, ServicePaths};
use super::outcome::Outcome;
use super::plan::{self, DeployPlan, Found, Presence, Scope, Step, Wanted};
use super::process;
use super::record::{self, Record, SCHEMA};
use super::roll_out::{Before, Stopped};
use super::session::{self, Session};
use super::site::OlderCommit;
use super::state::Tagged;
use super::terraform::{Outputs, Purpose, SavedPlan};
use super::{destroy, forget, roll_out, view};
use crate::image::{self, Arrival, BuiltImage, Registry, Source};

/// All that was found out and prepared.
struct Prepared {
    source: Source,
    built: Vec<BuiltImage>,
    outputs: Option<Outputs>,
    saved: Option<SavedPlan>,
    gaps: Vec<Gap>,
    current: Option<Tagged<Record>>,
    wanted: Wanted,
    plan: DeployPlan,
}

/// Plans and shows, with what `deploy` would refuse; changes nothing outside of this machine.
///
/// # Errors
/// When something cannot be found out.
pub async fn plan(session: &Session, scope: Scope) -> Result<DeployPlan> {
    let source = session.clean_source()?;
    if session.state.presence().await? == Presence::Present {
        session.terraform.init(&session.stop).await?;
    }
    let prepared = prepare(session, source, scope).await?;
    show(session, &prepared);
    if let Some(refusal) = refusal(&prepared.plan) {
        session.ui.warn(&format!("`deploy` would refuse this: {refusal}"));
    }
    Ok(prepared.plan)
}

/// What `deploy` without any permission would refuse of a plan, with the way to have it done. Pure.
pub fn refusal(plan: &DeployPlan) -> Option<String> {
    let scope = plan.scope;
    let nothing_allowed =
        Permissions { scope, is_agreed: false, may_lose_data: false, older_commit: OlderCommit::Refuse };
    let refusal = guard::check(plan, nothing_allowed).err()?;
    let hint = failure::hint(&refusal).map_or_else(String::new, |hint| format!(" ({hint})"));
    Some(format!("{refusal}{hint}"))
}

/// Deploys the commit that is checked out.
///
/// # Errors
/// When a step fails: what was done stays, and the same command goes on from there.
pub async fn deploy(session: &Session, permissions: Permissions) -> Result<Outcome> {
    let started = Instant::now();
    let source = session.clean_source()?;
    let commit = source.commit.clone();
    make_state(session, permissions).await?;
    let held = session.lock("deploy", &commit).await?;
    let done = under_lock(session, source, permissions, &held).await;
    let given_back = held.give_back().await;
    let (record, gaps) = done?;
    given_back?;
    Ok(Outcome {
        task: "deploy".to_owned(),
        environment: session.settings.environment.clone(),
        url: session.settings.site_url(),
        commit,
        record,
        took_seconds: started.elapsed().as_secs(),
        gaps,
    })
}

/// Makes the state's bucket, which a first deploy is asked about before anything else.
async fn make_state(session: &Session, permissions: Permissions) -> Result<()> {
    let Session { state, settings, ui, .. } = session;
    if state.presence().await? == Presence::Present {
        if !state.is_versioned().await? {
            // A bucket that was left half-way, or made by hand.
            ui.step(&format!("state: finishing the bucket {}", settings.state_bucket));
            state.make_bucket().await?;
        }
        return Ok(());
    }
    let question = format!(
        "`{}` was never deployed. First, the bucket {} is made for its state, in the account {}; then its infrastructure is \
         planned and shown.",
        settings.environment, settings.state_bucket, settings.account_id
    );
    ui.text(&question);
    if !permissions.is_agreed {
        ui.ask("Go on? (yes)", "yes", "--yes")?;
    }
    ui.step(&format!("state: making the bucket {}", settings.state_bucket));
    state.make_bucket().await
}

async fn under_lock(
    session: &Session,
    source: Source,
    permissions: Permissions,
    held: &Held,
) -> Result<(Option<Record>, Vec<Gap>)> {
    let Session { terraform, stop, ui, .. } = session;
    ui.step("infrastructure: preparing Terraform");
    terraform.init(stop).await?;
    session.clear_left_lock(held).await?;
    // Before the first effect: what comes later knows of the live site too, and asks again.
    let current = session.state.current().await?;
    let record = current.as_ref().map(|current| &current.value);
    if let Age::Older(newer) =
        lineage::age(&session.project.path(""), &source, &lineage::released(record, None))
    {
        guard::commit_is_not_older(&source.commit, Some(&newer), permissions)?;
    }
    if permissions.scope.has_services() {
        bootstrap(session, permissions).await?;
    }
    let prepared = prepare(session, source, permissions.scope).await?;
    show(session, &prepared);
    guard::check(&prepared.plan, permissions)?;
    if prepared.plan.is_empty() {
        return Ok((None, prepared.gaps));
    }
    if !permissions.is_agreed {
        ui.ask("Do this? (yes)", "yes", "--yes")?;
    }
    process::unless_stopped(stop)?;
    let record = execute(session, &prepared, permissions).await?;
    Ok((Some(record), prepared.gaps))
}

/// Makes everything but containers, where a service has no repository yet: its image needs somewhere to go.
async fn bootstrap(session: &Session, permissions: Permissions) -> Result<()> {
    let Session { terraform, stop, ui, settings, .. } = session;
    let services = service_names(session)?;
    let outputs = terraform.outputs(stop).await?;
    let has_all =
        |outputs: &Outputs| services.iter().all(|service| outputs.repository_urls.contains_key(service));
    if outputs.as_ref().is_some_and(has_all) {
        return Ok(());
    }
    if permissions.scope != Scope::All {
        let failure = Failure::refused("some services have no repository yet");
        return Err(failure.hint("deploy everything once, without `--only`").into());
    }
    // What runs goes on running: its images are the ones of before.
    let images = match &outputs {
        Some(outputs) => kept_images(&session::running_images(&session.running(outputs).await?), &services),
        None => BTreeMap::new(),
    };
    ui.step("infrastructure: planning everything but containers");
    let saved = terraform.plan("bootstrap", Purpose::Apply, &images, stop).await?;
    ui.text(&format!("infrastructure of {}: {}", settings.environment, view::counted(&saved.changes)));
    ui.text(&view::named(&saved.changes));
    ui.text(&format!("  the whole plan is in {}\n", saved.text_file.display()));
    guard::nothing_is_lost(&saved.changes, permissions)?;
    guard::nothing_is_protected(&saved.changes)?;
    if !permissions.is_agreed {
        ui.ask(
            "Apply this? Then images are pushed, and containers, site and record follow. (yes)",
            "yes",
            "--yes",
        )?;
    }
    // Images stay, but a task definition holds more than these.
    let (current, step) = (session.state.current().await?, async { Ok(apply(session, &saved).await?) });
    or_back(session, outputs.as_ref(), current.as_ref(), &images, step).await
}

fn images_of(running: &BTreeMap<String, plan::Running>) -> BTreeMap<String, String> {
    running.iter().filter_map(|(service, running)| Some((service.clone(), running.image.clone()?))).collect()
}

/// The images that run, of the `services` that the checkout has: the modules refuse one of a service that was taken away. Pure.
pub(super) fn kept_images(
    running: &BTreeMap<String, plan::Running>,
    services: &[String],
) -> BTreeMap<String, String> {
    let mut images = images_of(running);
    images.retain(|service, _| services.contains(service));
    images
}

fn service_names(session: &Session) -> Result<Vec<String>> {
    Ok(image::services(&session.project)?.into_iter().map(|service| service.name).collect())
}

/// Finds out what there is, builds what is wanted, and plans. Reads only, but for what it builds on this machine.
async fn prepare(session: &Session, source: Source, scope: Scope) -> Result<Prepared> {
    let Session { terraform, stop, ui, state, settings, .. } = session;
    let mut found = Found { state_bucket: state.presence().await?, ..Found::default() };
    let mut prepared_saved = None;
    let (mut gaps, mut outputs, mut current) = (Vec::new(), None, None);
    let (mut built, mut live) = (Vec::new(), None);
    let mut wanted = Wanted {
        environment: settings.environment.clone(),
        commit: source.commit.clone(),
        scope,
        images: BTreeMap::new(),
    };
    if found.state_bucket == Presence::Present {
        current = state.current().await?;
        found.current = current.as_ref().map(|current| current.value.clone());
        outputs = terraform.outputs(stop).await?;
    }
    if let Some(outputs) = &outputs {
        let statuses = session.running(outputs).await?;
        found.running = session::running_images(&statuses);
        if scope.has_services() {
            ui.step("images: building");
            built = build_images(session, &source).await?;
            wanted.images = pinned(session, outputs, &built, &source).await?;
        } else {
            wanted.images = kept_images(&found.running, &service_names(session)?);
        }
        live = session.site(outputs).await?.live(stop).await?;
        found.site_commit = live.as_ref().and_then(|live| live.commit.clone());
    }
    let released = lineage::released(found.current.as_ref(), live.as_ref());
    match lineage::age(&session.project.path(""), &source, &released) {
        Age::Current => {}
        Age::Older(newer) => found.newer_commit = Some(newer),
        Age::Unknown(commit) => ui.warn(&format!(
            "git does not know {}, which runs: it cannot tell whether this commit is older",
            view::short(&commit)
        )),
    }
    process::unless_stopped(stop)?;
    if scope.has_infrastructure() && found.state_bucket == Presence::Present {
        ui.step("infrastructure: planning");
        let saved = terraform.plan("deploy", Purpose::Apply, &wanted.images, stop).await?;
        let (changes, met) = saved.changes.clone().without(settings.gaps());
        gaps = met.into_iter().map(|index| settings.gaps()[index].clone()).collect();
        found.changes = Some(changes);
        prepared_saved = Some(saved);
    }
    let plan = plan::build(&wanted, &found);
    Ok(Prepared { source, built, outputs, saved: prepared_saved, gaps, current, wanted, plan })
}

async fn build_images(session: &Session, source: &Source) -> Result<Vec<BuiltImage>> {
    let (project, source) = (session.project.clone(), source.clone());
    let build = move || image::build(&project, &image::services(&project)?, &source);
    tokio::task::spawn_blocking(build).await?
}

/// How a task definition names each image: the repository that Terraform made, and the digest. Of a commit that was pushed before,
/// it is what was pushed: a deploy from another machine runs the bytes that were looked at.
async fn pinned(
    session: &Session,
    outputs: &Outputs,
    built: &[BuiltImage],
    source: &Source,
) -> Result<BTreeMap<String, String>> {
    let mut images = BTreeMap::new();
    for image in built {
        let Some(repository) = outputs.repository_urls.get(&image.service) else { continue };
        let registry = registry(session, repository, &image.service)?;
        let digest = image::digest_to_run(image, &registry, source)
            .await
            .with_context(|| format!("cannot look for the image of `{}`", image.service))?;
        if digest != image.digest {
            let how = Arrival::FoundOtherBuild.told();
            session.ui.step(&format!("image: {} {} {how}", image.service, view::digest(&digest)));
        }
        images.insert(image.service.clone(), format!("{repository}@{digest}"));
    }
    Ok(images)
}

/// The registry of a repository that Terraform made. It is named without the service, which is the last part of its repository.
fn registry(session: &Session, repository_url: &str, service: &str) -> Result<Registry> {
    let url = session.settings.registry_url(repository_url);
    Registry::parse(url.strip_suffix(&format!("/{service}")).unwrap_or(&url))
}

fn show(session: &Session, prepared: &Prepared) {
    session.ui.text(&format!("\n{}", view::plan(&prepared.plan)));
    if let Some(saved) = prepared.saved.as_ref().filter(|saved| !saved.changes.is_empty()) {
        session.ui.text(&format!("  the whole plan of Terraform is in {}", saved.text_file.display()));
    }
    if !prepared.gaps.is_empty() {
        session.ui.text(&format!("  left out: {} that the emulators do not keep", prepared.gaps.len()));
    }
    session.ui.text("");
}

/// Applies a plan that was agreed to and is not of an end. The repositories of services that it takes away are emptied first: ECR
/// would refuse to delete them when the rest is gone.
///
/// # Errors
/// When a repository cannot be emptied, Terraform fails, or the person stops.
pub(super) async fn apply(session: &Session, saved: &SavedPlan) -> Result<()> {
    process::unless_stopped(&session.stop)?;
    // What an earlier end left is of an earlier life: the next end must not take its backups for its own.
    session.state.forget_backups().await?;
    for repository in Ending::parse(&saved.document).repositories {
        let count = destroy::empty_repository(&session.config, &repository).await?;
        session.ui.step(&format!("{repository}: emptied of {count} images"));
    }
    let total = saved.changes.resources.len();
    let ui = session.ui;
    let mut shown = Instant::now();
    let mut on_progress = move |done: usize, address: &str| {
        // A line every few seconds tells as much as one for each resource.
        if shown.elapsed().as_secs() >= 5 || done == total {
            shown = Instant::now();
            ui.step(&format!("infrastructure: {done} of {total} ({address})"));
        }
    };
    ui.step(&format!("infrastructure: applying the plan ({})", view::counted(&saved.changes)));
    session.terraform.apply(saved, &session.stop, &mut on_progress).await
}

async fn execute(session: &Session, prepared: &Prepared, permissions: Permissions) -> Result<Record> {
    let Session { terraform, stop, settings, state, .. } = session;
    let has = |wanted: fn(&Step) -> bool| prepared.plan.steps.iter().any(wanted);
    if has(|step| matches!(step, Step::PushImage { .. })) {
        push_images(session, prepared).await?;
    }
    process::unless_stopped(stop)?;
    let (current, step) = (prepared.current.as_ref(), move_services(session, prepared));
    let images = &prepared.wanted.images;
    let outputs = or_back(session, prepared.outputs.as_ref(), current, images, step).await?;
    process::unless_stopped(stop)?;
    let site = session.site(&outputs).await?;
    let site_release = if has(|step| matches!(step, Step::PublishSite { .. })) {
        session.ui.step("site: building the frontend");
        let build = site.build(&prepared.source.commit, stop).await?;
        session.ui.step("site: publishing");
        Some(site.push(&build, permissions.older_commit, stop).await?)
    } else {
        site.live(stop).await?.map(|live| live.id)
    };
    // Services that this deploy is not about are of the version that the record has.
    let recorded = prepared.current.as_ref().and_then(|current| current.value.service_paths.as_ref());
    let recorded = recorded.filter(|_| !prepared.wanted.scope.has_services());
    let paths = live::paths_of(&session.project, recorded, &outputs)?;
    if has(|step| matches!(step, Step::CheckLive)) {
        check_live(session, &paths, site.live(stop).await?.and_then(|live| live.commit)).await?;
    }
    session.unless_lost()?;
    session.ui.step("record: writing down what runs");
    let running = session.running(&outputs).await?;
    let now = Timestamp::now();
    let record = Record {
        schema: SCHEMA,
        id: record::id(now, &prepared.source.commit),
        environment: settings.environment.clone(),
        commit: prepared.source.commit.clone(),
        commit_time: Some(prepared.source.time),
        time: now,
        back_to: None,
        images: images_of(&session::running_images(&running)),
        task_definitions: roll_out::task_definitions(&running),
        service_paths: if prepared.wanted.scope.has_services() { Some(paths) } else { recorded.cloned() },
        site_release,
        terraform_serial: terraform.serial(stop).await?,
    };
    state.commit(&record, prepared.current.as_ref().map(|current| current.e_tag.as_str())).await?;
    forget_old_releases(session, &outputs, &record).await;
    Ok(record)
}

/// Does a `step` that may move services to other `images`; when it fails, has them run the `current` release again. `outputs` are
/// those of before: without any there is nothing to go back to.
async fn or_back<T>(
    session: &Session,
    outputs: Option<&Outputs>,
    current: Option<&Tagged<Record>>,
    images: &BTreeMap<String, String>,
    step: impl Future<Output = Result<T, Stopped>>,
) -> Result<T> {
    let Some(outputs) = outputs else { return step.await.map_err(|stopped| stopped.error) };
    let recorded = current.map(|current| current.value.task_definitions.clone()).unwrap_or_default();
    let before = Before::of(&session.running(outputs).await?, &recorded, images);
    session.rollouts(&outputs.cluster_name).or_back(&before, step).await
}

/// Applies the plan, if it changes anything, and watches the services get to what it says.
async fn move_services(session: &Session, prepared: &Prepared) -> Result<Outputs, Stopped> {
    let Session { terraform, stop, .. } = session;
    let is_applied = prepared.plan.steps.iter().any(|step| matches!(step, Step::Infrastructure { .. }));
    if is_applied && let Some(saved) = &prepared.saved {
        apply(session, saved).await?;
    }
    let outputs = terraform.outputs(stop).await?.context("Terraform was applied, and has no outputs")?;
    // A task definition holds more than an image: Terraform may have had a service begin anew without any.
    if is_applied || prepared.wanted.scope.has_services() {
        session.rollouts(&outputs.cluster_name).forward(&outputs.task_definition_arns, stop).await?;
    }
    Ok(outputs)
}

async fn push_images(session: &Session, prepared: &Prepared) -> Result<()> {
    let outputs = prepared.outputs.as_ref().context("images are pushed to what Terraform has made")?;
    for built in &prepared.built {
        process::unless_stopped(&session.stop)?;
        let Some(repository) = outputs.repository_urls.get(&built.service) else { continue };
        let registry = registry(session, repository, &built.service)?;
        let pushed = image::push(built, &registry, &prepared.source)
            .await
            .with_context(|| format!("cannot push the image of `{}`", built.service))?;
        let how = pushed.arrival.told();
        session.ui.step(&format!("image: {} {} {how}", built.service, view::digest(&pushed.reference)));
    }
    Ok(())
}

/// Looks at everything as a visitor does: at the live site, which is of `commit`, and at an answer of each service.
///
/// # Errors
/// When it is not what is live.
pub async fn check_live(
    session: &Session,
    service_paths: &ServicePaths,
    commit: Option<String>,
) -> Result<()> {
    let Some(commit) = commit else { return Ok(()) };
    let site_url = session.settings.site_url();
    session.ui.step(&format!("check: looking at {site_url} and {} services", service_paths.len()));
    let expected = Expected { commit, service_paths: service_paths.clone() };
    tokio::task::spawn_blocking(move || live::check(&site_url, &expected, Patience::default())).await?
}

/// Forgets the oldest releases. What fails is tried again by the next deploy; the release itself is done.
async fn forget_old_releases(session: &Session, outputs: &Outputs, current: &Record) {
    if session.unless_lost().is_err() {
        return;
    }
    let ecr = aws_sdk_ecr::Client::new(&session.config);
    let done = forget::old_releases(&session.state, &ecr, &current.id, &outputs.repository_urls).await;
    if let Err(error) = done {
        session.ui.warn(&format!("cannot forget old releases: {error:#}"));
    }
}
