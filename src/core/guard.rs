//! Limits read against a plan before its first effect.
//!
//! Pure: says whether a plan may be carried out, and if not, which one limit stops it.

use std::collections::HashSet;

use super::desired::Desired;
use super::diff::{Action, Reason};
use super::digest::Sha256Digest;
use super::key::ObjectKey;
use super::manifest::Manifest;
use super::plan::{Plan, Purpose};
use super::release::ReleaseId;

/// What a plan may do at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Objects deleted in one run.
    pub max_deletes: u64,
    /// Share of the live objects under lasting names that may leave in one push, in percent.
    pub max_delete_percent: u8,
    /// Whether a build may be much smaller than the live release, or lack its root page.
    pub allow_shrink: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_deletes: 256, max_delete_percent: 50, allow_shrink: false }
    }
}

/// Why a plan is refused. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this run would delete {count} objects, more than the limit of {limit}")]
    TooManyDeletes { count: u64, limit: u64 },
    #[error(
        "the build lacks {leaving} of the {live} live pages and files, more than {limit_percent}%; it looks incomplete"
    )]
    Shrunken { leaving: u64, live: u64, limit_percent: u8 },
    #[error(
        "the build has {files} files with hashed names, and the live release {live}, more than {limit_percent}% of which are missing; it looks incomplete"
    )]
    LacksFingerprinted { files: u64, live: u64, limit_percent: u8 },
    #[error("the build has no `index.html`, but the live release has one")]
    RootPageMissing,
    #[error("the build is empty")]
    Empty,
    #[error(
        "release `{to}` cannot be brought back: the bucket no longer has the bytes of {} ({} in all)",
        list(.keys),
        .keys.len()
    )]
    Unavailable { to: ReleaseId, keys: Vec<String> },
    #[error(
        "the live release `{live}` is newer: it was made from commit {live_commit}, this build from {commit}"
    )]
    OlderCommit { live: ReleaseId, live_commit: String, commit: String },
    #[error("the build contains {}", secrets(.found))]
    Secrets { found: Vec<(String, String)> },
}

impl Refusal {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooManyDeletes { .. } => {
                "check that this is the right folder and target, or raise `--max-deletes`"
            }
            Self::Shrunken { .. } | Self::LacksFingerprinted { .. } | Self::RootPageMissing => {
                "check that the build finished and this is the right folder, or pass `--allow-shrink`"
            }
            Self::Empty => "run the build first, and check the folder's name",
            Self::Unavailable { .. } => {
                "build that commit again and push it; versioning on the bucket makes rollback possible from now on"
            }
            Self::OlderCommit { .. } => {
                "push the newer commit, use `sitepush rollback`, or pass `--allow-older-commit`"
            }
            Self::Secrets { .. } => {
                "remove it from the build; a false alarm goes into `site.allow_secrets` of sitepush.toml"
            }
        }
    }
}

/// At most three keys, then an ellipsis.
fn list(keys: &[String]) -> String {
    let mut text = keys.iter().take(3).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if keys.len() > 3 {
        text.push_str(", ...");
    }
    text
}

fn secrets(found: &[(String, String)]) -> String {
    let mut text =
        found.iter().take(3).map(|(key, what)| format!("{what} in `{key}`")).collect::<Vec<_>>().join(", ");
    if found.len() > 3 {
        text.push_str(&format!(" and {} more", found.len() - 3));
    }
    text
}

/// Reads the limits against the plan.
///
/// # Errors
/// The first limit that the plan breaks.
pub fn check(
    plan: &Plan,
    desired: Desired<'_>,
    live: Option<&Manifest>,
    limits: &Limits,
) -> Result<(), Refusal> {
    if !plan.unavailable.is_empty() {
        let live = || plan.base.as_ref().map_or(&plan.release.id, |base| &base.release_id);
        let to = if let Purpose::Rollback { to } = &plan.purpose { to } else { live() };
        let keys = plan.unavailable.iter().map(ToString::to_string).collect();
        return Err(Refusal::Unavailable { to: to.clone(), keys });
    }
    if plan.purpose == Purpose::Push {
        check_build(plan, desired, live, limits)?;
    }
    // What leaves is judged by the push that it leaves with; a push must not stop because of what left long ago, or of what
    // no release has had.
    let is_routine = |reason: &Reason| {
        matches!(reason, Reason::GraceEnded | Reason::StillDue | Reason::LeftByUnfinishedPush)
    };
    let deletes = plan.changes.iter().filter(|change| change.action == Action::Delete);
    let counted = deletes.filter(|change| plan.purpose == Purpose::Prune || !is_routine(&change.reason));
    let count = counted.count() as u64;
    if count > limits.max_deletes {
        return Err(Refusal::TooManyDeletes { count, limit: limits.max_deletes });
    }
    Ok(())
}

fn check_build(
    plan: &Plan,
    desired: Desired<'_>,
    live: Option<&Manifest>,
    limits: &Limits,
) -> Result<(), Refusal> {
    if desired.is_empty() {
        return Err(Refusal::Empty);
    }
    let Some(live) = live.filter(|_| !limits.allow_shrink) else { return Ok(()) };
    let root_page = live.objects.keys().find(|key| key.as_str() == "index.html");
    if root_page.is_some_and(|key| !desired.contains_key(key)) {
        return Err(Refusal::RootPageMissing);
    }
    check_hashed_names(desired, live, limits)?;
    let live_count = live.objects.values().filter(|object| !object.class.outlives_the_build()).count() as u64;
    let is_too_many = |leaving: u64| leaving * 100 > live_count * u64::from(limits.max_delete_percent);
    let leaving = || {
        let left = plan.changes.iter().filter(|change| change.reason == Reason::LeftTheBuild);
        left.filter(|change| !change.class.outlives_the_build())
    };
    // Whether they moved takes a look at the whole build: only where it matters.
    if !is_too_many(leaving().count() as u64) {
        return Ok(());
    }
    let digests: HashSet<Sha256Digest> = desired.values().map(|object| object.sha256).collect();
    let clean_paths: HashSet<&str> = desired.keys().filter_map(clean_path).collect();
    let has_moved = |key: &ObjectKey| {
        clean_path(key).is_some_and(|path| clean_paths.contains(path))
            || live.objects.get(key).is_some_and(|object| digests.contains(&object.sha256))
    };
    let leaving = leaving().filter(|change| !has_moved(&change.key)).count() as u64;
    if is_too_many(leaving) {
        return Err(Refusal::Shrunken {
            leaving,
            live: live_count,
            limit_percent: limits.max_delete_percent,
        });
    }
    Ok(())
}

/// Hashed names all change with a new bundle, so only their number tells whether they were built. A handful is no sign.
/// Names that only look hashed count with them: a new hash may be of either kind.
fn check_hashed_names(desired: Desired<'_>, live: &Manifest, limits: &Limits) -> Result<(), Refusal> {
    const HANDFUL: u64 = 10;
    let files = desired.values().filter(|object| object.class.outlives_the_build()).count() as u64;
    let live = live.objects.values().filter(|object| object.class.outlives_the_build()).count() as u64;
    let limit_percent = limits.max_delete_percent;
    let missing = live.saturating_sub(files);
    if live < HANDFUL || missing * 100 <= live * u64::from(limit_percent) {
        return Ok(());
    }
    Err(Refusal::LacksFingerprinted { files, live, limit_percent })
}

/// What visitors call a page: `about` for `about.html` and for `about/index.html`.
fn clean_path(key: &ObjectKey) -> Option<&str> {
    key.as_str().strip_suffix("/index.html").or_else(|| key.as_str().strip_suffix(".html"))
}
