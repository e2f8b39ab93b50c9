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
const STEPS: [&str; 6] = ["decode", "names", "classify", "plan", "commit", "encode"];

/// What one run of the program printed.
#[derive(Debug, Default, PartialEq)]
pub struct Steps(Vec<(String, f64, f64)>);

/// A made site, its first push and those over that.
pub struct Site {
    pub files: usize,
    pub manifest_bytes: u64,
    pub pushes: Vec<(Push, Steps)>,
}

impl Steps {
    /// Lines of a name, seconds and kilobytes; others say something else.
    fn parse(text: &str) -> Self {
        let step = |line: &str| {
            let mut words = line.split_whitespace();
            let (name, seconds, kilobytes) = (words.next()?, words.next()?, words.next()?);
            Some((name.to_owned(), seconds.parse().ok()?, kilobytes.parse().ok()?))
        };
        Self(text.lines().filter_map(step).collect())
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
        self.0.iter().map(|(_, seconds, _)| seconds).sum()
    }

    /// How long reading and writing the manifest took.
    pub fn manifest_seconds(&self) -> f64 {
        ["decode", "encode"].iter().filter_map(|name| self.find(name)).sum()
    }

    /// The largest resident set of the process.
    pub fn peak_megabytes(&self) -> f64 {
        self.0.iter().map(|(_, _, kilobytes)| kilobytes * 1024.0 / 1e6).fold(0.0, f64::max)
    }

    fn find(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(step, ..)| step == name).map(|(_, seconds, _)| *seconds)
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
    let manifest = scratch.join("manifest.json.gz");
    let count = files.to_string();
    tools::run(Command::new(program).args(["manifest", &count]).arg(&manifest))?;
    let mut pushes = Vec::new();
    for (push, name) in CHANGES {
        let mut command = Command::new(program);
        pushes.push((push, steps(command.args(["plan", &count, name]).arg(&manifest))?));
    }
    Ok(Site { files, manifest_bytes: std::fs::metadata(&manifest)?.len(), pushes })
}

/// A line for each push of each site.
pub fn table(sites: &[Site]) -> String {
    let mut text = format!(
        "| files | manifest MB | work | {} | in all | memory MB |\n|---|---|---|{}---|---|\n",
        STEPS.join(" | "),
        "---|".repeat(STEPS.len())
    );
    for Site { files, manifest_bytes, pushes } in sites {
        for (push, steps) in pushes {
            let cells = STEPS
                .map(|name| steps.find(name).map_or_else(String::new, |seconds| format!("{seconds:.3}")));
            let _ = writeln!(
                text,
                "| {files} | {:.1} | {} | {} | {:.2} | {:.0} |",
                *manifest_bytes as f64 / 1e6,
                push.about(),
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
    fn steps_are_read_from_their_lines_and_sizes_are_none() {
        let steps = Steps::parse("decode 0.5 1000\nplan 0.25 3000\nencode 1 2000\nsize 77\n");
        assert_eq!((steps.total_seconds(), steps.manifest_seconds()), (1.75, 1.5));
        assert_eq!(steps.peak_megabytes(), 3.072);
        assert!(steps.seconds("size").is_err());
    }
}
