//! The laws of plans against a model of the bucket that knows nothing of manifests: a plan is applied change by change,
//! to what really lies there, after strangers have meddled with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{Site, at, inventory_of, sites};
use super::*;
use crate::core::commit::{CommitInput, next_manifest};
use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::inventory::{Drift, ListedObject, Listing, LocalInventory};
use crate::core::manifest::Capabilities;
use crate::core::manifest::parts::Split;
use crate::core::outcome::Written;

/// The distribution that serves the whole bucket, and the one that serves the prefix alone and reads cache tags.
const WHOLE: &str = "E1";
const INSIDE: &str = "E2";
const PREFIX: &str = "site";

/// An object as it lies there. Its ETag is that of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lying {
    sha256: Sha256Digest,
    headers: ObjectHeaders,
}

impl Lying {
    fn e_tag(&self) -> ETag {
        self.sha256.to_string().into()
    }
}

type Bucket = BTreeMap<ObjectKey, Lying>;

/// What somebody else did to one object.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    Remove,
    Overwrite,
    ChangeHeaders,
    /// Stores an object under a key of the build to come, or of nobody.
    Add,
}

/// Two releases, then what strangers did, then a third build.
#[derive(Clone, Debug)]
struct History {
    first: Site,
    second: Site,
    third: Site,
    /// Each with the place in the bucket, as a share of what is there.
    meddling: Vec<(Meddling, u16)>,
    /// Whether the second release's own prune came to its end.
    is_pruned: bool,
    retention: RetentionRules,
    seconds: i64,
}

const MONTH: i64 = 30 * 24 * 60 * 60;

fn histories() -> impl Strategy<Value = History> {
    let meddling = prop_oneof![
        Just(Meddling::Remove),
        Just(Meddling::Overwrite),
        Just(Meddling::ChangeHeaders),
        Just(Meddling::Add)
    ];
    let meddling = vec((meddling, any::<u16>()), 0..5);
    let short = RetentionRules { keep_releases: 1, keep_days: 7 };
    let retention = prop_oneof![Just(RetentionRules::default()), Just(short)];
    let seconds = prop_oneof![Just(60), Just(MONTH)];
    let builds = (sites(), sites()).prop_flat_map(|(first, second)| {
        // Where nothing else changes, what comes back or leaves is all that there is to do.
        let mut more = first.clone();
        more.extend(second.clone());
        let mut fewer = second.clone();
        fewer.retain(|name, _| !name.starts_with("assets/"));
        let third = prop_oneof![3 => sites(), 1 => Just(more), 1 => Just(fewer)];
        (Just(first), Just(second), third)
    });
    (builds, meddling, any::<bool>(), retention, seconds).prop_map(
        |((first, second, third), meddling, is_pruned, retention, seconds)| History {
            first,
            second,
            third,
            meddling,
            is_pruned,
            retention,
            seconds,
        },
    )
}

/// The place that a share of all places means.
fn place(share: u16, count: usize) -> usize {
    (usize::from(share) * count) >> 16
}

/// The target between two runs.
#[derive(Clone, Default)]
struct Target {
    bucket: Bucket,
    live: Option<Manifest>,
    is_pruned: bool,
    retention: RetentionRules,
    /// Whether the next plan looks at the bucket, as it must after strangers.
    is_verified: bool,
    /// Keys that sitepush ever wrote.
    ours: BTreeSet<ObjectKey>,
    /// Keys that strangers took away since.
    taken: BTreeSet<ObjectKey>,
}

/// A build with the tags that pages carry.
fn build(site: &Site, live: Option<&Manifest>) -> (LocalInventory, Vec<ObjectKey>) {
    let files: Vec<(&String, u8)> = site.iter().map(|(name, content)| (name, *content)).collect();
    let (mut local, demoted) = inventory_of(&files, live);
    for (key, file) in local.files.iter_mut().filter(|(key, _)| key.is_page()) {
        let tag = format!("uses:{}", key.as_str().len() % 3);
        let metadata = [(cache_tags::METADATA_NAME.to_owned(), tag)].into();
        file.headers = Arc::new(ObjectHeaders { metadata, ..(*file.headers).clone() });
    }
    (local, demoted)
}

fn distributions() -> BTreeMap<String, DistributionFacts> {
    let facts = |origin_path: &str, has_cache_tags| DistributionFacts {
        domain_name: "d".into(),
        origin_path: origin_path.into(),
        has_cache_tags,
        checked_at: Timestamp::UNIX_EPOCH,
    };
    [(WHOLE.to_owned(), facts("", false)), (INSIDE.to_owned(), facts("/site", true))].into()
}

