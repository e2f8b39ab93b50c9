//! A process of a run: in a group of its own, so that a Ctrl-C reaches it once and in order, its words in its log, its id in
//! the record. Killed, with all that it started, when the value is dropped.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::task::JoinSet;

use super::log::Log;
use super::record::Record;

/// How long to read on after the end of a process: a child of its own may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A process at work.
#[derive(Debug)]
pub struct Child {
    process: u32,
    inner: tokio::process::Child,
    readers: JoinSet<()>,
    record: Arc<Record>,
    pub log: Arc<Log>,
}

/// Who reads the standard output of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Logged,
    /// Whoever takes it from [`Child::take_output`].
    Taken,
}

impl Child {
    /// Starts `command`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(mut command: Command, output: Output, log: &Arc<Log>, record: &Arc<Record>) -> Result<Self> {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = command.get_program().display().to_string();
        let mut command = tokio::process::Command::from(command);
        let mut inner =
            command.kill_on_drop(true).spawn().with_context(|| format!("cannot run `{shown}`"))?;
        let process = inner.id().context("a process that was just started has an id")?;
        record.add(log.name(), process)?;
        let mut readers = JoinSet::new();
        if let Some(stderr) = inner.stderr.take() {
            readers.spawn(read(stderr, Arc::clone(log)));
        }
        if output == Output::Logged
            && let Some(stdout) = inner.stdout.take()
        {
            readers.spawn(read(stdout, Arc::clone(log)));
        }
        Ok(Self { process, inner, readers, record: Arc::clone(record), log: Arc::clone(log) })
    }

    /// Its standard output, once, for who asked for it.
    pub fn take_output(&mut self) -> Option<tokio::process::ChildStdout> {
        self.inner.stdout.take()
    }

    /// Reads `output` into the log from now on.
    pub fn log_rest(&mut self, output: impl AsyncRead + Send + Unpin + 'static) {
        self.readers.spawn(read(output, Arc::clone(&self.log)));
    }

    /// The process id.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Waits for its end, and for its last words. May be given up and called again.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status =
            self.inner.wait().await.with_context(|| format!("cannot wait for {}", self.log.name()))?;
        let rest = async { while self.readers.join_next().await.is_some() {} };
        // What comes later is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        self.record.remove(self.process);
        Ok(status)
    }

    /// Asks it to end with `signal`, and kills it after `limit`; how it ended.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub async fn end(mut self, signal: Signal, limit: Duration) -> Result<ExitStatus> {
        self.signal(signal);
        if let Ok(ended) = tokio::time::timeout(limit, self.wait()).await {
            return ended;
        }
        self.log.say(&format!("did not end within {} s and is killed", limit.as_secs()));
        self.signal(Signal::KILL);
        self.wait().await
    }

    fn signal(&self, signal: Signal) {
        // Once it has been waited for, its id may be somebody else's.
        if self.inner.id().is_some()
            && let Some(group) = i32::try_from(self.process).ok().and_then(Pid::from_raw)
        {
            // It may be ending by itself at this moment.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.record.remove(self.process);
    }
}

async fn read(output: impl AsyncRead + Unpin, log: Arc<Log>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        log.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}
