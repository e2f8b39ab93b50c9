//! Passwords that are made once and kept in a file for their owner's eyes.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// As many random bytes as nobody guesses.
const BYTES: usize = 24;

/// The password in `file`; a new one, written there, when there is no such file.
///
/// # Errors
/// When the file or its folder cannot be read or made, or the file is empty.
pub fn keep(file: &Path) -> Result<String> {
    let named = || format!("the password in {}", file.display());
    match fs::read_to_string(file) {
        Ok(text) if text.is_empty() => bail!("{} is empty: remove the file's folder", named()),
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", named())),
    }
    let password = make()?;
    let folder = file.parent().context("a password has a folder")?;
    let write = || {
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        file.write_all(password.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", named()))?;
    Ok(password)
}

/// A new password: letters and digits.
///
/// # Errors
/// When there are no random numbers.
pub fn make() -> Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).context("there are no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new").join("password");
        let password = keep(&file).unwrap();
        assert_eq!(keep(&file).unwrap(), password);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(password.len() == 48 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(make().unwrap(), password);
    }

    #[test]
    fn an_empty_password_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "").unwrap();
        assert!(keep(&file).unwrap_err().to_string().contains("is empty"));
    }
}
