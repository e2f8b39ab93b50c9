//! The test of deploying the whole application: with Terraform, emulators of AWS, a real registry, real stores and a browser.

use anyhow::Result;

use crate::project::Project;
use crate::tools::{self, Missing};
use crate::{emulators, services};

/// Runs the test, `thorough` for more places at which it is killed and stopped; returns what is missing, when something is.
///
/// # Errors
/// When the test fails.
pub fn test(project: &Project, thorough: bool) -> Result<Option<Missing>> {
    let needed = tools::need_terraform()
        .and_then(|()| tools::need_python())
        .and_then(|()| tools::need_node())
        .and_then(|()| tools::need_docker_registry().map(drop))
        .and_then(|()| services::need_stores().map(drop));
    if let Err(missing) = needed {
        return Ok(Some(missing));
    }
    let chromium = match tools::need_chromium() {
        Ok(chromium) => chromium,
        Err(missing) => return Ok(Some(missing)),
    };
    if let Err(missing) = emulators::install(project)? {
        return Ok(Some(missing));
    }
    let mut test = project.command("cargo");
    // One test of many minutes, whose steps are shown as they come.
    let select = ["--workspace", "--features", "system/emulated", "--test", "emulated", "--", "--nocapture"];
    test.arg("test").args(select).env("CHROMIUM", chromium);
    if thorough {
        test.env("SITEPUSH_THOROUGH", "1");
    }
    tools::run(&mut test)?;
    Ok(None)
}
