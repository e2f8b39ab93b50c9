//! In which order a push changes things, as a proxy before the emulator sees it, and what a kill in between leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::emulator::Emulator;
use crate::support::{Answer, BUCKET, Site};
use crate::witness::{Exchange, Witness};

/// A site of two pages and three files, and the next edition of it: an edit, a new page, another bundle, a page and a file
/// less.
fn first_edition() -> Site {
    let site = Site::small();
    site.write("old.html", "<link href=\"/old.css\">").write("old.css", "old");
    site
}

fn second_edition(site: &Site) {
    site.remove("assets/app-DRXg7gsA.js").write("assets/app-B7bbbQ2x.js", "console.log(3)");
    site.write("index.html", "<script src=\"/assets/app-B7bbbQ2x.js\"></script>");
    site.write("new.html", "<script src=\"/assets/app-B7bbbQ2x.js\"></script><link href=\"/style.css\">");
    site.write("style.css", "body { color: white }").remove("old.html").remove("old.css");
}

/// One request at a time, so that the order of the answers is that of the requests.
const ONE_BY_ONE: [&str; 3] = ["--concurrency", "1", "--allow-shrink"];

/// Whether a request changed the bucket.
fn is_change(exchange: &Exchange) -> bool {
    let call = exchange.call();
    let is_in_bucket = call.split(' ').nth(1).is_some_and(|target| target.starts_with(&format!("/{BUCKET}")));
    is_in_bucket && !call.starts_with("GET ") && !call.starts_with("HEAD ") && exchange.is_done()
}

/// What a request changed, in a word; none where it changed nothing.
fn change(exchange: &Exchange) -> Option<&'static str> {
    let call = exchange.call();
    let is_invalidation = call.starts_with("POST ") && call.ends_with("/invalidation");
    if is_invalidation && exchange.is_done() {
        return Some("invalidation");
    }
    is_change(exchange).then(|| match call.split(&format!("/{BUCKET}/")).nth(1).unwrap_or("") {
        key if key.starts_with(".sitepush/lock.json") => "lock",
        key if key.starts_with(".sitepush/intent.json") => "intent",
        key if key.starts_with(".sitepush/manifest.json.gz") => "manifest",
        key if key.starts_with(".sitepush/releases/") => "record",
        key if key.starts_with("index.html") => "root page",
        key if key.contains(".html") => "page",
        _ if exchange.body.contains("<Delete") && exchange.body.contains("old.html") => "deletion of a page",
        _ if exchange.body.contains("<Delete") => "deletion of a file",
        _ => "file",
    })
}

pub fn pages_come_after_their_files_then_the_record_then_the_caches_then_the_deletions(emulator: &Emulator) {
    let site = first_edition();
    emulator.push(&site, &[]).success();
    second_edition(&site);
    let witness = Witness::start(&emulator.url);
    let mut command = emulator.push_command(&site, &ONE_BY_ONE);
    let output = command.env("AWS_ENDPOINT_URL", &witness.url).output().expect("the program starts");
    Answer::from_output(&output).success();
    let mut changes: Vec<&str> = witness.exchanges().iter().filter_map(change).collect();
    changes.dedup();
    // What left is dropped from the caches once it is gone, or it would be fetched again in between.
    let expected = [
        "lock",
        "intent",
        "file",
        "page",
        "root page",
        "manifest",
        "record",
        "invalidation",
        "deletion of a page",
        "invalidation",
        "deletion of a file",
        "invalidation",
        "lock",
    ];
    assert_eq!(changes, expected);
    emulator.assert_is_published(&site, "");
}

/// Pushes and kills the process (SIGKILL) when its `k`-th change was made, before it has the answer. Says
/// whether it came that far.
fn killed_at(emulator: &Emulator, site: &Site, prefix: &str, k: usize) -> bool {
    let process = Arc::new(AtomicU32::new(0));
    let count = Arc::new(AtomicUsize::new(0));
    let (victim, changes) = (Arc::clone(&process), Arc::clone(&count));
    let witness = Witness::told(&emulator.url, move |exchange| {
        if change(exchange).is_some() && changes.fetch_add(1, Ordering::SeqCst) + 1 == k {
            while victim.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let id = victim.load(Ordering::SeqCst).to_string();
            assert!(Command::new("kill").args(["-9", &id]).status().expect("`kill` runs").success());
        }
    });
    let mut command = emulator.push_command(site, &[&ONE_BY_ONE[..], &["--prefix", prefix]].concat());
    command.env("AWS_ENDPOINT_URL", &witness.url).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().expect("it ends");
    let was_killed = count.load(Ordering::SeqCst) >= k;
    assert_eq!(status.code().is_none(), was_killed, "killed exactly when the change was made");
    was_killed
}

