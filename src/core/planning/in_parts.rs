//! A record in parts tells no more and no less than one in a piece: the same plans, the same records after them, and every
//! release of the history can be read for as long as it is kept.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{Site, facts, planned, scanned, sites};
use super::*;
use crate::core::build::{ClassifiedBuild, classify};
use crate::core::cache_rules::{CacheRules, EdgeCaching, UserRule};
use crate::core::commit::{CommitInput, forgotten_parts, forgotten_releases, next_manifest};
use crate::core::diff::Reason;
use crate::core::digest::Sha256Digest;
use crate::core::inventory::LocalInventory;
use crate::core::manifest::parts::{PartName, Parts, Split};
use crate::core::manifest::{Capabilities, HISTORY_LENGTH, Root};
use crate::core::outcome::Written;

/// The state in a bucket: the live record's first file, those of the releases, and the parts.
#[derive(Default)]
struct Bucket {
    live: Option<Vec<u8>>,
    records: BTreeMap<ReleaseId, Vec<u8>>,
    parts: BTreeMap<PartName, Bytes>,
    /// What the user says of headers.
    rules: Vec<UserRule>,
    /// Parts that were read and written since the last push began.
    read: usize,
    written: usize,
}

/// What a push did.
struct Pushed {
    plan: Plan,
    before: Option<Manifest>,
    /// None where nothing changed.
    next: Option<Manifest>,
}

impl Bucket {
    fn whole(&self, root: &[u8]) -> Manifest {
        let root = Root::decode(root).expect("a record");
        let parts = root.parts().iter().map(|part| self.parts[&part.name].clone()).collect();
        root.with_parts(parts).expect("its parts")
    }

    /// The record and the build as a push has them that reads no more of the record than it needs.
    fn read_beside(&mut self, site: &Site, split: Split) -> (Option<Manifest>, ClassifiedBuild) {
        let files: Vec<(&String, u8)> = site.iter().map(|(name, content)| (name, *content)).collect();
        let files = scanned(&files);
        let mut live = self.live.as_ref().map(|root| {
            let root = Root::decode(root).expect("a record");
            let held = root.held_by(&files, split);
            let parts = root.parts().iter().enumerate();
            let others = parts.filter(|(position, _)| !held.contains_key(position));
            let read: BTreeMap<usize, Bytes> =
                others.map(|(position, part)| (position, self.parts[&part.name].clone())).collect();
            self.read += read.len();
            root.beside_build(&read, &held, &files).expect("its parts")
        });
        let rules = CacheRules::new(&self.rules, None, EdgeCaching::Invalidated).expect("rules").0;
        let build = classify(files, &rules, live.as_ref());
        if let Some(live) = &mut live {
            for position in live.settle(&build.inventory.files) {
                self.read += 1;
                let bytes = &self.parts[&live.parts.list[position].name];
                live.read_part(position, bytes).expect("what was written");
            }
        }
        (live, build)
    }

    fn push(&mut self, site: &Site, split: Split, second: i64) -> Pushed {
        (self.read, self.written) = (0, 0);
        let (before, build) = self.read_beside(site, split);
        let planned = planned(&build.inventory, &build.newly_demoted, before.as_ref(), true, second);
        let next = planned.plan.writes_manifest().then(|| {
            let next = next_of(&build.inventory, &build.newly_demoted, before.as_ref(), &planned, second);
            self.commit(before.as_ref(), &next, split);
            next
        });
        Pushed { plan: planned.plan, before, next }
    }

    fn commit(&mut self, before: Option<&Manifest>, next: &Manifest, split: Split) {
        let encoded = next.encode(split, before).expect("what has to be written is known");
        for (name, bytes) in encoded.new_parts {
            self.written += 1;
            let there = self.parts.insert(name.clone(), bytes.into());
            assert!(there.is_none(), "`{name}` is new");
        }
        for id in forgotten_releases(before, next) {
            self.records.remove(&id);
        }
        for name in forgotten_parts(before, &[], &encoded.parts) {
            assert!(self.parts.remove(&name).is_some(), "`{name}` was there");
        }
        self.records.insert(next.release.id.clone(), encoded.root.clone());
        self.live = Some(encoded.root);
    }

