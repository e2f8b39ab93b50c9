//! The build's folder: walking it, hashing it on all cores, and reading its files again when they are sent.
//!
//! Touches files and nothing else. Decides only what a file *is*; what becomes of it, the rules say.

mod walk;

use std::fs::{File, Metadata};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Read;
#[cfg(target_os = "linux")]
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::time::SystemTime;

use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use sha2::{Digest as _, Sha256};

use crate::core::build::UnclassifiedFile;
use crate::core::digest::Sha256Digest;
use crate::core::fingerprint::{self, Verdict};
use crate::core::inventory::{ExcludedFile, Packing};
use crate::core::key::{KeyError, ObjectKey};
use crate::core::secrets::SecretScanner;

use walk::{Found, walk};

/// How much of a file is kept for telling its type.
const SNIFFED_BYTES: usize = 512;
/// Read at a time.
const BUFFER_BYTES: usize = 128 << 10;
/// How often a file that changes while it is read is read again.
const READ_ATTEMPTS: usize = 3;

/// A folder, hashed.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Where the files are: the folder that was asked for, as short as can be.
    pub folder: PathBuf,
    /// In key order.
    pub files: Vec<UnclassifiedFile>,
    pub excluded: Vec<ExcludedFile>,
    /// What looks like a secret: key and what it is.
    pub secrets: Vec<(ObjectKey, String)>,
    pub warnings: Vec<String>,
}

/// What a scan asks of the settings.
pub trait ScanRules: Sync {
    /// Why a file is left out, or none when it is published.
    fn exclusion(&self, key: &ObjectKey) -> Option<String>;
    /// How the file's bytes are stored.
    fn packing(&self, key: &ObjectKey, first_bytes: &[u8]) -> Packing;
    /// Whether the user said that this file holds no secret.
    fn allows_secret(&self, key: &ObjectKey) -> bool;
}

/// Why a folder cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("there is no folder `{}`", .0.display())]
    Missing(PathBuf),
    #[error("`{}` is a file, and a folder is needed", .0.display())]
    NotAFolder(PathBuf),
    #[error("cannot read `{}`", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the symbolic link `{}` leads out of the folder", .0.display())]
    LinkOutOfFolder(PathBuf),
    #[error("the symbolic link `{}` leads into itself", .0.display())]
    LinkLoop(PathBuf),
    #[error("the symbolic link `{}` leads nowhere", .0.display())]
    LinkToNowhere(PathBuf),
    #[error("`{}` is neither a file nor a folder", .0.display())]
    NotAFile(PathBuf),
    #[error("the name `{}` is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error("the file `{}` cannot be an object", .path.display())]
    BadKey {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("`{}` and `{}` have the same name in normalized Unicode", .first.display(), .second.display())]
    SameName { first: PathBuf, second: PathBuf },
    #[error("`{}` keeps changing while it is read", .0.display())]
    KeepsChanging(PathBuf),
}

impl ScanError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "run the build first, or name the folder that holds it",
            Self::NotAFolder(_) => "name the folder that holds the build",
            Self::Unreadable { .. } => "check its permissions",
            Self::LinkOutOfFolder(_) => {
                "copy the file into the build, or leave the link out with `site.ignore`"
            }
            Self::LinkLoop(_) | Self::LinkToNowhere(_) | Self::NotAFile(_) => {
                "remove it, or leave it out with `site.ignore`"
            }
            Self::NotUtf8(_) => "rename the file: object keys are UTF-8",
            Self::BadKey { .. } => "rename the file, or leave it out with `site.ignore` in sitepush.toml",
            Self::SameName { .. } => "remove one of the two",
            Self::KeepsChanging(_) => "wait until the build has ended",
        }
    }
}

