//! Buckets, keys and versions: what the embedded S3 holds, in memory or in a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::Digest as _;
use serde::{Deserialize, Serialize};

use crate::local::clock::Clock;

use super::disk::{Disk, DiskError, Entry};

/// Whether new buckets keep versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    #[default]
    Enabled,
    Off,
}

/// How the store behaves.
#[derive(Clone)]
pub struct StoreOptions {
    pub versioning: Versioning,
    /// Off plays an endpoint that ignores `If-Match` and `If-None-Match`.
    pub honors_conditions: bool,
    /// Objects in a page of a listing; S3 gives 1,000.
    pub page_size: usize,
    pub clock: Clock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            versioning: Versioning::Enabled,
            honors_conditions: true,
            page_size: 1000,
            clock: Clock::default(),
        }
    }
}

/// What an object is stored with besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    pub cache_control: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Base64, where the writer gave one.
    pub checksum_sha256: Option<String>,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub body: Bytes,
    pub attributes: Attributes,
    /// Without quotes.
    pub e_tag: String,
    /// To the second, as S3 tells it.
    pub last_modified: SystemTime,
    /// `null` where the bucket keeps no versions.
    pub version_id: String,
}

/// A version or the mark that the key was deleted.
#[derive(Clone, Debug)]
pub(super) enum Version {
    Object(Box<StoredObject>),
    DeleteMarker { version_id: String },
}

impl Version {
    pub fn id(&self) -> &str {
        match self {
            Self::Object(object) => &object.version_id,
            Self::DeleteMarker { version_id } => version_id,
        }
    }
}

/// Something that changed the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    Put { bucket: String, key: String },
    Delete { bucket: String, key: String },
}

/// Keys and the bytes under them after a mutation, for whoever watches.
pub type Snapshot = BTreeMap<String, Bytes>;

type Watcher = Arc<dyn Fn(&Mutation, &dyn Fn() -> Snapshot) + Send + Sync>;

/// When a write may happen.
#[derive(Clone, Debug, Default)]
pub struct WriteCondition {
    pub must_be_absent: bool,
    /// Without quotes; `*` for anything.
    pub must_match: Option<String>,
}

/// Why a write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    NoSuchBucket,
    PreconditionFailed,
    NoSuchKey,
}

#[derive(Default)]
struct Bucket {
    has_versions: bool,
    /// Oldest first; never empty.
    keys: BTreeMap<String, Vec<Version>>,
    uploads: BTreeMap<String, Upload>,
}

/// A multipart upload under way.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub key: String,
    pub attributes: Attributes,
    /// Bytes and MD5 by number.
    pub parts: BTreeMap<i32, (Bytes, [u8; 16])>,
}

struct Inner {
    buckets: BTreeMap<String, Bucket>,
    next_id: u64,
    disk: Option<Disk>,
    watcher: Option<Watcher>,
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
    options: Arc<StoreOptions>,
}

impl Store {
    /// A store that is gone with the process.
    pub fn memory(options: StoreOptions) -> Self {
        let inner = Inner { buckets: BTreeMap::new(), next_id: 1, disk: None, watcher: None };
        Self { inner: Arc::new(Mutex::new(inner)), options: Arc::new(options) }
    }

