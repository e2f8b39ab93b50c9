//! The scheduler: services and tasks, and what is to be done.

use serde_json::json;

use super::*;
use crate::cluster::state::{ServiceStatus, new_id};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A service of two tasks whose primary deployment `new` takes the place of `old`.
fn service() -> Service {
    let body = json!({
        "healthCheckGracePeriodSeconds": 60,
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
    });
    let mut new = Deployment::new("web:2".to_owned(), at(0));
    "new".clone_into(&mut new.id);
    let old =
        Deployment { id: "old".to_owned(), is_primary: false, ..Deployment::new("web:1".to_owned(), at(-9)) };
    Service {
        name: "web".to_owned(),
        cluster: "example".to_owned(),
        status: ServiceStatus::Active,
        desired_count: 2,
        body: body.as_object().unwrap().clone(),
        deployments: vec![new, old],
        last_completed: None,
        events: Vec::new(),
        created_at: at(-9),
        fault: None,
    }
}

fn task(id: &str, deployment: &str, status: TaskStatus) -> Task {
    Task {
        id: id.to_owned(),
        cluster: "example".to_owned(),
        service: "web".to_owned(),
        deployment_id: deployment.to_owned(),
        task_definition: "web:2".to_owned(),
        container: "web".to_owned(),
        image: new_id(),
        status,
        is_wanted: status != TaskStatus::Stopped,
        was_up: false,
        created_at: at(0),
        started_at: Some(at(0)),
        stopped_at: None,
        stop_code: None,
        stopped_reason: None,
        exit_code: None,
        address: None,
        process: None,
    }
}

/// Decides for tasks given as id, deployment, and health; without one the task is pending.
fn decide_for(service: &Service, tasks: &[(&str, &str, Option<Health>)], second: i64) -> Vec<Decision> {
    let tasks: Vec<(Task, Health)> = tasks
        .iter()
        .map(|(id, deployment, health)| {
            let status = if health.is_some() { TaskStatus::Running } else { TaskStatus::Pending };
            (task(id, deployment, status), health.clone().unwrap_or(Health::Unknown))
        })
        .collect();
    let seen: Vec<_> = tasks.iter().map(|(task, health)| Seen { task, health: health.clone() }).collect();
    decide(service, &seen, at(second))
}

fn scaled(id: &str) -> Decision {
    Decision::Stop { task_id: id.to_owned(), reason: StopReason::Scaling }
}

const GOOD: Option<Health> = Some(Health::Good);
const UNKNOWN: Option<Health> = Some(Health::Unknown);

#[test]
fn new_tasks_start_beside_those_of_before() {
    let tasks = [("a", "old", GOOD), ("b", "old", GOOD)];
    assert_eq!(decide_for(&service(), &tasks, 1), [Decision::Start(2)]);
}

#[test]
fn no_more_tasks_than_the_maximum() {
    let mut service = service();
    service.body["deploymentConfiguration"]["maximumPercent"] = json!(150);
    let tasks = [("a", "old", GOOD), ("b", "old", GOOD)];
    assert_eq!(decide_for(&service, &tasks, 1), [Decision::Start(1)]);
}

#[test]
fn a_task_of_before_goes_for_each_new_one_that_is_healthy() {
    let mut tasks = [("a", "old", GOOD), ("b", "old", GOOD), ("c", "new", UNKNOWN), ("d", "new", None)];
    assert_eq!(decide_for(&service(), &tasks, 1), []);
    tasks[2].2 = GOOD;
    assert_eq!(decide_for(&service(), &tasks, 1), [scaled("a")]);
    tasks[3].2 = GOOD;
    assert_eq!(decide_for(&service(), &tasks, 1), [scaled("a"), scaled("b")]);
}

#[test]
fn tasks_of_before_that_are_no_use_go_at_once() {
    let tasks = [("a", "old", None), ("b", "old", GOOD), ("c", "new", None), ("d", "new", None)];
    assert_eq!(decide_for(&service(), &tasks, 1), [scaled("a")]);
}

