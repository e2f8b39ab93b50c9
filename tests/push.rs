//! Publishing, end to end: the program against the embedded target.

mod support;

use sitepush::local::s3::{ForeignObject, ObjectHeaders};
use support::{BUCKET, Cloud, Site};

#[test]
fn a_first_push_publishes_the_build_byte_for_byte() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    let mut expected = vec![
        "about/index.html",
        "assets/app-DRXg7gsA.js",
        "assets/more-CzQAN4l5.js",
        "assets/photo-D0KLVOtM.png",
        "index.html",
        "style.css",
    ];
    expected.sort_unstable();
    assert_eq!(cloud.site_keys(), expected);
    for key in expected {
        let local = std::fs::read(site.path().join(key)).expect("the file is there");
        assert_eq!(cloud.store().object(BUCKET, key).expect("published").bytes, local);
    }
    assert_eq!(cloud.cache_control("assets/app-DRXg7gsA.js"), "public, max-age=31536000, immutable");
    assert_eq!(cloud.cache_control("index.html"), "public, max-age=0, s-maxage=31536000, must-revalidate");
}

#[test]
fn the_same_build_again_costs_two_requests_and_changes_nothing() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    // New file times, as in a fresh checkout.
    for name in ["index.html", "style.css", "assets/app-DRXg7gsA.js"] {
        let bytes = std::fs::read(site.path().join(name)).expect("the file is there");
        site.write(name, bytes);
    }
    cloud.requests();
    let before = cloud.contents();
    let again = cloud.push(&site, &[]).success();
    assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    let mut requests = cloud.requests();
    requests.sort();
    assert_eq!(requests, ["GET .sitepush/lock.json", "GET .sitepush/manifest.json.gz"]);
    cloud.is_as_it_was(&before, "pushed again");
}

#[test]
fn a_change_of_equal_length_is_seen() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "body { color: white }");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("style.css"), "body { color: white }");
    assert_eq!(cloud.invalidated(), [["/style.css"]]);
}

#[test]
fn an_edit_costs_the_edit_and_eight_requests_at_most() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    cloud.requests();
    site.write("index.html", "new").write("about/index.html", "newer");
    cloud.push(&site, &[]).success();
    let requests = cloud.requests();
    let invalidations = cloud.invalidated();
    assert_eq!(invalidations, [["/", "/about*", "/index.html"]]);
    assert!(requests.len() + invalidations.len() <= 2 + 8, "{requests:#?}");
}

#[test]
fn a_page_that_left_the_build_goes_at_once_and_a_fingerprinted_file_stays() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.remove("about/index.html").remove("assets/photo-D0KLVOtM.png");
    cloud.push(&site, &[]).success();
    assert!(!cloud.site_keys().contains(&"about/index.html".to_owned()));
    assert!(cloud.site_keys().contains(&"assets/photo-D0KLVOtM.png".to_owned()));
    assert_eq!(cloud.invalidated(), [["/about*"]]);
}

#[test]
fn a_name_that_may_be_hashed_stays_for_open_pages_but_is_invalidated_when_it_changes() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("assets/logo-RTX4090T.png", "one").write("assets/icon.png", "one");
    cloud.push(&site, &[]).success();
    let logo = cloud.store().object(BUCKET, "assets/logo-RTX4090T.png").expect("it is there");
    let cache_control = logo.headers.cache_control.as_deref().expect("a header");
    assert!(!cache_control.contains("immutable"), "{cache_control}");
    site.write("assets/logo-RTX4090T.png", "two");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.invalidated(), [["/assets/logo-RTX4090T.png"]]);
    site.remove("assets/logo-RTX4090T.png").remove("assets/icon.png");
    cloud.push(&site, &[]).success();
    assert!(cloud.site_keys().contains(&"assets/logo-RTX4090T.png".to_owned()));
    assert!(!cloud.site_keys().contains(&"assets/icon.png".to_owned()), "it is no hashed name");
    assert_eq!(cloud.invalidated()[1..], [["/assets/icon.png"]], "what stays is not invalidated");
}

