//! Releases, rollback by copies of versions, and what is kept for it.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use crate::emulator::{Emulator, Kind};
use crate::support::{BUCKET, Site};

pub fn a_rollback_copies_the_earlier_versions(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &["--message", "first"]).success();
    let first = Site::small();
    site.write("index.html", "second").remove("about/index.html").write("new.html", "new");
    site.write("_headers", "/style.css\n  Cache-Control: no-store\n");
    emulator.push(&site, &["--message", "second"]).success();
    assert_eq!(emulator.cache_control("style.css"), "no-store");
    let answer = emulator.on_target("rollback", &["--json"]).success().json();
    assert_eq!(answer["outcome"]["uploaded_count"], 0);
    assert_eq!(answer["outcome"]["copied_count"], 2);
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    emulator.assert_is_published(&first, "");
    assert!(!emulator.site_keys().contains(&"new.html".to_owned()));
    let releases = emulator.on_target("releases", &["--json"]).success().json();
    let releases = releases.as_array().expect("a list");
    assert_eq!(releases.len(), 3);
    assert_eq!(releases[0]["kind"], "rollback");
    assert_eq!(releases[0]["is_live"], true);
}

pub fn without_versioning_the_plan_names_the_promise(emulator: &Emulator) {
    // A bucket that ever had versions cannot lose them: a new one.
    let bucket = "unversioned";
    // The AWS SDK cannot read moto's answer: see `lies`.
    let warning = match emulator.kind {
        Kind::Moto => "does not say whether the bucket keeps versions: without them, a rollback cannot",
        Kind::Ministack => "keeps no versions: a rollback cannot bring back",
    };
    emulator.create_bucket(bucket);
    let site = Site::small();
    let folder = site.path().to_str().expect("a plain path");
    let plan = emulator.run(&["plan", folder, "--bucket", bucket]).success();
    let told = format!("{}{}", plan.stdout, plan.stderr);
    assert!(told.contains(warning), "{told}");
    emulator.run(&["push", folder, "--bucket", bucket]).success();
    let off = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let suspend = emulator.s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(off);
    emulator.runtime.block_on(suspend.send()).expect("versioning can be suspended");
    let plan = emulator.on_target("plan", &[folder]).success();
    let told = format!("{}{}", plan.stdout, plan.stderr);
    assert!(told.contains(warning), "{told}");
}

pub fn without_versions_a_rollback_is_refused_before_anything_changes(emulator: &Emulator) {
    let bucket = "unversioned";
    emulator.create_bucket(bucket);
    let site = Site::small();
    let folder = site.path().to_str().expect("a plain path");
    emulator.run(&["push", folder, "--bucket", bucket]).success();
    site.write("style.css", "second");
    emulator.run(&["push", folder, "--bucket", bucket]).success();
    let e_tags = || {
        let listed = emulator.runtime.block_on(emulator.s3.list_objects_v2().bucket(bucket).send());
        let objects = listed.expect("a listing").contents.unwrap_or_default().into_iter();
        objects.map(|object| (object.key, object.e_tag, object.last_modified)).collect::<Vec<_>>()
    };
    let before = e_tags();
    emulator.run(&["rollback", "--bucket", bucket]).explains(3, &["style.css"]);
    assert_eq!(e_tags(), before);
}

pub fn prune_deletes_what_no_kept_release_needs(emulator: &Emulator) {
    let old = "assets/photo-D0KLVOtM.png";
    let site = Site::small();
    emulator.push(&site, &[]).success();
    site.rename(old, "assets/photo-B7bbbQ2x.png").write("index.html", "two");
    emulator.push(&site, &[]).success();
    emulator.on_target("prune", &["--keep", "1", "--days", "0", "--dry-run"]).success();
    assert!(emulator.site_keys().contains(&old.to_owned()));
    emulator.on_target("prune", &["--keep", "1", "--days", "0"]).success();
    assert!(!emulator.site_keys().contains(&old.to_owned()));
    emulator.assert_is_published(&site, "");
}
