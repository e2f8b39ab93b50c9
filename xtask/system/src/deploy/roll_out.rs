//! Watches services get to a task definition, and takes them back when that goes wrong or the person stops it: all but those
//! that somebody else deployed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use super::failure::{self, Failure};
use super::{process, session};
use crate::class::Class;
use crate::rollout::{
    self, Advice, Event, Expected, Options, Outcome, ServiceOutcome, ServiceStatus, render_event,
    render_failure,
};

/// The services of one cluster, while they are moved.
pub struct Rollouts<'a> {
    pub aws: rollout::Aws,
    pub cluster: &'a str,
    pub options: Options,
    /// Canceled when the deploy lock is lost: the services are somebody else's then, and are not taken back.
    pub lost: CancellationToken,
    /// Is told what happens, a line at a time.
    pub show: Box<dyn Fn(&str) + Send + Sync>,
}

/// What there was before services were moved, and where they are moved to: what is found later is ours, or somebody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// By service, the revision to go back to.
    earlier: BTreeMap<String, String>,
    /// By service, the revision that was found: of the last release, or of a run that was cut off.
    found: BTreeMap<String, String>,
    /// By service, the image that it is to get.
    wanted_images: BTreeMap<String, String>,
}

/// Why services are not where they were to be.
#[derive(Debug)]
pub struct Stopped {
    pub error: anyhow::Error,
    /// Services that somebody else deployed meanwhile.
    pub left_alone: BTreeSet<String>,
}

impl From<anyhow::Error> for Stopped {
    fn from(error: anyhow::Error) -> Self {
        Self { error, left_alone: BTreeSet::new() }
    }
}

/// How to get back. By service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct WayBack {
    /// The revision to take it to.
    back: BTreeMap<String, String>,
    /// They are somebody else's.
    left_alone: BTreeSet<String>,
    /// Whether it leads to the last release, and that is not what was found.
    is_past_found: bool,
}

/// By service, the revision that it is to run.
pub fn task_definitions(statuses: &[ServiceStatus]) -> BTreeMap<String, String> {
    statuses.iter().map(|status| (status.service.clone(), status.task_definition_arn.clone())).collect()
}

fn expected(definitions: &BTreeMap<String, String>) -> Vec<Expected> {
    let expected = |(service, arn): (&String, &String)| Expected {
        service: service.clone(),
        task_definition_arn: arn.clone(),
    };
    definitions.iter().map(expected).collect()
}

impl Before {
    /// `found` is what ECS says before anything is done, `recorded` the revisions of the last release, `wanted_images` what
    /// is to be deployed. By service.
    ///
    /// The way back is to the last release: what is found may be of a run that was killed while it rolled out what does not
    /// work. A service that no release has goes back to what was found.
    pub fn of(
        found: &[ServiceStatus],
        recorded: &BTreeMap<String, String>,
        wanted_images: &BTreeMap<String, String>,
    ) -> Self {
        let found = task_definitions(found);
        let revision = |(service, found): (&String, &String)| {
            (service.clone(), recorded.get(service).unwrap_or(found).clone())
        };
        Self { earlier: found.iter().map(revision).collect(), found, wanted_images: wanted_images.clone() }
    }

    /// How to get back from `now`. Pure. Where all services stand as they were found, and well, nothing is to be done: a step
    /// that moved none of them takes none of them anywhere.
    fn way_back(&self, now: &[ServiceStatus], left_alone: &BTreeSet<String>) -> WayBack {
        let ours: Vec<_> = now.iter().filter(|status| self.found.contains_key(&status.service)).collect();
        let is_as_found = |status: &&ServiceStatus| {
            status.is_stable && self.found.get(&status.service) == Some(&status.task_definition_arn)
        };
        if ours.iter().all(is_as_found) && left_alone.is_empty() {
            return WayBack::default();
        }
        let images = session::running_images(now);
        let mut way = WayBack { is_past_found: self.earlier != self.found, ..WayBack::default() };
        for status in ours {
            let (service, running) = (&status.service, &status.task_definition_arn);
            let Some(earlier) = self.earlier.get(service) else { continue };
            let image = images.get(service).and_then(|running| running.image.as_ref());
            let is_known = running == earlier
                || self.found.get(service) == Some(running)
                || image.is_some() && image == self.wanted_images.get(service);
            if left_alone.contains(service) || !is_known {
                way.left_alone.insert(service.clone());
            } else if running != earlier || !status.is_stable {
                way.back.insert(service.clone(), earlier.clone());
            }
        }
        way
    }
}

