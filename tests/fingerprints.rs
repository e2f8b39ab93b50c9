//! The verdicts on the file names of fifteen real builds, each made twice, against what was seen to change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sitepush::core::fingerprint::{self, Verdict};

/// One path of one generator. `builds` says in which of the two builds it is: `A`, `B` or `AB`.
#[derive(Deserialize)]
struct Case {
    generator: String,
    path: String,
    builds: String,
    safe_immutable: Option<bool>,
}

/// A case, and the verdicts of the builds that have it.
struct Judged {
    case: Case,
    fingerprinted: BTreeSet<bool>,
}

fn judged() -> Vec<Judged> {
    let text = include_str!("fixtures/fingerprints.jsonl");
    let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let mut sites: BTreeMap<(String, char), Vec<String>> = BTreeMap::new();
    for case in &cases {
        for build in case.builds.chars() {
            sites.entry((case.generator.clone(), build)).or_default().push(case.path.clone());
        }
    }
    let verdicts = |paths: &[String]| -> BTreeMap<String, Verdict> {
        paths.iter().cloned().zip(fingerprint::classify(paths.iter().map(String::as_str))).collect()
    };
    let sites: BTreeMap<_, _> = sites.iter().map(|(site, paths)| (site.clone(), verdicts(paths))).collect();
    let judge = |case: Case| {
        let verdict = |build| sites[&(case.generator.clone(), build)][&case.path].is_fingerprinted();
        Judged { fingerprinted: case.builds.chars().map(verdict).collect(), case }
    };
    cases.into_iter().map(judge).collect()
}

#[test]
fn no_file_that_may_change_is_called_immutable() {
    let wrong: Vec<String> = judged()
        .into_iter()
        .filter(|judged| judged.case.safe_immutable == Some(false) && judged.fingerprinted.contains(&true))
        .map(|judged| format!("{}: {}", judged.case.generator, judged.case.path))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn nearly_all_fingerprinted_files_are_found() {
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    let wanted = |case: &Case| case.safe_immutable == Some(true) && !case.path.ends_with(".map");
    for judged in judged().into_iter().filter(|judged| wanted(&judged.case)) {
        let (hits, all) = found.entry(judged.case.generator.clone()).or_default();
        *all += 1;
        if judged.fingerprinted.contains(&false) {
            missed.push(format!("{}: {}", judged.case.generator, judged.case.path));
        } else {
            *hits += 1;
        }
    }
    let (hits, all) = found.values().fold((0, 0), |sum, (hits, all)| (sum.0 + hits, sum.1 + all));
    assert!(hits * 100 >= all * 97, "{hits} of {all} found; missed {missed:#?}; by generator {found:?}");
    for (generator, (hits, all)) in &found {
        assert!(hits * 100 >= all * 97, "{generator}: {hits} of {all} found; missed {missed:#?}");
    }
}

#[test]
fn both_builds_agree_on_a_file_that_did_not_change() {
    let differing: Vec<String> = judged()
        .into_iter()
        .filter(|judged| judged.fingerprinted.len() > 1)
        .map(|judged| format!("{}: {}", judged.case.generator, judged.case.path))
        .collect();
    assert_eq!(differing, Vec::<String>::new());
}
