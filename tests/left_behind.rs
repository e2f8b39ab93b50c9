//! What an earlier run left behind: found, finished, and nothing of somebody else's touched.

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use sitepush::local::clock::{Clock, ManualClock};
use sitepush::local::faults::{Effect, Rule};
use sitepush::local::s3::{ConditionalWrites, StoreOptions, Versioning};
use sitepush::local::target::store_options;
use support::{BUCKET, Cloud, DISTRIBUTION, OTHER_DISTRIBUTION, Site};

const PART_WAY: i32 = 1;
const REFUSED: i32 = 3;

/// Lets the writes of these keys fail, and no others.
fn refuse(cloud: &Cloud, key: &str) {
    let rule = Rule::answer(StatusCode::BAD_REQUEST, "InvalidRequest");
    cloud.faults().add(rule.method(Method::PUT).key(key));
}

/// A target whose S3 goes by a clock that the test moves.
fn with_clock() -> (Cloud, ManualClock) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (clock, hand) = Clock::manual(now);
    (Cloud::with_store(StoreOptions { clock, ..store_options() }), hand)
}

#[test]
fn a_page_that_was_deleted_without_an_answer_is_sent_again_when_it_comes_back() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("gone.html", "here");
    cloud.push(&site, &[]).success();
    site.remove("gone.html");
    cloud.faults().add(Rule::new(Effect::DropAfter).operation("DeleteObjects"));
    cloud.push(&site, &["--retry-seconds", "1"]).expect_code(PART_WAY);
    cloud.faults().clear();
    site.write("gone.html", "here");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("gone.html"), "here");
    assert_eq!(cloud.visit("/gone.html"), (200, "here".to_owned()));
}

#[test]
fn a_strangers_file_that_an_unfinished_first_push_did_not_reach_is_not_deleted() {
    let cloud = Cloud::new();
    cloud.put_foreign("robots.txt", "somebody's");
    let site = Site::small();
    site.write("robots.txt", "ours");
    refuse(&cloud, "style.css");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert_eq!(cloud.body("robots.txt"), "somebody's");
    site.remove("robots.txt");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("robots.txt"), "somebody's");
}

#[test]
fn a_strangers_file_that_no_listing_showed_is_not_deleted_either() {
    let (cloud, hand) = with_clock();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    cloud.put_foreign("zebra.txt", "somebody's");
    hand.advance(Duration::from_secs(2));
    site.write("a.txt", "ours").write("zebra.txt", "ours");
    refuse(&cloud, "a.txt");
    refuse(&cloud, "zebra.txt");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    site.remove("zebra.txt");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("zebra.txt"), "somebody's");
}

#[test]
fn a_prune_that_cannot_make_the_live_release_whole_is_refused() {
    let cloud = Cloud::with_store(StoreOptions { versioning: Versioning::Off, ..store_options() });
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("about/index.html", "half of a push").write("index.html", "the other half");
    refuse(&cloud, "index.html");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    cloud.on_target("prune", &[]).explains(REFUSED, &["about/index.html"]);
    cloud.push(&Site::small(), &[]).success();
    assert!(cloud.body("about/index.html").contains("photo"), "the difference was not forgotten");
}

#[test]
fn a_rollback_drops_what_the_unfinished_push_before_it_let_be_cached() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("promo.html", "the promise");
    cloud.push(&site, &[]).success();
    site.remove("promo.html");
    cloud.push(&site, &[]).success();
    site.write("promo.html", "a mistake").write("index.html", "never published");
    refuse(&cloud, "index.html");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert_eq!(cloud.visit("/promo.html").1, "a mistake");
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.visit("/promo.html"), (200, "the promise".to_owned()));
}

#[test]
fn new_files_are_there_before_what_is_written_over_in_the_same_stage() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("app.js", "alone");
    cloud.push(&site, &[]).success();
    site.write("app.js", "import './chunk.js'").write("chunk.js", "needed");
    refuse(&cloud, "chunk.js");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    assert_eq!(cloud.body("app.js"), "alone");
}

