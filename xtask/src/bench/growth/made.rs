//! Runs `examples/growth`, and reads the lines that it prints.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Push;
use crate::tools;

/// What is pushed, and the program's word for it.
const CHANGES: [(Push, &str); 4] =
    [(Push::First, "first"), (Push::Again, "again"), (Push::Pages, "pages"), (Push::Bundle, "bundle")];

/// The steps in the order of the columns. A first push has no record to read; the last two are left out where nothing changed.
const STEPS: [&str; 7] = ["names", "decode", "classify", "settle", "plan", "commit", "encode"];

/// What one run of the program printed.
#[derive(Debug, Default, PartialEq)]
pub struct Steps {
    /// Name, seconds and kilobytes.
    pub steps: Vec<(String, f64, f64)>,
    pub read: Traffic,
    pub written: Traffic,
}

/// Files of a record that are read or written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    pub bytes: f64,
    pub files: f64,
}

/// A made site, its first push and those over that.
pub struct Site {
    pub files: usize,
    pub pushes: Vec<(Push, Steps)>,
}

impl Steps {
    /// Lines of a name, seconds and kilobytes, and of `traffic`, its way, bytes and files; others say something else.
    fn parse(text: &str) -> Self {
        let mut parsed = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let numbers =
                |one: &str, other: &str| Some((one.parse::<f64>().ok()?, other.parse::<f64>().ok()?));
            match words.as_slice() {
                ["traffic", way, bytes, files] => {
                    let (bytes, files) = numbers(bytes, files).unwrap_or_default();
                    let traffic = Traffic { bytes, files };
                    if *way == "read" { parsed.read = traffic } else { parsed.written = traffic }
                }
                [name, seconds, kilobytes] => parsed.steps.extend(
                    numbers(seconds, kilobytes)
                        .map(|(seconds, kilobytes)| ((*name).to_owned(), seconds, kilobytes)),
                ),
                _ => {}
            }
        }
        parsed
    }

    /// How long a step took.
    ///
    /// # Errors
    /// When there was no such step.
    pub fn seconds(&self, name: &str) -> Result<f64> {
        self.find(name).with_context(|| format!("`growth` did not tell of the step `{name}`"))
    }

    /// How long all steps took.
    pub fn total_seconds(&self) -> f64 {
        self.steps.iter().map(|(_, seconds, _)| seconds).sum()
    }

    /// How long reading and writing the record took.
    pub fn record_seconds(&self) -> f64 {
        ["decode", "settle", "encode"].iter().filter_map(|name| self.find(name)).sum()
    }

    /// The largest resident set of the process.
    pub fn peak_megabytes(&self) -> f64 {
        self.steps.iter().map(|(_, _, kilobytes)| kilobytes * 1024.0 / 1e6).fold(0.0, f64::max)
    }

    fn find(&self, name: &str) -> Option<f64> {
        self.steps.iter().find(|(step, ..)| step == name).map(|(_, seconds, _)| *seconds)
    }
}

/// Runs the program and reads its steps.
///
/// # Errors
/// When it fails.
pub fn steps(command: &mut Command) -> Result<Steps> {
    let shown = tools::describe(command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` ended with {}:\n{complaints}", output.status);
    Ok(Steps::parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Makes a site of that many files, and plans the pushes over it.
///
/// # Errors
/// When the program fails.
pub fn measure(program: &Path, scratch: &Path, files: usize) -> Result<Site> {
    println!("growth: {files} made files");
    let record = scratch.join(format!("record-{files}"));
    let count = files.to_string();
    tools::run(Command::new(program).args(["record", &count]).arg(&record))?;
    let mut pushes = Vec::new();
    for (push, name) in CHANGES {
        let mut command = Command::new(program);
        pushes.push((push, steps(command.args(["plan", &count, name]).arg(&record))?));
    }
    std::fs::remove_dir_all(&record)?;
    Ok(Site { files, pushes })
}

/// A line for each push of each site.
pub fn table(sites: &[Site]) -> String {
    let mut text = format!(
        "| files | work | record read MB | in files | written MB | in files | {} | in all | memory MB |\n|---|---|---|---|---|---|{}---|---|\n",
        STEPS.join(" | "),
        "---|".repeat(STEPS.len())
    );
    for Site { files, pushes } in sites {
        for (push, steps) in pushes {
            let cells = STEPS
                .map(|name| steps.find(name).map_or_else(String::new, |seconds| format!("{seconds:.3}")));
            let traffic = |traffic: Traffic| match traffic.files {
                0.0 => " | ".to_owned(),
                files => format!("{:.1} | {files}", traffic.bytes / 1e6),
            };
            let _ = writeln!(
                text,
                "| {files} | {} | {} | {} | {} | {:.2} | {:.0} |",
                push.about(),
                traffic(steps.read),
                traffic(steps.written),
                cells.join(" | "),
                steps.total_seconds(),
                steps.peak_megabytes()
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_traffic_are_read_from_their_lines() {
        let text = "decode 0.5 1000\nplan 0.25 3000\ntraffic read 77 2\nencode 1 2000\nfiles 9\n";
        let steps = Steps::parse(text);
        assert_eq!((steps.total_seconds(), steps.record_seconds()), (1.75, 1.5));
        assert_eq!(steps.peak_megabytes(), 3.072);
        assert_eq!(steps.read, Traffic { bytes: 77.0, files: 2.0 });
        assert_eq!(steps.written, Traffic::default());
        assert!(steps.seconds("traffic").is_err() && steps.seconds("files").is_err());
    }
}
