//! The manifest that a run leaves behind, from its plan and what the bucket answered.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::desired::Desired;
use super::edge_settings::EdgeSettings;
use super::in_step::InStep;
use super::inventory::RemoteState;
use super::key::ObjectKey;
use super::manifest::parts::{PartName, Parts};
use super::manifest::{
    Capabilities, DistributionFacts, HISTORY_LENGTH, Manifest, OwedInvalidation, StaleObject, StoredObject,
};
use super::outcome::Written;
use super::release::{ReleaseId, ReleaseSummary};
use super::retired::RetiredNames;

/// What a commit is made of.
pub struct CommitInput<'a> {
    pub desired: Desired<'a>,
    pub remote: &'a RemoteState,
    /// The stale objects after the run.
    pub stale: &'a BTreeMap<ObjectKey, StaleObject>,
    /// The answers to this run's writes, by key.
    pub written: BTreeMap<ObjectKey, Written>,
    pub previous: Option<&'a Manifest>,
    /// When that was committed.
    pub committed_at: Option<Timestamp>,
    pub release: &'a ReleaseSummary,
    pub newly_demoted: &'a [ObjectKey],
    pub owed: Vec<OwedInvalidation>,
    pub distributions: BTreeMap<String, DistributionFacts>,
    pub edge_settings: Option<EdgeSettings>,
    pub capabilities: Capabilities,
    /// The run, by a number that no other has.
    pub run: &'a str,
}

/// Builds the next manifest: the desired objects with the ETags and versions that they have now.
///
/// # Panics
/// When a desired object is neither in place nor among the written ones: the caller commits only whole releases.
pub fn next_manifest(input: CommitInput<'_>) -> Manifest {
    let unseen_since = unseen_since(&input);
    let mut written = input.written;
    let mut in_place = InStep::with(&input.remote.objects);
    let mut previous = input.previous.map(|manifest| InStep::with(&manifest.objects));
    let objects = input
        .desired
        .iter()
        .map(|(key, wanted)| {
            // The record of a first push is as large as all answers: their texts are handed on, not copied.
            let (e_tag, version_id) = match (written.remove(key), in_place.get(key)) {
                (Some(written), _) => (Cow::Owned(written.e_tag), Cow::Owned(written.version_id)),
                (None, Some(there)) => (Cow::Borrowed(&there.e_tag), Cow::Borrowed(&there.version_id)),
                (None, None) => unreachable!("a release is committed only when all its objects are in place"),
            };
            let is_same = |known: &&Arc<StoredObject>| {
                known.sha256 == wanted.sha256
                    && known.size_bytes == wanted.size_bytes
                    && known.e_tag == *e_tag
                    && known.version_id == *version_id
                    && known.headers == *wanted.headers
                    && known.class == wanted.class
            };
            if let Some(known) = previous.as_mut().and_then(|objects| objects.get(key)).filter(is_same) {
                return (key.clone(), Arc::clone(known));
            }
            let object = StoredObject {
                size_bytes: wanted.size_bytes,
                sha256: wanted.sha256,
                e_tag: e_tag.into_owned(),
                version_id: version_id.into_owned(),
                headers: Arc::clone(wanted.headers),
                class: wanted.class,
            };
            (key.clone(), Arc::new(object))
        })
        .collect();
    Manifest {
        release: input.release.clone(),
        objects,
        stale: input.stale.clone(),
        demoted: demoted(input.previous, input.newly_demoted, &input.release.id),
        retired: retired(input.previous, input.desired, input.stale),
        history: history(input.previous, input.release),
        owed: input.owed,
        distributions: input.distributions,
        edge_settings: input.edge_settings,
        capabilities: input.capabilities,
        unseen_since,
        written_by: input.run.to_owned(),
        parts: Parts::default(),
    }
}

/// A release that was made on the record's word knows no more of the headers than the record did.
fn unseen_since(input: &CommitInput<'_>) -> Option<Timestamp> {
    let previous = input.previous.filter(|_| input.remote.is_recorded)?;
    previous.unseen_since.or(input.committed_at)
}

fn demoted(
    previous: Option<&Manifest>,
    newly_demoted: &[ObjectKey],
    release_id: &ReleaseId,
) -> BTreeMap<ObjectKey, ReleaseId> {
    let mut demoted = previous.map(|manifest| manifest.demoted.clone()).unwrap_or_default();
    for key in newly_demoted {
        demoted.entry(key.clone()).or_insert_with(|| release_id.clone());
    }
    demoted
}

/// The names that are remembered, with those that were deleted since `previous` was made.
fn retired(
    previous: Option<&Manifest>,
    desired: Desired<'_>,
    stale: &BTreeMap<ObjectKey, StaleObject>,
) -> RetiredNames {
    let Some(previous) = previous else { return RetiredNames::default() };
    let gone = previous.stale.iter().filter(|(key, gone)| {
        gone.object.is_lasting() && !stale.contains_key(*key) && !desired.contains_key(key)
    });
    previous.retired.with(gone.map(|(key, gone)| (key, gone.object.sha256)))
}

/// The summaries from the newest on, cut to [`HISTORY_LENGTH`].
fn history(previous: Option<&Manifest>, release: &ReleaseSummary) -> Vec<ReleaseSummary> {
    let earlier = previous.map(|manifest| manifest.history.as_slice()).unwrap_or_default();
    std::iter::once(release)
        .chain(earlier.iter().filter(|summary| summary.id != release.id))
        .take(HISTORY_LENGTH)
        .cloned()
        .collect()
}

/// The releases whose records fall out of the history with this commit.
pub fn forgotten_releases(previous: Option<&Manifest>, next: &Manifest) -> Vec<ReleaseId> {
    let earlier = previous.map(|manifest| manifest.history.as_slice()).unwrap_or_default();
    earlier
        .iter()
        .map(|summary| &summary.id)
        .filter(|id| !next.history.iter().any(|kept| kept.id == **id))
        .cloned()
        .collect()
}

/// The parts of records that nothing refers to any more once `next` is what the record is made of: what `previous` had
/// besides, and what lies in the bucket without having got into a record (`found`).
pub fn forgotten_parts(previous: Option<&Manifest>, found: &[PartName], next: &Parts) -> BTreeSet<PartName> {
    let referred = next.referred();
    let before = previous.into_iter().flat_map(|manifest| manifest.parts.referred());
    before.chain(found).filter(|name| !referred.contains(name)).cloned().collect()
}