impl Rollouts<'_> {
    fn events(&self) -> impl FnMut(Event) + Send {
        |event| (self.show)(&format!("services: {}", render_event(&event).trim_end()))
    }

    /// Watches the services that were told to run `wanted`, until they do.
    ///
    /// The first new task of a service brings its database's schema up to date, under a lock, before it is ready.
    ///
    /// # Errors
    /// When one fails, the person stops or AWS cannot be asked. Nothing is taken back.
    pub async fn forward(
        &self,
        wanted: &BTreeMap<String, String>,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        if wanted.is_empty() {
            return Ok(());
        }
        let names = wanted.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        (self.show)(&format!("services: rolling out {names}; the first new task migrates its database"));
        let (wanted, mut events) = (expected(wanted), self.events());
        let outcomes =
            rollout::watch(&self.aws, self.cluster, &wanted, &self.options, stop, &mut events).await?;
        concluded(&outcomes)
    }

    /// Does a `step` that moves services; when it fails, takes them back to what there was `before`.
    ///
    /// # Errors
    /// When the step fails. The hint says where the services are then.
    pub async fn or_back<T>(
        &self,
        before: &Before,
        step: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T> {
        let Stopped { error, left_alone } = match step.await {
            Ok(done) => return Ok(done),
            Err(stopped) => stopped,
        };
        if self.lost.is_cancelled() {
            return Err(error);
        }
        let hint = match self.take_back(before, &left_alone).await {
            Ok(way) => {
                let next = failure::hint(&error).unwrap_or_else(|| "run the same command again".to_owned());
                format!("{}; {next}", where_they_are(before, &way))
            }
            Err(trouble) => {
                (self.show)(&format!("services: cannot go back: {trouble:#}"));
                "going back failed too: look at `cargo xtask status`".to_owned()
            }
        };
        Err(hinted(error, hint))
    }

    async fn take_back(&self, before: &Before, left_alone: &BTreeSet<String>) -> Result<WayBack> {
        let now = rollout::status(&self.aws, self.cluster).await?;
        let way = before.way_back(&now, left_alone);
        // The person may have stopped what failed; the way back is not to be stopped as well.
        self.back(&way.back, &self.lost).await?;
        Ok(way)
    }

    /// Takes services to `earlier` revisions, and watches until they run nothing else. One that does not get there keeps no
    /// other from it.
    ///
    /// # Errors
    /// When one does not get there, with the first reason.
    pub async fn back(&self, earlier: &BTreeMap<String, String>, stop: &CancellationToken) -> Result<()> {
        let mut first = Ok(());
        for one in expected(earlier) {
            first = first.and(self.one_back(&one, stop).await);
        }
        first
    }

    async fn one_back(&self, one: &Expected, stop: &CancellationToken) -> Result<()> {
        process::unless_stopped(stop)?;
        let mut events = self.events();
        let outcome = rollout::back(&self.aws, self.cluster, one, &self.options, stop, &mut events)
            .await
            .with_context(|| format!("cannot take `{}` back", one.service))?;
        match outcome {
            Outcome::Done { .. } => Ok(()),
            Outcome::Failed(failure) => {
                let text = render_failure(&one.service, &failure);
                let hint =
                    "the site is back already; look at `cargo xtask status` and run the same command again";
                Err(anyhow::anyhow!(text)
                    .context(Failure::service(format!("`{}` did not get back", one.service)).hint(hint)))
            }
            Outcome::Unfinished => {
                let failure =
                    Failure::new(Class::Interrupted, format!("stopped while `{}` went back", one.service));
                Err(failure.hint("run the same command again to go on").into())
            }
        }
    }
}

/// What the outcomes of all services come to. Pure.
fn concluded(outcomes: &[ServiceOutcome]) -> Result<(), Stopped> {
    if outcomes.iter().all(|outcome| matches!(outcome.outcome, Outcome::Done { .. })) {
        return Ok(());
    }
    let failed = outcomes.iter().filter_map(|outcome| match &outcome.outcome {
        Outcome::Failed(failure) => Some((&outcome.service, failure)),
        Outcome::Done { .. } | Outcome::Unfinished => None,
    });
    let is_left = |(_, failure): &(&String, &rollout::Failure)| failure.advice == Advice::LeaveAlone;
    let left_alone = failed.clone().filter(is_left).map(|(service, _)| service.clone()).collect();
    let texts: Vec<String> = failed.map(|(service, failure)| render_failure(service, failure)).collect();
    let error = if texts.is_empty() {
        let failure = Failure::new(Class::Interrupted, "stopped while the services were rolled out");
        failure.hint("run the same command again to go on").into()
    } else {
        let failure = Failure::service("the services do not run this commit");
        anyhow::anyhow!(texts.join("\n")).context(failure.hint("mend it, commit, and deploy again"))
    };
    Err(Stopped { error, left_alone })
}

