//! Operations on task definitions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{name_in, texts};
use super::describe::seconds;
use super::engine::Engine;
use super::error::{Answer, ApiError};
use super::state::{State, TaskDefinition};
use super::tags;

pub(super) fn register(engine: &Engine, request: &Value) -> Answer {
    let family = request["family"].as_str().unwrap_or_default().to_owned();
    if family.is_empty() {
        return Err(ApiError::client("Family should not be null or empty."));
    }
    let containers = request["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let [container] = containers.as_slice() else {
        return Err(ApiError::client(
            "the local cluster runs tasks of exactly one container; this task definition has another number",
        ));
    };
    let is_text = |key: &str| container[key].as_str().is_some_and(|text| !text.is_empty());
    if !is_text("name") || !is_text("image") {
        return Err(ApiError::client("Container.name and Container.image should not be null or empty."));
    }
    let mut state = engine.state();
    let of_family = state.task_definitions.values().filter(|definition| definition.family == family);
    let revision = of_family.map(|definition| definition.revision).max().unwrap_or_default() + 1;
    let mut body = request.as_object().cloned().unwrap_or_default();
    body.remove("tags");
    let is_awsvpc = body.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    body.insert("containerDefinitions".to_owned(), json!([filled_in(container, is_awsvpc)]));
    for key in ["volumes", "placementConstraints"] {
        body.entry(key).or_insert_with(|| json!([]));
    }
    body.insert("compatibilities".to_owned(), json!(["EC2", "FARGATE"]));
    let definition =
        TaskDefinition { family, revision, is_active: true, body, registered_at: Timestamp::now() };
    let arn = engine.arn("task-definition", &definition.key());
    tags::set(&mut state, &arn, request);
    let answer = json!({ "taskDefinition": to_json(engine, &definition), "tags": tags::of(&state, &arn) });
    state.task_definitions.insert(definition.key(), definition);
    Ok(answer)
}

/// A container definition with what ECS adds to one.
fn filled_in(container: &Value, is_awsvpc: bool) -> Value {
    let mut container = container.clone();
    let object = container.as_object_mut().expect("it has a name");
    object.entry("cpu").or_insert(json!(0));
    object.entry("essential").or_insert(json!(true));
    for key in ["environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"] {
        object.entry(key).or_insert(json!([]));
    }
    for mapping in container["portMappings"].as_array_mut().into_iter().flatten() {
        if is_awsvpc && mapping["hostPort"].is_null() {
            mapping["hostPort"] = mapping["containerPort"].clone();
        }
        if mapping["protocol"].is_null() {
            mapping["protocol"] = json!("tcp");
        }
    }
    container
}

pub(super) fn describe(engine: &Engine, request: &Value) -> Answer {
    let state = engine.state();
    let definition = find(&state, name_in(request, "taskDefinition", ""))
        .ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    let arn = engine.arn("task-definition", &definition.key());
    let with_tags = texts(request, "include").contains(&"TAGS");
    let tags = if with_tags { tags::of(&state, &arn) } else { json!([]) };
    Ok(json!({ "taskDefinition": to_json(engine, definition), "tags": tags }))
}

pub(super) fn deregister(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let key = find(&state, name_in(request, "taskDefinition", "")).map(TaskDefinition::key);
    let definition = key.and_then(|key| state.task_definitions.get_mut(&key));
    let definition = definition.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    definition.is_active = false;
    Ok(json!({ "taskDefinition": to_json(engine, definition) }))
}

pub(super) fn list(engine: &Engine, request: &Value) -> Answer {
    let state = engine.state();
    let prefix = request["familyPrefix"].as_str();
    let is_active = request["status"].as_str() != Some("INACTIVE");
    let mut listed: Vec<&TaskDefinition> = state
        .task_definitions
        .values()
        .filter(|one| one.is_active == is_active && prefix.is_none_or(|prefix| prefix == one.family))
        .collect();
    listed.sort_by_key(|one| (&one.family, one.revision));
    if request["sort"].as_str() == Some("DESC") {
        listed.reverse();
    }
    let arns: Vec<_> = listed.iter().map(|one| engine.arn("task-definition", &one.key())).collect();
    Ok(json!({ "taskDefinitionArns": arns }))
}

/// By ARN, `family:revision`, or the family alone, which is its newest active one.
pub(super) fn find<'a>(state: &'a State, name: &str) -> Option<&'a TaskDefinition> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if name.contains(':') {
        return state.task_definitions.get(name);
    }
    let of_family = state.task_definitions.values().filter(|one| one.family == name && one.is_active);
    of_family.max_by_key(|one| one.revision)
}

fn to_json(engine: &Engine, definition: &TaskDefinition) -> Value {
    let mut json = Value::Object(definition.body.clone());
    json["taskDefinitionArn"] = json!(engine.arn("task-definition", &definition.key()));
    json["revision"] = json!(definition.revision);
    json["status"] = json!(if definition.is_active { "ACTIVE" } else { "INACTIVE" });
    json["registeredAt"] = seconds(definition.registered_at);
    json
}
