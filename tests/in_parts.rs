//! Records in parts, end to end: what a push reads and writes of them, and what happens when one is gone.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::Value;
use sitepush::core::manifest::Root;
use sitepush::local::faults::{Effect, Gate, Rule};
use sitepush::local::s3::{ConditionalWrites, StoreOptions};
use sitepush::local::target::store_options;
use support::{
    BUCKET, Cloud, DISTRIBUTION, OTHER_DISTRIBUTION, Site, idle_parts, record_in, records_in_parts,
    wrong_records,
};

const RECORD: &str = ".sitepush/manifest.json.gz";
const LOCK: &str = ".sitepush/lock.json";
const PARTS: &str = ".sitepush/parts/";

/// A distribution without cache tags, and records in parts from the first object on.
fn in_parts() -> Cloud {
    Cloud::without_tags().configured(&records_in_parts(1))
}

/// A site of sixty pages and a picture.
fn site() -> Site {
    let site = Site::new();
    for page in 0..60 {
        site.write(&format!("p{page:02}.html"), format!("page {page}"));
    }
    site.write("picture.png", "a picture");
    site
}

/// How many parts were read and written since the last call.
fn parts_asked_for(cloud: &Cloud) -> (usize, usize) {
    let requests = cloud.requests();
    let count = |method: &str| {
        let of_part = format!("{method} {PARTS}");
        requests.iter().filter(|request| request.starts_with(&of_part)).count()
    };
    (count("GET"), count("PUT"))
}

fn parts(cloud: &Cloud) -> Vec<String> {
    cloud.store().keys(BUCKET).into_iter().filter(|key| key.starts_with(PARTS)).collect()
}

#[track_caller]
fn assert_in_order(cloud: &Cloud) {
    let snapshot = cloud.store().snapshot(BUCKET);
    assert_eq!(wrong_records(&snapshot), Vec::<String>::new());
    assert_eq!(idle_parts(&snapshot), Vec::<String>::new());
}

#[test]
fn a_push_reads_and_writes_only_the_parts_that_it_changes() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    let (read, written) = parts_asked_for(&cloud);
    assert!(read == 0 && written > 8, "{written} parts");
    assert_eq!(cloud.record(RECORD).objects.len(), 61);

    cloud.push(&site, &[]).success();
    assert_eq!(cloud.requests().len(), 2, "the same build");

    site.write("p30.html", "another page");
    cloud.push(&site, &[]).success();
    assert_eq!(parts_asked_for(&cloud), (1, 1), "one page edited");
    assert_eq!(cloud.body("p30.html"), "another page");
    assert_in_order(&cloud);
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!((&status["drift"], &status["unknown"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn a_file_with_the_bytes_of_one_that_was_not_asked_about_is_sent() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    site.write("zz/picture.png", "a picture");
    cloud.requests();
    cloud.push(&site, &[]).success();
    let requests = cloud.requests();
    let sent = requests.iter().filter(|request| *request == "PUT zz/picture.png");
    assert_eq!(sent.count(), 1, "no copy was tried: {requests:?}");
    assert_eq!(cloud.body("zz/picture.png"), "a picture");
    assert_in_order(&cloud);
}

#[test]
fn a_repair_is_recorded_although_the_build_wants_what_it_wanted() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    let version = |key: &str| cloud.store().object(BUCKET, key).expect("it is there").version_id.clone();
    let before = version("p30.html");
    cloud.store().delete_foreign(BUCKET, "p30.html");
    cloud.requests();
    cloud.push(&site, &["--verify-remote"]).success();
    assert_ne!(version("p30.html"), before);
    for (key, object) in cloud.record(RECORD).objects {
        assert_eq!(object.version_id.as_deref(), version(key.as_str()).as_deref(), "{key}");
    }
    let (read, written) = parts_asked_for(&cloud);
    assert!(read > 8 && written == 1, "{read} and {written}");
    site.write("p31.html", "edited");
    cloud.push(&site, &[]).success();
    assert_eq!(parts_asked_for(&cloud), (1, 1), "and then as ever");
    assert_in_order(&cloud);
}

#[test]
fn a_rollback_finds_the_parts_of_its_release() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    let first = cloud.store().snapshot(BUCKET);
    for page in [3, 17, 44] {
        site.write(&format!("p{page:02}.html"), "edited");
    }
    site.remove("p05.html");
    cloud.push(&site, &[]).success();
    cloud.on_target("rollback", &[]).success();
    let now = cloud.store().snapshot(BUCKET);
    for key in cloud.site_keys() {
        assert_eq!(now.get(&key), first.get(&key), "{key}");
    }
    assert_eq!(cloud.site_keys().len(), 61);
    assert_in_order(&cloud);
}

