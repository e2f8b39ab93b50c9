//! Listings that come in many pages: what stands on a later one is neither missed nor taken for something else.

mod support;

use sitepush::local::s3::StoreOptions;
use sitepush::local::target::store_options;
use support::{BUCKET, Cloud, Site};

/// Sorted before, between and behind the site's keys.
const STRANGERS: [&str; 3] = ["a-stranger.txt", "h/stranger.html", "zzz/stranger.css"];

/// A bucket that is listed one key a page.
fn with_small_pages() -> Cloud {
    let cloud = Cloud::with_store(StoreOptions { list_page_size: 1, ..store_options() });
    for key in STRANGERS {
        cloud.put_foreign(key, "a stranger's");
    }
    cloud
}

/// Runs something, and says how many pages it listed.
fn pages<T>(cloud: &Cloud, run: impl FnOnce() -> T) -> (T, usize) {
    cloud.requests();
    let result = run();
    (result, cloud.requests().iter().filter(|request| request.ends_with(" ListObjectsV2")).count())
}

#[track_caller]
fn strangers_are_left_alone(cloud: &Cloud) {
    for key in STRANGERS {
        assert_eq!(cloud.body(key), "a stranger's");
        let versions = cloud.store().versions(BUCKET);
        assert_eq!(versions.iter().filter(|version| version.key == key).count(), 1, "{key}");
    }
}

#[test]
fn what_lies_on_later_pages_is_adopted() {
    let cloud = with_small_pages();
    let site = Site::small();
    cloud.put_foreign("about/index.html", "somebody else's page");
    cloud.put_foreign("style.css", "body { color: black }");
    let keys = cloud.store().keys(BUCKET).len();
    let (answer, pages) = pages(&cloud, || cloud.push(&site, &["--json"]).success().json());
    assert_eq!(pages, keys);
    assert_eq!(answer["outcome"]["header_update_count"], 1, "the style sheet was there");
    assert_eq!(answer["outcome"]["uploaded_count"], 5);
    assert_eq!(cloud.site_keys().len(), 6 + STRANGERS.len());
    strangers_are_left_alone(&cloud);
}

#[test]
fn drift_on_later_pages_is_seen_and_repaired() {
    let cloud = with_small_pages();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    cloud.put_foreign("style.css", "body { color: red }");
    let keys = cloud.store().keys(BUCKET).len();
    let (answer, pages) =
        pages(&cloud, || cloud.push(&site, &["--verify-remote", "--json"]).success().json());
    assert_eq!(pages, keys);
    // What stood on the pages before it, and behind it, is not taken for missing.
    assert_eq!(answer["outcome"]["uploaded_count"], 1);
    assert_eq!(answer["plan"]["unchanged_count"], 5);
    assert_eq!(cloud.body("style.css"), "body { color: black }");
    strangers_are_left_alone(&cloud);
}

#[test]
fn strangers_on_all_pages_are_unknown_and_nothing_else_is() {
    let cloud = with_small_pages();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    let ours: Vec<String> =
        cloud.site_keys().into_iter().filter(|key| !STRANGERS.contains(&key.as_str())).collect();
    let keys = cloud.store().keys(BUCKET).len();
    let prune = ["--prune-unknown", "--yes", "--json"];
    let (answer, pages) = pages(&cloud, || cloud.on_target("prune", &prune).success().json());
    assert_eq!(pages, keys);
    assert_eq!(answer, serde_json::json!(STRANGERS));
    assert_eq!(cloud.site_keys(), ours);
}
