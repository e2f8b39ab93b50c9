//! A whole process: its wall time, its CPU time, its peak memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub wall_seconds: f64,
    /// User and system, children included.
    pub cpu_seconds: f64,
    /// The largest resident set.
    pub peak_megabytes: f64,
}

/// Runs a command to its end under GNU time, whose figures are the kernel's own. What it prints goes to a file.
///
/// # Errors
/// When it fails; the end of what it printed is in the error.
pub fn run(command: &Command, scratch: &Path) -> Result<Sample> {
    let figures = scratch.join("figures");
    let output = scratch.join("output");
    let log = std::fs::File::create(&output).context("cannot make the output file")?;
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["--format", "%U %S %M", "--output"]).arg(&figures).arg(command.get_program());
    timed.args(command.get_args()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => timed.env(name, value),
            None => timed.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    let started = Instant::now();
    let status = timed.status().context("cannot run GNU time (Debian package `time`)")?;
    let wall_seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        let end: Vec<&str> = text.lines().rev().take(8).collect();
        bail!(
            "{:?} ended with {status}:\n{}",
            command.get_program(),
            end.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    let text = std::fs::read_to_string(&figures).context("GNU time left no figures")?;
    let numbers: Vec<f64> =
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("GNU time's figures")?;
    let [user, system, kilobytes] = numbers.as_slice() else { bail!("GNU time's figures: {text:?}") };
    Ok(Sample { wall_seconds, cpu_seconds: user + system, peak_megabytes: kilobytes / 1024.0 })
}

/// The sample in the middle by wall time.
pub fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds));
    samples[samples.len() / 2]
}
