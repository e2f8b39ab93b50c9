//! The whole application, deployed by the real program with the real Terraform provider to what stands in for AWS: killed in
//! between, finished, deployed again, replaced, looked at with a browser, taken back and taken away. One test, because a deploy
//! takes minutes and each step stands on the ones before. With `SITEPUSH_THOROUGH=1` it is killed and stopped at more places, and
//! deployed part by part.

mod account;
mod clone;
mod forgetting;
mod program;
mod thorough;
#[path = "../visitors/asking.rs"]
mod visitors;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use account::Account;
use clone::Clone;
use forgetting::OldReleases;
use program::Page;
use program::{Ended, Program};
use serde_json::Value;
use service_testkit::wait_until;
use visitors::Visitors;
use xtask::project::Project;

/// What stays in the account on purpose, by the part of the ARN after the account.
const LEFT_ON_PURPOSE: &[&str] = &["snapshot:", "cluster-snapshot:"];

#[test]
fn a_commit_is_deployed_replaced_taken_back_and_taken_away() {
    let clone = Clone::make();
    let program = Program::new(&clone);
    program.run(&["destroy", "--confirm", "emulated"]).expect_code(0);

    let first = first_deploy_killed_twice(&program);
    let record = &first["record"];
    assert_eq!(record["commit"], clone.head());
    let services: BTreeSet<String> = record["images"].as_object().expect("images").keys().cloned().collect();
    assert_eq!(services, names_of_services());
    assert!(record["terraform_serial"].as_u64() > Some(0), "{record}");
    let url = first["url"].as_str().expect("an address").to_owned();
    program.look(&url, Page::Hides(clone::EDIT));
    assert_eq!(program.doctor(), ["unknown dns"], "what the modules make is what publishing needs");

    // The same again: nothing, but for what the emulators do not keep.
    let serial = program.terraform_serial();
    let answer = program.run(&["deploy", "--yes", "--json"]).expect_code(0);
    assert!(answer.stderr.contains("nothing to do: this is what runs"), "{}", answer.stderr);
    let again = answer.json();
    assert_eq!(again["record"], Value::Null, "{again}");
    assert_eq!(again["gaps"], program.known_gaps(), "the emulators keep more or less than is known");
    assert_eq!(program.terraform_serial(), serial, "the state was written");
    expect_healthy(&program, &clone);

    // A second commit: nothing of the infrastructure changes but which images run.
    clone.edit_the_page_and_commit();
    a_plan_tells_and_changes_nothing(&program, &clone);
    let old = OldReleases::write(&program.account(), record);
    let deploy = || program.run(&["deploy", "--yes", "--json"]).expect_code(0);
    let answer = while_visitors_ask("a deploy", &url, Page::Shows(clone::EDIT), deploy);
    let second = answer.json();
    assert_eq!(second["record"]["commit"], clone.head());
    old.assert_forgotten(&program.account(), &[record, &second["record"]]);
    let of_each = |change: &str| {
        services.iter().map(move |name| format!("{change}.this[\"{name}\"]")).collect::<Vec<_>>()
    };
    let expected = [
        of_each("~ module.application.module.services.aws_ecs_service"),
        of_each("± module.application.module.services.aws_ecs_task_definition"),
    ];
    assert_eq!(changed_resources(&answer.stderr), expected.concat(), "{}", answer.stderr);
    assert!(program.page(&url).contains(clone::EDIT), "the second commit is not live");
    program.look(&url, Page::Shows(clone::EDIT));
    expect_healthy(&program, &clone);

    a_stale_checkout_is_refused(&program, &clone, record["commit"].as_str().expect("a commit"));
    a_commit_whose_services_do_not_start_leaves_what_ran(&program, &clone, &url);
    if std::env::var_os("SITEPUSH_THOROUGH").is_some() {
        thorough::run(&program, &clone);
    }

    // Back, without building; and back again is nothing.
    let commit = record["commit"].as_str().expect("a commit");
    let roll_back = || program.run(&["rollback", commit, "--yes", "--json"]).expect_code(0).json();
    let back = while_visitors_ask("a rollback", &url, Page::Hides(clone::EDIT), roll_back);
    assert_eq!(back["record"]["commit"], record["commit"]);
    assert_eq!(back["record"]["back_to"], record["id"]);
    assert_eq!(back["record"]["task_definitions"], record["task_definitions"]);
    assert!(!program.page(&url).contains(clone::EDIT), "the first commit is not live again");
    program.look(&url, Page::Hides(clone::EDIT));
    let nothing = program.run(&["rollback", commit, "--yes", "--json"]).expect_code(0).json();
    assert_eq!(nothing["record"], Value::Null, "{nothing}");
    infrastructure_alone_leaves_what_runs(&program);
    program.run(&["rollback", "0000000", "--yes"]).expect_code(64);

    // Away: not under another name, and nothing stays but backups.
    program.run(&["destroy", "--confirm", "production"]).expect_code(3);
    let account = program.account();
    assert!(account.tagged().len() > 50, "there is nothing to take away");
    assert!(account.untagged().values().all(|count| *count > 0), "{:?}", account.untagged());
    account.take_snapshot("sitepush-staging-db", "by-hand");
    program.run_inside(&["destroy", "--confirm", "emulated"]).expect_code(0);
    let left: Vec<String> = account.tagged().into_iter().filter(|arn| !is_left_on_purpose(arn)).collect();
    assert_eq!(left, [""; 0]);
    assert!(account.untagged().values().all(|count| *count == 0), "{:?}", account.untagged());
    assert_eq!(program.state_resources(), 0, "Terraform still knows of something");
    the_backups_go_when_they_are_to(&program, &account);
    let marks = program.processes();
    program.run(&["destroy", "--confirm", "emulated"]).expect_code(0);
    assert!(marks.iter().all(|mark| !mark.is_alive()), "a process of the environment is still there");
    assert!(!program.folder().exists());
}

