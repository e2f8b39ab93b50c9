//! A plan, for people.

use std::fmt::Write as _;

use crate::core::diff::{Action, Change, Reason};
use crate::core::manifest::DueAfter;
use crate::core::plan::{Phase, Plan, PlannedInvalidation, Purpose, Totals};

use super::human;
use super::terminal::style::{self, paint};

/// Lines shown of one stage before the rest is counted.
const LINES_PER_PHASE: usize = 12;

/// The plan as text: what changes and why, in the order in which it happens, then the invalidation and the cost.
pub fn render(plan: &Plan) -> String {
    let mut text = headline(plan);
    for warning in &plan.warnings {
        let _ = writeln!(text, "{} {warning}", paint(style::WARNING, "warning:"));
    }
    for phase in Phase::ALL {
        render_phase(&mut text, plan, phase);
    }
    for invalidation in &plan.invalidations {
        render_invalidation(&mut text, invalidation);
    }
    if let Some(planned) = &plan.edge_settings {
        let what = if planned.is_owed { "owed or overwritten" } else { "where the pages are" };
        let _ = writeln!(
            text,
            "\n  {} {}",
            paint(style::BOLD, "edge function"),
            paint(style::DIM, &format!("({what})"))
        );
        for sentence in explain_edge_settings(&planned.settings.value) {
            let _ = writeln!(text, "    {sentence}");
        }
    }
    for debt in &plan.debts {
        let count = human::count(debt.items.len() as u64, "item", "items");
        let _ = writeln!(
            text,
            "\n  owed from an earlier run: invalidation of {count} on {}",
            debt.distribution_id
        );
    }
    if plan.renews_record && !plan.makes_release() {
        text.push_str("\n  the record is written anew: an earlier run did not end\n");
    }
    text.push('\n');
    text.push_str(&summary(plan));
    text
}

/// What the edge function does by these settings, as far as people decide it.
fn explain_edge_settings(value: &str) -> Vec<String> {
    let Ok(settings) = serde_json::from_str::<serde_json::Value>(value) else { return Vec::new() };
    let text = |name: &str| settings[name].as_str().unwrap_or_default();
    let mut sentences = vec![match text("pages") {
        "html" => "/about is about.html".to_owned(),
        "exact" => "a path is a file".to_owned(),
        _ => "/about is about/index.html".to_owned(),
    }];
    if let Some(routes) = settings["routes"].as_object() {
        let paths: Vec<&str> = routes.keys().take(3).map(String::as_str).collect();
        let more = if routes.len() > paths.len() { ", ..." } else { "" };
        let count = human::count(routes.len() as u64, "page", "pages");
        sentences.push(format!("{count} the other way: {}{more}", paths.join(", ")));
    }
    match text("slash") {
        "add" => sentences.push("/about redirects to /about/".to_owned()),
        "remove" => sentences.push("/about/ redirects to /about".to_owned()),
        "keep" => sentences.push("/about and /about/ both answer".to_owned()),
        _ => {}
    }
    if settings.get("shell").is_some() {
        sentences.push(format!("navigations to other paths get {}", text("shell")));
    }
    sentences
}

/// What is done to where.
fn headline(plan: &Plan) -> String {
    let place = format!("s3://{}/{}", plan.bucket, plan.prefix.as_str());
    let base = plan.base.as_ref().map_or_else(String::new, |base| format!(" (live: {})", base.release_id));
    match &plan.purpose {
        Purpose::Push if plan.is_up_to_date() => format!("{place}{base} is up to date\n"),
        Purpose::Push if plan.base.is_none() => {
            format!("{} {place}, first release\n", paint(style::BOLD, "publish to"))
        }
        Purpose::Push => format!("{} {place}{base}\n", paint(style::BOLD, "publish to")),
        Purpose::Rollback { to } => format!("{} {to} at {place}{base}\n", paint(style::BOLD, "roll back to")),
        Purpose::Prune => format!("{} {place}{base}\n", paint(style::BOLD, "prune")),
    }
}

fn render_phase(text: &mut String, plan: &Plan, phase: Phase) {
    let changes: Vec<&Change> = plan.phase(phase).collect();
    if changes.is_empty() {
        return;
    }
    let _ =
        writeln!(text, "\n  {} {}", paint(style::BOLD, phase.title()), paint(style::DIM, &tally(&changes)));
    for change in changes.iter().take(LINES_PER_PHASE) {
        let _ = writeln!(text, "    {}", line(change));
    }
    if changes.len() > LINES_PER_PHASE {
        let more = (changes.len() - LINES_PER_PHASE) as u64;
        let _ =
            writeln!(text, "    {}", paint(style::DIM, &format!("... and {} more", human::thousands(more))));
    }
}

fn tally(changes: &[&Change]) -> String {
    let bytes = changes.iter().map(|change| change.size_bytes).sum();
    format!("({}, {})", human::thousands(changes.len() as u64), human::bytes(bytes))
}

