//! The buckets, keys and versions as plain values, and the entries that change them.
//!
//! Every change is an [`Entry`]: what is applied here is what the folder form writes down, so that replaying gives the
//! same state. Never touches files.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::object::{NULL_VERSION, ObjectRecord, Version};

/// All buckets.
#[derive(Debug, Default)]
pub struct State {
    pub buckets: BTreeMap<String, Bucket>,
    /// How many changes were made since the store was opened.
    pub mutations: u64,
    /// How many versions and markers were ever added: the next version id is made from it.
    pub versions_made: u64,
    /// How many deletes of keys were made since the store was opened.
    pub deletes: u64,
}

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    pub created: Timestamp,
    pub versioning: VersioningState,
    /// The versions of each key, oldest first, never empty. `String` sorts by its bytes, as S3 does.
    pub keys: BTreeMap<String, Vec<Version>>,
    /// The number of the delete that a key saw last, since the store was opened.
    pub deleted: HashMap<String, u64>,
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersioningState {
    Never,
    Enabled,
    Suspended,
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Entry {
    CreateBucket {
        bucket: String,
        created: Timestamp,
        versioning: VersioningState,
    },
    DeleteBucket {
        bucket: String,
    },
    SetVersioning {
        bucket: String,
        versioning: VersioningState,
    },
    /// Adds the newest version; a `null` version takes the place of an earlier one.
    AddVersion {
        bucket: String,
        key: String,
        version: Version,
    },
    RemoveVersion {
        bucket: String,
        key: String,
        version_id: String,
    },
}

impl State {
    /// Makes the change. An entry about a bucket or version that is not there changes nothing.
    pub fn apply(&mut self, entry: Entry) {
        self.mutations += 1;
        match entry {
            Entry::CreateBucket { bucket, created, versioning } => {
                let made = Bucket { created, versioning, keys: BTreeMap::new(), deleted: HashMap::new() };
                self.buckets.insert(bucket, made);
            }
            Entry::DeleteBucket { bucket } => {
                self.buckets.remove(&bucket);
            }
            Entry::SetVersioning { bucket, versioning } => {
                if let Some(bucket) = self.buckets.get_mut(&bucket) {
                    bucket.versioning = versioning;
                }
            }
            Entry::AddVersion { bucket, key, version } => {
                self.add_version(&bucket, key, version);
            }
            Entry::RemoveVersion { bucket, key, version_id } => {
                self.remove_version(&bucket, &key, &version_id);
            }
        }
    }

    fn add_version(&mut self, bucket: &str, key: String, version: Version) {
        self.versions_made += 1;
        let Some(bucket) = self.buckets.get_mut(bucket) else { return };
        if version.is_delete_marker() {
            self.deletes += 1;
            bucket.deleted.insert(key.clone(), self.deletes);
        }
        let versions = bucket.keys.entry(key).or_default();
        if version.id == NULL_VERSION {
            versions.retain(|earlier| earlier.id != NULL_VERSION);
        }
        versions.push(version);
    }

    fn remove_version(&mut self, bucket: &str, key: &str, version_id: &str) {
        let Some(bucket) = self.buckets.get_mut(bucket) else { return };
        let Some(versions) = bucket.keys.get_mut(key) else { return };
        versions.retain(|version| version.id != version_id);
        if versions.is_empty() {
            bucket.keys.remove(key);
        }
        self.deletes += 1;
        bucket.deleted.insert(key.to_owned(), self.deletes);
    }

    /// The entries that make this state out of nothing.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.buckets.iter().flat_map(|(name, bucket)| {
            let created = bucket.created;
            let creation =
                Entry::CreateBucket { bucket: name.clone(), created, versioning: bucket.versioning };
            let versions = bucket.keys.iter().flat_map(move |(key, versions)| {
                versions.iter().map(move |version| Entry::AddVersion {
                    bucket: name.clone(),
                    key: key.clone(),
                    version: version.clone(),
                })
            });
            std::iter::once(creation).chain(versions)
        })
    }
}

impl Bucket {
    /// The newest version of `key`, a delete marker too.
    pub fn newest(&self, key: &str) -> Option<&Version> {
        self.keys.get(key)?.last()
    }

    /// What a plain GET of `key` finds.
    pub fn current(&self, key: &str) -> Option<(&Version, &ObjectRecord)> {
        let version = self.newest(key)?;
        Some((version, version.object.as_deref()?))
    }

    /// The version of `key` with this id.
    pub fn version(&self, key: &str, version_id: &str) -> Option<&Version> {
        self.keys.get(key)?.iter().find(|version| version.id == version_id)
    }

    /// The id as the API reports it: none while the bucket has never kept versions.
    pub fn reported_id(&self, version: &Version) -> Option<String> {
        (self.versioning != VersioningState::Never).then(|| version.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(versioning: VersioningState) -> State {
        let mut state = State::default();
        state.apply(Entry::CreateBucket {
            bucket: "b".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            versioning,
        });
        state
    }

    fn marker(id: &str) -> Entry {
        let version = Version { id: id.to_owned(), last_modified: Timestamp::UNIX_EPOCH, object: None };
        Entry::AddVersion { bucket: "b".to_owned(), key: "k".to_owned(), version }
    }

    fn ids(state: &State) -> Vec<&str> {
        let versions = state.buckets["b"].keys.get("k");
        versions.into_iter().flatten().map(|version| version.id.as_str()).collect()
    }

    #[test]
    fn a_null_version_replaces_the_earlier_null_version_only() {
        let mut state = bucket(VersioningState::Suspended);
        for id in [NULL_VERSION, "1", NULL_VERSION] {
            state.apply(marker(id));
        }
        assert_eq!(ids(&state), ["1", NULL_VERSION]);
    }

    #[test]
    fn a_key_without_versions_is_gone() {
        let mut state = bucket(VersioningState::Enabled);
        state.apply(marker("1"));
        let removal =
            Entry::RemoveVersion { bucket: "b".to_owned(), key: "k".to_owned(), version_id: "1".to_owned() };
        state.apply(removal);
        assert!(state.buckets["b"].keys.is_empty());
    }

    #[test]
    fn the_entries_of_a_state_make_it_again() {
        let mut state = bucket(VersioningState::Enabled);
        state.apply(marker("1"));
        state.apply(marker("2"));
        let mut again = State::default();
        state.entries().for_each(|entry| again.apply(entry));
        assert_eq!(ids(&again), ["1", "2"]);
        assert_eq!(again.buckets["b"].versioning, VersioningState::Enabled);
    }
}
