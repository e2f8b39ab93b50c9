//! The site is whole at every instant: after each single mutation of a push, and after a kill at each of them.

mod support;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sitepush::local::s3::Snapshot;
use support::{BUCKET, Cloud, Site};

/// A bundle's hashed names: all of them change with the edition.
const EDITIONS: [&str; 3] = ["DRXg7gsA", "CzQAN4l5", "B7bbbQ2x"];

/// A site whose pages refer to hashed and unhashed files of their edition.
fn edition(site: &Site, edition: usize) {
    let hash = EDITIONS[edition];
    let other = EDITIONS[(edition + 1) % 3];
    for page in ["index.html", "about/index.html", "guide/index.html", "guide/start.html", "404.html"] {
        site.write(
            page,
            format!(
                "edition {edition} <script src=\"/assets/app-{hash}.js\"></script>\
                 <link href=\"/assets/app-{hash}.css\"><link href=\"/theme-{edition}.css\">"
            ),
        );
    }
    for kind in ["js", "css"] {
        for earlier in EDITIONS {
            let path = site.path().join(format!("assets/app-{earlier}.{kind}"));
            if path.exists() {
                site.remove(&format!("assets/app-{earlier}.{kind}"));
            }
        }
        site.write(&format!("assets/app-{hash}.{kind}"), format!("edition {edition} {kind}"));
        site.write(&format!("assets/lazy-{other}.{kind}"), format!("lazy {other} {kind}"));
    }
    for earlier in 0..3 {
        if site.path().join(format!("theme-{earlier}.css")).exists() {
            site.remove(&format!("theme-{earlier}.css"));
        }
    }
    site.write(&format!("theme-{edition}.css"), format!("theme {edition}"));
    site.write("data.json", "{}");
}

/// Keys that a page refers to.
fn references(page: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(page);
    text.split('"')
        .filter_map(|part| part.strip_prefix('/'))
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"))
        .map(str::to_owned)
        .collect()
}

/// What is wrong with the site: pages that refer to objects that are not there.
fn broken(snapshot: &Snapshot) -> Vec<String> {
    let pages = snapshot.iter().filter(|(key, _)| key.ends_with(".html"));
    pages
        .flat_map(|(page, body)| {
            let missing = references(body).into_iter().filter(|key| !snapshot.contains_key(key));
            missing.map(move |key| format!("`{page}` refers to `{key}`, which is not there"))
        })
        .collect()
}

/// The site without sitepush's own files.
fn published(cloud: &Cloud) -> BTreeMap<String, (Vec<u8>, Option<String>)> {
    cloud
        .site_keys()
        .into_iter()
        .map(|key| {
            let object = cloud.store().object(BUCKET, &key).expect("listed");
            (key, (object.bytes.to_vec(), object.headers.cache_control.clone()))
        })
        .collect()
}