/// Does something while visitors ask for the page and for both services through the edge: all of them are answered well, all
/// the time, and in the end they get another `page` than at first.
fn while_visitors_ask<T>(during: &str, url: &str, page: Page, done: impl FnOnce() -> T) -> T {
    let (is_other, was_other) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (now, before) = (Arc::clone(&is_other), Arc::clone(&was_other));
    let look = move |body: &str| {
        let is_it = page.is_it(body);
        now.store(is_it, Ordering::Relaxed);
        before.fetch_or(!is_it, Ordering::Relaxed);
    };
    let visitors = Visitors::of(url, Duration::from_millis(100), look);
    let answer = done();
    // A visitor whose page is on its way may still have asked before.
    let asked = visitors.answered();
    wait_until("each visitor is answered", || visitors.has_answered(&asked, 10).then_some(()));
    visitors.end(during);
    assert!(was_other.load(Ordering::Relaxed) && is_other.load(Ordering::Relaxed), "{page:?}: not replaced");
    answer
}

/// Killed while Terraform applies, and again when the services run and the site does not; gives what the third run says.
fn first_deploy_killed_twice(program: &Program<'_>) -> Value {
    let is_under_way = |step: &str| step.starts_with("infrastructure: ") && step.contains(" of ");
    let Ended::Killed(_) = program.run_and_kill(&["deploy", "--yes"], is_under_way) else {
        panic!("the deploy ended before it was killed")
    };
    let is_site = |step: &str| step.starts_with("site: building");
    let said = match program.run_and_kill(&["deploy", "--yes"], is_site) {
        Ended::Killed(said) => said,
        Ended::ByItself(answer) => panic!("the deploy ended before it was killed:\n{}", answer.stderr),
    };
    assert!(said.contains("took over the lock"), "{said}");
    assert!(said.contains("waiting for `terraform` of the dead run"), "{said}");
    let answer = program.run(&["deploy", "--yes", "--json"]).expect_code(0);
    // Terraform and the services were done.
    assert_eq!(changed_resources(&answer.stderr), [""; 0], "{}", answer.stderr);
    assert!(!answer.stderr.contains("service: "), "{}", answer.stderr);
    answer.json()
}