/// Walks and hashes `folder`. Dot files are left out but for `.well-known/`; symbolic links are followed inside the
/// folder; names are normalized to NFC.
///
/// # Errors
/// When the folder or a file in it cannot be read, or has a name that no object can have.
pub fn scan(folder: &Path, rules: &dyn ScanRules) -> Result<Scan, ScanError> {
    let mut scan = Scan::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let work = || hash_found(&receiver, rules);
    let (names, hashed) = std::thread::scope(|scope| {
        // Files are hashed while the walk goes on, and names judged while the rest is hashed.
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let walked = walk(folder, rules, &mut scan, &sender);
        // That ends the hashing.
        drop(sender);
        let names = walked.as_ref().map(|keys| Names::judge(keys)).unwrap_or_default();
        let own = work();
        let others = helpers.into_iter().map(|helper| helper.join().expect("hashing does not panic"));
        let hashed: Result<Vec<Vec<Hashed>>, ScanError> = std::iter::once(own).chain(others).collect();
        walked?;
        Ok::<_, ScanError>((names, hashed?))
    })?;
    let mut files: Vec<Option<UnclassifiedFile>> = vec![None; names.verdicts.len()];
    for Hashed { number, mut file, secrets } in hashed.into_iter().flatten() {
        scan.secrets.extend(secrets.into_iter().map(|what| (file.key.clone(), what)));
        file.verdict = names.verdicts[number];
        files[names.places[number]] = Some(file);
    }
    scan.files = files.into_iter().map(|file| file.expect("every file that was found was hashed")).collect();
    scan.secrets.sort();
    scan.excluded.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = scan.files.windows(2).find(|pair| pair[0].key == pair[1].key) {
        let path = |file: &UnclassifiedFile| {
            file.path.as_deref().map_or_else(|| scan.folder.join(file.key.as_str()), Path::to_owned)
        };
        return Err(ScanError::SameName { first: path(&pair[0]), second: path(&pair[1]) });
    }
    scan.warnings.extend(names.warnings);
    Ok(scan)
}

/// What the names of the files say, in the order in which they were found.
#[derive(Default)]
struct Names {
    verdicts: Vec<Verdict>,
    /// Where each stands in the order of the keys.
    places: Vec<usize>,
    warnings: Vec<String>,
}

impl Names {
    fn judge(keys: &[ObjectKey]) -> Self {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by_key(|number| &keys[*number]);
        let mut places = vec![0; keys.len()];
        for (place, number) in order.iter().enumerate() {
            places[*number] = place;
        }
        Self {
            verdicts: fingerprint::classify(keys.iter().map(ObjectKey::as_str)),
            places,
            warnings: similar_names(order.iter().map(|number| keys[*number].as_str())),
        }
    }
}

/// Names that differ only in case are two objects on S3 and one file on many people's machines.
fn similar_names<'a>(sorted: impl Iterator<Item = &'a str>) -> Vec<String> {
    // By a digest of the small letters: keeping those of every name, to find none, would cost more than all the rest.
    let hasher = DefaultHashBuilder::default();
    let mut names: Vec<(u64, &str)> = sorted.map(|name| (caseless_digest(&hasher, name), name)).collect();
    names.sort_by_key(|(digest, _)| *digest);
    let mut similar: Vec<(&str, &str)> = names
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1)
        .filter(|pair| pair[0].1.to_lowercase() == pair[1].1.to_lowercase())
        .map(|pair| (pair[0].1, pair[1].1))
        .collect();
    similar.sort_unstable();
    similar.iter().map(|(first, second)| format!("`{first}` and `{second}` differ only in case")).collect()
}

fn caseless_digest(hasher: &DefaultHashBuilder, name: &str) -> u64 {
    let mut digest = hasher.build_hasher();
    if name.is_ascii() {
        name.bytes().for_each(|byte| digest.write_u8(byte.to_ascii_lowercase()));
    } else {
        name.to_lowercase().bytes().for_each(|byte| digest.write_u8(byte));
    }
    digest.finish()
}

/// The MD5 of a file's bytes as stored: what an ETag is for a single-part upload without KMS.
///
/// # Errors
/// When the file cannot be read.
pub fn md5(path: &Path, packing: Packing) -> std::io::Result<[u8; 16]> {
    use md5::Digest as _;
    let mut hasher = md5::Md5::new();
    if packing == Packing::Gzip {
        hasher.update(read_stored(path, packing)?);
    } else {
        let mut file = open(path)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
        }
    }
    Ok(hasher.finalize().into())
}

