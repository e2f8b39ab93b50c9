//! The tests of the services' images against a real registry, which the tests start by themselves.

use std::process::Command;

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
    // The whole workspace and the same features each time, so that nothing is built twice.
    let select = ["--workspace", "--features", "system/images"];
    tools::run(project.command("cargo").arg("build").args(select).args(["--bin", "system"]))?;
    // Apart from the tests, none of which may take as long. It is told what Cargo tells what it runs.
    let program = project.target().join("debug/system");
    let mut images = Command::new(&program);
    images.arg("image").env("CARGO_MANIFEST_DIR", project.path("xtask/system"));
    tools::run(&mut images)?;
    let mut tests = project.command("cargo");
    match tools::find("cargo-nextest") {
        Some(_) => tests.args(["nextest", "run"]),
        None => tests.arg("test"),
    };
    tests.args(select).args(["--test", "image", "--no-fail-fast"]);
    tests.env(REGISTRY, registry).env(SKOPEO, skopeo).env(IMAGES, project.scratch("images"));
    tools::run(&mut tests)?;
    Ok(None)
}
