//! Single files that a user named: saved plans, the configuration that `init` writes.

use std::path::Path;

/// # Errors
/// When the file cannot be read as UTF-8.
#[expect(clippy::disallowed_methods, reason = "this edge reads the files that users name")]
pub fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// Reads a file that may be absent.
///
/// # Errors
/// When it is there and cannot be read as UTF-8.
pub fn read_optional(path: &Path) -> std::io::Result<Option<String>> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// # Errors
/// When the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "this edge writes the files that users name")]
pub fn write(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}
