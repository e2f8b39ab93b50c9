//! The laws of plans, on made sites: what a push leaves behind is what it wanted, and nothing else was touched.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::core::build::{UnclassifiedFile, classify};
use crate::core::cache_rules::{CacheRules, EdgeCaching};
use crate::core::commit::{CommitInput, next_manifest};
use crate::core::demotion;
use crate::core::digest::Sha256Digest;
use crate::core::fingerprint;
use crate::core::inventory::{LocalInventory, Packing};
use crate::core::manifest::parts::Split;
use crate::core::manifest::{Capabilities, Root};
use crate::core::outcome::Written;

const DISTRIBUTION: &str = "E1";

/// A site as names and contents.
pub(super) type Site = BTreeMap<String, u8>;

pub(super) fn sites() -> impl Strategy<Value = Site> {
    let names = prop_oneof![
        "(a|b|docs/a|docs/b|docs/c)(\\.html|/index\\.html)",
        Just("index.html".to_owned()),
        "assets/(app|more|photo)-(DRXg7gsA|CzQAN4l5|B7bbbQ2x|e3x9OWoK)\\.(js|png)",
        "assets/model-(RTX4090T|XPS13Pro)\\.png",
        "(style|theme)\\.css",
        Just("sw.js".to_owned()),
    ];
    proptest::collection::btree_map(names, 0_u8..3, 1..14)
}

fn inventory(site: &Site, manifest: Option<&Manifest>) -> (LocalInventory, Vec<ObjectKey>) {
    inventory_of(&site.iter().map(|(name, content)| (name, *content)).collect::<Vec<_>>(), manifest)
}

/// The build of these files, found in this order.
pub(super) fn inventory_of(
    files: &[(&String, u8)],
    manifest: Option<&Manifest>,
) -> (LocalInventory, Vec<ObjectKey>) {
    let rules = CacheRules::new(&[], None, EdgeCaching::Invalidated).expect("rules").0;
    let build = classify(scanned(files), &rules, manifest);
    (build.inventory, build.newly_demoted)
}

/// These files as a scan finds them.
pub(super) fn scanned(files: &[(&String, u8)]) -> Vec<UnclassifiedFile> {
    let verdicts = fingerprint::classify(files.iter().map(|(name, _)| name.as_str()));
    let key = |name: &String| ObjectKey::new(name.as_str()).expect("a key");
    files
        .iter()
        .zip(verdicts)
        .map(|((name, content), verdict)| UnclassifiedFile {
            key: key(name),
            verdict,
            path: None,
            size_bytes: 1,
            sha256: Sha256Digest([*content; 32]),
            packing: Packing::AsIs,
            first_bytes: Box::default(),
        })
        .collect()
}

pub(super) fn facts() -> BTreeMap<String, DistributionFacts> {
    let facts = DistributionFacts {
        domain_name: "d".into(),
        origin_path: String::new(),
        has_cache_tags: false,
        checked_at: Timestamp::UNIX_EPOCH,
    };
    BTreeMap::from([(DISTRIBUTION.to_owned(), facts)])
}

pub(super) fn at(second: i64) -> ReleaseDraft {
    let time = Timestamp::from_second(1_700_000_000 + second).expect("in range");
    ReleaseDraft { time, commit: None, author: None, message: None }
}

pub(super) fn planned(
    local: &LocalInventory,
    demoted: &[ObjectKey],
    live: Option<&Manifest>,
    is_pruned: bool,
    second: i64,
) -> Planned {
    let remote = live.map(|manifest| RemoteState::from_manifest(manifest, is_pruned)).unwrap_or_default();
    plan(&PlanningInput {
        purpose: Purpose::Push,
        bucket: "b",
        prefix: &KeyPrefix::default(),
        draft: at(second),
        desired: local.desired(),
        remote: &remote,
        live: live.map(|manifest| (manifest, "etag")),
        settlement: &Settlement { is_pruned, paid: all_paid(live), ..Settlement::default() },
        retention: RetentionRules::default(),
        distributions: &facts(),
        edge_settings: None,
        url_style: UrlStyle::Clean,
        newly_demoted: demoted,
        warnings: Vec::new(),
    })
}

fn all_paid(live: Option<&Manifest>) -> Vec<String> {
    let owed = live.map(|manifest| manifest.owed.clone()).unwrap_or_default();
    owed.into_iter().map(|owed| owed.caller_reference).collect()
}

