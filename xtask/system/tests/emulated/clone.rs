//! A clone of this repository in which commits can be made.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the second commit adds to the first page.
pub const EDIT: &str = "This line is of the second commit.";

pub struct Clone {
    root: PathBuf,
}

impl Clone {
    /// Of what is committed here, always in the same place: what Cargo builds of it knows where its sources are.
    pub fn make() -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_system")).ancestors().nth(2).expect("target/debug/system");
        let root = target.join("xtask/system/clone");
        if root.exists() {
            std::fs::remove_dir_all(&root).expect("an earlier clone can be removed");
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there");
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet"]).arg(source).arg(&root);
        assert!(clone.status().expect("git runs").success());
        let this = Self { root };
        this.git(&["config", "user.name", "Tests"]);
        this.git(&["config", "user.email", "tests@example.com"]);
        this
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").current_dir(&self.root).args(arguments).output().expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
