//! Objects of somebody else's at keys that a build wants: no push that trusts its record writes over one unseen, and
//! no visitor keeps a copy of it.

mod support;

use sitepush::local::faults::{Effect, Rule};
use sitepush::local::s3::{ConditionalWrites, StoreOptions};
use sitepush::local::target::store_options;
use support::{Answer, BUCKET, Cloud, Site};

const PART_WAY: i32 = 1;

/// More than one part has.
const LARGE: usize = (16 << 20) + 1;

/// The change that `run` makes wants `key`, where a stranger's object lies that somebody has seen: it is found, left
/// alone, and written over by the second run, whose visitors get `expected`.
fn is_found_and_then_taken(cloud: &Cloud, key: &str, expected: &[u8], run: &dyn Fn() -> Answer) {
    cloud.put_foreign(key, "theirs");
    assert_eq!(cloud.visit(&format!("/{key}")).1, "theirs");
    let words = [key, "somebody else's object is there", "run the command again to write over it"];
    let answer = run().explains(PART_WAY, &words);
    assert_eq!(cloud.body(key), "theirs", "{}", answer.stderr);
    run().success();
    let there = cloud.store().object(BUCKET, key).expect("it is there").bytes;
    assert!(there == expected, "`{key}` is ours now");
    assert!(cloud.visit(&format!("/{key}")).1.as_bytes() == expected, "visitors of `{key}` get ours");
}

#[test]
fn a_strangers_object_under_the_name_of_a_new_file_is_found() {
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    site.write("promo.html", "ours");
    is_found_and_then_taken(&cloud, "promo.html", b"ours", &|| cloud.push(&site, &[]));
}

#[test]
fn a_strangers_object_under_a_new_hashed_name_is_found() {
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    site.write("assets/promo-K2m8vT4c.js", "ours");
    is_found_and_then_taken(&cloud, "assets/promo-K2m8vT4c.js", b"ours", &|| cloud.push(&site, &[]));
}

#[test]
fn a_strangers_object_under_a_name_that_gets_the_bytes_of_another_is_found() {
    let (cloud, site) = (Cloud::new(), Site::small());
    site.write("style.css", "the same");
    cloud.push(&site, &[]).success();
    site.write("promo.css", "the same");
    is_found_and_then_taken(&cloud, "promo.css", b"the same", &|| cloud.push(&site, &[]));
}

#[test]
fn a_strangers_object_under_the_name_of_a_large_new_file_is_found() {
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    let large = vec![7; LARGE];
    site.write("promo.bin", &large);
    is_found_and_then_taken(&cloud, "promo.bin", &large, &|| cloud.push(&site, &[]));
}

#[test]
fn a_strangers_object_under_a_name_that_a_rollback_brings_back_is_found() {
    let (cloud, site) = (Cloud::new(), Site::small());
    site.write("promo.html", "ours");
    cloud.push(&site, &[]).success();
    site.remove("promo.html");
    cloud.push(&site, &[]).success();
    is_found_and_then_taken(&cloud, "promo.html", b"ours", &|| cloud.on_target("rollback", &[]));
}

#[test]
fn a_strangers_object_that_was_seen_with_a_kept_name_is_dropped_from_the_caches_when_the_name_comes_back() {
    const KEY: &str = "assets/more-CzQAN4l5.js";
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    site.remove(KEY);
    cloud.push(&site, &[]).success();
    cloud.put_foreign(KEY, "theirs");
    site.write("index.html", "another");
    cloud.push(&site, &["--verify-remote"]).success();
    assert_eq!(cloud.visit(&format!("/{KEY}")).1, "theirs");
    site.write(KEY, "console.log(2)");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.visit(&format!("/{KEY}")), (200, "console.log(2)".to_owned()));
}

