//! What runs where, and whether it is healthy.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::judge::short;
use super::read::Aws;
use super::snapshot::{DeploymentStatus, RolloutState, TargetState};

/// A service as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    pub service: String,
    /// What the service is to run: ARN, with its revision.
    pub task_definition_arn: String,
    /// The image of each container of that task definition.
    pub images: BTreeMap<String, String>,
    pub desired_count: usize,
    pub running_count: usize,
    pub pending_count: usize,
    /// How many tasks the load balancer finds healthy; none without a load balancer.
    pub healthy_count: Option<usize>,
    /// Whether a deployment is under way or was given up, in AWS's words.
    pub rollout: Option<String>,
    /// Whether it runs what it is to run, as much as it is to, and nothing else.
    pub is_stable: bool,
    /// Those that have not stopped.
    pub tasks: Vec<TaskStatus>,
    /// The newest event, in AWS's words.
    pub last_event: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    pub task_id: String,
    /// `family:revision`.
    pub task_definition: String,
    pub last_status: String,
    /// What the load balancer says of it, where there is one.
    pub health: Option<String>,
}

/// All services of a cluster, by name.
///
/// # Errors
/// When AWS refuses, or is not reached.
pub async fn status(aws: &Aws, cluster: &str) -> Result<Vec<ServiceStatus>> {
    let names = aws.list_services(cluster).await?;
    let mut statuses = Vec::new();
    for read in aws.read(cluster, &names).await? {
        let images = aws.images(&read.task_definition).await?;
        let snapshot = read.snapshot;
        let primary =
            snapshot.deployments.iter().find(|deployment| deployment.status == DeploymentStatus::Primary);
        let running_count = snapshot.deployments.iter().map(|deployment| deployment.running_count).sum();
        let is_agreed = primary.is_some_and(|primary| {
            primary.rollout_state.is_none_or(|state| state == RolloutState::Completed)
                && primary.running_count == snapshot.desired_count
        });
        let tasks: Vec<_> = snapshot.tasks.iter().filter(|task| !task.is_stopped()).collect();
        let is_healthy = |target: &super::snapshot::Target| target.state == TargetState::Healthy;
        let healthy = tasks.iter().filter(|task| task.target.as_ref().is_some_and(is_healthy)).count();
        statuses.push(ServiceStatus {
            rollout: primary
                .filter(|primary| primary.rollout_state != Some(RolloutState::Completed))
                .and_then(|primary| primary.rollout_state_reason.clone()),
            is_stable: is_agreed
                && running_count == snapshot.desired_count
                && (!snapshot.is_load_balanced || healthy >= snapshot.desired_count),
            healthy_count: snapshot.is_load_balanced.then_some(healthy),
            tasks: tasks
                .iter()
                .map(|task| TaskStatus {
                    task_id: task.id.clone(),
                    task_definition: short(&task.task_definition).to_owned(),
                    last_status: task.last_status.clone(),
                    health: task.target.as_ref().map(|target| format!("{:?}", target.state).to_lowercase()),
                })
                .collect(),
            last_event: snapshot.events.first().map(|event| event.message.clone()),
            service: snapshot.service,
            task_definition_arn: read.task_definition,
            images,
            desired_count: snapshot.desired_count,
            running_count,
            pending_count: snapshot.deployments.iter().map(|deployment| deployment.pending_count).sum(),
        });
    }
    Ok(statuses)
}
