//! The tests of the services' images against a real registry, which the tests start by themselves.

use anyhow::Result;

use crate::project::Project;
use crate::tools::{self, Missing};

/// Where the tests look for the two programs, and for the images of the services.
const REGISTRY: &str = "SITEPUSH_DOCKER_REGISTRY";
const SKOPEO: &str = "SITEPUSH_SKOPEO";
const IMAGES: &str = "SITEPUSH_IMAGES";

/// Builds the images and runs the tests; returns what is missing, when a program is.
///
/// # Errors
/// When an image cannot be built, or a test fails.
pub fn test(project: &Project) -> Result<Option<Missing>> {
    let (registry, skopeo) = match (tools::need_docker_registry(), tools::need_skopeo()) {
        (Ok(registry), Ok(skopeo)) => (registry, skopeo),
        (Err(missing), _) | (_, Err(missing)) => return Ok(Some(missing)),
    };
    // Apart from the tests, which may take a minute each and no more.
    tools::run(project.command("cargo").args(["run", "--quiet", "--package", "system", "--", "image"]))?;
    let mut tests = project.command("cargo");
    let select = ["--workspace", "--features", "system/images", "--test", "image"];
    match tools::find("cargo-nextest") {
        Some(_) => tests.args(["nextest", "run"]).args(select).arg("--no-fail-fast"),
        None => tests.arg("test").args(select).arg("--no-fail-fast"),
    };
    tests.env(REGISTRY, registry).env(SKOPEO, skopeo).env(IMAGES, project.scratch("images"));
    tools::run(&mut tests)?;
    Ok(None)
}
