//! What is here and what is there: the build's files, and the objects of the target.
//!
//! Never reads a file or the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::digest::Sha256Digest;
use super::e_tag::ETag;
use super::headers::ObjectHeaders;
use super::key::ObjectKey;
use super::manifest::parts::PartName;
use super::manifest::{Manifest, StoredObject};
use super::object_class::ObjectClass;
use super::release::ReleaseId;

/// Whether the bytes are compressed before they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// The file's bytes as they are.
    AsIs,
    /// Gzip, deterministic: no time, no name.
    Gzip,
}

/// A file of the build, hashed and classified.
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// Where the bytes are, if not where the key says: a name that was not normalized.
    pub path: Option<Box<Path>>,
    /// Size of the stored bytes (after packing).
    pub size_bytes: u64,
    /// Digest of the stored bytes (after packing).
    pub sha256: Sha256Digest,
    pub headers: Arc<ObjectHeaders>,
    pub class: ObjectClass,
    pub packing: Packing,
    pub explanation: Arc<Explanation>,
}

/// Why a file has the cache control that it has, for people. Shared by all files for which it is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Explanation {
    /// Which rule decided.
    pub rule: Box<str>,
    pub reason: Box<str>,
}

/// The build: every file that would be published.
#[derive(Clone, Debug, Default)]
pub struct LocalInventory {
    /// Where the build is.
    pub folder: PathBuf,
    pub files: BTreeMap<ObjectKey, LocalFile>,
    /// Files that were left out, with the reason.
    pub excluded: Vec<ExcludedFile>,
    /// What a person should know, in key order.
    pub warnings: Vec<String>,
}

impl LocalFile {
    /// Where the bytes of the file are, in the build's folder; read again when they are sent.
    pub fn path_in(&self, folder: &Path, key: &ObjectKey) -> PathBuf {
        self.path.as_deref().map_or_else(|| folder.join(key.as_str()), Path::to_owned)
    }
}

/// A file of the folder that is not published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExcludedFile {
    /// Relative to the folder, `/` between segments.
    pub path: String,
    pub reason: String,
}

/// How an object was found to differ from what the manifest says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// It is gone from the bucket.
    Missing,
    /// Somebody stored other bytes.
    Bytes,
    /// Same bytes, other headers.
    Headers,
    /// No manifest names the key, and something else stored an object there.
    Foreign,
}

/// One line of a bucket listing inside the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    pub size_bytes: u64,
    pub e_tag: ETag,
    pub last_modified: jiff::Timestamp,
}

/// What a listing told, by key. State under `.sitepush/` and keys that no build can have are left out.
pub type Listing = BTreeMap<ObjectKey, ListedObject>;

/// The listed keys that are not among `known`. Another target's part of the bucket (below a prefix that has state of its
/// own, be it only the lock of a first push) is none of ours, and so not unknown either.
pub fn unknown_keys(listing: Listing, is_known: impl Fn(&ObjectKey) -> bool) -> Vec<ObjectKey> {
    let states = listing.keys().filter_map(|key| key.as_str().split_once("/.sitepush/"));
    let others: BTreeSet<String> = states.map(|(prefix, _)| format!("{prefix}/")).collect();
    let is_others = |key: &ObjectKey| others.iter().any(|prefix| key.as_str().starts_with(prefix.as_str()));
    listing.into_keys().filter(|key| !is_known(key) && !is_others(key)).collect()
}

/// What an unfinished push left behind: objects that it made and no manifest names, and others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    pub keys: BTreeSet<ObjectKey>,
    /// Objects with hashed names that it wrote over: whatever lies there now, caches may have what lay there before.
    pub overwritten: BTreeSet<ObjectKey>,
    /// When the oldest intent that names them was written: what is older is not of that push.
    pub since: Option<jiff::Timestamp>,
    /// Whose intent was read.
    pub release_id: Option<ReleaseId>,
}

