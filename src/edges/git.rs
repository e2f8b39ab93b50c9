//! The version control of the build's folder, by asking `git`.

use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;

use crate::core::release::Commit;

/// What git says of the checked-out commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub commit: Commit,
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

/// The commit that is checked out where `folder` lies; none without git, outside of a repository, or before the
/// first commit.
pub fn head(folder: &Path) -> Option<Head> {
    // Where git is set to show signatures, it would write what it thinks of them before the hash.
    let text = git(folder, &["log", "-1", "--no-show-signature", "--format=%H%n%ct%n%an%n%s"])?;
    let mut lines = text.lines();
    let hash = lines.next().filter(|hash| Commit::is_hash(hash))?.to_owned();
    let time = Timestamp::from_second(lines.next()?.parse().ok()?).ok()?;
    let author = lines.next().unwrap_or_default().to_owned();
    let commit = Commit { hash, time, dirty: is_dirty(folder) };
    Some(Head { commit, author, subject: lines.next().unwrap_or_default().to_owned() })
}

/// Whether a file that is under version control differs from the commit, anywhere in the repository. Files that git
/// does not know are no sign: the build itself is among them.
fn is_dirty(folder: &Path) -> bool {
    let changes = git(folder, &["status", "--porcelain", "--untracked-files=no", "--", ":/"]);
    changes.is_some_and(|changes| !changes.trim().is_empty())
}

/// Whether `older` is an ancestor of `newer` (and not the same); none when git does not know one of them, or when it finds
/// no way between them and its history was cut short (`git clone --depth`), so that there may be one.
pub fn is_ancestor(folder: &Path, older: &str, newer: &str) -> Option<bool> {
    if older == newer {
        return Some(false);
    }
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["merge-base", "--is-ancestor", older, newer])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    match status.code() {
        Some(0) => Some(true),
        Some(1) => (!is_shallow(folder)).then_some(false),
        _ => None,
    }
}

fn is_shallow(folder: &Path) -> bool {
    git(folder, &["rev-parse", "--is-shallow-repository"]).is_some_and(|answer| answer.trim() == "true")
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // Asking must not take the index's lock from somebody who commits.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
