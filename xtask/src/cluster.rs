//! The test of the local cluster that stands in for ECS by Terraform's own provider for AWS.

use anyhow::Result;

use crate::infra;
use crate::project::Project;
use crate::tools::{self, Missing};

/// Runs the test; returns what is missing, when the provider is not to be had.
///
/// # Errors
/// When the test fails.
pub fn test(project: &Project) -> Result<Option<Missing>> {
    if let Some(missing) = infra::need_provider(project)? {
        return Ok(Some(missing));
    }
    let mut tests = project.command("cargo");
    // The whole workspace, so that nothing is built again with fewer features.
    let select = ["--workspace", "--features", "system/terraform", "--test", "rollout", "terraform"];
    match tools::find("cargo-nextest") {
        Some(_) => tests.args(["nextest", "run"]).args(select),
        None => tests.arg("test").args(select),
    };
    tools::run(&mut tests)?;
    Ok(None)
}
