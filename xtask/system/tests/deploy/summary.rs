//! The tasks of a deploy as CI runs them: what the built program leaves in the job's summary.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::stage::Stage;

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

/// What a run of `task` that goes well appends.
#[track_caller]
fn appended(stage: &Stage, task: &[&str]) -> String {
    let before = stage.summary();
    stage.run(task).expect_code(0);
    let text = stage.summary();
    text.strip_prefix(&before).unwrap_or_else(|| panic!("what was there is gone: {text}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_did_or_found_is_appended_to_the_summary_of_the_job() {
    let stage = Stage::new().await;
    stage.is_made();
    stage.plans(&[("module.network.aws_vpc.this", json!({}), "update")]);

    let plan = appended(&stage, &["plan", "--only", "infra"]);
    assert!(plan.starts_with("### plan of staging\n\n```text\ndeploy "), "{plan}");
    assert!(plan.contains("\n  infrastructure: 1 to change\n    ~ module.network.aws_vpc.this\n"), "{plan}");
    assert!(plan.ends_with("\n```\n"), "{plan}");

    let deploy = appended(&stage, &["deploy", "--only", "infra", "--yes"]);
    assert!(deploy.starts_with("### staging runs `"), "{deploy}");
    assert!(deploy.contains("\n| address | https://staging.example.com |\n"), "{deploy}");

    stage.plans(&[]);
    let again = appended(&stage, &["deploy", "--only", "infra", "--yes"]);
    assert!(again.starts_with("### staging: nothing to do\n\nIt runs `"), "{again}");

    stage.has_released(&["a", "b"]);
    let back = appended(&stage, &["rollback", "aaa", "--yes"]);
    assert!(back.starts_with("### staging runs `aaaaaaa`\n"), "{back}");
    assert!(back.contains("\n| site | `site-a` |\n"), "{back}");

    let status = appended(&stage, &["status"]);
    assert!(
        status.starts_with("### status of staging\n\n```text\nstaging runs aaaaaaa since 20"),
        "{status}"
    );
    assert!(status.ends_with("\n```\n"), "{status}");

    stage.put("site", "index.html", "<html>");
    let snapshot = json!({"final_snapshot_identifier": "cache-1"});
    stage.plans(&[
        ("module.site.aws_s3_bucket.this", json!({"bucket": "site"}), "delete"),
        ("module.cache.aws_elasticache_replication_group.this", snapshot, "delete"),
    ]);
    let destroy = appended(&stage, &["destroy", "--confirm", "staging"]);
    let expected = "### destroy of staging\n\nNothing of it runs.\n\n\
        - stays: the last snapshot of the cache, cache-1; to delete it for good: \
        `aws elasticache delete-snapshot --snapshot-name cache-1`\n";
    assert_eq!(destroy, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_of_a_plan_says_what_a_deploy_would_refuse() {
    let stage = Stage::new().await;
    stage.is_made();
    stage.plans(&[("module.database.aws_db_instance.this", json!({}), "delete")]);
    let plan = appended(&stage, &["plan", "--only", "infra"]);
    let refusal = "\n```\n\n`deploy` would refuse this: this plan deletes or replaces what holds data: \
        module.database.aws_db_instance.this (if that is meant, say `--allow-data-loss`)\n";
    assert!(plan.ends_with(refusal), "{plan}");
}
