//! The whole application, deployed by the real program with the real Terraform provider to what stands in for AWS: twice, killed
//! in between, looked at with a browser, taken back and taken away. One test, because a deploy takes minutes and each step stands
//! on the ones before.

mod clone;
mod program;

use std::collections::BTreeSet;

use clone::Clone;
use program::{Ended, Program};
use serde_json::Value;

/// What stays in the account on purpose, and what moto makes by itself, by the part of the ARN after the account.
const LEFT_ON_PURPOSE: &[&str] = &["snapshot:", "cluster-snapshot:"];

#[test]
fn a_commit_is_deployed_replaced_taken_back_and_taken_away() {
    let clone = Clone::make();
    let program = Program::new(&clone);
    program.run(&["destroy", "--confirm", "emulated"]).expect_code(0);

    // The first deploy, of everything.
    let first = program.run(&["deploy", "--yes", "--json"]).expect_code(0).json();
    let record = &first["record"];
    assert_eq!(record["commit"], clone.head());
    let services: BTreeSet<&String> = record["images"].as_object().expect("images").keys().collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["counter", "guestbook"]);
    assert!(record["terraform_serial"].as_u64() > Some(0), "{record}");
    let url = first["url"].as_str().expect("an address").to_owned();
    program.look(&url);

    // The same again: nothing, but for what the emulators do not keep.
    let again = program.run(&["deploy", "--yes", "--json"]).expect_code(0).json();
    assert_eq!(again["record"], Value::Null, "{again}");
    assert_eq!(again["gaps"], program.known_gaps(), "the emulators keep more or less than is known");
    let status = program.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(
        (&status["is_healthy"], &status["differences"]),
        (&true.into(), &Value::Array(Vec::new())),
        "{status}"
    );

    // A second commit, killed at the beginning of each kind of step, and then let through.
    clone.edit_and_commit();
    let mut killed_at = Vec::new();
    for step in [
        "images:",
        "infrastructure: planning",
        "image:",
        "infrastructure: applying",
        "services:",
        "site:",
        "check:",
        "record:",
    ] {
        match program.run_and_kill(&["deploy", "--yes"], step) {
            Ended::Killed => killed_at.push(step),
            Ended::ByItself(answer) => drop(answer.expect_code(0)),
        }
    }
    assert!(killed_at.len() >= 6, "a step was not there to be killed at: {killed_at:?}");
    program.run(&["deploy", "--yes"]).expect_code(0);
    let second = program.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(second["record"]["commit"], clone.head());
    assert_eq!((&second["is_healthy"], &second["lock"]), (&true.into(), &Value::Null), "{second}");
    assert!(program.page(&url).contains(clone::EDIT), "the second commit is not live");
    program.look(&url);

    // Back, without building; and back again is nothing.
    let back = program.run(&["rollback", "--yes", "--json"]).expect_code(0).json();
    assert_eq!(back["record"]["commit"], first["record"]["commit"]);
    assert_eq!(back["record"]["back_to"], first["record"]["id"]);
    assert_eq!(back["record"]["task_definitions"], first["record"]["task_definitions"]);
    assert!(!program.page(&url).contains(clone::EDIT), "the first commit is not live again");
    let commit = first["record"]["commit"].as_str().expect("a commit");
    let nothing = program.run(&["rollback", commit, "--yes", "--json"]).expect_code(0).json();
    assert_eq!(nothing["record"], Value::Null, "{nothing}");
    program.run(&["rollback", "0000000", "--yes"]).expect_code(64);

    // Away: not under another name, and nothing stays but backups.
    program.run(&["destroy", "--confirm", "production"]).expect_code(3);
    program.run_inside(&["destroy", "--confirm", "emulated"]).expect_code(0);
    let left: Vec<String> = program.resources().into_iter().filter(|arn| !is_left_on_purpose(arn)).collect();
    assert_eq!(left, [""; 0]);
    let marks = program.processes();
    program.run(&["destroy", "--confirm", "emulated"]).expect_code(0);
    assert!(marks.iter().all(|mark| !mark.is_alive()), "a process of the environment is still there");
    assert!(!program.folder().exists());
}

fn is_left_on_purpose(arn: &str) -> bool {
    let what = arn.splitn(6, ':').nth(5).unwrap_or_default();
    LEFT_ON_PURPOSE.iter().any(|kind| what.starts_with(kind)) || arn.contains(":s3:::sitepush-state-")
}
