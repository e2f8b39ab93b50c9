//! What a deploy is going to do, as a value: built by [`build`] out of what is wanted and what was found, printed, compared,
//! and then done. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::changes::Changes;
use super::record::Record;

/// Which parts of the application a deploy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The pages only: nothing is asked of Terraform.
    Site,
    /// The containers only: a plan that changes more is refused.
    Services,
    /// What Terraform makes, with the images that run.
    Infra,
    /// Infrastructure, services, site.
    All,
}

impl Scope {
    pub fn has_infrastructure(self) -> bool {
        self != Self::Site
    }

    pub fn has_services(self) -> bool {
        matches!(self, Self::Services | Self::All)
    }

    pub fn has_site(self) -> bool {
        matches!(self, Self::Site | Self::All)
    }
}

/// What a deploy is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub environment: String,
    pub commit: String,
    pub scope: Scope,
    /// By service: the image that this commit builds, by digest; empty while the repositories are missing.
    pub images: BTreeMap<String, String>,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub state_bucket: Presence,
    /// The record of the release that runs.
    pub current: Option<Record>,
    /// What Terraform would change; none while it cannot be asked (no state bucket yet).
    pub changes: Option<Changes>,
    /// By service: the image of the revision that ECS runs, and whether that rollout is over.
    pub running: BTreeMap<String, Running>,
    /// The commit of the site's live release.
    pub site_commit: Option<String>,
    /// A commit that runs, and that the wanted one comes before.
    pub newer_commit: Option<String>,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    #[default]
    Missing,
    Present,
}

/// What ECS runs of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub image: Option<String>,
    pub is_stable: bool,
}

/// One step, in the order of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    MakeStateBucket,
    /// Everything but containers, so that the images have somewhere to go.
    Bootstrap,
    PushImage {
        service: String,
        image: String,
    },
    Infrastructure {
        changes: Changes,
    },
    RollOut {
        service: String,
        from: Option<String>,
        to: String,
    },
    PublishSite {
        from: Option<String>,
    },
    CheckLive,
    WriteRecord,
}

/// The steps, and what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeployPlan {
    pub environment: String,
    pub commit: String,
    pub scope: Scope,
    /// The commit of the current record.
    pub from_commit: Option<String>,
    /// A commit that runs and is newer: `deploy` refuses to take it back unasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_commit: Option<String>,
    /// Empty when what is wanted is what there is.
    pub steps: Vec<Step>,
}