#[test]
fn an_immutable_name_that_comes_back_with_other_bytes_is_dropped_from_the_caches() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.visit("/assets/more-CzQAN4l5.js").1, "console.log(2)");
    site.remove("assets/more-CzQAN4l5.js");
    cloud.push(&site, &[]).success();
    cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    site.write("assets/more-CzQAN4l5.js", "console.log('other')");
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("has other bytes now"), "{}", answer.stderr);
    assert_eq!(cloud.visit("/assets/more-CzQAN4l5.js").1, "console.log('other')");
}

#[test]
fn a_hashed_file_of_an_unfinished_push_is_dropped_from_the_caches_when_it_is_deleted() {
    const KEY: &str = "assets/late-K2m8vT4c.js";
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write(KEY, "of a release that never was").write("index.html", "which this was to be");
    refuse(&cloud, "index.html");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert_eq!(cloud.visit(&format!("/{KEY}")).1, "of a release that never was");
    site.remove(KEY);
    cloud.push(&site, &[]).success();
    // No record has ever named it.
    site.write(KEY, "of one that is");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.visit(&format!("/{KEY}")), (200, "of one that is".to_owned()));
}

#[test]
fn what_a_rule_made_immutable_is_demoted_too_when_its_bytes_change() {
    let cloud = Cloud::new();
    let site = Site::small();
    let rule = "[[rules]]\nmatch = \"logo.svg\"\ncache_control = \"max-age=31536000, immutable\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sitepush.toml");
    std::fs::write(&config, rule).expect("written");
    let config = config.to_str().expect("a plain path");
    site.write("logo.svg", "<svg/>");
    cloud.push(&site, &["--config", config]).success();
    assert!(cloud.cache_control("logo.svg").contains("immutable"), "an exact rule is believed");
    site.write("logo.svg", "<svg>2</svg>");
    let answer = cloud.push(&site, &["--config", config]).success();
    assert!(answer.stderr.contains("has other bytes now"), "{}", answer.stderr);
    assert!(!cloud.cache_control("logo.svg").contains("immutable"));
}

#[test]
fn a_rollback_does_not_make_immutable_again_what_was_demoted() {
    let cloud = Cloud::new();
    let site = Site::small();
    let rule = "[[rules]]\nmatch = \"logo.svg\"\ncache_control = \"max-age=31536000, immutable\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sitepush.toml");
    std::fs::write(&config, rule).expect("written");
    let config = config.to_str().expect("a plain path");
    site.write("logo.svg", "<svg/>");
    cloud.push(&site, &["--config", config]).success();
    site.write("logo.svg", "<svg>2</svg>");
    cloud.push(&site, &["--config", config]).success();
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.body("logo.svg"), "<svg/>");
    assert!(!cloud.cache_control("logo.svg").contains("immutable"), "{}", cloud.cache_control("logo.svg"));
}

#[test]
fn what_is_due_after_its_grace_does_not_stop_a_push() {
    let cloud = Cloud::new();
    let site = Site::small();
    let hashes =
        |salt: u32| (0..300_u32).map(move |number| format!("{:08x}", (number + salt) * 7_919 + 0x1a2b_3c4d));
    for hash in hashes(0) {
        site.write(&format!("assets/chunk-{hash}.js"), &hash);
    }
    cloud.push(&site, &[]).success();
    for hash in hashes(0) {
        site.remove(&format!("assets/chunk-{hash}.js"));
    }
    for hash in hashes(1000) {
        site.write(&format!("assets/chunk-{hash}.js"), &hash);
    }
    cloud.push(&site, &[]).success();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sitepush.toml");
    std::fs::write(&config, "[retention]\nkeep_releases = 1\nkeep_days = 0\n").expect("written");
    site.write("style.css", "new");
    let config = config.to_str().expect("a plain path");
    cloud.push(&site, &["--config", config]).success();
    assert!(cloud.site_keys().len() < 320, "300 chunks of the first release are gone");
}

#[test]
fn a_build_that_lost_its_hashed_files_is_refused() {
    let cloud = Cloud::new();
    let site = Site::small();
    let names: Vec<String> =
        (0..40_u32).map(|number| format!("assets/c-{:08x}.js", number * 7_919 + 0x1a2b_3c4d)).collect();
    for name in &names {
        site.write(name, name);
    }
    cloud.push(&site, &[]).success();
    for name in &names[1..] {
        site.remove(name);
    }
    cloud.push(&site, &[]).explains(REFUSED, &["hashed names", "--allow-shrink"]);
    cloud.push(&site, &["--allow-shrink"]).success();
}

