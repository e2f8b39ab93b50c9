//! A copy of a build with one edit in it, as the next release of the site.
//!
//! The edit is what `frontend/browser/run.mjs` looks for: the heading of the about page, and the commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use crate::frontend::{self, Files};
use crate::project::Project;

const PAGE: &str = "about/index.html";
const VERSION: &str = "version.json";

/// The copy; its folder goes away with it.
pub struct EditedSite {
    folder: PathBuf,
}

impl EditedSite {
    /// Copies the build in `dist` and edits the copy.
    ///
    /// # Errors
    /// When the build lacks what is to be edited.
    pub fn make(project: &Project, dist: &Path) -> Result<Self> {
        let mut files = frontend::read(dist)?;
        edit(&mut files)?;
        // The process id keeps two runs apart that share a target folder.
        let site = Self { folder: project.scratch(&format!("edited-{}", process::id())) };
        for (key, content) in &files {
            let path = site.folder.join(key);
            fs::create_dir_all(path.parent().unwrap_or(&site.folder))?;
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(site)
    }

    /// Where the copy is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for EditedSite {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: cannot remove {}: {error}", self.folder.display());
        }
    }
}

fn edit(files: &mut Files) -> Result<()> {
    let page = files.get_mut(PAGE).with_context(|| format!("the build has no `{PAGE}`"))?;
    let html = String::from_utf8(page.clone()).with_context(|| format!("`{PAGE}` is not UTF-8"))?;
    if html.matches("</h1>").count() != 1 {
        bail!("`{PAGE}` has not exactly one heading to edit");
    }
    *page = html.replace("</h1>", " (edited)</h1>").into_bytes();

    let version = files.get_mut(VERSION).with_context(|| format!("the build has no `{VERSION}`"))?;
    let mut document: serde_json::Value = serde_json::from_slice(version)?;
    document["commit"] = "edited".into();
    *version = format!("{document}\n").into_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(page: &str) -> Files {
        [(PAGE, page), (VERSION, r#"{"commit":"dev","services":false}"#), ("a.css", "x")]
            .map(|(key, text)| (key.to_owned(), text.as_bytes().to_vec()))
            .into()
    }

    #[test]
    fn the_heading_and_the_commit_change_and_nothing_else() {
        let mut edited = files("<h1>About</h1>");
        edit(&mut edited).expect("there is a heading");
        assert_eq!(edited[PAGE], b"<h1>About (edited)</h1>");
        assert_eq!(edited[VERSION], b"{\"commit\":\"edited\",\"services\":false}\n");
        assert_eq!(edited["a.css"], b"x");
    }

    #[test]
    fn a_page_without_a_heading_is_an_error() {
        assert!(edit(&mut files("<p>About</p>")).is_err());
    }
}