#[test]
fn records_go_from_one_piece_to_parts_and_back() {
    let (cloud, site) = (Cloud::without_tags(), site());
    cloud.push(&site, &[]).success();
    let releases = |cloud: &Cloud| cloud.record(RECORD).history.len();
    assert_eq!((parts(&cloud).len(), releases(&cloud)), (0, 1));
    let cloud = cloud.configured(&records_in_parts(1));
    cloud.push(&site, &[]).success();
    assert_eq!(parts(&cloud).len(), 0, "nothing changed");
    site.write("p01.html", "edited");
    cloud.push(&site, &[]).success();
    assert!(parts(&cloud).len() > 8, "{:?}", parts(&cloud));
    let cloud = cloud.configured(&records_in_parts(1000));
    site.write("p02.html", "edited");
    cloud.push(&site, &[]).success();
    let root = |cloud: &Cloud| {
        let file = cloud.store().object(BUCKET, RECORD).expect("a record");
        Root::decode(&file.bytes).expect("a record")
    };
    assert!(root(&cloud).parts().is_empty(), "in one piece again");
    assert!(!parts(&cloud).is_empty(), "the release before has its parts still");
    assert_in_order(&cloud);
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.body("p02.html"), "page 2");
    assert_in_order(&cloud);
}

#[test]
fn parts_are_deleted_with_the_last_release_that_has_them() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    let first = parts(&cloud);
    for push in 0..50 {
        // Every page in turn, so that no part of the first release stays.
        site.write(&format!("p{push:02}.html"), format!("edited {push}"));
        cloud.push(&site, &[]).success();
    }
    assert_in_order(&cloud);
    let now = parts(&cloud);
    let gone = first.iter().filter(|part| !now.contains(part)).count();
    assert!(gone > 0, "the first release is forgotten, and its parts are all there");
    assert_eq!(cloud.record(RECORD).history.len(), 50);
}

#[test]
fn a_part_that_is_gone_or_damaged_is_told_and_nothing_is_changed() {
    let damage: [fn(&Cloud, &str); 2] = [
        |cloud, part| cloud.store().delete_foreign(BUCKET, part),
        |cloud, part| cloud.put_foreign(part, "junk"),
    ];
    for (damage, words) in damage.iter().zip(["is missing", "is not what was written there"]) {
        let (cloud, site) = (in_parts(), site());
        cloud.push(&site, &[]).success();
        for part in parts(&cloud) {
            damage(&cloud, &part);
        }
        let before = cloud.contents();
        site.write("p30.html", "edited");
        let name = [".sitepush/parts/", words, "the bucket's versions"];
        cloud.push(&site, &[]).explains(3, &name);
        cloud.on_target("status", &[]).explains(3, &name);
        cloud.push(&site, &["--verify-remote"]).explains(3, &name);
        cloud.is_as_it_was(&before, words);
        // The way out that the hint tells.
        cloud.store().delete_foreign(BUCKET, RECORD);
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("p30.html"), "edited");
        assert_eq!(wrong_records(&cloud.store().snapshot(BUCKET)), Vec::<String>::new());
    }
}

