//! What rules, names and files decide, seen in the bucket.

mod support;

use support::{Cloud, Site};

const USAGE: i32 = 64;

/// Writes a sitepush.toml beside the site and gives its path.
fn config(folder: &tempfile::TempDir, text: &str) -> String {
    let path = folder.path().join("sitepush.toml");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a plain path").to_owned()
}

#[test]
fn a_rule_that_shortens_the_caching_of_hashed_files_does_not_take_their_grace() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("_headers", "/assets/*\n  Cache-Control: public, max-age=86400\n");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.cache_control("assets/more-CzQAN4l5.js"), "public, max-age=86400");
    site.remove("assets/more-CzQAN4l5.js").write("style.css", "new");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("assets/more-CzQAN4l5.js"), "console.log(2)", "open pages may still ask for it");
    cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    assert!(!cloud.site_keys().contains(&"assets/more-CzQAN4l5.js".to_owned()));
}

#[test]
fn other_bytes_under_a_hashed_name_that_a_rule_keeps_short_are_told_without_alarm() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("_headers", "/assets/*\n  Cache-Control: no-cache\n");
    cloud.push(&site, &[]).success();
    site.write("assets/more-CzQAN4l5.js", "console.log('other')");
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("never taken for immutable from now on"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("for up to a year"), "{}", answer.stderr);
    site.remove("_headers");
    cloud.push(&site, &[]).success();
    assert!(!cloud.cache_control("assets/more-CzQAN4l5.js").contains("immutable"));
    assert!(cloud.cache_control("assets/app-DRXg7gsA.js").contains("immutable"));
}

#[test]
fn the_configuration_is_not_published_with_a_site_that_stands_beside_it() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("sitepush.toml", "[site]\ndirectory = \".\"\n");
    cloud.push(&site, &[]).success();
    assert!(!cloud.site_keys().contains(&"sitepush.toml".to_owned()), "{:?}", cloud.site_keys());
}

#[test]
fn a_compressed_drawing_says_that_it_is_compressed() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("logo.svgz", [0x1F, 0x8B, 8, 0]);
    cloud.push(&site, &[]).success();
    let object = cloud.store().object(support::BUCKET, "logo.svgz").expect("it is there");
    assert_eq!(object.headers.content_type.as_deref(), Some("image/svg+xml"));
    assert_eq!(object.headers.content_encoding.as_deref(), Some("gzip"));
}

#[test]
fn a_rule_for_the_encoding_comes_before_what_the_name_shows() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("data.json.gz", [0x1F, 0x8B, 8, 0]);
    let folder = tempfile::tempdir().expect("a folder");
    let rule = "[[rules]]\nmatch = \"*.gz\"\nheaders = { content-encoding = \"identity\" }\n";
    cloud.push(&site, &["--config", &config(&folder, rule)]).success();
    let object = cloud.store().object(support::BUCKET, "data.json.gz").expect("it is there");
    assert_eq!(object.headers.content_encoding, None, "`identity` says that there is none");
    assert_eq!(object.headers.content_type.as_deref(), Some("application/gzip"));
}

#[test]
fn a_star_in_a_headers_path_takes_in_folders_wherever_it_stands() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("css/deep/print.css", "p {}");
    site.write("_headers", "/*.css\n  Cache-Control: no-cache\n");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.cache_control("style.css"), "no-cache");
    assert_eq!(cloud.cache_control("css/deep/print.css"), "no-cache");
    assert_ne!(cloud.cache_control("index.html"), "no-cache");
}

#[test]
fn a_path_that_is_given_twice_is_invalidated_once() {
    let cloud = Cloud::new();
    cloud.on_target("invalidate", &["/a", "a", "/a", "/b*", "/b*"]).success();
    assert_eq!(cloud.invalidated(), [["/a", "/b*"]]);
}

#[test]
fn a_saved_plan_takes_no_other_store() {
    let cloud = Cloud::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a plain path");
    let site = Site::small();
    cloud.on_target("plan", &[site.path().to_str().expect("a plain path"), "--out", file]).success();
    let store_arn = sitepush::local::control::ControlPlane::store_arn(support::DISTRIBUTION);
    cloud.run(&["push", "--plan", file, "--key-value-store", &store_arn]).expect_code(USAGE);
}

#[test]
fn a_distribution_that_shows_nothing_of_the_target_is_named() {
    let cloud = Cloud::with_two_distributions(["", "/elsewhere"]);
    let site = Site::small();
    let answer = cloud.push(&site, &["--distribution", support::OTHER_DISTRIBUTION]).success();
    let warning = format!("distribution {} shows nothing of this target", support::OTHER_DISTRIBUTION);
    assert!(answer.stderr.contains(&warning), "{}", answer.stderr);
    assert_eq!(answer.stderr.matches("shows nothing").count(), 1, "{}", answer.stderr);
}
