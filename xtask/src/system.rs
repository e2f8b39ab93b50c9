//! Hands the tasks of the whole application to the package `system`, which is built only when one of them is asked for: it
//! stands on the AWS clients, and this task runner is compiled before everything else.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::project::Project;

/// The tasks that `system` knows.
pub const TASKS: &[&str] = &["image", "dev", "plan", "deploy", "rollback", "status", "destroy"];

/// Becomes `system` with the task and the rest of the arguments.
///
/// # Errors
/// When Cargo cannot be started.
pub fn run(project: &Project, task: &str, mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let rest: Vec<OsString> = arguments.raw_args()?.collect();
    let mut cargo = project.command("cargo");
    cargo.args(["run", "--quiet", "--package", "system", "--"]).arg(task).args(rest);
    // It takes this process's place, so that Ctrl-C and the exit code are its own.
    Err(cargo.exec()).context("cannot run `cargo`")
}
