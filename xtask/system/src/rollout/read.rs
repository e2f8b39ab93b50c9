//! Asks AWS: ECS for services and tasks, the load balancer for health, CloudWatch Logs for the last lines. SDK types stop
//! here. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types as ecs;
use aws_sdk_elasticloadbalancingv2::types as elb;
use jiff::Timestamp;

use super::snapshot::{
    Container, Deployment, DeploymentStatus, RolloutState, ServiceEvent, Snapshot, Target, TargetState, Task,
};

/// DescribeServices takes at most 10 services, DescribeTasks at most 100 tasks. Source: the ECS API reference.
const SERVICES_A_CALL: usize = 10;
const TASKS_A_CALL: usize = 100;

/// The three services that a rollout is watched through. Cloned freely.
#[derive(Debug, Clone)]
pub struct Aws {
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

/// A service and what the API's answer says beside the snapshot.
pub(super) struct Read {
    pub snapshot: Snapshot,
    pub task_definition: String,
}

/// Where a container's log goes.
struct LogPlace {
    group: String,
    prefix: String,
    container: String,
}

impl Aws {
    /// Clients with one configuration. Throttled and failed calls are tried again by the SDK, as `config` has it.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
        }
    }

    /// The names of the cluster's services, sorted.
    ///
    /// # Errors
    /// When ECS refuses, or is not reached.
    pub async fn list_services(&self, cluster: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut pages = self.ecs.list_services().cluster(cluster).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(said).with_context(|| format!("cannot list the services of `{cluster}`"))?;
            let arns = page.service_arns().iter();
            names.extend(arns.map(|arn| last_segment(arn).to_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// What is known of `services`, in their order, with their tasks and targets.
    ///
    /// # Errors
    /// When a service is missing, or AWS refuses or is not reached.
    pub(super) async fn read(&self, cluster: &str, services: &[String]) -> Result<Vec<Read>> {
        let mut reads = Vec::new();
        for names in services.chunks(SERVICES_A_CALL) {
            let answer =
                self.ecs.describe_services().cluster(cluster).set_services(Some(names.to_vec())).send().await;
            let answer = answer
                .map_err(said)
                .with_context(|| format!("cannot describe the services of `{cluster}`"))?;
            for name in names {
                let is_it = |service: &&ecs::Service| {
                    service.service_name() == Some(name) && service.status() != Some("INACTIVE")
                };
                let service = answer
                    .services()
                    .iter()
                    .find(is_it)
                    .ok_or_else(|| anyhow!("cluster `{cluster}` has no service `{name}`"))?;
                reads.push(self.read_service(cluster, service).await?);
            }
        }
        Ok(reads)
    }

    async fn read_service(&self, cluster: &str, service: &ecs::Service) -> Result<Read> {
        let name = service.service_name().unwrap_or_default().to_owned();
        let mut tasks = self.describe_tasks(cluster, &name).await?;
        let groups: Vec<&str> =
            service.load_balancers().iter().filter_map(ecs::LoadBalancer::target_group_arn).collect();
        for group in &groups {
            self.add_targets(group, &mut tasks).await?;
        }
        let snapshot = Snapshot {
            service: name,
            desired_count: count(service.desired_count()),
            health_grace: Duration::from_secs(
                u64::try_from(service.health_check_grace_period_seconds().unwrap_or_default())
                    .unwrap_or_default(),
            ),
            is_load_balanced: !groups.is_empty(),
            deployments: service.deployments().iter().map(deployment).collect(),
            events: service.events().iter().map(event).collect(),
            tasks: tasks.into_iter().map(|(task, _)| task).collect(),
        };
        Ok(Read { snapshot, task_definition: service.task_definition().unwrap_or_default().to_owned() })
    }

    /// The tasks of a service, running and stopped ones, each with its addresses.
    async fn describe_tasks(&self, cluster: &str, service: &str) -> Result<Vec<(Task, Address)>> {
        let mut arns = Vec::new();
        // Without the status, ECS lists only what is meant to run.
        for status in [ecs::DesiredStatus::Running, ecs::DesiredStatus::Stopped] {
            let list = self.ecs.list_tasks().cluster(cluster).service_name(service).desired_status(status);
            let mut pages = list.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(said).with_context(|| format!("cannot list the tasks of `{service}`"))?;
                arns.extend(page.task_arns().to_vec());
            }
        }
        let mut tasks = Vec::new();
        for arns in arns.chunks(TASKS_A_CALL) {
            let answer =
                self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await;
            let answer =
                answer.map_err(said).with_context(|| format!("cannot describe the tasks of `{service}`"))?;
            tasks.extend(answer.tasks().iter().map(|task| (self::task(task), address(task))));
        }
        Ok(tasks)
    }

    async fn add_targets(&self, group: &str, tasks: &mut [(Task, Address)]) -> Result<()> {
        let answer = self.elb.describe_target_health().target_group_arn(group).send().await;
        let answer = answer
            .map_err(said)
            .with_context(|| format!("cannot ask the target group `{}` for health", last_segment(group)))?;
        for description in answer.target_health_descriptions() {
            let (Some(id), health) = (description.target(), description.target_health()) else { continue };
            let fits = |address: &Address| {
                id.id() == address.ip.as_deref()
                    && address.port.is_none_or(|port| id.port().is_none_or(|other| other == port))
            };
            if let Some((task, _)) =
                tasks.iter_mut().find(|(task, address)| !task.is_stopped() && fits(address))
            {
                task.target = health.map(target);
            }
        }
        Ok(())
    }

    /// Makes the service run `task_definition`, and returns what it ran before.
    ///
    /// # Errors
    /// When ECS refuses, or is not reached.
    pub(super) async fn update_service(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<()> {
        let update =
            self.ecs.update_service().cluster(cluster).service(service).task_definition(task_definition);
        update
            .send()
            .await
            .map_err(said)
            .with_context(|| format!("cannot make the service `{service}` run `{task_definition}`"))?;
        Ok(())
    }

    /// The images of a task definition, by container.
    pub(super) async fn images(&self, task_definition: &str) -> Result<BTreeMap<String, String>> {
        let definition = self.describe_task_definition(task_definition).await?;
        let containers = definition.container_definitions().iter();
        let images = containers
            .filter_map(|container| Some((container.name()?.to_owned(), container.image()?.to_owned())));
        Ok(images.collect())
    }

    /// The last `lines` lines of a task's log, the oldest first. Empty when there is no log, or none that can be had: a log
    /// that cannot be read must not hide why it was wanted.
    pub(super) async fn last_lines(&self, task_definition: &str, task_id: &str, lines: usize) -> Vec<String> {
        let Ok(definition) = self.describe_task_definition(task_definition).await else { return Vec::new() };
        let places = definition.container_definitions().iter().filter_map(log_place);
        for place in places {
            let stream = format!("{}/{}/{task_id}", place.prefix, place.container);
            let answer = self
                .logs
                .get_log_events()
                .log_group_name(&place.group)
                .log_stream_name(stream)
                .limit(i32::try_from(lines).unwrap_or(i32::MAX))
                .start_from_head(false)
                .send()
                .await;
            if let Ok(answer) = answer
                && !answer.events().is_empty()
            {
                let messages = answer.events().iter().filter_map(|event| event.message());
                return messages.map(|message| message.trim_end().to_owned()).collect();
            }
        }
        Vec::new()
    }

    async fn describe_task_definition(&self, task_definition: &str) -> Result<ecs::TaskDefinition> {
        let answer = self.ecs.describe_task_definition().task_definition(task_definition).send().await;
        let answer = answer.map_err(said).with_context(|| format!("cannot describe `{task_definition}`"))?;
        answer.task_definition.context("the answer has no task definition")
    }
}

/// Where the load balancer reaches a task.
#[derive(Debug, Default)]
struct Address {
    ip: Option<String>,
    /// Where the host's port is not the container's.
    port: Option<i32>,
}

fn address(task: &ecs::Task) -> Address {
    let details = task.attachments().iter().flat_map(ecs::Attachment::details);
    let ip = details
        .filter(|detail| detail.name() == Some("privateIPv4Address"))
        .find_map(|detail| detail.value().map(ToOwned::to_owned));
    let bindings = task.containers().iter().flat_map(ecs::Container::network_bindings);
    Address { ip, port: bindings.filter_map(ecs::NetworkBinding::host_port).next() }
}

fn deployment(deployment: &ecs::Deployment) -> Deployment {
    Deployment {
        id: deployment.id().unwrap_or_default().to_owned(),
        status: match deployment.status() {
            Some("PRIMARY") => DeploymentStatus::Primary,
            Some("ACTIVE") => DeploymentStatus::Active,
            _ => DeploymentStatus::Other,
        },
        task_definition: deployment.task_definition().unwrap_or_default().to_owned(),
        running_count: count(deployment.running_count()),
        pending_count: count(deployment.pending_count()),
        rollout_state: deployment.rollout_state().and_then(|state| match state {
            ecs::DeploymentRolloutState::InProgress => Some(RolloutState::InProgress),
            ecs::DeploymentRolloutState::Completed => Some(RolloutState::Completed),
            ecs::DeploymentRolloutState::Failed => Some(RolloutState::Failed),
            _ => None,
        }),
        rollout_state_reason: deployment.rollout_state_reason().map(ToOwned::to_owned),
        created_at: timestamp(deployment.created_at()),
    }
}

fn event(event: &ecs::ServiceEvent) -> ServiceEvent {
    ServiceEvent {
        at: timestamp(event.created_at()),
        message: event.message().unwrap_or_default().to_owned(),
    }
}

fn task(task: &ecs::Task) -> Task {
    Task {
        id: last_segment(task.task_arn().unwrap_or_default()).to_owned(),
        task_definition: task.task_definition_arn().unwrap_or_default().to_owned(),
        started_by: task.started_by().map(ToOwned::to_owned),
        last_status: task.last_status().unwrap_or_default().to_owned(),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason().map(ToOwned::to_owned),
        containers: task
            .containers()
            .iter()
            .map(|container| Container {
                name: container.name().unwrap_or_default().to_owned(),
                exit_code: container.exit_code(),
                reason: container.reason().map(ToOwned::to_owned),
            })
            .collect(),
        target: None,
    }
}

fn target(health: &elb::TargetHealth) -> Target {
    Target {
        state: match health.state() {
            Some(elb::TargetHealthStateEnum::Initial) => TargetState::Initial,
            Some(elb::TargetHealthStateEnum::Healthy) => TargetState::Healthy,
            Some(elb::TargetHealthStateEnum::Unhealthy) => TargetState::Unhealthy,
            Some(elb::TargetHealthStateEnum::Draining) => TargetState::Draining,
            _ => TargetState::Unchecked,
        },
        reason: health.reason().map(|reason| reason.as_str().to_owned()),
        description: health.description().map(ToOwned::to_owned),
    }
}

fn log_place(container: &ecs::ContainerDefinition) -> Option<LogPlace> {
    let configuration = container.log_configuration()?;
    let options = configuration.options()?;
    Some(LogPlace {
        group: options.get("awslogs-group")?.clone(),
        prefix: options.get("awslogs-stream-prefix")?.clone(),
        container: container.name()?.to_owned(),
    })
}

fn timestamp(time: Option<&DateTime>) -> Timestamp {
    let milliseconds = time.and_then(|time| time.to_millis().ok()).unwrap_or_default();
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// An SDK error in AWS's words where there are any; its own text says only that a service failed.
fn said<E>(error: SdkError<E>) -> anyhow::Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().map(ToOwned::to_owned);
    match (code, error.message().map(ToOwned::to_owned)) {
        (Some(code), Some(message)) => anyhow::Error::new(error).context(format!("{code}: {message}")),
        (Some(code), None) => anyhow::Error::new(error).context(code),
        _ => anyhow::Error::new(error),
    }
}