/// Where the services are once the `way` was gone, as one part of a sentence. Pure.
fn where_they_are(before: &Before, way: &WayBack) -> String {
    let left = way.left_alone.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let earlier = if way.is_past_found { "what it ran in the last release" } else { "what it ran before" };
    match (before.earlier.is_empty(), left.is_empty()) {
        (true, _) => "there is nothing to go back to".to_owned(),
        (false, true) => format!("every service runs {earlier}"),
        (false, false) => format!(
            "somebody else deployed {left} meanwhile, which stays as it is; every other service runs {earlier}"
        ),
    }
}

/// The same error with another hint.
fn hinted(mut error: anyhow::Error, hint: String) -> anyhow::Error {
    if let Some(failure) = error.downcast_mut::<Failure>() {
        failure.hint = Some(hint);
        return error;
    }
    let class = failure::class(&error);
    error.context(Failure::new(class, "cannot get the services to this commit").hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(service: &str, arn: &str, image: &str) -> ServiceStatus {
        ServiceStatus {
            service: service.to_owned(),
            task_definition_arn: arn.to_owned(),
            images: [(service.to_owned(), image.to_owned())].into(),
            desired_count: 1,
            running_count: 1,
            pending_count: 0,
            healthy_count: Some(1),
            rollout: None,
            is_stable: true,
            tasks: Vec::new(),
            last_event: None,
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_this_deploy_has_moved_is_taken_back() {
        let found = [status("a", "a:1", "old"), status("b", "b:1", "old"), status("c", "c:1", "old")];
        let wanted = map(&[("a", "new"), ("b", "new"), ("c", "new")]);
        let before = Before::of(&found, &map(&[]), &wanted);
        let way = |now: &[ServiceStatus], left: &[&str]| {
            let left = left.iter().map(|name| (*name).to_owned()).collect();
            let way = before.way_back(now, &left);
            (way.back, way.left_alone.into_iter().collect::<Vec<_>>())
        };
        let nobody = Vec::<String>::new();
        assert_eq!(way(&found, &[]), (map(&[]), nobody.clone()), "nothing was moved");

        let moved = [status("a", "a:2", "new"), found[1].clone(), status("d", "d:1", "new")];
        assert_eq!(way(&moved, &[]), (map(&[("a", "a:1")]), nobody.clone()), "d has nothing to go back to");

        // ECS is on its way back by itself: it is watched.
        let going = ServiceStatus { is_stable: false, ..found[0].clone() };
        assert_eq!(way(&[going], &[]), (map(&[("a", "a:1")]), nobody));

        let others = [status("a", "a:9", "theirs"), status("b", "b:2", "new"), status("c", "c:2", "new")];
        let wanted = (map(&[("c", "c:1")]), vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(way(&others, &["b"]), wanted, "by its image, and by what was seen");
    }

    #[test]
    fn the_way_back_is_to_the_last_release_where_there_is_one() {
        // A run was killed while it rolled out what does not work; `b` is of no release yet.
        let found = [status("a", "a:2", "bad"), status("b", "b:2", "bad"), status("c", "c:2", "bad")];
        let recorded = map(&[("a", "a:1"), ("c", "c:1"), ("gone", "gone:1")]);
        let before = Before::of(&found, &recorded, &map(&[("a", "newer")]));
        let nobody = BTreeSet::new();
        let way = before.way_back(&found, &nobody);
        assert_eq!(way, WayBack::default(), "they are well, and nothing was done to them");
        assert_eq!(where_they_are(&before, &way), "every service runs what it ran before");
        let [a, b, c] = found;
        let way = before.way_back(&[ServiceStatus { is_stable: false, ..a }, b, c], &nobody);
        assert_eq!((way.back.clone(), way.left_alone.len()), (map(&[("a", "a:1"), ("c", "c:1")]), 0));
        assert_eq!(where_they_are(&before, &way), "every service runs what it ran in the last release");
    }

    #[test]
    fn the_hint_says_where_the_services_are() {
        let error = anyhow::Error::from(Failure::service("cannot apply").hint("run again")).context("outer");
        let error = hinted(error, "they are back; run again".to_owned());
        assert_eq!(format!("{error:#}"), "outer: cannot apply");
        assert_eq!(failure::hint(&error).as_deref(), Some("they are back; run again"));
        let error = hinted(anyhow::anyhow!("ECS was not reached"), "they are back".to_owned());
        assert_eq!(failure::class(&error), Class::Service);
        assert_eq!(failure::hint(&error).as_deref(), Some("they are back"));
    }
}
