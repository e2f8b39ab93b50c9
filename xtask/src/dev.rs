//! The tests of the application on this machine, which start it with real stores and use it.

use anyhow::Result;

use crate::project::Project;
use crate::tools::{self, Missing};
use crate::{frontend, services};

/// Runs the tests; returns what is missing, when something is.
///
/// # Errors
/// When a test fails.
pub fn test(project: &Project) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_node() {
        return Ok(Some(missing));
    }
    if let Err(missing) = services::need_stores() {
        return Ok(Some(missing));
    }
    let chromium = match tools::need_chromium() {
        Ok(chromium) => chromium,
        Err(missing) => return Ok(Some(missing)),
    };
    // Each test builds what it runs, several at a time: here once, so that they find it built.
    frontend::install_if_needed(project)?;
    tools::run(project.command("cargo").args(["build", "--workspace", "--bins"]))?;
    let mut tests = project.command("cargo");
    let select = ["--workspace", "--features", "system/dev", "--test", "dev", "--no-fail-fast"];
    match tools::find("cargo-nextest") {
        Some(_) => tests.args(["nextest", "run"]).args(select),
        None => tests.arg("test").args(select),
    };
    tools::run(tests.env("CHROMIUM", chromium))?;
    Ok(None)
}