#[test]
fn a_new_file_whose_write_was_not_answered_is_known_for_our_own() {
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    // A small file, one in parts, and a copy.
    site.write("promo.html", "ours").write("promo.bin", vec![7; LARGE]);
    site.write("promo.css", "body { color: black }");
    for (operation, key) in
        [("PutObject", "promo.html"), ("CompleteMultipartUpload", "promo.bin"), ("CopyObject", "promo.css")]
    {
        cloud.faults().add(Rule::new(Effect::DropAfter).operation(operation).key(key).times(1));
    }
    let answer = cloud.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["copied_count"], 1, "{answer}");
    cloud.faults().clear();
    assert_eq!(cloud.body("promo.html"), "ours");
    let before = cloud.contents();
    cloud.push(&site, &["--verify-remote"]).success();
    cloud.is_as_it_was(&before, "the record knows what is there");
}

#[test]
fn an_endpoint_without_conditional_writes_is_not_asked_for_them() {
    let options = StoreOptions { conditional_writes: ConditionalWrites::Ignored, ..store_options() };
    let (cloud, site) = (Cloud::with_store(options), Site::small());
    cloud.push(&site, &[]).success();
    cloud.put_foreign("promo.html", "theirs");
    site.write("promo.html", "ours");
    cloud.store().clear_requests();
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("ignores conditional writes"), "{}", answer.stderr);
    let requests = cloud.store().requests();
    let write = requests.iter().find(|request| request.key.as_deref() == Some("promo.html"));
    assert_eq!(write.expect("it was written").header("if-none-match"), None);
    assert_eq!(cloud.body("promo.html"), "ours");
}

#[test]
fn a_strangers_object_that_a_push_left_alone_is_left_alone_by_the_next_one_too() {
    let (cloud, site) = (Cloud::new(), Site::small());
    cloud.push(&site, &[]).success();
    cloud.put_foreign("feed.xml", "theirs");
    site.write("feed.xml", "ours").write("assets/late-K2m8vT4c.js", "of a release that never was");
    cloud.push(&site, &[]).expect_code(PART_WAY);
    assert!(cloud.site_keys().contains(&"assets/late-K2m8vT4c.js".to_owned()), "it came first");
    // They go on writing it, and the name is given up.
    cloud.put_foreign("feed.xml", "theirs, of today");
    site.remove("feed.xml").remove("assets/late-K2m8vT4c.js");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("feed.xml"), "theirs, of today");
    assert!(!cloud.site_keys().contains(&"assets/late-K2m8vT4c.js".to_owned()), "what was ours goes");
}

/// No folder can hold files of these names; somebody else's program can write them.
#[test]
fn a_strangers_object_under_a_name_that_no_file_can_have_is_left_alone() {
    let foreign = ["/leading", "a//b", "assets//app-DRXg7gsA.js", "trailing/"];
    let (cloud, site) = (Cloud::new(), Site::small());
    for key in foreign {
        cloud.put_foreign(key, "theirs");
    }
    let is_left_alone = || {
        for key in foreign {
            assert_eq!(cloud.body(key), "theirs", "`{key}`");
            let versions = cloud.store().versions(BUCKET).into_iter();
            assert_eq!(versions.filter(|version| version.key == key).count(), 1, "`{key}`");
        }
        assert_eq!(cloud.site_keys().len(), 6 + foreign.len());
    };
    // Found without a record, by a run that looks at the bucket, and by one that deletes.
    cloud.push(&site, &[]).success();
    is_left_alone();
    site.write("style.css", "new");
    cloud.push(&site, &["--verify-remote"]).success();
    is_left_alone();
    site.remove("style.css").remove("assets/more-CzQAN4l5.js").write("a/b", "ours").write("leading", "ours");
    cloud.push(&site, &["--verify-remote"]).success();
    site.remove("a/b").remove("leading").write("style.css", "newer");
    cloud.push(&site, &[]).success();
    cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    site.write("assets/more-CzQAN4l5.js", "console.log(2)");
    cloud.push(&site, &[]).success();
    is_left_alone();
    // Nor are they unknown objects that can be pruned.
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["unknown"], serde_json::json!([]), "{status:#}");
    cloud.on_target("prune", &["--prune-unknown", "--yes"]).success();
    is_left_alone();
}
