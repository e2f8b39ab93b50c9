//! The guide that adds a service, as what it has its reader write: the tests follow it, so that it does not lie.

use anyhow::{Context, Result, ensure};

use crate::project::Project;

/// The page, and its part that is the guide.
const PAGE: &str = "docs/development.md";
const HEADING: &str = "## Add a service";

/// Where the services are: what the guide adds lies there.
const SERVICES: &str = "services/";

/// What the guide adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guide {
    /// The service's folder, such as `services/greeter`.
    pub folder: String,
    /// Path from the root, and content, of each file that is written; in the order of the page.
    pub files: Vec<(String, String)>,
}

impl Guide {
    /// Reads the page of this project.
    ///
    /// # Errors
    /// When it is not there, or has no guide.
    pub fn read(project: &Project) -> Result<Self> {
        let page =
            std::fs::read_to_string(project.path(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
        Self::parse(&page).with_context(|| format!("{PAGE} does not say how to add a service"))
    }

    /// A block is a file's content when the paragraph before it begins with the file's path, in backticks.
    fn parse(page: &str) -> Result<Self> {
        let guide = page.split_once(HEADING).map(|(_, rest)| rest).context("it has no such heading")?;
        let guide = guide.split("\n## ").next().unwrap_or_default();
        let mut files = Vec::new();
        // Text and blocks take turns.
        let parts: Vec<&str> = guide.split("\n```").collect();
        for pair in parts.chunks_exact(2) {
            let paragraph = pair[0].rsplit("\n\n").find(|paragraph| !paragraph.trim().is_empty());
            let path = paragraph.and_then(|text| text.trim_start().strip_prefix('`')?.split('`').next());
            let content = pair[1].split_once('\n').map(|(_, content)| format!("{content}\n"));
            if let (Some(path), Some(content)) = (path.filter(|path| path.starts_with(SERVICES)), content) {
                files.push((path.to_owned(), content));
            }
        }
        let (path, _) = files.first().context("no block of it is a file")?;
        let name = path[SERVICES.len()..].split('/').next().unwrap_or_default();
        let folder = format!("{SERVICES}{name}");
        ensure!(
            files.iter().all(|(path, _)| path.starts_with(&format!("{folder}/"))),
            "its files are of several"
        );
        // The one thing that it has its reader change.
        ensure!(guide.contains(&format!("add `\"{folder}\"` to `members`")), "the workspace does not get it");
        Ok(Self { folder, files })
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.folder[SERVICES.len()..]
    }

    /// The workspace's `Cargo.toml` with the service among its members.
    ///
    /// # Errors
    /// When it has no members.
    pub fn add_member(&self, manifest: &str) -> Result<String> {
        let start = "members = [";
        ensure!(manifest.contains(start), "the workspace has no `{start}`");
        Ok(manifest.replacen(start, &format!("{start}\"{}\", ", self.folder), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "# Page\n\n## Add a service\n\nA greeter.\n\n`services/greeter/service.json` says it:\n\n```json\n{\n}\n```\n\nNo file:\n\n```sh\nls\n```\n\n`services/greeter/src/main.rs`\nis a program:\n\n```rust\nfn main() {}\n```\n\n1. add `\"services/greeter\"` to `members`\n\n## Next\n\n`services/x/y`:\n\n```text\nz\n```\n";

    #[test]
    fn a_block_below_a_path_is_that_file() {
        let guide = Guide::parse(GUIDE).unwrap();
        assert_eq!(guide.service(), "greeter");
        let files = [("service.json", "{\n}\n"), ("src/main.rs", "fn main() {}\n")];
        let files = files.map(|(name, content)| (format!("services/greeter/{name}"), content.to_owned()));
        assert_eq!(guide.files, files);
    }

    #[test]
    fn a_page_without_a_guide_or_without_its_step_is_refused() {
        for bad in ["# Page\n", "## Add a service\n\nDo it.\n", &GUIDE.replace("to `members`", "")] {
            assert!(Guide::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_workspace_gets_the_service_as_a_member() {
        let guide = Guide::parse(GUIDE).unwrap();
        let added = guide.add_member("[workspace]\nmembers = [\"a\", \"b\"]\n").unwrap();
        assert_eq!(added, "[workspace]\nmembers = [\"services/greeter\", \"a\", \"b\"]\n");
        assert!(guide.add_member("[package]\n").is_err());
    }
}
