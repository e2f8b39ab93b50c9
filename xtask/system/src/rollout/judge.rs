//! Decides from successive snapshots whether a service gets to its new task definition, and fails fast. Pure: the time is
//! given, and nothing is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::cause::{Cause, cause_of, is_shortage};
use super::snapshot::{Deployment, DeploymentStatus, RolloutState, Snapshot, TargetState, Task};

/// So many tasks that end for the same reason are no accident: ECS starts another after each, and so on for an hour.
const ACCIDENTS: usize = 1;

/// How long things may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until ECS shows the deployment at all.
    pub begin: Duration,
    /// Without room for a task.
    pub shortage: Duration,
    /// Of it all, at least.
    pub total: Duration,
    /// Of it all beyond the service's grace period, for what comes before and after it: to place a task, to pull its image, two
    /// checks of a load balancer, and the end of the tasks of before.
    pub beyond_grace: Duration,
}

impl Limits {
    /// How long a service may take that has `health_grace`.
    fn total_of(self, health_grace: Duration) -> Duration {
        self.total.max(health_grace + self.beyond_grace)
    }
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    InProgress {
        /// Such as `1 of 2 new tasks running, 1 healthy; 2 of before still there`.
        text: String,
        /// What may become a failure, in AWS's words.
        warning: Option<String>,
    },
    Done,
    Failing(Failure),
}

/// What stops a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// What happened, in our words, without a period.
    pub what: String,
    /// Why, in AWS's words.
    pub reason: String,
    /// One thing to do.
    pub hint: String,
    pub advice: Advice,
    /// The task whose log says more.
    pub task_id: Option<String>,
    /// The last lines of its log, the oldest first; the judge leaves it empty.
    pub log: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The image is not there, or may not be read.
    Image,
    /// A secret, a log group or the like is missing.
    Resources,
    /// Containers exit.
    Crash,
    OutOfMemory,
    /// Health checks fail.
    Unhealthy,
    Capacity,
    /// ECS gave up, and no task says why.
    CircuitBreaker,
    /// Somebody else deployed.
    Replaced,
    /// ECS never showed the deployment.
    NotBegun,
    TimeLimit,
}

impl FailureKind {
    /// Whether the program ran, so that its log may say something.
    pub fn has_log(self) -> bool {
        match self {
            Self::Crash | Self::OutOfMemory | Self::Unhealthy | Self::TimeLimit => true,
            Self::Image
            | Self::Resources
            | Self::Capacity
            | Self::CircuitBreaker
            | Self::Replaced
            | Self::NotBegun => false,
        }
    }
}

/// What the caller had better do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The service still tries to get to the new version.
    GoBack,
    /// ECS is on its way back already.
    AwaitGoingBack,
    /// It is somebody else's now.
    LeaveAlone,
}

/// Watches one service. Feed it every snapshot, in order.
#[derive(Debug, Clone)]
pub struct Judge {
    task_definition: String,
    limits: Limits,
    began_at: Timestamp,
    /// Whether tasks that had stopped by the first snapshot count. They do not on the way back to an earlier deployment.
    ignores_earlier: bool,
    is_first: bool,
    /// Our deployment, as it was last seen.
    ours: Option<Deployment>,
    /// Tasks of ours that stopped: ECS forgets them in time.
    stopped: BTreeMap<String, Task>,
    ignored: BTreeSet<String>,
    /// When a task was first seen running. By our clock: AWS's may differ.
    running_since: BTreeMap<String, Timestamp>,
    shortage_since: Option<Timestamp>,
}

impl Judge {
    /// Of a service that was just told to run `task_definition` (an ARN with its revision).
    pub fn new(task_definition: &str, limits: Limits, now: Timestamp) -> Self {
        Self {
            task_definition: task_definition.to_owned(),
            limits,
            began_at: now,
            ignores_earlier: false,
            is_first: true,
            ours: None,
            stopped: BTreeMap::new(),
            ignored: BTreeSet::new(),
            running_since: BTreeMap::new(),
            shortage_since: None,
        }
    }

    /// The same, for a deployment that was there before: what stopped earlier says nothing.
    #[must_use]
    pub fn ignoring_earlier(self) -> Self {
        Self { ignores_earlier: true, ..self }
    }

    pub fn task_definition(&self) -> &str {
        &self.task_definition
    }

