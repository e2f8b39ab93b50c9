//! The way in: one address for ECS, and for what a watcher asks of CloudWatch Logs and of the load balancer.
//!
//! Signatures are not looked at: it listens on loopback only.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::error::{Answer, ApiError};
use super::{clusters, query, services, tags, task_definitions, tasks};

const ECS: &str = "AmazonEC2ContainerServiceV20141113.";
const LOGS: &str = "Logs_20140328.";

/// Answers until `stop`.
pub(super) async fn serve(listener: TcpListener, engine: Arc<Engine>, stop: CancellationToken) {
    let routes = Router::new().fallback(answer).with_state(engine);
    // An accept loop ends by `stop` only.
    let _ = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
}

async fn answer(Extract(engine): Extract<Arc<Engine>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if target.is_empty() {
        let (status, xml) = query::answer(&engine, &body);
        return (status, [(CONTENT_TYPE, "text/xml")], xml).into_response();
    }
    let request =
        if body.is_empty() { Ok(Value::Object(Default::default())) } else { serde_json::from_slice(&body) };
    let answer = match request {
        Ok(request) => dispatch(&engine, target, &request),
        Err(error) => Err(ApiError::new("SerializationException", error.to_string())),
    };
    let (status, document) = match answer {
        Ok(document) => (StatusCode::OK, document),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_json()),
    };
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], document.to_string()).into_response()
}

fn dispatch(engine: &Engine, target: &str, request: &Value) -> Answer {
    if target.strip_prefix(LOGS) == Some("GetLogEvents") {
        return query::get_log_events(engine, request);
    }
    let operation = target.strip_prefix(ECS).unwrap_or(target);
    match operation {
        "CreateCluster" => clusters::create(engine, request),
        "UpdateCluster" => clusters::update(engine, request),
        "PutClusterCapacityProviders" => clusters::put_capacity_providers(engine, request),
        "DescribeClusters" => clusters::describe(engine, request),
        "ListClusters" => clusters::list(engine),
        "DeleteCluster" => clusters::delete(engine, request),
        "RegisterTaskDefinition" => task_definitions::register(engine, request),
        "DescribeTaskDefinition" => task_definitions::describe(engine, request),
        "DeregisterTaskDefinition" => task_definitions::deregister(engine, request),
        "ListTaskDefinitions" => task_definitions::list(engine, request),
        "CreateService" => services::create(engine, request),
        "UpdateService" => services::update(engine, request),
        "DescribeServices" => services::describe(engine, request),
        "ListServices" => services::list(engine, request),
        "DeleteService" => services::delete(engine, request),
        "ListTasks" => tasks::list(engine, request),
        "DescribeTasks" => tasks::describe(engine, request),
        "StopTask" => tasks::stop(engine, request),
        "TagResource" => tags::tag(engine, request),
        "UntagResource" => tags::untag(engine, request),
        "ListTagsForResource" => tags::list(engine, request),
        other => Err(ApiError::new(
            "UnknownOperationException",
            format!("the local cluster does not know the operation {other}"),
        )),
    }
}

/// The last segment of a name or an ARN that a request holds; `default` where it holds none.
pub(super) fn name_in<'a>(request: &'a Value, key: &str, default: &'a str) -> &'a str {
    let text = request[key].as_str().unwrap_or(default);
    text.rsplit('/').next().unwrap_or(text)
}

/// The texts of a list.
pub(super) fn texts<'a>(request: &'a Value, key: &str) -> Vec<&'a str> {
    let list = request[key].as_array();
    list.map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}
