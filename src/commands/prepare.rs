//! From settings to a plan: folder and bucket are read at the same time, then compared.

use tokio::task::JoinHandle;

use crate::core::build::ClassifiedBuild;
use crate::core::edge_settings::EdgeSettings;
use crate::core::guard::{self, Refusal};
use crate::core::inventory::RemoteState;
use crate::core::key::ObjectKey;
use crate::core::manifest::Manifest;
use crate::core::plan::Purpose;
use crate::core::planning::{self, Planned, PlanningInput, ReleaseDraft, WantedEdgeSettings};
use crate::edges::git::{self, Head};
use crate::edges::site_dir::Scan;
use crate::error::Error;
use crate::settings::PushSettings;

use super::build;
use super::connect::{Connected, call_failed};
use super::distributions::{self, Facts};
use super::edge_settings;
use super::world::{self, FirstLook, Scrutiny, World};

/// A planned push with all that carrying it out needs.
pub struct PreparedPush {
    pub build: ClassifiedBuild,
    pub secrets: Vec<(ObjectKey, String)>,
    pub world: World,
    pub remote: RemoteState,
    pub took_over: Option<String>,
    pub distributions: Facts,
    pub edge_settings: Option<EdgeSettings>,
    pub versioning: Option<bool>,
    pub draft: ReleaseDraft,
    pub planned: Planned,
}

/// What is found out on this machine, beside everything that is asked of others.
pub struct Scanning {
    scan: JoinHandle<Result<Scan, Error>>,
    head: JoinHandle<Option<Head>>,
}

impl Scanning {
    /// Begins to scan the folder and to ask git about it. Must be called in a Tokio runtime.
    pub fn begin(settings: &PushSettings) -> Self {
        let directory = settings.build.directory.clone();
        Self {
            scan: build::scan_shown(settings.build.clone()),
            head: tokio::task::spawn_blocking(move || git::head(&directory)),
        }
    }
}

/// Reads folder and bucket and plans the push. `draft` is what the release says of itself, where that is given.
///
/// # Errors
/// When either cannot be read, or somebody is at work.
pub async fn push(
    settings: &PushSettings,
    connected: &Connected,
    scanning: Scanning,
    draft: Option<ReleaseDraft>,
) -> Result<PreparedPush, Error> {
    let Scanning { scan, head } = scanning;
    let bucket = &connected.bucket;
    let (scan, look) = tokio::join!(scan, FirstLook::read(bucket));
    // A folder that cannot be published is the nearer mistake, so it is told first.
    let mut scan: Scan = scan.expect("scanning does not panic")?;
    build::check_lengths(&scan, &settings.target.prefix)?;
    let look = look?;
    let took_over = look.recovery(connected.clock.service_now())?;
    let must_look = took_over.is_some() || settings.verify_remote;
    // What is compared with the bucket needs the ETags of all objects.
    let mut world = match must_look {
        true => look.whole(bucket).await?,
        false => look.beside_build(bucket, &scan.files, settings.run.split).await?,
    };
    let mut build = build::classified(&mut scan, &settings.build, world.manifest());
    let mut distributions = distributions::known(&settings.target, connected, world.manifest()).await?;
    // Twice: what a page refers to is taken from the record where that has it, and pages whose tags are new are changed.
    world.settle(bucket, &build.inventory).await?;
    build::tag(&mut build, &settings.target.prefix, &distributions, world.manifest());
    world.settle(bucket, &build.inventory).await?;
    let scrutiny = if settings.verify_remote { Scrutiny::Compare } else { Scrutiny::Trust };
    let mut remote =
        world::remote_state(connected, &world, Some(&build.inventory), took_over.is_some(), scrutiny).await?;
    let versioning = versioning(connected, world.manifest()).await?;
    let draft = match draft {
        Some(draft) => draft,
        None => new_draft(settings, connected, head.await.expect("asking git does not panic")),
    };
    let mut warnings = build.inventory.warnings.clone();
    warnings.extend(capability_warnings(world.manifest(), versioning));
    let routing = settings.build.routing;
    let wanted = |build: &ClassifiedBuild, facts: &Facts| {
        edge_settings::wanted(&settings.target, routing, facts, build.inventory.files.keys())
    };
    let edge = wanted(&build, &distributions);
    let mut edge = edge_settings::compared(edge, connected, world.manifest(), must_look).await?;
    let plan_by = |build: &ClassifiedBuild,
                   world: &World,
                   remote: &RemoteState,
                   distributions: &Facts,
                   edge: Option<WantedEdgeSettings>| {
        planning::plan(&PlanningInput {
            purpose: Purpose::Push,
            bucket: &settings.target.bucket,
            prefix: &settings.target.prefix,
            draft: draft.clone(),
            desired: build.inventory.desired(),
            remote,
            live: world.live.as_ref().map(|live| (&live.manifest, live.e_tag.as_str())),
            settlement: &world.settlement(),
            retention: settings.run.retention,
            distributions,
            edge_settings: edge,
            url_style: routing.url_style,
            newly_demoted: &build.newly_demoted,
            warnings: warnings.clone(),
        })
    };
    let mut planned = plan_by(&build, &world, &remote, &distributions, edge.clone());
    let renewed = distributions::renewed(&distributions, &planned.plan, &settings.target, connected).await?;
    if let Some(renewed) = renewed {
        build::tag(&mut build, &settings.target.prefix, &renewed, world.manifest());
        if world.settle(bucket, &build.inventory).await? {
            // Whoever compares the bucket has read all of the record before.
            remote = world.recorded_state();
        }
        edge = edge.zip(wanted(&build, &renewed)).map(|(edge, settings)| edge.with(settings));
        planned = plan_by(&build, &world, &remote, &renewed, edge.clone());
        distributions = renewed;
    }
    let secrets = scan.secrets;
    let edge_settings = edge.map(|edge| edge.settings);
    Ok(PreparedPush {
        build,
        secrets,
        world,
        remote,
        took_over,
        distributions,
        edge_settings,
        versioning,
        draft,
        planned,
    })
}

