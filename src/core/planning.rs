//! Makes plans: what is wanted, what is there and what is owed, into one value.
//!
//! Pure. The order of the arguments' contents never matters.

#[cfg(test)]
mod in_parts;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cache_tags;
use super::desired::Desired;
use super::diff::{Action, Change, Changes, DiffContext, Reason, RetentionRules, diff};
use super::edge_settings::EdgeSettings;
use super::headers::ObjectHeaders;
use super::invalidation::{self, ChangeKind, UrlStyle};
use super::inventory::RemoteState;
use super::key::{KeyPrefix, ObjectKey, ViewerMapping};
use super::lock::Settlement;
use super::manifest::{DistributionFacts, DueAfter, Manifest, OwedInvalidation, StaleObject};
use super::object_class::ObjectClass;
use super::plan::{
    Base, Cost, Phase, Plan, PlannedEdgeSettings, PlannedInvalidation, Purpose, estimate_cost, makes_release,
    order,
};
use super::release::{Commit, Origin, ReleaseId, ReleaseSummary};

/// What the next release says of itself.
#[derive(Clone, Debug)]
pub struct ReleaseDraft {
    pub time: Timestamp,
    pub commit: Option<Commit>,
    pub author: Option<String>,
    pub message: Option<String>,
}

/// Everything a plan depends on.
pub struct PlanningInput<'a> {
    pub purpose: Purpose,
    pub bucket: &'a str,
    pub prefix: &'a KeyPrefix,
    pub draft: ReleaseDraft,
    pub desired: Desired<'a>,
    pub remote: &'a RemoteState,
    /// The live manifest with its ETag.
    pub live: Option<(&'a Manifest, &'a str)>,
    /// What the lock says was settled of that manifest.
    pub settlement: &'a Settlement,
    pub retention: RetentionRules,
    /// The target's distributions, in the order of the settings.
    pub distributions: &'a BTreeMap<String, DistributionFacts>,
    /// What the edge function is to be told; none where the target names no store.
    pub edge_settings: Option<WantedEdgeSettings>,
    pub url_style: UrlStyle,
    pub newly_demoted: &'a [ObjectKey],
    pub warnings: Vec<String>,
}

/// What the edge function is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedEdgeSettings {
    pub settings: EdgeSettings,
    /// Whether the store was looked at and says something else.
    pub has_drifted: bool,
}

impl WantedEdgeSettings {
    /// Other settings for the same store.
    #[must_use]
    pub fn with(self, settings: EdgeSettings) -> Self {
        Self { settings, ..self }
    }
}

/// A plan, and what the next manifest needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub plan: Plan,
    /// The stale objects after the run, those that its prune phase deletes marked as due.
    pub stale: BTreeMap<ObjectKey, StaleObject>,
}

