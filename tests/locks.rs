//! One push at a time, and pushes that are stopped half way.

mod support;

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use sitepush::core::manifest::parts::Split;
use sitepush::local::faults::{Effect, Gate, Rule};
use support::{Answer, BUCKET, Cloud, Site};
use tempfile::NamedTempFile;

const REFUSED_BY_LOCK: i32 = 4;
const INTERRUPTED: i32 = 130;
const LOCK: &str = ".sitepush/lock.json";

/// A run of the program, and what it has said so far.
struct Running {
    child: Child,
    stderr: NamedTempFile,
}

/// Starts a push and leaves it running.
fn start(cloud: &Cloud, site: &Site) -> Running {
    let mut command = cloud.command(&["push", site.path().to_str().expect("a plain path")]);
    command.args(["--bucket", BUCKET, "--distribution", support::DISTRIBUTION]);
    spawn(command)
}

fn spawn(mut command: Command) -> Running {
    let stderr = NamedTempFile::new().expect("a temporary file");
    command.stdout(Stdio::piped()).stderr(stderr.reopen().expect("the file is there"));
    Running { child: command.spawn().expect("the program starts"), stderr }
}

fn end(running: Running) -> Answer {
    let output: Output = running.child.wait_with_output().expect("the program ends");
    let stderr = std::fs::read_to_string(running.stderr.path()).expect("text");
    Answer { stderr, ..Answer::from_output(&output) }
}

/// Waits until the bucket is in some state.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lock_state(cloud: &Cloud) -> String {
    let Some(object) = cloud.store().object(BUCKET, LOCK) else { return String::new() };
    let record: serde_json::Value = serde_json::from_slice(&object.bytes).expect("JSON");
    record["state"].as_str().expect("a state").to_owned()
}

fn signal(running: &Running, name: &str) {
    let id = running.child.id().to_string();
    let status = Command::new("kill").args([name, &id]).status().expect("kill runs");
    assert!(status.success());
}

/// Sends a signal and waits until the program has heard it.
#[track_caller]
fn interrupt(running: &Running, name: &str) {
    signal(running, name);
    wait_until("it says that it stops", || {
        let said = std::fs::read_to_string(running.stderr.path()).expect("text");
        said.contains("stopping: what is in flight is finished first")
    });
}

/// Lets all PUTs wait until the gate is opened; to be narrowed to some keys.
fn held(gate: &Gate) -> Rule {
    Rule::new(Effect::Hold(gate.clone())).method(Method::PUT)
}

/// How many PUTs of keys that begin so were on their way since the record was cleared, those that wait included.
fn puts(cloud: &Cloud, beginning: &str) -> usize {
    let requests = cloud.store().requests().into_iter().filter(|request| request.method == Method::PUT);
    requests.filter(|request| request.key.as_ref().is_some_and(|key| key.starts_with(beginning))).count()
}

/// A lock as another machine would have left it.
fn foreign_lock(cloud: &Cloud, expires: jiff::Timestamp) {
    let started = expires.checked_sub(jiff::SignedDuration::from_secs(90)).expect("in range");
    let record = serde_json::json!({
        "schema": 1,
        "state": "held",
        "holder": { "owner": "ann@build-7", "process_id": 4711, "machine": "build-7/boot/pid", "nonce": "0123" },
        "release_id": null,
        "started": started.to_string(),
        "expires": expires.to_string(),
    });
    cloud.put_foreign(LOCK, record.to_string());
}

fn from_now(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds)).expect("in range")
}

#[test]
fn the_owner_of_a_lock_is_named_where_the_environment_does_not() {
    let cloud = Cloud::new();
    let site = Site::small();
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key("style.css"));
    let mut command = cloud.command(&["push", site.path().to_str().expect("a plain path")]);
    command.args(["--bucket", BUCKET]).env_remove("USER").env_remove("LOGNAME");
    let running = spawn(command);
    wait_until("the lock is held", || lock_state(&cloud) == "held");
    let lock = cloud.body(LOCK);
    gate.open();
    end(running).success();
    let user = Command::new("id").arg("-un").output().expect("there is `id`").stdout;
    let user = String::from_utf8(user).expect("text");
    assert!(lock.contains(&format!("\"owner\": \"{}@", user.trim())), "{lock}");
}