#[test]
fn a_distribution_that_reads_tags_and_comes_later_gets_them_on_all_pages() {
    let (cloud, site) = (in_parts(), Site::new());
    for page in 0..30 {
        site.write(&format!("p{page:02}.html"), "<script src=\"/assets/app-DRXg7gsA.js\">");
    }
    site.write("assets/app-DRXg7gsA.js", "a script").write("data.json", "{}");
    cloud.push(&site, &[]).success();
    let on_other = |command: &str, more: &[&str]| {
        let folder = site.path().to_str().expect("a plain path");
        let target = [command, folder, "--bucket", BUCKET, "--distribution", OTHER_DISTRIBUTION];
        cloud.run(&[&target, more].concat())
    };
    let plan = on_other("plan", &["--json"]).success();
    let changes = plan.json()["changes"].as_array().expect("a list").clone();
    assert_eq!(changes.len(), 30);
    assert!(changes.iter().all(|change| change["action"] == "update-headers"), "{changes:?}");
    cloud.requests();
    on_other("push", &[]).success();
    let written = cloud.requests().iter().filter(|request| request.starts_with("PUT p")).count();
    assert_eq!(written, 30, "each by one copy onto itself");
    assert_in_order(&cloud);
}

#[test]
fn parts_that_a_run_wrote_for_no_record_go_with_the_next_run_even_if_it_has_nothing_else_to_do() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    // As a run leaves it that died before it wrote its record.
    let part = parts(&cloud).swap_remove(0);
    let left = part.replace(".json.gz", "").rsplit_once('-').expect("a digest").0.to_owned();
    let left = format!("{left}-00000000000000000000000000000000.json.gz");
    cloud.put_foreign(&left, "a part");
    let lock = serde_json::json!({ "schema": 1, "state": "unfinished", "since": "2026-01-01T00:00:00Z" });
    cloud.put_foreign(LOCK, lock.to_string());
    let e_tag = || cloud.store().object(BUCKET, RECORD).expect("a record").e_tag.clone();
    let before = e_tag();
    cloud.push(&site, &[]).success();
    assert_ne!(e_tag(), before, "whoever was about to write a record that has the part must not come to it");
    assert!(!parts(&cloud).contains(&left), "{:?}", parts(&cloud));
    assert_in_order(&cloud);
    assert_eq!(cloud.record(RECORD).history.len(), 1, "that is no release");
    cloud.requests();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.requests().len(), 2);
    // Nor does it need a run that did not end: whoever compares the bucket finds it, and says so first.
    cloud.put_foreign(&left, "a part");
    let compares = ["--verify-remote", "--dry-run"];
    let told = cloud.push(&site, &compares).success();
    assert!(told.stderr.contains("the record is written anew"), "{}", told.stderr);
    assert!(parts(&cloud).contains(&left));
    cloud.push(&site, &["--verify-remote"]).success();
    assert!(!parts(&cloud).contains(&left), "{:?}", parts(&cloud));
    assert_in_order(&cloud);
}

#[test]
fn without_conditional_writes_a_part_stays_that_a_run_may_yet_make_a_record_of() {
    let options = StoreOptions { conditional_writes: ConditionalWrites::Ignored, ..store_options() };
    let (cloud, site) = (Cloud::with_store(options).configured(&records_in_parts(1)), site());
    cloud.push(&site, &[]).success();
    let part = parts(&cloud).swap_remove(0);
    let left = part.replace(".json.gz", "").rsplit_once('-').expect("a digest").0.to_owned();
    let left = format!("{left}-00000000000000000000000000000000.json.gz");
    cloud.put_foreign(&left, "a part");
    let manifest = || cloud.store().object(BUCKET, RECORD).expect("a record").e_tag.clone();
    let before = manifest();
    cloud.push(&site, &["--verify-remote"]).success();
    assert_eq!(manifest(), before, "there is nothing to do");
    site.write("p30.html", "edited");
    cloud.push(&site, &["--verify-remote"]).success();
    assert!(parts(&cloud).contains(&left));
}

