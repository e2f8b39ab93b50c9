//! What a run will do, as a value: ordered changes, invalidations, debts, cost.
//!
//! Pure. A plan can be shown, compared, saved and applied; nothing below `commands` asks whether a run is dry.

use serde::{Deserialize, Serialize};

use super::diff::{Action, Change, Reason};
use super::edge_settings::EdgeSettings;
use super::key::{KeyPrefix, ObjectKey};
use super::manifest::{Capabilities, DueAfter, OwedInvalidation};
use super::object_class::ObjectClass;
use super::prices::{self, MicroDollars};
use super::release::{ReleaseId, ReleaseSummary};

/// The stages that change objects. Each starts only when the one before has wholly succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// New fingerprinted files, and new ones that look like them: no page knows them yet.
    Fingerprinted,
    /// Everything else that is not a page.
    Files,
    /// Pages but the root page.
    Pages,
    /// The root page and service workers: what visitors enter by.
    Entrances,
    /// Pages that left the build, after the commit and the invalidation.
    PrunePages,
    /// Other files that left the build: no page is left that needs them.
    PruneFiles,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Fingerprinted, Self::Files, Self::Pages, Self::Entrances, Self::PrunePages, Self::PruneFiles];

    /// The stage that a change belongs to.
    pub fn of(change: &Change) -> Self {
        match (&change.action, change.class) {
            (Action::Delete, ObjectClass::Page | ObjectClass::RootPage) => Self::PrunePages,
            (Action::Delete, _) => Self::PruneFiles,
            (_, ObjectClass::Fingerprinted) => Self::Fingerprinted,
            (_, ObjectClass::HashLike) if change.reason == Reason::New => Self::Fingerprinted,
            (_, ObjectClass::HashLike | ObjectClass::Other) => Self::Files,
            (_, ObjectClass::Page) => Self::Pages,
            (_, ObjectClass::RootPage | ObjectClass::ServiceWorker) => Self::Entrances,
        }
    }

    /// Whether the stage comes after the commit.
    pub fn is_prune(self) -> bool {
        matches!(self, Self::PrunePages | Self::PruneFiles)
    }

    /// What the stage does, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fingerprinted => "fingerprinted files",
            Self::Files => "other files",
            Self::Pages => "pages",
            Self::Entrances => "root page and service workers",
            Self::PrunePages => "prune pages",
            Self::PruneFiles => "prune files",
        }
    }
}

/// What the run is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Purpose {
    Push,
    Rollback {
        to: ReleaseId,
    },
    /// Deletes what is stale and pays debts; makes no release.
    Prune,
}

/// An invalidation of one distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInvalidation {
    pub distribution_id: String,
    #[serde(default)]
    pub due_after: DueAfter,
    /// Encoded paths, wildcards and tags, in order; empty when nothing cached can be stale.
    pub items: Vec<String>,
    /// The same in batches, each with its caller reference.
    pub batches: Vec<OwedInvalidation>,
    /// Cached URLs that are dropped though they did not change.
    pub collateral: u64,
    /// Why these items, one sentence each.
    pub explanation: Vec<String>,
}

/// What the edge function is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEdgeSettings {
    #[serde(flatten)]
    pub settings: EdgeSettings,
    /// Whether the live release wants the same: then an earlier run did not write it, or somebody else wrote over it.
    pub is_owed: bool,
}

/// Requests, bytes and money of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// PUT, COPY and LIST requests.
    pub write_requests: u64,
    /// GET and HEAD requests.
    pub read_requests: u64,
    /// DELETE requests, which are free.
    pub delete_requests: u64,
    /// Requests to the edge function's store. Their price is not in the sum below.
    #[serde(default)]
    pub store_requests: u64,
    pub uploaded_bytes: u64,
    pub invalidation_paths: u64,
    /// S3 requests, millionths of a US dollar.
    pub requests_micro_dollars: MicroDollars,
    /// Invalidation paths if the month's free ones are used up, millionths of a US dollar.
    pub invalidations_micro_dollars: MicroDollars,
}

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(flatten)]
    pub purpose: Purpose,
    pub bucket: String,
    pub prefix: KeyPrefix,
    /// The release that the run makes; for a prune, the live one.
    pub release: ReleaseSummary,
    /// The live release that the plan was made against, with the ETag of its manifest.
    pub base: Option<Base>,
    /// In the order of their phases, then of their keys.
    pub changes: Vec<Change>,
    pub unchanged_count: u64,
    pub unchanged_bytes: u64,
    /// Those of the unchanged objects that the live release does not list: kept or due since an earlier one.
    #[serde(default)]
    pub returned_count: u64,
    /// Fingerprinted objects that left the build and stay for open pages.
    pub kept_count: u64,
    pub kept_bytes: u64,
    /// Those of the kept objects that the live release lists.
    #[serde(default)]
    pub newly_kept_count: u64,
    pub invalidations: Vec<PlannedInvalidation>,
    /// Invalidations that an earlier run owed and did not make.
    pub debts: Vec<OwedInvalidation>,
    /// Whether the record of the live release is written anew though it may say the same: an earlier run did not end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renews_record: bool,
    /// What is written into the edge function's store; none when it says so already, or the target names no store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_settings: Option<PlannedEdgeSettings>,
    /// What cannot be brought back (a rollback only).
    pub unavailable: Vec<ObjectKey>,
    pub capabilities: Option<Capabilities>,
    /// What a person should know before going on.
    pub warnings: Vec<String>,
    pub cost: Cost,
}

/// The state that a plan was made against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub release_id: ReleaseId,
    pub manifest_e_tag: String,
}

