//! One push at a time, on conditional writes as others implement them.

use std::process::{Child, Stdio};

use crate::conditions::Unmet;
use crate::emulator::Emulator;
use crate::meddler::{Meddler, Meddling};
use crate::support::{Answer, Site};

const LOST: i32 = 4;
const LOCK: &str = ".sitepush/lock.json";
const MANIFEST: &str = ".sitepush/manifest.json.gz";

/// What the promises below rest on, asked of the emulator itself; what it does not refuse is in `lies`.
pub fn conditional_writes_are_refused_when_the_object_moved(emulator: &Emulator) {
    for unmet in Unmet::ALL {
        let is_a_lie = Unmet::carried_out_by(emulator.kind).contains(&unmet);
        assert!(is_a_lie || !unmet.is_carried_out(emulator), "{:?} carries out {unmet:?}", emulator.kind);
    }
}

pub fn a_plan_made_before_another_push_is_refused(emulator: &Emulator) {
    let [late, early] = [Site::small(), Site::small()];
    emulator.push(&late, &[]).success();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a plain path");
    late.write("style.css", "late");
    emulator.on_target("plan", &[late.path().to_str().expect("a plain path"), "--out", file]).success();
    early.write("style.css", "early");
    emulator.push(&early, &[]).success();
    let before = emulator.history();
    emulator.run(&["push", "--plan", file]).explains(LOST, &["is live now"]);
    assert_eq!(emulator.history(), before);
    assert_eq!(emulator.body("style.css"), "early");
}

/// Nothing holds the two together. Where one starts late, or takes the lock when the other has given it back, both win:
/// one after the other, which is no interleaving. Then there are two releases, and the later one is live as a whole. That
/// one alone wins of two that read the same lock is the matter of `of_two_pushes_that_read_the_same_lock_one_wins`.
pub fn two_pushes_started_together_never_interleave(emulator: &Emulator) {
    let names = ["one", "other"];
    let sites = names.map(|name| {
        let site = Site::small();
        for number in 0..30 {
            site.write(&format!("{number}.css"), name);
        }
        site.write("index.html", name);
        site
    });
    let answers = sites.each_ref().map(|site| start(emulator, site, &emulator.url)).map(end);
    for answer in &answers {
        assert!([0, LOST].contains(&answer.code), "{}: {}", answer.code, answer.stderr);
    }
    let wins = answers.iter().filter(|answer| answer.code == 0).count();
    assert!(wins > 0, "nobody won");
    let live = emulator.body("index.html");
    let winner = names.iter().position(|name| *name == live).expect("one of the two");
    assert_eq!(answers[winner].code, 0, "{}", answers[winner].stderr);
    emulator.assert_is_published(&sites[winner], "");
    let releases = emulator.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases.as_array().expect("a list").len(), wins);
}

/// Starts a push to this endpoint and leaves it running.
fn start(emulator: &Emulator, site: &Site, url: &str) -> Child {
    let mut command = emulator.push_command(site, &[]);
    command.env("AWS_ENDPOINT_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn end(child: Child) -> Answer {
    Answer::from_output(&child.wait_with_output().expect("the program ends"))
}

/// A push that has read what there is and is about to take the lock, when another one comes, and goes, before it.
fn overtaken_at_the_lock(emulator: &Emulator, late: &Site, early: &Site) {
    let meddler = Meddler::start(&emulator.url, Meddling::Hold("PUT /example-site/.sitepush/lock.json "));
    let held = start(emulator, late, &meddler.url);
    meddler.wait();
    emulator.push(early, &[]).success();
    let before = emulator.history();
    meddler.let_go();
    end(held).explains(LOST, &["another run", "run the command again"]);
    assert_eq!(emulator.history(), before, "the loser wrote");
    emulator.assert_is_published(early, "");
}

pub fn of_two_pushes_that_read_the_same_lock_one_wins(emulator: &Emulator) {
    let [late, early] = [Site::small(), Site::small()];
    emulator.push(&late, &[]).success();
    late.write("style.css", "late");
    early.write("style.css", "early");
    overtaken_at_the_lock(emulator, &late, &early);
}

pub fn of_two_first_pushes_that_find_no_lock_one_wins(emulator: &Emulator) {
    let [late, early] = [Site::small(), Site::small()];
    late.write("style.css", "late");
    early.write("style.css", "early");
    overtaken_at_the_lock(emulator, &late, &early);
}

/// The one that comes late is about to commit when its lock is taken away, and another release goes live.
pub fn a_commit_over_a_manifest_that_moved_is_refused(emulator: &Emulator) {
    let [late, early] = [Site::small(), Site::small()];
    emulator.push(&late, &[]).success();
    late.write("style.css", "late");
    early.write("style.css", "early");
    let commit = Meddling::Hold("PUT /example-site/.sitepush/manifest.json.gz ");
    let meddler = Meddler::start(&emulator.url, commit);
    let held = start(emulator, &late, &meddler.url);
    meddler.wait();
    emulator.push(&early, &[]).explains(LOST, &["is changing this target since"]);
    emulator.on_target("unlock", &["--force"]).success();
    emulator.push(&early, &[]).success();
    let live = emulator.get(MANIFEST).0.e_tag;
    meddler.let_go();
    // Its style sheet was in place before: part way, so not the code that says that nothing was changed.
    end(held).explains(1, &["another run committed in between"]);
    assert_eq!(emulator.get(MANIFEST).0.e_tag, live);
    emulator.push(&early, &[]).success();
    emulator.assert_is_published(&early, "");
}

pub fn a_lock_held_by_somebody_else_is_respected(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    site.write("style.css", "new");
    emulator.put_foreign(LOCK, &foreign_lock(60));
    let before = emulator.history();
    emulator.push(&site, &[]).explains(LOST, &["ann@build-7 (process 4711)", "UTC"]);
    assert_eq!(emulator.history(), before);

    emulator.put_foreign(LOCK, &foreign_lock(-5));
    let answer = emulator.push(&site, &[]).success();
    assert!(answer.stderr.contains("the lock of ann@build-7 ran out at"), "{}", answer.stderr);
    assert_eq!(emulator.body("style.css"), "new");
}

/// A lock as another machine would have left it, that runs out in so many seconds.
fn foreign_lock(seconds: i64) -> String {
    let now = jiff::Timestamp::now();
    let from_now = |seconds| now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("in range");
    serde_json::json!({
        "schema": 1,
        "state": "held",
        "holder": { "owner": "ann@build-7", "process_id": 4711, "machine": "build-7/boot/pid", "nonce": "0123" },
        "release_id": null,
        "started": from_now(seconds - 90).to_string(),
        "expires": from_now(seconds).to_string(),
    })
    .to_string()
}
