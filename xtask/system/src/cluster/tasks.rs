//! Operations on tasks.

use serde_json::{Value, json};

use super::api::{name_in, texts};
use super::clusters;
use super::describe;
use super::engine::Engine;
use super::error::{Answer, ApiError};
use super::state::Task;

pub(super) fn list(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = name_in(request, "cluster", clusters::DEFAULT);
    clusters::active(&mut state, cluster)?;
    let service = request["serviceName"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name));
    let is_wanted = request["desiredStatus"].as_str() != Some("STOPPED");
    let fits = |task: &&Task| {
        task.cluster == cluster
            && service.is_none_or(|service| service == task.service)
            && task.is_wanted == is_wanted
    };
    let arns: Vec<_> =
        state.tasks.values().filter(fits).map(|task| describe::task_arn(engine, task)).collect();
    Ok(json!({ "taskArns": arns }))
}

pub(super) fn describe(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    let cluster = name_in(request, "cluster", clusters::DEFAULT);
    clusters::active(&mut state, cluster)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for name in texts(request, "tasks") {
        match state.tasks.get(name.rsplit('/').next().unwrap_or(name)) {
            Some(task) => tasks.push(describe::task(engine, task)),
            None => failures.push(json!({ "arn": name, "reason": "MISSING" })),
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

pub(super) fn stop(engine: &Engine, request: &Value) -> Answer {
    let id = name_in(request, "task", "").to_owned();
    if !engine.state().tasks.contains_key(&id) {
        return Err(ApiError::invalid("The referenced task was not found."));
    }
    let reason = request["reason"].as_str().unwrap_or("Task stopped by user");
    engine.stop_task(&id, "UserInitiated", reason);
    Ok(json!({ "task": describe::task(engine, &engine.state().tasks[&id]) }))
}
