//! A clone of this repository in which commits can be made.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the second commit adds to the first page.
pub const EDIT: &str = "This line is of the second commit.";

pub struct Clone {
    root: PathBuf,
}

impl Drop for Clone {
    fn drop(&mut self) {
        // What is left is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

impl Clone {
    /// Of what is here, always in the same place: what Cargo builds of it knows where its sources are. What is not committed
    /// yet is committed there.
    pub fn make() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there");
        // Not in the target folder, into which it is built: Cargo would go by the clone's sources there from then on, and build
        // nothing of what is changed here.
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        let root = std::env::temp_dir().join(format!("sitepush-clone-{:016x}", hasher.finish()));
        if root.exists() {
            std::fs::remove_dir_all(&root).expect("an earlier clone can be removed");
        }
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet"]).arg(&source).arg(&root);
        assert!(clone.status().expect("git runs").success());
        let this = Self { root };
        this.git(&["config", "user.name", "Tests"]);
        this.git(&["config", "user.email", "tests@example.com"]);
        this.commit_what_is_not_committed_in(&source);
        this
    }

    fn commit_what_is_not_committed_in(&self, source: &Path) {
        let changed = ["diff", "--name-only", "--no-renames", "-z", "HEAD"];
        let unknown = ["ls-files", "--others", "--exclude-standard", "-z"];
        let files = [git(source, &changed), git(source, &unknown)].concat();
        for file in files.split('\0').filter(|file| !file.is_empty()) {
            let (from, to) = (source.join(file), self.path(file));
            if from.exists() {
                std::fs::create_dir_all(to.parent().expect("it is in the clone")).expect("there is room");
                std::fs::copy(from, to).expect("it can be copied");
            } else {
                std::fs::remove_file(to).expect("it was committed");
            }
        }
        if !files.is_empty() {
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--message", "What is not committed yet"]);
        }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.root, arguments).trim().to_owned()
    }

    /// Does something with `commit` checked out.
    pub fn at<T>(&self, commit: &str, act: impl FnOnce() -> T) -> T {
        self.git(&["checkout", "--quiet", commit]);
        let done = act();
        self.git(&["checkout", "--quiet", "-"]);
        done
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Changes the first page, and commits.
    pub fn edit_the_page_and_commit(&self) {
        self.replace_in("frontend/index.html", "</main>", &format!("<p>{EDIT}</p></main>"));
        self.git(&["commit", "--quiet", "--all", "--message", "Say which commit this is"]);
    }

    /// A commit of the same files: the images name it, so they are others.
    pub fn commit_nothing(&self, message: &str) {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Has both services start with a setting that they refuse.
    pub fn break_the_services_and_commit(&self) {
        let line = "    METRICS_NAMESPACE = var.name\n";
        let broken = format!("{line}    LOG_LEVEL         = \"shouting\"\n");
        self.replace_in("infra/modules/application/services.tf", line, &broken);
        self.git(&["commit", "--quiet", "--all", "--message", "Break the services"]);
    }

    pub fn revert_the_last_commit(&self) {
        self.git(&["revert", "--no-edit", "HEAD"]);
    }

    fn replace_in(&self, file: &str, old: &str, new: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("it is there");
        let edited = text.replacen(old, new, 1);
        assert_ne!(edited, text, "{file} has no `{old}`");
        std::fs::write(&path, edited).expect("it can be written");
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names of files are UTF-8")
}
