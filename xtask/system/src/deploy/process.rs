//! Runs other people's programs so that a Ctrl-C reaches them once and they end in their own way.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::class::Class;

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

/// Runs a command to its end and keeps its output; each line of its standard output is shown to `on_line` as it comes.
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
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // In a group of its own a Ctrl-C of the terminal reaches it once, from here.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        let program = shown.split(' ').next().unwrap_or_default().to_owned();
        anyhow::Error::from(error).context(Failure::environment(format!("cannot run `{program}`")))
    })?;
    let id = child.id().context("a child that runs has an id")?;
    let stdout = child.stdout.take().context("it is piped")?;
    let mut stderr = child.stderr.take().context("it is piped")?;
    let complaints = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // What a program that dies leaves unsaid is not missed.
        let _ = stderr.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut lines = BufReader::new(stdout).lines();
    let mut text = String::new();
    let mut is_asked = false;
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => {
                    on_line(&line);
                    text.push_str(&line);
                    text.push('\n');
                }
                Ok(None) => break,
                Err(error) => return Err(error).with_context(|| format!("cannot read what `{shown}` says")),
            },
            () = stop.cancelled(), if !is_asked => {
                is_asked = true;
                interrupt(id).await?;
            }
        }
    }
    let status = child.wait().await.with_context(|| format!("cannot wait for `{shown}`"))?;
    let stderr = complaints.await.unwrap_or_default();
    Ok(Output { status, stdout: text, stderr })
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
