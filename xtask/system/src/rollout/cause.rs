//! Why a task stopped, and what to do about it: reads the texts that ECS gives. Pure.
//!
//! Source of codes and texts: Amazon ECS Developer Guide, "Amazon ECS stopped tasks error messages", "Amazon ECS service
//! event messages"; API reference, `Task.stopCode`.

use super::judge::FailureKind;
use super::snapshot::Task;

/// Why a task of a new version ended without being asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub kind: FailureKind,
    /// One sentence without its period, in our words.
    pub what: String,
    /// In AWS's words.
    pub reason: String,
    pub hint: &'static str,
}

/// The beginnings of stopped reasons, what they mean, and one thing to do. The first that is found decides.
const REASONS: &[(&str, FailureKind, &str, &str)] = &[
    (
        "CannotPull",
        FailureKind::Image,
        "the image cannot be pulled",
        "check that the image is in the registry under this digest, that the execution role may read it, and that the subnets reach the registry",
    ),
    (
        "ResourceInitializationError",
        FailureKind::Resources,
        "the task cannot get what it needs to start",
        "check that each secret exists with the key that is asked for, that the execution role may read it, and that the subnets reach Secrets Manager, ECR and CloudWatch Logs",
    ),
    (
        "OutOfMemory",
        FailureKind::OutOfMemory,
        "the container used more memory than it has",
        "raise `memory_mib` of the service, or find what uses it",
    ),
    (
        "Capacity is unavailable",
        FailureKind::Capacity,
        "AWS has no room for the task",
        "try again later, use other subnets, or turn `use_spot` off",
    ),
    (
        "RESOURCE:",
        FailureKind::Capacity,
        "AWS has no room for the task",
        "lower `cpu` or `memory_mib`, or try again later",
    ),
    (
        "failed ELB health checks",
        FailureKind::Unhealthy,
        "the load balancer finds the new tasks unhealthy",
        "look at the log lines, and at what the health check's path answers",
    ),
    (
        "failed container health checks",
        FailureKind::Unhealthy,
        "the container's own health check fails",
        "look at the log lines, and run the check's command in the image",
    ),
    (
        "CannotStartContainerError",
        FailureKind::Crash,
        "the container cannot be started",
        "check the image's entry point, its user and its platform",
    ),
    (
        "CannotCreateContainerError",
        FailureKind::Crash,
        "the container cannot be made",
        "check the container's settings in the task definition",
    ),
    (
        "ContainerRuntimeError",
        FailureKind::Crash,
        "the container cannot be run",
        "check the image's entry point, its user and its platform",
    ),
];

/// Why `task` stopped, or none when it was asked to: scaled in, replaced, stopped by a person, or its spot capacity taken.
pub fn cause_of(task: &Task) -> Option<Cause> {
    let code = task.stop_code.as_deref().unwrap_or_default();
    if matches!(code, "UserInitiated" | "SpotInterruption" | "TerminationNotice") {
        return None;
    }
    let reason = task.stopped_reason.clone().unwrap_or_else(|| code.to_owned());
    let texts = task.containers.iter().filter_map(|container| container.reason.clone());
    let texts: Vec<String> = texts.chain([reason.clone()]).collect();
    for (begins, kind, what, hint) in REASONS {
        if let Some(text) = texts.iter().find(|text| text.contains(begins)) {
            return Some(Cause { kind: *kind, what: (*what).to_owned(), reason: text.clone(), hint });
        }
    }
    match code {
        "EssentialContainerExited" => Some(crash(task, reason)),
        "TaskFailedToStart" => Some(Cause {
            kind: FailureKind::Resources,
            what: "the task does not start".to_owned(),
            reason,
            hint: "look the reason up in the ECS Developer Guide, \"stopped tasks error messages\"",
        }),
        _ => None,
    }
}

fn crash(task: &Task, reason: String) -> Cause {
    let exited = task.containers.iter().find(|container| container.exit_code.is_some());
    let (what, code) = match exited.and_then(|container| Some((&container.name, container.exit_code?))) {
        Some((name, code)) => (format!("container `{name}` exits with code {code} again and again"), code),
        None => ("a container exits again and again".to_owned(), 0),
    };
    let hint = match code {
        137 => "137 is SIGKILL: most often memory; compare the service's memory metric with `memory_mib`",
        139 => {
            "139 is SIGSEGV: the program was built for another processor or is broken; run the image by hand"
        }
        // Source: the shell's convention, which container runtimes keep.
        126 | 127 => "the entry point is not a program that runs in this image; run the image by hand",
        _ => "the log lines say why; run the image by hand with the same environment",
    };
    Cause { kind: FailureKind::Crash, what, reason, hint }
}

/// Whether an event says that there is no place for a task.
pub fn is_shortage(message: &str) -> bool {
    message.contains("unable to place a task")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Container;

    fn stopped(code: &str, reason: &str, container: Option<(Option<i32>, Option<&str>)>) -> Task {
        Task {
            id: "a".to_owned(),
            task_definition: "app:2".to_owned(),
            started_by: None,
            last_status: "STOPPED".to_owned(),
            stop_code: Some(code.to_owned()),
            stopped_reason: Some(reason.to_owned()),
            containers: container
                .map(|(exit_code, reason)| Container {
                    name: "web".to_owned(),
                    exit_code,
                    reason: reason.map(ToOwned::to_owned),
                })
                .into_iter()
                .collect(),
            target: None,
        }
    }

    #[test]
    fn the_texts_of_aws_are_told_apart() {
        let elb = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x)";
        let exited = "Essential container in task exited";
        let cases = [
            ("TaskFailedToStart", "CannotPullContainerError: not found", None, Some(FailureKind::Image)),
            ("TaskFailedToStart", "CannotPullImageManifestError: x", None, Some(FailureKind::Image)),
            (
                "TaskFailedToStart",
                "ResourceInitializationError: unable to pull secrets or registry auth: x",
                None,
                Some(FailureKind::Resources),
            ),
            ("TaskFailedToStart", "Task failed to start", None, Some(FailureKind::Resources)),
            ("TaskFailedToStart", "RESOURCE:MEMORY", None, Some(FailureKind::Capacity)),
            ("EssentialContainerExited", exited, Some((Some(1), None)), Some(FailureKind::Crash)),
            ("EssentialContainerExited", exited, Some((Some(137), None)), Some(FailureKind::Crash)),
            (
                "EssentialContainerExited",
                exited,
                Some((Some(137), Some("OutOfMemoryError: Container killed due to memory usage"))),
                Some(FailureKind::OutOfMemory),
            ),
            ("ServiceSchedulerInitiated", elb, Some((Some(0), None)), Some(FailureKind::Unhealthy)),
            (
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/1)",
                Some((Some(0), None)),
                None,
            ),
            ("SpotInterruption", "Your Spot Task was interrupted.", Some((Some(137), None)), None),
            ("UserInitiated", "Task stopped by user", Some((Some(1), None)), None),
        ];
        for (code, reason, container, wanted) in cases {
            let cause = cause_of(&stopped(code, reason, container));
            assert_eq!(cause.map(|cause| cause.kind), wanted, "{code} {reason}");
        }
    }

    #[test]
    fn a_crash_names_container_and_code() {
        let task =
            stopped("EssentialContainerExited", "Essential container in task exited", Some((Some(3), None)));
        let cause = cause_of(&task).expect("it crashed");
        assert_eq!(cause.what, "container `web` exits with code 3 again and again");
        assert_eq!(cause.reason, "Essential container in task exited");
    }
}
