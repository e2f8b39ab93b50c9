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

    /// A command that runs in the root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
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
