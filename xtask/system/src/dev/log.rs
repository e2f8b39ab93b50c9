//! What the processes of a run say: all of it in a file for each, and what a person has to know on the terminal.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// How many lines an error shows of a log.
const LAST_LINES: usize = 12;

/// How much of the logs a person sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    /// Warnings and errors.
    #[default]
    Problems,
    Everything,
}

/// The log of one process, whatever the number of its restarts.
#[derive(Debug)]
pub struct Log {
    name: String,
    path: PathBuf,
    file: Mutex<File>,
    shown: Shown,
}

impl Log {
    /// Starts the log of `name` anew in a folder that is there.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(folder: &Path, name: &str, shown: Shown) -> Result<Self> {
        let path = folder.join(format!("{name}.log"));
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { name: name.to_owned(), path, file: Mutex::new(file), shown })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes one line of the process's, and shows it where it is to be shown.
    pub fn line(&self, line: &str) {
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            // A disk that is full is no reason to stop what is running.
            let _ = writeln!(file, "{line}");
        }
        if let Some(text) = for_people(line, self.shown) {
            self.say(&text);
        }
    }

    /// Tells the person at the terminal something about this process.
    pub fn say(&self, text: &str) {
        eprintln!("{:>10} | {text}", self.name);
    }

    /// The last lines, indented.
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter().map(|line| format!("\n  {line}")).collect()
    }
}

/// What a person sees of a line, if anything. Pure.
///
/// Services write JSON with a level; a line that is not JSON is a word of the program outside of its log, such as a panic,
/// or a line of the edge's, whose problems say so at their beginning.
fn for_people(line: &str, shown: Shown) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_str(line) else {
        let is_problem = ["error", "warning", "thread '", "  caused by", "  hint"];
        let is_shown = shown == Shown::Everything || is_problem.iter().any(|start| line.starts_with(start));
        return is_shown.then(|| line.to_owned());
    };
    let level = members.get("level").and_then(Value::as_str).unwrap_or_default();
    let is_shown = shown == Shown::Everything || matches!(level, "WARN" | "ERROR");
    // Measurements are for programs.
    if !is_shown || members.contains_key("_aws") {
        return None;
    }
    let quiet = ["timestamp", "level", "message", "target", "span", "spans"];
    let rest = members.iter().filter(|(name, _)| !quiet.contains(&name.as_str()));
    let rest: Vec<_> = rest.map(|(name, value)| format!("{name}={value}")).collect();
    let message = members.get("message").and_then(Value::as_str).unwrap_or_default();
    Some([vec![level.to_owned(), message.to_owned()], rest].concat().join(" ").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_shown_and_the_rest_is_not() {
        let line = |level: &str| {
            format!(r#"{{"timestamp":"t","level":"{level}","message":"it is so","cause":"x"}}"#)
        };
        let shown = Some(r#"WARN it is so cause="x""#.to_owned());
        assert_eq!(for_people(&line("WARN"), Shown::Problems), shown);
        assert_eq!(for_people(&line("INFO"), Shown::Problems), None);
        assert_eq!(
            for_people("thread 'main' panicked at x", Shown::Problems).as_deref(),
            Some("thread 'main' panicked at x")
        );
        assert_eq!(for_people("GET 200 / Hit", Shown::Problems), None);
        assert!(for_people(&line("INFO"), Shown::Everything).is_some());
        assert_eq!(for_people(r#"{"_aws":{},"Views":1}"#, Shown::Everything), None);
    }

    #[test]
    fn the_last_lines_are_kept_for_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path(), "x", Shown::Problems).unwrap();
        for number in 0..20 {
            log.line(&format!("line {number}"));
        }
        assert!(
            log.tail().starts_with("\n  line 8\n") && log.tail().ends_with("\n  line 19"),
            "{}",
            log.tail()
        );
        assert_eq!(log.path(), folder.path().join("x.log"));
    }
}
