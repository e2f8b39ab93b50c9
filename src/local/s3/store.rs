//! The store: buckets in memory or in a folder behind one lock, and what tests do with it past the protocol.
//!
//! Every change goes through [`super::change`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use s3s::{S3Result, s3_error};

use super::change::{Deletion, Origin, Write};
use super::checksum::{Checksums, verified_md5};
use super::condition::WriteCondition;
use super::folder::Folder;
use super::object::{ObjectHeaders, ObjectRecord, StoredObject};
use super::options::StoreOptions;
use super::request_log::{RecordedRequest, RequestLog};
use super::state::State;
use super::upload::Uploads;
use super::view::{Mutation, MutationHook, Snapshot, StoreView, VersionInfo, read_blob};
use crate::local::faults::Faults;

/// A store of buckets. Clones share it.
#[derive(Clone)]
pub struct Store(pub(super) Arc<Inner>);

/// What the clones of a store share.
pub(super) struct Inner {
    state: RwLock<State>,
    uploads: Mutex<Uploads>,
    pub folder: Option<Folder>,
    options: StoreOptions,
    hook: RwLock<Option<MutationHook>>,
    faults: Faults,
    log: RequestLog,
}

/// An object that somebody else writes: see [`Store::put_foreign`].
#[derive(Clone, Debug)]
pub struct ForeignObject {
    pub bytes: Bytes,
    pub headers: ObjectHeaders,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot use the store at `{}`", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the store at `{}` is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("line {line} of the store's index `{}` is damaged", path.display())]
    Damaged {
        path: PathBuf,
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("the store's index `{}` has schema {schema}, which this version does not know", path.display())]
    Schema { path: PathBuf, schema: u32 },
    #[error("the store lacks the blob `{}`", path.display())]
    MissingBlob { path: PathBuf },
}

impl ForeignObject {
    /// An object of `bytes` with S3's default headers.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), headers: ObjectHeaders::default() }
    }
}

impl Store {
    /// An empty store that lives as long as its last clone.
    pub fn memory(options: StoreOptions) -> Self {
        Self::assemble(State::default(), None, options)
    }

    /// The store in the folder at `path`, which is made when it is not there. Multipart uploads that were never
    /// completed are not kept.
    ///
    /// # Errors
    /// When the folder cannot be used, is in use by another process, or is damaged.
    pub fn folder(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let (folder, state) = Folder::open(path.as_ref())?;
        Ok(Self::assemble(state, Some(folder), options))
    }

    fn assemble(state: State, folder: Option<Folder>, options: StoreOptions) -> Self {
        let log = RequestLog::new(options.request_log);
        let (state, uploads, hook) = (RwLock::new(state), Mutex::default(), RwLock::default());
        Self(Arc::new(Inner { state, uploads, folder, options, hook, faults: Faults::default(), log }))
    }

    /// Makes a bucket; one that is already there stays as it is.
    pub fn create_bucket(&self, name: &str) {
        let mut state = self.write_state();
        if !state.buckets.contains_key(name) {
            let creation = self.bucket_creation(name);
            self.commit(&mut state, creation, Origin::Foreign).expect("the index can be written");
        }
    }

    /// The current object under `key`; none also when the folder has lost its bytes.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.view(|view| view.object(bucket, key))
    }

    /// The keys that a listing of the bucket would show, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.view(|view| view.keys(bucket))
    }

    /// The keys of [`Store::keys`] with their bytes.
    pub fn snapshot(&self, bucket: &str) -> Snapshot {
        self.view(|view| view.snapshot(bucket))
    }

    /// Every version and delete marker: keys in order, newest first.
    pub fn versions(&self, bucket: &str) -> Vec<VersionInfo> {
        self.view(|view| view.versions(bucket))
    }

    /// Calls `hook` after each mutation from now on, in the place of an earlier hook. It is called with the lock held:
    /// it may look at the view, and must not call the store.
    pub fn on_mutation(&self, hook: impl Fn(&StoreView<'_>, &Mutation) + Send + Sync + 'static) {
        *self.0.hook.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Calls `look` with the lock held: it must not call the store.
    pub fn view<T>(&self, look: impl FnOnce(&StoreView<'_>) -> T) -> T {
        look(&StoreView::new(&self.read_state(), self.0.folder.as_ref()))
    }

    /// Writes an object as somebody else would, past signatures, faults and the request log; makes the bucket when it
    /// is not there. Returns the new version's id when the bucket keeps versions.
    pub fn put_foreign(&self, bucket: &str, key: &str, object: ForeignObject) -> Option<String> {
        self.create_bucket(bucket);
        let checksums = Checksums::default().verify(&object.bytes).expect("nothing was claimed");
        let e_tag = const_hex::encode(verified_md5(&object.bytes, None).expect("nothing was claimed"));
        let headers = Arc::new(object.headers.stored());
        let condition = WriteCondition::default();
        let origin = Origin::Foreign;
        let write = Write { origin, bucket, key, bytes: object.bytes, e_tag, headers, checksums, condition };
        self.put(write).expect("an unconditional write to a bucket that is there").version_id
    }

    /// Deletes the current object as somebody else would.
    pub fn delete_foreign(&self, bucket: &str, key: &str) {
        self.remove(bucket, key, None);
    }

    /// Removes one version as somebody else would.
    pub fn remove_version(&self, bucket: &str, key: &str, version_id: &str) {
        self.remove(bucket, key, Some(version_id));
    }

    /// Removes all versions of `key` but the newest, as a lifecycle rule would.
    pub fn expire_versions(&self, bucket: &str, key: &str) {
        let older = |version: &VersionInfo| version.key == key && !version.is_latest;
        for version in self.versions(bucket).into_iter().filter(older) {
            self.remove_version(bucket, key, &version.version_id);
        }
    }

    /// How many multipart uploads to `bucket` were begun and neither completed nor aborted.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        self.uploads().by_id.values().filter(|upload| upload.bucket == bucket).count()
    }

    fn remove(&self, bucket: &str, key: &str, version_id: Option<&str>) {
        let (origin, condition) = (Origin::Foreign, WriteCondition::default());
        let deleted = self.delete(&Deletion { origin, bucket, key, version_id, condition });
        deleted.map(|_| ()).expect("an unconditional delete in a bucket that is there");
    }

    /// The requests recorded, in the order in which they came in.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.0.log.requests()
    }

    /// Forgets the requests recorded.
    pub fn clear_requests(&self) {
        self.0.log.clear();
    }

    /// The script of what goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// How this store is set up.
    pub fn options(&self) -> &StoreOptions {
        &self.0.options
    }
}

impl Store {
    pub(super) fn hook(&self) -> Option<MutationHook> {
        self.0.hook.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn log(&self) -> &RequestLog {
        &self.0.log
    }

    pub(super) fn uploads(&self) -> std::sync::MutexGuard<'_, Uploads> {
        self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of an object.
    pub(super) fn bytes(&self, object: &ObjectRecord) -> S3Result<Bytes> {
        read_blob(self.0.folder.as_ref(), &object.blob).map_err(internal)
    }
}

/// The error of a folder that fails.
pub fn internal(error: std::io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError, "We encountered an internal error. Please try again.")
}
