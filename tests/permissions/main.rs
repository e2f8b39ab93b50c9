//! The printed policy is the least: every command is driven through all that it may ask, and what it asked is held
//! against the policy for it, in both directions.

mod drives;
mod lab;
mod policy;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use drives::drive;
use lab::Lab;
use sitepush::core::iam_policy::needs::{COMMANDS, CommandNeeds};
use sitepush::core::iam_policy::operation::{Operation, Resource};

/// The commands that the embedded target knows all operations of. Those about certificates, records and settings are at
/// work in `tests/emulators`, where others judge what they ask.
fn publishing() -> impl Iterator<Item = &'static CommandNeeds> {
    COMMANDS.iter().filter(|needs| needs.command != "doctor" && !needs.command.starts_with("domain "))
}

#[test]
fn each_command_needs_exactly_what_its_policy_allows() {
    for needs in publishing() {
        let mut lab = Lab::new(needs.command, "");
        drive(&mut lab);
        lab.assert_is_least();
    }
}

#[test]
fn each_command_needs_exactly_what_its_policy_allows_under_a_prefix() {
    for needs in publishing() {
        let mut lab = Lab::new(needs.command, "shop/site");
        drive(&mut lab);
        lab.assert_is_least();
    }
}

/// Each operation, and what leads to it.
fn refused(operation: Operation) -> Lab {
    let (command, drive): (_, fn(&mut Lab)) = match operation {
        Operation::HEAD_OBJECT_VERSION | Operation::COPY_OBJECT_VERSION => {
            ("rollback", drives::drive_plain_rollback)
        }
        Operation::LIST_INVALIDATIONS | Operation::GET_INVALIDATION => ("status", drive),
        _ if operation.name.contains("Multipart") || operation == Operation::UPLOAD_PART => {
            ("push", drives::drive_large_push)
        }
        _ => ("push", drives::drive_push),
    };
    let mut lab = Lab::new(command, "");
    lab.denied = Some(operation);
    drive(&mut lab);
    lab
}

#[test]
fn whoever_is_denied_is_told_which_action_to_allow() {
    let mut operations: Vec<Operation> = Vec::new();
    for call in publishing().flat_map(CommandNeeds::calls) {
        if call.operation != Operation::LEARN_ABSENCE && !operations.contains(&call.operation) {
            operations.push(call.operation);
        }
    }
    let mut unnoticed = BTreeSet::new();
    for operation in operations {
        let Some(refusal) = refused(operation).refusal else {
            unnoticed.insert(operation.name);
            continue;
        };
        assert_eq!(refusal.operation, operation);
        for grant in operation.grants.iter().filter(|grant| grant.resource != Resource::Key) {
            let action = format!("`{}`", grant.action);
            assert!(refusal.stderr.contains(&action), "{}: {}", operation.name, refusal.stderr);
        }
    }
    // Without the first, the plan says what stays unknown; without the second, a large upload that failed leaves its
    // parts, and says why it failed.
    assert_eq!(unnoticed, ["GetBucketVersioning", "AbortMultipartUpload"].into());
}
