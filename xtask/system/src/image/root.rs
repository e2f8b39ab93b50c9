//! The root file system of an image: the program, the user it runs as, and what the service's folder `image/` adds.
//!
//! Nothing else: no shell, no C library. All of it belongs to root, so that the program cannot change it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The user and the group that programs run as: what others use for "not root" in empty images.
pub(super) const USER_ID: u32 = 65532;

const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\napp:x:65532:65532:app:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\napp:x:65532:\n";

/// What an image holds, by path: relative, `/` between segments, each folder before what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RootFs {
    pub entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    File { content: Vec<u8>, run: Run },
}

/// Whether a file is a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Yes,
    No,
}

impl RootFs {
    /// Puts the parts together. `overlay` replaces what is there already, but for the program itself.
    ///
    /// # Errors
    /// When the overlay has a file with the program's name.
    pub fn assemble(name: &str, program: Vec<u8>, overlay: Self) -> Result<Self> {
        ensure!(
            !overlay.entries.contains_key(name),
            "`image/{name}` would take the program's place: give it another name"
        );
        let mut root = Self::default();
        root.add("etc/passwd", PASSWD.into(), Run::No);
        root.add("etc/group", GROUP.into(), Run::No);
        root.entries.extend(overlay.entries);
        root.add(name, program, Run::Yes);
        Ok(root)
    }

    /// Reads what a service adds; nothing when there is no such folder.
    ///
    /// # Errors
    /// When it cannot be read, or has anything but files and folders.
    pub fn read_overlay(folder: &Path) -> Result<Self> {
        let mut root = Self::default();
        if folder.is_dir() {
            root.read(folder, "")?;
        }
        Ok(root)
    }

    fn read(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let context = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                bail!("the name of {} is not UTF-8", path.display());
            };
            let kind = entry.file_type().with_context(context)?;
            if kind.is_dir() {
                self.entries.insert(format!("{prefix}{name}"), Entry::Folder);
                self.read(&path, &format!("{prefix}{name}/"))?;
            } else if kind.is_file() {
                let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                // Git knows of a file's mode only whether it may be run; the rest is the umask of whoever cloned.
                let mode = entry.metadata().with_context(context)?.permissions().mode();
                self.add(
                    &format!("{prefix}{name}"),
                    content,
                    if mode & 0o100 == 0 { Run::No } else { Run::Yes },
                );
            } else {
                bail!("{} is neither a file nor a folder, and an image gets nothing else", path.display());
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, content: Vec<u8>, run: Run) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder);
        }
        self.entries.insert(path.to_owned(), Entry::File { content, run });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_holds_the_program_its_user_and_what_was_added() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("etc/ssl")).expect("folders");
        fs::write(folder.path().join("etc/ssl/ca.pem"), "certificates").expect("a file");
        let overlay = RootFs::read_overlay(folder.path()).expect("it can be read");
        let root = RootFs::assemble("app", b"program".to_vec(), overlay).expect("nothing collides");
        let paths: Vec<_> = root.entries.keys().map(String::as_str).collect();
        assert_eq!(paths, ["app", "etc", "etc/group", "etc/passwd", "etc/ssl", "etc/ssl/ca.pem"]);
        assert_eq!(root.entries["app"], Entry::File { content: b"program".to_vec(), run: Run::Yes });
        assert_eq!(
            root.entries["etc/ssl/ca.pem"],
            Entry::File { content: b"certificates".to_vec(), run: Run::No }
        );
    }

    #[test]
    fn the_user_in_passwd_is_the_one_that_programs_run_as() {
        assert!(PASSWD.contains(&format!("app:x:{USER_ID}:{USER_ID}:")));
        assert!(GROUP.contains(&format!("app:x:{USER_ID}:")));
    }

    #[test]
    fn a_service_may_bring_users_of_its_own_but_not_another_program() {
        let mut overlay = RootFs::default();
        overlay.add("etc/passwd", b"mine".to_vec(), Run::No);
        let root = RootFs::assemble("app", Vec::new(), overlay).expect("users may be replaced");
        assert_eq!(root.entries["etc/passwd"], Entry::File { content: b"mine".to_vec(), run: Run::No });
        let mut overlay = RootFs::default();
        overlay.add("app", Vec::new(), Run::Yes);
        assert!(RootFs::assemble("app", Vec::new(), overlay).is_err());
    }

    #[test]
    fn a_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/etc/shadow", folder.path().join("shadow")).expect("a link");
        let error = RootFs::read_overlay(folder.path()).expect_err("a link is no file");
        assert!(error.to_string().contains("neither a file nor a folder"), "{error}");
    }

    #[test]
    fn a_service_without_the_folder_adds_nothing() {
        assert_eq!(
            RootFs::read_overlay(Path::new("/nowhere/at/all")).expect("it may be missing"),
            RootFs::default()
        );
    }
}
