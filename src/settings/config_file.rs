//! Finding and reading sitepush.toml, and the `_headers` file of a build.

use std::path::{Path, PathBuf};

use crate::core::headers_file::HeadersFile;
use crate::error::Error;

use super::config::Config;
use super::config_error;

/// The configuration's name.
pub const FILE_NAME: &str = "sitepush.toml";

/// A configuration and where it was found.
#[derive(Clone, Debug, Default)]
pub struct LoadedConfig {
    pub config: Config,
    /// The file's name; empty where there is none.
    pub name: String,
    /// Paths in the configuration are relative to this folder.
    pub folder: PathBuf,
}

/// Reads the named file, or sitepush.toml from the working folder or the nearest parent that has one, up to the root
/// of the repository. None is fine unless one is named.
///
/// # Errors
/// When a file is named and missing, or cannot be read, or has a mistake.
pub fn load(named: Option<&Path>) -> Result<LoadedConfig, Error> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => match find() {
            Some(path) => path,
            None => return Ok(LoadedConfig::default()),
        },
    };
    let text = read(&path).map_err(|error| {
        Error::usage(format!("cannot read the configuration `{}`", path.display()))
            .caused_by(error)
            .with_hint("`sitepush init` writes one; it is a text in UTF-8")
    })?;
    let name =
        path.file_name().map_or_else(|| FILE_NAME.to_owned(), |name| name.to_string_lossy().into_owned());
    let config = config_error::parse(&text, &name).map_err(|error| {
        let hint = error.hint.clone();
        let wrong = Error::usage(error.to_string());
        match hint {
            Some(hint) => wrong.with_hint(hint),
            None => wrong.with_hint("`sitepush init --print` shows every key with its meaning"),
        }
    })?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(LoadedConfig { config, name, folder })
}

/// The `_headers` file in a build's folder, if there is one.
///
/// # Errors
/// When it cannot be read or has a mistake.
pub fn read_headers_file(directory: &Path) -> Result<Option<HeadersFile>, Error> {
    let path = directory.join("_headers");
    if !path.is_file() {
        return Ok(None);
    }
    let failed = || Error::usage(format!("cannot read `{}`", path.display()));
    let text = read(&path)
        .map_err(|error| failed().caused_by(error).with_hint("it is a text in UTF-8, or left out"))?;
    HeadersFile::parse(&text).map(Some).map_err(|error| {
        failed()
            .caused_by(error)
            .with_hint("a path stands at the line's beginning, its headers indented below it")
    })
}

fn find() -> Option<PathBuf> {
    let start = std::env::current_dir().ok()?;
    for folder in start.ancestors() {
        let candidate = folder.join(FILE_NAME);
        if candidate.is_file() {
            return Some(candidate);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "settings are where files decide what arguments leave open")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
