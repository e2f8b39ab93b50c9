//! What an image is made from: the commit, its time, and where it can be found. Asks git; reads only.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use xtask::project::Project;

/// Where the files come from that images are made of. A file there that git does not know gets into an image too.
const INPUTS: &[&str] = &["services", ".cargo", "Cargo.toml", "Cargo.lock"];

/// A commit, as it goes into tags, labels and time stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The whole hash.
    pub commit: String,
    /// The files that differ from the commit, relative to the root; empty for a clean tree.
    pub changed: Vec<String>,
    /// When it was committed: the only time in an image.
    pub time: Timestamp,
    /// The repository's address for people; none when it has none that others could use.
    pub url: Option<String>,
}

impl Source {
    /// Looks at the tree that is checked out.
    ///
    /// # Errors
    /// When git is missing, the root is in no repository, or nothing was committed yet.
    pub fn find(project: &Project) -> Result<Self> {
        // Where git is set to show signatures, it would write what it thinks of them before the hash.
        let head = git(project, &["log", "-1", "--no-show-signature", "--format=%H%n%ct"])?;
        let mut lines = head.lines();
        let commit = lines.next().unwrap_or_default().to_owned();
        ensure!(commit.len() >= 40, "git names no commit");
        let seconds = lines.next().and_then(|line| line.parse().ok()).context("git tells no time")?;
        let tracked = git(project, &["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no"])?;
        let untracked = [&["ls-files", "-z", "--others", "--exclude-standard", "--"], INPUTS].concat();
        let untracked = git(project, &untracked)?;
        let remote = git(project, &["remote", "get-url", "origin"]).unwrap_or_default();
        Ok(Self {
            commit,
            changed: changed(&tracked, &untracked),
            time: Timestamp::from_second(seconds).context("git tells a time beyond all bounds")?,
            url: public_address(remote.trim()),
        })
    }

    /// The commit's hash for a clean tree, so that it names one image; for a dirty one, `HASH-dirty`, which names none.
    pub fn tag(&self) -> String {
        if self.changed.is_empty() { self.commit.clone() } else { format!("{}-dirty", self.commit) }
    }
}

fn git(project: &Project, arguments: &[&str]) -> Result<String> {
    let mut command: Command = project.command("git");
    // Asking must not take the index's lock from somebody who commits.
    let output =
        command.env("GIT_OPTIONAL_LOCKS", "0").args(arguments).output().context("cannot run `git`")?;
    ensure!(
        output.status.success(),
        "`git {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The names out of `git status --porcelain -z` and `git ls-files -z`.
fn changed(tracked: &str, untracked: &str) -> Vec<String> {
    // Two letters and a space stand before each name.
    let tracked = tracked.split_terminator('\0').filter_map(|line| line.get(3..));
    let mut files: Vec<String> = tracked.chain(untracked.split_terminator('\0')).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    files
}

/// The address of a remote as a browser takes it, the same for everybody who cloned from there: a clone over SSH and one over
/// HTTPS must give the same image. Names and passwords are left out; a folder is no address.
fn public_address(remote: &str) -> Option<String> {
    let (host, path) = match remote.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", rest)) => {
            let (authority, path) = rest.split_once('/')?;
            let host = authority.rsplit('@').next()?;
            // SSH's port is not the one that a browser asks.
            let host = if remote.starts_with("http") { host } else { host.split(':').next()? };
            (host, path)
        }
        Some(_) => return None,
        // `git@example.com:group/name.git`, but not `C:\folder` or `./a:b`.
        None => {
            let (authority, path) = remote.split_once(':')?;
            let host = authority.rsplit('@').next()?;
            if authority.contains('/') || !host.contains('.') {
                return None;
            }
            (host, path)
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| format!("https://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(changed: &[&str]) -> Source {
        let changed = changed.iter().map(|file| (*file).to_owned()).collect();
        Source { commit: "a".repeat(40), changed, time: Timestamp::UNIX_EPOCH, url: None }
    }

    #[test]
    fn only_a_clean_tree_has_the_tag_of_its_commit() {
        assert_eq!(source(&[]).tag(), "a".repeat(40));
        assert_eq!(source(&["services/x"]).tag(), format!("{}-dirty", "a".repeat(40)));
    }

    #[test]
    fn changed_files_are_named_once_and_in_order() {
        let files = changed(" M services/b.rs\0D  Cargo.toml\0", "services/a b.rs\0services/b.rs\0");
        assert_eq!(files, ["Cargo.toml", "services/a b.rs", "services/b.rs"]);
        assert_eq!(changed("", ""), [""; 0]);
    }

    #[test]
    fn every_way_to_clone_a_repository_gives_one_address() {
        for remote in [
            "https://example.com/group/name.git",
            "https://example.com/group/name",
            "https://user:secret@example.com/group/name.git",
            "ssh://git@example.com:2222/group/name.git",
            "git@example.com:group/name.git",
            "http://example.com/group/name/",
        ] {
            assert_eq!(public_address(remote).as_deref(), Some("https://example.com/group/name"), "{remote}");
        }
    }

    #[test]
    fn a_folder_is_no_address() {
        for remote in ["", "/srv/git/name", "../name", "file:///srv/git/name", "C:\\name", "./a:b"] {
            assert_eq!(public_address(remote), None, "{remote}");
        }
    }
}
