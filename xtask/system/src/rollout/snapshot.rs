//! What is known of a service at one moment. Values only; nothing here asks or decides.

use std::time::Duration;

use jiff::Timestamp;

/// A service, its deployments and its tasks, as AWS described them within one poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub service: String,
    /// How many tasks the service wants.
    pub desired_count: usize,
    /// How long the service lets a task be unhealthy after its start.
    pub health_grace: Duration,
    /// Whether a load balancer says which tasks are healthy.
    pub is_load_balanced: bool,
    /// In any order. One of them is primary.
    pub deployments: Vec<Deployment>,
    /// The newest first, as ECS gives them; at most 100.
    pub events: Vec<ServiceEvent>,
    /// Those of all deployments, in any order. ECS keeps a stopped one for an hour or so.
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Such as `ecs-svc/1234567890123456789`.
    pub id: String,
    pub status: DeploymentStatus,
    /// ARN, with the revision.
    pub task_definition: String,
    pub running_count: usize,
    pub pending_count: usize,
    /// None for deployments that are not rolling ones.
    pub rollout_state: Option<RolloutState>,
    /// In AWS's words.
    pub rollout_state_reason: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// The one that ECS works towards.
    Primary,
    /// An earlier one that still has tasks.
    Active,
    /// One that is being removed, or anything else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    pub at: Timestamp,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The last segment of the ARN.
    pub id: String,
    pub task_definition: String,
    /// The deployment that started it.
    pub started_by: Option<String>,
    /// Such as `PENDING`, `RUNNING` or `STOPPED`.
    pub last_status: String,
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    pub containers: Vec<Container>,
    /// What the load balancer says, where it knows the task.
    pub target: Option<Target>,
}

impl Task {
    pub fn is_running(&self) -> bool {
        self.last_status == "RUNNING"
    }

    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub exit_code: Option<i32>,
    /// Such as `OutOfMemoryError: Container killed due to memory usage`.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub state: TargetState,
    /// A code such as `Target.ResponseCodeMismatch`.
    pub reason: Option<String>,
    /// A sentence such as `Health checks failed with these codes: [500]`.
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    Initial,
    Healthy,
    Unhealthy,
    Draining,
    /// `unused` and `unavailable`: nobody checks it.
    Unchecked,
}
