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

/// Columns where stdout is no terminal, and where it is a wide one: longer lines are hard to read.
const WIDEST: usize = 100;
/// With fewer columns, what was found has lines of its own under the name of the check, unless it is short.
const NARROW: usize = 72;
/// Before a finding's text: two blanks, the status and the check's name.
const STATUS_WIDTH: usize = 9;
const CHECK_WIDTH: usize = 17;
const INDENT: usize = 2;
/// However narrow the terminal is, texts have so many columns.
const MIN_TEXT_WIDTH: usize = 20;

/// Where the texts go.
#[derive(Clone, Copy, Debug)]
struct Layout {
    margin: usize,
    columns: usize,
    /// Whether the text begins beside the name of the check.
    is_beside: bool,
    /// Whether a word that is too long for a line is cut: on a screen it would be cut at the margin's expense, and in a
    /// file somebody looks for it.
    cuts_words: bool,
}

impl Layout {
    fn new(width: Option<usize>) -> Self {
        let available = width.unwrap_or(WIDEST).min(WIDEST);
        let is_beside = available >= NARROW;
        let margin = INDENT + STATUS_WIDTH + if is_beside { CHECK_WIDTH } else { 0 };
        let columns = available.saturating_sub(margin).max(MIN_TEXT_WIDTH);
        Self { margin, columns, is_beside, cuts_words: width.is_some() }
    }
}

/// The findings by subject, each remedy on a line of its own, and a verdict.
pub fn render(document: &DoctorDocument, width: Option<usize>) -> String {
    let layout = Layout::new(width);
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
        render_finding(&mut text, finding, layout);
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

fn render_finding(text: &mut String, finding: &Finding, layout: Layout) {
    let (style, label) = match finding.status {
        Status::Ok => (style::ADD, "ok"),
        Status::Warning => (style::WARNING, "warning"),
        Status::Problem => (style::ERROR, "problem"),
        Status::Unknown => (style::DIM, "unknown"),
    };
    let label = paint(style, &format!("{label:<STATUS_WIDTH$}"));
    let _ = write!(text, "{:INDENT$}{label}", "");
    let mut lines = wrap(&human::one_line(&finding.what), layout);
    let remedy = finding.remedy.as_deref().map(|remedy| format!("-> {remedy}"));
    lines.extend(remedy.iter().flat_map(|remedy| wrap(remedy, layout)));
    let margin = layout.margin;
    // Where there is little room, what is short enough stands beside the name all the same.
    let is_beside = layout.is_beside
        || (finding.remedy.is_none() && finding.what.chars().count() + CHECK_WIDTH <= layout.columns);
    let mut lines = lines.iter();
    let beside = if is_beside { lines.next() } else { None };
    let _ = match beside {
        Some(first) => writeln!(text, "{:<CHECK_WIDTH$}{first}", finding.check),
        None => writeln!(text, "{}", finding.check),
    };
    for line in lines {
        let _ = writeln!(text, "{:margin$}{line}", "");
    }
}

/// Lines of at most so many characters, broken at blanks.
fn wrap(text: &str, layout: Layout) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').flat_map(|word| pieces(word, layout)) {
        match lines.last_mut() {
            Some(line)
                if !word.goes_on
                    && line.chars().count() + 1 + word.text.chars().count() <= layout.columns =>
            {
                line.push(' ');
                line.push_str(&word.text);
            }
            _ => lines.push(word.text),
        }
    }
    lines
}

/// A word, or a part of one.
struct Piece {
    text: String,
    /// Whether it is the rest of a word that was cut.
    goes_on: bool,
}

/// A word that is too long for a line, cut where ARNs and addresses have a joint, or wherever it must be.
fn pieces(word: &str, layout: Layout) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = word.chars().collect();
    while layout.cuts_words && rest.len() > layout.columns {
        let joint = rest[..layout.columns].iter().rposition(|character| "/:,;&?".contains(*character));
        let at = joint.map_or(layout.columns, |joint| joint + 1);
        let tail = rest.split_off(at);
        pieces.push(rest.into_iter().collect::<String>());
        rest = tail;
    }
    pieces.push(rest.into_iter().collect());
    let pieces = pieces.into_iter().enumerate();
    pieces.map(|(number, text)| Piece { text, goes_on: number > 0 }).collect()
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
    }

    fn lines(text: &str, width: Option<usize>) -> Vec<String> {
        wrap(text, Layout::new(width))
    }

    #[test]
    fn a_word_that_is_too_long_is_cut_on_a_screen_and_nowhere_else() {
        let arn = "arn:aws:cloudfront::123456789012:key-value-store/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
        let cut = lines(&format!("{arn} is not read"), Some(80));
        assert_eq!(
            cut,
            [
                "arn:aws:cloudfront::123456789012:key-value-store/",
                "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111 is not read"
            ]
        );
        assert_eq!(lines(arn, None), [arn], "in a file, somebody looks for it");
        let long = "x".repeat(130);
        assert!(lines(&long, Some(80)).iter().all(|line| line.len() <= 52));
        assert_eq!(lines(&long, Some(80)).concat(), long, "nothing is lost");
    }

    #[test]
    fn a_narrow_screen_has_texts_under_the_name_of_the_check() {
        let finding = Finding {
            subject: Subject::Bucket,
            check: "policy-listing",
            status: Status::Warning,
            about: None,
            what: "what is missing is answered with 403 to E1EXAMPLE, not 404".into(),
            remedy: Some("allow `s3:ListBucket` on the bucket to cloudfront.amazonaws.com".into()),
        };
        let short = Finding {
            check: "acls",
            status: Status::Ok,
            what: "ACLs are off".into(),
            remedy: None,
            ..finding.clone()
        };
        let document = DoctorDocument::new("example-site".into(), vec![short, finding]);
        let shown = anstream::adapter::strip_str(&render(&document, Some(60))).to_string();
        let expected = "bucket example-site
  ok       acls             ACLs are off
  warning  policy-listing
           what is missing is answered with 403 to
           E1EXAMPLE, not 404
           -> allow `s3:ListBucket` on the bucket to
           cloudfront.amazonaws.com

no problem, 1 warning
";
        assert_eq!(shown, expected);
        for width in [20, 40, 60, 71, 72, 80, 100, 300] {
            let shown = anstream::adapter::strip_str(&render(&document, Some(width))).to_string();
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= width.clamp(31, 100), "{width}: {shown}");
        }
    }
}
