//! What must be done to each key so that the target holds what a release wants.
//!
//! Pure: two inventories in, changes with their reasons out. Decides nothing about order or invalidation.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::desired::{Desired, DesiredObject, Source};
use super::digest::Sha256Digest;
use super::e_tag::ETag;
use super::headers::ObjectHeaders;
use super::in_step::InStep;
use super::inventory::{Drift, RemoteState};
use super::key::ObjectKey;
use super::manifest::{Manifest, StaleObject, StoredObject};
use super::object_class::ObjectClass;
use super::release::ReleaseId;

/// CopyObject takes sources of at most 5 GB (S3 API Reference, CopyObject); larger ones are sent again.
pub const MAX_COPY_BYTES: u64 = 5 * 1000 * 1000 * 1000;

/// One effect on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// Send the file.
    Upload,
    /// The same bytes stand under another key: copy them on the server.
    Copy {
        from: ObjectKey,
        e_tag: ETag,
    },
    /// Copy an earlier version of the same key over it, on the server.
    Restore {
        version_id: String,
    },
    /// Store new headers with the bytes that are there.
    UpdateHeaders {
        e_tag: ETag,
    },
    Delete,
}

/// Why a key is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The target does not have the key.
    New,
    /// The key was live before the last release and its bytes are another's now.
    BytesChanged,
    /// The named headers differ.
    HeadersChanged(Vec<String>),
    /// The bucket no longer holds what was published.
    Drifted(String),
    /// A fingerprinted name came back with other bytes; it is not immutable from now on.
    Demoted,
    /// The build no longer has it.
    LeftTheBuild,
    /// No kept release refers to it and its days are over.
    GraceEnded,
    /// An earlier run should have deleted it.
    StillDue,
    /// A push that did not finish made it.
    LeftByUnfinishedPush,
}

/// A change to one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub key: ObjectKey,
    #[serde(flatten)]
    pub action: Action,
    pub reason: Reason,
    pub class: ObjectClass,
    /// Stored bytes after the change; for a delete, the bytes that go (0 where unknown).
    pub size_bytes: u64,
    /// Of the bytes after the change; none for a delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Digest>,
    /// After the change; none for a delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Arc<ObjectHeaders>>,
}

/// How long objects stay after they left the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRules {
    /// Fingerprinted files, and those that look like them, stay while one of this many newest releases refers to them...
    pub keep_releases: usize,
    /// ...or while they have been out of the build for less than this.
    pub keep_days: u32,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self { keep_releases: 5, keep_days: 7 }
    }
}

impl RetentionRules {
    /// Whether an object that open pages may ask for stays after it left the build. `newest` are the releases from the newest on,
    /// the one being made included.
    fn keeps(&self, stale: &StaleObject, newest: &[ReleaseId], now: Timestamp) -> bool {
        let days = SignedDuration::from_hours(24 * i64::from(self.keep_days));
        let is_young = now.duration_since(stale.left_at) < days;
        is_young || newest.iter().take(self.keep_releases).any(|id| *id == stale.last_release)
    }
}

/// What the diff needs besides the two inventories.
#[derive(Clone, Copy, Debug)]
pub struct DiffContext<'a> {
    /// The live manifest, or none on a first push.
    pub manifest: Option<&'a Manifest>,
    /// Whether what that manifest lists as due has been deleted.
    pub is_pruned: bool,
    /// Releases from the newest on, the one being made included.
    pub newest_releases: &'a [ReleaseId],
    pub retention: RetentionRules,
    pub now: Timestamp,
}

/// The difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In key order.
    pub changes: Vec<Change>,
    /// Objects that are as the release wants them.
    pub unchanged_count: u64,
    pub unchanged_bytes: u64,
    /// Those of them that the live release does not list: they lie there, kept or due, since an earlier one.
    pub returned_count: u64,
    /// Objects of the live release that left the build and stay for open pages.
    pub newly_kept_count: u64,
    /// The stale objects after the push, those that its prune phase deletes marked as due.
    pub stale: BTreeMap<ObjectKey, StaleObject>,
    /// Keys whose bytes cannot be had: neither in place nor in a kept version.
    pub unavailable: Vec<ObjectKey>,
}

/// Compares what a release wants with what is there. The result is in key order and does not depend on anything
/// but the arguments' values.
pub fn diff(desired: Desired<'_>, remote: &RemoteState, context: &DiffContext<'_>) -> Changes {
    // Room for all of them costs nothing until it is used; growing would leave copies behind that do.
    let mut result = Changes { changes: Vec::with_capacity(desired.len()), ..Changes::default() };
    let copies = CopySources::new(desired, remote);
    let mut objects = InStep::with(&remote.objects);
    let mut live = context.manifest.map(|manifest| InStep::with(&manifest.objects));
    for (key, wanted) in desired.iter() {
        let there = objects.get(key);
        match change_for(key, &wanted, there, remote, &copies, context) {
            Ok(None) => {
                result.unchanged_count += 1;
                result.unchanged_bytes += wanted.size_bytes;
                let is_live = live.as_mut().is_some_and(|live| live.get(key).is_some());
                result.returned_count += u64::from(!is_live);
            }
            Ok(Some(change)) => result.changes.push(change),
            Err(Unavailable) => result.unavailable.push(key.clone()),
        }
    }
    result.add_leavers(desired, remote, context);
    result.changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    result
}