/// The bytes to be stored: the file's own, or packed.
///
/// # Errors
/// When the file cannot be read.
pub fn read_stored(path: &Path, packing: Packing) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    match packing {
        Packing::AsIs => Ok(bytes),
        Packing::Gzip => gzip(&bytes),
    }
}

/// Why a large file cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("the file was changed after it was hashed")]
    Changed,
}

/// A large file in parts, which must still have the size and the digest that were promised.
pub struct FileParts {
    file: File,
    hasher: Sha256,
    expected: Sha256Digest,
    /// Of the promised size, what no part has given yet.
    left_bytes: u64,
    part_size_bytes: usize,
    is_ended: bool,
}

impl FileParts {
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(
        path: &Path,
        size_bytes: u64,
        expected: Sha256Digest,
        part_size_bytes: u64,
    ) -> std::io::Result<Self> {
        Ok(Self {
            file: open(path)?,
            hasher: Sha256::new(),
            expected,
            left_bytes: size_bytes,
            part_size_bytes: usize::try_from(part_size_bytes).expect("a part fits in memory"),
            is_ended: false,
        })
    }

    /// The next part, or none after the last.
    ///
    /// # Errors
    /// When the file cannot be read, or, before the last part is given, when it is not what was hashed.
    pub fn next_part(&mut self) -> Result<Option<Bytes>, PartError> {
        if self.is_ended {
            return Ok(None);
        }
        let mut part = Vec::with_capacity(self.part_size_bytes);
        let mut limited = Read::take(&mut self.file, self.part_size_bytes as u64);
        limited.read_to_end(&mut part).map_err(PartError::Unreadable)?;
        // A file that somebody goes on writing to is not sent for ever.
        self.left_bytes = self.left_bytes.checked_sub(part.len() as u64).ok_or(PartError::Changed)?;
        self.hasher.update(&part);
        self.is_ended = part.len() < self.part_size_bytes;
        if self.is_ended && Sha256Digest(self.hasher.clone().finalize().into()) != self.expected {
            // Before the last part is sent: the upload is never completed with other bytes than were planned.
            return Err(PartError::Changed);
        }
        Ok(if part.is_empty() { None } else { Some(Bytes::from(part)) })
    }
}

/// To read, leaving no access time where that is allowed: in a fresh checkout, whose times are all new, the kernel would write
/// one into every inode. Only the owner of a file may ask for that.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "this edge is the one that reads the build")]
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOATIME.bits().cast_signed();
    match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => File::open(path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this edge is the one that reads the build")]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::new(9));
    let mut packed = Vec::new();
    encoder.read_to_end(&mut packed)?;
    Ok(packed)
}

/// A file that was read, not yet judged by its name.
struct Hashed {
    number: usize,
    file: UnclassifiedFile,
    secrets: Vec<String>,
}

/// Hashes what comes, in no order, until the walk has ended.
fn hash_found(found: &Mutex<mpsc::Receiver<Found>>, rules: &dyn ScanRules) -> Result<Vec<Hashed>, ScanError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut done = Vec::new();
    loop {
        let next = found.lock().expect("no thread panics with the lock").recv();
        let Ok(file) = next else { return Ok(done) };
        done.push(hash_steadily(file, rules, &mut buffer)?);
    }
}

/// Hashes a file that stays the same while it is read.
fn hash_steadily(found: Found, rules: &dyn ScanRules, buffer: &mut [u8]) -> Result<Hashed, ScanError> {
    let unreadable = |source| ScanError::Unreadable { path: found.path.clone(), source };
    if let Some(content) = hash_at_once(&found, rules, buffer).map_err(unreadable)? {
        return Ok(content.of(found));
    }
    for _ in 0..READ_ATTEMPTS {
        let mut file = open(&found.path).map_err(unreadable)?;
        let before = stamp(&file.metadata().map_err(unreadable)?);
        let content = read_content(&found, before.0, &mut file, rules, buffer).map_err(unreadable)?;
        let after = stamp(&file.metadata().map_err(unreadable)?);
        if before == after {
            return Ok(content.of(found));
        }
    }
    Err(ScanError::KeepsChanging(found.path))
}