    /// How it stands at `now`, which never goes back.
    pub fn judge(&mut self, snapshot: &Snapshot, now: Timestamp) -> Verdict {
        let found = self.find_ours(snapshot);
        let Some((ours, is_primary)) = found else { return self.without_ours(snapshot, now) };
        self.ours = Some(ours.clone());
        self.remember(snapshot, &ours, now);
        if !is_primary {
            return self.no_longer_primary(snapshot);
        }
        if ours.rollout_state == Some(RolloutState::Failed) {
            return Verdict::Failing(self.given_up(&ours, Advice::GoBack));
        }
        if is_done(snapshot, &ours) {
            return Verdict::Done;
        }
        if let Some(failure) = self.stopped_failure().or_else(|| self.unhealthy_failure(snapshot, &ours, now))
        {
            return Verdict::Failing(failure);
        }
        let shortage = self.shortage(snapshot, &ours, now);
        let over = |since: Timestamp, limit: Duration| elapsed(since, now) > limit;
        if let (Some(message), Some(since)) = (&shortage, self.shortage_since)
            && over(since, self.limits.shortage)
        {
            return Verdict::Failing(no_room(message, self.limits.shortage));
        }
        if over(self.began_at, self.limits.total_of(snapshot.health_grace)) {
            return Verdict::Failing(self.out_of_time(snapshot, &ours));
        }
        let warning =
            shortage.or_else(|| self.first_accident()).or_else(|| unhealthy_warning(snapshot, &ours));
        Verdict::InProgress { text: progress(snapshot, &ours), warning }
    }

    /// Our deployment and whether it is the primary one. One that has been seen keeps its identity: somebody may deploy
    /// the same task definition again.
    fn find_ours(&self, snapshot: &Snapshot) -> Option<(Deployment, bool)> {
        let is_primary = |deployment: &Deployment| deployment.status == DeploymentStatus::Primary;
        let fitting = snapshot.deployments.iter().filter(|deployment| match &self.ours {
            Some(ours) => deployment.id == ours.id,
            None => deployment.task_definition == self.task_definition,
        });
        let best = fitting.max_by_key(|deployment| (is_primary(deployment), deployment.created_at))?;
        // Before it was seen as the primary one, another with its task definition is one of before.
        if self.ours.is_none() && !is_primary(best) && best.rollout_state != Some(RolloutState::Failed) {
            return None;
        }
        Some((best.clone(), is_primary(best)))
    }

    fn remember(&mut self, snapshot: &Snapshot, ours: &Deployment, now: Timestamp) {
        for task in tasks_of(snapshot, ours) {
            if task.is_running() {
                self.running_since.entry(task.id.clone()).or_insert(now);
            }
            if task.is_stopped() {
                if self.is_first && self.ignores_earlier {
                    self.ignored.insert(task.id.clone());
                } else if !self.ignored.contains(&task.id) {
                    self.stopped.insert(task.id.clone(), task.clone());
                }
            }
        }
        self.is_first = false;
    }

    /// The deployment is not there: not yet, or no more.
    fn without_ours(&self, snapshot: &Snapshot, now: Timestamp) -> Verdict {
        if self.ours.is_some() {
            return self.no_longer_primary(snapshot);
        }
        if elapsed(self.began_at, now) <= self.limits.begin {
            return Verdict::InProgress { text: "ECS has yet to begin".to_owned(), warning: None };
        }
        let running = primary(snapshot).map_or("nothing", |primary| &primary.task_definition);
        Verdict::Failing(Failure {
            kind: FailureKind::NotBegun,
            what: "ECS began no deployment of the new task definition".to_owned(),
            reason: format!("the service's primary deployment is of `{}`", short(running)),
            hint: "somebody else may have deployed at the same moment; look at the service's deployments"
                .to_owned(),
            advice: Advice::LeaveAlone,
            task_id: None,
            log: Vec::new(),
        })
    }