fn line(change: &Change) -> String {
    let (sign, color) = match (&change.action, &change.reason) {
        (Action::Delete, _) => ("-", style::REMOVE),
        (_, Reason::New) => ("+", style::ADD),
        _ => ("~", style::CHANGE),
    };
    let detail = format!("{}, {}", human::bytes(change.size_bytes), explain(change));
    format!("{} {}  {}", paint(color, sign), change.key, paint(style::DIM, &detail))
}

/// Why, and how where it is not simply sent.
fn explain(change: &Change) -> String {
    let reason = match &change.reason {
        Reason::New => "new".to_owned(),
        Reason::BytesChanged => "changed".to_owned(),
        Reason::HeadersChanged(names) => format!("only headers: {}", names.join(", ")),
        Reason::Drifted(how) => format!("drifted: {how}"),
        Reason::Demoted => "other bytes under an immutable name".to_owned(),
        Reason::LeftTheBuild => "left the build".to_owned(),
        Reason::GraceEnded => "no kept release needs it".to_owned(),
        Reason::StillDue => "left from an earlier run".to_owned(),
        Reason::LeftByUnfinishedPush => "left by an unfinished push".to_owned(),
    };
    match &change.action {
        Action::Copy { from, .. } => format!("{reason}, copied from `{from}`"),
        Action::Restore { .. } => format!("{reason}, restored from its earlier version"),
        Action::Upload | Action::UpdateHeaders { .. } | Action::Delete => reason,
    }
}

fn render_invalidation(text: &mut String, invalidation: &PlannedInvalidation) {
    let count = human::count(invalidation.items.len() as u64, "item", "items");
    let when = match invalidation.due_after {
        DueAfter::Commit => "",
        DueAfter::PrunePages => " once the pages are deleted",
        DueAfter::PruneFiles => " once the files are deleted",
    };
    let _ = writeln!(
        text,
        "\n  {} {}{when} {}",
        paint(style::BOLD, "invalidate"),
        invalidation.distribution_id,
        paint(style::DIM, &format!("({count})"))
    );
    for item in invalidation.items.iter().take(LINES_PER_PHASE) {
        let _ = writeln!(text, "    {item}");
    }
    if invalidation.items.len() > LINES_PER_PHASE {
        let more = (invalidation.items.len() - LINES_PER_PHASE) as u64;
        let _ =
            writeln!(text, "    {}", paint(style::DIM, &format!("... and {} more", human::thousands(more))));
    }
    for sentence in &invalidation.explanation {
        let _ = writeln!(text, "    {}", paint(style::DIM, sentence));
    }
}

/// One or two lines: how much of what, and what it costs.
fn summary(plan: &Plan) -> String {
    let Totals { uploads, copies, header_updates, deletes, uploaded_bytes, .. } = plan.totals();
    let mut parts = Vec::new();
    if uploads > 0 {
        parts.push(format!("{} to upload ({})", human::thousands(uploads), human::bytes(uploaded_bytes)));
    }
    if copies > 0 {
        parts.push(format!("{} to copy on the server", human::thousands(copies)));
    }
    if header_updates > 0 {
        parts.push(human::count(header_updates, "header update", "header updates"));
    }
    if deletes > 0 {
        parts.push(format!("{} to delete", human::thousands(deletes)));
    }
    let unchanged = format!("{} unchanged", human::thousands(plan.unchanged_count));
    parts.push(match plan.returned_count {
        0 => unchanged,
        back => format!("{unchanged} ({} of them back in the release)", human::thousands(back)),
    });
    if plan.kept_count > 0 {
        let bytes = human::bytes(plan.kept_bytes);
        let more = match plan.newly_kept_count {
            0 => bytes,
            new => format!("{bytes}, {} of them from now on", human::thousands(new)),
        };
        parts.push(format!("{} kept for open pages ({more})", human::thousands(plan.kept_count)));
    }
    let mut text = format!("{}\n", parts.join(", "));
    if !plan.is_empty() {
        text.push_str(&cost(plan));
    }
    text
}

fn cost(plan: &Plan) -> String {
    let cost = plan.cost;
    // Those for invalidations cost nothing by themselves, so the cost does not hold them.
    let batches = plan.invalidations.iter().map(|planned| planned.batches.len()).sum::<usize>();
    let invalidation_requests = (batches + plan.debts.len()) as u64;
    let requests = cost.write_requests
        + cost.read_requests
        + cost.delete_requests
        + cost.store_requests
        + invalidation_requests;
    let mut text = format!(
        "about {}, {}",
        human::count(requests, "request", "requests"),
        human::dollars(cost.requests_micro_dollars)
    );
    if cost.invalidation_paths > 0 {
        let paths = human::count(cost.invalidation_paths, "invalidation path", "invalidation paths");
        let _ = write!(
            text,
            "; {paths}, {} if the month's free ones are used up",
            human::dollars(cost.invalidations_micro_dollars)
        );
    }
    text.push('\n');
    text
}