/// The manifest after the plan was carried out, with made-up ETags.
fn applied(
    local: &LocalInventory,
    demoted: &[ObjectKey],
    live: Option<&Manifest>,
    planned: &Planned,
) -> Manifest {
    let written: BTreeMap<ObjectKey, Written> = planned
        .plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Delete)
        .map(|change| {
            let e_tag = change.sha256.expect("written").to_string();
            (change.key.clone(), Written::new(e_tag, None))
        })
        .collect();
    next_manifest(CommitInput {
        desired: local.desired(),
        remote: &live.map(|manifest| RemoteState::from_manifest(manifest, true)).unwrap_or_default(),
        stale: &planned.stale,
        written,
        previous: live,
        committed_at: None,
        release: &planned.plan.release,
        newly_demoted: demoted,
        owed: planned.plan.invalidations.iter().flat_map(|planned| planned.batches.clone()).collect(),
        distributions: facts(),
        edge_settings: None,
        capabilities: Capabilities { conditional_writes: true, versioning: true },
        run: "a run",
    })
}

fn is_invalidated(planned: &Planned, path: &str) -> bool {
    let items = planned.plan.invalidations.iter().flat_map(|planned| &planned.items);
    items.into_iter().any(|item| match item.strip_suffix('*') {
        Some(prefix) => path.starts_with(&invalidation::decode(prefix)),
        None => invalidation::decode(item) == path,
    })
}