fn stamp(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

/// What was read of a file.
struct Content {
    size_bytes: u64,
    sha256: Sha256Digest,
    packing: Packing,
    first_bytes: Box<[u8]>,
    secrets: Vec<String>,
}

impl Content {
    fn of(self, found: Found) -> Hashed {
        let number = found.number;
        let file = UnclassifiedFile {
            key: found.key,
            path: found.is_renamed.then(|| found.path.into_boxed_path()),
            size_bytes: self.size_bytes,
            sha256: self.sha256,
            packing: self.packing,
            first_bytes: self.first_bytes,
            verdict: Verdict::default(),
        };
        Hashed { number, file, secrets: self.secrets }
    }
}

/// Reads a file that fits into the buffer by one look at it, and none that does not. A read is of one moment, as long as
/// it brought the whole length: what is written into the file after it, its upload finds.
fn hash_at_once(found: &Found, rules: &dyn ScanRules, buffer: &mut [u8]) -> std::io::Result<Option<Content>> {
    let mut file = open(&found.path)?;
    let count = file.read(buffer)?;
    if count == buffer.len() || file.metadata()?.len() != count as u64 {
        return Ok(None);
    }
    let mut reading = Reading::new();
    reading.take(found, &buffer[..count], rules);
    reading.finish(found, rules).map(Some)
}

/// Reads a file that is said to have `length` bytes; that it still has them, the caller sees.
fn read_content(
    found: &Found,
    length: u64,
    file: &mut File,
    rules: &dyn ScanRules,
    buffer: &mut [u8],
) -> std::io::Result<Content> {
    let mut reading = Reading::new();
    loop {
        let count = if reading.size_bytes < length { file.read(buffer)? } else { 0 };
        reading.take(found, &buffer[..count], rules);
        if count == 0 {
            return reading.finish(found, rules);
        }
    }
}

/// What is known of a file while it is read.
struct Reading {
    scanner: SecretScanner,
    hasher: Sha256,
    size_bytes: u64,
    first_bytes: Box<[u8]>,
    packing: Packing,
}

impl Reading {
    fn new() -> Self {
        Self {
            scanner: SecretScanner::new(),
            hasher: Sha256::new(),
            size_bytes: 0,
            first_bytes: Box::default(),
            packing: Packing::AsIs,
        }
    }

    /// The next bytes; none at all where the file is empty or at its end.
    fn take(&mut self, found: &Found, chunk: &[u8], rules: &dyn ScanRules) {
        if self.size_bytes == 0 {
            let sniffed = &chunk[..chunk.len().min(SNIFFED_BYTES)];
            self.packing = rules.packing(&found.key, sniffed);
            if !found.key.has_extension() {
                self.first_bytes = sniffed.into();
            }
        }
        self.scanner.update(chunk);
        self.hasher.update(chunk);
        self.size_bytes += chunk.len() as u64;
    }

    fn finish(self, found: &Found, rules: &dyn ScanRules) -> std::io::Result<Content> {
        let Self { scanner, hasher, mut size_bytes, first_bytes, packing } = self;
        let mut sha256 = Sha256Digest(hasher.finalize().into());
        if packing == Packing::Gzip {
            let packed = read_stored(&found.path, packing)?;
            size_bytes = packed.len() as u64;
            sha256 = Sha256Digest::of(&packed);
        }
        let secrets = if rules.allows_secret(&found.key) {
            Vec::new()
        } else {
            scanner.finish().iter().map(ToString::to_string).collect()
        };
        Ok(Content { size_bytes, sha256, packing, first_bytes, secrets })
    }
}

#[cfg(test)]
mod tests;
