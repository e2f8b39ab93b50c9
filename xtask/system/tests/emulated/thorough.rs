//! What takes too long for every run: a commit killed at the beginning of each kind of step, one that is stopped, and one that is
//! deployed part by part.

use crate::clone::Clone;
use crate::program::{Ended, Program};
use crate::{expect_healthy, what_runs};

/// The beginnings of the steps of a deploy that changes images and site, in their order. Each run begins where the one before was
/// killed, so none may be missing: the one before did not get to it, or it is done again (images are built and looked for, services
/// watched and the site looked at by every run that has anything left to do).
const STEPS: &[&str] = &[
    "images:",
    "infrastructure: planning",
    "image:",
    "infrastructure: applying",
    "services:",
    "site: publishing",
    "check:",
    "record:",
];

pub fn run(program: &Program<'_>, clone: &Clone) {
    a_commit_is_killed_at_each_step(program, clone);
    a_commit_that_is_live_and_not_recorded_is_taken_back(program, clone);
    clone.commit_nothing("Deploy again");
    a_commit_that_is_stopped_goes_back(program, |text| {
        text.starts_with("infrastructure: ") && text.contains(" of ")
    });
    a_commit_that_is_stopped_goes_back(program, |text| text.starts_with("services: rolling"));
    a_commit_is_deployed_part_by_part(program, clone);
}

fn a_commit_is_killed_at_each_step(program: &Program<'_>, clone: &Clone) {
    let mut killed_at = Vec::new();
    for step in STEPS {
        match program.run_and_kill(&["deploy", "--yes"], |text| text.starts_with(step)) {
            Ended::Killed(_) => killed_at.push(*step),
            Ended::ByItself(answer) => drop(answer.expect_code(0)),
        }
    }
    assert_eq!(killed_at, STEPS, "a step was not there to be killed at");
    program.run(&["deploy", "--yes"]).expect_code(0);
    expect_healthy(program, clone);
}

/// Killed while the site is looked at: everything runs, and no record says so. Back is to the last record, not before it.
fn a_commit_that_is_live_and_not_recorded_is_taken_back(program: &Program<'_>, clone: &Clone) {
    let before = what_runs(program);
    clone.commit_nothing("Live and not written down");
    let Ended::Killed(_) = program.run_and_kill(&["deploy", "--yes"], |text| text.starts_with("check:"))
    else {
        panic!("the deploy ended before it was killed")
    };
    let status = program.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!((&status["is_unrecorded"], &status["is_healthy"]), (&true.into(), &false.into()), "{status}");
    assert_eq!(status["site"]["commit"], clone.head());
    let back = program.run(&["rollback", "--yes", "--json"]).expect_code(0).json();
    assert_eq!(back["record"]["back_to"], before["record"]["id"], "{back}");
    let after = what_runs(program);
    assert_eq!(
        (&after["services"], &after["site"]["commit"]),
        (&before["services"], &before["site"]["commit"])
    );
}

/// Stopped, as by Ctrl-C, once Terraform has told the services what to run, or while they are rolled out: they go back.
fn a_commit_that_is_stopped_goes_back(program: &Program<'_>, is_step: impl Fn(&str) -> bool) {
    let before = what_runs(program);
    let stopped = program.run_and_stop(&["deploy", "--yes"], is_step).expect_code(130);
    let words = "every service runs what it ran before; run the same command again";
    assert!(stopped.stderr.contains(words), "{}", stopped.stderr);
    assert_eq!(what_runs(program), before);
}

fn a_commit_is_deployed_part_by_part(program: &Program<'_>, clone: &Clone) {
    let before = what_runs(program);
    program.run(&["deploy", "--yes", "--only", "site"]).expect_code(0);
    let between = what_runs(program);
    for of_services in ["services", "service_commits"] {
        assert_eq!(between[of_services], before[of_services]);
    }
    assert_eq!(between["site"]["commit"], clone.head());
    program.run(&["deploy", "--yes", "--only", "services"]).expect_code(0);
    assert_eq!(what_runs(program)["site"], between["site"]);
    expect_healthy(program, clone);
    let answer = program.run(&["deploy", "--yes"]).expect_code(0);
    assert!(answer.stderr.contains("nothing to do: this is what runs"), "{}", answer.stderr);
}