struct Unavailable;

fn change_for(
    key: &ObjectKey,
    wanted: &DesiredObject<'_>,
    there: Option<&Arc<StoredObject>>,
    remote: &RemoteState,
    copies: &CopySources<'_>,
    context: &DiffContext<'_>,
) -> Result<Option<Change>, Unavailable> {
    let change = |action, reason| Change {
        key: key.clone(),
        action,
        reason,
        class: wanted.class,
        size_bytes: wanted.size_bytes,
        sha256: Some(wanted.sha256),
        headers: Some(Arc::clone(wanted.headers)),
    };
    if let Some(there) = there.filter(|there| there.sha256 == wanted.sha256) {
        let has_headers = *there.headers == **wanted.headers;
        let reason = match remote.drift.get(key) {
            // Others than were published. Where they are those that are wanted now, caches may have the ones before.
            Some(Drift::Headers) => Reason::Drifted("its headers were changed".into()),
            _ if remote.orphans.overwritten.contains(key) => {
                Reason::Drifted("a push that did not finish wrote over it".into())
            }
            _ if has_headers => return Ok(None),
            _ => Reason::HeadersChanged(header_differences(&there.headers, wanted.headers)),
        };
        let is_small = wanted.size_bytes <= MAX_COPY_BYTES || wanted.source != Source::File;
        let is_copyable = is_small && !there.e_tag.is_unread();
        let action =
            if is_copyable { Action::UpdateHeaders { e_tag: there.e_tag.clone() } } else { Action::Upload };
        return Ok(Some(change(action, reason)));
    }
    let reason = match (remote.drift.get(key), there) {
        (Some(Drift::Missing), _) => Reason::Drifted("it is gone from the bucket".into()),
        (Some(Drift::Bytes), _) => Reason::Drifted("somebody stored other bytes".into()),
        (Some(Drift::Foreign), None) => Reason::BytesChanged,
        (_, None) if was_seen_damaged(key, context) => {
            Reason::Drifted("it was seen to be gone or to have other bytes".into())
        }
        (_, None) => Reason::New,
        (_, Some(there)) if there.class == ObjectClass::Fingerprinted && is_newly_demoted(key, context) => {
            Reason::Demoted
        }
        (_, Some(_)) => Reason::BytesChanged,
    };
    let action = match (copies.find(wanted), wanted.source) {
        (Some((from, e_tag)), _) => Action::Copy { from: from.clone(), e_tag: e_tag.clone() },
        (None, Source::File) => Action::Upload,
        (None, Source::Version { version_id: Some(version_id) }) => {
            Action::Restore { version_id: version_id.to_owned() }
        }
        (None, Source::Version { version_id: None }) => return Err(Unavailable),
    };
    Ok(Some(change(action, reason)))
}

fn is_newly_demoted(key: &ObjectKey, context: &DiffContext<'_>) -> bool {
    context.manifest.is_some_and(|manifest| !manifest.demoted.contains_key(key))
}

/// Whether what is kept under `key` was seen not to be what was published, by an earlier run.
fn was_seen_damaged(key: &ObjectKey, context: &DiffContext<'_>) -> bool {
    context.manifest.is_some_and(|manifest| {
        manifest.answers_for(key, context.is_pruned)
            && manifest.stale.get(key).is_some_and(|stale| stale.has_drifted)
    })
}

