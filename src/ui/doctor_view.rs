//! What doctor found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::core::doctor::{Finding, Status, Subject};

use super::human;
use super::terminal::style::{self, paint};

/// The document of `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorDocument {
    pub bucket: String,
    /// Whether there is no problem; warnings are allowed.
    pub is_ready: bool,
    pub problem_count: u64,
    pub warning_count: u64,
    pub unknown_count: u64,
    pub findings: Vec<Finding>,
}

impl DoctorDocument {
    pub fn new(bucket: String, findings: Vec<Finding>) -> Self {
        let count = |status| findings.iter().filter(|finding| finding.status == status).count() as u64;
        let problem_count = count(Status::Problem);
        Self {
            bucket,
            is_ready: problem_count == 0,
            problem_count,
            warning_count: count(Status::Warning),
            unknown_count: count(Status::Unknown),
            findings,
        }
    }
}

/// Columns where stdout is no terminal.
const DEFAULT_WIDTH: usize = 100;
/// Before a finding's text: two blanks, the status and the check's name.
const STATUS_WIDTH: usize = 9;
const CHECK_WIDTH: usize = 17;
const MARGIN: usize = 2 + STATUS_WIDTH + CHECK_WIDTH;
/// However narrow the terminal is, texts have so many columns.
const MIN_TEXT_WIDTH: usize = 30;

/// The findings by subject, each remedy on a line of its own, and a verdict.
pub fn render(document: &DoctorDocument, width: Option<usize>) -> String {
    let columns =
        width.unwrap_or(DEFAULT_WIDTH).min(DEFAULT_WIDTH).saturating_sub(MARGIN).max(MIN_TEXT_WIDTH);
    let mut text = String::new();
    let mut heading = None;
    for finding in &document.findings {
        let place = (finding.subject, finding.about.as_deref());
        if heading != Some(place) {
            let gap = if heading.is_some() { "\n" } else { "" };
            let about = match (finding.subject, finding.about.as_deref()) {
                (Subject::Bucket, None) => format!(" {}", document.bucket),
                (_, about) => about.map(|about| format!(" {about}")).unwrap_or_default(),
            };
            let _ = writeln!(text, "{gap}{}{about}", paint(style::BOLD, title(finding.subject)));
            heading = Some(place);
        }
        render_finding(&mut text, finding, columns);
    }
    let _ = writeln!(text, "\n{}", verdict(document));
    text
}

fn title(subject: Subject) -> &'static str {
    match subject {
        Subject::Identity => "identity",
        Subject::Bucket => "bucket",
        Subject::Distribution => "distribution",
        Subject::Names => "names",
        Subject::State => "state",
    }
}

fn render_finding(text: &mut String, finding: &Finding, columns: usize) {
    let (style, label) = match finding.status {
        Status::Ok => (style::ADD, "ok"),
        Status::Warning => (style::WARNING, "warning"),
        Status::Problem => (style::ERROR, "problem"),
        Status::Unknown => (style::DIM, "unknown"),
    };
    let label = paint(style, &format!("{label:<STATUS_WIDTH$}"));
    let what = human::one_line(&finding.what);
    let mut lines = wrap(&what, columns);
    let first = if lines.is_empty() { String::new() } else { lines.remove(0) };
    let _ = writeln!(text, "  {label}{:<CHECK_WIDTH$}{first}", finding.check);
    let remedy = finding.remedy.as_deref().map(|remedy| wrap(&format!("-> {remedy}"), columns));
    for line in lines.iter().chain(remedy.iter().flatten()) {
        let _ = writeln!(text, "{:MARGIN$}{line}", "");
    }
}

/// Lines of at most so many characters, broken at blanks; a longer word has a line of its own.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn verdict(document: &DoctorDocument) -> String {
    let mut parts = Vec::new();
    if document.problem_count > 0 {
        parts.push(paint(style::ERROR, &human::count(document.problem_count, "problem", "problems")));
    } else {
        parts.push(paint(style::ADD, "no problem"));
    }
    if document.warning_count > 0 {
        parts.push(paint(style::WARNING, &human::count(document.warning_count, "warning", "warnings")));
    }
    if document.unknown_count > 0 {
        parts.push(format!("{} unknown", human::thousands(document.unknown_count)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_at_blanks_and_keep_their_margin() {
        let finding = |status, remedy: Option<&str>| Finding {
            subject: Subject::Bucket,
            check: "policy-listing",
            status,
            about: None,
            what: "what is missing is answered with 403 to E1EXAMPLE, and that is not what visitors want"
                .into(),
            remedy: remedy.map(str::to_owned),
        };
        let findings = vec![finding(Status::Ok, None), finding(Status::Problem, Some("allow it"))];
        let document = DoctorDocument::new("example-site".into(), findings);
        assert!(!document.is_ready);
        let shown = anstream::adapter::strip_str(&render(&document, Some(80))).to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(
            shown.starts_with("bucket example-site\n  ok       policy-listing   what is missing"),
            "{shown}"
        );
        assert!(shown.contains("\n                            -> allow it\n\n1 problem\n"), "{shown}");
        assert_eq!(wrap("a-word-that-is-too-long b", 5), ["a-word-that-is-too-long", "b"]);
    }
}
