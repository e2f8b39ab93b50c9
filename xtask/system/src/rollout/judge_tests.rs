//! The judge, snapshot by snapshot.

use super::*;
use crate::rollout::{Container, ServiceEvent, Target};

const OLD: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:1";
const NEW: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:2";

const LIMITS: Limits = Limits {
    begin: Duration::from_secs(30),
    shortage: Duration::from_secs(180),
    total: Duration::from_secs(900),
    beyond_grace: Duration::from_secs(300),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn deployment(id: &str, task_definition: &str, running: usize, created: i64) -> Deployment {
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::Active,
        task_definition: task_definition.to_owned(),
        running_count: running,
        pending_count: 0,
        rollout_state: Some(RolloutState::Completed),
        rollout_state_reason: None,
        created_at: at(created),
    }
}

fn primary_of(deployment: Deployment, state: RolloutState) -> Deployment {
    Deployment { status: DeploymentStatus::Primary, rollout_state: Some(state), ..deployment }
}

/// Two tasks of before; the new deployment began at second 0.
fn begun() -> Snapshot {
    Snapshot {
        service: "web".to_owned(),
        desired_count: 2,
        health_grace: Duration::from_secs(60),
        is_load_balanced: true,
        deployments: vec![
            primary_of(deployment("new", NEW, 0, 0), RolloutState::InProgress),
            deployment("old", OLD, 2, -1000),
        ],
        events: Vec::new(),
        tasks: Vec::new(),
    }
}

fn task(id: &str, status: &str) -> Task {
    Task {
        id: id.to_owned(),
        task_definition: NEW.to_owned(),
        started_by: Some("new".to_owned()),
        last_status: status.to_owned(),
        stop_code: None,
        stopped_reason: None,
        containers: Vec::new(),
        target: None,
    }
}

