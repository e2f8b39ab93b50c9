//! What a run leaves behind as a value: two ways to the same build must leave the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sitepush::core::digest::Sha256Digest;
use sitepush::core::e_tag::ETag;
use sitepush::core::manifest::parts::Parts;
use sitepush::core::manifest::{Manifest, StoredObject};
use sitepush::core::release::{Origin, ReleaseId, ReleaseSummary};
use sitepush::local::control::InvalidationRecord;
use sitepush::local::s3::ObjectHeaders;

use crate::support::{BUCKET, Cloud, DISTRIBUTION, idle_parts, record_in, wrong_records};

pub const MANIFEST: &str = ".sitepush/manifest.json.gz";

/// An object as visitors can get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub text: String,
    pub headers: ObjectHeaders,
}

/// The site without sitepush's own files.
pub type Site = BTreeMap<String, Published>;

/// Everything that the next run builds on.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    pub site: Site,
    /// Without ids, times, ETags and versions, and without what was owed: that it is paid is asked of `status`.
    pub record: Manifest,
}

pub fn published(cloud: &Cloud) -> Site {
    let object = |key: String| {
        let object = cloud.store().object(BUCKET, &key).expect("it is listed");
        let text = String::from_utf8_lossy(&object.bytes).into_owned();
        (key, Published { text, headers: (*object.headers).clone() })
    };
    cloud.site_keys().into_iter().map(object).collect()
}

/// Reads what is left, and makes sure that the record tells the truth of the bucket.
#[track_caller]
pub fn left(cloud: &Cloud) -> Left {
    let file = cloud.store().object(BUCKET, MANIFEST).expect("there is a live release");
    let snapshot = cloud.store().snapshot(BUCKET);
    let manifest = record_in(&snapshot, MANIFEST).expect("a record");
    assert_eq!(wrong_records(&snapshot), Vec::<String>::new());
    assert_eq!(idle_parts(&snapshot), Vec::<String>::new(), "parts that no record has");
    for (key, recorded) in &manifest.objects {
        let there = cloud.store().object(BUCKET, key.as_str()).expect("what is recorded is there");
        let e_tag = ETag::from(there.e_tag.trim_matches('"'));
        let of_bucket = (&e_tag, there.version_id.as_deref(), Sha256Digest::of(&there.bytes));
        let of_record = (&recorded.e_tag, recorded.version_id.as_deref(), recorded.sha256);
        assert_eq!(of_record, of_bucket, "the record of `{key}`, and what is there");
    }
    let kept: BTreeSet<String> =
        manifest.history.iter().map(|release| format!(".sitepush/releases/{}.json.gz", release.id)).collect();
    let state = cloud.store().keys(BUCKET).into_iter();
    let records: BTreeSet<String> = state.filter(|key| key.starts_with(".sitepush/releases/")).collect();
    assert_eq!(records, kept, "a record for each release of the history, and no other");
    let own = format!(".sitepush/releases/{}.json.gz", manifest.release.id);
    let own = cloud.store().object(BUCKET, &own).expect("it was just listed");
    assert!(own.bytes == file.bytes, "the live release's record is another than the live one");
    Left { site: published(cloud), record: blank(manifest) }
}

/// What CloudFront was told, sorted: of each invalidation the caller reference, and the items.
pub type Told = Vec<(String, Vec<String>)>;

/// Reads it. Of a reference there is what does not depend on the time: whether it names the live release, and the place of
/// the batch in it.
#[track_caller]
pub fn told(cloud: &Cloud) -> Told {
    let live = cloud.record(MANIFEST).release.id.to_string();
    let told = |record: InvalidationRecord| {
        let (place, _) = record.caller_reference.rsplit_once('-').expect("a digest is at its end");
        let (release, index) = place.rsplit_once('-').expect("the number of the batch comes before");
        let release = if release.ends_with(&live) { "live" } else { "earlier" };
        (format!("{release}-{index}"), record.items)
    };
    let mut told: Told = cloud.target.control.invalidations(DISTRIBUTION).into_iter().map(told).collect();
    told.sort();
    told
}

