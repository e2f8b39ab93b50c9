//! Operations on services.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{name_in, texts};
use super::clusters;
use super::describe;
use super::engine::Engine;
use super::error::{Answer, ApiError};
use super::state::{Deployment, Object, Service, ServiceStatus, State};
use super::{tags, task_definitions};

/// What of a request is the service's own and only given back.
const KEPT: &[&str] = &[
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "deploymentConfiguration",
    "deploymentController",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "propagateTags",
    "availabilityZoneRebalancing",
];

/// A change of these starts a deployment, as a new task definition does.
const DEPLOYED: &[&str] =
    &["loadBalancers", "capacityProviderStrategy", "platformVersion", "networkConfiguration"];

pub(super) fn create(engine: &Engine, request: &Value) -> Answer {
    let name = request["serviceName"].as_str().unwrap_or_default().to_owned();
    let cluster = name_in(request, "cluster", clusters::DEFAULT).to_owned();
    let now = Timestamp::now();
    let mut state = engine.state();
    clusters::active(&mut state, &cluster)?;
    if name.is_empty() {
        return Err(ApiError::invalid("serviceName can not be empty."));
    }
    let is_there =
        |service: &Service| service.is_called(&cluster, &name) && service.status != ServiceStatus::Inactive;
    if state.services.iter().any(is_there) {
        return Err(ApiError::invalid("Creation of service was not idempotent."));
    }
    let task_definition = task_definition_in(&state, request)?;
    let mut body = Object::new();
    keep(&mut body, request);
    let mut service = Service {
        name: name.clone(),
        cluster: cluster.clone(),
        status: ServiceStatus::Active,
        desired_count: desired_count(request).unwrap_or_default(),
        body,
        deployments: vec![Deployment::new(task_definition, now)],
        last_completed: None,
        events: Vec::new(),
        created_at: now,
        fault: None,
    };
    fill_in(&mut service.body);
    tags::set(&mut state, &describe::service_arn(engine, &service), request);
    state.services.retain(|one| !one.is_called(&cluster, &name));
    let answer = json!({ "service": describe::service(engine, &state, &service, true) });
    state.services.push(service);
    Ok(answer)
}

pub(super) fn update(engine: &Engine, request: &Value) -> Answer {
    let now = Timestamp::now();
    let mut state = engine.state();
    let index = active(&state, request, "service")?;
    let task_definition = match request["taskDefinition"].is_null() {
        true => state.services[index].deployments[0].task_definition.clone(),
        false => task_definition_in(&state, request)?,
    };
    let service = &mut state.services[index];
    let is_changed = |key: &str| !request[key].is_null() && service.body.get(key) != Some(&request[key]);
    let is_deployed = DEPLOYED.iter().any(|key| is_changed(key));
    keep(&mut service.body, request);
    fill_in(&mut service.body);
    if let Some(count) = desired_count(request) {
        service.desired_count = count;
    }
    let is_forced = request["forceNewDeployment"] == json!(true);
    if is_deployed || is_forced || task_definition != service.deployments[0].task_definition {
        service.deployments.iter_mut().for_each(|one| one.is_primary = false);
        // Back to a deployment that still has tasks: it goes on, with these.
        let earlier = service.deployments.iter().position(|one| one.task_definition == task_definition);
        let deployment = match earlier.filter(|_| !is_deployed && !is_forced) {
            Some(index) => service.deployments.remove(index).again(now),
            None => Deployment::new(task_definition, now),
        };
        service.deployments.insert(0, deployment);
    }
    Ok(json!({ "service": describe::service(engine, &state, &state.services[index], false) }))
}

pub(super) fn describe(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = name_in(request, "cluster", clusters::DEFAULT).to_owned();
    clusters::active(&mut state, &cluster)?;
    let with_tags = texts(request, "include").contains(&"TAGS");
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in texts(request, "services") {
        let found = state.services.iter().find(|service| service.is_called(&cluster, name));
        if let Some(service) = found {
            services.push(describe::service(engine, &state, service, with_tags));
        } else {
            let name = name.rsplit('/').next().unwrap_or(name);
            let arn = engine.arn("service", &format!("{cluster}/{name}"));
            failures.push(json!({ "arn": arn, "reason": "MISSING" }));
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}

pub(super) fn list(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = name_in(request, "cluster", clusters::DEFAULT);
    clusters::active(&mut state, cluster)?;
    let listed =
        state.services.iter().filter(|one| one.cluster == cluster && one.status != ServiceStatus::Inactive);
    let arns: Vec<_> = listed.map(|one| describe::service_arn(engine, one)).collect();
    Ok(json!({ "serviceArns": arns }))
}

pub(super) fn delete(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let index = active(&state, request, "service")?;
    let service = &mut state.services[index];
    if service.desired_count > 0 && request["force"] != json!(true) {
        return Err(ApiError::invalid(
            "The service cannot be stopped while the primary deployment is scaled above 0.",
        ));
    }
    service.status = ServiceStatus::Draining;
    service.desired_count = 0;
    Ok(json!({ "service": describe::service(engine, &state, &state.services[index], false) }))
}

/// Where the active service is that a request names.
pub(super) fn active(state: &State, request: &Value, key: &str) -> Result<usize, ApiError> {
    let cluster = name_in(request, "cluster", clusters::DEFAULT);
    if !state.clusters.get(cluster).is_some_and(|cluster| cluster.is_active) {
        return Err(ApiError::new("ClusterNotFoundException", "Cluster not found."));
    }
    let name = request[key].as_str().unwrap_or_default();
    let found = state.services.iter().position(|service| service.is_called(cluster, name));
    let index = found.ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))?;
    if state.services[index].status != ServiceStatus::Active {
        return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    Ok(index)
}

fn task_definition_in(state: &State, request: &Value) -> Result<String, ApiError> {
    let definition = task_definitions::find(state, name_in(request, "taskDefinition", ""));
    let definition = definition.ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
    if !definition.is_active {
        return Err(ApiError::client("TaskDefinition is inactive"));
    }
    Ok(definition.key())
}

fn desired_count(request: &Value) -> Option<usize> {
    request["desiredCount"].as_u64().and_then(|count| usize::try_from(count).ok())
}

fn keep(body: &mut Object, request: &Value) {
    for key in KEPT {
        if !request[*key].is_null() {
            body.insert((*key).to_owned(), request[*key].clone());
        }
    }
}

/// What ECS adds where nothing was asked for.
fn fill_in(body: &mut Object) {
    let defaults = [
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("deploymentConfiguration", json!({})),
        ("platformVersion", json!("LATEST")),
        ("platformFamily", json!("Linux")),
        ("enableECSManagedTags", json!(false)),
        ("enableExecuteCommand", json!(false)),
        ("propagateTags", json!("NONE")),
        ("availabilityZoneRebalancing", json!("DISABLED")),
    ];
    for (key, value) in defaults {
        body.entry(key).or_insert(value);
    }
    let configuration = &mut body["deploymentConfiguration"];
    for (key, value) in [
        ("maximumPercent", json!(200)),
        ("minimumHealthyPercent", json!(100)),
        ("deploymentCircuitBreaker", json!({ "enable": false, "rollback": false })),
    ] {
        if configuration[key].is_null() {
            configuration[key] = value;
        }
    }
    for provider in
        body.get_mut("capacityProviderStrategy").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if provider["base"].is_null() {
            provider["base"] = json!(0);
        }
    }
}