impl PreparedPush {
    /// Whether there is nothing to publish. Its plan is no help: a list of deletions, or nothing at all.
    pub fn is_build_missing(&self) -> bool {
        self.secrets.is_empty() && self.build.inventory.files.is_empty()
    }

    /// Reads the guards against the plan.
    ///
    /// # Errors
    /// The first that refuses.
    pub fn check(&self, settings: &PushSettings) -> Result<(), Error> {
        if !self.secrets.is_empty() {
            let found = self.secrets.iter().map(|(key, what)| (key.to_string(), what.clone())).collect();
            return Err(Refusal::Secrets { found }.into());
        }
        let desired = self.build.inventory.desired();
        guard::check(&self.planned.plan, desired, self.world.manifest(), &settings.run.limits)?;
        if !settings.allow_older_commit && self.planned.plan.makes_release() {
            self.check_commit(settings)?;
        }
        Ok(())
    }

    /// An older commit must not overwrite a newer one unasked: by ancestry where git can tell, else by time.
    fn check_commit(&self, settings: &PushSettings) -> Result<(), Error> {
        let live = self.world.manifest().map(|manifest| &manifest.release);
        let (Some(live), Some(ours)) = (live, &self.draft.commit) else { return Ok(()) };
        let Some(theirs) = &live.commit else { return Ok(()) };
        if ours.hash == theirs.hash {
            return Ok(());
        }
        let is_older = git::is_ancestor(&settings.build.directory, &ours.hash, &theirs.hash)
            .unwrap_or(ours.time < theirs.time);
        if !is_older {
            return Ok(());
        }
        Err(Refusal::OlderCommit {
            live: live.id.clone(),
            live_commit: theirs.hash.chars().take(7).collect(),
            commit: ours.hash.chars().take(7).collect(),
        }
        .into())
    }
}

fn new_draft(settings: &PushSettings, connected: &Connected, head: Option<Head>) -> ReleaseDraft {
    let (commit, author, subject) = match head {
        Some(head) => (Some(head.commit), Some(head.author), Some(head.subject)),
        None => (None, None, None),
    };
    ReleaseDraft {
        time: connected.clock.local_now(),
        commit,
        author,
        message: settings.message.clone().or(subject).filter(|text| !text.is_empty()),
    }
}

/// Whether the bucket keeps versions: asked before the first push, known from the manifest afterwards.
async fn versioning(connected: &Connected, manifest: Option<&Manifest>) -> Result<Option<bool>, Error> {
    if let Some(manifest) = manifest {
        return Ok(Some(manifest.capabilities.versioning));
    }
    let bucket = &connected.bucket;
    bucket.get_bucket_versioning().await.map_err(|error| {
        call_failed(format!("cannot read the versioning of bucket `{}`", bucket.name()), error)
    })
}

/// The promises that this endpoint cannot keep.
fn capability_warnings(manifest: Option<&Manifest>, versioning: Option<bool>) -> Vec<String> {
    let mut warnings = Vec::new();
    match versioning {
        Some(true) => {}
        Some(false) => warnings.push(
            "the bucket keeps no versions: a rollback cannot bring back files that a push overwrites or deletes"
                .to_owned(),
        ),
        None => warnings.push(
            "the endpoint does not say whether the bucket keeps versions: without them, a rollback cannot bring back files that a push overwrites or deletes"
                .to_owned(),
        ),
    }
    if manifest.is_some_and(|manifest| !manifest.capabilities.conditional_writes) {
        warnings.push(
            "the endpoint ignores conditional writes: two pushes at one time are not kept apart".to_owned(),
        );
    }
    warnings
}