#[test]
fn a_damaged_part_keeps_nobody_from_unlocking_and_from_the_list_of_releases() {
    let (cloud, site) = (in_parts(), site());
    cloud.push(&site, &[]).success();
    for part in parts(&cloud) {
        cloud.store().delete_foreign(BUCKET, &part);
    }
    let held = serde_json::json!({
        "schema": 1, "state": "held", "started": "2026-01-01T00:00:00Z", "expires": "2999-01-01T00:00:00Z",
        "holder": { "owner": "eve@elsewhere", "process_id": 7, "machine": "another", "nonce": "0123456789abcdef" }
    });
    cloud.put_foreign(LOCK, held.to_string());
    cloud.on_target("unlock", &["--force"]).success();
    let lock = cloud.store().object(BUCKET, LOCK).expect("a lock").bytes;
    assert!(String::from_utf8_lossy(&lock).contains("unfinished"), "{lock:?}");
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases.as_array().map(Vec::len), Some(1));
    // Nor does a first file that nobody can read.
    cloud.put_foreign(RECORD, "no record");
    cloud.put_foreign(LOCK, held.to_string());
    cloud.on_target("unlock", &["--force"]).success();
    let lock = cloud.store().object(BUCKET, LOCK).expect("a lock").bytes;
    assert!(String::from_utf8_lossy(&lock).contains("unfinished"), "{lock:?}");
}

#[test]
fn where_the_live_record_is_gone_or_an_older_one_the_parts_of_the_others_stay() {
    let losses: [fn(&Cloud, &[String]); 2] = [
        // As the hint for a damaged record says.
        |cloud, _| cloud.store().delete_foreign(BUCKET, RECORD),
        |cloud, releases| {
            let oldest = cloud.store().object(BUCKET, &releases[0]).expect("a record").bytes;
            cloud.put_foreign(RECORD, oldest);
        },
    ];
    for lose in losses {
        let (cloud, site) = (in_parts(), site());
        for push in 0..3 {
            site.write("p30.html", format!("edited {push}"));
            cloud.push(&site, &[]).success();
        }
        let records = || {
            let snapshot = cloud.store().snapshot(BUCKET);
            let keys = snapshot.keys().filter(|key| key.starts_with(".sitepush/releases/"));
            keys.map(|key| (key.clone(), record_in(&snapshot, key))).collect::<BTreeMap<_, _>>()
        };
        let before = records();
        assert_eq!(before.len(), 3);
        lose(&cloud, &before.keys().cloned().collect::<Vec<_>>());
        // Whoever pushes without knowing of the others may give a release the name of one of the same second.
        std::thread::sleep(Duration::from_millis(1100));
        let mut own = BTreeSet::new();
        for push in 3..6 {
            // Each time a run has died, so that the next one looks for what it left.
            let lock =
                serde_json::json!({ "schema": 1, "state": "unfinished", "since": "2026-01-01T00:00:00Z" });
            cloud.put_foreign(LOCK, lock.to_string());
            site.write("p31.html", format!("edited {push}"));
            cloud.push(&site, &[]).success();
            own.insert(format!(".sitepush/releases/{}.json.gz", cloud.record(RECORD).release.id));
        }
        let after = records();
        assert!(before.keys().all(|key| !own.contains(key)));
        for (key, record) in &before {
            assert!(record.is_ok() && after.get(key) == Some(record), "`{key}` can be brought back");
        }
    }
}

#[test]
fn a_commit_that_comes_after_another_run_has_cleaned_up_does_not_go_live() {
    // Without a distribution nothing is owed, and of the run that cleans up nothing else would differ from before.
    let (cloud, build) = (in_parts(), site());
    let push = |build: &Site| {
        cloud.command(&["push", build.path().to_str().expect("a plain path"), "--bucket", BUCKET])
    };
    assert!(push(&build).output().expect("it starts").status.success());
    let first = cloud.record(RECORD);
    let smaller = site();
    smaller.remove("p05.html");
    let gate = Gate::closed();
    let of_record = Rule::new(Effect::Hold(gate.clone())).method(Method::PUT).key(RECORD).times(1);
    cloud.faults().add(of_record);
    cloud.requests();
    let held_up = push(&smaller).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let is_on_its_way = || {
        let requests = cloud.store().requests();
        requests.iter().any(|request| request.method == Method::PUT && request.key.as_deref() == Some(RECORD))
    };
    let started = Instant::now();
    while !is_on_its_way() {
        assert!(started.elapsed() < Duration::from_secs(30), "the commit is not on its way");
        std::thread::sleep(Duration::from_millis(5));
    }
    cloud.run(&["unlock", "--bucket", BUCKET, "--force"]).success();
    assert!(push(&build).output().expect("it starts").status.success(), "the build of before, pushed again");
    gate.open();
    let output = held_up.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_in_order(&cloud);
    assert_eq!(cloud.record(RECORD).objects, first.objects);
    assert_eq!(cloud.body("p05.html"), "page 5");
}