/// A third commit, whose services end at once: they go back, and neither site nor record know of it.
fn a_commit_whose_services_do_not_start_leaves_what_ran(program: &Program<'_>, clone: &Clone, url: &str) {
    let before = what_runs(program);
    clone.break_the_services_and_commit();
    let failed = program.run(&["deploy", "--yes"]).expect_code(1);
    assert!(failed.stderr.contains("the services do not run this commit"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("`LOG_LEVEL` is none of"),
        "the task's log is not told: {}",
        failed.stderr
    );
    assert_eq!(what_runs(program), before);
    assert!(program.page(url).contains(clone::EDIT), "the site was touched");
    clone.revert_the_last_commit();
}

/// Terraform's state and the checkout are of another commit than what runs after a rollback: it is told the images that run. The
/// revisions are new, and what they run is not.
fn infrastructure_alone_leaves_what_runs(program: &Program<'_>) {
    let before = what_runs(program);
    program.run(&["deploy", "--yes", "--only", "infra"]).expect_code(0);
    let after = what_runs(program);
    for same in ["site", "service_commits"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["record"]["images"], before["record"]["images"]);
    assert_ne!(after["record"]["id"], before["record"]["id"], "Terraform had nothing to do");
    let services = after["services"].as_array().expect("a list");
    assert_eq!(services.len(), before["services"].as_array().expect("a list").len(), "a service is gone");
    assert!(services.iter().all(|service| service[2] == service[3]), "not all are healthy: {after}");
}

/// What a deploy of what is checked out would do.
fn a_plan_tells_and_changes_nothing(program: &Program<'_>, clone: &Clone) {
    let (before, serial) = (what_runs(program), program.terraform_serial());
    let plan = program.run(&["plan", "--json"]).expect_code(0).json();
    assert_eq!(plan["commit"], clone.head());
    assert_eq!(plan["from_commit"], before["record"]["commit"]);
    let steps = plan["steps"].as_array().expect("a list").iter();
    let steps: Vec<&str> = steps.map(|step| step["step"].as_str().expect("a name")).collect();
    let expected = [
        "push_image",
        "push_image",
        "infrastructure",
        "roll_out",
        "roll_out",
        "publish_site",
        "check_live",
        "write_record",
    ];
    assert_eq!(steps, expected, "{plan}");
    assert_eq!((what_runs(program), program.terraform_serial()), (before, serial));
}

/// Whatever part of it is to be deployed.
fn a_stale_checkout_is_refused(program: &Program<'_>, clone: &Clone, older: &str) {
    let before = what_runs(program);
    let words = format!("{} is older than {}, which runs", &older[..7], &clone.head()[..7]);
    for only in [&[][..], &["--only", "services"]] {
        let stale = clone.at(older, || program.run(&[&["deploy", "--yes"], only].concat()));
        let stale = stale.expect_code(3);
        assert!(stale.stderr.contains(&words), "{}", stale.stderr);
    }
    assert_eq!(what_runs(program), before);
}

/// Those of the database and the cache that are gone by now, and no other.
fn the_backups_go_when_they_are_to(program: &Program<'_>, account: &Account) {
    let there = account.snapshots();
    let made = |part: &str| there.iter().filter(|name| name.contains(part)).count();
    assert_eq!((made("-db-made-"), made("-cache-made-"), made("rds:")), (1, 1, 1), "{there:?}");
    let destroy = ["destroy", "--confirm", "emulated", "--delete-backups", "--json"];
    let destroyed = program.run_inside(&destroy).expect_code(0).json();
    assert_eq!(destroyed["left"], Value::Array(Vec::new()), "{destroyed}");
    assert_eq!(destroyed["deleted_backups"].as_array().map(Vec::len), Some(3), "{destroyed}");
    assert_eq!(account.snapshots(), ["by-hand"]);
}

/// The current record, and by service what it runs, how many of it, and how many of those are healthy.
fn what_runs(program: &Program<'_>) -> Value {
    let status = program.run(&["status", "--json"]).expect_code(0).json();
    let services = status["services"].as_array().expect("a list").iter();
    let names = ["service", "task_definition_arn", "desired_count", "healthy_count"];
    let services = services.map(|service| names.map(|name| service[name].clone()));
    serde_json::json!({
        "record": status["record"],
        "site": status["site"],
        "services": services.collect::<Vec<_>>(),
        "service_commits": status["service_commits"],
    })
}

/// What runs is what is checked out, and says so.
fn expect_healthy(program: &Program<'_>, clone: &Clone) {
    let status = program.run(&["status", "--json"]).expect_code(0).json();
    let head = clone.head();
    assert_eq!(status["record"]["commit"], head);
    assert_eq!(status["service_commits"], serde_json::json!({"counter": head, "guestbook": head}));
    assert_eq!(
        (&status["is_healthy"], &status["differences"], &status["lock"]),
        (&true.into(), &Value::Array(Vec::new()), &Value::Null),
        "{status}"
    );
}

/// Whatever is in `services/`: a project that was made of this one has others.
fn names_of_services() -> BTreeSet<String> {
    let project = Project::find().expect("cargo runs the tests");
    let found = system::services::services(&project).expect("each says what it is");
    found.into_iter().map(|service| service.name).collect()
}

/// The resources that a shown plan names, each with its sign, sorted.
fn changed_resources(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("    "));
    let named = lines.filter(|line| line.contains(" module.") && !line.starts_with("caused"));
    let mut resources: Vec<String> =
        named.map(|line| line.split("  ").next().unwrap_or(line).to_owned()).collect();
    resources.sort();
    resources
}

fn is_left_on_purpose(arn: &str) -> bool {
    let what = arn.splitn(6, ':').nth(5).unwrap_or_default();
    LEFT_ON_PURPOSE.iter().any(|kind| what.starts_with(kind)) || arn.contains(":s3:::sitepush-state-")
}
