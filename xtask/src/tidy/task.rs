//! The task itself: reads the project's files and hands each to the rules that concern it.

use std::fmt;
use std::fs;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{features, shape, walls, words};
use crate::project::Project;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Runs the task; it takes no arguments.
///
/// # Errors
/// When there are findings, which are printed, or the files cannot be read.
pub fn run(project: &Project, mut arguments: lexopt::Parser) -> Result<ExitCode> {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    check(project)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every file of the project and what Cargo makes of its packages, and prints what it finds, by file and line.
///
/// # Errors
/// As [`run`].
pub fn check(project: &Project) -> Result<()> {
    let files = project.files()?;
    let mut findings = Vec::new();
    for file in &files {
        // What is not text has no lines to look at.
        if let Ok(text) = String::from_utf8(fs::read(project.path(file))?) {
            findings.extend(check_text(file, &text));
        }
    }
    findings.extend(features::check(project)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("{} files are tidy", files.len()),
        1 => bail!("one finding"),
        count => bail!("{count} findings"),
    }
    Ok(())
}

fn check_text(file: &str, text: &str) -> Vec<Finding> {
    let found = [walls::check(file, text), shape::check(file, text), words::check(text)].concat();
    found.into_iter().map(|(line, message)| Finding { file: file.to_owned(), line, message }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_editors_expect_it() {
        let findings = check_text("src/core/a.rs", "//! Decides.\nuse crate::ui::Theme;\n");
        let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(
            lines,
            ["src/core/a.rs:2: `core` may not import `ui`; it may import nothing else of the crate"]
        );
    }
}
