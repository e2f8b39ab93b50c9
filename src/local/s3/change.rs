//! The one door that every change of the store goes through.
//!
//! It admits a change (or not, when the fault script has stopped everything), writes it down in the folder form,
//! applies it and calls the mutation hook, all under the lock.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use s3s::{S3Result, s3_error};

use super::checksum::Checksums;
use super::condition::WriteCondition;
use super::object::{Blob, NULL_VERSION, ObjectHeaders, ObjectRecord, Version};
use super::options::{ConditionalWrites, Versioning};
use super::state::{Bucket, Entry, State, VersioningState};
use super::store::{Store, internal};
use super::view::{Mutation, StoreView};
use crate::local::faults::mix;

/// Who changes the store: the fault script stops requests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Request,
    Foreign,
}

/// What a write stores.
pub struct Write<'a> {
    pub origin: Origin,
    pub bucket: &'a str,
    pub key: &'a str,
    pub bytes: Bytes,
    /// Without quotes.
    pub e_tag: String,
    pub headers: Arc<ObjectHeaders>,
    pub checksums: Checksums,
    pub condition: WriteCondition,
}

/// What was written.
pub struct Written {
    pub last_modified: Timestamp,
    /// As the API reports it.
    pub version_id: Option<String>,
}

/// What a delete is to remove.
pub struct Deletion<'a> {
    pub origin: Origin,
    pub bucket: &'a str,
    pub key: &'a str,
    /// None for the current object.
    pub version_id: Option<&'a str>,
    pub condition: WriteCondition,
}

/// What a delete did.
pub struct Deleted {
    /// Of the version removed or the marker added, as the API reports it.
    pub version_id: Option<String>,
    /// Whether a delete marker was added, or was what was removed.
    pub is_delete_marker: bool,
}

impl Store {
    /// Writes a new version.
    pub(super) fn put(&self, write: Write<'_>) -> S3Result<Written> {
        let size_bytes = write.bytes.len() as u64;
        let blob = match &self.0.folder {
            Some(folder) => folder.store(write.bytes).map_err(internal)?,
            None => Blob::Memory(write.bytes),
        };
        let (e_tag, headers, checksums) = (write.e_tag, write.headers, write.checksums);
        let record = ObjectRecord { e_tag, size_bytes, headers, checksums, blob };
        let mut state = self.write_state();
        let bucket = find(&state, write.bucket)?;
        self.check_condition(bucket, write.key, &write.condition)?;
        let version = self.new_version(&state, bucket, Some(Arc::new(record)));
        let written =
            Written { last_modified: version.last_modified, version_id: bucket.reported_id(&version) };
        let (bucket, key) = (write.bucket.to_owned(), write.key.to_owned());
        self.commit(&mut state, Entry::AddVersion { bucket, key, version }, write.origin)?;
        Ok(written)
    }

    /// Deletes the current object or one version; what is not there is deleted too.
    pub(super) fn delete(&self, deletion: &Deletion<'_>) -> S3Result<Deleted> {
        let Deletion { origin, bucket, key, version_id, condition } = deletion;
        let (bucket, key) = (*bucket, *key);
        let mut state = self.write_state();
        let found = find(&state, bucket)?;
        let versioning = found.versioning;
        // DeleteObject: an `If-Match` on a key that is not there succeeds.
        if found.current(key).is_some() {
            self.check_condition(found, key, condition)?;
        }
        let id = match (version_id, versioning) {
            (None, VersioningState::Enabled | VersioningState::Suspended) => {
                return self.add_delete_marker(&mut state, deletion);
            }
            (None, VersioningState::Never) => NULL_VERSION,
            (Some(id), _) => *id,
        };
        let is_delete_marker = found.version(key, id).is_some_and(Version::is_delete_marker);
        if found.version(key, id).is_some() {
            let (bucket, key) = (bucket.to_owned(), key.to_owned());
            self.commit(
                &mut state,
                Entry::RemoveVersion { bucket, key, version_id: id.to_owned() },
                *origin,
            )?;
        }
        Ok(Deleted { version_id: version_id.map(str::to_owned), is_delete_marker })
    }

    fn add_delete_marker(&self, state: &mut State, deletion: &Deletion<'_>) -> S3Result<Deleted> {
        let version = self.new_version(state, find(state, deletion.bucket)?, None);
        let id = version.id.clone();
        let (bucket, key) = (deletion.bucket.to_owned(), deletion.key.to_owned());
        self.commit(state, Entry::AddVersion { bucket, key, version }, deletion.origin)?;
        Ok(Deleted { version_id: Some(id), is_delete_marker: true })
    }

    /// The entry that makes a bucket as this store's options want it.
    pub(super) fn bucket_creation(&self, name: &str) -> Entry {
        let versioning = match self.options().versioning {
            Versioning::On => VersioningState::Enabled,
            Versioning::Off | Versioning::Unsupported => VersioningState::Never,
        };
        Entry::CreateBucket { bucket: name.to_owned(), created: self.options().now(), versioning }
    }

    /// The one door that every change goes through.
    pub(super) fn commit(&self, state: &mut State, entry: Entry, origin: Origin) -> S3Result<()> {
        if origin == Origin::Request && !self.faults().admit_mutation() {
            return Err(s3_error!(ServiceUnavailable, "The fault script has stopped the store."));
        }
        if let Some(folder) = &self.0.folder {
            folder.append(&entry).map_err(internal)?;
        }
        let watched = self.hook().map(|hook| (hook, Mutation::of(&entry, state.mutations + 1)));
        state.apply(entry);
        if let Some((hook, mutation)) = watched {
            hook(&StoreView::new(state, self.0.folder.as_ref()), &mutation);
        }
        Ok(())
    }

    fn check_condition(&self, bucket: &Bucket, key: &str, condition: &WriteCondition) -> S3Result<()> {
        match self.options().conditional_writes {
            ConditionalWrites::Ignored => Ok(()),
            ConditionalWrites::Refused if condition.is_set() => Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that is not implemented"
            )),
            ConditionalWrites::IfMatchIgnored if condition.if_none_match.is_none() => Ok(()),
            ConditionalWrites::Refused | ConditionalWrites::Honored | ConditionalWrites::IfMatchIgnored => {
                let current = bucket.current(key).map(|(_, object)| object);
                condition.check(current, bucket.deleted.get(key).copied())
            }
        }
    }

    fn new_version(&self, state: &State, bucket: &Bucket, object: Option<Arc<ObjectRecord>>) -> Version {
        let id = match bucket.versioning {
            VersioningState::Enabled => opaque_id(state.versions_made),
            VersioningState::Never | VersioningState::Suspended => NULL_VERSION.to_owned(),
        };
        Version { id, last_modified: self.options().now(), object }
    }
}

/// The bucket of this name.
///
/// # Errors
/// `NoSuchBucket`.
pub fn find<'a>(state: &'a State, bucket: &str) -> S3Result<&'a Bucket> {
    state.buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
}

/// 32 characters that are different for each `number` and show nothing of it.
pub fn opaque_id(number: u64) -> String {
    format!(
        "{:016x}{:016x}",
        mix(number ^ 0x5157_e9a5_0c11_d7b3),
        mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))
    )
}