type NamedChange = (&'static str, fn(&Site));

/// Changes to a site of edition 0, each with one point.
fn changes() -> Vec<NamedChange> {
    vec![
        ("first", |_| {}),
        ("edit", |site| {
            site.write("about/index.html", "<script src=\"/assets/app-DRXg7gsA.js\"></script> edited");
        }),
        ("new bundle", |site| edition(site, 1)),
        ("dropped pages", |site| {
            site.remove("guide/index.html").remove("guide/start.html").remove("theme-0.css");
            for page in ["index.html", "about/index.html", "404.html"] {
                site.write(page, "<script src=\"/assets/app-DRXg7gsA.js\"></script> no theme");
            }
        }),
        ("rename", |site| {
            site.rename("theme-0.css", "theme-renamed.css");
            for page in ["index.html", "about/index.html", "guide/index.html", "guide/start.html", "404.html"]
            {
                site.write(page, "<link href=\"/theme-renamed.css\">");
            }
        }),
        ("headers", |site| {
            site.write("_headers", "/*\n  Content-Language: en\n");
        }),
    ]
}

#[test]
fn after_every_mutation_no_page_refers_to_a_missing_object_and_open_pages_find_their_files() {
    for (name, change) in changes() {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        if name != "first" {
            cloud.push(&site, &[]).success();
        }
        change(&site);
        // What pages of the release before asked for by hashed names.
        let before = cloud.store().snapshot(BUCKET);
        let open: Vec<String> = before.keys().filter(|key| key.starts_with("assets/")).cloned().collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        cloud.store().on_mutation(move |view, _| {
            let snapshot = view.snapshot(BUCKET);
            let mut wrong = broken(&snapshot);
            wrong.extend(
                open.iter().filter(|key| !snapshot.contains_key(*key)).map(|key| format!("`{key}` is gone")),
            );
            sink.lock().expect("not poisoned").push(wrong);
        });
        cloud.push(&site, &["--allow-shrink"]).success();
        let seen = seen.lock().expect("not poisoned");
        assert!(seen.len() >= 4, "{name}: only {} mutations were seen", seen.len());
        for (index, wrong) in seen.iter().enumerate() {
            assert!(wrong.is_empty(), "{name}, after mutation {}: {wrong:#?}", index + 1);
        }
    }
}

fn push_killed_at(cloud: &Cloud, site: &Site, k: u64) -> bool {
    killed_at(cloud, &["push", site.path().to_str().expect("a plain path")], k)
}

/// Starts a command and kills its process (SIGKILL) when its `k`-th mutation has happened and is not yet answered.
/// Says whether it came that far.
fn killed_at(cloud: &Cloud, command: &[&str], k: u64) -> bool {
    let process = Arc::new(AtomicU32::new(0));
    let count = Arc::new(AtomicU64::new(0));
    let (victim, mutations) = (Arc::clone(&process), Arc::clone(&count));
    cloud.store().on_mutation(move |_, _| {
        if mutations.fetch_add(1, Ordering::SeqCst) + 1 == k {
            while victim.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let id = victim.load(Ordering::SeqCst).to_string();
            let killed = Command::new("kill").args(["-9", &id]).status().expect("`kill` runs");
            assert!(killed.success());
        }
    });
    let target = ["--bucket", BUCKET, "--distribution", support::DISTRIBUTION, "--concurrency", "1"];
    let mut command = cloud.command(&[command, &target].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().expect("it ends");
    cloud.store().on_mutation(|_, _| {});
    let was_killed = count.load(Ordering::SeqCst) >= k;
    assert_eq!(status.code().is_none(), was_killed, "killed exactly when the mutation came");
    was_killed
}

/// The kill points to try: all of them, or every third where time is short.
fn step() -> usize {
    if std::env::var_os("SITEPUSH_THOROUGH").is_some() { 1 } else { 3 }
}

/// Every page under each of its paths, as the edge answers now.
fn visit_pages(cloud: &Cloud) -> BTreeMap<&'static str, (u16, String)> {
    let paths = [
        "/",
        "/index.html",
        "/about",
        "/about/",
        "/about/index.html",
        "/guide/",
        "/guide/start.html",
        "/404.html",
    ];
    paths.into_iter().map(|path| (path, cloud.visit(path))).collect()
}

#[track_caller]
fn assert_settled(cloud: &Cloud, what: &str) {
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["lock"], "free", "{what}: {status:#}");
    assert_eq!(status["debts"], serde_json::json!([]), "{what}: {status:#}");
    assert_eq!(status["drift"], serde_json::json!([]), "{what}: {status:#}");
    assert_eq!(status["unknown"], serde_json::json!([]), "{what}: {status:#}");
}

#[test]
fn a_push_killed_after_any_mutation_leaves_a_whole_site_and_the_next_one_finishes_it() {
    let undisturbed = {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        cloud.push(&site, &[]).success();
        edition(&site, 1);
        cloud.push(&site, &[]).success();
        (published(&cloud), visit_pages(&cloud))
    };
    let mut points = 0;
    for k in (1..).step_by(step()) {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        cloud.push(&site, &[]).success();
        visit_pages(&cloud);
        edition(&site, 1);
        if !push_killed_at(&cloud, &site, k) {
            break;
        }
        points += 1;
        visit_pages(&cloud);
        assert_eq!(broken(&cloud.store().snapshot(BUCKET)), Vec::<String>::new(), "killed at {k}");
        cloud.push(&site, &[]).success();
        assert_eq!(published(&cloud), undisturbed.0, "killed at {k}");
        assert_eq!(visit_pages(&cloud), undisturbed.1, "killed at {k}: the edge shows old pages");
        assert_settled(&cloud, &format!("killed at {k}"));
    }
    assert!(points >= 5, "only {points} points were tried");
}