#[test]
fn the_only_bundle_of_a_site_stays_for_open_pages_when_the_next_one_takes_its_place() {
    let cloud = Cloud::new();
    let site = Site::new();
    site.write("index.html", "<script src=main.9f20df48.js>").write("main.9f20df48.js", "one");
    cloud.push(&site, &[]).success();
    site.remove("main.9f20df48.js");
    site.write("index.html", "<script src=main.c83b17e4.js>").write("main.c83b17e4.js", "two");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("main.9f20df48.js"), "one");
    assert!(!cloud.cache_control("main.c83b17e4.js").contains("immutable"));
}

#[test]
fn a_file_that_comes_back_within_its_grace_is_not_sent_again() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.rename("assets/photo-D0KLVOtM.png", "assets/photo-B7bbbQ2x.png").write("index.html", "two");
    cloud.push(&site, &[]).success();
    site.rename("assets/photo-B7bbbQ2x.png", "assets/photo-D0KLVOtM.png").write("index.html", "three");
    cloud.requests();
    cloud.push(&site, &[]).success();
    let sent = cloud.requests();
    assert!(!sent.iter().any(|request| request.starts_with("PUT assets/")), "{sent:#?}");
}

#[test]
fn equal_bytes_under_a_new_key_are_copied_on_the_server() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("copy.css", "body { color: black }");
    let answer = cloud.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["copied_count"], 1);
    assert_eq!(answer["outcome"]["uploaded_count"], 0);
    assert_eq!(cloud.body("copy.css"), "body { color: black }");
}

#[test]
fn a_header_change_sends_no_body() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("_headers", "/style.css\n  Cache-Control: public, max-age=60\n");
    let answer = cloud.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    assert_eq!(answer["outcome"]["uploaded_bytes"], 0);
    assert_eq!(cloud.cache_control("style.css"), "public, max-age=60");
    assert_eq!(cloud.invalidated(), [["/style.css"]]);
}

#[test]
fn other_bytes_under_an_immutable_name_take_its_immutability_for_good() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("assets/app-DRXg7gsA.js", "console.log('other')");
    let answer = cloud.push(&site, &[]).success();
    assert!(
        answer.stderr.contains("`assets/app-DRXg7gsA.js` was published as immutable"),
        "{}",
        answer.stderr
    );
    assert!(cloud.cache_control("assets/app-DRXg7gsA.js").contains("must-revalidate"));
    assert_eq!(cloud.invalidated(), [["/assets/app-DRXg7gsA.js"]]);
    site.write("assets/app-DRXg7gsA.js", "console.log(1)");
    cloud.push(&site, &[]).success();
    assert!(cloud.cache_control("assets/app-DRXg7gsA.js").contains("must-revalidate"));
}

/// The options of a configuration file with this text. The folder must outlive its use.
fn configured<'a>(path: &'a std::path::Path, text: &str) -> [&'a str; 2] {
    std::fs::write(path, text).expect("a configuration file");
    ["--config", path.to_str().expect("a plain path")]
}

/// A hashed script that a site had so long ago that no list of the record has it.
const GONE: &str = "assets/app-DRXg7gsA.js";

/// The site without it, and what pushes it by the rule that let it go. The last is the folder of that rule.
fn with_a_name_long_gone() -> (Cloud, Site, [String; 2], Site) {
    let (cloud, site, folder) = (Cloud::new(), Site::small(), Site::new());
    let file = folder.path().join("sitepush.toml");
    let config = configured(&file, "[retention]\nkeep_releases = 1\nkeep_days = 0\n");
    cloud.push(&site, &config).success();
    site.remove(GONE);
    for text in ["without it", "still without it", "and still"] {
        site.write("index.html", text);
        cloud.push(&site, &config).success();
    }
    assert!(!cloud.site_keys().contains(&GONE.to_owned()));
    (cloud, site, config.map(str::to_owned), folder)
}

