//! Walking the build's folder: which files are in it, under which keys, and which are left out.
//!
//! Reads folders and links, never a file.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use unicode_normalization::UnicodeNormalization as _;

use super::{Scan, ScanError, ScanRules};
use crate::core::inventory::ExcludedFile;
use crate::core::key::ObjectKey;
use crate::core::secrets;

/// A file to hash.
pub(super) struct Found {
    /// Its place among the files that were found.
    pub number: usize,
    pub key: ObjectKey,
    pub path: PathBuf,
    /// Whether the key was normalized, so that it does not lead to the file.
    pub is_renamed: bool,
}

/// Hands the files to hash to `sender` as they are found, and gives their keys in that order, which is the file
/// system's. Notes in the scan where it looked.
pub(super) fn walk(
    folder: &Path,
    rules: &dyn ScanRules,
    scan: &mut Scan,
    sender: &mpsc::Sender<Found>,
) -> Result<Vec<ObjectKey>, ScanError> {
    let unreadable = |source| ScanError::Unreadable { path: folder.to_owned(), source };
    let root = match canonicalize(folder) {
        Ok(root) => root,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ScanError::Missing(folder.to_owned()));
        }
        Err(error) => return Err(unreadable(error)),
    };
    if !root.is_dir() {
        return Err(ScanError::NotAFolder(folder.to_owned()));
    }
    let (whole_root, root) = (&root, shortened(&root));
    let mut keys: Vec<ObjectKey> = Vec::new();
    let mut entries = walkdir::WalkDir::new(&root).follow_links(true).into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => match error.path().and_then(|path| left_out(&root, path, rules)) {
                Some(excluded) => {
                    scan.excluded.push(excluded);
                    continue;
                }
                None => return Err(walk_error(&root, error)),
            },
        };
        let relative = entry.path().strip_prefix(&root).expect("an entry lies in its root").to_owned();
        if relative.as_os_str().is_empty() {
            continue;
        }
        if entry.path_is_symlink() {
            let target = canonicalize(entry.path())
                .map_err(|source| ScanError::Unreadable { path: relative.clone(), source })?;
            if !target.starts_with(whole_root) {
                let Some(excluded) = left_out(&root, entry.path(), rules) else {
                    return Err(ScanError::LinkOutOfFolder(relative));
                };
                scan.excluded.push(excluded);
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
        }
        let name = entry.file_name().to_str().ok_or_else(|| ScanError::NotUtf8(relative.clone()))?;
        if entry.file_type().is_dir() {
            if name.starts_with('.') && !(name == ".well-known" && entry.depth() == 1) {
                note_secret_folder(name, scan, &relative);
                let path = format!("{}/", relative.display());
                scan.excluded.push(ExcludedFile { path, reason: "dot files are not published".into() });
                entries.skip_current_dir();
            }
            continue;
        }
        let key = key_of(&relative)?;
        if secrets::is_secret_name(key.as_str()) && !rules.allows_secret(&key) {
            scan.secrets.push((key.clone(), "a file that by its name holds secrets".into()));
        }
        if let Some(reason) = rules.exclusion(&key) {
            scan.excluded.push(ExcludedFile { path: key.to_string(), reason });
            continue;
        }
        // A pipe would be waited for until somebody writes into it.
        if !entry.file_type().is_file() {
            return Err(ScanError::NotAFile(relative));
        }
        let number = keys.len();
        keys.push(key.clone());
        // Nobody listens any more when hashing has failed: that error is told.
        let is_renamed = relative.as_os_str() != key.as_str();
        let _ = sender.send(Found { number, key, path: entry.into_path(), is_renamed });
    }
    scan.folder = root;
    Ok(keys)
}

/// The path from the working directory, where it leads down from there: the system then looks up fewer names for each
/// file.
fn shortened(root: &Path) -> PathBuf {
    let working = std::env::current_dir().and_then(|working| canonicalize(&working));
    let below = working.ok().and_then(|working| root.strip_prefix(working).ok().map(Path::to_owned));
    match below {
        Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Some(below) => below,
        None => root.to_owned(),
    }
}

fn key_of(relative: &Path) -> Result<ObjectKey, ScanError> {
    let text = relative.to_str().ok_or_else(|| ScanError::NotUtf8(relative.to_owned()))?;
    let key = if text.is_ascii() && std::path::MAIN_SEPARATOR == '/' {
        ObjectKey::new(text)
    } else {
        ObjectKey::new(text.replace(std::path::MAIN_SEPARATOR, "/").nfc().collect::<String>())
    };
    key.map_err(|source| ScanError::BadKey { path: relative.to_owned(), source })
}

/// A link that cannot be followed, if the rules leave it out: by its own name, or with all that would be below it.
fn left_out(root: &Path, path: &Path, rules: &dyn ScanRules) -> Option<ExcludedFile> {
    let relative = path.strip_prefix(root).ok()?;
    let key = key_of(relative).ok()?;
    let below = || key_of(&relative.join("*")).ok().and_then(|key| rules.exclusion(&key));
    let reason = rules.exclusion(&key).or_else(below)?;
    Some(ExcludedFile { path: key.to_string(), reason })
}

/// A repository in the build publishes its whole history.
fn note_secret_folder(name: &str, scan: &mut Scan, relative: &Path) {
    if name == ".git" {
        scan.warnings.push(format!("`{}` is not published, but why is it in the build?", relative.display()));
    }
}

/// "Too many levels of symbolic links", by the system's number (`errno.h`).
const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

fn walk_error(root: &Path, error: walkdir::Error) -> ScanError {
    let whole = error.path().unwrap_or(root).to_owned();
    let path = whole.strip_prefix(root).unwrap_or(&whole).to_owned();
    if error.loop_ancestor().is_some() {
        return ScanError::LinkLoop(path);
    }
    let source =
        error.into_io_error().unwrap_or_else(|| std::io::Error::other("the folder cannot be walked"));
    // A link that leads to itself is a loop for the system, not for the walk.
    if source.raw_os_error() == Some(ELOOP) {
        return ScanError::LinkLoop(path);
    }
    if source.kind() == std::io::ErrorKind::NotFound && whole.is_symlink() {
        return ScanError::LinkToNowhere(path);
    }
    ScanError::Unreadable { path, source }
}

#[expect(clippy::disallowed_methods, reason = "this edge is the one that reads the build")]
fn canonicalize(path: &Path) -> std::io::Result<PathBuf> {
    path.canonicalize()
}
