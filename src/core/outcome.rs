//! What a run did, item by item. The report and the exit code are computed from it.
//!
//! Counts what it is told. Never decides how a run goes on.

use std::borrow::Cow;

use serde::Serialize;

use super::diff::Action;
use super::e_tag::ETag;
use super::plan::Phase;
use super::release::ReleaseId;

/// What the bucket answered to a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    pub e_tag: ETag,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<Box<str>>,
}

impl Written {
    /// An answer with this ETag, without quotes, and this version.
    pub fn new(e_tag: impl Into<ETag>, version_id: Option<String>) -> Self {
        Self { e_tag: e_tag.into(), version_id: version_id.map(Into::into) }
    }
}

/// One effect that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was being done, to what.
    pub what: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// What the user can do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'static, str>>,
    /// Whether credentials, permissions or the network are to blame, rather than this one item.
    pub is_environment: bool,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// There was nothing to do.
    NothingToDo,
    /// All was done.
    Done,
    /// Something failed; the site is whole and the next run finishes.
    PartWay,
    /// The user stopped it; the site is whole and the next run finishes.
    Interrupted,
}

/// An invalidation that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MadeInvalidation {
    pub distribution_id: String,
    pub invalidation_id: String,
    pub item_count: u64,
    /// Whether CloudFront said that it is completed (only asked for with `--wait`).
    pub is_completed: bool,
}

/// The result of carrying out a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub ending: Ending,
    /// The release that this run made live.
    pub release_id: Option<ReleaseId>,
    /// Whether this run wrote the manifest.
    pub is_committed: bool,
    pub uploaded_count: u64,
    pub uploaded_bytes: u64,
    pub copied_count: u64,
    pub header_update_count: u64,
    pub deleted_count: u64,
    /// The first stage that did not succeed.
    pub failed_phase: Option<Phase>,
    pub invalidations: Vec<MadeInvalidation>,
    /// Whether the edge function's store was told anew.
    pub has_written_edge_settings: bool,
    /// In key order.
    pub failures: Vec<Failure>,
    pub warnings: Vec<String>,
    /// Requests sent, retries included.
    pub requests: u64,
    pub elapsed_milliseconds: u64,
}

impl Outcome {
    /// An outcome in which nothing has happened yet.
    pub fn begin() -> Self {
        Self {
            ending: Ending::NothingToDo,
            release_id: None,
            is_committed: false,
            uploaded_count: 0,
            uploaded_bytes: 0,
            copied_count: 0,
            header_update_count: 0,
            deleted_count: 0,
            failed_phase: None,
            invalidations: Vec::new(),
            has_written_edge_settings: false,
            failures: Vec::new(),
            warnings: Vec::new(),
            requests: 0,
            elapsed_milliseconds: 0,
        }
    }

    /// Counts a change that was carried out; `size_bytes` as the change says.
    pub fn count(&mut self, action: &Action, size_bytes: u64) {
        match action {
            Action::Upload => {
                self.uploaded_count += 1;
                self.uploaded_bytes += size_bytes;
            }
            Action::Copy { .. } | Action::Restore { .. } => self.copied_count += 1,
            Action::UpdateHeaders { .. } => self.header_update_count += 1,
            Action::Delete => self.deleted_count += 1,
        }
    }
}