#[test]
fn a_commit_that_comes_late_does_not_overwrite_another() {
    const RECORD: &str = ".sitepush/manifest.json.gz";
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    let mut theirs = cloud.record(RECORD);
    theirs.release.message = Some("theirs".to_owned());
    site.write("style.css", "mine");
    // It asked whether the lock is its own, and its commit is on the way.
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key(RECORD));
    cloud.requests();
    let running = start(&cloud, &site);
    wait_until("the commit is on the way", || puts(&cloud, RECORD) == 1);
    assert_eq!(cloud.body("style.css"), "mine", "all is in place but the commit");
    cloud.put_foreign(RECORD, theirs.encode(Split::NEVER, None).expect("all of it is known").root);
    gate.open();
    end(running).explains(1, &["another run committed in between"]);
    assert_eq!(cloud.record(RECORD).release.message.as_deref(), Some("theirs"));
}

#[test]
fn ctrl_c_finishes_what_is_in_flight_and_gives_the_lock_back() {
    for name in ["-INT", "-TERM"] {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        let old_page = cloud.body("index.html");
        for number in 0..40 {
            site.write(&format!("new/{number}.css"), format!("{number}"));
        }
        site.write("index.html", "uses all of them").remove("about/index.html");
        let gate = Gate::closed();
        cloud.faults().add(held(&gate).key_prefix("new/"));
        cloud.requests();
        let running = start(&cloud, &site);
        wait_until("uploads are on their way", || puts(&cloud, "new/") > 0);
        interrupt(&running, name);
        gate.open();
        let answer = end(running).expect_code(INTERRUPTED);
        let in_flight = puts(&cloud, "new/");
        let arrived = cloud.site_keys().into_iter().filter(|key| key.starts_with("new/")).count();
        assert!(arrived == in_flight && arrived < 40, "{arrived} of {in_flight} that were on their way");
        assert!(answer.stderr.contains("the site is whole"), "{}", answer.stderr);
        let has_begun = answer.stderr.contains("root page and service workers: 1 object");
        assert!(!has_begun, "no stage is told that was not begun:\n{}", answer.stderr);
        assert_eq!(
            answer.stderr.lines().filter(|line| line.starts_with("hint: ")).count(),
            1,
            "{}",
            answer.stderr
        );
        assert_eq!(lock_state(&cloud), "unfinished");
        assert_eq!(cloud.body("index.html"), old_page);
        assert!(cloud.site_keys().contains(&"about/index.html".to_owned()));
        assert_eq!(cloud.invalidated(), Vec::<Vec<String>>::new());

        cloud.faults().clear();
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("index.html"), "uses all of them");
        assert_eq!(cloud.site_keys().len(), 45);
        assert_eq!(lock_state(&cloud), "free");
    }
}

#[test]
fn a_stopped_push_that_is_not_taken_up_again_leaves_nothing_behind() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    let before = cloud.site_keys();
    for number in 0..40 {
        site.write(&format!("new/{number}.css"), format!("{number}"));
    }
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key_prefix("new/").after(3));
    let running = start(&cloud, &site);
    wait_until("something was uploaded", || cloud.site_keys().len() == before.len() + 3);
    interrupt(&running, "-INT");
    gate.open();
    end(running).expect_code(INTERRUPTED);
    assert!(cloud.site_keys().len() < before.len() + 40, "it was stopped half way");
    cloud.faults().clear();
    for number in 0..40 {
        site.remove(&format!("new/{number}.css"));
    }
    // What no release had is no loss to ask about.
    cloud.push(&site, &["--max-deletes", "0"]).success();
    assert_eq!(cloud.site_keys(), before);
}

#[test]
fn ctrl_c_is_heard_while_the_service_asks_to_slow_down() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "never arrives");
    cloud.faults().add(Rule::slow_down().method(Method::PUT).key("style.css"));
    let running = start(&cloud, &site);
    wait_until("the upload is throttled", || {
        let requests = cloud.store().requests().into_iter();
        requests
            .filter(|request| request.key.as_deref() == Some("style.css") && request.status == Some(503))
            .count()
            >= 5
    });
    signal(&running, "-INT");
    let answer = end(running).expect_code(INTERRUPTED);
    assert!(answer.stderr.contains("the site is whole"), "{}", answer.stderr);
    assert_eq!(lock_state(&cloud), "unfinished");
    cloud.faults().clear();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("style.css"), "never arrives");
}

#[test]
fn ctrl_c_is_heard_while_there_is_no_room_for_an_invalidation() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "new");
    let no_room = Rule::answer(http::StatusCode::BAD_REQUEST, "TooManyInvalidationsInProgress");
    cloud.faults().add(no_room.operation("CreateInvalidation"));
    let running = start(&cloud, &site);
    wait_until("the release is live", || cloud.body("style.css") == "new" && is_refused_twice(&cloud));
    let started = Instant::now();
    signal(&running, "-INT");
    end(running).expect_code(INTERRUPTED);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(lock_state(&cloud), "free");
    cloud.faults().clear();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.invalidated(), [["/style.css"]]);
}

