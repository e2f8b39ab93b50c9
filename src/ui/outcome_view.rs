//! What a run did, for people.

use std::fmt::Write as _;
use std::time::Duration;

use crate::core::outcome::{Ending, Failure, Outcome};

use super::human;
use super::terminal::style::{self, paint};

/// Failures shown before the rest is counted.
const FAILURES_SHOWN: usize = 20;

/// The report: what happened, what failed and what comes next.
pub fn render(outcome: &Outcome) -> String {
    let mut text = String::new();
    for warning in &outcome.warnings {
        let _ = writeln!(text, "{} {warning}", paint(style::WARNING, "warning:"));
    }
    let shown = worth_showing(outcome);
    for failure in &shown {
        let _ = writeln!(text, "{} {}", paint(style::ERROR, "error:"), failure.what);
        for cause in &failure.causes {
            let _ = writeln!(text, "  caused by: {cause}");
        }
    }
    if outcome.failures.len() > shown.len() {
        let more = (outcome.failures.len() - shown.len()) as u64;
        let _ = writeln!(text, "... and {}", human::count(more, "more failure", "more failures"));
    }
    text.push_str(&headline(outcome));
    if outcome.has_written_edge_settings {
        text.push_str("  the edge function knows where the pages are\n");
    }
    for made in &outcome.invalidations {
        let state = if made.is_completed { "completed" } else { "under way" };
        let items = human::count(made.item_count, "item", "items");
        let _ = writeln!(
            text,
            "  invalidation {} of {items} on {}: {state}",
            made.invalidation_id, made.distribution_id
        );
    }
    if let Some(hint) = hint(outcome) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

/// The first failures. A missing permission or a lost network strikes all that was in flight: once is enough.
fn worth_showing(outcome: &Outcome) -> Vec<&Failure> {
    let (everywhere, single): (Vec<_>, Vec<_>) =
        outcome.failures.iter().partition(|failure| failure.is_environment);
    everywhere.into_iter().take(1).chain(single).take(FAILURES_SHOWN).collect()
}

fn headline(outcome: &Outcome) -> String {
    let done = done(outcome);
    let time = human::duration(Duration::from_millis(outcome.elapsed_milliseconds));
    let requests = human::count(outcome.requests, "request", "requests");
    match (outcome.ending, &outcome.release_id) {
        (Ending::NothingToDo, _) => "nothing to do\n".into(),
        (Ending::Done, Some(id)) => {
            format!("{} {id}: {done} in {time}, {requests}\n", paint(style::ADD.bold(), "live"))
        }
        (Ending::Done, None) => {
            format!("{} {done} in {time}, {requests}\n", paint(style::ADD.bold(), "done:"))
        }
        (Ending::PartWay, _) if outcome.is_committed => {
            format!(
                "{} the release is live, but not all is done: {done}\n",
                paint(style::WARNING, "part way:")
            )
        }
        (Ending::PartWay, _) => {
            format!("{} the site is whole; {done}\n", paint(style::WARNING, "part way:"))
        }
        (Ending::Interrupted, _) => {
            format!("{} the site is whole; {done}\n", paint(style::WARNING, "stopped:"))
        }
    }
}

fn done(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    if outcome.uploaded_count > 0 {
        let bytes = human::bytes(outcome.uploaded_bytes);
        parts.push(format!("{} uploaded ({bytes})", human::thousands(outcome.uploaded_count)));
    }
    if outcome.copied_count > 0 {
        parts.push(format!("{} copied", human::thousands(outcome.copied_count)));
    }
    if outcome.header_update_count > 0 {
        parts.push(human::count(outcome.header_update_count, "header update", "header updates"));
    }
    if outcome.deleted_count > 0 {
        parts.push(format!("{} deleted", human::thousands(outcome.deleted_count)));
    }
    if parts.is_empty() {
        parts.push("no object changed".into());
    }
    parts.join(", ")
}

fn hint(outcome: &Outcome) -> Option<&str> {
    match outcome.ending {
        Ending::PartWay => {
            let by_cause = outcome.failures.iter().find_map(|failure| failure.hint.as_deref());
            by_cause.or(Some("run the same command again: it does only what is left"))
        }
        Ending::Interrupted => Some("run the same command again to finish"),
        Ending::NothingToDo | Ending::Done => None,
    }
}
