//! The emulated environment.

use std::process::ExitCode;
use anyhow::Result;
use xtask::project::Project;

pub async fn run(_project: &Project, _starts: bool, _ends: bool) -> Result<ExitCode> {
    anyhow::bail!("soon")
}
