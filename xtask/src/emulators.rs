//! The tests against other people's emulators of AWS: installs them at pinned versions into an environment of their
//! own and runs the test program with the way to it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::tools::{self, Missing};

/// What is installed, with all that it needs, at which versions.
const REQUIREMENTS: &str = "tests/emulators/requirements.txt";

/// Where the test program looks for the emulators' programs.
const VARIABLE: &str = "SITEPUSH_EMULATORS";

/// Installs the emulators, unless they are there, and gives the folder of their programs; what is missing, when nothing
/// can be downloaded.
///
/// # Errors
/// When they cannot be installed as they are wanted.
pub fn install(project: &Project) -> Result<Result<PathBuf, Missing>> {
    let requirements = project.path(REQUIREMENTS);
    let versions =
        fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let wanted = ["--requirement", requirements.to_str().context("the path is not UTF-8")?];
    tools::python_environment(&project.scratch("emulators"), &wanted, &versions)
}

/// Installs the emulators and runs the tests; returns what is missing, when nothing can be downloaded. A thorough run
/// takes the time for what the tests else leave out.
///
/// # Errors
/// When they cannot be installed as they are wanted, or a test fails.
pub fn test(project: &Project, thorough: bool) -> Result<Option<Missing>> {
    let programs = match install(project)? {
        Ok(programs) => programs,
        Err(missing) => return Ok(Some(missing)),
    };
    let mut tests = project.command("cargo");
    // The whole workspace, so that nothing is built again with fewer features.
    let select = ["--workspace", "--features", "sitepush/emulators", "--test", "emulators"];
    match (tools::find("cargo-nextest"), thorough) {
        (Some(_), false) => tests.args(["nextest", "run"]),
        (Some(_), true) => tests.args(["nextest", "run", "--profile", "thorough"]),
        (None, _) => tests.arg("test"),
    };
    tests.args(select).arg("--no-fail-fast");
    if thorough {
        tests.env("SITEPUSH_THOROUGH", "1");
    }
    tools::run(tests.env(VARIABLE, programs))?;
    Ok(None)
}