proptest! {
    #[test]
    fn applying_a_plan_gives_the_build_and_planning_again_gives_nothing(before in sites(), after in sites()) {
        let (first, _) = inventory(&before, None);
        let one = planned(&first, &[], None, false, 0);
        let live = applied(&first, &[], None, &one);
        let (second, demoted) = inventory(&after, Some(&live));
        let two = planned(&second, &demoted, Some(&live), true, 60);
        let next = applied(&second, &demoted, Some(&live), &two);
        prop_assert_eq!(next.objects.keys().collect::<Vec<_>>(), second.files.keys().collect::<Vec<_>>());
        for (key, file) in &second.files {
            prop_assert_eq!(&next.objects[key].sha256, &file.sha256);
            prop_assert_eq!(&next.objects[key].headers, &file.headers);
        }
        let (again, more) = inventory(&after, Some(&next));
        prop_assert!(more.is_empty());
        prop_assert!(planned(&again, &more, Some(&next), true, 120).plan.is_empty());
    }

    #[test]
    fn deletes_are_only_of_published_keys_that_the_build_lacks(before in sites(), after in sites()) {
        let (first, _) = inventory(&before, None);
        let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
        let (second, demoted) = inventory(&after, Some(&live));
        let plan = planned(&second, &demoted, Some(&live), true, 60).plan;
        for change in plan.changes.iter().filter(|change| change.action == Action::Delete) {
            prop_assert!(live.objects.contains_key(&change.key) && !second.files.contains_key(&change.key));
            prop_assert!(!change.class.outlives_the_build(), "its grace has just begun");
        }
    }

    #[test]
    fn what_may_be_hashed_is_written_first_when_new_and_with_the_files_when_changed(
        before in sites(), after in sites()
    ) {
        let (first, _) = inventory(&before, None);
        let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
        let (second, demoted) = inventory(&after, Some(&live));
        let plan = planned(&second, &demoted, Some(&live), true, 60).plan;
        for change in plan.changes.iter().filter(|change| change.class == ObjectClass::HashLike) {
            let wanted = if live.objects.contains_key(&change.key) { Phase::Files } else { Phase::Fingerprinted };
            prop_assert_eq!(Phase::of(change), wanted);
        }
    }

    #[test]
    fn whatever_is_overwritten_or_deleted_is_invalidated_under_every_path(before in sites(), after in sites()) {
        let (first, _) = inventory(&before, None);
        let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
        let (second, demoted) = inventory(&after, Some(&live));
        let planned = planned(&second, &demoted, Some(&live), true, 60);
        for change in &planned.plan.changes {
            if live.objects.contains_key(&change.key) {
                for path in invalidation::viewer_paths(&format!("/{}", change.key), UrlStyle::Clean) {
                    prop_assert!(is_invalidated(&planned, &path), "{path}: {:?}", planned.plan.invalidations);
                }
            }
        }
    }

    #[test]
    fn an_unchanged_build_owes_nothing_and_changed_hashed_names_need_no_item(before in sites()) {
        let (first, _) = inventory(&before, None);
        let one = planned(&first, &[], None, false, 0);
        prop_assert!(one.plan.invalidations.is_empty(), "nothing can be cached before the first release");
        let live = applied(&first, &[], None, &one);
        let mut after = before.clone();
        after.insert("assets/new-Q7r2bX9z.js".into(), 1);
        after.insert("assets/new-K2m8vT4c.js".into(), 2);
        let (second, demoted) = inventory(&after, Some(&live));
        let two = planned(&second, &demoted, Some(&live), true, 60);
        for change in two.plan.changes.iter().filter(|change| change.class == ObjectClass::Fingerprinted) {
            let path = format!("/{}", change.key);
            prop_assert!(change.reason != Reason::New || !is_invalidated(&two, &path));
        }
    }

    #[test]
    fn phases_follow_one_another_and_pages_come_after_what_they_need(before in sites(), after in sites()) {
        let (first, _) = inventory(&before, None);
        let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
        let (second, demoted) = inventory(&after, Some(&live));
        let plan = planned(&second, &demoted, Some(&live), true, 60).plan;
        let phases: Vec<_> = plan.changes.iter().map(Phase::of).collect();
        prop_assert!(phases.is_sorted());
        // By the names alone, whatever the stages are taken for.
        let place = |change: &Change| match (&change.action, change.key.as_str()) {
            (Action::Delete, key) => 3 + i32::from(!key.ends_with(".html")),
            (_, "index.html" | "sw.js") => 2,
            (_, key) => i32::from(key.ends_with(".html")),
        };
        prop_assert!(plan.changes.iter().map(place).is_sorted(), "{:?}", plan.changes);
        let keys: BTreeSet<_> = plan.changes.iter().map(|change| &change.key).collect();
        prop_assert_eq!(keys.len(), plan.changes.len(), "a key is changed once");
    }

    #[test]
    fn what_goes_live_again_with_other_bytes_than_a_name_promised_is_not_immutable(
        before in sites(), after in sites()
    ) {
        // Neither release knows of the other: what was between them is forgotten.
        let release = |site: &Site| {
            let (files, _) = inventory(site, None);
            applied(&files, &[], None, &planned(&files, &[], None, false, 0))
        };
        let (earlier, live) = (release(&before), release(&after));
        let mut record = earlier.clone();
        let demoted = demotion::demote(&mut record, &live);
        for (key, object) in &record.objects {
            let promised = earlier.objects[key].headers.is_immutable();
            let lies = live.objects.get(key).is_some_and(|there| {
                there.sha256 != object.sha256 && (promised || there.headers.is_immutable())
            });
            prop_assert_eq!(demoted.contains(key), lies, "{}", key);
            prop_assert!(!lies || !(object.headers.is_immutable() || object.class.outlives_the_build()));
            prop_assert!(lies || *object == earlier.objects[key], "{}", key);
        }
    }

    #[test]
    fn a_manifest_survives_encode_and_decode(before in sites(), after in sites()) {
        let (first, _) = inventory(&before, None);
        let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
        let (second, demoted) = inventory(&after, Some(&live));
        let next = applied(&second, &demoted, Some(&live), &planned(&second, &demoted, Some(&live), true, 60));
        let encoded = || next.encode(Split::NEVER, None).expect("all of it is known").root;
        let decoded = Root::decode(&encoded()).expect("decodes").with_parts(Vec::new()).expect("it has none");
        prop_assert_eq!(decoded, next.clone());
        prop_assert_eq!(encoded(), encoded());
    }

    #[test]
    fn a_plan_survives_being_saved(before in sites()) {
        let (first, _) = inventory(&before, None);
        let plan = planned(&first, &[], None, false, 0).plan;
        let text = serde_json::to_string(&plan).expect("encodes");
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).expect("decodes"), plan);
    }

    #[test]
    fn bytes_that_are_no_manifest_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Root::decode(&bytes).is_err());
    }
}

#[test]
fn kept_files_go_when_both_their_releases_and_their_days_are_over() {
    let site = |hash: &str| {
        Site::from([
            ("index.html".into(), 0),
            (format!("assets/app-{hash}.js"), 1),
            ("assets/more-e3x9OWoK.js".into(), 1),
            ("assets/x-CzQAN4l5.js".into(), 1),
        ])
    };
    let (first, _) = inventory(&site("DRXg7gsA"), None);
    let mut live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
    let old = ObjectKey::new("assets/app-DRXg7gsA.js").expect("a key");
    let day = 24 * 60 * 60;
    let mut gone_at = None;
    for number in 1_i64..12 {
        let mut next = site("B7bbbQ2x");
        next.insert("index.html".into(), u8::try_from(number).expect("small"));
        let (local, demoted) = inventory(&next, Some(&live));
        let planned = planned(&local, &demoted, Some(&live), true, number * 2 * day);
        let is_deleted = planned.plan.changes.iter().any(|change| {
            change.key == old && change.action == Action::Delete && change.reason == Reason::GraceEnded
        });
        if is_deleted {
            gone_at = Some(number);
            break;
        }
        live = applied(&local, &demoted, Some(&live), &planned);
    }
    // It left with release 1, so releases 1 to 4 still keep the first among the five newest; by release 5 eight days
    // are over too.
    assert_eq!(gone_at, Some(5));
}

