//! A clone of this repository in which commits can be made.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What the second commit adds to the first page.
pub const EDIT: &str = "This line is of the second commit.";

pub struct Clone {
    root: TempDir,
}

impl Clone {
    /// Of what is committed here.
    pub fn make() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there");
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet"]).arg(source).arg(root.path());
        assert!(clone.status().expect("git runs").success());
        let this = Self { root };
        this.git(&["config", "user.name", "Tests"]);
        this.git(&["config", "user.email", "tests@example.com"]);
        this
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("git").current_dir(self.root.path()).args(arguments).output().expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Changes the first page, and commits.
    pub fn edit_and_commit(&self) {
        let page = self.path("frontend/index.html");
        let text = std::fs::read_to_string(&page).expect("it is there");
        let edited = text.replacen("</main>", &format!("<p>{EDIT}</p></main>"), 1);
        assert_ne!(edited, text, "the page has no end of its main part");
        std::fs::write(&page, edited).expect("it can be written");
        self.git(&["commit", "--quiet", "--all", "--message", "Say which commit this is"]);
    }
}