#[test]
fn a_distribution_that_one_run_does_not_name_is_still_owed() {
    let cloud = Cloud::with_two_distributions(["", ""]);
    let site = Site::small();
    let both = ["--distribution", OTHER_DISTRIBUTION];
    cloud.push(&site, &both).success();
    site.write("style.css", "new");
    cloud.faults().add(Rule::access_denied().operation("CreateInvalidation"));
    cloud.push(&site, &both).expect_code(PART_WAY);
    cloud.faults().clear();
    site.write("index.html", "newer");
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains(&format!("--distribution {OTHER_DISTRIBUTION}")), "{}", answer.stderr);
    site.write("index.html", "newest");
    cloud.push(&site, &both).success();
    let told = cloud.target.control.invalidations(OTHER_DISTRIBUTION);
    assert!(told.iter().any(|record| record.items == ["/style.css"]), "{told:?}");
    let twice = cloud.target.control.invalidations(DISTRIBUTION);
    assert_eq!(twice.iter().filter(|record| record.items == ["/style.css"]).count(), 1, "{twice:?}");
}

#[test]
fn an_endpoint_that_ignores_one_of_the_two_conditions_keeps_no_promise_of_both() {
    let options = StoreOptions { conditional_writes: ConditionalWrites::IfMatchIgnored, ..store_options() };
    let cloud = Cloud::with_store(options);
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("style.css", "new");
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("ignores conditional writes"), "{}", answer.stderr);
    assert_eq!(cloud.store().keys(BUCKET).iter().filter(|key| key.ends_with("lock.json")).count(), 1);
}

/// A site that lost a page, and a bucket that has not heard of it.
fn site_without_its_page(cloud: &Cloud) -> Site {
    let site = Site::small();
    site.write("gone.html", "here");
    cloud.push(&site, &[]).success();
    site.remove("gone.html");
    site
}

/// That the release before the live one can be made live again, which needs its record.
fn assert_way_back(cloud: &Cloud, site: &Site) {
    site.write("index.html", "newer");
    cloud.push(site, &[]).success();
    cloud.on_target("rollback", &[]).success();
    assert!(!cloud.site_keys().contains(&"gone.html".to_owned()));
}

#[test]
fn a_release_that_only_deletes_gets_its_record_from_the_next_run_when_it_could_not_be_kept() {
    let cloud = Cloud::new();
    let site = site_without_its_page(&cloud);
    let rule = Rule::answer(StatusCode::BAD_REQUEST, "InvalidRequest");
    cloud.faults().add(rule.method(Method::PUT).key_prefix(".sitepush/releases/"));
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert_way_back(&cloud, &site);
}

#[test]
fn a_release_that_only_deletes_gets_its_record_from_the_next_run_when_its_commit_was_not_answered() {
    let cloud = Cloud::new();
    let site = site_without_its_page(&cloud);
    cloud.faults().add(Rule::new(Effect::DropAfter).method(Method::PUT).key(".sitepush/manifest.json.gz"));
    cloud.push(&site, &["--retry-seconds", "0"]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert_way_back(&cloud, &site);
}

#[test]
fn a_strangers_file_that_an_unfinished_first_push_gave_headers_is_not_deleted() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("robots.txt", "the same bytes");
    cloud.put_foreign("robots.txt", "the same bytes");
    refuse(&cloud, "index.html");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    cloud.faults().clear();
    assert!(cloud.cache_control("robots.txt").contains("must-revalidate"), "its headers were written");
    site.remove("robots.txt");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("robots.txt"), "the same bytes");
}

#[test]
fn a_target_below_this_one_that_was_never_finished_is_not_unknown() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    refuse(&cloud, "preview/7/index.html");
    cloud.push(&site, &["--prefix", "preview/7"]).expect_code(PART_WAY);
    cloud.faults().clear();
    let answer = cloud.on_target("prune", &["--prune-unknown", "--json", "--dry-run"]).success();
    assert_eq!(answer.json(), serde_json::json!([]));
}