#[test]
fn a_hashed_name_that_comes_back_with_other_bytes_when_it_is_long_gone_is_demoted() {
    let (cloud, site, config, _folder) = with_a_name_long_gone();
    site.write(GONE, "console.log('other')");
    let answer = cloud.push(&site, &config.each_ref().map(String::as_str)).success();
    assert!(answer.stderr.contains(&format!("`{GONE}` was published as immutable")), "{}", answer.stderr);
    assert!(cloud.cache_control(GONE).contains("must-revalidate"), "{}", cloud.cache_control(GONE));
    let dropped = cloud.invalidated().pop().expect("an invalidation");
    assert_eq!(dropped, [format!("/{GONE}")], "somebody may have asked for it before");
}

#[test]
fn a_hashed_name_that_comes_back_as_it_was_when_it_is_long_gone_is_immutable_as_before() {
    let (cloud, site, config, _folder) = with_a_name_long_gone();
    let invalidations = cloud.invalidated().len();
    site.write(GONE, "console.log(1)");
    cloud.push(&site, &config.each_ref().map(String::as_str)).success();
    assert!(cloud.cache_control(GONE).contains("immutable"), "{}", cloud.cache_control(GONE));
    assert_eq!(cloud.invalidated().len(), invalidations, "what is cached of it is right");
}

#[test]
fn a_lasting_name_that_a_rollback_brings_back_with_other_bytes_is_demoted() {
    const KEY: &str = "vendor/player.js";
    let cloud = Cloud::new();
    let site = Site::small();
    let folder = Site::new();
    let file = folder.path().join("sitepush.toml");
    site.write(KEY, "player of today");
    cloud.push(&site, &[]).success();
    site.write(KEY, "player of tomorrow");
    cloud.push(&site, &[]).success();
    // From now on it is said to stay as it is.
    let rule =
        format!("[[rules]]\nmatch = \"{KEY}\"\ncache_control = \"public, max-age=31536000, immutable\"\n");
    cloud.push(&site, &configured(&file, &rule)).success();
    assert!(cloud.cache_control(KEY).contains("immutable"));
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    let first = releases[2]["id"].as_str().expect("an id");
    let answer = cloud.on_target("rollback", &[first]).success();
    assert!(answer.stderr.contains(&format!("`{KEY}` was published as immutable")), "{}", answer.stderr);
    assert_eq!(cloud.body(KEY), "player of today");
    assert!(cloud.cache_control(KEY).contains("must-revalidate"), "{}", cloud.cache_control(KEY));
    let dropped = cloud.invalidated().pop().expect("an invalidation");
    assert!(dropped.contains(&format!("/{KEY}")), "{dropped:?}");
    let status = cloud.on_target("status", &["--json"]).success().json();
    assert_eq!(status["demoted"], serde_json::json!([KEY]));
}

#[test]
fn a_bucket_that_something_else_filled_is_adopted() {
    let cloud = Cloud::new();
    let site = Site::small();
    let headers = ObjectHeaders {
        cache_control: Some("no-store".into()),
        content_type: Some("text/css; charset=utf-8".into()),
        ..Default::default()
    };
    for (key, text) in [
        ("style.css", "body { color: black }"),
        ("index.html", "somebody else's page"),
        ("elsewhere/file", "not ours"),
    ] {
        let object = ForeignObject { bytes: text.into(), headers: headers.clone() };
        cloud.store().put_foreign(BUCKET, key, object);
    }
    let answer = cloud.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    assert_eq!(answer["outcome"]["uploaded_count"], 5);
    assert_eq!(cloud.body("elsewhere/file"), "not ours");
    let items = cloud.invalidated().concat();
    assert!(
        items.contains(&"/index.html".to_owned()) && items.contains(&"/style.css".to_owned()),
        "{items:?}"
    );
}

