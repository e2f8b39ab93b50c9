//! Which processes a run has started, in a file, so that the next run can end what a killed one left behind.
//!
//! A process is known by its id and the moment of its start: an id alone may belong to somebody else by then.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::process;

/// How long a process that was left behind may take to end once asked.
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// A process that leads a group of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub name: String,
    pub process: u32,
    /// In clock ticks since the machine started, as Linux tells it.
    started: u64,
}

/// The processes of a run.
#[derive(Debug)]
pub struct Record {
    file: PathBuf,
    processes: Mutex<Vec<Recorded>>,
}

impl Record {
    /// Opens the record in `file`, and ends the processes that are still in it. Only for who holds the lock.
    ///
    /// Gives back what had to be ended.
    ///
    /// # Errors
    /// When the file cannot be read, or written.
    pub fn open(file: PathBuf) -> Result<(Self, Vec<Recorded>)> {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => "[]".to_owned(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        // Only what somebody else wrote there is none.
        let recorded: Vec<Recorded> = serde_json::from_str(&text).unwrap_or_default();
        let left: Vec<_> = recorded.into_iter().filter(Recorded::is_alive).collect();
        end(&left);
        let record = Self { file, processes: Mutex::default() };
        record.write(&[])?;
        Ok((record, left))
    }

    /// Adds a process that has just been started.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&self, name: &str, process: u32) -> Result<()> {
        let Some(started) = process::start_of(process) else { return Ok(()) };
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.push(Recorded { name: name.to_owned(), process, started });
        self.write(&processes)
    }

    /// Takes out a process that has ended.
    pub fn remove(&self, process: u32) {
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.retain(|recorded| recorded.process != process);
        // One that stays in the file is found dead by whoever reads it.
        let _ = self.write(&processes);
    }

    /// What runs.
    pub fn processes(&self) -> Vec<Recorded> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills all of them, without asking.
    pub fn kill(&self) {
        for recorded in self.processes().iter().filter(|recorded| recorded.is_alive()) {
            // Its children see PostgreSQL end only when it tells them: SIGQUIT is its way to end at once.
            let signal = if recorded.name == POSTGRES { Signal::QUIT } else { Signal::KILL };
            recorded.signal(signal);
        }
    }

    /// Writes the whole record in the place of the one before: a run may be killed at any moment, and what it has started has to be
    /// found by the next.
    fn write(&self, processes: &[Recorded]) -> Result<()> {
        let (text, new) = (serde_json::to_string(processes)?, self.file.with_extension("new"));
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// The name under which PostgreSQL is recorded, which ends by signals of its own.
pub const POSTGRES: &str = "postgres";

impl Recorded {
    fn is_alive(&self) -> bool {
        process::start_of(self.process) == Some(self.started)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.process).ok().and_then(Pid::from_raw) {
            // It may have ended in between.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Asks, waits, kills.
fn end(left: &[Recorded]) {
    for recorded in left {
        let signal = if recorded.name == POSTGRES { Signal::INT } else { Signal::TERM };
        recorded.signal(signal);
    }
    let deadline = Instant::now() + LIMIT;
    while left.iter().any(Recorded::is_alive) && Instant::now() < deadline {
        thread::sleep(POLL);
    }
    for recorded in left.iter().filter(|recorded| recorded.is_alive()) {
        recorded.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").process_group(0).spawn().unwrap()
    }

    #[test]
    fn what_a_killed_run_left_is_ended_and_nobody_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("processes.json");
        let (record, left) = Record::open(file.clone()).unwrap();
        assert_eq!(left, []);
        let (mut ours, mut other) = (sleeper(), sleeper());
        record.add("ours", ours.id()).unwrap();
        // An id that was given to another process since.
        let taken = Recorded { name: "old".to_owned(), process: other.id(), started: 1 };
        let mut recorded = record.processes();
        recorded.push(taken);
        fs::write(&file, serde_json::to_string(&recorded).unwrap()).unwrap();

        let (_, left) = Record::open(file).unwrap();
        assert_eq!(left.iter().map(|recorded| recorded.name.as_str()).collect::<Vec<_>>(), ["ours"]);
        assert!(!ours.wait().unwrap().success(), "it was ended by a signal");
        assert!(other.try_wait().unwrap().is_none(), "the other lives");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn whoever_reads_the_record_finds_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("processes.json");
        let (record, _) = Record::open(file.clone()).unwrap();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..300 {
                    record.add("this", std::process::id()).unwrap();
                    record.remove(std::process::id());
                }
                is_done.store(true, Ordering::Relaxed);
            });
            while !is_done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&file).unwrap();
                let read = serde_json::from_str::<Vec<Recorded>>(&text);
                assert!(read.is_ok_and(|read| read.len() < 2), "{text:?}");
            }
        });
    }

    #[test]
    fn a_process_that_has_ended_is_not_in_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let (record, _) = Record::open(folder.path().join("processes.json")).unwrap();
        let mut child = sleeper();
        record.add("one", child.id()).unwrap();
        assert_eq!(record.processes().len(), 1);
        record.kill();
        child.wait().unwrap();
        record.remove(child.id());
        assert_eq!(record.processes(), []);
    }
}