#[test]
fn it_is_complete_when_the_last_of_before_has_ended() {
    let service = service();
    let (new, old) = (task("c", "new", TaskStatus::Running), task("a", "old", TaskStatus::Stopping));
    let other = task("d", "new", TaskStatus::Running);
    let see = |old: &Task| {
        let old = Task { is_wanted: false, ..old.clone() };
        let seen = [&new, &other, &old].map(|task| Seen { task, health: Health::Good });
        decide(&service, &seen, at(1))
    };
    assert_eq!(see(&old), []);
    assert_eq!(see(&Task { status: TaskStatus::Stopped, ..old.clone() }), [Decision::Complete]);
}

#[test]
fn an_unhealthy_task_has_the_grace_period() {
    let bad = Some(Health::Bad("Health checks failed".to_owned()));
    let tasks = [("a", "old", GOOD), ("b", "old", GOOD), ("c", "new", bad), ("d", "new", UNKNOWN)];
    assert_eq!(decide_for(&service(), &tasks, 59), []);
    let reason = StopReason::Unhealthy("Health checks failed".to_owned());
    assert_eq!(decide_for(&service(), &tasks, 60), [Decision::Stop { task_id: "c".to_owned(), reason }]);
}

#[test]
fn the_circuit_breakers_threshold_is_half_of_the_tasks_within_bounds() {
    // Source: ECS Developer Guide, "Failure threshold": 0.5 times the desired count, rounded up, from 3 to 200.
    let cases = [(1, 3), (2, 3), (6, 3), (7, 4), (25, 13), (400, 200), (401, 200), (1000, 200)];
    for (desired_count, threshold) in cases {
        assert_eq!(failure_threshold(desired_count), threshold, "{desired_count}");
    }
}

#[test]
fn the_circuit_breaker_breaks_a_deployment_that_is_in_progress_and_on() {
    let mut service = service();
    service.deployments[0].failed_tasks = 2;
    assert_eq!(decide_for(&service, &[], 1), [Decision::Start(2)]);
    service.deployments[0].failed_tasks = 3;
    assert_eq!(decide_for(&service, &[], 1), [Decision::GiveUp]);
    service.deployments[0].rollout = Rollout::Completed;
    assert_eq!(decide_for(&service, &[], 1), [Decision::Start(2)]);
    service.deployments[0].rollout = Rollout::InProgress;
    service.body["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"] = json!(false);
    assert_eq!(decide_for(&service, &[], 1), [Decision::Start(2)]);
}

#[test]
fn a_healthy_task_ends_the_row_of_failures() {
    let mut service = service();
    service.deployments[0].failed_tasks = 2;
    let tasks = [("c", "new", GOOD), ("d", "new", None)];
    assert_eq!(decide_for(&service, &tasks, 1), [Decision::Forgive]);
}

#[test]
fn after_a_failure_the_next_task_waits() {
    let mut service = service();
    service.deployments[0].start_not_before = Some(at(5));
    assert_eq!(decide_for(&service, &[], 4), []);
    assert_eq!(decide_for(&service, &[], 5), [Decision::Start(2)]);
}

#[test]
fn a_failed_deployment_without_a_way_back_touches_nothing() {
    let mut service = service();
    service.deployments[0].rollout = Rollout::Failed;
    let tasks = [("a", "old", GOOD), ("b", "old", GOOD)];
    assert_eq!(decide_for(&service, &tasks, 1), []);
}

#[test]
fn a_service_that_is_deleted_or_scaled_in_loses_its_tasks() {
    let mut service = service();
    service.deployments.truncate(1);
    let tasks = [("c", "new", GOOD), ("d", "new", GOOD)];
    service.desired_count = 1;
    assert_eq!(decide_for(&service, &tasks, 1)[0], scaled("d"));
    service.status = ServiceStatus::Draining;
    assert_eq!(decide_for(&service, &tasks, 1), [scaled("c"), scaled("d")]);
}
