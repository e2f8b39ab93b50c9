//! `sitepush doctor` against set-ups that are wrong in one way each: every one is found, and nothing else beside it.
//!
//! All of them live in one ministack, each in a bucket and a distribution of its own; what they share is read only.
//! Each is the set-up that infra/modules/site describes, with one change.

mod behaviors;
mod bucket;
mod distribution;
mod identity;
pub mod names;
pub mod place;
mod state;

use std::collections::BTreeSet;
use std::sync::Mutex;

use place::{Place, World};

use crate::emulator::Emulator;

/// The non-ok findings of a run: `STATUS CHECK`.
type Found = BTreeSet<String>;

/// One change of a good set-up.
pub struct Break {
    pub name: &'static str,
    /// What doctor must find, as `STATUS CHECK`; nothing else.
    pub finds: &'static [&'static str],
    pub change: fn(&World, &mut Place),
}

/// Set-ups that are looked at by one thread each.
const THREADS: usize = 3;

#[test]
fn the_good_set_up_has_no_problem_and_no_warning() {
    let world = World::start();
    let place = world.good("good");
    let answer = world.doctor(&place);
    assert_eq!(found(&answer.json()), Found::new(), "{}", answer.stdout);
    assert_eq!(answer.code, 0);
    let checks = answer.json()["findings"].as_array().expect("a list").len();
    assert!(checks >= 25, "only {checks} checks were made");
    // The same for a person.
    let shown = world.emulator.run(&place.arguments(&[])).success().stdout;
    assert!(shown.ends_with("\nno problem\n"), "{shown}");
}

fn cases() -> Vec<Break> {
    let of_parts =
        [identity::CASES, bucket::CASES, distribution::CASES, behaviors::CASES, names::CASES, state::CASES];
    of_parts.into_iter().flatten().map(copy).collect()
}

/// What no emulator can be: each is told by a service that is made up, in tests/doctor.rs or beside `core::doctor`.
const NOT_MADE: [&str; 3] = [
    // The SDK takes no credentials that have run out; those that run out on the way are refused as `credentials`.
    "problem expiry",
    // Both have this machine's clock.
    "problem clock",
    "warning clock",
];

#[test]
fn everything_that_the_documentation_names_is_among_the_broken_set_ups() {
    const DOCUMENTATION: &str = include_str!("../../../docs/commands/doctor.md");
    let mut documented = Found::new();
    let table =
        DOCUMENTATION.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
    for row in table {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let check = cells[1].trim_matches('`');
        for (status, when) in [("problem", cells[2]), ("warning", cells[3])] {
            documented.extend((!when.is_empty()).then(|| format!("{status} {check}")));
        }
    }
    assert!(documented.len() > 40, "{documented:?}");
    let broken: Vec<Break> = cases().into_iter().filter(|case| !case.finds.is_empty()).collect();
    assert!(broken.len() >= 40, "{} broken set-ups", broken.len());
    let made: Found = broken.iter().flat_map(|case| case.finds).map(|text| (*text).to_owned()).collect();
    let missing: Vec<&String> = documented.difference(&made).collect();
    assert_eq!(missing, NOT_MADE.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

#[test]
fn every_broken_set_up_is_found_and_nothing_else_beside_it() {
    let world = World::start();
    let cases = cases();
    let next = Mutex::new(cases.iter().enumerate());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some((number, case)) = next.lock().expect("no panic while it is locked").next()
                    else {
                        return;
                    };
                    if let Some(difference) = examine(&world, number, case) {
                        wrong.lock().expect("no panic while it is locked").push(difference);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic while it was locked");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_moto_does_not_know_is_said_to_be_unknown() {
    let emulator = Emulator::moto();
    let answer = emulator.on_target("doctor", &["--json"]);
    let document = answer.json();
    let findings = document["findings"].as_array().expect("a list");
    let versioning = findings.iter().find(|finding| finding["check"] == "versioning").expect("it is checked");
    assert_eq!(versioning["status"], "unknown", "{versioning}");
    // The set-up of the other tests is far from good, and moto knows enough to say so.
    assert_eq!(answer.code, 3);
    assert!(found(&document).contains("problem origin-access"), "{document}");
}

const fn copy(case: &Break) -> Break {
    Break { name: case.name, finds: case.finds, change: case.change }
}

/// How what was found differs from what is to be found, if it does.
fn examine(world: &World, number: usize, case: &Break) -> Option<String> {
    let mut place = world.good(&format!("case-{number}"));
    (case.change)(world, &mut place);
    let answer = world.doctor(&place);
    let expected: Found = case.finds.iter().map(|text| (*text).to_owned()).collect();
    let code = if expected.iter().any(|text| text.starts_with("problem")) { 3 } else { 0 };
    if answer.code != code {
        return Some(format!(
            "{}: code {}, not {code}\n{}{}",
            case.name, answer.code, answer.stdout, answer.stderr
        ));
    }
    let found = found(&answer.json());
    (found != expected).then(|| format!("{}: found {found:?}, not {expected:?}", case.name))
}

fn found(document: &serde_json::Value) -> Found {
    let findings = document["findings"].as_array().expect("a list").iter();
    findings
        .filter(|finding| finding["status"] != "ok")
        .map(|finding| {
            assert!(finding["remedy"].is_string(), "no remedy: {finding}");
            let text = |field: &str| finding[field].as_str().expect("a text").to_owned();
            format!("{} {}", text("status"), text("check"))
        })
        .collect()
}
