//! What the stores have in common: how one is set up, and what may go wrong with it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::process::{PATIENCE, POLL, Process};

/// The log of a store, in its folder.
const LOG: &str = "log";

/// How many lines of a log an error shows.
const LAST_LINES: usize = 10;

/// How a store is set up. What its folder holds already is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The folder of PostgreSQL's programs, or the program of Redis.
    pub program: PathBuf,
    /// Where its data and its log are; made when it is not there.
    pub folder: PathBuf,
    /// What clients have to know; letters, digits, dashes and spaces. That of data which is there already cannot be changed.
    pub password: String,
    /// The port of 127.0.0.1.
    pub port: u16,
    pub durability: Durability,
    pub group: Group,
}

/// Whether what was written outlives the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As the store has it by itself.
    Durable,
    /// The data is not needed once the process is gone, and writing is quick.
    Quick,
}

/// Whom a Ctrl-C at the terminal reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The store too, as a test run wants it: nothing is left behind.
    Shared,
    /// Only whoever started the store, who ends it when nothing needs it any more.
    Own,
}

/// Why a store is not there, or does not go.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot run `{}`", program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot use `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` ended with {status}:\n{log}", program.display())]
    Ended { program: PathBuf, status: ExitStatus, log: String },
    #[error("waited {} s in vain: {what}", PATIENCE.as_secs())]
    Late { what: &'static str },
}

impl StoreSettings {
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Starts `command` with its output in the log, and waits until it `is_ready`, which is told its process id.
    pub(crate) fn start(
        &self,
        mut command: Command,
        what: &'static str,
        mut is_ready: impl FnMut(u32) -> bool,
    ) -> Result<Process, StoreError> {
        let log = self.log();
        let file = File::create(&log).map_err(|source| StoreError::File { path: log.clone(), source })?;
        let copy = file.try_clone().map_err(|source| StoreError::File { path: log.clone(), source })?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        if self.group == Group::Own {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let program = PathBuf::from(command.get_program());
        let cannot_run = |source| StoreError::Run { program: program.clone(), source };
        let mut process = Process::try_spawn(&mut command).map_err(cannot_run)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = process.try_wait().map_err(cannot_run)? {
                return Err(StoreError::Ended { program, status, log: last_lines(&log) });
            }
            if is_ready(process.id()) {
                return Ok(process);
            }
            std::thread::sleep(POLL);
        }
        Err(StoreError::Late { what })
    }
}

/// Sends `signal` and waits for the end; a process that does not end in `limit` is killed.
pub(crate) fn end(mut process: Process, signal: &str, limit: Duration) {
    // It may have ended by itself, which is what is wanted.
    let _ = process.try_signal(signal);
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if !matches!(process.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(POLL);
    }
    // Dropped, it is killed.
}

pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { path, source }
}

/// The end of a log, indented, for an error.
fn last_lines(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