/// The objects of the target as far as they are known to be there.
#[derive(Clone, Debug, Default)]
pub struct RemoteState {
    /// What stands under each key, live or kept for open pages.
    pub objects: BTreeMap<ObjectKey, Arc<StoredObject>>,
    /// Keys that differ from the manifest. Those with other bytes or none are absent from `objects`.
    pub drift: BTreeMap<ObjectKey, Drift>,
    /// What an unfinished push made and no manifest names.
    pub orphans: Orphans,
    /// The parts of records that were listed and may be deleted where no record has them: a run that died may have written
    /// some for a record that it never wrote.
    pub listed_parts: Vec<PartName>,
    /// Whether the record must be written anew, whatever else there is to do: a run that was held up may be about to put its
    /// own in the place of the one that is there.
    pub renews_record: bool,
    /// Whether this is the manifest's word alone: the last run ended, so nothing else can have been cached.
    pub is_recorded: bool,
}

impl RemoteState {
    /// The state that a manifest describes, taken at its word. `is_pruned` says that what was due is deleted.
    pub fn from_manifest(manifest: &Manifest, is_pruned: bool) -> Self {
        let kept = manifest.stale.iter();
        let kept = kept.filter(|(key, stale)| !stale.has_drifted && manifest.answers_for(key, is_pruned));
        let objects = manifest
            .objects
            .iter()
            .map(|(key, object)| (key.clone(), object.clone()))
            .chain(kept.map(|(key, stale)| (key.clone(), stale.object.clone())))
            .collect();
        Self { objects, is_recorded: true, ..Self::default() }
    }

    /// Takes what is listed and not known for what visitors may have seen: whatever is written there is written over it.
    pub fn mark_strangers(&mut self, listing: &Listing) {
        for key in listing.keys().filter(|key| !self.objects.contains_key(*key)) {
            self.drift.entry(key.clone()).or_insert(Drift::Foreign);
        }
    }

    /// Whether parts were listed that no release has and that can be deleted.
    pub fn has_idle_parts(&self, live: &Manifest) -> bool {
        let referred = live.parts.referred();
        live.capabilities.conditional_writes && self.listed_parts.iter().any(|part| !referred.contains(part))
    }

    /// Corrects the state by what was seen in the bucket: an object whose listing differs from the manifest is
    /// not known any more, and one with the same bytes has the headers that `seen_headers` found.
    pub fn correct(&mut self, listing: &Listing, seen_headers: &BTreeMap<ObjectKey, ObjectHeaders>) {
        self.is_recorded = false;
        let drift = &mut self.drift;
        self.objects.retain(|key, object| {
            let Some(listed) = listing.get(key) else {
                drift.insert(key.clone(), Drift::Missing);
                return false;
            };
            if listed.e_tag != object.e_tag || listed.size_bytes != object.size_bytes {
                drift.insert(key.clone(), Drift::Bytes);
                return false;
            }
            if let Some(headers) = seen_headers.get(key).filter(|headers| **headers != *object.headers) {
                drift.insert(key.clone(), Drift::Headers);
                Arc::make_mut(object).headers = Arc::new(headers.clone());
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(e_tag: &str) -> Arc<StoredObject> {
        Arc::new(StoredObject {
            size_bytes: 1,
            sha256: Sha256Digest([0; 32]),
            e_tag: e_tag.into(),
            version_id: None,
            headers: Arc::default(),
            class: ObjectClass::Other,
        })
    }

    #[test]
    fn a_listing_shows_what_drifted() {
        let key = |text: &str| ObjectKey::new(text).expect("a key");
        let listed = |e_tag: &str| ListedObject {
            size_bytes: 1,
            e_tag: e_tag.into(),
            last_modified: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut state = RemoteState::default();
        for name in ["gone", "same", "other", "header"] {
            state.objects.insert(key(name), stored("1"));
        }
        let listing: Listing =
            [(key("same"), listed("1")), (key("other"), listed("2")), (key("header"), listed("1"))].into();
        let seen = ObjectHeaders { cache_control: Some("no-store".into()), ..ObjectHeaders::default() };
        state.correct(&listing, &[(key("header"), seen.clone())].into());
        let drift: Vec<_> = state.drift.iter().map(|(key, drift)| (key.as_str(), *drift)).collect();
        assert_eq!(drift, [("gone", Drift::Missing), ("header", Drift::Headers), ("other", Drift::Bytes)]);
        assert_eq!(state.objects.keys().map(ObjectKey::as_str).collect::<Vec<_>>(), ["header", "same"]);
        assert_eq!(*state.objects[&key("header")].headers, seen);
    }
}
