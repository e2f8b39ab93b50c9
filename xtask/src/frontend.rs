//! The web application: installs its packages and builds it with npm, and lists what a build made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::tools;

/// The files of a build by their key: relative path, `/` between segments.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Where the build lands.
pub fn dist(project: &Project) -> PathBuf {
    project.path("frontend/dist")
}

/// Installs exactly what the lock file says.
pub fn install(project: &Project) -> Result<()> {
    let mut npm = project.command("npm");
    npm.args(["--prefix", "frontend", "ci", "--no-audit", "--no-fund"]);
    // What it says is for people: on standard output a task may have a document.
    tools::run(npm.stdout(std::io::stderr()))
}

/// Installs when there is nothing yet, or when the lock file is newer than what is there.
pub fn install_if_needed(project: &Project) -> Result<()> {
    if is_installed(project) { Ok(()) } else { install(project) }
}

/// Whether what the lock file says is there.
pub fn is_installed(project: &Project) -> bool {
    let changed = |path: &str| fs::metadata(project.path(path)).and_then(|found| found.modified()).ok();
    // npm writes this file last.
    let installed = changed("frontend/node_modules/.package-lock.json");
    installed.is_some() && installed >= changed("frontend/package-lock.json")
}

/// Runs one script of the frontend's `package.json`.
pub fn npm_run(project: &Project, script: &str) -> Result<()> {
    tools::run(project.command("npm").args(["--prefix", "frontend", "run", "--silent", script]))
}

/// Builds into [`dist`]; `commit` is what the site will say it was built from.
pub fn build(project: &Project, commit: &str) -> Result<()> {
    let mut command = project.command("npm");
    command.args(["--prefix", "frontend", "run", "--silent", "build", "--", "--logLevel", "warn"]);
    tools::run(command.env("SITE_COMMIT", commit))
}

/// Builds into `folder`, for a site that has the services under its own `/api/`.
pub fn build_with_services(project: &Project, commit: &str, folder: &Path) -> Result<()> {
    let mut command = project.command("npm");
    command.args(["--prefix", "frontend", "run", "--silent", "build", "--", "--logLevel", "warn"]);
    command.args(["--emptyOutDir", "--outDir"]).arg(folder);
    tools::run(command.env("SITE_COMMIT", commit).env("SITE_SERVICES", "1"))
}

/// Builds twice and requires the same names and bytes: a push of an unchanged site has to find nothing to do.
pub fn build_is_repeatable(project: &Project) -> Result<()> {
    build(project, "dev")?;
    let first = read(&dist(project))?;
    build(project, "dev")?;
    let second = read(&dist(project))?;
    let differing: Vec<_> =
        first.keys().chain(second.keys()).filter(|key| first.get(*key) != second.get(*key)).collect();
    if !differing.is_empty() {
        bail!("two builds of the same sources differ in {differing:?}");
    }
    println!("two builds gave the same {} files", first.len());
    Ok(())
}

/// Reads every file under `folder`.
///
/// # Errors
/// When the folder is missing, a name is not UTF-8, or there is no file at all.
pub fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    read_into(&mut files, folder, "")
        .with_context(|| format!("cannot read the build in {}", folder.display()))?;
    if files.is_empty() {
        bail!("the build in {} has no files", folder.display());
    }
    Ok(files)
}

fn read_into(files: &mut Files, folder: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { bail!("{:?} is not UTF-8", entry.path()) };
        let key = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            read_into(files, &entry.path(), &format!("{key}/"))?;
        } else {
            files.insert(key, fs::read(entry.path())?);
        }
    }
    Ok(())
}