impl Target {
    /// What a run knows of the bucket: the record's word, or what it saw.
    fn observed(&self, local: &LocalInventory) -> RemoteState {
        let recorded = self.live.as_ref().map(|live| RemoteState::from_manifest(live, self.is_pruned));
        let mut remote = recorded.unwrap_or_default();
        if !self.is_verified {
            return remote;
        }
        let listed = |lying: &Lying| ListedObject {
            size_bytes: 1,
            e_tag: lying.e_tag(),
            last_modified: Timestamp::UNIX_EPOCH,
        };
        let listing: Listing = self.bucket.iter().map(|(key, lying)| (key.clone(), listed(lying))).collect();
        let headers = self.bucket.iter().map(|(key, lying)| (key.clone(), lying.headers.clone())).collect();
        remote.correct(&listing, &headers);
        for key in local.files.keys().filter(|key| listing.contains_key(*key)) {
            if !remote.objects.contains_key(key) {
                remote.drift.entry(key.clone()).or_insert(Drift::Foreign);
            }
        }
        remote.mark_strangers(&listing);
        remote
    }

    fn planned(&self, local: &LocalInventory, demoted: &[ObjectKey], second: i64) -> Planned {
        // What is due after a prune is not paid before it.
        let is_paid = |owed: &&OwedInvalidation| self.is_pruned || owed.due_after == DueAfter::Commit;
        let paid = self.live.iter().flat_map(|live| &live.owed).filter(is_paid);
        let paid = paid.map(|owed| owed.caller_reference.clone());
        plan(&PlanningInput {
            purpose: Purpose::Push,
            bucket: "b",
            prefix: &KeyPrefix::new(PREFIX).expect("a prefix"),
            draft: at(second),
            desired: local.desired(),
            remote: &self.observed(local),
            live: self.live.as_ref().map(|manifest| (manifest, "etag")),
            settlement: &Settlement {
                is_pruned: self.is_pruned,
                paid: paid.collect(),
                ..Settlement::default()
            },
            retention: self.retention,
            distributions: &distributions(),
            edge_settings: None,
            url_style: UrlStyle::Clean,
            newly_demoted: demoted,
            warnings: Vec::new(),
        })
    }

    /// Carries the plan out: all of it, or all but its deletes.
    fn apply(&mut self, planned: &Planned, local: &LocalInventory, demoted: &[ObjectKey], prunes: bool) {
        let remote = self.observed(local);
        let mut written = BTreeMap::new();
        for change in &planned.plan.changes {
            if change.action == Action::Delete {
                if prunes {
                    self.bucket.remove(&change.key);
                }
                continue;
            }
            let lying = self.result_of(change, local);
            written.insert(change.key.clone(), Written::new(lying.e_tag(), None));
            self.bucket.insert(change.key.clone(), lying);
            self.ours.insert(change.key.clone());
        }
        if !planned.plan.writes_manifest() {
            self.is_pruned |= prunes;
            return;
        }
        self.is_pruned = prunes;
        let owed = planned.plan.invalidations.iter().flat_map(|planned| planned.batches.clone());
        self.live = Some(next_manifest(CommitInput {
            desired: local.desired(),
            remote: &remote,
            stale: &planned.stale,
            written,
            previous: self.live.as_ref(),
            committed_at: None,
            release: &planned.plan.release,
            newly_demoted: demoted,
            owed: owed.collect(),
            distributions: distributions(),
            edge_settings: None,
            capabilities: Capabilities { conditional_writes: true, versioning: true },
            run: "a run",
        }));
    }

    /// What the service makes of a write: bytes from where the change takes them, under the change's headers.
    fn result_of(&self, change: &Change, local: &LocalInventory) -> Lying {
        let headers = ObjectHeaders::clone(change.headers.as_ref().expect("a write has headers"));
        let source = |key: &ObjectKey, e_tag: &ETag| {
            let source = self.bucket.get(key).unwrap_or_else(|| panic!("`{key}` is not there to be copied"));
            assert_eq!(source.e_tag(), *e_tag, "the condition on `{key}` does not hold");
            source.sha256
        };
        let sha256 = match &change.action {
            Action::Upload => local.files[&change.key].sha256,
            Action::Copy { from, e_tag } => source(from, e_tag),
            Action::UpdateHeaders { e_tag } => source(&change.key, e_tag),
            Action::Restore { .. } | Action::Delete => panic!("a push does not do this: {change:?}"),
        };
        Lying { sha256, headers }
    }