    /// A store in a folder: what was written there before is there again.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn folder(path: &Path, options: StoreOptions) -> Result<Self, DiskError> {
        let (disk, entries) = Disk::open(path)?;
        let store = Self::memory(options);
        {
            let mut inner = store.lock();
            for entry in entries {
                inner.replay(entry, &disk)?;
            }
            inner.disk = Some(disk);
        }
        Ok(store)
    }

    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    /// Makes a bucket; one that is there stays as it is.
    pub fn create_bucket(&self, name: &str) {
        let mut inner = self.lock();
        if !inner.buckets.contains_key(name) {
            let has_versions = self.options.versioning == Versioning::Enabled;
            inner.log(&Entry::Bucket { name: name.to_owned(), has_versions });
            inner.buckets.insert(name.to_owned(), Bucket { has_versions, ..Bucket::default() });
        }
    }

    /// Calls `watcher` after each mutation, while nothing else can change the store.
    pub fn watch(&self, watcher: impl Fn(&Mutation, &dyn Fn() -> Snapshot) + Send + Sync + 'static) {
        self.lock().watcher = Some(Arc::new(watcher));
    }

    /// The newest version of a key, unless it is deleted.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        match self.lock().buckets.get(bucket)?.keys.get(key)?.last()? {
            Version::Object(object) => Some((**object).clone()),
            Version::DeleteMarker { .. } => None,
        }
    }

    /// The keys that are there, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.lock().snapshot(bucket).into_keys().collect()
    }

    /// What is there: keys and bytes.
    pub fn snapshot(&self, bucket: &str) -> Snapshot {
        self.lock().snapshot(bucket)
    }

    /// Stores an object as somebody else would, without the protocol.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn put_foreign(&self, bucket: &str, key: &str, body: impl Into<Bytes>, attributes: Attributes) {
        let body = body.into();
        let e_tag = hex::encode(md5::Md5::digest(&body));
        self.put(bucket, key, body, e_tag, attributes, &WriteCondition::default())
            .expect("the bucket is there");
    }

    /// Deletes all versions of a key, as a lifecycle rule would.
    pub fn expire_versions(&self, bucket: &str, key: &str) {
        let mut inner = self.lock();
        if let Some(versions) = inner.buckets.get_mut(bucket).and_then(|bucket| bucket.keys.get_mut(key)) {
            versions.drain(..versions.len() - 1);
        }
    }

    pub(super) fn bucket_has_versions(&self, bucket: &str) -> Option<bool> {
        self.lock().buckets.get(bucket).map(|bucket| bucket.has_versions)
    }

    pub(super) fn set_versioning(&self, bucket: &str, has_versions: bool) -> bool {
        let mut inner = self.lock();
        inner.log(&Entry::Bucket { name: bucket.to_owned(), has_versions });
        inner.buckets.get_mut(bucket).map(|bucket| bucket.has_versions = has_versions).is_some()
    }

    pub(super) fn bucket_names(&self) -> Vec<String> {
        self.lock().buckets.keys().cloned().collect()
    }

    /// A version by its id, or the newest without one. The inner result says why there is none.
    pub(super) fn version(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<StoredObject, ReadError> {
        let inner = self.lock();
        let bucket = inner.buckets.get(bucket).ok_or(ReadError::NoSuchBucket)?;
        let versions = bucket.keys.get(key);
        let found = match version_id {
            None => versions.and_then(|versions| versions.last()),
            Some(id) => {
                let by_id = versions.and_then(|versions| versions.iter().find(|version| version.id() == id));
                Some(by_id.ok_or(ReadError::NoSuchVersion)?)
            }
        };
        match found {
            Some(Version::Object(object)) => Ok((**object).clone()),
            Some(Version::DeleteMarker { .. }) if version_id.is_some() => Err(ReadError::IsDeleteMarker),
            Some(Version::DeleteMarker { .. }) | None => Err(ReadError::NoSuchKey),
        }
    }

    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        e_tag: String,
        attributes: Attributes,
        condition: &WriteCondition,
    ) -> Result<StoredObject, WriteError> {
        let mut inner = self.lock();
        let Inner { buckets, next_id, .. } = &mut *inner;
        let target = buckets.get_mut(bucket).ok_or(WriteError::NoSuchBucket)?;
        if self.options.honors_conditions {
            check(target, key, condition)?;
        }
        *next_id += 1;
        let object = StoredObject {
            body,
            attributes,
            e_tag,
            last_modified: whole_second(self.options.clock.now()),
            version_id: if target.has_versions { format!("v{next_id:012}") } else { "null".to_owned() },
        };
        target.add(key, Version::Object(Box::new(object.clone())));
        inner.log_put(bucket, key, &object);
        inner.tell(bucket, &Mutation::Put { bucket: bucket.to_owned(), key: key.to_owned() });
        Ok(object)
    }

    /// Deletes a key (or one version of it) and returns the delete marker's id, if one was made.
    pub(super) fn delete(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<String>, WriteError> {
        let mut inner = self.lock();
        let Inner { buckets, next_id, .. } = &mut *inner;
        let target = buckets.get_mut(bucket).ok_or(WriteError::NoSuchBucket)?;
        let marker = match version_id {
            Some(id) => {
                target.remove_version(key, id);
                None
            }
            None if target.has_versions => {
                *next_id += 1;
                let version_id = format!("v{next_id:012}");
                target.add(key, Version::DeleteMarker { version_id: version_id.clone() });
                Some(version_id)
            }
            None => {
                target.keys.remove(key);
                None
            }
        };
        let entry = Entry::Delete {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
            marker: marker.clone(),
        };
        inner.log(&entry);
        inner.tell(bucket, &Mutation::Delete { bucket: bucket.to_owned(), key: key.to_owned() });
        Ok(marker)
    }

    /// Objects whose keys begin with `prefix` and come after `after`, at most `limit`; the flag says that there are
    /// more.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Option<(Vec<(String, StoredObject)>, bool)> {
        let inner = self.lock();
        let keys = &inner.buckets.get(bucket)?.keys;
        let from = if after >= prefix { after } else { prefix };
        let range = keys.range(from.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        let mut objects = range.filter(|(key, _)| key.as_str() > after).filter_map(|(key, versions)| {
            match versions.last() {
                Some(Version::Object(object)) => Some((key.clone(), (**object).clone())),
                _ => None,
            }
        });
        let page: Vec<_> = objects.by_ref().take(limit).collect();
        let has_more = objects.next().is_some();
        Some((page, has_more))
    }

    pub(super) fn create_upload(&self, bucket: &str, key: &str, attributes: Attributes) -> Option<String> {
        let mut inner = self.lock();
        inner.next_id += 1;
        let id = format!("upload-{}", inner.next_id);
        let upload = Upload { key: key.to_owned(), attributes, parts: BTreeMap::new() };
        inner.buckets.get_mut(bucket)?.uploads.insert(id.clone(), upload);
        Some(id)
    }

    /// Works on an upload under way; none when there is no such upload.
    pub(super) fn with_upload<T>(
        &self,
        bucket: &str,
        id: &str,
        work: impl FnOnce(&mut Upload) -> T,
    ) -> Option<T> {
        let mut inner = self.lock();
        inner.buckets.get_mut(bucket)?.uploads.get_mut(id).map(work)
    }

    pub(super) fn remove_upload(&self, bucket: &str, id: &str) -> bool {
        let mut inner = self.lock();
        inner.buckets.get_mut(bucket).is_some_and(|bucket| bucket.uploads.remove(id).is_some())
    }

    /// Multipart uploads that were begun and neither completed nor aborted.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        self.lock().buckets.get(bucket).map_or(0, |bucket| bucket.uploads.len())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A watcher is a test's own code and may panic; the store itself stays consistent.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    IsDeleteMarker,
}

