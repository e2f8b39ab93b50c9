//! What a watcher asks of other services, about this cluster's tasks: target health, and the last lines of a log.

use std::fmt::Write as _;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::engine::Engine;
use super::error::{Answer, ApiError};

const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// Answers in the query protocol: a form in, XML out.
pub(super) fn answer(engine: &Engine, body: &[u8]) -> (StatusCode, String) {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match field("Action") {
        Some("DescribeTargetHealth") => {
            (StatusCode::OK, target_health(engine, field("TargetGroupArn").unwrap_or_default()))
        }
        action => {
            let action = escape(action.unwrap_or("none"));
            let xml = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>InvalidAction</Code>\
                 <Message>the local cluster does not know the action {action}</Message></Error>\
                 <RequestId>local</RequestId></ErrorResponse>"
            );
            (StatusCode::BAD_REQUEST, xml)
        }
    }
}

fn target_health(engine: &Engine, target_group_arn: &str) -> String {
    let mut members = String::new();
    for target in engine.options.load_balancer.health(target_group_arn) {
        let (ip, port) = (target.address.ip(), target.address.port());
        let mut health = format!("<State>{}</State>", target.state.as_str());
        if let Some(reason) = target.reason {
            let _ = write!(health, "<Reason>{reason}</Reason>");
        }
        if let Some(description) = &target.description {
            let _ = write!(health, "<Description>{}</Description>", escape(description));
        }
        let _ = write!(
            members,
            "<member><Target><Id>{ip}</Id><Port>{port}</Port></Target><TargetHealth>{health}</TargetHealth></member>"
        );
    }
    format!(
        "<DescribeTargetHealthResponse xmlns=\"{NAMESPACE}\"><DescribeTargetHealthResult>\
         <TargetHealthDescriptions>{members}</TargetHealthDescriptions></DescribeTargetHealthResult>\
         <ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></DescribeTargetHealthResponse>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The last lines of a task's log. The stream's name ends in the task's id; the group is not looked at.
pub(super) fn get_log_events(engine: &Engine, request: &Value) -> Answer {
    /// Source: the CloudWatch Logs API reference.
    const MOST: u64 = 10_000;
    let stream = request["logStreamName"].as_str().unwrap_or_default();
    let count = usize::try_from(request["limit"].as_u64().unwrap_or(MOST)).unwrap_or(usize::MAX);
    let lines = engine.last_lines(stream.rsplit('/').next().unwrap_or_default(), count);
    let lines = lines.ok_or_else(|| {
        ApiError::new("ResourceNotFoundException", "The specified log stream does not exist.")
    })?;
    let events: Vec<Value> = lines
        .iter()
        .map(|line| {
            let at = line.at.as_millisecond();
            json!({ "timestamp": at, "ingestionTime": at, "message": line.text })
        })
        .collect();
    Ok(json!({ "events": events, "nextForwardToken": "f/local", "nextBackwardToken": "b/local" }))
}
