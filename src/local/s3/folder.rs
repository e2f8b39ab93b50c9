//! The folder form of the store: blobs by SHA-256 and an append-only index of entries.
//!
//! A blob is written under a temporary name and renamed; its entry is appended after it, in one write. So a kill at any
//! instant leaves either the whole change or none of it, at worst with a torn last line (cut off on opening) or a
//! blob that nothing refers to (removed on opening). It does not promise to survive a power cut: nothing is synced.

#![allow(clippy::disallowed_methods, reason = "the folder form of the store is files")]

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use quick_cache::sync::Cache;
use s3s::crypto::{Checksum as _, Sha256};
use serde::{Deserialize, Serialize};

use super::object::Blob;
use super::state::{Entry, State};
use super::store::StoreError;

const SCHEMA: u32 = 1;

/// The index is written anew on opening when it has more than this many entries that no longer matter.
const STALE_ENTRIES: usize = 1000;

/// What the name of a blob begins with while it is written.
const TEMPORARY_PREFIX: &str = ".new-";

/// How many bytes of blobs stay in memory.
const CACHE_BYTES: u64 = 256 * 1024 * 1024;

/// An open folder. It is locked: a second process is refused.
pub struct Folder {
    blobs: PathBuf,
    index: File,
    /// How long the index is when every line in it is whole.
    index_length: AtomicU64,
    cache: Cache<String, Bytes, ByLength>,
    _lock: File,
}

/// The first line of an index.
#[derive(Serialize, Deserialize)]
struct Header {
    schema: u32,
    versions_made: u64,
}

#[derive(Clone)]
struct ByLength;

impl quick_cache::Weighter<String, Bytes> for ByLength {
    fn weight(&self, _digest: &String, bytes: &Bytes) -> u64 {
        bytes.len().max(1) as u64
    }
}

impl Folder {
    /// Opens the folder at `path`, making it when it is not there, with the state that it holds.
    ///
    /// # Errors
    /// When it cannot be read or written, another process has it open, its index is damaged or from a newer version,
    /// or a blob is missing.
    pub fn open(path: &Path) -> Result<(Self, State), StoreError> {
        let wrap = |source| StoreError::Folder { path: path.to_owned(), source };
        let blobs = path.join("blobs");
        fs::create_dir_all(&blobs).map_err(wrap)?;
        let lock = lock(path)?;
        let index_path = path.join("index.jsonl");
        let (state, lines) = replay(&index_path)?;
        let live = state.entries().count();
        if lines == 0 || lines > live + STALE_ENTRIES {
            rewrite(&index_path, &state).map_err(wrap)?;
        }
        // Without an index nothing says what the files in the folder are: they are left alone.
        if lines > 0 {
            remove_stray_blobs(&blobs, &state).map_err(wrap)?;
        }
        require_blobs(&blobs, &state)?;
        let index = OpenOptions::new().append(true).open(&index_path).map_err(wrap)?;
        let index_length = AtomicU64::new(index.metadata().map_err(wrap)?.len());
        let cache = Cache::with_weighter(10_000, CACHE_BYTES, ByLength);
        Ok((Self { blobs, index, index_length, cache, _lock: lock }, state))
    }

