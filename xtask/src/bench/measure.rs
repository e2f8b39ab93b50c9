//! A whole process: its wall time, its CPU time, its peak memory. And what many runs of it say together.

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
    /// As the server counted them; 0 where there was none.
    pub requests: u64,
}

/// The middle of some values, and the ends between which they lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

/// What the runs of one work say together, figure by figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub wall_seconds: Spread,
    pub cpu_seconds: Spread,
    pub peak_megabytes: Spread,
    /// The most of any run: a mark on requests is kept by every run or it is not kept.
    pub requests: u64,
}

impl Spread {
    /// Of at least one value, in any order. Of an even number of values the median is the mean of the middle two.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            unreachable!("a work is run at least once")
        };
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self { median, min: *min, max: *max }
    }

    /// The median, with the ends behind it where there are any: `0.34 (0.31-0.40)`.
    pub fn show(&self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        if min.total_cmp(max).is_eq() {
            return format!("{median:.decimals$}");
        }
        format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})")
    }
}

impl Figures {
    /// Of at least one sample.
    pub fn of(samples: &[Sample]) -> Self {
        let spread = |figure: fn(&Sample) -> f64| Spread::of(samples.iter().map(figure));
        Self {
            wall_seconds: spread(|sample| sample.wall_seconds),
            cpu_seconds: spread(|sample| sample.cpu_seconds),
            peak_megabytes: spread(|sample| sample.peak_megabytes),
            requests: samples.iter().map(|sample| sample.requests).max().unwrap_or_default(),
        }
    }
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
    Ok(Sample {
        wall_seconds,
        cpu_seconds: user + system,
        peak_megabytes: kilobytes * 1024.0 / 1e6,
        requests: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_whatever_the_order() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of([4.0, 1.0]).median, 2.5);
        assert_eq!(Spread::of([4.0]).show(1), "4.0");
        assert_eq!(Spread::of([4.0, 1.0, 2.0]).show(1), "2.0 (1.0-4.0)");
    }

    #[test]
    fn figures_are_taken_one_by_one_and_requests_at_their_worst() {
        let sample = |wall_seconds, cpu_seconds, requests| Sample {
            wall_seconds,
            cpu_seconds,
            peak_megabytes: 1.0,
            requests,
        };
        let figures = Figures::of(&[sample(1.0, 9.0, 2), sample(2.0, 7.0, 5), sample(3.0, 8.0, 2)]);
        assert_eq!(
            (figures.wall_seconds.median, figures.cpu_seconds.median, figures.requests),
            (2.0, 8.0, 5)
        );
    }
}
