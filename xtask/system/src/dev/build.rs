//! Builds what runs: the programs, by one call of Cargo, and the site.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use xtask::project::Project;
use xtask::{frontend, tools};

use crate::services::Service;

/// The program that publishes the site and serves it.
pub(super) const SITEPUSH: &str = "sitepush";

/// What Cargo built, by the name of the program.
pub(super) type Programs = BTreeMap<String, PathBuf>;

/// Builds `sitepush` and the services that Cargo builds. Blocks.
///
/// # Errors
/// When the build fails, or lacks one of them.
pub(super) fn programs(project: &Project, services: &[Service]) -> Result<Programs> {
    let services = services.iter().filter(|service| service.is_rust).map(|service| service.name.as_str());
    let wanted: Vec<_> = services.chain([SITEPUSH]).collect();
    let mut cargo = project.command("cargo");
    // The whole workspace, so that nothing is built again with fewer features.
    cargo.args(["build", "--workspace", "--message-format", "json-render-diagnostics"]);
    for name in &wanted {
        cargo.args(["--bin", name]);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run `cargo`")?;
    if !output.status.success() {
        bail!("`{}` ended with {}", tools::describe(&cargo), output.status);
    }
    let programs = executables(&String::from_utf8_lossy(&output.stdout));
    if let Some(name) = wanted.iter().find(|name| !programs.contains_key(**name)) {
        bail!("cargo built no program called `{name}`, which its folder in `services` promises");
    }
    Ok(programs)
}

/// The executables in Cargo's messages.
fn executables(messages: &str) -> Programs {
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
    };
    messages.lines().filter_map(executable).collect()
}

/// Builds the site into `folder`, with the services under its own `/api/`. Blocks.
///
/// # Errors
/// When the build fails.
pub(super) fn site(project: &Project, commit: &str, folder: &Path) -> Result<()> {
    frontend::install_if_needed(project)?;
    frontend::build_with_services(project, commit, folder)
}

/// What tells one build of a program from another; `None` while there is no such file.
pub(super) fn fingerprint(program: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(program).ok()?);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_picked_out_of_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"lib"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"counter"},"executable":"/t/debug/counter"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executables(messages),
            BTreeMap::from([("counter".to_owned(), "/t/debug/counter".into())])
        );
    }

    #[test]
    fn another_build_has_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        assert_eq!(fingerprint(&file), None);
        std::fs::write(&file, "one").unwrap();
        let one = fingerprint(&file);
        std::fs::write(&file, "two").unwrap();
        assert!(one.is_some() && one != fingerprint(&file));
    }
}
