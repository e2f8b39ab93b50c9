//! Releases and the target's state, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::core::inventory::Drift;
use crate::core::key::ObjectKey;
use crate::core::manifest::{Capabilities, OwedInvalidation};
use crate::core::prices::FREE_INVALIDATION_PATHS;
use crate::core::release::{Origin, ReleaseSummary};

use super::human;
use super::terminal::style::{self, paint};

/// A line of `sitepush releases`.
#[derive(Serialize)]
pub struct ReleaseRow<'a> {
    #[serde(flatten)]
    pub release: &'a ReleaseSummary,
    pub is_live: bool,
}

/// The table of releases, newest first. Lines are cut to `width` columns where that is given.
pub fn render_releases(rows: &[ReleaseRow<'_>], width: Option<usize>) -> String {
    let mut text = String::new();
    for ReleaseRow { release, is_live } in rows {
        let mark = if *is_live { paint(style::ADD.bold(), "live") } else { "    ".into() };
        let message = release.message.as_deref().map(human::one_line);
        let what = match (&release.origin, message) {
            (Origin::Rollback { to }, None) => format!("back to {to}"),
            (Origin::Rollback { to }, Some(message)) => format!("back to {to}: {message}"),
            (Origin::Push, message) => message.unwrap_or_default(),
        };
        let is_dirty = release.commit.as_ref().is_some_and(|commit| commit.dirty);
        let line = format!(
            "{id:26}  {time}  {files:>13}  {size:>7}  {author}  {dirty}{what}",
            id = release.id.as_str(),
            time = release.time.strftime("%Y-%m-%d %H:%M"),
            files = human::count(release.object_count, "file", "files"),
            size = human::bytes(release.size_bytes),
            author = release.author.as_deref().map_or_else(|| "-".into(), human::one_line),
            dirty = if is_dirty { "(uncommitted changes) " } else { "" },
        );
        let room = width.map(|width| width.saturating_sub(MARK_COLUMNS));
        let _ = writeln!(text, "{mark}  {}", human::cut(line.trim_end(), room));
    }
    text
}

/// `live` and what separates it from the id.
const MARK_COLUMNS: usize = 6;

/// What `sitepush status` tells.
#[derive(Serialize)]
pub struct StatusDocument<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    /// None when nothing was ever published.
    pub live: Option<&'a ReleaseSummary>,
    pub kept_count: u64,
    pub demoted: Vec<&'a ObjectKey>,
    pub debts: &'a [OwedInvalidation],
    /// Whether the edge function still has to be told where the pages are.
    pub owes_edge_settings: bool,
    /// `free`, `held` or `unfinished`.
    pub lock: &'static str,
    /// Who holds it or what it was left by.
    pub lock_detail: Option<String>,
    pub capabilities: Option<Capabilities>,
    /// Of the target's distributions; only with `--invalidation-cost`.
    pub invalidation_paths_this_month: Option<u64>,
    /// Only with `--verify-remote`.
    pub drift: Option<Vec<DriftRow<'a>>>,
    /// Objects in the target that sitepush did not publish; only with `--verify-remote`.
    pub unknown: Option<Vec<&'a ObjectKey>>,
}

/// An object that is not as it was published.
#[derive(Serialize)]
pub struct DriftRow<'a> {
    pub key: &'a ObjectKey,
    pub drift: Drift,
}

/// The state as text.
pub fn render_status(status: &StatusDocument<'_>) -> String {
    let mut text = format!("target    s3://{}/{}\n", status.bucket, status.prefix);
    match status.live {
        None => text.push_str("live      nothing was published yet\n"),
        Some(release) => {
            let size = human::bytes(release.size_bytes);
            let files = human::count(release.object_count, "file", "files");
            let _ = writeln!(text, "live      {} ({files}, {size})", paint(style::BOLD, release.id.as_str()));
            let _ = writeln!(text, "          {}", release.time.strftime("%Y-%m-%d %H:%M:%S UTC"));
        }
    }
    if status.kept_count > 0 {
        let kept = human::count(status.kept_count, "object", "objects");
        let _ = writeln!(text, "kept      {kept} of earlier releases, for open pages");
    }
    let detail = status.lock_detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let _ = writeln!(text, "lock      {}{detail}", status.lock);
    if status.owes_edge_settings {
        text.push_str("debt      the edge function's settings\n");
    }
    match status.debts {
        [] if status.owes_edge_settings => {}
        [] => text.push_str("debts     none\n"),
        debts => {
            for debt in debts {
                let items = human::count(debt.items.len() as u64, "item", "items");
                let _ = writeln!(text, "debt      invalidation of {items} on {}", debt.distribution_id);
            }
        }
    }
    for key in &status.demoted {
        let _ = writeln!(text, "demoted   `{key}` looks immutable and is not");
    }
    if let Some(capabilities) = status.capabilities {
        render_capabilities(&mut text, capabilities);
    }
    if let Some(paths) = status.invalidation_paths_this_month {
        let _ = writeln!(
            text,
            "paths     {} invalidated this month; {} are free in an account",
            human::thousands(paths),
            human::thousands(FREE_INVALIDATION_PATHS)
        );
    }
    if let Some(drift) = &status.drift {
        render_drift(&mut text, drift);
    }
    if let Some(unknown) = &status.unknown {
        let _ = writeln!(
            text,
            "unknown   {} not published by sitepush",
            human::count(unknown.len() as u64, "object", "objects")
        );
    }
    text
}

fn render_capabilities(text: &mut String, capabilities: Capabilities) {
    if !capabilities.versioning {
        text.push_str(
            "bucket    keeps no versions: a rollback cannot bring back overwritten or deleted files\n",
        );
    }
    if !capabilities.conditional_writes {
        text.push_str("bucket    ignores conditional writes: two pushes at one time are not kept apart\n");
    }
}

fn render_drift(text: &mut String, drift: &[DriftRow<'_>]) {
    if drift.is_empty() {
        text.push_str("drift     none: the bucket holds what was published\n");
    }
    for row in drift.iter().take(DRIFT_SHOWN) {
        let what = match row.drift {
            Drift::Missing => "is gone",
            Drift::Bytes => "has other bytes",
            Drift::Headers => "has other headers",
            Drift::Foreign => "is not ours",
        };
        let _ = writeln!(text, "drift     `{}` {what}", row.key);
    }
    if drift.len() > DRIFT_SHOWN {
        let more = human::count((drift.len() - DRIFT_SHOWN) as u64, "more object", "more objects");
        let _ = writeln!(text, "          and {more}; `--json` names all");
    }
}

/// Lines of drift before the rest is counted.
const DRIFT_SHOWN: usize = 20;