    /// Which parts no record of the history refers to, and which are missing.
    fn odd_parts(&self) -> Vec<String> {
        let roots = self.records.values().map(|root| Root::decode(root).expect("a record"));
        let referred: BTreeSet<PartName> =
            roots.flat_map(|root| root.parts().to_vec()).map(|part| part.name).collect();
        let there: BTreeSet<PartName> = self.parts.keys().cloned().collect();
        referred.symmetric_difference(&there).map(ToString::to_string).collect()
    }
}

fn next_of(
    local: &LocalInventory,
    demoted: &[ObjectKey],
    live: Option<&Manifest>,
    planned: &Planned,
    second: i64,
) -> Manifest {
    let writes = planned.plan.changes.iter().filter(|change| change.action != Action::Delete);
    let written = writes.map(|change| {
        // As in a bucket with versions: what is written again is another version.
        let e_tag = change.sha256.expect("it is written").to_string();
        (change.key.clone(), Written::new(e_tag, Some(format!("v{second}"))))
    });
    next_manifest(CommitInput {
        desired: local.desired(),
        remote: &live.map(|manifest| RemoteState::from_manifest(manifest, true)).unwrap_or_default(),
        stale: &planned.stale,
        written: written.collect(),
        previous: live,
        committed_at: None,
        release: &planned.plan.release,
        newly_demoted: demoted,
        owed: Vec::new(),
        distributions: facts(),
        edge_settings: None,
        capabilities: Capabilities { conditional_writes: true, versioning: true },
        run: "a run",
    })
}

/// Without what is only about its parts.
fn in_one_piece(manifest: &Manifest) -> Manifest {
    Manifest { parts: Parts::default(), ..manifest.clone() }
}

/// The plan with an upload for each copy: what was not read is not copied.
fn with_uploads(mut plan: Plan) -> Plan {
    for change in &mut plan.changes {
        if matches!(change.action, Action::Copy { .. }) {
            change.action = Action::Upload;
        }
    }
    plan.cost = Cost::default();
    plan
}

/// Plays the builds one after the other on two buckets, one of which has its record in parts.
fn is_the_same_in_parts(builds: &[(Site, usize)]) -> Result<(), TestCaseError> {
    let (mut whole, mut parted) = (Bucket::default(), Bucket::default());
    for (second, (site, from_objects)) in (0..).zip(builds) {
        let expected = whole.push(site, Split::NEVER, second * 60);
        let found = parted.push(site, Split { from_objects: *from_objects }, second * 60);
        prop_assert_eq!(with_uploads(found.plan), with_uploads(expected.plan));
        prop_assert_eq!(found.next.is_some(), expected.next.is_some());
        if let (Some(root), Some(expected)) = (&parted.live, &whole.live) {
            prop_assert_eq!(in_one_piece(&parted.whole(root)), in_one_piece(&whole.whole(expected)));
        }
        prop_assert_eq!(parted.odd_parts(), Vec::<String>::new());
        for (id, root) in &parted.records {
            let kept = parted.whole(root);
            prop_assert_eq!(in_one_piece(&kept), in_one_piece(&whole.whole(&whole.records[id])));
        }
    }
    Ok(())
}

/// A site of that many pages, each saying `content`.
fn site_of(pages: usize, content: u8) -> Site {
    (0..pages).map(|page| (format!("p{page:05}.html"), content)).collect()
}

proptest! {
    #[test]
    fn whatever_is_in_parts_plans_and_records_are_the_same(builds in vec((sites(), 0_usize..20), 1..7)) {
        is_the_same_in_parts(&builds)?;
    }
}

