//! What the cluster knows, as plain values that are kept in a file. Decides nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// ECS gives the last 100 events of a service.
const EVENTS: usize = 100;

pub(super) type Object = Map<String, Value>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub clusters: BTreeMap<String, Cluster>,
    /// By `family:revision`.
    pub task_definitions: BTreeMap<String, TaskDefinition>,
    /// By cluster and name.
    pub services: Vec<Service>,
    /// By id.
    pub tasks: BTreeMap<String, Task>,
    /// By ARN.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub name: String,
    pub is_active: bool,
    pub settings: Value,
    pub configuration: Value,
    pub capacity_providers: Value,
    pub default_capacity_provider_strategy: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskDefinition {
    pub family: String,
    pub revision: u32,
    pub is_active: bool,
    /// What was registered, with what ECS fills in.
    pub body: Object,
    pub registered_at: Timestamp,
}

impl TaskDefinition {
    /// `family:revision`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }

    /// Its one container.
    pub fn container(&self) -> &Value {
        &self.body["containerDefinitions"][0]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Service {
    pub name: String,
    pub cluster: String,
    pub status: ServiceStatus,
    pub desired_count: usize,
    /// What was asked for and is only given back.
    pub body: Object,
    /// The primary one first.
    pub deployments: Vec<Deployment>,
    /// What the circuit breaker goes back to.
    pub last_completed: Option<Deployment>,
    /// The newest first.
    pub events: Vec<Event>,
    pub created_at: Timestamp,
    pub fault: Option<Fault>,
}

/// What a test or a demonstration wants to go wrong, because nothing on one machine makes it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// AWS has no room for a task.
    NoCapacity,
    /// Tasks are placed, and stay pending.
    StuckPending,
}

impl Service {
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.first().filter(|deployment| deployment.is_primary)
    }

    /// How many tasks there are to be.
    pub fn wanted(&self) -> usize {
        if self.status == ServiceStatus::Active { self.desired_count } else { 0 }
    }

    pub fn percent(&self, name: &str, default: usize) -> usize {
        let value =
            self.body.get("deploymentConfiguration").and_then(|configuration| configuration.get(name));
        value.and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
    }

    pub fn breaker(&self, name: &str) -> bool {
        let configuration = self.body.get("deploymentConfiguration");
        configuration.is_some_and(|value| value["deploymentCircuitBreaker"][name] == Value::Bool(true))
    }

    /// The target group that its tasks are registered with.
    pub fn target_group(&self) -> Option<&str> {
        self.body.get("loadBalancers")?.get(0)?.get("targetGroupArn")?.as_str()
    }

    /// Whether it is this one: by name or by ARN.
    pub fn is_called(&self, cluster: &str, name: &str) -> bool {
        self.cluster == cluster && name.rsplit('/').next() == Some(&self.name)
    }

    pub fn say(&mut self, now: Timestamp, text: &str) {
        let message = format!("(service {}) {text}", self.name);
        self.events.insert(0, Event { id: new_id(), at: now, message });
        self.events.truncate(EVENTS);
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub id: String,
    pub at: Timestamp,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub id: String,
    pub is_primary: bool,
    /// `family:revision`.
    pub task_definition: String,
    /// Tasks in a row that ended before they were healthy.
    pub failed_tasks: usize,
    pub rollout: Rollout,
    pub rollout_reason: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// No task is started before: ECS waits longer and longer after failures.
    pub start_not_before: Option<Timestamp>,
}

impl Deployment {
    pub fn new(task_definition: String, now: Timestamp) -> Self {
        let id = format!("ecs-svc/{:019}", random() % 10_000_000_000_000_000_000);
        Self {
            is_primary: true,
            task_definition,
            failed_tasks: 0,
            rollout: Rollout::InProgress,
            rollout_reason: format!("ECS deployment {id} in progress."),
            created_at: now,
            updated_at: now,
            start_not_before: None,
            id,
        }
    }

    /// An earlier deployment that becomes the primary one again.
    pub fn again(self, now: Timestamp) -> Self {
        Self {
            is_primary: true,
            rollout: Rollout::InProgress,
            rollout_reason: format!("ECS deployment {} in progress.", self.id),
            failed_tasks: 0,
            updated_at: now,
            start_not_before: None,
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TaskStatus {
    Provisioning,
    Pending,
    Running,
    /// The load balancer sends what it has begun to its end.
    Deactivating,
    Stopping,
    Stopped,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub id: String,
    pub cluster: String,
    pub service: String,
    pub deployment_id: String,
    /// `family:revision`.
    pub task_definition: String,
    pub container: String,
    pub image: String,
    pub status: TaskStatus,
    /// Whether it is meant to run.
    pub is_wanted: bool,
    /// Whether it was ever healthy.
    pub was_up: bool,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    pub exit_code: Option<i32>,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    pub process: Option<ProcessId>,
}

/// A process and when it started, in the kernel's ticks: a number alone is given to another process in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessId {
    pub pid: i32,
    pub started: u64,
}

/// 32 hexadecimal digits, as the ids of ECS's tasks.
pub(super) fn new_id() -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn random() -> u64 {
    getrandom::u64().expect("the system gives random numbers")
}
