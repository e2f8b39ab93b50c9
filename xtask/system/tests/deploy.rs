//! The tasks of a deploy as CI runs them: what the built program leaves in the job's summary.

use std::path::Path;
use std::process::{Command, Output};

/// Runs a task on an environment that there is not.
fn run(task: &str, summary: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_system"));
    program.args([task, "--env", "nowhere", "--json"]).env("GITHUB_STEP_SUMMARY", summary);
    program.output().expect("it runs")
}

#[test]
fn a_failure_is_appended_to_the_summary_of_the_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "### before\n").expect("it is written");
    for task in ["plan", "rollback"] {
        let output = run(task, &summary);
        assert_eq!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = std::fs::read_to_string(&summary).expect("it is there");
    let part = |task| {
        format!(
            "### {task} failed\n\n```text\nthere is no environment `nowhere`\n```\n\n\
             infra/environments has emulated, production, staging\n"
        )
    };
    assert_eq!(text, format!("### before\n{}{}", part("plan"), part("rollback")));
}

#[test]
fn a_summary_that_cannot_be_written_is_no_failure_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("status", folder.path());
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: cannot write the job's summary"), "{said}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["error"]["class"], "usage", "{document}");
}