    /// Writes one entry down, whole or not at all. The store's lock keeps two from being written at once.
    pub fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let length = self.index_length.load(Ordering::SeqCst);
        if let Err(error) = (&self.index).write_all(&line) {
            // Half a line (a full disk) would spoil the next one.
            self.index.set_len(length)?;
            return Err(error);
        }
        self.index_length.store(length + line.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    /// Keeps `bytes`; the same bytes are kept once.
    pub fn store(&self, bytes: Bytes) -> io::Result<Blob> {
        let digest = const_hex::encode(Sha256::checksum(&bytes));
        let path = self.blobs.join(&digest);
        if !path.exists() {
            let mut temporary = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(&self.blobs)?;
            temporary.write_all(&bytes)?;
            temporary.persist(&path)?;
        }
        self.cache.insert(digest.clone(), bytes);
        Ok(Blob::File(digest))
    }

    /// The bytes of a blob.
    pub fn read(&self, digest: &str) -> io::Result<Bytes> {
        if let Some(bytes) = self.cache.get(digest) {
            return Ok(bytes);
        }
        let bytes = Bytes::from(fs::read(self.blobs.join(digest))?);
        self.cache.insert(digest.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let wrap = |source| StoreError::Folder { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).append(true).open(path.join("lock")).map_err(wrap)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(wrap(source)),
    }
}

/// Reads the index: the state, and how many entries made it (0 when there is no index).
fn replay(path: &Path) -> Result<(State, usize), StoreError> {
    let wrap = |source| StoreError::Folder { path: path.to_owned(), source };
    let damaged = |line: usize| move |source| StoreError::Damaged { path: path.to_owned(), line, source };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((State::default(), 0)),
        Err(error) => return Err(wrap(error)),
    };
    let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
    if whole < text.len() {
        let file = OpenOptions::new().write(true).open(path).map_err(wrap)?;
        file.set_len(whole as u64).map_err(wrap)?;
    }
    let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
    let Some(first) = lines.next() else { return Ok((State::default(), 0)) };
    let header: Header = serde_json::from_slice(first).map_err(damaged(1))?;
    if header.schema != SCHEMA {
        return Err(StoreError::Schema { path: path.to_owned(), schema: header.schema });
    }
    let (mut state, mut count) = (State { versions_made: header.versions_made, ..State::default() }, 0);
    for (number, line) in lines.enumerate() {
        state.apply(serde_json::from_slice(line).map_err(damaged(number + 2))?);
        count += 1;
    }
    state.mutations = 0;
    Ok((state, count.max(1)))
}

/// Writes the shortest index of `state` in the place of the present one.
fn rewrite(path: &Path, state: &State) -> io::Result<()> {
    let mut lines = Vec::new();
    // Replaying the entries counts their versions again.
    let replayed = state.entries().filter(|entry| matches!(entry, Entry::AddVersion { .. })).count() as u64;
    let header = Header { schema: SCHEMA, versions_made: state.versions_made - replayed };
    serde_json::to_writer(&mut lines, &header)?;
    lines.push(b'\n');
    for entry in state.entries() {
        serde_json::to_writer(&mut lines, &entry)?;
        lines.push(b'\n');
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".index-").tempfile_in(parent)?;
    temporary.write_all(&lines)?;
    temporary.persist(path)?;
    Ok(())
}

/// The digests of the blobs that `state` refers to.
fn wanted_blobs(state: &State) -> HashSet<&str> {
    let versions = state.buckets.values().flat_map(|bucket| bucket.keys.values()).flatten();
    let blobs = versions.filter_map(|version| version.object.as_ref()).map(|object| &object.blob);
    blobs
        .filter_map(|blob| if let Blob::File(digest) = blob { Some(digest.as_str()) } else { None })
        .collect()
}

/// Removes blobs that nothing refers to. A file by any other name is not ours.
fn remove_stray_blobs(blobs: &Path, state: &State) -> io::Result<()> {
    let wanted = wanted_blobs(state);
    for entry in fs::read_dir(blobs)? {
        let entry = entry?;
        let is_stray =
            entry.file_name().to_str().is_some_and(|name| is_own_name(name) && !wanted.contains(name));
        if is_stray {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether this store could have given a blob this name.
fn is_own_name(name: &str) -> bool {
    let is_digest = name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_digest || name.starts_with(TEMPORARY_PREFIX)
}

/// Makes sure that every blob of `state` is there.
fn require_blobs(blobs: &Path, state: &State) -> Result<(), StoreError> {
    let missing =
        wanted_blobs(state).into_iter().map(|digest| blobs.join(digest)).filter(|path| !path.exists());
    missing.min().map_or(Ok(()), |path| Err(StoreError::MissingBlob { path }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::s3::{ForeignObject, Store, StoreOptions, Versioning};

    fn options() -> StoreOptions {
        StoreOptions { versioning: Versioning::On, ..StoreOptions::default() }
    }

    fn filled(path: &Path) -> Store {
        let store = Store::folder(path, options()).expect("a store");
        store.create_bucket("site");
        store.put_foreign("site", "a", ForeignObject::new("one"));
        store.put_foreign("site", "a", ForeignObject::new("two"));
        store
    }

    #[test]
    fn a_torn_last_line_is_the_change_that_did_not_happen() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(filled(folder.path()));
        let index = folder.path().join("index.jsonl");
        let text = fs::read(&index).expect("an index");
        for cut in 1..20 {
            fs::write(&index, &text[..text.len() - cut]).expect("write");
            let store = Store::folder(folder.path(), options()).expect("a store");
            assert_eq!(
                store.object("site", "a").expect("the first version").bytes,
                "one",
                "{cut} bytes cut off"
            );
            store.put_foreign("site", "a", ForeignObject::new("two"));
            drop(store);
            let store = Store::folder(folder.path(), options()).expect("a store");
            assert_eq!(store.object("site", "a").expect("the second version").bytes, "two");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_refused_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(filled(folder.path()));
        let index = folder.path().join("index.jsonl");
        let text = fs::read_to_string(&index).expect("an index");
        let mut lines: Vec<_> = text.lines().collect();
        lines[2] = "{";
        fs::write(&index, lines.join("\n") + "\n").expect("write");
        let error = Store::folder(folder.path(), options()).err().expect("a damaged index");
        assert!(matches!(error, StoreError::Damaged { line: 3, .. }), "{error:?}");
    }

    #[test]
    fn a_missing_blob_is_found_on_opening_and_a_stray_one_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(filled(folder.path()));
        let blobs = folder.path().join("blobs");
        fs::write(blobs.join(".new-killed"), "half").expect("write");
        drop(Store::folder(folder.path(), options()).expect("a store"));
        assert_eq!(fs::read_dir(&blobs).expect("blobs").count(), 2);
        fs::remove_file(blobs.join(const_hex::encode(Sha256::checksum(b"one")))).expect("remove");
        let error = Store::folder(folder.path(), options()).err().expect("a missing blob");
        assert!(matches!(error, StoreError::MissingBlob { .. }), "{error:?}");
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(filled(folder.path()));
        let note = folder.path().join("blobs/note.txt");
        fs::write(&note, "mine").expect("write");
        drop(Store::folder(folder.path(), options()).expect("a store"));
        assert!(note.exists());
    }

    #[test]
    fn without_an_index_nothing_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(filled(folder.path()));
        fs::remove_file(folder.path().join("index.jsonl")).expect("remove");
        drop(Store::folder(folder.path(), options()).expect("a store"));
        assert_eq!(fs::read_dir(folder.path().join("blobs")).expect("blobs").count(), 2);
    }

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = filled(folder.path());
        let error = Store::folder(folder.path(), options()).err().expect("a lock");
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
        drop(store);
        assert!(Store::folder(folder.path(), options()).is_ok());
    }

    #[test]
    fn a_rewritten_index_holds_the_same_and_never_repeats_a_version_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = filled(folder.path());
        for _ in 0..STALE_ENTRIES {
            let id = store.put_foreign("site", "b", ForeignObject::new("x"));
            store.remove_version("site", "b", &id.expect("an id"));
        }
        let last = store.put_foreign("site", "b", ForeignObject::new("x"));
        let before = store.versions("site");
        drop(store);
        let length = || fs::metadata(folder.path().join("index.jsonl")).expect("an index").len();
        let long = length();
        let store = Store::folder(folder.path(), options()).expect("a store");
        assert!(length() < long / 100);
        assert_eq!(store.versions("site"), before);
        let next = store.put_foreign("site", "b", ForeignObject::new("x"));
        assert_ne!(next, last);
        drop(store);
        let store = Store::folder(folder.path(), options()).expect("a store");
        assert!(store.versions("site").iter().filter(|version| version.key == "b").count() == 2);
    }
}