#[test]
fn a_new_bundle_drops_the_pages_that_refer_to_the_old_one_by_its_tag_and_no_other() {
    let cloud = Cloud::new();
    let site = Site::new();
    let page = |site: &Site, number: usize, hash: &str, text: &str| {
        site.write(&format!("{number}/index.html"), format!("{text} <script src=\"/assets/app-{hash}.js\">"));
    };
    for (number, bundle) in [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)] {
        page(&site, number, EDITIONS[bundle], "first");
    }
    for hash in EDITIONS {
        site.write(&format!("assets/app-{hash}.js"), hash);
    }
    cloud.push(&site, &[]).success();
    let visit = || (0..6).map(|number| cloud.visit(&format!("/{number}/")).1).collect::<Vec<_>>();
    let before = visit();
    for number in [0, 2, 4] {
        page(&site, number, EDITIONS[2], "second");
    }
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.invalidated(), [["#uses:assets/app-drxg7gsa.js"]]);
    let after = visit();
    for number in 0..6 {
        let is_new = after[number].starts_with("second");
        assert_eq!(is_new, number % 2 == 0, "{number}: {}", after[number]);
        assert_eq!(is_new, after[number] != before[number]);
    }
    // The tags are part of the record: the same build again has nothing to do.
    cloud.requests();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.requests().len(), 2);
}

#[test]
fn after_a_kill_the_build_of_before_can_be_pushed_again_exactly() {
    for k in (1..).step_by(step()) {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        cloud.push(&site, &[]).success();
        let before = published(&cloud);
        edition(&site, 1);
        site.write("brand-new.html", "a page that no release has");
        if !push_killed_at(&cloud, &site, k) {
            break;
        }
        site.remove("brand-new.html");
        let back = Site::new();
        edition(&back, 0);
        cloud.push(&back, &["--allow-shrink"]).success();
        let mut after = published(&cloud);
        // Hashed files of the killed edition may stay for pages that were opened meanwhile.
        after.retain(|key, _| before.contains_key(key) || !key.starts_with("assets/"));
        assert_eq!(after, before, "killed at {k}");
        let status = cloud.on_target("status", &["--json"]).success().json();
        assert_eq!(status["lock"], "free", "killed at {k}");
    }
}

#[test]
fn a_first_push_killed_anywhere_is_finished_by_the_next() {
    let undisturbed = {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        cloud.push(&site, &[]).success();
        published(&cloud)
    };
    for k in (1..).step_by(step()) {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        if !push_killed_at(&cloud, &site, k) {
            break;
        }
        assert_eq!(broken(&cloud.store().snapshot(BUCKET)), Vec::<String>::new(), "killed at {k}");
        cloud.push(&site, &[]).success();
        assert_eq!(published(&cloud), undisturbed, "killed at {k}");
        assert_settled(&cloud, &format!("killed at {k}"));
    }
}

#[test]
fn a_killed_rollback_is_finished_by_running_it_again() {
    for k in (1..).step_by(step()) {
        let cloud = Cloud::new();
        let site = Site::new();
        edition(&site, 0);
        cloud.push(&site, &[]).success();
        let first = published(&cloud);
        edition(&site, 1);
        cloud.push(&site, &[]).success();
        let releases = cloud.on_target("releases", &["--json"]).success().json();
        let to = releases[1]["id"].as_str().expect("an id").to_owned();
        if !killed_at(&cloud, &["rollback", &to], k) {
            break;
        }
        assert_eq!(broken(&cloud.store().snapshot(BUCKET)), Vec::<String>::new(), "killed at {k}");
        let answer = cloud.on_target("rollback", &[&to]).success();
        let mut after = published(&cloud);
        after.retain(|key, _| first.contains_key(key) || !key.starts_with("assets/"));
        assert_eq!(after, first, "killed at {k}: {}", answer.stderr);
        assert_settled(&cloud, &format!("killed at {k}"));
    }
}