#[test]
fn an_unchanged_build_reads_no_part_and_a_small_change_reads_and_writes_its_own() {
    let split = Split { from_objects: 20 };
    let mut bucket = Bucket::default();
    let mut site = site_of(2000, 0);
    bucket.push(&site, split, 0);
    let parts = bucket.written;
    assert!((60..160).contains(&parts), "{parts} parts of some 20 objects");

    let pushed = bucket.push(&site, split, 60);
    assert!(pushed.plan.is_empty() && pushed.next.is_none());
    assert_eq!((bucket.read, bucket.written), (0, 0), "an unchanged build");

    site.insert("p00700.html".to_owned(), 1);
    let pushed = bucket.push(&site, split, 120);
    assert_eq!(pushed.plan.changes.len(), 1);
    assert_eq!((bucket.read, bucket.written), (1, 1), "one page edited");

    site.insert("p00700a.html".to_owned(), 1);
    bucket.push(&site, split, 180);
    assert_eq!(bucket.read, 1, "one page more");
    assert!((1..=2).contains(&bucket.written), "a new name may begin a range of its own");

    // Wherever a page goes: a range that loses its first key goes to the one before.
    for page in (0..2000).step_by(97) {
        site.remove(&format!("p{page:05}.html"));
        bucket.push(&site, split, 240 + i64::from(page));
        assert!(bucket.read <= 2 && bucket.written <= 1, "{page}: {} and {}", bucket.read, bucket.written);
    }
    assert_eq!(bucket.odd_parts(), Vec::<String>::new());
}

#[test]
fn a_site_that_falls_below_the_limit_is_recorded_in_one_piece_again() {
    let split = Split { from_objects: 100 };
    let mut bucket = Bucket::default();
    bucket.push(&site_of(300, 0), split, 0);
    let parts = bucket.parts.len();
    assert!(parts > 4, "{parts} parts");
    bucket.push(&site_of(99, 0), split, 60);
    assert_eq!((bucket.read, bucket.written), (parts, 0), "all of it has to be written in one piece");
    let live = bucket.whole(bucket.live.as_ref().expect("a release"));
    assert_eq!((live.objects.len(), live.parts.list.len()), (99, 0));
    assert_eq!(bucket.odd_parts(), Vec::<String>::new());
    bucket.push(&site_of(300, 0), split, 120);
    assert_eq!(bucket.odd_parts(), Vec::<String>::new());
}

#[test]
fn a_change_of_headers_alone_is_seen_in_a_part_that_has_the_same_bytes() {
    let split = Split { from_objects: 10 };
    let mut bucket = Bucket::default();
    let mut site = site_of(40, 0);
    site.insert("style.css".to_owned(), 0);
    bucket.push(&site, split, 0);
    bucket.rules = vec![UserRule {
        patterns: vec!["*.css".to_owned()],
        cache_control: Some("no-store".to_owned()),
        ..UserRule::default()
    }];
    let pushed = bucket.push(&site, split, 60);
    let actions: Vec<&Action> = pushed.plan.changes.iter().map(|change| &change.action).collect();
    let e_tag = Sha256Digest([0; 32]).to_string().as_str().into();
    assert_eq!(
        actions,
        [&Action::UpdateHeaders { e_tag }],
        "on the condition that the bytes are still those"
    );
    assert_eq!((bucket.read, bucket.written), (1, 1));
    let again = bucket.push(&site, split, 120);
    assert!(again.plan.is_empty() && bucket.read == 0, "{:?}", again.plan.changes);
    let live = again.before.expect("there is a release");
    assert!(live.objects.values().all(|object| object.e_tag.is_unread()), "nothing of it was read");
    let uncached =
        live.objects.values().filter(|object| object.headers.cache_control.as_deref() == Some("no-store"));
    assert_eq!(uncached.count(), 1, "what was taken from the build has the build's headers");
}

#[test]
fn a_hashed_name_that_comes_back_with_other_bytes_is_demoted_by_a_record_in_parts() {
    let split = Split { from_objects: 10 };
    let mut bucket = Bucket::default();
    let mut site = site_of(40, 0);
    for name in ["app-DRXg7gsA", "more-CzQAN4l5", "photo-B7bbbQ2x"] {
        site.insert(format!("assets/{name}.js"), 0);
    }
    bucket.push(&site, split, 0);
    site.insert("assets/app-DRXg7gsA.js".to_owned(), 1);
    let pushed = bucket.push(&site, split, 60);
    let demoted: Vec<&Reason> = pushed.plan.changes.iter().map(|change| &change.reason).collect();
    assert_eq!(demoted, [&Reason::Demoted]);
    let again = bucket.push(&site, split, 120);
    assert!(again.plan.is_empty(), "{:?}", again.plan.changes);
    assert_eq!((bucket.read, bucket.written), (0, 0));
    let live = again.before.expect("there is a release");
    let immutable = live.objects.values().filter(|object| object.headers.is_immutable());
    assert_eq!((live.demoted.len(), immutable.count()), (1, 2));
}