impl DeployPlan {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Plans a deploy.
///
/// Infrastructure and services come before the site: a new page never meets a service that is older than it. A step whose
/// result is there already is left out, so the plan of a deploy that was cut off is what is left of it, and that of a
/// finished one is empty. A record is written whenever something is done, and when an earlier run did everything but
/// write it.
pub fn build(wanted: &Wanted, found: &Found) -> DeployPlan {
    let mut steps = Vec::new();
    if wanted.scope.has_infrastructure() {
        if found.state_bucket == Presence::Missing {
            steps.push(Step::MakeStateBucket);
        }
        if wanted.scope.has_services() && wanted.images.is_empty() {
            steps.push(Step::Bootstrap);
        }
    }
    let rollouts = if wanted.scope.has_services() { rollouts(wanted, found) } else { Vec::new() };
    for rollout in &rollouts {
        if let Step::RollOut { service, to, from } = rollout
            && from.as_ref() != Some(to)
        {
            steps.push(Step::PushImage { service: service.clone(), image: to.clone() });
        }
    }
    if let Some(changes) = found.changes.as_ref().filter(|changes| !changes.is_empty()) {
        steps.push(Step::Infrastructure { changes: changes.clone() });
    }
    steps.extend(rollouts);
    if wanted.scope.has_site() && found.site_commit.as_ref() != Some(&wanted.commit) {
        steps.push(Step::PublishSite { from: found.site_commit.clone() });
    }
    let is_recorded = found.current.as_ref().is_some_and(|record| is_recorded(record, wanted));
    if !steps.is_empty() || !is_recorded {
        if wanted.scope != Scope::Infra {
            steps.push(Step::CheckLive);
        }
        steps.push(Step::WriteRecord);
    }
    let from_commit = found.current.as_ref().map(|record| record.commit.clone());
    let Wanted { environment, commit, scope, .. } = wanted.clone();
    let newer_commit = found.newer_commit.clone();
    DeployPlan { environment, commit, scope, from_commit, newer_commit, steps }
}

fn rollouts(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let is_done = |service: &String, image: &String| {
        found
            .running
            .get(service)
            .is_some_and(|running| running.is_stable && running.image.as_ref() == Some(image))
    };
    let waiting = wanted.images.iter().filter(|(service, image)| !is_done(service, image));
    let step = |(service, image): (&String, &String)| Step::RollOut {
        service: service.clone(),
        from: found.running.get(service).and_then(|running| running.image.clone()),
        to: image.clone(),
    };
    waiting.map(step).collect()
}

/// Whether the current record says what is wanted. One part alone may be of another commit than the record's.
fn is_recorded(record: &Record, wanted: &Wanted) -> bool {
    match wanted.scope {
        Scope::All => record.commit == wanted.commit && record.images == wanted.images,
        Scope::Services => record.images == wanted.images,
        Scope::Site => record.site_release.is_some(),
        Scope::Infra => true,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::record;
    use super::*;

    fn wanted(letter: &str) -> Wanted {
        let record = record::tests::record(0, letter);
        Wanted {
            environment: record.environment,
            commit: record.commit,
            scope: Scope::All,
            images: record.images,
        }
    }

    /// What there is once a deploy of `letter` has ended.
    fn finished(letter: &str) -> Found {
        let record = record::tests::record(0, letter);
        let running = record.images.iter().map(|(service, image)| {
            (service.clone(), Running { image: Some(image.clone()), is_stable: true })
        });
        Found {
            state_bucket: Presence::Present,
            changes: Some(Changes::default()),
            running: running.collect(),
            site_commit: Some(record.commit.clone()),
            newer_commit: None,
            current: Some(record),
        }
    }

    fn names(plan: &DeployPlan) -> Vec<&'static str> {
        let name = |step: &Step| match step {
            Step::MakeStateBucket => "bucket",
            Step::Bootstrap => "bootstrap",
            Step::PushImage { .. } => "image",
            Step::Infrastructure { .. } => "infrastructure",
            Step::RollOut { .. } => "rollout",
            Step::PublishSite { .. } => "site",
            Step::CheckLive => "check",
            Step::WriteRecord => "record",
        };
        plan.steps.iter().map(name).collect()
    }

    #[test]
    fn a_second_deploy_of_the_same_commit_does_nothing() {
        assert!(build(&wanted("a"), &finished("a")).is_empty());
    }

    #[test]
    fn the_first_deploy_makes_somewhere_for_state_and_images_first() {
        let first = Wanted { images: BTreeMap::new(), ..wanted("a") };
        assert_eq!(
            names(&build(&first, &Found::default())),
            ["bucket", "bootstrap", "site", "check", "record"]
        );
    }

    #[test]
    fn services_come_before_the_site() {
        let plan = build(&wanted("b"), &finished("a"));
        assert_eq!(names(&plan), ["image", "rollout", "site", "check", "record"]);
        assert_eq!(plan.from_commit, Some("a".repeat(40)));
    }

    #[test]
    fn what_is_left_of_a_deploy_that_was_cut_off_is_planned() {
        let mut found = finished("b");
        found.current = finished("a").current;
        assert_eq!(names(&build(&wanted("b"), &found)), ["check", "record"], "all but the record");
        found.site_commit = Some("a".repeat(40));
        assert_eq!(names(&build(&wanted("b"), &found)), ["site", "check", "record"]);
        let guestbook = found.running.get_mut("guestbook").expect("it runs");
        guestbook.is_stable = false;
        assert_eq!(names(&build(&wanted("b"), &found)), ["rollout", "site", "check", "record"]);
    }

    #[test]
    fn a_part_alone_leaves_the_others_as_they_are() {
        let mut found = finished("a");
        let only = |scope| Wanted { scope, ..wanted("b") };
        assert_eq!(names(&build(&only(Scope::Site), &found)), ["site", "check", "record"]);
        assert_eq!(names(&build(&only(Scope::Services), &found)), ["image", "rollout", "check", "record"]);
        assert!(build(&only(Scope::Infra), &found).is_empty());
        found.changes = Some(Changes::of(&[("aws_vpc.this", &["update"])]));
        assert_eq!(names(&build(&only(Scope::Infra), &found)), ["infrastructure", "record"]);
    }
}
