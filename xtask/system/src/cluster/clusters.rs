//! Operations on clusters.

use serde_json::{Value, json};

use super::api::{name_in, texts};
use super::engine::Engine;
use super::error::{Answer, ApiError};
use super::state::{Cluster, ServiceStatus, State, TaskStatus};
use super::tags;

/// ECS's name for a cluster that is not named.
pub(super) const DEFAULT: &str = "default";

pub(super) fn create(engine: &Engine, request: &Value) -> Answer {
    let name = name_in(request, "clusterName", DEFAULT).to_owned();
    let or = |key: &str, default: Value| if request[key].is_null() { default } else { request[key].clone() };
    let mut state = engine.state();
    // As on AWS, one that is there is given back.
    if !state.clusters.get(&name).is_some_and(|cluster| cluster.is_active) {
        let cluster = Cluster {
            name: name.clone(),
            is_active: true,
            settings: or("settings", json!([{ "name": "containerInsights", "value": "disabled" }])),
            configuration: request["configuration"].clone(),
            capacity_providers: or("capacityProviders", json!([])),
            default_capacity_provider_strategy: or("defaultCapacityProviderStrategy", json!([])),
        };
        state.clusters.insert(name.clone(), cluster);
        let arn = engine.arn("cluster", &name);
        tags::set(&mut state, &arn, request);
    }
    Ok(json!({ "cluster": to_json(engine, &state, &state.clusters[&name], true) }))
}

pub(super) fn update(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = active(&mut state, name_in(request, "cluster", DEFAULT))?;
    if !request["settings"].is_null() {
        cluster.settings = request["settings"].clone();
    }
    if !request["configuration"].is_null() {
        cluster.configuration = request["configuration"].clone();
    }
    let cluster = cluster.clone();
    Ok(json!({ "cluster": to_json(engine, &state, &cluster, false) }))
}

pub(super) fn put_capacity_providers(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = active(&mut state, name_in(request, "cluster", DEFAULT))?;
    cluster.capacity_providers = request["capacityProviders"].clone();
    cluster.default_capacity_provider_strategy = request["defaultCapacityProviderStrategy"].clone();
    let cluster = cluster.clone();
    Ok(json!({ "cluster": to_json(engine, &state, &cluster, false) }))
}

pub(super) fn describe(engine: &Engine, request: &Value) -> Answer {
    let state = engine.state();
    let names = texts(request, "clusters");
    let names = if names.is_empty() { vec![DEFAULT] } else { names };
    let with_tags = texts(request, "include").contains(&"TAGS");
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let name = name.rsplit('/').next().unwrap_or(name);
        match state.clusters.get(name) {
            Some(cluster) => clusters.push(to_json(engine, &state, cluster, with_tags)),
            None => failures.push(json!({ "arn": engine.arn("cluster", name), "reason": "MISSING" })),
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

pub(super) fn list(engine: &Engine) -> Answer {
    let state = engine.state();
    let active = state.clusters.values().filter(|cluster| cluster.is_active);
    Ok(
        json!({ "clusterArns": active.map(|cluster| engine.arn("cluster", &cluster.name)).collect::<Vec<_>>() }),
    )
}

pub(super) fn delete(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let name = name_in(request, "cluster", DEFAULT).to_owned();
    active(&mut state, &name)?;
    if state
        .services
        .iter()
        .any(|service| service.cluster == name && service.status != ServiceStatus::Inactive)
    {
        let message = "The Cluster cannot be deleted while Services are active.";
        return Err(ApiError::new("ClusterContainsServicesException", message));
    }
    if state.tasks.values().any(|task| task.cluster == name && task.status != TaskStatus::Stopped) {
        let message = "The Cluster cannot be deleted while Tasks are active.";
        return Err(ApiError::new("ClusterContainsTasksException", message));
    }
    let cluster = active(&mut state, &name)?;
    cluster.is_active = false;
    let cluster = cluster.clone();
    Ok(json!({ "cluster": to_json(engine, &state, &cluster, false) }))
}

/// The cluster of this name, unless there is none or it was deleted.
pub(super) fn active<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Cluster, ApiError> {
    let found = state.clusters.get_mut(name).filter(|cluster| cluster.is_active);
    found.ok_or_else(|| ApiError::new("ClusterNotFoundException", "Cluster not found."))
}

fn to_json(engine: &Engine, state: &State, cluster: &Cluster, with_tags: bool) -> Value {
    let arn = engine.arn("cluster", &cluster.name);
    let of_cluster = |name: &str| name == cluster.name;
    let tasks = || state.tasks.values().filter(|task| of_cluster(&task.cluster));
    let is_waiting = |status: TaskStatus| matches!(status, TaskStatus::Provisioning | TaskStatus::Pending);
    let services = state
        .services
        .iter()
        .filter(|service| of_cluster(&service.cluster) && service.status != ServiceStatus::Inactive);
    let mut json = json!({
        "clusterArn": arn,
        "clusterName": cluster.name,
        "status": if cluster.is_active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": tasks().filter(|task| task.status == TaskStatus::Running).count(),
        "pendingTasksCount": tasks().filter(|task| is_waiting(task.status)).count(),
        "activeServicesCount": services.count(),
        "statistics": [],
        "settings": cluster.settings,
        "capacityProviders": cluster.capacity_providers,
        "defaultCapacityProviderStrategy": cluster.default_capacity_provider_strategy,
        "tags": if with_tags { tags::of(state, &arn) } else { json!([]) },
    });
    if !cluster.configuration.is_null() {
        json["configuration"] = cluster.configuration.clone();
    }
    json
}
