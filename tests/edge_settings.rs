//! What the edge function is told: written by the push that moves the pages, found again after every accident.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;
use sitepush::local::control::ControlPlane;
use sitepush::local::faults::{Effect, Gate, Rule};
use support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site};

fn store_arn() -> String {
    ControlPlane::store_arn(DISTRIBUTION)
}

fn push(cloud: &Cloud, site: &Site, more: &[&str]) -> Answer {
    let store_arn = store_arn();
    let mut arguments = vec!["--key-value-store", store_arn.as_str()];
    arguments.extend(more);
    cloud.push(site, &arguments)
}

/// What the store says, or nothing.
fn told(cloud: &Cloud) -> Option<Value> {
    let value = cloud.target.edge.options().store.get("release")?;
    Some(serde_json::from_str(&value).expect("settings are JSON"))
}

/// A folder with a sitepush.toml that says this of the site.
fn configured(text: &str) -> Site {
    let folder = Site::new();
    folder.write("sitepush.toml", format!("[site]\n{text}\n"));
    folder
}

fn path_of(configuration: &Site) -> String {
    configuration.path().join("sitepush.toml").to_str().expect("a plain path").to_owned()
}

fn flat_site() -> Site {
    let site = Site::new();
    site.write("index.html", "home").write("about.html", "about us").write("team.html", "the team");
    site
}

#[test]
fn pages_are_found_under_their_clean_paths_as_soon_as_they_are_published() {
    let cloud = Cloud::new();
    push(&cloud, &flat_site(), &[]).success();
    assert_eq!(told(&cloud).expect("told")["pages"], "html");
    for (path, body) in [("/", "home"), ("/about", "about us"), ("/team", "the team")] {
        assert_eq!(cloud.visit(path), (200, body.to_owned()), "{path}");
    }
}

#[test]
fn a_page_answers_where_its_relative_links_work_where_that_was_asked_for() {
    let cloud = Cloud::new();
    let configuration = configured("trailing_slash = \"auto\"");
    let site = Site::new();
    site.write("index.html", "home")
        .write("guide/page/index.html", "<img src=\"../pic.png\">")
        .write("guide/index.html", "the guide")
        .write("guide/pic.png", "a picture")
        .write("team.html", "the team");
    push(&cloud, &site, &["--config", &path_of(&configuration)]).success();
    for (asked, canonical) in
        [("/guide/page", "/guide/page/"), ("/guide?x=1", "/guide/?x=1"), ("/team/", "/team")]
    {
        assert_eq!(cloud.redirect(asked), (301, canonical.to_owned()), "{asked}");
        assert_eq!(cloud.redirect(canonical).0, 200, "{canonical}");
    }
}

#[test]
fn pages_beside_a_single_page_application_are_found_under_their_clean_paths() {
    let cloud = Cloud::new();
    let configuration = configured("single_page = true");
    let site = Site::new();
    site.write("index.html", "the application").write("two.html", "two").write("three/index.html", "three");
    push(&cloud, &site, &["--config", &path_of(&configuration)]).success();
    assert_eq!(cloud.visit("/two"), (200, "two".to_owned()));
    assert_eq!(cloud.visit("/three"), (200, "three".to_owned()));
    let told = told(&cloud).expect("the store was told");
    assert_eq!(
        (&told["shell"], &told["routes"]["/two"]["file"]),
        (&"/index.html".into(), &"/two.html".into())
    );
}

#[test]
fn the_slash_at_the_end_is_as_the_configuration_says() {
    let site = Site::new();
    site.write("index.html", "home").write("a/index.html", "a").write("b.html", "b");
    let cases: [(&str, [(&str, u16); 4]); 3] = [
        ("add", [("/a", 301), ("/a/", 200), ("/b", 301), ("/b/", 200)]),
        ("remove", [("/a", 200), ("/a/", 301), ("/b", 200), ("/b/", 301)]),
        ("keep", [("/a", 200), ("/a/", 200), ("/b", 200), ("/b/", 200)]),
    ];
    for (setting, answers) in cases {
        let cloud = Cloud::new();
        let configuration = configured(&format!("trailing_slash = \"{setting}\""));
        push(&cloud, &site, &["--config", &path_of(&configuration)]).success();
        for (path, status) in answers {
            assert_eq!(cloud.redirect(path).0, status, "{setting} {path}");
        }
    }
}

#[test]
fn a_page_that_moves_is_found_at_its_new_place_under_the_same_path() {
    let cloud = Cloud::new();
    let site = flat_site();
    push(&cloud, &site, &[]).success();
    assert_eq!(cloud.visit("/about").0, 200);
    site.rename("about.html", "about/index.html").rename("team.html", "team/index.html");
    push(&cloud, &site, &[]).success();
    for (path, body) in [("/about", "about us"), ("/about/", "about us"), ("/team", "the team")] {
        assert_eq!(cloud.visit(path), (200, body.to_owned()), "{path}");
    }
}

#[test]
fn an_unchanged_build_asks_nothing_of_the_store() {
    let cloud = Cloud::new();
    let site = flat_site();
    push(&cloud, &site, &[]).success();
    cloud.requests();
    push(&cloud, &site, &[]).success();
    let mut requests = cloud.requests();
    requests.sort();
    assert_eq!(requests, ["GET .sitepush/lock.json", "GET .sitepush/manifest.json.gz"]);
}

#[test]
fn a_rollback_tells_what_the_earlier_release_told() {
    let cloud = Cloud::new();
    let site = flat_site();
    push(&cloud, &site, &[]).success();
    let before = told(&cloud);
    site.rename("about.html", "about/index.html").rename("team.html", "team/index.html");
    push(&cloud, &site, &[]).success();
    assert_ne!(told(&cloud), before);
    cloud.on_target("rollback", &["--key-value-store", &store_arn()]).success();
    assert_eq!(told(&cloud), before);
    assert_eq!(cloud.visit("/about"), (200, "about us".to_owned()));
}