/// Makes what the record knows of distributions as old as it may not be.
fn age_facts(cloud: &Cloud) {
    let file = cloud.store().object(BUCKET, RECORD).expect("a record");
    let mut text = String::new();
    GzDecoder::new(&*file.bytes).read_to_string(&mut text).expect("lines of JSON");
    let (first, rest) = text.split_once('\n').expect("a first line");
    let mut first: Value = serde_json::from_str(first).expect("JSON");
    first["distributions"][DISTRIBUTION]["checked_at"] = "2026-01-01T00:00:00Z".into();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    write!(packed, "{first}\n{rest}").expect("written to memory");
    cloud.put_foreign(RECORD, packed.finish().expect("written to memory"));
}

#[test]
fn when_a_distribution_begins_to_read_tags_all_pages_get_theirs() {
    let (cloud, site) = (in_parts(), Site::new());
    for page in 0..30 {
        site.write(&format!("p{page:02}.html"), "<script src=\"/assets/app-DRXg7gsA.js\">");
    }
    site.write("assets/app-DRXg7gsA.js", "a script").write("data.json", "{}");
    cloud.push(&site, &[]).success();
    let cloud = cloud.with_tags();
    age_facts(&cloud);
    site.write("data.json", "{ }");
    cloud.requests();
    cloud.push(&site, &[]).success();
    let requests = cloud.requests();
    let written = requests.iter().filter(|request| request.starts_with("PUT p"));
    assert_eq!(
        written.count(),
        30,
        "each by one copy onto itself, on the condition of its ETag: {requests:?}"
    );
    let tag = |key: &str| {
        let object = cloud.store().object(BUCKET, key).expect("it is there");
        object.headers.metadata().and_then(|metadata| metadata.get("cache-tag").cloned())
    };
    for page in 0..30 {
        assert_eq!(
            tag(&format!("p{page:02}.html")).as_deref(),
            Some("uses:assets/app-drxg7gsa.js"),
            "{page}"
        );
    }
    assert_eq!(cloud.body("data.json"), "{ }");
    assert_in_order(&cloud);
}

#[test]
fn where_tags_are_read_the_same_is_dropped_from_the_caches_as_with_a_record_in_one_piece() {
    // The same days with the record in one piece: what is dropped from the caches must not differ.
    let days = |text: &str| {
        let (cloud, site) = (Cloud::new().configured(text), Site::new());
        for number in 0..40 {
            let bundle = if number < 4 { "DRXg7gsA" } else { "CzQAN4l5" };
            site.write(&format!("{number:02}.html"), format!("<script src=\"/assets/app-{bundle}.js\">"));
        }
        for bundle in ["DRXg7gsA", "CzQAN4l5", "B7bbbQ2x"] {
            site.write(&format!("assets/app-{bundle}.js"), bundle);
        }
        cloud.push(&site, &[]).success();
        for number in 0..4 {
            site.write(&format!("{number:02}.html"), "<script src=\"/assets/app-B7bbbQ2x.js\">");
        }
        cloud.push(&site, &[]).success();
        cloud.invalidated()
    };
    let expected = days("");
    assert_eq!(expected, [["#uses:assets/app-drxg7gsa.js"]]);
    assert_eq!(days(&records_in_parts(1)), expected);
}
