//! Where data can be: PostgreSQL does not run as root, and then has to reach its folder as `nobody`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folder to keep the stores in, given the one where they should be (absolute, perhaps not there yet): that one, or, when
/// this process is root and others may not enter a folder above it, one under `/var/tmp` that belongs to it.
pub fn reachable(wanted: &Path) -> PathBuf {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root || wanted.ancestors().skip(1).all(may_be_entered) {
        return wanted.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    PathBuf::from(format!("/var/tmp/sitepush-stores-{:016x}", hasher.finish()))
}

/// Whether everyone may pass through the folder; one that is not there yet will be made so.
fn may_be_entered(folder: &Path) -> bool {
    std::fs::metadata(folder).map_or(true, |found| found.mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn folders_that_others_may_not_enter_are_told_from_others() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        create_dir(&inner).unwrap();
        for (mode, expected) in [(0o700, false), (0o711, true), (0o755, true)] {
            set_permissions(&inner, Permissions::from_mode(mode)).unwrap();
            assert_eq!(may_be_entered(&inner), expected, "{mode:o}");
        }
        assert!(may_be_entered(&inner.join("new")));
    }

    #[test]
    fn the_other_place_is_always_the_same_and_of_one_project() {
        let outer = tempfile::tempdir().unwrap();
        set_permissions(outer.path(), Permissions::from_mode(0o700)).unwrap();
        let (a, b) = (outer.path().join("a/stores"), outer.path().join("b/stores"));
        assert_eq!(reachable(&a), reachable(&a));
        assert_ne!(reachable(&a), reachable(&b));
    }
}