    fn push(&mut self, site: &Site, second: i64, prunes: bool) {
        let (local, demoted) = build(site, self.live.as_ref());
        let planned = self.planned(&local, &demoted, second);
        self.apply(&planned, &local, &demoted, prunes);
    }

    fn meddle(&mut self, meddling: &[(Meddling, u16)], next: &Site) {
        for (number, (meddling, share)) in meddling.iter().enumerate() {
            let strange = Lying {
                sha256: Sha256Digest([200 + u8::try_from(number).expect("few"); 32]),
                headers: ObjectHeaders::default(),
            };
            if let Meddling::Add = meddling {
                let names: Vec<&str> =
                    next.keys().map(String::as_str).chain(["theirs.txt", "docs/t.html"]).collect();
                let key = ObjectKey::new(names[place(*share, names.len())]).expect("a key");
                self.bucket.entry(key).or_insert(strange);
                continue;
            }
            if self.bucket.is_empty() {
                continue;
            }
            let keys = self.bucket.keys();
            let key = keys.clone().nth(place(*share, keys.len())).expect("it is below the length").clone();
            match meddling {
                Meddling::Remove => {
                    self.bucket.remove(&key);
                    self.taken.insert(key);
                }
                Meddling::Overwrite => drop(self.bucket.insert(key, strange)),
                Meddling::ChangeHeaders | Meddling::Add => {
                    let lying = self.bucket.get_mut(&key).expect("it was chosen from there");
                    lying.headers.content_language = Some("xx".into());
                }
            }
        }
        self.is_verified = !meddling.is_empty();
    }

    /// What the record answers for: what a run may take away.
    fn published(&self) -> BTreeSet<ObjectKey> {
        let live = self.live.iter();
        live.flat_map(|live| live.objects.keys().chain(live.stale.keys())).cloned().collect()
    }
}

/// The target before the third push, and that push's build and plan.
fn third_push(history: &History) -> (Target, LocalInventory, Vec<ObjectKey>, Planned) {
    let mut target = Target { retention: history.retention, ..Target::default() };
    target.push(&history.first, 0, true);
    target.push(&history.second, 30, history.is_pruned);
    target.meddle(&history.meddling, &history.third);
    let (local, demoted) = build(&history.third, target.live.as_ref());
    let planned = target.planned(&local, &demoted, history.seconds);
    (target, local, demoted, planned)
}

/// Every path under which a visitor may have got the object, as the first distribution sees it.
fn aliases(key: &ObjectKey) -> Vec<String> {
    let path = format!("/{PREFIX}/{key}");
    let mut aliases = vec![path.clone()];
    if let Some(folder) = path.strip_suffix("/index.html") {
        aliases.extend([folder.to_owned(), format!("{folder}/")]);
    } else if let Some(stem) = path.strip_suffix(".html") {
        aliases.extend([stem.to_owned(), format!("{stem}/")]);
    }
    aliases
}

/// CloudFront's rule: a tag drops what was stored with it, `*` stands for any end, the rest is compared as decoded.
fn drops(item: &str, path: &str, cached: &Lying) -> bool {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().expect("text").into_owned();
    if let Some(tag) = item.strip_prefix('#') {
        return cached.headers.metadata.get(cache_tags::METADATA_NAME).is_some_and(|tags| tags == tag);
    }
    match item.strip_suffix('*') {
        Some(beginning) => path.starts_with(&decoded(beginning)),
        None => decoded(item) == path,
    }
}

fn is_dropped(planned: &Planned, distribution: &str, path: &str, cached: &Lying) -> bool {
    let new = planned.plan.invalidations.iter().flat_map(|planned| &planned.batches);
    let owed = new.chain(&planned.plan.debts).filter(|owed| owed.distribution_id == distribution);
    owed.flat_map(|owed| &owed.items).any(|item| drops(item, path, cached))
}

/// Whether every cached copy that is wrong after the plan is dropped, under each of its paths.
fn drops_what_is_stale(history: &History) -> Result<(), String> {
    let (mut target, local, demoted, planned) = third_push(history);
    let before = target.bucket.clone();
    target.apply(&planned, &local, &demoted, true);
    for (key, cached) in &before {
        let is_stale = match target.bucket.get(key) {
            Some(lying) => lying != cached,
            // A copy of what is immutable is right for as long as anybody keeps it.
            None => !cached.headers.is_immutable(),
        };
        for path in aliases(key).into_iter().filter(|_| is_stale) {
            for (distribution, path) in as_seen(&path) {
                if !is_dropped(&planned, distribution, path, cached) {
                    return Err(format!("{path} stays at {distribution}: {:?}", planned.plan.invalidations));
                }
            }
        }
    }
    Ok(())
}

