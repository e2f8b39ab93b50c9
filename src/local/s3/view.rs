//! What the store shows: objects, keys, versions and the changes themselves, for tests and for the edge.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::folder::Folder;
use super::object::{Blob, StoredObject};
use super::state::{Entry, State};

/// Keys and the bytes under them.
pub type Snapshot = BTreeMap<String, Bytes>;

/// Called after each mutation.
pub type MutationHook = Arc<dyn Fn(&StoreView<'_>, &Mutation) + Send + Sync>;

/// A look at the store while its lock is held.
pub struct StoreView<'a> {
    state: &'a State,
    folder: Option<&'a Folder>,
}

/// One change, as told to the mutation hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Counts from 1 since the store was opened.
    pub number: u64,
    pub kind: MutationKind,
    pub bucket: String,
    pub key: Option<String>,
    pub version_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutationKind {
    BucketCreated,
    BucketDeleted,
    VersioningSet,
    ObjectWritten,
    DeleteMarkerAdded,
    VersionRemoved,
}

/// A version in a bucket, as [`super::Store::versions`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    pub key: String,
    pub version_id: String,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    /// With its quotes; none for a delete marker.
    pub e_tag: Option<String>,
}

impl<'a> StoreView<'a> {
    pub(super) fn new(state: &'a State, folder: Option<&'a Folder>) -> Self {
        Self { state, folder }
    }

    /// As [`super::Store::object`].
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        let bucket = self.state.buckets.get(bucket)?;
        let (version, object) = bucket.current(key)?;
        Some(StoredObject {
            bytes: read_blob(self.folder, &object.blob).ok()?,
            headers: Arc::clone(&object.headers),
            e_tag: format!("\"{}\"", object.e_tag),
            last_modified: version.last_modified,
            version_id: bucket.reported_id(version),
        })
    }

    /// As [`super::Store::keys`].
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let keys = self.state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.keys);
        let current =
            keys.filter(|(_, versions)| versions.last().is_some_and(|version| !version.is_delete_marker()));
        current.map(|(key, _)| key.clone()).collect()
    }

    /// As [`super::Store::snapshot`]; a key whose bytes the folder has lost is left out.
    pub fn snapshot(&self, bucket: &str) -> Snapshot {
        let keys = self.keys(bucket).into_iter();
        keys.filter_map(|key| Some((self.object(bucket, &key)?.bytes, key)))
            .map(|(bytes, key)| (key, bytes))
            .collect()
    }

    /// As [`super::Store::versions`].
    pub fn versions(&self, bucket: &str) -> Vec<VersionInfo> {
        let keys = self.state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.keys);
        keys.flat_map(|(key, versions)| {
            versions.iter().rev().enumerate().map(move |(age, version)| VersionInfo {
                key: key.clone(),
                version_id: version.id.clone(),
                is_latest: age == 0,
                is_delete_marker: version.is_delete_marker(),
                e_tag: version.object.as_ref().map(|object| format!("\"{}\"", object.e_tag)),
            })
        })
        .collect()
    }
}

impl Mutation {
    pub(super) fn of(entry: &Entry, number: u64) -> Self {
        let (kind, bucket, key, version_id) = match entry {
            Entry::CreateBucket { bucket, .. } => (MutationKind::BucketCreated, bucket, None, None),
            Entry::DeleteBucket { bucket } => (MutationKind::BucketDeleted, bucket, None, None),
            Entry::SetVersioning { bucket, .. } => (MutationKind::VersioningSet, bucket, None, None),
            Entry::AddVersion { bucket, key, version } => {
                let marker = version.is_delete_marker();
                let kind = if marker { MutationKind::DeleteMarkerAdded } else { MutationKind::ObjectWritten };
                (kind, bucket, Some(key), Some(&version.id))
            }
            Entry::RemoveVersion { bucket, key, version_id } => {
                (MutationKind::VersionRemoved, bucket, Some(key), Some(version_id))
            }
        };
        Self { number, kind, bucket: bucket.clone(), key: key.cloned(), version_id: version_id.cloned() }
    }
}

pub fn read_blob(folder: Option<&Folder>, blob: &Blob) -> std::io::Result<Bytes> {
    match (blob, folder) {
        (Blob::Memory(bytes), _) => Ok(bytes.clone()),
        (Blob::File(digest), Some(folder)) => folder.read(digest),
        (Blob::File(_), None) => Err(std::io::ErrorKind::NotFound.into()),
    }
}
