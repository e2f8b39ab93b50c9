//! Runs other people's programs so that a Ctrl-C reaches them once and they end in their own way.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::class::Class;

/// How often it is looked what a program has written.
const LOOK: Duration = Duration::from_millis(50);

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The last lines of what it complained about.
    pub fn complaint(&self, lines: usize) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let kept: Vec<&str> = text.trim_end().lines().collect();
        kept[kept.len().saturating_sub(lines)..].join("\n")
    }
}

/// The command as one would type it.
pub fn describe(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end and keeps its output; each line of its standard output is shown to `on_line` within a moment.
///
/// It writes to files without a name, and to no pipe: a pipe would break when this process is killed, and Terraform die of it
/// without having written down what it made. With a file it comes to its end, and the next run waits for that
/// ([`left`](super::left)).
///
/// When `stop` is canceled the program is sent SIGINT, once, and waited for: it has things to put in order.
///
/// # Errors
/// When it cannot be started. How it ended is in the answer.
pub async fn run(
    mut command: Command,
    stop: &CancellationToken,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> Result<Output> {
    let shown = describe(&command);
    let (mut stdout, mut stderr) = (Written::new()?, Written::new()?);
    command.stdin(Stdio::null()).stdout(stdout.writer()?).stderr(stderr.writer()?);
    // In a group of its own a Ctrl-C of the terminal reaches it once, from here.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        let program = shown.split(' ').next().unwrap_or_default().to_owned();
        anyhow::Error::from(error).context(Failure::environment(format!("cannot run `{program}`")))
    })?;
    let id = child.id().context("a child that runs has an id")?;
    let reading = || format!("cannot read what `{shown}` says");
    let mut is_asked = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.with_context(|| format!("cannot wait for `{shown}`"))?,
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled(), if !is_asked => {
                is_asked = true;
                interrupt(id).await?;
            }
        }
        stdout.read(on_line).with_context(reading)?;
    };
    stdout.read(on_line).with_context(reading)?;
    stderr.read(&mut |_| ()).with_context(reading)?;
    Ok(Output { status, stdout: stdout.into_text(), stderr: stderr.into_text() })
}

/// A file without a name that a program writes to, and what was read of it.
struct Written {
    file: File,
    bytes: Vec<u8>,
    /// How many bytes of it were shown as lines.
    shown: usize,
}

impl Written {
    fn new() -> Result<Self> {
        let file = tempfile::tempfile().context("cannot make a file for a program's output")?;
        Ok(Self { file, bytes: Vec::new(), shown: 0 })
    }

    fn writer(&self) -> Result<Stdio> {
        Ok(self.file.try_clone().context("cannot hand out a file for a program's output")?.into())
    }

    /// Reads what is new, and shows the lines that are whole. By position: the offset of the file is the writer's too.
    fn read(&mut self, on_line: &mut (dyn FnMut(&str) + Send)) -> std::io::Result<()> {
        let mut part = [0; 16 * 1024];
        loop {
            let count = self.file.read_at(&mut part, self.bytes.len() as u64)?;
            if count == 0 {
                break;
            }
            self.bytes.extend_from_slice(&part[..count]);
        }
        while let Some(length) = self.bytes[self.shown..].iter().position(|byte| *byte == b'\n') {
            on_line(&String::from_utf8_lossy(&self.bytes[self.shown..self.shown + length]));
            self.shown += length + 1;
        }
        Ok(())
    }

    fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

async fn interrupt(id: u32) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.args(["-INT", &id.to_string()]).stderr(Stdio::null());
    kill.status().await.context("cannot run `kill`")?;
    Ok(())
}

/// Fails as interrupted when the person has asked to stop.
///
/// # Errors
/// When `stop` is canceled.
pub fn unless_stopped(stop: &CancellationToken) -> Result<()> {
    if stop.is_cancelled() {
        let failure = Failure::new(Class::Interrupted, "stopped").hint("run the same command again to go on");
        return Err(failure.into());
    }
    Ok(())
}

/// Writes what a program said to a file beside others of its kind, for whoever looks into a failure.
///
/// # Errors
/// When it cannot be written.
pub fn keep(file: &Path, output: &Output) -> Result<()> {
    let text = format!("{}{}", output.stdout, output.stderr);
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_program_that_is_stopped_ends_in_its_own_way() {
        let stop = CancellationToken::new();
        let script = "trap 'echo putting in order; exit 7' INT; echo ready; while :; do sleep 0.05; done";
        let cancel = stop.clone();
        let mut on_line = move |line: &str| {
            if line == "ready" {
                cancel.cancel();
            }
        };
        let output = run(shell(script), &stop, &mut on_line).await.expect("it runs");
        assert_eq!(output.status.code(), Some(7));
        assert_eq!(output.stdout, "ready\nputting in order\n");
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn no_pipe_of_a_program_breaks_when_this_one_is_killed() {
        let script = "readlink /proc/$$/fd/1; readlink /proc/$$/fd/2 >&2";
        let output = run(shell(script), &CancellationToken::new(), &mut |_| ()).await.expect("it runs");
        for text in [&output.stdout, &output.stderr] {
            assert!(text.starts_with('/') && text.contains("(deleted)"), "{text}");
        }
    }

    #[tokio::test]
    async fn lines_are_shown_while_the_program_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let seen = folder.path().join("seen");
        let script =
            format!("echo one; until [ -e '{}' ]; do sleep 0.02; done; printf 'two'", seen.display());
        let mut lines = Vec::new();
        let mut on_line = |line: &str| {
            std::fs::write(&seen, "").expect("it can be written");
            lines.push(line.to_owned());
        };
        let output = run(shell(&script), &CancellationToken::new(), &mut on_line).await.expect("it runs");
        assert_eq!((output.stdout.as_str(), lines.as_slice()), ("one\ntwo", ["one".to_owned()].as_slice()));
    }

    #[tokio::test]
    async fn complaints_are_cut_to_their_last_lines() {
        let stop = CancellationToken::new();
        let output = run(shell("echo one >&2; echo two >&2; exit 1"), &stop, &mut |_| ()).await;
        let output = output.expect("it runs");
        assert_eq!(output.complaint(1), "two");
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_named() {
        let missing = Command::new("no-such-program");
        let error = run(missing, &CancellationToken::new(), &mut |_| ()).await.expect_err("there is none");
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
        assert_eq!(super::super::failure::class(&error), Class::Environment);
    }
}