#[test]
fn an_unchanged_build_does_not_run_just_because_a_grace_ended() {
    let mut site = Site::from([
        ("index.html".into(), 0),
        ("assets/app-DRXg7gsA.js".into(), 1),
        ("assets/more-e3x9OWoK.js".into(), 1),
        ("assets/x-CzQAN4l5.js".into(), 1),
    ]);
    let (first, _) = inventory(&site, None);
    let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
    site.remove("assets/app-DRXg7gsA.js");
    site.insert("index.html".into(), 1);
    let (second, _) = inventory(&site, Some(&live));
    let next = applied(&second, &[], Some(&live), &planned(&second, &[], Some(&live), true, 60));
    let year = 365 * 24 * 60 * 60;
    let no_history = Manifest { history: Vec::new(), ..next };
    assert!(planned(&second, &[], Some(&no_history), true, year).plan.is_empty());
}

#[test]
fn a_file_that_only_leaves_or_only_comes_back_makes_a_release_though_nothing_is_written() {
    let with = Site::from([
        ("index.html".into(), 0),
        ("assets/app-DRXg7gsA.js".into(), 1),
        ("assets/more-e3x9OWoK.js".into(), 1),
        ("assets/x-CzQAN4l5.js".into(), 1),
    ]);
    let mut without = with.clone();
    without.remove("assets/app-DRXg7gsA.js");
    let (first, _) = inventory(&with, None);
    let live = applied(&first, &[], None, &planned(&first, &[], None, false, 0));
    let (second, _) = inventory(&without, Some(&live));
    let leaves = planned(&second, &[], Some(&live), true, 60);
    let next = applied(&second, &[], Some(&live), &leaves);
    let comes_back = planned(&first, &[], Some(&next), true, 120);
    let counts = |planned: &Planned| (planned.plan.newly_kept_count, planned.plan.returned_count);
    assert_eq!((counts(&leaves), counts(&comes_back)), ((1, 0), (0, 1)));
    for plan in [&leaves.plan, &comes_back.plan] {
        assert!(plan.changes.is_empty() && plan.invalidations.is_empty());
        assert!(plan.makes_release() && !plan.is_empty());
        // The lock twice, the manifest, the release's record.
        assert_eq!(plan.cost.write_requests, 4);
    }
    let last = applied(&first, &[], Some(&next), &comes_back);
    assert!(planned(&first, &[], Some(&last), true, 180).plan.is_empty());
}

#[test]
fn debts_of_a_distribution_that_left_the_target_are_told_and_dropped() {
    let site = Site::from([("index.html".into(), 0)]);
    let (local, _) = inventory(&site, None);
    let mut live = applied(&local, &[], None, &planned(&local, &[], None, false, 0));
    let owed = |id: &str| OwedInvalidation {
        distribution_id: id.into(),
        caller_reference: format!("r-{id}"),
        items: vec!["/".into()],
        due_after: DueAfter::Commit,
    };
    live.owed = vec![owed("E1"), owed("E9")];
    let remote = RemoteState::from_manifest(&live, true);
    let planned = plan(&PlanningInput {
        purpose: Purpose::Push,
        bucket: "b",
        prefix: &KeyPrefix::default(),
        draft: at(60),
        desired: local.desired(),
        remote: &remote,
        live: Some((&live, "etag")),
        settlement: &Settlement { is_pruned: true, ..Settlement::default() },
        retention: RetentionRules::default(),
        distributions: &facts(),
        edge_settings: None,
        url_style: UrlStyle::Clean,
        newly_demoted: &[],
        warnings: Vec::new(),
    });
    assert_eq!(planned.plan.debts, [owed("E1")]);
    assert!(planned.plan.warnings[0].contains("E9"));
    assert!(!planned.plan.is_empty() && !planned.plan.makes_release());
}
