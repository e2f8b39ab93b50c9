//! Runs a task on the emulated environment: the same program again, with what stands in for AWS in its variables.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::process::Command;
use xtask::project::Project;

use super::{found, programs, tree};
use crate::deploy::failure::Failure;
use crate::deploy::settings::STANDING_IN;

/// What a task needs of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is started where it is not there.
    Start,
    /// It has to be there.
    Present,
    /// It is there or not, and is ended afterwards.
    End,
}

/// Where the environment's files are.
pub fn folder(project: &Project) -> PathBuf {
    project.scratch("emulated")
}

/// Runs this program again, with the same arguments, on the emulated environment.
///
/// # Errors
/// When the environment is not there, or does not start.
pub async fn run(project: &Project, need: Need) -> Result<ExitCode> {
    let folder = folder(project);
    let environment = match (found::find(&folder), need) {
        (Some(environment), _) => environment,
        (None, Need::Start) => found::start(project, &folder).await?,
        (None, Need::End) => {
            found::clear(&folder)?;
            eprintln!("nothing to do: there is no emulated environment");
            return Ok(ExitCode::SUCCESS);
        }
        (None, Need::Present) => {
            let failure = Failure::usage("there is no emulated environment");
            return Err(failure.hint("`cargo xtask deploy --env emulated` makes one").into());
        }
    };
    if need == Need::Start {
        // The commit may be another than the one that the environment was started from.
        tree::copy(project, &folder)?;
    }
    let standing_in = folder.join(found::STANDING_IN_FILE);
    let mut again = Command::new(std::env::current_exe().context("cannot find this program")?);
    again.args(std::env::args_os().skip(1)).env(STANDING_IN, standing_in);
    for name in programs::NOT_MEANT {
        again.env_remove(name);
    }
    again.envs(&environment.variables);
    // A Ctrl-C reaches both; this one has only to wait for the other.
    let mut interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        .context("cannot listen for signals")?;
    let waiting = tokio::spawn(async move { while interrupted.recv().await.is_some() {} });
    let status = again.status().await.context("cannot run this program again")?;
    waiting.abort();
    if status.success() && need == Need::End {
        found::stop(&environment).await?;
        found::clear(&folder)?;
        eprintln!("the emulators and their data are gone too");
    }
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(130)).unwrap_or(1)))
}