/// Makes the plan.
pub fn plan(input: &PlanningInput<'_>) -> Planned {
    let manifest = input.live.map(|(manifest, _)| manifest);
    let draft_id = draft_id(input, manifest);
    let edge_settings = planned_edge_settings(input, manifest);
    let history = manifest.into_iter().flat_map(|manifest| &manifest.history);
    let newest: Vec<ReleaseId> =
        std::iter::once(draft_id.clone()).chain(history.map(|summary| summary.id.clone())).collect();
    let changes_with = |newest_releases: &[ReleaseId]| {
        let context = DiffContext {
            manifest,
            is_pruned: input.settlement.is_pruned,
            newest_releases,
            retention: input.retention,
            now: input.draft.time,
        };
        diff(input.desired, input.remote, &context)
    };
    // A release that is not made takes no place from those that are kept.
    let earlier = &newest[1..];
    let is_prune = input.purpose == Purpose::Prune;
    let is_release = |changes: &Changes| {
        makes_release(&input.purpose, &changes.changes, changes.relisted(), edge_settings.as_ref())
    };
    let mut changes = changes_with(if is_prune { earlier } else { &newest });
    if !is_worth_a_run(input, &changes) {
        postpone_graces(&mut changes);
    } else if !is_prune && !is_release(&changes) {
        changes = changes_with(earlier);
    }
    let invalidations: Vec<PlannedInvalidation> = input
        .distributions
        .iter()
        .flat_map(|(id, facts)| plan_invalidations(id, facts, input, &changes, manifest, &draft_id))
        .filter(|planned| !planned.items.is_empty())
        .collect();
    let (debts, mut warnings) = debts(input, manifest);
    warnings.extend(input.warnings.iter().cloned());
    warnings.extend(input.newly_demoted.iter().map(|key| demotion_warning(key, manifest)));
    warnings.extend(input.distributions.iter().filter_map(|(id, facts)| blindness_warning(id, facts, input)));
    let stale = std::mem::take(&mut changes.stale);
    let (kept_count, kept_bytes) = kept(&stale);
    order(&mut changes.changes);
    let mut plan = Plan {
        purpose: input.purpose.clone(),
        bucket: input.bucket.to_owned(),
        prefix: input.prefix.clone(),
        release: next_release(input, draft_id),
        base: input.live.map(|(manifest, e_tag)| Base {
            release_id: manifest.release.id.clone(),
            manifest_e_tag: e_tag.to_owned(),
        }),
        changes: changes.changes,
        unchanged_count: changes.unchanged_count,
        unchanged_bytes: changes.unchanged_bytes,
        returned_count: changes.returned_count,
        kept_count,
        kept_bytes,
        newly_kept_count: changes.newly_kept_count,
        invalidations,
        debts,
        renews_record: manifest.is_some() && input.remote.renews_record,
        edge_settings,
        unavailable: changes.unavailable,
        capabilities: manifest.map(|manifest| manifest.capabilities),
        warnings,
        cost: Cost::default(),
    };
    plan.cost = estimate_cost(&plan);
    if let (false, Some(manifest)) = (plan.makes_release(), manifest) {
        plan.release = manifest.release.clone();
    }
    Planned { plan, stale }
}

fn draft_id(input: &PlanningInput<'_>, manifest: Option<&Manifest>) -> ReleaseId {
    let id = ReleaseId::derive(input.draft.time, input.draft.commit.as_ref());
    id.distinct_from(|id| {
        manifest.is_some_and(|manifest| manifest.history.iter().any(|summary| summary.id == *id))
    })
}

/// Whether there is anything to do besides deleting what has been kept long enough: that alone is left to the next
/// run that has something to do, or to `sitepush prune`, so that an unchanged build costs nothing.
fn is_worth_a_run(input: &PlanningInput<'_>, changes: &Changes) -> bool {
    input.purpose == Purpose::Prune
        || changes.relisted() > 0
        || changes.changes.iter().any(|change| change.reason != Reason::GraceEnded)
}

fn postpone_graces(changes: &mut Changes) {
    for change in changes.changes.drain(..) {
        if let Some(stale) = changes.stale.get_mut(&change.key) {
            stale.is_due = false;
        }
    }
}

/// What an earlier run owed. What a distribution is owed that this run does not name stays owed.
fn debts(input: &PlanningInput<'_>, manifest: Option<&Manifest>) -> (Vec<OwedInvalidation>, Vec<String>) {
    let mut warnings = Vec::new();
    let unpaid = manifest
        .into_iter()
        .flat_map(|manifest| manifest.owed.iter())
        .filter(|owed| !input.settlement.paid.contains(&owed.caller_reference));
    let (debts, others): (Vec<_>, Vec<_>) =
        unpaid.cloned().partition(|owed| input.distributions.contains_key(&owed.distribution_id));
    for owed in others {
        warnings.push(format!(
            "an invalidation of {} items is owed to distribution {}, which this run does not name: a run with `--distribution {}` makes it",
            owed.items.len(),
            owed.distribution_id,
            owed.distribution_id
        ));
    }
    (debts, warnings)
}