#[test]
fn drift_is_seen_and_repaired_and_headers_without_their_body() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    cloud.put_foreign("index.html", "defaced");
    cloud.put_foreign("style.css", "body { color: black }");
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["drift"].as_array().expect("a list").len(), 2);
    let answer = cloud.push(&site, &["--verify-remote", "--json"]).success().json();
    assert_eq!(answer["outcome"]["uploaded_count"], 1);
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    assert!(cloud.body("index.html").contains("app-DRXg7gsA"));
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["drift"], serde_json::json!([]));
}

#[test]
fn a_rollback_brings_back_bytes_and_headers_without_the_build() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &["--message", "first"]).success();
    let first = cloud.contents();
    site.write("index.html", "second").remove("about/index.html").write("new.html", "new");
    site.write("_headers", "/style.css\n  Cache-Control: no-store\n");
    cloud.push(&site, &["--message", "second"]).success();
    cloud.requests();
    let earlier = cloud.invalidated().len();
    let answer = cloud.on_target("rollback", &["--json"]).success().json();
    assert_eq!(answer["outcome"]["uploaded_count"], 0);
    assert_eq!(answer["outcome"]["copied_count"], 2);
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    let sent: Vec<String> = cloud
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("PUT") && request.contains(".html"))
        .collect();
    assert_eq!(sent, ["PUT about/index.html", "PUT index.html"]);
    for (key, body) in first.objects.iter().filter(|(key, _)| !key.starts_with(".sitepush/")) {
        let object = cloud.store().object(BUCKET, key).expect("back");
        assert_eq!(object.bytes, body, "{key}");
        assert_eq!(object.headers, first.headers[key], "{key}");
    }
    assert!(!cloud.site_keys().contains(&"new.html".to_owned()));
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    let releases = releases.as_array().expect("a list");
    assert_eq!(releases.len(), 3);
    assert_eq!(releases[0]["kind"], "rollback");
    assert_eq!(releases[0]["is_live"], true);
    let items = cloud.invalidated().split_off(earlier).concat();
    assert!(
        items.iter().any(|item| item == "/style.css") && items.iter().any(|item| item.starts_with("/new"))
    );
}

#[test]
fn a_rollback_that_cannot_be_whole_is_refused_before_anything_changes() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("index.html", "second");
    cloud.push(&site, &[]).success();
    cloud.store().expire_versions(BUCKET, "index.html");
    let before = cloud.contents();
    let answer = cloud.on_target("rollback", &[]).expect_code(3);
    assert!(answer.stderr.contains("no longer has the bytes of `index.html`"), "{}", answer.stderr);
    cloud.is_as_it_was(&before, "refused");
}

#[test]
fn a_saved_plan_is_applied_exactly_or_refused() {
    let cloud = Cloud::new();
    let site = Site::small();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a plain path");
    let directory = site.path().to_str().expect("a plain path");
    cloud.on_target("plan", &[directory, "--out", file]).success();
    assert_eq!(cloud.site_keys(), Vec::<String>::new());
    cloud.run(&["push", "--plan", file]).success();
    assert_eq!(cloud.site_keys().len(), 6);
    let answer = cloud.run(&["push", "--plan", file]).expect_code(4);
    assert!(answer.stderr.contains("is live now"), "{}", answer.stderr);

    site.write("style.css", "1");
    cloud.on_target("plan", &[directory, "--out", file]).success();
    site.write("style.css", "2");
    let answer = cloud.run(&["push", "--plan", file]).expect_code(4);
    assert!(answer.stderr.contains("`style.css` is not as it was"), "{}", answer.stderr);
    assert_eq!(cloud.body("style.css"), "body { color: black }");
}