fn stopped(id: &str, code: &str, reason: &str) -> Task {
    Task {
        stop_code: Some(code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        containers: vec![Container { name: "web".to_owned(), exit_code: Some(1), reason: None }],
        ..task(id, "STOPPED")
    }
}

fn running(id: &str, state: TargetState) -> Task {
    let is_bad = state == TargetState::Unhealthy;
    let target = Target {
        state,
        reason: is_bad.then(|| "Target.ResponseCodeMismatch".to_owned()),
        description: is_bad.then(|| "Health checks failed with these codes: [500]".to_owned()),
    };
    Task { target: Some(target), ..task(id, "RUNNING") }
}

fn event(second: i64, message: &str) -> ServiceEvent {
    ServiceEvent { at: at(second), message: format!("(service web) {message}") }
}

fn judge() -> Judge {
    Judge::new(NEW, LIMITS, at(0))
}

fn failure(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Failing(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn in_progress(verdict: Verdict) -> (String, Option<String>) {
    match verdict {
        Verdict::InProgress { text, warning } => (text, warning),
        other => panic!("{other:?}"),
    }
}

const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";
const EXITED: &str = "Essential container in task exited";

#[test]
fn it_is_done_once_ecs_agrees_and_nothing_of_before_is_left() {
    let mut judge = judge();
    let mut snapshot = begun();
    snapshot.deployments[0].running_count = 1;
    snapshot.tasks = vec![running("a", TargetState::Healthy)];
    let (text, warning) = in_progress(judge.judge(&snapshot, at(5)));
    assert_eq!(text, "1 of 2 new tasks running, 1 healthy; 2 of before still there");
    assert_eq!(warning, None);

    snapshot.deployments[0] = primary_of(deployment("new", NEW, 2, 0), RolloutState::InProgress);
    snapshot.deployments[1].running_count = 0;
    in_progress(judge.judge(&snapshot, at(10)));
    snapshot.deployments[0].rollout_state = Some(RolloutState::Completed);
    snapshot.deployments[1].running_count = 1;
    in_progress(judge.judge(&snapshot, at(15)));
    snapshot.deployments[1].running_count = 0;
    assert_eq!(judge.judge(&snapshot, at(20)), Verdict::Done);
}

#[test]
fn one_task_that_stops_is_an_accident_and_two_are_none() {
    for (code, reason, kind) in [
        ("TaskFailedToStart", PULL, FailureKind::Image),
        ("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets", FailureKind::Resources),
        ("EssentialContainerExited", EXITED, FailureKind::Crash),
    ] {
        let mut judge = judge();
        let mut snapshot = begun();
        snapshot.tasks = vec![stopped("a", code, reason)];
        let (_, warning) = in_progress(judge.judge(&snapshot, at(5)));
        assert_eq!(warning, Some(format!("a new task stopped: {reason}")));
        // ECS forgot the first one meanwhile.
        snapshot.tasks = vec![stopped("b", code, reason)];
        let failure = failure(judge.judge(&snapshot, at(10)));
        assert_eq!((failure.kind, failure.advice), (kind, Advice::GoBack));
        assert_eq!(failure.reason, reason);
    }
}

#[test]
fn tasks_of_other_deployments_do_not_count() {
    let mut snapshot = begun();
    snapshot.tasks = ["a", "b"].map(|id| stopped(id, "EssentialContainerExited", EXITED)).into();
    for task in &mut snapshot.tasks {
        task.started_by = Some("old".to_owned());
    }
    in_progress(judge().judge(&snapshot, at(5)));
}

#[test]
fn what_stopped_earlier_does_not_count_on_the_way_back() {
    let mut snapshot = begun();
    snapshot.tasks = ["a", "b"].map(|id| stopped(id, "EssentialContainerExited", EXITED)).into();
    failure(judge().judge(&snapshot, at(5)));
    let mut back = judge().ignoring_earlier();
    in_progress(back.judge(&snapshot, at(5)));
    snapshot.tasks.extend(["c", "d"].map(|id| stopped(id, "EssentialContainerExited", EXITED)));
    assert_eq!(failure(back.judge(&snapshot, at(10))).kind, FailureKind::Crash);
}

#[test]
fn an_unhealthy_task_is_warned_of_at_once_and_fails_after_the_grace_period() {
    let mut judge = judge();
    let mut snapshot = begun();
    snapshot.tasks = vec![running("a", TargetState::Unhealthy)];
    let reason = "Target.ResponseCodeMismatch: Health checks failed with these codes: [500]";
    let (_, warning) = in_progress(judge.judge(&snapshot, at(10)));
    assert_eq!(warning, Some(format!("a new task is unhealthy: {reason}")));
    in_progress(judge.judge(&snapshot, at(70)));
    let failure = failure(judge.judge(&snapshot, at(71)));
    assert_eq!((failure.kind, failure.reason.as_str()), (FailureKind::Unhealthy, reason));
    assert_eq!(failure.task_id.as_deref(), Some("a"));
}

/// Such as one that migrates its database: it has as long as its service says, and no less.
#[test]
fn a_task_that_gets_healthy_within_its_grace_period_was_no_failure() {
    let mut judge = judge();
    let mut snapshot = Snapshot { health_grace: Duration::from_secs(600), ..begun() };
    snapshot.tasks = ["a", "b"].map(|id| running(id, TargetState::Unhealthy)).into();
    for second in (10..=600).step_by(3) {
        in_progress(judge.judge(&snapshot, at(second)));
    }
    snapshot.tasks = ["a", "b"].map(|id| running(id, TargetState::Healthy)).into();
    in_progress(judge.judge(&snapshot, at(611)));
}

#[test]
fn one_unhealthy_task_beside_a_healthy_one_may_be_replaced() {
    let mut judge = judge();
    let mut snapshot = begun();
    snapshot.tasks = vec![running("a", TargetState::Unhealthy), running("b", TargetState::Healthy)];
    in_progress(judge.judge(&snapshot, at(10)));
    in_progress(judge.judge(&snapshot, at(100)));
    let elb = "Task failed ELB health checks in (target-group x)";
    snapshot.tasks[0] = stopped("a", "ServiceSchedulerInitiated", elb);
    snapshot.tasks.push(running("c", TargetState::Unhealthy));
    in_progress(judge.judge(&snapshot, at(110)));
    assert_eq!(failure(judge.judge(&snapshot, at(171))).kind, FailureKind::Unhealthy);
}

#[test]
fn a_task_that_ecs_found_unhealthy_had_its_grace_period() {
    let elb = "Task failed ELB health checks in (target-group x)";
    let mut snapshot = begun();
    snapshot.tasks = vec![stopped("a", "ServiceSchedulerInitiated", elb), task("b", "PENDING")];
    let failure = failure(judge().judge(&snapshot, at(70)));
    assert_eq!((failure.kind, failure.reason.as_str()), (FailureKind::Unhealthy, elb));
    snapshot.tasks[1] = running("b", TargetState::Healthy);
    in_progress(judge().judge(&snapshot, at(70)));
}

#[test]
fn a_lack_of_room_has_a_limit_and_ends_when_a_task_is_placed() {
    let short = "was unable to place a task. Reason: Capacity is unavailable at this time.";
    let mut judge = judge();
    let mut snapshot = begun();
    snapshot.events = vec![event(-5, short)];
    assert_eq!(in_progress(judge.judge(&snapshot, at(5))).1, None, "it was said of an earlier deployment");
    snapshot.events.insert(0, event(6, short));
    assert!(in_progress(judge.judge(&snapshot, at(10))).1.is_some());
    assert!(in_progress(judge.judge(&snapshot, at(190))).1.is_some());
    let mut placed = snapshot.clone();
    placed.events.insert(0, event(191, "has started 2 tasks: (task a) (task b)."));
    assert_eq!(in_progress(judge.clone().judge(&placed, at(191))).1, None);
    let failure = failure(judge.judge(&snapshot, at(191)));
    assert_eq!(failure.kind, FailureKind::Capacity);
    assert!(failure.reason.contains(short), "{failure:?}");
    assert_eq!(failure.what, "AWS found no room for a new task within 3 min");
}

#[test]
fn the_circuit_breaker_without_rollback_is_told_with_the_tasks_reason() {
    let mut snapshot = begun();
    snapshot.deployments[0].rollout_state = Some(RolloutState::Failed);
    let said = "ECS deployment circuit breaker: tasks failed to start.";
    snapshot.deployments[0].rollout_state_reason = Some(said.to_owned());
    let given_up = failure(judge().judge(&snapshot, at(5)));
    assert_eq!((given_up.kind, given_up.advice), (FailureKind::CircuitBreaker, Advice::GoBack));
    assert_eq!(given_up.reason, said);
    snapshot.tasks = vec![stopped("a", "TaskFailedToStart", PULL)];
    assert_eq!(failure(judge().judge(&snapshot, at(5))).kind, FailureKind::Image);
}

#[test]
fn a_rollback_of_ecs_is_told_from_somebody_elses_deployment() {
    let mut watching = judge();
    in_progress(watching.judge(&begun(), at(5)));

    // By the text, while it lasts.
    let mut snapshot = begun();
    snapshot.deployments[0].status = DeploymentStatus::Active;
    snapshot.deployments[1] = primary_of(deployment("old", OLD, 2, 50), RolloutState::InProgress);
    snapshot.deployments[1].rollout_state_reason =
        Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".to_owned());
    assert_eq!(failure(watching.clone().judge(&snapshot, at(60))).advice, Advice::AwaitGoingBack);

    // By its age, once it is over and ours is gone.
    let mut over = begun();
    over.deployments = vec![primary_of(deployment("old", OLD, 2, -1000), RolloutState::Completed)];
    let told = failure(watching.clone().judge(&over, at(60)));
    assert_eq!((told.kind, told.advice), (FailureKind::CircuitBreaker, Advice::AwaitGoingBack));

    // A younger one is somebody else's.
    let third = NEW.replace(":2", ":3");
    let mut other = begun();
    other.deployments[0].status = DeploymentStatus::Active;
    other.deployments.insert(0, primary_of(deployment("third", &third, 0, 50), RolloutState::InProgress));
    let told = failure(watching.judge(&other, at(60)));
    assert_eq!((told.kind, told.advice), (FailureKind::Replaced, Advice::LeaveAlone));
    assert_eq!(told.reason, "the service's primary deployment is now of `web:3`");
}

#[test]
fn the_same_task_definition_deployed_again_is_somebody_elses() {
    let mut judge = judge();
    in_progress(judge.judge(&begun(), at(5)));
    let mut again = begun();
    again.deployments[0].status = DeploymentStatus::Active;
    again.deployments.insert(0, primary_of(deployment("forced", NEW, 0, 50), RolloutState::InProgress));
    assert_eq!(failure(judge.judge(&again, at(60))).kind, FailureKind::Replaced);
}

#[test]
fn a_deployment_that_never_begins_is_told() {
    let mut snapshot = begun();
    snapshot.deployments = vec![primary_of(deployment("old", OLD, 2, -1000), RolloutState::Completed)];
    let mut judge = judge();
    in_progress(judge.judge(&snapshot, at(30)));
    let failure = failure(judge.judge(&snapshot, at(31)));
    assert_eq!((failure.kind, failure.advice), (FailureKind::NotBegun, Advice::LeaveAlone));
}

#[test]
fn the_total_limit_tells_where_it_stands() {
    let mut judge = judge();
    let mut snapshot = begun();
    snapshot.tasks = vec![task("a", "PENDING")];
    in_progress(judge.judge(&snapshot, at(900)));
    let failure = failure(judge.judge(&snapshot, at(901)));
    assert_eq!(failure.kind, FailureKind::TimeLimit);
    assert_eq!(failure.reason, "task `a` is still PENDING");
    assert!(failure.what.starts_with("the new version is not stable after 15 min (0 of 2"), "{failure:?}");
}

#[test]
fn a_long_grace_period_has_time_around_it() {
    let mut judge = judge();
    let mut snapshot = Snapshot { health_grace: Duration::from_secs(900), ..begun() };
    snapshot.tasks = vec![task("a", "PENDING"), task("b", "PENDING")];
    in_progress(judge.judge(&snapshot, at(120)));
    snapshot.tasks = ["a", "b"].map(|id| running(id, TargetState::Unhealthy)).into();
    in_progress(judge.judge(&snapshot, at(180)));
    in_progress(judge.judge(&snapshot, at(1080)));
    snapshot.tasks = ["a", "b"].map(|id| running(id, TargetState::Healthy)).into();
    in_progress(judge.judge(&snapshot, at(1200)));
    let failure = failure(judge.judge(&snapshot, at(1201)));
    assert_eq!(failure.kind, FailureKind::TimeLimit);
    assert!(failure.what.starts_with("the new version is not stable after 20 min"), "{failure:?}");
}

#[test]
fn spot_capacity_that_is_taken_and_scaling_are_no_failures() {
    let mut snapshot = begun();
    snapshot.tasks = vec![
        stopped("a", "SpotInterruption", "Your Spot Task was interrupted."),
        stopped("b", "SpotInterruption", "Your Spot Task was interrupted."),
        stopped("c", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
        stopped("d", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
    ];
    assert_eq!(in_progress(judge().judge(&snapshot, at(5))).1, None);
}
