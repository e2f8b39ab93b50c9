//! Files of the stores: for one user's eyes, and owned by the one whom a store runs as.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt, chown};
use std::path::Path;

/// PostgreSQL refuses to run as root; this is `nobody` on every Linux.
pub(crate) const NOBODY: u32 = 65_534;

/// Writes a file that only its owner reads.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// A program that runs as somebody else where this is root reads only what is its own.
pub(crate) fn give_away(path: &Path, mode: u32) -> io::Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
