//! State in the bucket that is damaged, newer, or no state.

use super::*;

fn gzipped(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn with_manifest(bytes: Vec<u8>) -> Published {
    let published = Published::new();
    published.site.write("style.css", "new");
    published.cloud.put_foreign(".sitepush/manifest.json.gz", bytes);
    Published::with(published.cloud, published.site)
}

#[test]
fn a_damaged_manifest_is_not_published_over() {
    for bytes in [
        b"not gzip".to_vec(),
        Vec::new(),
        gzipped("{\"schema\": 1"),
        gzipped("{\"schema\": 1}"),
        gzipped("[]"),
    ] {
        let published = with_manifest(bytes);
        published.refuses(&[], REFUSED, &["`.sitepush/manifest.json.gz`", ".sitepush/releases/"]);
        published.refuses(&["--verify-remote", "--allow-shrink"], REFUSED, &["manifest"]);
    }
}

#[test]
fn a_manifest_of_a_newer_sitepush_is_left_to_it() {
    let published = with_manifest(gzipped("{\"schema\": 99, \"objects\": \"of another shape\"}"));
    published.refuses(&[], REFUSED, &["newer sitepush (format 99", "use the newest sitepush"]);
    for command in ["status", "releases", "rollback", "prune"] {
        let answer = published.cloud.run(&[command, "--bucket", BUCKET]);
        answer.explains(REFUSED, &["newer sitepush (format 99"]);
    }
    published.is_untouched();
}

#[test]
fn a_damaged_lock_is_not_taken_for_a_free_one() {
    for text in ["", "{", "{\"schema\": 1, \"state\": \"asleep\"}", "{\"schema\": 99, \"state\": \"free\"}"] {
        let published = Published::new();
        published.site.write("style.css", "new");
        published.cloud.put_foreign(".sitepush/lock.json", text);
        let published = Published::with(published.cloud, published.site);
        published.refuses(&[], REFUSED, &["`.sitepush/lock.json`"]);
    }
}

#[test]
fn a_saved_plan_that_is_none_is_refused() {
    let published = Published::new();
    published.site.write("plan.json", "{}");
    let plan = published.site.path().join("plan.json");
    let plan = plan.to_str().expect("a plain path");
    published.cloud.run(&["push", "--plan", plan]).explains(USAGE, &["plan.json`", "sitepush plan --out"]);
    published.cloud.run(&["push", "--plan", "nowhere.json"]).explains(USAGE, &["`nowhere.json`"]);
    published.is_untouched();
}

#[test]
fn commands_on_a_bucket_without_a_release_say_so() {
    let published = fresh(Site::small());
    for command in ["rollback", "prune"] {
        published.cloud.on_target(command, &[]).explains(USAGE, &["nothing"]);
    }
    published.is_untouched();
    published.cloud.on_target("status", &[]).success();
    published.cloud.on_target("releases", &[]).success();
}

#[test]
fn a_release_that_is_not_there_is_named() {
    let published = Published::new();
    published
        .cloud
        .on_target("rollback", &["20200101T000000Z-abcdef0"])
        .explains(USAGE, &["20200101T000000Z-abcdef0"]);
    published.is_untouched();
}
