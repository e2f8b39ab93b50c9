//! Where things are: the root of the repository, its target folder, its files. Reads only.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// The repository that the task works on.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder with the workspace's `Cargo.toml`; absolute.
    root: PathBuf,
}

impl Project {
    /// Finds the repository: the folder above this package, which Cargo names when it runs a binary. `system` lies in
    /// this package's folder.
    ///
    /// # Errors
    /// When Cargo did not start this process.
    pub fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let package = Path::new(&package).ancestors().find(|folder| folder.ends_with("xtask"));
        let root = package.and_then(Path::parent).context("the package `xtask` lies in no workspace")?;
        Ok(Self { root: root.to_owned() })
    }

    /// A path inside the repository.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder that Cargo builds into.
    pub fn target(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        self.root.join(target)
    }

    /// A folder of this task runner's own under Cargo's target folder; not created.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.target().join("xtask").join(name)
    }

    /// A command that runs in the root. A `cargo` is not told of the package for which another one runs this program: some
    /// build scripts (that of `ring`, below all that speaks TLS) ask to be run again when that changes.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        if program == "cargo" {
            for (name, _) in env::vars_os() {
                if name.to_str().is_some_and(is_of_a_package) {
                    command.env_remove(name);
                }
            }
        }
        command
    }

    /// The files that belong to the project, relative to the root, `/` between segments, sorted: what git tracks
    /// and what it would track if asked.
    ///
    /// # Errors
    /// When git is missing or the root is not a git work tree.
    pub fn files(&self) -> Result<Vec<String>> {
        let output = self
            .command("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot run `git`")?;
        ensure!(
            output.status.success(),
            "`git ls-files` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let list = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<String> = list.split_terminator('\0').map(str::to_owned).collect();
        // A deleted file stays in the index until the deletion is staged.
        files.retain(|file| self.path(file).is_file());
        files.sort();
        files.dedup();
        if files.is_empty() {
            bail!("`git ls-files` lists no files in {}", self.root.display());
        }
        Ok(files)
    }

    /// The commit that is checked out, or none outside of git.
    pub fn commit(&self) -> Option<String> {
        let output = self.command("git").args(["rev-parse", "HEAD"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Whether a variable is one that Cargo sets for the package whose program it runs. Source: "Environment Variables", The Cargo
/// Book, "Environment variables Cargo sets for crates".
fn is_of_a_package(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];
    const NAMES: [&str; 3] = ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_is_told_of_no_package() {
        // This test runs for one itself.
        assert!(env::var_os("CARGO_PKG_NAME").is_some(), "Cargo says so");
        let project = Project::find().expect("cargo runs the tests");
        let removed: Vec<_> = project
            .command("cargo")
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(removed.iter().any(|found| found == name), "{name}: {removed:?}");
        }
        assert!(
            !removed.iter().any(|name| name == "CARGO_TARGET_DIR" || name == "CARGO_HOME"),
            "{removed:?}"
        );
        assert_eq!(project.command("git").get_envs().count(), 0);
    }
}
