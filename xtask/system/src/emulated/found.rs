//! The environment as its files have it: whether it runs, how it is started, and how it ends. A process is known by its id and by
//! when it began, so that no other is ever ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use xtask::project::Project;
use xtask::{emulators, tools};

use crate::deploy::failure::Failure;
use crate::process;
use crate::stores::Programs;

pub const STANDING_IN_FILE: &str = "standing-in.json";
/// Written last, when everything answers.
pub const ENVIRONMENT_FILE: &str = "environment.json";
/// What the background process has started.
pub const CHILDREN_FILE: &str = "children.json";
const LOG: &str = "log";

/// The emulators take some seconds each, and a busy machine more.
const START_LIMIT: Duration = Duration::from_secs(180);
/// Tasks drain, and the database shuts down.
const STOP_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// A process, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    pub id: u32,
    pub start: u64,
}

impl ProcessMark {
    /// The process that has this id now; none when there is none.
    pub fn of(id: u32) -> Option<Self> {
        Some(Self { id, start: process::start_of(id)? })
    }

    pub fn is_alive(self) -> bool {
        Self::of(self.id) == Some(self)
    }

    /// Sends a signal, such as `TERM`, to the process and to no other that was given its id.
    pub fn signal(self, name: &str) {
        if self.is_alive() {
            let _ = Command::new("kill")
                .args([format!("-{name}"), self.id.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// An environment that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub process: ProcessMark,
    /// What the AWS tools and clients are told.
    pub variables: BTreeMap<String, String>,
}

/// The environment that runs in `folder`.
pub fn find(folder: &Path) -> Option<Environment> {
    let text = fs::read(folder.join(ENVIRONMENT_FILE)).ok()?;
    let environment: Environment = serde_json::from_slice(&text).ok()?;
    environment.process.is_alive().then_some(environment)
}

/// Starts the background process, and waits until everything in it answers.
///
/// # Errors
/// When a program is missing, or something does not come up: then with the end of its log.
pub async fn start(project: &Project, folder: &Path) -> Result<Environment> {
    let missing = |missing: tools::Missing| {
        anyhow::Error::from(Failure::environment(format!("`{}` is missing", missing.tool)).hint(missing.how))
    };
    tools::need_python().map_err(missing)?;
    tools::need_docker_registry().map_err(missing)?;
    Programs::find().map_err(missing)?;
    let programs = emulators::install(project)?.map_err(missing)?;
    // What an earlier one left: its emulators kept everything in memory, so nothing of it is of use.
    clear(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    eprintln!("starting the emulated environment in {}", folder.display());
    let log = File::create(folder.join(LOG)).context("cannot write the log")?;
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg("emulated-environment").arg("--folder").arg(folder).arg("--emulators").arg(&programs);
    command.stdin(Stdio::null()).stdout(log.try_clone().context("cannot write the log")?).stderr(log);
    // It outlives this process, and no Ctrl-C of this terminal is meant for it.
    command.process_group(0);
    let mut child = command.spawn().context("cannot start the background process")?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(environment) = find(folder) {
            return Ok(environment);
        }
        if let Some(status) = child.try_wait().context("cannot ask for the background process")? {
            clear_children(folder);
            bail!("the emulated environment ended with {status}:\n{}", last_lines(&folder.join(LOG)));
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            clear_children(folder);
            bail!("the emulated environment did not come up:\n{}", last_lines(&folder.join(LOG)));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Ends the environment, in its own order; by force when it does not.
///
/// # Errors
/// When it is still there.
pub async fn stop(environment: &Environment) -> Result<()> {
    let process = environment.process;
    process.signal("TERM");
    let deadline = Instant::now() + STOP_LIMIT;
    while process.is_alive() {
        if Instant::now() > deadline {
            process.signal("KILL");
            bail!("the emulated environment did not end, and was killed");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Removes what an environment that does not run any more has left: its processes, then its files.
///
/// # Errors
/// When a file cannot be removed.
pub fn clear(folder: &Path) -> Result<()> {
    clear_children(folder);
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn clear_children(folder: &Path) {
    let text = fs::read(folder.join(CHILDREN_FILE)).unwrap_or_default();
    let children: Vec<ProcessMark> = serde_json::from_slice(&text).unwrap_or_default();
    for child in &children {
        child.signal("TERM");
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while children.iter().any(|child| child.is_alive()) && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    for child in &children {
        child.signal("KILL");
    }
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_given_the_id_of_another_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it runs");
        let mark = ProcessMark::of(child.id()).expect("it lives");
        ProcessMark { start: mark.start + 1, ..mark }.signal("KILL");
        assert!(mark.is_alive());
        mark.signal("KILL");
        child.wait().expect("it ends");
        assert!(!mark.is_alive());
    }

    #[test]
    fn an_environment_whose_process_is_gone_is_not_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = ProcessMark::of(std::process::id()).expect("it lives");
        let write = |process| {
            let environment = Environment { process, variables: BTreeMap::new() };
            let text = serde_json::to_vec(&environment).expect("it can be written");
            fs::write(folder.path().join(ENVIRONMENT_FILE), text).expect("it can be written");
        };
        assert_eq!(find(folder.path()), None);
        write(own);
        assert!(find(folder.path()).is_some());
        write(ProcessMark { start: own.start + 1, ..own });
        assert_eq!(find(folder.path()), None);
    }
}