/// An invalidation that is owed is made once: those of a run that was killed, and of the next one, are those of a calm
/// run. Before the commit nothing is owed, and the next run may know less of the pages that lie there: it may have to name
/// paths where the calm one names tags.
#[track_caller]
pub fn assert_told_once(cloud: &Cloud, calm: &Told, is_committed: bool, what: &str) {
    let told = told(cloud);
    if is_committed {
        assert_eq!(told, *calm, "{what}: the invalidations");
    } else {
        let references =
            |told: &Told| told.iter().map(|(reference, _)| reference.clone()).collect::<Vec<_>>();
        assert_eq!(references(&told), references(calm), "{what}: the invalidations, {told:?}");
    }
}

fn blank(mut manifest: Manifest) -> Manifest {
    blank_summary(&mut manifest.release);
    manifest.history.iter_mut().for_each(blank_summary);
    manifest.objects.values_mut().for_each(blank_object);
    // What was due is deleted, or the lock would not say that all is settled. The record of a run that went on where another
    // had ended has it no more; that of a calm one has it until the next release.
    let (due, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(&mut manifest.stale).into_iter().partition(|(_, stale)| stale.is_due);
    let gone = due.iter().filter(|(_, stale)| stale.object.is_lasting());
    manifest.retired = manifest.retired.with(gone.map(|(key, stale)| (key, stale.object.sha256)));
    manifest.stale = kept;
    for stale in manifest.stale.values_mut() {
        blank_object(&mut stale.object);
        (stale.last_release, stale.left_at) = (no_release(), Timestamp::UNIX_EPOCH);
    }
    manifest.demoted.values_mut().for_each(|release| *release = no_release());
    for facts in manifest.distributions.values_mut() {
        facts.checked_at = Timestamp::UNIX_EPOCH;
    }
    manifest.owed.clear();
    manifest.unseen_since = None;
    manifest.parts = Parts::default();
    manifest.written_by.clear();
    manifest
}

fn blank_summary(summary: &mut ReleaseSummary) {
    (summary.id, summary.time) = (no_release(), Timestamp::UNIX_EPOCH);
    if let Origin::Rollback { to } = &mut summary.origin {
        *to = no_release();
    }
}

fn blank_object(object: &mut Arc<StoredObject>) {
    let object = Arc::make_mut(object);
    object.e_tag = ETag::from("");
    object.version_id = None;
}

fn no_release() -> ReleaseId {
    ReleaseId::derive(Timestamp::UNIX_EPOCH, None)
}

/// Compares piece by piece, so that what differs can be read.
#[track_caller]
pub fn assert_same(found: &Left, expected: &Left, what: &str) {
    assert_same_site(&found.site, &expected.site, what);
    assert_eq!(found.record.history, expected.record.history, "{what}: the history");
    assert_eq!(found.record.objects, expected.record.objects, "{what}: the record");
    assert_eq!(found.record.stale, expected.record.stale, "{what}: what is kept");
    assert_eq!(found.record, expected.record, "{what}");
}

/// The same for the part that visitors see.
#[track_caller]
pub fn assert_same_site(found: &Site, expected: &Site, what: &str) {
    let keys = |site: &Site| site.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected), "{what}: which keys there are");
    for (key, object) in found {
        assert_eq!(object, &expected[key], "{what}: `{key}`");
    }
}

/// Nobody is at work, nothing is owed, and the bucket is as the record says.
#[track_caller]
pub fn assert_settled(cloud: &Cloud, what: &str) {
    let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["lock"], "free", "{what}: {status:#}");
    for name in ["debts", "drift", "unknown"] {
        assert_eq!(status[name], serde_json::json!([]), "{what}: {status:#}");
    }
}