    /// Another deployment is primary: ECS goes back by itself, or somebody else deployed.
    fn no_longer_primary(&self, snapshot: &Snapshot) -> Verdict {
        let ours = self.ours.as_ref().expect("it was seen");
        let now_primary = primary(snapshot);
        let says =
            |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains("circuit breaker"));
        // A deployment that is older than ours became primary again.
        let is_back = now_primary.is_some_and(|primary| {
            says(&primary.rollout_state_reason) || primary.created_at < ours.created_at
        });
        if is_back || ours.rollout_state == Some(RolloutState::Failed) {
            return Verdict::Failing(self.given_up(ours, Advice::AwaitGoingBack));
        }
        let other = now_primary.map_or("none", |primary| &primary.task_definition);
        Verdict::Failing(Failure {
            kind: FailureKind::Replaced,
            what: "another deployment took the place of this one".to_owned(),
            reason: format!("the service's primary deployment is now of `{}`", short(other)),
            hint: "find out who else deploys; the service is left to them".to_owned(),
            advice: Advice::LeaveAlone,
            task_id: None,
            log: Vec::new(),
        })
    }

    /// ECS gave the deployment up: why its tasks stopped says more than that.
    fn given_up(&self, ours: &Deployment, advice: Advice) -> Failure {
        let said = ours.rollout_state_reason.clone();
        match self.most_frequent_cause() {
            Some((task, cause, _)) => Failure { advice, ..failure_of(&task.id, cause) },
            None => Failure {
                kind: FailureKind::CircuitBreaker,
                what: "ECS gave the deployment up".to_owned(),
                reason: said.unwrap_or_else(|| "ECS deployment circuit breaker".to_owned()),
                hint: "look at the service's events and at its tasks that stopped".to_owned(),
                advice,
                task_id: None,
                log: Vec::new(),
            },
        }
    }

    fn causes(&self) -> impl Iterator<Item = (&Task, Cause)> {
        self.stopped.values().filter_map(|task| Some((task, cause_of(task)?)))
    }

    /// A task that stopped for the reason that most stopped for, the reason, and how many there are.
    fn most_frequent_cause(&self) -> Option<(&Task, Cause, usize)> {
        let causes: Vec<_> = self.causes().collect();
        let count = |kind: FailureKind| causes.iter().filter(|(_, cause)| cause.kind == kind).count();
        let (task, cause) = causes.iter().max_by_key(|(_, cause)| count(cause.kind))?;
        Some((task, cause.clone(), count(cause.kind)))
    }

    /// Too many stopped for the same reason. Without room, time may help: that has a limit of its own.
    fn stopped_failure(&self) -> Option<Failure> {
        let (task, cause, count) = self.most_frequent_cause()?;
        let is_accident = count <= ACCIDENTS || cause.kind == FailureKind::Capacity;
        (!is_accident).then(|| failure_of(&task.id, cause))
    }

    fn first_accident(&self) -> Option<String> {
        self.causes().next().map(|(_, cause)| format!("a new task stopped: {}", cause.reason))
    }

    /// Tasks that are unhealthy past the grace period: all of those there are, or more than one.
    fn unhealthy_failure(&self, snapshot: &Snapshot, ours: &Deployment, now: Timestamp) -> Option<Failure> {
        let is_old = |task: &&Task| {
            self.running_since.get(&task.id).is_some_and(|since| elapsed(*since, now) > snapshot.health_grace)
        };
        let state = |task: &Task| task.target.as_ref().map(|target| target.state);
        let unhealthy = tasks_of(snapshot, ours).filter(|task| state(task) == Some(TargetState::Unhealthy));
        let unhealthy: Vec<&Task> = unhealthy.filter(is_old).collect();
        let stopped: Vec<_> =
            self.causes().filter(|(_, cause)| cause.kind == FailureKind::Unhealthy).collect();
        let any_healthy = tasks_of(snapshot, ours).any(|task| state(task) == Some(TargetState::Healthy));
        if any_healthy && unhealthy.len() + stopped.len() <= ACCIDENTS {
            return None;
        }
        let Some(task) = unhealthy.first() else {
            // ECS was quicker, after the same grace period.
            return stopped.into_iter().next().map(|(task, cause)| failure_of(&task.id, cause));
        };
        Some(Failure {
            kind: FailureKind::Unhealthy,
            what: "the load balancer finds the new tasks unhealthy".to_owned(),
            reason: target_reason(task),
            hint: "look at the log lines, and at what the health check's path answers".to_owned(),
            advice: Advice::GoBack,
            task_id: Some(task.id.clone()),
            log: Vec::new(),
        })
    }

    /// What ECS says about room that it lacks, as long as it lacks it.
    fn shortage(&mut self, snapshot: &Snapshot, ours: &Deployment, now: Timestamp) -> Option<String> {
        let is_short = ours.running_count + ours.pending_count < snapshot.desired_count;
        // By AWS's own clock on both sides. What was said of an earlier deployment is over.
        let since_ours = snapshot.events.iter().take_while(|event| event.at >= ours.created_at);
        let said = since_ours
            .take_while(|event| !event.message.contains("has started"))
            .find(|event| is_shortage(&event.message))
            .map(|event| event.message.clone());
        let stopped = || {
            self.causes()
                .find(|(_, cause)| cause.kind == FailureKind::Capacity)
                .map(|(_, cause)| cause.reason)
        };
        let message = if is_short { said.or_else(stopped) } else { None };
        self.shortage_since = message.as_ref().map(|_| self.shortage_since.unwrap_or(now));
        message
    }

    fn out_of_time(&self, snapshot: &Snapshot, ours: &Deployment) -> Failure {
        let waiting = tasks_of(snapshot, ours).find(|task| !task.is_running() && !task.is_stopped());
        let last = snapshot.events.iter().find(|event| event.at >= ours.created_at);
        let reason = match (waiting, last) {
            (Some(task), _) => format!("task `{}` is still {}", task.id, task.last_status),
            (None, Some(event)) => event.message.clone(),
            (None, None) => {
                ours.rollout_state_reason.clone().unwrap_or_else(|| "ECS says nothing".to_owned())
            }
        };
        Failure {
            kind: FailureKind::TimeLimit,
            what: format!(
                "the new version is not stable after {} ({})",
                seconds(self.limits.total_of(snapshot.health_grace)),
                progress(snapshot, ours)
            ),
            reason,
            hint: "look at the service's events; a start that is slow by nature needs a longer limit"
                .to_owned(),
            advice: Advice::GoBack,
            task_id: tasks_of(snapshot, ours).next().map(|task| task.id.clone()),
            log: Vec::new(),
        }
    }
}