/// The target's keys, and the bodies of its pages.
fn found(emulator: &Emulator, prefix: &str) -> (BTreeSet<String>, BTreeMap<String, String>) {
    let keys = emulator.site_keys().into_iter();
    let keys: BTreeSet<String> =
        keys.filter_map(|key| Some(key.strip_prefix(&format!("{prefix}/"))?.to_owned())).collect();
    let pages = keys.iter().filter(|key| key.ends_with(".html"));
    let pages = pages.map(|key| (key.clone(), emulator.body(&format!("{prefix}/{key}")))).collect();
    (keys, pages)
}

/// Files that a page refers to and that are not there.
fn missing(emulator: &Emulator, prefix: &str) -> Vec<String> {
    let (keys, pages) = found(emulator, prefix);
    let missing = pages.iter().flat_map(|(page, body)| {
        let files =
            body.split('"').filter_map(|part| part.strip_prefix('/')).filter(|path| path.contains('.'));
        let missing = files.filter(|file| !keys.contains(*file));
        missing.map(move |file| format!("`{page}` refers to `{file}`"))
    });
    missing.collect()
}

/// What that push changes: the lock, the intent, two files, two pages, the manifest, the record, two deletions, each with
/// the invalidation before it, the last invalidation, and the lock again.
const CHANGES: usize = 14;
/// Which of them is the first invalidation.
const INVALIDATION: usize = 9;

/// Whether the push is killed at every change, and not at every third and at an invalidation.
fn is_thorough() -> bool {
    std::env::var_os("SITEPUSH_THOROUGH").is_some()
}

pub fn a_push_killed_after_a_change_leaves_a_whole_site_and_the_next_one_finishes_it(emulator: &Emulator) {
    let is_chosen = |k: &usize| is_thorough() || *k == INVALIDATION || k % 3 == 1;
    let (mut points, mut takeovers) = (0, 0);
    for k in (1..).filter(is_chosen) {
        // A target of its own for each.
        let prefix = format!("killed-at-{k}");
        let site = first_edition();
        emulator.push(&site, &["--prefix", &prefix]).success();
        second_edition(&site);
        if !killed_at(emulator, &site, &prefix, k) {
            break;
        }
        points += 1;
        assert_eq!(missing(emulator, &prefix), Vec::<String>::new(), "killed at {k}");
        let lock = lock(emulator, &prefix);
        let answer = emulator.push(&site, &["--prefix", &prefix, "--allow-shrink"]).success();
        let is_taken_over = answer.stderr.contains("is gone and left its lock");
        assert_eq!(is_taken_over, lock == "held", "killed at {k}, the lock is {lock}: {}", answer.stderr);
        takeovers += usize::from(is_taken_over);
        emulator.assert_is_published(&site, &format!("{prefix}/"));
        let (keys, _) = found(emulator, &prefix);
        assert!(!keys.contains("old.html") && !keys.contains("old.css"), "killed at {k}: {keys:?}");
        let status = emulator.on_target("status", &["--prefix", &prefix, "--verify-remote", "--json"]);
        let status = status.success().json();
        assert_eq!(status["lock"], "free", "killed at {k}: {status:#}");
        for list in ["debts", "drift", "unknown"] {
            assert_eq!(status[list], serde_json::json!([]), "killed at {k}: {status:#}");
        }
        let folder = format!("/{prefix}/");
        let is_of_target = |items: &Vec<String>| items.iter().any(|item| item.starts_with(&folder));
        let told: Vec<_> = emulator.invalidated_once().into_iter().filter(is_of_target).collect();
        assert_eq!(told.len(), 3, "killed at {k}: {told:?}");
    }
    assert!(points >= (1..=CHANGES).filter(is_chosen).count(), "only {points} points were tried");
    // The last change of a push is that it gives its lock back.
    assert!(takeovers + 1 >= points, "{takeovers} locks were left by {points} pushes");
}

/// In which state the file of the lock says that it is.
fn lock(emulator: &Emulator, prefix: &str) -> String {
    let file: serde_json::Value =
        serde_json::from_slice(&emulator.get(&format!("{prefix}/.sitepush/lock.json")).1).expect("JSON");
    file["state"].as_str().expect("a state").to_owned()
}