/// Whether CloudFront was asked for an invalidation and asked again.
fn is_refused_twice(cloud: &Cloud) -> bool {
    let requests = cloud.store().requests().into_iter();
    requests.filter(|request| request.operation == "CreateInvalidation").count() >= 2
}

#[test]
fn ctrl_c_is_heard_while_an_invalidation_is_waited_for() {
    let cloud = Cloud::with_slow_invalidations(Duration::from_secs(3600));
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "new").remove("about/index.html");
    let mut command = cloud.command(&["push", site.path().to_str().expect("a plain path"), "--wait"]);
    command.args(["--bucket", BUCKET, "--distribution", support::DISTRIBUTION]);
    let running = spawn(command);
    wait_until("the invalidation is asked about", || {
        cloud.store().requests().iter().any(|request| request.operation == "GetInvalidation")
    });
    let started = Instant::now();
    signal(&running, "-INT");
    end(running).expect_code(INTERRUPTED);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(cloud.site_keys().contains(&"about/index.html".to_owned()), "nothing new was begun");
    cloud.push(&site, &[]).success();
    assert!(!cloud.site_keys().contains(&"about/index.html".to_owned()));
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let cloud = Cloud::new();
    let site = Site::small();
    // It is not opened before the end: what is in flight is never finished.
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key("style.css"));
    let mut running = start(&cloud, &site);
    wait_until("the upload is on its way", || puts(&cloud, "style.css") > 0);
    interrupt(&running, "-INT");
    assert!(running.child.try_wait().expect("it can be asked").is_none(), "one is not enough");
    wait_until("it ends at another", || {
        signal(&running, "-INT");
        running.child.try_wait().expect("it can be asked").is_some()
    });
    end(running).expect_code(INTERRUPTED);
    assert_eq!(lock_state(&cloud), "held");
    // Same machine, and the process is gone: nobody waits for the lease.
    gate.open();
    cloud.wait_until_hung_up();
    cloud.faults().clear();
    cloud.push(&site, &[]).success();
    assert_eq!(lock_state(&cloud), "free");
}

/// Two runs at once, as they ended.
struct Race {
    /// Which of the two won.
    winner: usize,
    loser: Answer,
}

/// Two pushes that have both read the lock before either writes it. Just one must win.
#[track_caller]
fn race(cloud: &Cloud, sites: [&Site; 2]) -> Race {
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key(LOCK));
    let running = sites.map(|site| start(cloud, site));
    wait_until("both have read the lock, and are about to take it", || puts(cloud, LOCK) == 2);
    gate.open();
    let [first, second] = running.map(end);
    cloud.faults().clear();
    match [first.code, second.code] {
        [0, REFUSED_BY_LOCK] => Race { winner: 0, loser: second },
        [REFUSED_BY_LOCK, 0] => Race { winner: 1, loser: first },
        codes => panic!("not one winner: {codes:?}\n{}\n{}", first.stderr, second.stderr),
    }
}

/// What was asked of S3 and CloudFront since the record was cleared that changes something, sorted; releases without
/// their ids. Those that were refused are told with their status.
fn changes(cloud: &Cloud) -> Vec<String> {
    let requests = cloud.store().requests().into_iter();
    let mut changes: Vec<String> = requests
        .filter(|request| request.method != Method::GET && request.method != Method::HEAD)
        .map(|request| {
            let what = request.key.unwrap_or_else(|| request.operation.to_owned());
            let is_record = what.starts_with(".sitepush/releases/");
            let what = if is_record { ".sitepush/releases/".to_owned() } else { what };
            let status = request.status.filter(|status| *status >= 300);
            let status = status.map(|status| format!(" {status}")).unwrap_or_default();
            format!("{} {what}{status}", request.method)
        })
        .collect();
    changes.sort();
    changes
}

/// The changes of a race are those of one calm push, and of the loser there is the refused lock and nothing else.
#[track_caller]
fn assert_loser_changed_nothing(raced: &Cloud, calm: &Cloud, site_keys: &[&str]) {
    const REFUSED_LOCK: &str = "PUT .sitepush/lock.json 412";
    let mut raced = changes(raced);
    for key in site_keys {
        let writes = raced.iter().filter(|change| **change == format!("PUT {key}"));
        assert_eq!(writes.count(), 1, "`{key}` is written once: {raced:#?}");
    }
    let refused = raced.iter().position(|change| change == REFUSED_LOCK);
    raced.remove(refused.unwrap_or_else(|| panic!("the loser was not refused: {raced:#?}")));
    assert_eq!(raced, changes(calm), "besides the refused lock, what a calm push asks for");
}