#[test]
fn a_plan_tells_by_its_exit_code_whether_there_is_work() {
    let cloud = Cloud::new();
    let site = Site::small();
    let directory = site.path().to_str().expect("a plain path");
    cloud.on_target("plan", &[directory, "--detailed-exitcode"]).expect_code(2);
    cloud.push(&site, &[]).success();
    cloud.on_target("plan", &[directory, "--detailed-exitcode"]).expect_code(0);
    let dry = cloud.push(&site, &["--dry-run", "--json"]).success().json();
    assert_eq!(dry["changes"], serde_json::json!([]));
}

#[test]
fn large_files_go_in_parts_and_arrive_whole() {
    let cloud = Cloud::new();
    let site = Site::small();
    let large: Vec<u8> = (0..(33_u32 << 20) / 4).flat_map(u32::to_le_bytes).collect();
    site.write("film.mp4", &large);
    cloud.push(&site, &[]).success();
    let stored = cloud.store().object(BUCKET, "film.mp4").expect("published");
    assert!(stored.bytes == large);
    assert!(stored.e_tag.ends_with("-3\""), "{}", stored.e_tag);
    assert_eq!(cloud.store().open_uploads(BUCKET), 0);
    cloud.push(&site, &["--verify-remote"]).success();
}

#[test]
fn a_prefix_is_a_fence() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.put_foreign("site2/index.html", "a sibling");
    cloud.put_foreign("site-staging/index.html", "a sibling");
    cloud.push(&site, &["--prefix", "site"]).success();
    site.remove("about/index.html");
    cloud.push(&site, &["--prefix", "/site/"]).success();
    let answer = cloud.on_target("prune", &["--prefix", "site", "--prune-unknown", "--yes"]).success();
    assert!(answer.stderr.contains("0 objects"), "{}", answer.stderr);
    assert_eq!(cloud.body("site2/index.html"), "a sibling");
    assert_eq!(cloud.body("site-staging/index.html"), "a sibling");
    assert_eq!(cloud.body("site/style.css"), "body { color: black }");
}

#[test]
fn prune_deletes_what_no_kept_release_needs() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.rename("assets/photo-D0KLVOtM.png", "assets/photo-B7bbbQ2x.png").write("index.html", "two");
    cloud.push(&site, &[]).success();
    assert!(cloud.site_keys().contains(&"assets/photo-D0KLVOtM.png".to_owned()));
    cloud.on_target("prune", &["--keep", "1", "--days", "0", "--dry-run"]).success();
    assert!(cloud.site_keys().contains(&"assets/photo-D0KLVOtM.png".to_owned()));
    cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    assert!(!cloud.site_keys().contains(&"assets/photo-D0KLVOtM.png".to_owned()));
    cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    cloud.push(&site, &[]).success();
}

#[test]
fn objects_of_others_are_deleted_only_after_they_were_named_and_agreed_to() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    cloud.put_foreign("stray.txt", "a stray");
    let answer = cloud.on_target("prune", &["--prune-unknown"]).expect_code(3);
    assert_eq!(answer.stdout, "stray.txt\n");
    assert_eq!(cloud.body("stray.txt"), "a stray");
    cloud.on_target("prune", &["--prune-unknown", "--yes"]).success();
    assert_eq!(cloud.site_keys().len(), 6);
}

#[test]
fn paths_are_invalidated_by_hand() {
    let cloud = Cloud::new();
    cloud.run(&["invalidate", "/blog/*", "about", "--distribution", support::DISTRIBUTION]).success();
    assert_eq!(cloud.invalidated(), [["/about", "/blog/*"]]);
    let answer = cloud.run(&["invalidate", "/a*b", "--distribution", support::DISTRIBUTION]).expect_code(64);
    assert!(answer.stderr.contains("not the last character"), "{}", answer.stderr);
}

#[test]
fn the_months_invalidation_paths_are_added_up() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "1");
    cloud.push(&site, &[]).success();
    cloud.run(&["invalidate", "/a", "/b/*", "--distribution", support::DISTRIBUTION]).success();
    let status = cloud.on_target("status", &["--invalidation-cost", "--json"]).success().json();
    assert_eq!(status["invalidation_paths_this_month"], 3);
}