/// What each distribution calls a path of the first.
fn as_seen(path: &str) -> [(&'static str, &str); 2] {
    // The prefix's own name is the root of the other distribution.
    let inside = path.strip_prefix("/site").filter(|path| !path.is_empty()).unwrap_or("/");
    [(WHOLE, path), (INSIDE, inside)]
}

/// Publishes one build after another, a month apart, while the caches keep all that they are not told to drop. Whatever
/// they have for an object that is there must be that object.
fn caches_are_right(builds: &[Site]) -> Result<(), String> {
    let retention = RetentionRules { keep_releases: 1, keep_days: 7 };
    let mut target = Target { retention, ..Target::default() };
    let mut cached: BTreeMap<(&str, ObjectKey), Lying> = BTreeMap::new();
    for (number, site) in (0..).zip(builds) {
        let (local, demoted) = build(site, target.live.as_ref());
        let planned = target.planned(&local, &demoted, number * MONTH);
        target.apply(&planned, &local, &demoted, true);
        let path = |key: &ObjectKey| format!("/{PREFIX}/{key}");
        cached.retain(|(distribution, key), copy| {
            let path = path(key);
            let (_, path) =
                as_seen(&path).into_iter().find(|(id, _)| id == distribution).expect("one of two");
            !is_dropped(&planned, distribution, path, copy)
        });
        for (key, lying) in &target.bucket {
            for distribution in [WHOLE, INSIDE] {
                let copy = cached.entry((distribution, key.clone())).or_insert_with(|| lying.clone());
                if copy != lying {
                    return Err(format!(
                        "build {number}: {distribution} has an old {key}: {:?}",
                        planned.plan.invalidations
                    ));
                }
            }
        }
    }
    Ok(())
}

/// A history whose strangers store over the first object of the bucket.
fn overwritten(builds: [&[&str]; 3]) -> History {
    let [first, second, third] = builds.map(|build| {
        let named = |name: &&str| ((*name).to_owned(), 0);
        build.iter().map(named).collect::<Site>()
    });
    let meddling = vec![(Meddling::Overwrite, 0)];
    let retention = RetentionRules { keep_releases: 1, keep_days: 7 };
    History { first, second, third, meddling, is_pruned: false, retention, seconds: MONTH }
}

#[test]
fn what_somebody_stored_over_a_page_that_is_due_is_dropped_when_it_goes() {
    let history = overwritten([&["a.html", "b.html", "sw.js"], &["sw.js"], &["docs/a.html"]]);
    assert_eq!(drops_what_is_stale(&history), Ok(()));
}

#[test]
fn what_somebody_stored_over_a_file_that_was_kept_is_dropped_when_it_goes() {
    let others = ["assets/more-e3x9OWoK.js", "assets/x-CzQAN4l5.js"];
    let kept = ["assets/app-DRXg7gsA.js", others[0], others[1]];
    let history = overwritten([&kept, &others, &["index.html", others[0], others[1]]]);
    assert_eq!(drops_what_is_stale(&history), Ok(()));
}

#[test]
fn a_hashed_name_that_comes_back_with_other_bytes_when_it_is_long_gone_is_dropped() {
    let others = [("assets/more-e3x9OWoK.js", 0), ("assets/x-CzQAN4l5.js", 0)];
    let site = |files: &[(&str, u8)]| -> Site {
        files.iter().chain(&others).map(|(name, content)| ((*name).to_owned(), *content)).collect()
    };
    let (name, gone) = ("assets/app-DRXg7gsA.js", site(&[("index.html", 1)]));
    let history = [site(&[(name, 0)]), gone.clone(), site(&[]), gone.clone(), site(&[(name, 1)])];
    assert_eq!(caches_are_right(&history), Ok(()));
}

#[test]
fn a_hashed_name_that_comes_back_where_nobody_takes_it_for_hashed_is_dropped() {
    let site = |files: &[(&str, u8)]| -> Site {
        files.iter().map(|(name, content)| ((*name).to_owned(), *content)).collect()
    };
    // A name is judged in the company of the others.
    let (app, more) = ("assets/app-DRXg7gsA.js", "assets/more-e3x9OWoK.js");
    let others = [
        site(&[("a.html", 0)]),
        site(&[("a/index.html", 0), (app, 0)]),
        site(&[("assets/app-CzQAN4l5.js", 0)]),
    ];
    let [second, third, fourth] = others;
    let history = [site(&[(app, 0), (more, 2)]), second, third, fourth, site(&[(more, 2)])];
    assert_eq!(caches_are_right(&history), Ok(()));
}

proptest! {
    #[test]
    fn no_cache_keeps_anything_but_what_is_there(builds in vec(sites(), 2..7)) {
        prop_assert_eq!(caches_are_right(&builds), Ok(()));
    }

    #[test]
    fn applying_a_plan_to_what_lies_there_makes_it_the_build_and_leaves_the_rest_alone(history in histories()) {
        let (mut target, local, demoted, planned) = third_push(&history);
        let before = target.bucket.clone();
        let published = target.published();
        target.apply(&planned, &local, &demoted, true);
        let listed = target.live.iter().flat_map(|live| live.objects.keys());
        prop_assert_eq!(listed.collect::<Vec<_>>(), local.files.keys().collect::<Vec<_>>(), "the record");
        for (key, file) in &local.files {
            let lying = target.bucket.get(key);
            prop_assert_eq!(lying.map(|lying| lying.sha256), Some(file.sha256), "{}", key);
            prop_assert_eq!(lying.map(|lying| &lying.headers), Some(&*file.headers), "{}", key);
        }
        for (key, lying) in target.bucket.iter().filter(|(key, _)| !local.files.contains_key(*key)) {
            let is_kept = planned.stale.get(key).is_some_and(|stale| !stale.is_due);
            prop_assert!(is_kept || !published.contains(key), "{key} is left behind");
            prop_assert_eq!(before.get(key), Some(lying), "{} is neither in the build nor left alone", key);
        }
    }

    #[test]
    fn planning_again_after_a_plan_was_applied_gives_an_empty_plan(history in histories(), is_verified in any::<bool>()) {
        let (mut target, local, demoted, planned) = third_push(&history);
        target.apply(&planned, &local, &demoted, true);
        target.is_verified = is_verified;
        let (again, more) = build(&history.third, target.live.as_ref());
        prop_assert!(more.is_empty(), "{more:?}");
        let plan = target.planned(&again, &more, history.seconds + 60).plan;
        prop_assert!(plan.is_empty() && plan.invalidations.is_empty(), "{:?}", plan.changes);
    }

    #[test]
    fn only_what_sitepush_published_and_the_build_lacks_is_deleted(history in histories()) {
        let (target, local, _, planned) = third_push(&history);
        let published = target.published();
        for change in planned.plan.changes.iter().filter(|change| change.action == Action::Delete) {
            prop_assert!(published.contains(&change.key) && target.ours.contains(&change.key), "{}", change.key);
            prop_assert!(!local.files.contains_key(&change.key), "{}", change.key);
            // What a stranger took away is deleted all the same: its cached copies are dropped with it.
            let lies_there = target.bucket.contains_key(&change.key) || target.taken.contains(&change.key);
            prop_assert!(lies_there, "{} was deleted before", change.key);
        }
    }

    #[test]
    fn every_overwritten_or_deleted_object_is_dropped_from_every_cache_under_every_path(history in histories()) {
        prop_assert_eq!(drops_what_is_stale(&history), Ok(()));
    }

    #[test]
    fn the_order_in_which_files_are_found_never_changes_the_plan(
        history in histories(),
        shuffled in sites().prop_flat_map(|site| {
            let files: Vec<(String, u8)> = site.into_iter().collect();
            (Just(files.clone()), Just(files).prop_shuffle())
        }),
    ) {
        let (target, ..) = third_push(&history);
        let (sorted, shuffled) = shuffled;
        let planned = |files: &[(String, u8)]| {
            let files: Vec<(&String, u8)> = files.iter().map(|(name, content)| (name, *content)).collect();
            let (local, demoted) = inventory_of(&files, target.live.as_ref());
            let planned = target.planned(&local, &demoted, history.seconds);
            let mut after = target.clone();
            after.apply(&planned, &local, &demoted, true);
            (planned, after.live.expect("it was committed").encode(Split::NEVER, None).expect("all is known").root)
        };
        let (expected, found) = (planned(&sorted), planned(&shuffled));
        prop_assert_eq!(&expected.0, &found.0);
        prop_assert_eq!(expected.1, found.1, "the record that the plan leads to");
    }
}