#[test]
fn settings_that_could_not_be_written_are_owed_and_nothing_is_deleted_before() {
    let cloud = Cloud::new();
    let site = flat_site();
    push(&cloud, &site, &[]).success();
    site.rename("about.html", "about/index.html").rename("team.html", "team/index.html");
    cloud.faults().add(Rule::access_denied().operation("PutKey"));
    let denied = push(&cloud, &site, &[]).expect_code(1);
    assert!(denied.stderr.contains("edge function's settings"), "{}", denied.stderr);
    assert!(cloud.site_keys().contains(&"about.html".to_owned()), "visitors are still sent there");
    assert_eq!(cloud.visit("/about"), (200, "about us".to_owned()));
    cloud.faults().clear();
    let status = cloud.on_target("status", &["--json"]).success().json();
    assert_eq!(status["owes_edge_settings"], true);
    push(&cloud, &site, &[]).success();
    assert_eq!(told(&cloud).expect("told")["pages"], "directory");
    assert!(!cloud.site_keys().contains(&"about.html".to_owned()));
    assert_eq!(cloud.on_target("status", &["--json"]).success().json()["owes_edge_settings"], false);
}

#[test]
fn a_prune_that_names_no_store_and_finishes_what_another_run_left_leaves_the_store_owed() {
    let (cloud, site) = (Cloud::new(), flat_site());
    push(&cloud, &site, &[]).success();
    let before = told(&cloud);
    site.write("new/index.html", "a page the other way");
    cloud.faults().add(Rule::access_denied().operation("PutKey"));
    push(&cloud, &site, &[]).expect_code(1);
    cloud.faults().clear();
    assert_eq!(told(&cloud), before);
    let lock = cloud.store().object(BUCKET, ".sitepush/lock.json").expect("a lock").bytes;
    let mut lock: Value = serde_json::from_slice(&lock).expect("JSON");
    lock["state"] = "unfinished".into();
    lock["since"] = "2026-01-01T00:00:00Z".into();
    cloud.put_foreign(".sitepush/lock.json", lock.to_string());
    cloud.run(&["prune", "--bucket", BUCKET]).success();
    assert_eq!(told(&cloud), before);
    push(&cloud, &site, &[]).success();
    assert_ne!(told(&cloud), before);
    assert_eq!(cloud.visit("/new"), (200, "a page the other way".to_owned()));
}

#[test]
fn what_the_store_is_told_does_not_arrive_after_another_run_has_told_it() {
    let (cloud, site) = (Cloud::new(), flat_site());
    push(&cloud, &site, &[]).success();
    site.write("old/index.html", "a page the other way");
    let gate = Gate::closed();
    cloud.faults().add(Rule::new(Effect::Hold(gate.clone())).operation("PutKey").times(1));
    let store_arn = store_arn();
    let folder = site.path().to_str().expect("a plain path");
    let target = ["--bucket", BUCKET, "--distribution", DISTRIBUTION, "--key-value-store", &store_arn];
    let mut held_up = cloud.command(&[&["push", folder][..], &target].concat());
    let mut held_up = held_up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let wait = |limit: u64, what: &str, is_so: &mut dyn FnMut() -> bool| {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(limit), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let has_page = || cloud.record(".sitepush/manifest.json.gz").objects.len() == 4;
    wait(30, "it is not committed", &mut || has_page());
    std::thread::sleep(Duration::from_millis(500));
    cloud.on_target("unlock", &["--force"]).success();
    let next = flat_site();
    next.write("new/index.html", "another page the other way");
    push(&cloud, &next, &[]).success();
    let told_last = told(&cloud);
    // It asks for its lock every half a minute, and would give one attempt two minutes.
    wait(90, "it waits for the answer", &mut || held_up.try_wait().expect("it is ours").is_some());
    gate.open();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(told(&cloud), told_last);
    assert_eq!(cloud.visit("/new"), (200, "another page the other way".to_owned()));
}

#[test]
fn a_write_that_came_second_is_made_again() {
    let cloud = Cloud::new();
    cloud.faults().add(Rule::answer(StatusCode::CONFLICT, "ConflictException").operation("PutKey").times(2));
    push(&cloud, &flat_site(), &[]).success();
    assert_eq!(told(&cloud).expect("told")["pages"], "html");
}

#[test]
fn what_somebody_wrote_over_is_repaired_when_the_target_is_verified() {
    let cloud = Cloud::new();
    let site = flat_site();
    push(&cloud, &site, &[]).success();
    let before = told(&cloud);
    cloud.target.edge.options().store.put("release", "{}").expect("a write");
    cloud.target.edge.options().store.put("preview/x", "{}").expect("a write");
    push(&cloud, &site, &["--verify-remote"]).success();
    assert_eq!(told(&cloud), before);
    assert_eq!(
        cloud.target.edge.options().store.get("preview/x").as_deref(),
        Some("{}"),
        "not ours to change"
    );
}

#[test]
fn a_store_that_is_not_there_is_found_before_anything_changes() {
    let cloud = Cloud::new();
    let wrong = ControlPlane::store_arn("nobody");
    cloud.push(&flat_site(), &["--key-value-store", &wrong]).explains(5, &["key value store", "nobody"]);
    assert!(cloud.store().keys(BUCKET).is_empty());
    cloud.push(&flat_site(), &["--key-value-store", "my-store"]).explains(64, &["`my-store`", "ARN"]);
}