#[track_caller]
fn assert_one_release_more(cloud: &Cloud, before: usize) {
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases.as_array().expect("a list").len(), before + 1, "{releases:#}");
    assert_eq!(lock_state(cloud), "free");
}

#[test]
fn of_two_pushes_that_start_together_one_wins_and_the_other_changes_nothing() {
    let [cloud, calm] = [Cloud::new(), Cloud::new()];
    let sites = [Site::small(), Site::small()];
    cloud.push(&sites[0], &[]).success();
    calm.push(&sites[0], &[]).success();
    let contents = ["one", "other"];
    for (site, content) in sites.iter().zip(contents) {
        site.write("index.html", content).write("style.css", content);
    }
    cloud.requests();
    let race = race(&cloud, sites.each_ref());
    race.loser.explains(REFUSED_BY_LOCK, &["another run", "run the command again"]);
    calm.requests();
    calm.push(&sites[race.winner], &[]).success();
    assert_loser_changed_nothing(&cloud, &calm, &["index.html", "style.css"]);
    assert_eq!(cloud.body("index.html"), contents[race.winner]);
    assert_eq!(cloud.body("style.css"), contents[race.winner]);
    assert_eq!(cloud.invalidated(), calm.invalidated());
    assert_one_release_more(&cloud, 1);
}

#[test]
fn of_two_first_pushes_one_wins_and_the_other_changes_nothing() {
    let [cloud, calm] = [Cloud::new(), Cloud::new()];
    let sites = [Site::small(), Site::small()];
    let contents = ["one", "other"];
    for (site, content) in sites.iter().zip(contents) {
        site.write("index.html", content).write(&format!("{content}.css"), content);
    }
    cloud.requests();
    let race = race(&cloud, sites.each_ref());
    race.loser.explains(REFUSED_BY_LOCK, &["another run", "run the command again"]);
    calm.requests();
    calm.push(&sites[race.winner], &[]).success();
    let keys = calm.site_keys();
    assert_loser_changed_nothing(&cloud, &calm, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(cloud.store().snapshot(BUCKET).len(), calm.store().snapshot(BUCKET).len());
    for key in &keys {
        assert_eq!(cloud.body(key), calm.body(key), "`{key}`");
    }
    assert_eq!(cloud.site_keys(), keys);
    assert_one_release_more(&cloud, 0);
}

#[test]
fn a_push_beside_a_running_one_says_who_and_until_when() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "second");
    cloud.push(&site, &[]).success();
    site.write("style.css", "new");
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key("style.css"));
    cloud.requests();
    let running = start(&cloud, &site);
    wait_until("the upload is on its way", || puts(&cloud, "style.css") > 0);
    let before = cloud.contents();
    let process = running.child.id().to_string();
    let more = [site.path().to_str().expect("a plain path")];
    for (command, arguments) in [("push", &more[..]), ("rollback", &[]), ("prune", &[]), ("unlock", &[])] {
        let answer = cloud.on_target(command, arguments);
        answer.explains(
            REFUSED_BY_LOCK,
            &[&process, "is changing this target since", "UTC", "sitepush unlock --force"],
        );
    }
    let status = cloud.on_target("status", &["--json"]).success().json();
    assert_eq!(status["lock"], "held");
    cloud.is_as_it_was(&before, "refused");
    gate.open();
    end(running).success();
    assert_eq!(cloud.body("style.css"), "new");
}

#[test]
fn a_lock_of_another_machine_is_respected_until_it_runs_out() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "new");
    foreign_lock(&cloud, from_now(60));
    let before = cloud.contents();
    cloud.push(&site, &[]).explains(REFUSED_BY_LOCK, &["ann@build-7 (process 4711)", "UTC"]);
    cloud.on_target("unlock", &[]).explains(REFUSED_BY_LOCK, &["ann@build-7"]);
    cloud.is_as_it_was(&before, "refused");

    foreign_lock(&cloud, from_now(-5));
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("the lock of ann@build-7 ran out at"), "{}", answer.stderr);
    assert_eq!(cloud.body("style.css"), "new");
    assert_eq!(lock_state(&cloud), "free");
}

#[test]
fn unlock_by_force_lets_the_next_push_finish_and_stops_the_holder() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "new");
    foreign_lock(&cloud, from_now(60));
    let answer = cloud.on_target("unlock", &["--force"]).success();
    assert!(answer.stderr.contains("unlocked"), "{}", answer.stderr);
    assert_eq!(lock_state(&cloud), "unfinished");
    cloud.on_target("unlock", &[]).success();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("style.css"), "new");
}

