//! The build's folder, scanned and classified by the settings' rules.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::core::build::{ClassifiedBuild, classify};
use crate::core::cache_tags;
use crate::core::inventory::{LocalFile, Packing};
use crate::core::key::{KeyPrefix, ObjectKey};
use crate::core::manifest::Manifest;
use crate::edges::site_dir::{self, Scan, ScanError, ScanRules};
use crate::error::{Class, Error};
use crate::settings::BuildSettings;
use crate::ui::progress::{Audience, Reading};

use super::distributions::Facts;

/// How often the number of files is shown while they are read.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// The settings' rules, counting the files that they are asked about.
struct Counted<'a> {
    settings: &'a BuildSettings,
    files: &'a AtomicU64,
}

impl ScanRules for Counted<'_> {
    fn exclusion(&self, key: &ObjectKey) -> Option<String> {
        self.settings.exclusion(key)
    }

    fn packing(&self, key: &ObjectKey, first_bytes: &[u8]) -> Packing {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.settings.rules.packing(key, first_bytes)
    }

    fn allows_secret(&self, key: &ObjectKey) -> bool {
        self.settings.allow_secrets.is_match(key.as_str())
    }
}

/// Hashes the folder on all cores. `files` counts those that were begun.
///
/// # Errors
/// When it cannot be published as it is.
pub fn scan(settings: &BuildSettings, files: &AtomicU64) -> Result<Scan, Error> {
    site_dir::scan(&settings.directory, &Counted { settings, files })
        .map_err(|error| scan_failed(&settings.directory, error))
}

/// The same on threads of its own, shown to whoever reads stderr while it takes long. Must be called in a Tokio runtime.
pub fn scan_shown(settings: BuildSettings) -> JoinHandle<Result<Scan, Error>> {
    let files = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&files);
    let scan = tokio::task::spawn_blocking(move || scan(&settings, &counted));
    tokio::spawn(async move {
        let mut scan = scan;
        let mut reading = Reading::begin(Audience::of_stderr());
        loop {
            tokio::select! {
                done = &mut scan => return done.expect("scanning does not panic"),
                () = tokio::time::sleep(SHOWN_EVERY) => reading.show(files.load(Ordering::Relaxed)),
            }
        }
    })
}

/// Checks that every file's key fits behind the target's prefix.
///
/// # Errors
/// With the first that does not.
pub fn check_lengths(scan: &Scan, prefix: &KeyPrefix) -> Result<(), Error> {
    let too_long = scan.files.iter().find_map(|file| Some((file, prefix.check_length(&file.key).err()?)));
    let Some((file, error)) = too_long else { return Ok(()) };
    Err(Error::usage(format!("the file `{}` cannot be an object", file.key))
        .with_hint("rename the file, shorten the prefix, or leave it out with `site.ignore` in sitepush.toml")
        .caused_by(error))
}

/// Classifies a scan, given what the manifest knows of its names. Takes the scan's files; its findings stay.
pub fn classified(scan: &mut Scan, settings: &BuildSettings, manifest: Option<&Manifest>) -> ClassifiedBuild {
    let files = std::mem::take(&mut scan.files);
    let mut build = classify(files, &settings.rules, manifest);
    build.inventory.folder = std::mem::take(&mut scan.folder);
    build.inventory.excluded = std::mem::take(&mut scan.excluded);
    build.inventory.warnings.extend(settings.warnings.iter().cloned());
    build.inventory.warnings.append(&mut scan.warnings);
    build
}

/// Gives pages the cache tags of what they refer to, where a distribution reads them; takes them away where none does.
pub fn tag(build: &mut ClassifiedBuild, prefix: &KeyPrefix, facts: &Facts, manifest: Option<&Manifest>) {
    cache_tags::untag_pages(build);
    if facts.values().any(|facts| facts.has_cache_tags) {
        // The page's own bytes, however they are stored.
        let folder = build.inventory.folder.clone();
        let read = |key: &ObjectKey, file: &LocalFile| {
            site_dir::read_stored(&file.path_in(&folder, key), Packing::AsIs).ok()
        };
        cache_tags::tag_pages(build, prefix, manifest, read);
    }
}

fn scan_failed(folder: &Path, error: ScanError) -> Error {
    let hint = error.hint();
    match error {
        // These name the folder themselves.
        ScanError::Missing(_) | ScanError::NotAFolder(_) => Error::usage(error.to_string()).with_hint(hint),
        _ => Error::new(Class::Usage, format!("cannot publish `{}`", folder.display()))
            .with_hint(hint)
            .caused_by(error),
    }
}