/// What is to be written into the edge function's store. A prune only finishes what a release owes.
fn planned_edge_settings(
    input: &PlanningInput<'_>,
    manifest: Option<&Manifest>,
) -> Option<PlannedEdgeSettings> {
    let wanted = input.edge_settings.as_ref()?;
    let live = manifest.and_then(|manifest| manifest.edge_settings.as_ref());
    let settings = match (&input.purpose, live) {
        (Purpose::Prune, live) => live.filter(|live| live.store_arn == wanted.settings.store_arn)?,
        _ => &wanted.settings,
    };
    let is_owed = live == Some(settings);
    let is_written = is_owed && input.settlement.has_edge_settings && !wanted.has_drifted;
    (!is_written).then(|| PlannedEdgeSettings { settings: settings.clone(), is_owed })
}

fn demotion_warning(key: &ObjectKey, manifest: Option<&Manifest>) -> String {
    let published = manifest.and_then(|manifest| {
        manifest.objects.get(key).or_else(|| manifest.stale.get(key).map(|stale| &stale.object))
    });
    if published.is_some_and(|object| !object.headers.is_immutable()) {
        return format!(
            "`{key}` looks as if its name changed with its content and has other bytes now: it is never taken for \
             immutable from now on, and its cached copies at the edge are dropped"
        );
    }
    format!(
        "`{key}` was published as immutable and has other bytes now: it is not immutable from now on and its cached \
         copies at the edge are dropped, but browsers that have it may show the old one for up to a year; give the \
         file another name if that matters"
    )
}

/// Nothing is invalidated on a distribution whose origin path leads elsewhere, and pages are cached for long.
fn blindness_warning(id: &str, facts: &DistributionFacts, input: &PlanningInput<'_>) -> Option<String> {
    let mapping = ViewerMapping { prefix: input.prefix.clone(), origin_path: facts.origin_path.clone() };
    let is_seen =
        input.desired.is_empty() || input.desired.keys().any(|key| mapping.viewer_path(key).is_some());
    (!is_seen).then(|| {
        format!(
            "distribution {id} shows nothing of this target, so nothing is invalidated there: its origin path is \
             `{}`, and the target's prefix is `{}`",
            facts.origin_path,
            input.prefix.as_str()
        )
    })
}

/// The invalidations of one distribution, in the order in which they are due.
fn plan_invalidations(
    distribution_id: &str,
    facts: &DistributionFacts,
    input: &PlanningInput<'_>,
    changes: &Changes,
    manifest: Option<&Manifest>,
    release_id: &ReleaseId,
) -> Vec<PlannedInvalidation> {
    let mut by_time: BTreeMap<DueAfter, BTreeMap<ObjectKey, ChangeKind>> = BTreeMap::new();
    let retired = manifest.map(|manifest| manifest.retired.lookup());
    let was_retired = |key: &ObjectKey| retired.as_ref().is_some_and(|retired| retired.contains(key));
    for change in &changes.changes {
        if let Some(kind) = change_kind(change, input.newly_demoted, manifest, &was_retired) {
            by_time.entry(due_after(change)).or_default().insert(change.key.clone(), kind);
        }
    }
    let base = input.live.map_or("", |(_, e_tag)| e_tag);
    let is_changed = |key: &ObjectKey| by_time.values().any(|changed| changed.contains_key(key));
    let before: BTreeSet<&ObjectKey> =
        manifest.into_iter().flat_map(|manifest| manifest.objects.keys()).collect();
    let mapping = ViewerMapping { prefix: input.prefix.clone(), origin_path: facts.origin_path.clone() };
    let plan_at = |(due_after, changed): (&DueAfter, &BTreeMap<ObjectKey, ChangeKind>)| {
        // Dropping what changes at another time is no loss.
        let is_own = |key: &&ObjectKey| changed.contains_key(*key) || !is_changed(key);
        let tree = before.iter().copied().chain(input.desired.keys()).filter(is_own).collect();
        let has_tags = facts.has_cache_tags && input.remote.is_recorded;
        let live = manifest.into_iter().filter(|_| has_tags).flat_map(cacheable);
        let mut tagged = cache_tags::covering_tags(live, |key| match due_after {
            DueAfter::Commit => is_changed(key),
            // By now the pages that were written carry their new tags, and some of those may be the old ones.
            DueAfter::PrunePages | DueAfter::PruneFiles => changed.contains_key(key),
        });
        tagged.retain(|(_, keys)| keys.iter().any(|key| changed.contains_key(*key)));
        let change = invalidation::Change {
            changed,
            before: &before,
            tree: &tree,
            tagged: &tagged,
            occasion: invalidation::Occasion { release_id, base, due_after: *due_after },
        };
        invalidation::plan_for(distribution_id, &mapping, input.url_style, change)
    };
    by_time.iter().map(plan_at).collect()
}