/// How many changes of each kind a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub uploads: u64,
    pub copies: u64,
    pub header_updates: u64,
    pub deletes: u64,
    pub uploaded_bytes: u64,
    pub deleted_bytes: u64,
}

/// Whether a run makes a release: something that is live changes, be it only that it is live. `relisted` are the objects
/// that join or leave what is live as they lie there, with nothing written or deleted.
pub fn makes_release(
    purpose: &Purpose,
    changes: &[Change],
    relisted: u64,
    edge_settings: Option<&PlannedEdgeSettings>,
) -> bool {
    let is_live = |change: &Change| change.action != Action::Delete || change.reason == Reason::LeftTheBuild;
    let has_new_settings = edge_settings.is_some_and(|planned| !planned.is_owed);
    *purpose != Purpose::Prune && (changes.iter().any(is_live) || relisted > 0 || has_new_settings)
}

impl Plan {
    /// Whether there is nothing to do: nothing to write, to delete, to list anew, to invalidate, to pay or to record.
    pub fn is_empty(&self) -> bool {
        self.is_up_to_date() && !self.renews_record
    }

    /// Whether what is wanted is live and nothing is owed.
    pub fn is_up_to_date(&self) -> bool {
        self.changes.is_empty()
            && self.relisted() == 0
            && self.debts.is_empty()
            && self.edge_settings.is_none()
    }

    fn relisted(&self) -> u64 {
        self.returned_count + self.newly_kept_count
    }

    /// Whether the run makes a release.
    pub fn makes_release(&self) -> bool {
        makes_release(&self.purpose, &self.changes, self.relisted(), self.edge_settings.as_ref())
    }

    /// Whether the run writes the record of what is live: for a release, and to write down what it is about to delete or
    /// has repaired. What only deletes what the record says is due leaves it alone.
    pub fn writes_manifest(&self) -> bool {
        let is_known = |change: &Change| change.reason == Reason::StillDue;
        let is_told = self.base.is_some() && !self.changes.iter().all(is_known);
        self.makes_release() || self.renews_record || is_told
    }

    /// The changes of one stage, in key order.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| Phase::of(change) == phase)
    }

    /// The changes by kind.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for change in &self.changes {
            match change.action {
                Action::Upload => {
                    totals.uploads += 1;
                    totals.uploaded_bytes += change.size_bytes;
                }
                Action::Copy { .. } | Action::Restore { .. } => totals.copies += 1,
                Action::UpdateHeaders { .. } => totals.header_updates += 1,
                Action::Delete => {
                    totals.deletes += 1;
                    totals.deleted_bytes += change.size_bytes;
                }
            }
        }
        totals
    }
}

/// Puts changes into the order of their phases, then of their keys.
pub fn order(changes: &mut [Change]) {
    changes.sort_unstable_by(|a, b| Phase::of(a).cmp(&Phase::of(b)).then_with(|| a.key.cmp(&b.key)));
}

/// S3 DeleteObjects takes at most 1,000 keys (S3 API Reference, DeleteObjects).
pub const DELETE_BATCH_KEYS: usize = 1000;

/// Files larger than this are sent in parts of this size.
pub const PART_SIZE_BYTES: u64 = 16 << 20;

/// Estimates what carrying out a plan costs; `plan.cost` is not read.
///
/// On a first push the bucket is listed and asked what it can do, and objects that are found in it are not counted.
/// Requests that are sent again are not counted either.
pub fn estimate_cost(plan: &Plan) -> Cost {
    // The manifest and the lock.
    let mut cost = Cost { read_requests: 2, ..Cost::default() };
    if matches!(plan.purpose, Purpose::Rollback { .. }) {
        // The record of the release that is made live again.
        cost.read_requests += 1;
    }
    if plan.base.is_none() {
        // Whether it keeps versions; what is in it; whether it honors conditions, of both kinds.
        cost.read_requests += 1;
        cost.write_requests += 3;
    }
    let mut deletes = 0;
    for change in &plan.changes {
        match change.action {
            Action::Upload => {
                cost.uploaded_bytes += change.size_bytes;
                cost.write_requests += upload_requests(change.size_bytes);
            }
            Action::Copy { .. } | Action::UpdateHeaders { .. } => cost.write_requests += 1,
            Action::Restore { .. } => {
                // Whether the version is still there.
                cost.read_requests += 1;
                cost.write_requests += 1;
            }
            Action::Delete => deletes += 1,
        }
    }
    cost.delete_requests = u64::div_ceil(deletes, DELETE_BATCH_KEYS as u64);
    if plan.writes_manifest() {
        // The manifest and the release's record.
        cost.write_requests += 2;
    }
    if plan.changes.iter().any(|change| change.action != Action::Delete && change.reason == Reason::New) {
        // What is about to be created.
        cost.write_requests += 1;
    }
    if plan.writes_manifest() || plan.edge_settings.is_some() || !plan.changes.is_empty() {
        // The lock, taken and given back.
        cost.write_requests += 2;
    }
    if plan.edge_settings.is_some() {
        // Its ETag, its value, the write.
        cost.store_requests = 3;
    }
    cost.invalidation_paths = plan.invalidations.iter().map(|planned| planned.items.len() as u64).sum();
    cost.requests_micro_dollars = prices::s3_requests(cost.write_requests, cost.read_requests);
    cost.invalidations_micro_dollars = prices::invalidation_paths(cost.invalidation_paths);
    cost
}

/// Requests that sending one object takes: one, or the parts and the two that frame them.
fn upload_requests(size_bytes: u64) -> u64 {
    if size_bytes <= PART_SIZE_BYTES { 1 } else { size_bytes.div_ceil(PART_SIZE_BYTES) + 2 }
}
