//! Tags of everything that has an ARN.

use serde_json::{Value, json};

use super::api::texts;
use super::engine::Engine;
use super::error::Answer;
use super::state::State;

pub(super) fn tag(engine: &Engine, request: &Value) -> Answer {
    set(&mut engine.state(), request["resourceArn"].as_str().unwrap_or_default(), request);
    Ok(json!({}))
}

pub(super) fn untag(engine: &Engine, request: &Value) -> Answer {
    let mut state = engine.state();
    if let Some(tags) = state.tags.get_mut(request["resourceArn"].as_str().unwrap_or_default()) {
        for key in texts(request, "tagKeys") {
            tags.remove(key);
        }
    }
    Ok(json!({}))
}

pub(super) fn list(engine: &Engine, request: &Value) -> Answer {
    let arn = request["resourceArn"].as_str().unwrap_or_default();
    Ok(json!({ "tags": of(&engine.state(), arn) }))
}

/// Adds the tags that a request holds.
pub(super) fn set(state: &mut State, arn: &str, request: &Value) {
    let tags = state.tags.entry(arn.to_owned()).or_default();
    for tag in request["tags"].as_array().into_iter().flatten() {
        if let (Some(key), Some(value)) = (tag["key"].as_str(), tag["value"].as_str()) {
            tags.insert(key.to_owned(), value.to_owned());
        }
    }
}

/// As the API gives them.
pub(super) fn of(state: &State, arn: &str) -> Value {
    let tags = state.tags.get(arn).into_iter().flatten();
    tags.map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