fn failure_of(task_id: &str, cause: Cause) -> Failure {
    Failure {
        kind: cause.kind,
        what: cause.what,
        reason: cause.reason,
        hint: cause.hint.to_owned(),
        advice: Advice::GoBack,
        task_id: Some(task_id.to_owned()),
        log: Vec::new(),
    }
}

fn no_room(message: &str, limit: Duration) -> Failure {
    Failure {
        kind: FailureKind::Capacity,
        what: format!("AWS found no room for a new task within {}", seconds(limit)),
        reason: message.to_owned(),
        hint: "try again later, use other subnets, or turn `use_spot` off".to_owned(),
        advice: Advice::GoBack,
        task_id: None,
        log: Vec::new(),
    }
}

/// All tasks of ours are up, ECS agrees, and none of before is left.
fn is_done(snapshot: &Snapshot, ours: &Deployment) -> bool {
    let is_alone = snapshot
        .deployments
        .iter()
        .all(|other| other.id == ours.id || (other.running_count == 0 && other.pending_count == 0));
    // Deployments that are not rolling ones have no state: then the count decides, as in `aws ecs wait services-stable`.
    let is_agreed = ours.rollout_state.is_none_or(|state| state == RolloutState::Completed);
    is_agreed && is_alone && ours.pending_count == 0 && ours.running_count == snapshot.desired_count
}

fn progress(snapshot: &Snapshot, ours: &Deployment) -> String {
    let wanted = snapshot.desired_count;
    let mut text = format!("{} of {wanted} new tasks running", ours.running_count);
    if snapshot.is_load_balanced {
        let healthy = tasks_of(snapshot, ours)
            .filter(|task| task.target.as_ref().is_some_and(|target| target.state == TargetState::Healthy));
        text.push_str(&format!(", {} healthy", healthy.count()));
    }
    let others = snapshot.deployments.iter().filter(|other| other.id != ours.id);
    match others.map(|other| other.running_count).sum::<usize>() {
        0 => {}
        before => text.push_str(&format!("; {before} of before still there")),
    }
    text
}

fn unhealthy_warning(snapshot: &Snapshot, ours: &Deployment) -> Option<String> {
    let is_unhealthy =
        |task: &&Task| task.target.as_ref().is_some_and(|target| target.state == TargetState::Unhealthy);
    tasks_of(snapshot, ours)
        .find(is_unhealthy)
        .map(|task| format!("a new task is unhealthy: {}", target_reason(task)))
}

fn target_reason(task: &Task) -> String {
    let Some(target) = &task.target else { return "unhealthy".to_owned() };
    match (&target.reason, &target.description) {
        (Some(code), Some(description)) => format!("{code}: {description}"),
        (Some(text), None) | (None, Some(text)) => text.clone(),
        (None, None) => "unhealthy".to_owned(),
    }
}

fn tasks_of<'a>(snapshot: &'a Snapshot, ours: &Deployment) -> impl Iterator<Item = &'a Task> {
    snapshot.tasks.iter().filter(move |task| task.started_by.as_deref() == Some(ours.id.as_str()))
}

fn primary(snapshot: &Snapshot) -> Option<&Deployment> {
    snapshot.deployments.iter().find(|deployment| deployment.status == DeploymentStatus::Primary)
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// `family:revision` of an ARN.
pub(super) fn short(task_definition: &str) -> &str {
    task_definition.rsplit('/').next().unwrap_or(task_definition)
}

pub(super) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds if seconds >= 120 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
