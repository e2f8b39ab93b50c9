//! One set of features for whatever this task runner has Cargo build. Cargo builds a crate, and all that stand on it, once for
//! each set of features: a set that differs in one crate of the runtime costs minutes of AWS clients.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::task::Finding;
use crate::project::Project;

/// The package whose dependencies switch on what the rest of the workspace has.
const PACKAGE: &str = "xtask/system/Cargo.toml";

/// What is built, as Cargo is told it, besides the whole workspace with its tests.
const SELECTIONS: &[&[&str]] = &[&["--workspace"], &["--package", "system"]];

/// The features that crates are built with, by name and version: one set for the target, another one for build scripts.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Compares what Cargo would build; a crate with other features than the tests have is a finding.
///
/// # Errors
/// When Cargo cannot tell.
pub fn check(project: &Project) -> Result<Vec<Finding>> {
    let tests = tree(project, &["--workspace", "--edges", "normal,build,dev"])?;
    let mut findings = Vec::new();
    for selection in SELECTIONS {
        let built = tree(project, &[selection, &["--edges", "normal,build"][..]].concat())?;
        findings.extend(differences(&selection.join(" "), &built, &tests));
    }
    Ok(findings)
}

fn differences(selection: &str, built: &Features, tests: &Features) -> Vec<Finding> {
    let sets = built.iter().flat_map(|(name, sets)| sets.iter().map(move |set| (name, set)));
    let others = sets.filter(|(name, set)| tests.get(*name).is_some_and(|known| !known.contains(*set)));
    let finding = |(name, set): (&String, &String)| {
        let known = tests[name].iter().map(|set| format!("`{set}`")).collect::<Vec<_>>().join(" or ");
        let message = format!(
            "`cargo build {selection}` builds {name} with the features `{set}`, the tests with {known}; switch on the rest here"
        );
        Finding { file: PACKAGE.to_owned(), line: 1, message }
    };
    others.map(finding).collect()
}

/// What `cargo tree` says of a selection.
fn tree(project: &Project, selection: &[&str]) -> Result<Features> {
    let mut cargo = project.command("cargo");
    cargo.args(["tree", "--quiet", "--prefix", "none", "--format", "{p}|{f}"]).args(selection);
    let output = cargo.output().context("cannot run `cargo tree`")?;
    ensure!(output.status.success(), "`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines such as `url v2.5.8|default,serde,std (*)`.
fn read(lines: &str) -> Features {
    let mut features = Features::new();
    for (package, set) in lines.lines().filter_map(|line| line.split_once('|')) {
        features.entry(package.to_owned()).or_default().insert(set.trim_end_matches(" (*)").to_owned());
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_is_built_with_fewer_features_than_the_tests_have_is_found() {
        let tests = read("a v1.0.0|std\nb v2.0.0|default,std\n\nb v2.0.0|std\nonly-tests v1.0.0|\n");
        let same = read("a v1.0.0|std (*)\nb v2.0.0|std\nour-own v0.1.0|\n");
        assert_eq!(differences("--package ours", &same, &tests), []);
        let fewer = read("a v1.0.0|\nb v2.0.0|default,std");
        let found = differences("--package ours", &fewer, &tests);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].message.contains("builds a v1.0.0 with the features ``, the tests with `std`"),
            "{}",
            found[0]
        );
    }
}
