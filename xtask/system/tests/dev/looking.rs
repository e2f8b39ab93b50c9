//! A real browser on the real application.

use std::process::Command;

use xtask::project::Project;

use crate::support::{folder, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_signs_the_guestbook_and_sees_the_counter() {
    let folder = folder();
    let application = start(folder.path()).await.expect("it starts");
    let project = Project::find().expect("cargo runs the tests");
    let screenshots = project.scratch("dev-screenshots");
    let mut script: Command = project.command("node");
    script.args(["frontend/browser/services.mjs", "--site", application.address()]);
    let output = script.arg("--screenshots").arg(&screenshots).output().expect("`node` runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    application.stop().await;
    assert!(output.status.success(), "{said}");
    assert!(said.contains("6 checks passed, 0 failed"), "{said}");
}
