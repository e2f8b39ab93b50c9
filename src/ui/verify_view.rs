//! What a site serves, held against the release, for people.

use std::fmt::Write as _;

use crate::core::verify::{Finding, OldTls, Severity, VerifyOutcome};

use super::human;
use super::terminal::style::{self, paint};

/// Findings shown before the rest is counted.
const FINDINGS_SHOWN: usize = 20;

/// The report: what was asked, what is wrong and what to do about it, for each address.
pub fn render(outcome: &VerifyOutcome) -> String {
    let all = std::iter::once(outcome).chain(&outcome.others);
    all.map(render_one).collect::<Vec<_>>().join("\n")
}

fn render_one(outcome: &VerifyOutcome) -> String {
    let mut text = format!("site      {}\n", paint(style::BOLD, &outcome.url));
    let _ = writeln!(text, "release   {}", outcome.release_id);
    let _ = writeln!(
        text,
        "asked     {} of {}{}, {} in {}",
        human::thousands(outcome.asked_count),
        human::count(outcome.object_count, "page or file", "pages and files"),
        large(outcome),
        human::count(outcome.request_count, "request", "requests"),
        human::duration(std::time::Duration::from_millis(outcome.elapsed_milliseconds)),
    );
    let caches = &outcome.caches;
    if caches.hit_count + caches.miss_count > 0 {
        let age = caches.oldest_age_seconds.map(|age| format!(", the oldest copy {age} s old"));
        let _ = writeln!(
            text,
            "caches    {} from a cache, {} from the origin{}",
            human::count(caches.hit_count, "answer", "answers"),
            human::thousands(caches.miss_count),
            age.unwrap_or_default()
        );
    }
    if let Some(tls) = &outcome.tls {
        let ends = tls.certificate_ends.map(|ends| ends.strftime("%Y-%m-%d").to_string());
        let ends = ends.map(|ends| format!(", the certificate ends on {ends}")).unwrap_or_default();
        let old = match tls.old_versions {
            OldTls::Refused => ", nothing before TLS 1.2",
            OldTls::Accepted => ", and versions before TLS 1.2",
            OldTls::Unknown => "",
        };
        let _ = writeln!(text, "tls       {}{old}{ends}", tls.version);
    }
    if !outcome.security_headers_looked_for.is_empty() {
        let _ = writeln!(text, "headers   {} looked for", outcome.security_headers_looked_for.join(", "));
    }
    for finding in outcome.findings.iter().take(FINDINGS_SHOWN) {
        render_finding(&mut text, finding);
    }
    if outcome.findings.len() > FINDINGS_SHOWN {
        let more = (outcome.findings.len() - FINDINGS_SHOWN) as u64;
        let _ = writeln!(text, "... and {} more; `--json` names all", human::thousands(more));
    }
    let warnings = human::count(outcome.warning_count, "warning", "warnings");
    let verdict = match (outcome.problem_count, outcome.warning_count) {
        (0, 0) => paint(style::ADD, "right"),
        (0, _) => format!("{}, with {warnings}", paint(style::ADD, "right")),
        (problems, 0) => paint(style::ERROR, &human::count(problems, "problem", "problems")),
        (problems, _) => {
            format!("{}, {warnings}", paint(style::ERROR, &human::count(problems, "problem", "problems")))
        }
    };
    let _ = writeln!(text, "verdict   {verdict}");
    text
}

fn large(outcome: &VerifyOutcome) -> String {
    match outcome.large_count {
        0 => String::new(),
        count => format!(" ({} too large for a sample)", human::thousands(count)),
    }
}

fn render_finding(text: &mut String, finding: &Finding) {
    let (style, label) = match finding.severity {
        Severity::Problem => (style::ERROR, "problem"),
        Severity::Warning => (style::WARNING, "warning"),
    };
    let _ = writeln!(text, "{}   `{}` {}", paint(style, label), finding.path, finding.what);
    let _ = writeln!(text, "          expected  {}", finding.expected);
    let found = human::one_line(&finding.found);
    let _ = writeln!(text, "          found     {found}{}", signs(finding));
    let _ = writeln!(text, "          remedy    {}", finding.remedy);
}

fn signs(finding: &Finding) -> String {
    let x_cache = finding.cache.x_cache.as_deref().map(|text| format!(", {}", human::one_line(text)));
    let age = finding.cache.age_seconds.map(|age| format!(", {age} s old"));
    x_cache.unwrap_or_default() + &age.unwrap_or_default()
}