/// When a change is complete: before that, a cache that is told to drop a copy may fetch the same again.
fn due_after(change: &Change) -> DueAfter {
    match Phase::of(change) {
        Phase::Fingerprinted | Phase::Files | Phase::Pages | Phase::Entrances => DueAfter::Commit,
        Phase::PrunePages => DueAfter::PrunePages,
        Phase::PruneFiles => DueAfter::PruneFiles,
    }
}

/// What may be cached, with the headers that it was stored with.
fn cacheable(manifest: &Manifest) -> impl Iterator<Item = (&ObjectKey, &ObjectHeaders)> {
    let kept = manifest.stale.iter().map(|(key, stale)| (key, &*stale.object.headers));
    manifest.objects.iter().map(|(key, object)| (key, &*object.headers)).chain(kept)
}

/// What a change means for cached copies; none when no cache can hold a stale one.
fn change_kind(
    change: &Change,
    newly_demoted: &[ObjectKey],
    manifest: Option<&Manifest>,
    was_retired: &dyn Fn(&ObjectKey) -> bool,
) -> Option<ChangeKind> {
    let is_fingerprinted = change.class == ObjectClass::Fingerprinted;
    match (&change.action, &change.reason) {
        // New to the bucket, not to the caches: it was there, immutable, with other bytes.
        (_, Reason::New) if newly_demoted.contains(&change.key) => Some(ChangeKind::Updated),
        // Not what was published, and so not right wherever it is cached.
        (Action::Delete, Reason::Drifted(_)) => Some(ChangeKind::Deleted),
        // Kept until somebody else removed it: caches may hold what it was.
        (_, Reason::New) if !is_fingerprinted && was_kept(&change.key, manifest) => Some(ChangeKind::Updated),
        // Caches may hold what its name promised, in other company: immutable, which it is not any more.
        (_, Reason::New) if !is_fingerprinted && was_retired(&change.key) => Some(ChangeKind::Updated),
        // Nobody can have cached what was never there; an immutable object that goes is right
        // wherever it is cached, as long as its name does not come back with other bytes, which the record would know.
        (_, Reason::New) | (Action::Delete, _) if is_fingerprinted => None,
        // The invalidation is among the debts, as long as it was not made after the deletion.
        (Action::Delete, Reason::StillDue) => None,
        (Action::Delete, _) => Some(ChangeKind::Deleted),
        (_, Reason::New) => Some(ChangeKind::Created),
        (Action::UpdateHeaders { .. }, _) => Some(ChangeKind::HeadersOnly),
        _ => Some(ChangeKind::Updated),
    }
}

fn was_kept(key: &ObjectKey, manifest: Option<&Manifest>) -> bool {
    manifest.is_some_and(|manifest| manifest.stale.contains_key(key))
}

/// How many objects stay for open pages, and how many bytes they have.
fn kept(stale: &BTreeMap<ObjectKey, StaleObject>) -> (u64, u64) {
    let kept = stale.values().filter(|stale| !stale.is_due);
    kept.fold((0, 0), |(count, bytes), stale| (count + 1, bytes + stale.object.size_bytes))
}

/// What the release that the run makes says of itself.
fn next_release(input: &PlanningInput<'_>, id: ReleaseId) -> ReleaseSummary {
    let origin = match &input.purpose {
        Purpose::Rollback { to } => Origin::Rollback { to: to.clone() },
        Purpose::Push | Purpose::Prune => Origin::Push,
    };
    ReleaseSummary {
        id,
        time: input.draft.time,
        origin,
        commit: input.draft.commit.clone(),
        author: input.draft.author.clone(),
        message: input.draft.message.clone(),
        object_count: input.desired.len() as u64,
        size_bytes: input.desired.values().map(|object| object.size_bytes).sum(),
    }
}