/// The names of the headers that differ, in a fixed order.
fn header_differences(there: &ObjectHeaders, wanted: &ObjectHeaders) -> Vec<String> {
    [
        ("cache-control", there.cache_control != wanted.cache_control),
        ("content-type", there.content_type != wanted.content_type),
        ("content-encoding", there.content_encoding != wanted.content_encoding),
        ("content-disposition", there.content_disposition != wanted.content_disposition),
        ("content-language", there.content_language != wanted.content_language),
        ("metadata", there.metadata != wanted.metadata),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// Where bytes may be copied from: objects that this push does not write, so that the copy cannot race it.
struct CopySources<'a> {
    desired: Desired<'a>,
    remote: &'a RemoteState,
    /// Looked up when the first object needs it: an unchanged build never does.
    by_digest: OnceCell<HashMap<Sha256Digest, (&'a ObjectKey, &'a ETag)>>,
}

impl<'a> CopySources<'a> {
    fn new(desired: Desired<'a>, remote: &'a RemoteState) -> Self {
        Self { desired, remote, by_digest: OnceCell::new() }
    }

    fn find(&self, wanted: &DesiredObject<'_>) -> Option<(&'a ObjectKey, &'a ETag)> {
        self.by_digest.get_or_init(|| self.index()).get(&wanted.sha256).copied()
    }

    fn index(&self) -> HashMap<Sha256Digest, (&'a ObjectKey, &'a ETag)> {
        let mut by_digest = HashMap::new();
        for (key, object) in &self.remote.objects {
            let is_left_alone = self
                .desired
                .get(key)
                .is_none_or(|wanted| wanted.sha256 == object.sha256 && **wanted.headers == *object.headers);
            // Without its ETag, a copy could not be made on the condition that the bytes are still those.
            let is_known = !object.e_tag.is_unread();
            if is_left_alone && is_known && (1..=MAX_COPY_BYTES).contains(&object.size_bytes) {
                by_digest.entry(object.sha256).or_insert((key, &object.e_tag));
            }
        }
        by_digest
    }
}

impl Changes {
    /// Objects that join or leave what is live as they lie there, with nothing written or deleted.
    pub fn relisted(&self) -> u64 {
        self.returned_count + self.newly_kept_count
    }

    /// Adds what is there and not wanted: kept for open pages, or deleted.
    fn add_leavers(&mut self, desired: Desired<'_>, remote: &RemoteState, context: &DiffContext<'_>) {
        if let Some(manifest) = context.manifest {
            let mut is_wanted = desired.wants_in_step();
            for (key, object) in manifest.objects.iter().filter(|(key, _)| !is_wanted(key)) {
                let leaver = seen(key, fresh_leaver(object, manifest, context), remote);
                self.add_leaver(key, leaver, Reason::LeftTheBuild, context);
            }
            for (key, stale) in manifest.stale.iter().filter(|(key, _)| !desired.contains_key(key)) {
                if stale.is_due && context.is_pruned {
                    continue;
                }
                let leaver = seen(key, stale.clone(), remote);
                let reason = reason_to_go(&leaver, remote.drift.get(key));
                self.add_leaver(key, leaver, reason, context);
            }
        }
        for key in remote.orphans.keys.iter().filter(|key| !desired.contains_key(key)) {
            let is_known =
                context.manifest.is_some_and(|manifest| manifest.answers_for(key, context.is_pruned));
            if !is_known {
                // Its type is not known; a page goes before the files that it may refer to.
                let class = ObjectClass::of_lasting_name(key, key.is_page());
                self.changes.push(deletion(key, Reason::LeftByUnfinishedPush, class, 0));
            }
        }
    }

    fn add_leaver(
        &mut self,
        key: &ObjectKey,
        mut stale: StaleObject,
        reason: Reason,
        context: &DiffContext<'_>,
    ) {
        stale.is_due = stale.is_due
            || !stale.object.class.outlives_the_build()
            || !context.retention.keeps(&stale, context.newest_releases, context.now);
        if stale.is_due {
            self.changes.push(deletion(key, reason, stale.object.class, stale.object.size_bytes));
        } else if reason == Reason::LeftTheBuild {
            self.newly_kept_count += 1;
        }
        self.stale.insert(key.clone(), stale);
    }
}

fn fresh_leaver(object: &Arc<StoredObject>, manifest: &Manifest, context: &DiffContext<'_>) -> StaleObject {
    StaleObject {
        object: Arc::clone(object),
        last_release: manifest.release.id.clone(),
        left_at: context.now,
        is_due: false,
        has_drifted: false,
    }
}

/// What is kept, as far as the bucket was seen to differ from the record.
fn seen(key: &ObjectKey, mut stale: StaleObject, remote: &RemoteState) -> StaleObject {
    match (remote.drift.get(key), remote.objects.get(key)) {
        (Some(Drift::Headers), Some(there)) => {
            Arc::make_mut(&mut stale.object).headers = Arc::clone(&there.headers);
        }
        (Some(Drift::Missing | Drift::Bytes), _) => stale.has_drifted = true,
        _ if remote.orphans.overwritten.contains(key) => stale.has_drifted = true,
        _ => {}
    }
    stale
}

/// Why an object goes that left the build earlier. What somebody stored over it may be cached as well, and nothing that
/// is owed names that copy: it has neither the tags nor the immutability of what was published.
fn reason_to_go(stale: &StaleObject, drift: Option<&Drift>) -> Reason {
    match drift {
        Some(Drift::Bytes | Drift::Foreign) => Reason::Drifted("somebody stored other bytes".into()),
        Some(Drift::Headers) => Reason::Drifted("its headers were changed".into()),
        None if stale.has_drifted => Reason::Drifted("somebody stored other bytes".into()),
        None | Some(Drift::Missing) if stale.is_due => Reason::StillDue,
        None | Some(Drift::Missing) => Reason::GraceEnded,
    }
}

fn deletion(key: &ObjectKey, reason: Reason, class: ObjectClass, size_bytes: u64) -> Change {
    let action = Action::Delete;
    Change { key: key.clone(), action, reason, class, size_bytes, sha256: None, headers: None }
}