fn check(bucket: &Bucket, key: &str, condition: &WriteCondition) -> Result<(), WriteError> {
    let newest = match bucket.keys.get(key).and_then(|versions| versions.last()) {
        Some(Version::Object(object)) => Some(object),
        _ => None,
    };
    if condition.must_be_absent && newest.is_some() {
        return Err(WriteError::PreconditionFailed);
    }
    match (&condition.must_match, newest) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(WriteError::NoSuchKey),
        (Some(wanted), Some(object)) if wanted == "*" || *wanted == object.e_tag => Ok(()),
        (Some(_), Some(_)) => Err(WriteError::PreconditionFailed),
    }
}

fn whole_second(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

impl Bucket {
    fn add(&mut self, key: &str, version: Version) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        // A version with the id `null` takes the place of the last one that had it.
        versions.retain(|earlier| earlier.id() != version.id());
        versions.push(version);
    }

    fn remove_version(&mut self, key: &str, id: &str) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.id() != id);
            if versions.is_empty() {
                self.keys.remove(key);
            }
        }
    }
}

impl Inner {
    fn snapshot(&self, bucket: &str) -> Snapshot {
        let Some(bucket) = self.buckets.get(bucket) else { return Snapshot::new() };
        let newest = bucket.keys.iter().filter_map(|(key, versions)| match versions.last()? {
            Version::Object(object) => Some((key.clone(), object.body.clone())),
            Version::DeleteMarker { .. } => None,
        });
        newest.collect()
    }

    fn tell(&self, bucket: &str, mutation: &Mutation) {
        if let Some(watcher) = &self.watcher {
            watcher(mutation, &|| self.snapshot(bucket));
        }
    }

    fn log(&mut self, entry: &Entry) {
        if let Some(disk) = &mut self.disk {
            disk.append(entry);
        }
    }

    fn log_put(&mut self, bucket: &str, key: &str, object: &StoredObject) {
        let Some(disk) = &mut self.disk else { return };
        let blob = disk.keep(&object.body);
        let seconds = object.last_modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        disk.append(&Entry::Put {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            blob,
            e_tag: object.e_tag.clone(),
            version_id: object.version_id.clone(),
            last_modified_seconds: seconds,
            attributes: object.attributes.clone(),
        });
    }

    fn replay(&mut self, entry: Entry, disk: &Disk) -> Result<(), DiskError> {
        self.next_id += 1;
        match entry {
            Entry::Bucket { name, has_versions } => {
                self.buckets.entry(name).or_default().has_versions = has_versions;
            }
            Entry::Put { bucket, key, blob, e_tag, version_id, last_modified_seconds, attributes } => {
                let object = StoredObject {
                    body: disk.read(&blob)?,
                    attributes,
                    e_tag,
                    last_modified: UNIX_EPOCH + Duration::from_secs(last_modified_seconds),
                    version_id,
                };
                self.buckets.entry(bucket).or_default().add(&key, Version::Object(Box::new(object)));
            }
            Entry::Delete { bucket, key, version_id, marker } => {
                let bucket = self.buckets.entry(bucket).or_default();
                match (version_id, marker) {
                    (Some(id), _) => bucket.remove_version(&key, &id),
                    (None, Some(version_id)) => bucket.add(&key, Version::DeleteMarker { version_id }),
                    (None, None) => drop(bucket.keys.remove(&key)),
                }
            }
        }
        Ok(())
    }
}