#[test]
fn parts_go_with_the_last_release_that_has_them() {
    let split = Split { from_objects: 0 };
    let mut bucket = Bucket::default();
    let (mut most, mut ids) = (0, Vec::new());
    for push in 0..2 * i64::try_from(HISTORY_LENGTH).expect("few") {
        // One page stays as it is, one changes each time, one comes and goes.
        let mut site = Site::from([("stays.html".to_owned(), 0)]);
        site.insert("changes.html".to_owned(), u8::try_from(push % 250).expect("below 250"));
        if push % 3 > 0 {
            site.insert("comes-and-goes.html".to_owned(), 0);
        }
        let pushed = bucket.push(&site, split, push * 60);
        ids.push(pushed.plan.release.id);
        assert_eq!(bucket.odd_parts(), Vec::<String>::new(), "push {push}");
        let records = bucket.records.values().cloned().collect::<Vec<_>>();
        for root in &records {
            bucket.whole(root);
        }
        most = most.max(bucket.parts.len());
    }
    assert_eq!(bucket.records.len(), HISTORY_LENGTH);
    assert!(most < 3 * HISTORY_LENGTH, "{most} parts at most");
    // What is on record besides is another record's, unless it is a leftover of those that were forgotten.
    let newest = bucket.whole(&bucket.records[&ids[ids.len() - 1]]);
    assert!(ids.len() > HISTORY_LENGTH && ids.iter().all(|id| newest.knows_of(id)));
    let before = bucket.whole(&bucket.records[&ids[ids.len() - 2]]);
    assert!(!before.knows_of(&ids[ids.len() - 1]));
}

#[test]
fn an_object_that_was_not_read_is_never_written_down_anew() {
    let split = Split { from_objects: 100 };
    let mut bucket = Bucket::default();
    let site = site_of(200, 0);
    bucket.push(&site, split, 0);
    let (live, _) = bucket.read_beside(&site, split);
    let live = live.expect("there is a release");
    assert!(live.encode(split, Some(&live)).is_ok_and(|encoded| encoded.new_parts.is_empty()));
    let refused = |manifest: &Manifest, split: Split| {
        manifest.encode(split, Some(&live)).map(|_| ()).expect_err("not all is known").to_string()
    };
    assert!(refused(&live, Split::NEVER).contains("`p00000.html` was not read"));
    assert!(
        refused(&live, Split { from_objects: 200 }).contains("was not read"),
        "other limits of the ranges"
    );
    let mut gone = live.clone();
    gone.objects.retain(|key, _| key.as_str() != "p00020.html");
    assert!(refused(&gone, split).contains("was not read"), "less than the part lists");
    let mut written = live.clone();
    for object in written.objects.values_mut().step_by(2) {
        std::sync::Arc::make_mut(object).e_tag = "another".into();
    }
    assert!(refused(&written, split).contains("was not read"), "more is known of some");
}

#[test]
fn a_part_that_is_missing_or_not_what_was_written_is_told_by_its_name() {
    let split = Split { from_objects: 0 };
    let mut bucket = Bucket::default();
    bucket.push(&site_of(40, 0), split, 0);
    let root = || Root::decode(bucket.live.as_deref().expect("a release")).expect("a record");
    let bytes = |root: &Root| root.parts().iter().map(|part| bucket.parts[&part.name].clone()).collect();
    let whole: Vec<Bytes> = bytes(&root());
    assert_eq!(whole.len(), 40, "each object in a part of its own");
    let name = root().parts()[3].name.file();
    let refused = |parts: Vec<Bytes>| root().with_parts(parts).expect_err("it is refused").to_string();
    assert_eq!(refused(whole[..3].to_vec()), format!("`.sitepush/{name}`, a part of it, is missing"));
    let changed = |part: Bytes| {
        let mut parts = whole.clone();
        parts[3] = part;
        refused(parts)
    };
    let damaged = format!("`.sitepush/{name}`, a part of it, is not what was written there");
    assert_eq!(changed(whole[3].slice(1..)), damaged);
    assert_eq!(changed(whole[4].clone()), damaged, "another part");
    assert_eq!(changed(Bytes::new()), damaged);
}
