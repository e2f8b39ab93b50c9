//! What to do next for one service: start, stop, complete, give up. Pure.
//!
//! Source: Amazon ECS Developer Guide, "Deploy Amazon ECS services by replacing tasks" and "How the Amazon ECS deployment
//! circuit breaker detects failures".

use std::time::Duration;

use jiff::Timestamp;

use super::state::{Deployment, Rollout, Service, Task, TaskStatus};

/// The circuit breaker's bounds: half of the desired count, rounded up, and never less or more than these.
const LEAST_FAILURES: usize = 3;
const MOST_FAILURES: usize = 200;

/// A task and what the load balancer says of it.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub task: &'a Task,
    pub health: Health,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// Healthy, or nobody asks.
    Good,
    /// Not checked yet.
    Unknown,
    /// With the reason in words.
    Bad(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// So many more tasks of the primary deployment.
    Start(usize),
    Stop {
        task_id: String,
        reason: StopReason,
    },
    /// Too many tasks failed.
    GiveUp,
    /// The primary deployment is all there, and none of before is left.
    Complete,
    /// A task became healthy: the row of failures is over.
    Forgive,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopReason {
    /// There are too many, or it is of before.
    Scaling,
    /// In the load balancer's words.
    Unhealthy(String),
}

impl Seen<'_> {
    fn is_of(&self, deployment: &Deployment) -> bool {
        self.task.deployment_id == deployment.id
    }

    /// It runs or is about to.
    fn is_live(&self) -> bool {
        self.task.is_wanted && self.task.status != TaskStatus::Stopped
    }

    /// It does its work.
    pub fn is_up(&self) -> bool {
        self.is_live() && self.task.status == TaskStatus::Running && self.health == Health::Good
    }
}

/// How many failed tasks in a row are too many.
pub(super) fn failure_threshold(desired_count: usize) -> usize {
    desired_count.div_ceil(2).clamp(LEAST_FAILURES, MOST_FAILURES)
}

/// What to do at `now` for a service with the tasks `seen`, in the order in which it is to be done.
pub(super) fn decide(service: &Service, seen: &[Seen<'_>], now: Timestamp) -> Vec<Decision> {
    let Some(primary) = service.primary() else { return Vec::new() };
    let in_progress = primary.rollout == Rollout::InProgress;
    if in_progress
        && service.breaker("enable")
        && primary.failed_tasks >= failure_threshold(service.desired_count)
    {
        return vec![Decision::GiveUp];
    }
    let mut decisions = Vec::new();
    if primary.failed_tasks > 0
        && seen.iter().any(|one| one.is_of(primary) && one.is_up() && !one.task.was_up)
    {
        decisions.push(Decision::Forgive);
    }
    decisions.extend(unhealthy(service, seen, now));
    if primary.rollout != Rollout::Failed {
        decisions.extend(starts(service, primary, seen, now));
        decisions.extend(scaled_in(service, primary, seen));
    }
    if in_progress && is_complete(service, primary, seen) {
        decisions.push(Decision::Complete);
    }
    decisions
}

/// Tasks that are unhealthy past the grace period.
fn unhealthy(service: &Service, seen: &[Seen<'_>], now: Timestamp) -> Vec<Decision> {
    let grace = service.body.get("healthCheckGracePeriodSeconds").and_then(serde_json::Value::as_u64);
    let grace = Duration::from_secs(grace.unwrap_or_default());
    let is_over = |task: &Task| {
        task.started_at.is_some_and(|started| {
            Duration::try_from(now.duration_since(started)).unwrap_or_default() >= grace
        })
    };
    seen.iter()
        .filter(|one| one.is_live() && one.task.status == TaskStatus::Running && is_over(one.task))
        .filter_map(|one| match &one.health {
            Health::Bad(reason) => Some(Decision::Stop {
                task_id: one.task.id.clone(),
                reason: StopReason::Unhealthy(reason.clone()),
            }),
            Health::Good | Health::Unknown => None,
        })
        .collect()
}

/// As many as are missing, within the maximum of all.
fn starts(service: &Service, primary: &Deployment, seen: &[Seen<'_>], now: Timestamp) -> Option<Decision> {
    let wanted = service.wanted();
    let most = (wanted * service.percent("maximumPercent", 200) / 100).max(1);
    let live = seen.iter().filter(|one| one.is_live()).count();
    let of_primary = seen.iter().filter(|one| one.is_live() && one.is_of(primary)).count();
    let missing = wanted.saturating_sub(of_primary).min(most.saturating_sub(live));
    let may_start = primary.start_not_before.is_none_or(|time| now >= time);
    (missing > 0 && may_start).then_some(Decision::Start(missing))
}

/// Tasks of before, as far as enough are up without them; those that are not up first. Then what is too many of the primary.
fn scaled_in(service: &Service, primary: &Deployment, seen: &[Seen<'_>]) -> Vec<Decision> {
    let wanted = service.wanted();
    let least = (wanted * service.percent("minimumHealthyPercent", 100)).div_ceil(100);
    let up = seen.iter().filter(|one| one.is_up()).count();
    let before = || seen.iter().filter(|one| one.is_live() && !one.is_of(primary));
    let idle = before().filter(|one| !one.is_up());
    let spare = before().filter(|one| one.is_up()).take(up.saturating_sub(least));
    let of_primary = seen.iter().filter(|one| one.is_live() && one.is_of(primary));
    // The youngest go first.
    let surplus = of_primary.skip(wanted);
    idle.chain(spare)
        .chain(surplus)
        .map(|one| Decision::Stop { task_id: one.task.id.clone(), reason: StopReason::Scaling })
        .collect()
}

fn is_complete(service: &Service, primary: &Deployment, seen: &[Seen<'_>]) -> bool {
    let up = seen.iter().filter(|one| one.is_of(primary) && one.is_up()).count();
    let is_gone = |one: &Seen<'_>| one.is_of(primary) || one.task.status == TaskStatus::Stopped;
    up == service.wanted() && seen.iter().all(is_gone)
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
