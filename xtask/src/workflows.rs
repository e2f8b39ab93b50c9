//! The workflows of GitHub Actions, held against a linter that npm brings at a pinned version.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::tools;

/// Where the linter's package and the program that calls it are.
const SOURCES: &str = "xtask/workflows";
const FILES: &[&str] = &["package.json", "package-lock.json", "lint.mjs"];

/// Lints every workflow.
///
/// # Errors
/// When the linter cannot be installed, or finds something.
pub fn lint(project: &Project) -> Result<()> {
    let folder = project.scratch("workflows");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in FILES {
        let from = project.path(&format!("{SOURCES}/{file}"));
        fs::copy(&from, folder.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let prefix = folder.to_str().context("the path is not UTF-8")?;
    tools::run(project.command("npm").args([
        "--prefix",
        prefix,
        "ci",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]))?;
    let files = project.files()?;
    let workflows: Vec<&String> =
        files.iter().filter(|file| file.starts_with(".github/workflows/")).collect();
    ensure!(!workflows.is_empty(), "there are no workflows in .github/workflows");
    tools::run(project.command("node").arg(folder.join("lint.mjs")).args(&workflows))?;
    println!("{} workflows, nothing found", workflows.len());
    Ok(())
}
