//! One run at a time in a folder: a file that its holder has locked, with the holder's process id in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use thiserror::Error;

/// The lock; free again when this is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

/// Why there is none.
#[derive(Debug, Error)]
pub enum LockError {
    #[error("it runs already, as process {0}")]
    Held(String),
    #[error("cannot use the lock `{path}`")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

impl Lock {
    /// Takes the lock in `file`.
    ///
    /// # Errors
    /// When somebody has it, or the file cannot be used.
    pub fn take(file: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::File { path: file.display().to_string(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file);
        let mut opened = options.map_err(failed)?;
        match opened.try_lock() {
            Ok(()) => {
                let write = |opened: &mut File| {
                    opened.set_len(0)?;
                    opened.rewind()?;
                    write!(opened, "{}", std::process::id())
                };
                write(&mut opened).map_err(failed)?;
                Ok(Self(opened))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                opened.read_to_string(&mut holder).map_err(failed)?;
                Err(LockError::Held(holder))
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_learns_who_is_the_first_and_may_come_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        let first = Lock::take(&file).unwrap();
        let error = Lock::take(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("it runs already, as process {}", std::process::id()));
        drop(first);
        Lock::take(&file).unwrap();
    }
}
