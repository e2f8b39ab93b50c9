//! Files that are written to while they are read.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// More than fits into the buffer, so that it takes more than one read.
const LARGE_BYTES: usize = 3 * BUFFER_BYTES;

/// Somebody who goes on writing into a file.
struct Writer {
    path: PathBuf,
    appended: AtomicU64,
    is_over: AtomicBool,
}

impl Writer {
    fn new(path: PathBuf) -> Self {
        Self { path, appended: AtomicU64::new(0), is_over: AtomicBool::new(false) }
    }

    fn append(&self) {
        let mut file = File::options().append(true).open(&self.path).expect("the file is there");
        file.write_all(b"one more line\n").expect("files can be written");
        self.appended.fetch_add(1, Ordering::SeqCst);
    }

    fn append_until_over(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            self.append();
            std::thread::yield_now();
        }
    }
}

/// Asks after the first bytes of a file were read, and goes on when the writer has written into it once more.
struct WhileWritten<'a> {
    writer: &'a Writer,
    /// How many readings are disturbed.
    times: u64,
    readings: AtomicU64,
}

impl<'a> WhileWritten<'a> {
    fn new(writer: &'a Writer, times: u64) -> Self {
        Self { writer, times, readings: AtomicU64::new(0) }
    }
}

impl ScanRules for WhileWritten<'_> {
    fn exclusion(&self, _key: &ObjectKey) -> Option<String> {
        None
    }

    fn packing(&self, _key: &ObjectKey, _first_bytes: &[u8]) -> Packing {
        let before = self.writer.appended.load(Ordering::SeqCst);
        let is_disturbed = self.readings.fetch_add(1, Ordering::SeqCst) < self.times;
        while is_disturbed && self.writer.appended.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        Packing::AsIs
    }

    fn allows_secret(&self, _key: &ObjectKey) -> bool {
        false
    }
}

/// A folder with one file of this length.
fn folder_with(name: &str, length: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    let mut file = File::create(&path).expect("files can be made");
    file.write_all(&vec![b'a'; length]).expect("files can be written");
    (folder, path)
}

#[test]
fn a_file_that_is_appended_to_all_the_time_is_given_up() {
    let (folder, path) = folder_with("server.log", LARGE_BYTES);
    let writer = Writer::new(path);
    let rules = WhileWritten::new(&writer, u64::MAX);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| writer.append_until_over());
        let result = scan(folder.path(), &rules);
        writer.is_over.store(true, Ordering::SeqCst);
        result
    });
    let error = result.expect_err("it never stays the same");
    assert!(matches!(&error, ScanError::KeepsChanging(path) if *path == writer.path), "{error:?}");
    assert_eq!(error.hint(), "wait until the build has ended");
    assert_eq!(rules.readings.load(Ordering::SeqCst), READ_ATTEMPTS as u64);
}

#[test]
fn a_file_that_is_still_written_to_at_first_is_read_again() {
    let (folder, path) = folder_with("app.js", LARGE_BYTES);
    let writer = Writer::new(path);
    let rules = WhileWritten::new(&writer, 1);
    let found = std::thread::scope(|scope| {
        // Once the first reading has begun, and no more.
        scope.spawn(|| {
            while rules.readings.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            writer.append();
        });
        scan(folder.path(), &rules)
    });
    let found = found.expect("the second time it stays the same");
    let stored = read_stored(&writer.path, Packing::AsIs).expect("the file is there");
    assert_eq!(found.files[0].sha256, Sha256Digest::of(&stored));
    assert_eq!(found.files[0].size_bytes, stored.len() as u64);
    assert!(stored.len() > LARGE_BYTES);
}

#[test]
fn a_large_file_that_has_grown_is_found_before_more_than_was_promised_is_given() {
    const PART_BYTES: u64 = 1 << 10;
    for (length, given_parts) in [(2 << 10, 2), ((2 << 10) + 1, 2)] {
        let (_folder, path) = folder_with("film.mp4", length);
        let hashed = Sha256Digest::of(&vec![b'a'; length]);
        let mut parts = FileParts::open(&path, length as u64, hashed, PART_BYTES).expect("it is there");
        let mut longer = File::options().append(true).open(&path).expect("it is there");
        longer.write_all(&vec![b'a'; 10 << 10]).expect("files can be written");
        for _ in 0..given_parts {
            assert!(parts.next_part().expect("as it was hashed").is_some());
        }
        assert!(matches!(parts.next_part(), Err(PartError::Changed)), "{length}");
    }
}