#[test]
fn a_push_whose_lock_was_taken_away_does_not_commit_over_the_next_one() {
    let cloud = Cloud::new();
    let [slow_one, quick_one] = [Site::small(), Site::small()];
    cloud.push(&slow_one, &[]).success();
    slow_one.write("late.css", "late").write("index.html", "late");
    quick_one.write("index.html", "quick");
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key("late.css"));
    let running = start(&cloud, &slow_one);
    wait_until("its upload is on the way", || puts(&cloud, "late.css") > 0);
    cloud.on_target("unlock", &["--force"]).success();
    cloud.push(&quick_one, &[]).success();
    // Not its id: the late one may have been named in the same second.
    let record = || cloud.store().object(BUCKET, ".sitepush/manifest.json.gz").expect("it is there").bytes;
    let quick = record();
    gate.open();
    // Which of the two it sees first depends on how long it was since it had last asked for its lock.
    let answer = end(running).explains(1, &[]);
    let is_told = |text: &str| answer.stderr.contains(text);
    assert!(
        is_told("another run committed in between") || is_told("the lock was taken over"),
        "{}",
        answer.stderr
    );
    assert!(record() == quick, "the late one has committed over it");
    let status = cloud.on_target("status", &["--json"]).success().json();
    let live = status["live"]["id"].clone();
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases[0]["id"], live);
    assert_eq!(releases.as_array().expect("a list").len(), 2);
    // Whatever the late one wrote is seen and repaired, without being asked to look.
    cloud.push(&quick_one, &[]).success();
    assert_eq!(cloud.body("index.html"), "quick");
    assert_eq!(lock_state(&cloud), "free");
}

/// A target where `paper.pdf` is live, and a build that has it no more.
fn with_a_paper() -> (Cloud, Site, Site) {
    let (cloud, with, without) = (Cloud::new(), Site::small(), Site::small());
    with.write("paper.pdf", "a paper");
    cloud.push(&with, &[]).success();
    (cloud, with, without)
}

#[test]
fn a_commit_that_comes_after_another_run_deleted_what_was_due_does_not_go_live() {
    const RECORD: &str = ".sitepush/manifest.json.gz";
    let (cloud, with, without) = with_a_paper();
    without.write("index.html", "no paper");
    // The file stays due while caches may have the page that leads to it.
    cloud.faults().add(Rule::access_denied().operation("CreateInvalidation"));
    cloud.push(&without, &[]).explains(1, &["cannot invalidate"]);
    cloud.faults().clear();
    assert_eq!((lock_state(&cloud).as_str(), cloud.body("paper.pdf").as_str()), ("free", "a paper"));
    // It is there, so a release with it has nothing to write but its record.
    with.write("index.html", "no paper");
    let gate = Gate::closed();
    cloud.faults().add(held(&gate).key(RECORD).times(1));
    cloud.requests();
    let running = start(&cloud, &with);
    wait_until("the commit is on the way", || puts(&cloud, RECORD) == 1);
    cloud.on_target("unlock", &["--force"]).success();
    cloud.push(&without, &[]).success();
    assert_eq!(cloud.store().object(BUCKET, "paper.pdf").map(|_| ()), None, "it was due");
    gate.open();
    end(running).explains(1, &[]);
    assert!(!cloud.record(RECORD).objects.keys().any(|key| key.as_str() == "paper.pdf"), "it is gone");
}

#[test]
fn what_is_on_its_way_is_given_up_with_the_lock() {
    let (cloud, with, without) = with_a_paper();
    let gate = Gate::closed();
    cloud.faults().add(Rule::new(Effect::Hold(gate.clone())).operation("DeleteObjects").times(1));
    let mut running = start(&cloud, &without);
    wait_until("the deletion is on its way", || {
        cloud.store().requests().iter().any(|request| request.operation == "DeleteObjects")
    });
    cloud.on_target("unlock", &["--force"]).success();
    cloud.push(&with, &[]).success();
    // It asks for its lock every half a minute, and would give one attempt two minutes.
    let started = Instant::now();
    while running.child.try_wait().expect("it is ours").is_none() {
        assert!(started.elapsed() < Duration::from_secs(90), "it waits for the answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    end(running).explains(1, &["the lock was taken over"]);
    gate.open();
    cloud.push(&with, &["--verify-remote"]).success();
    assert_eq!(cloud.body("paper.pdf"), "a paper");
    assert_eq!(cloud.record(".sitepush/manifest.json.gz").history.len(), 3, "nothing had to be repaired");
}
