//! How a rollout reads. Pure: text in and out, without color and without a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::judge::{Advice, Failure, seconds, short};
use super::status::ServiceStatus;
use super::watch::Event;

/// One event, as one line or, for a failure, as some. No newline at the end.
pub fn render_event(event: &Event) -> String {
    match event {
        Event::Progress { service, text } => format!("  {service}: {text}"),
        Event::Warning { service, text } => format!("  {service}: warning: {text}"),
        Event::Done { service, took } => format!("  {service}: done in {}", seconds(*took)),
        Event::Failed { service, failure } => render_failure(service, failure),
        Event::GoingBack { service, task_definition_arn } => {
            format!("  {service}: going back to {}", short(task_definition_arn))
        }
        Event::Trouble { text } => format!("  warning: {text}; asking again"),
    }
}

/// What happened to which service, why in AWS's words, the last lines of the log, and one thing to do.
pub fn render_failure(service: &str, failure: &Failure) -> String {
    let mut text = format!("error: {service}: {}\n  reason: {}", failure.what, failure.reason);
    if let (Some(task_id), false) = (&failure.task_id, failure.log.is_empty()) {
        let _ = write!(text, "\n  the last lines of task {task_id}:");
        for line in &failure.log {
            let _ = write!(text, "\n    | {line}");
        }
    }
    let _ = write!(text, "\nhint: {}", failure.hint);
    match failure.advice {
        Advice::GoBack => {}
        Advice::AwaitGoingBack => text.push_str("\n  ECS is taking the service back by itself"),
        Advice::LeaveAlone => text.push_str("\n  the service is left as it is"),
    }
    text
}

/// A table for people: a line for each service, and below it what is not as it should be. `commits` has those of the services
/// that are known, as they are to be shown.
pub fn render_status(statuses: &[ServiceStatus], commits: &BTreeMap<String, String>) -> String {
    let width = statuses.iter().map(|status| status.service.len()).max().unwrap_or_default();
    let mut text = String::new();
    for status in statuses {
        let health = match status.healthy_count {
            Some(healthy) => format!("{healthy} of {} healthy", status.desired_count),
            None => format!("{} of {} running", status.running_count, status.desired_count),
        };
        let state = if status.is_stable { "ok" } else { "not stable" };
        let definition = short(&status.task_definition_arn);
        let commit = commits.get(&status.service).map_or("commit unknown", String::as_str);
        let _ = writeln!(text, "{:width$}  {state}, {health}  {definition} ({commit})", status.service);
        for (container, image) in &status.images {
            let _ = writeln!(text, "{:width$}    {container}: {image}", "");
        }
        if let Some(rollout) = &status.rollout {
            let _ = writeln!(text, "{:width$}    {rollout}", "");
        }
        let of_before = status.tasks.iter().filter(|task| task.task_definition != definition);
        for task in of_before {
            let _ = writeln!(
                text,
                "{:width$}    task {} of {} is {}",
                "", task.task_id, task.task_definition, task.last_status
            );
        }
    }
    text
}
