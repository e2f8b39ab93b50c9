//! Services and tasks as the API gives them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::engine::Engine;
use super::state::{Deployment, Rollout, Service, ServiceStatus, State, Task, TaskStatus};
use super::tags;

/// JSON 1.1 writes a time as seconds since 1970, with a fraction.
pub(super) fn seconds(time: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into 53 bits for ages")]
    let milliseconds = time.as_millisecond() as f64;
    json!(milliseconds / 1000.0)
}

pub(super) fn service(engine: &Engine, state: &State, service: &Service, with_tags: bool) -> Value {
    let arn = service_arn(engine, service);
    let deployments: Vec<Value> =
        service.deployments.iter().map(|one| deployment(engine, state, service, one)).collect();
    let sum = |key: &str| deployments.iter().filter_map(|one| one[key].as_u64()).sum::<u64>();
    let mut json = Value::Object(service.body.clone());
    json["serviceArn"] = json!(arn);
    json["serviceName"] = json!(service.name);
    json["clusterArn"] = json!(engine.arn("cluster", &service.cluster));
    json["status"] = json!(match service.status {
        ServiceStatus::Active => "ACTIVE",
        ServiceStatus::Draining => "DRAINING",
        ServiceStatus::Inactive => "INACTIVE",
    });
    if let Some(deployment) = service.deployments.first() {
        json["taskDefinition"] = json!(engine.arn("task-definition", &deployment.task_definition));
    }
    json["desiredCount"] = json!(service.desired_count);
    json["runningCount"] = json!(sum("runningCount"));
    json["pendingCount"] = json!(sum("pendingCount"));
    json["deployments"] = json!(deployments);
    json["events"] = service
        .events
        .iter()
        .map(|event| json!({ "id": event.id, "createdAt": seconds(event.at), "message": event.message }))
        .collect();
    json["createdAt"] = seconds(service.created_at);
    json["tags"] = if with_tags { tags::of(state, &arn) } else { json!([]) };
    json
}

pub(super) fn service_arn(engine: &Engine, service: &Service) -> String {
    engine.arn("service", &format!("{}/{}", service.cluster, service.name))
}

fn deployment(engine: &Engine, state: &State, service: &Service, deployment: &Deployment) -> Value {
    let tasks = || state.tasks.values().filter(|task| task.deployment_id == deployment.id);
    let is_pending = |status: TaskStatus| matches!(status, TaskStatus::Provisioning | TaskStatus::Pending);
    let mut json = json!({
        "id": deployment.id,
        "status": if deployment.is_primary { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": engine.arn("task-definition", &deployment.task_definition),
        "desiredCount": if deployment.is_primary { service.wanted() } else { 0 },
        "runningCount": tasks().filter(|task| task.status == TaskStatus::Running).count(),
        "pendingCount": tasks().filter(|task| is_pending(task.status)).count(),
        "failedTasks": deployment.failed_tasks,
        "rolloutState": match deployment.rollout {
            Rollout::InProgress => "IN_PROGRESS",
            Rollout::Completed => "COMPLETED",
            Rollout::Failed => "FAILED",
        },
        "rolloutStateReason": deployment.rollout_reason,
        "createdAt": seconds(deployment.created_at),
        "updatedAt": seconds(deployment.updated_at),
    });
    for key in ["launchType", "capacityProviderStrategy", "networkConfiguration", "platformVersion"] {
        if let Some(value) = service.body.get(key) {
            json[key] = value.clone();
        }
    }
    json
}

pub(super) fn task(engine: &Engine, task: &Task) -> Value {
    let status = match task.status {
        TaskStatus::Provisioning => "PROVISIONING",
        TaskStatus::Pending => "PENDING",
        TaskStatus::Running => "RUNNING",
        TaskStatus::Deactivating => "DEACTIVATING",
        TaskStatus::Stopping => "STOPPING",
        TaskStatus::Stopped => "STOPPED",
    };
    let arn = task_arn(engine, task);
    let mut container = json!({
        "name": task.container,
        "image": task.image,
        "taskArn": arn,
        "lastStatus": status,
        "networkBindings": [],
    });
    if let Some(code) = task.exit_code {
        container["exitCode"] = json!(code);
    }
    if let Some(reason) = &task.stopped_reason
        && task.stop_code.as_deref() == Some("TaskFailedToStart")
    {
        container["reason"] = json!(reason);
    }
    let mut json = json!({
        "taskArn": arn,
        "clusterArn": engine.arn("cluster", &task.cluster),
        "taskDefinitionArn": engine.arn("task-definition", &task.task_definition),
        "group": format!("service:{}", task.service),
        "startedBy": task.deployment_id,
        "lastStatus": status,
        "desiredStatus": if task.is_wanted { "RUNNING" } else { "STOPPED" },
        "createdAt": seconds(task.created_at),
        "launchType": "FARGATE",
    });
    if let Some(address) = task.address {
        // Several tasks share an address here, so that the port tells them apart: a binding as of the bridge mode.
        container["networkBindings"] = json!([{ "hostPort": address.port(), "protocol": "tcp" }]);
        let details = json!([{ "name": "privateIPv4Address", "value": address.ip().to_string() }]);
        json["attachments"] =
            json!([{ "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details }]);
    }
    json["containers"] = json!([container]);
    for (key, value) in [("stopCode", &task.stop_code), ("stoppedReason", &task.stopped_reason)] {
        if let Some(value) = value {
            json[key] = json!(value);
        }
    }
    for (key, time) in [("startedAt", task.started_at), ("stoppedAt", task.stopped_at)] {
        if let Some(time) = time {
            json[key] = seconds(time);
        }
    }
    json
}

pub(super) fn task_arn(engine: &Engine, task: &Task) -> String {
    engine.arn("task", &format!("{}/{}", task.cluster, task.id))
}
