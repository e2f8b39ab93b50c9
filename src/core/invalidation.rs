//! Which cached copies a change makes stale, and the cheapest items that name them.
//!
//! Pure. Everything here is per distribution: two distributions may show the same keys under different paths, so no
//! list is shared between them.
//!
//! Source for all numbers: CloudFront Developer Guide, "Invalidate files to remove content" and "Quotas".

mod cover;
mod path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::cache_tags::Tagged;
use super::key::{ObjectKey, ViewerMapping};
use super::manifest::{DueAfter, OwedInvalidation};
use super::plan::PlannedInvalidation;
use super::release::ReleaseId;

pub use cover::{Cover, CoverRules, Covering};
pub use path::{PathError, Paths, decode, encode, normalize_item};

/// CloudFront takes at most this many exact paths in progress per distribution, in any mix of requests.
pub const MAX_EXACT_PATHS: usize = 3_000;

/// And, independently, this many wildcard paths.
pub const MAX_WILDCARDS: usize = 15;

/// An encoded path has at most this many characters.
pub const MAX_PATH_CHARACTERS: usize = 4_000;

/// Above this many paths, copies that did not change may be dropped too if that saves paths: the month has 1,000
/// free ones, and five pushes of this size use them up.
const PATHS_WITHOUT_COLLATERAL: usize = 200;

/// How many unchanged copies may be dropped for each path saved, above that. A path costs $0.005; fetching a copy
/// again costs $0.0000004 at each of some hundred edge locations, and a visitor some milliseconds.
const COLLATERAL_PER_SAVED_PATH: u64 = 10;

/// How the edge turns paths into keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UrlStyle {
    /// `/about` and `/about/` stand for `about/index.html` or `about.html`.
    Clean,
    /// A path is a key; only `/` stands for `index.html` (the distribution's default root object).
    Exact,
}

/// What happened to a key, as far as caches are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Created,
    Updated,
    HeadersOnly,
    Deleted,
}

/// What happened, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Without the fingerprinted keys that need no invalidation.
    pub changed: &'a BTreeMap<ObjectKey, ChangeKind>,
    /// Keys that were live before: only they can be cached.
    pub before: &'a BTreeSet<&'a ObjectKey>,
    /// Keys that were live before or are afterwards.
    pub tree: &'a BTreeSet<&'a ObjectKey>,
    /// Cache tags under which only changed keys are cached; empty where the distribution reads none.
    pub tagged: &'a [Tagged<'a>],
    pub occasion: Occasion<'a>,
}

/// What tells one invalidation from another that has the same paths.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Names the run to the second.
    pub release_id: &'a ReleaseId,
    /// Tells apart runs of one second: the ETag of the manifest that the run is planned against, or anything unique.
    pub base: &'a str,
    /// When the change is complete.
    pub due_after: DueAfter,
}

/// The paths under which viewers reach a key: its own first, then every alias. Never empty, all start with `/`.
///
/// `/dir/index.html` is also `/dir/` and `/dir`, the root page is also `/`, and `about.html` is also `/about` and
/// `/about/`. Whole names are compared: `myindex.html` is no index page.
pub fn viewer_paths(path: &str, url_style: UrlStyle) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    match (url_style, name) {
        (_, "index.html") if directory.is_empty() => paths.push("/".into()),
        (UrlStyle::Clean, "index.html") => {
            paths.push(format!("{directory}/"));
            paths.push(directory.to_owned());
        }
        (UrlStyle::Clean, _) => {
            if let Some(clean) = path.strip_suffix(".html").filter(|clean| !clean.ends_with('/')) {
                paths.push(clean.to_owned());
                paths.push(format!("{clean}/"));
            }
        }
        (UrlStyle::Exact, _) => {}
    }
    paths
}

/// Plans the invalidation of one distribution.
///
/// The items are encoded, sorted and unique; none when no copy can be stale. A created key is invalidated only where
/// another key answered before under one of its paths: where nothing did, an error answer may be cached, for the 10
/// seconds that CloudFront keeps errors.
pub fn plan_for(
    distribution_id: &str,
    mapping: &ViewerMapping,
    url_style: UrlStyle,
    change: Change<'_>,
) -> PlannedInvalidation {
    let paths_of = |key: &ObjectKey| {
        mapping.viewer_path(key).map(|path| viewer_paths(path.as_str(), url_style)).unwrap_or_default()
    };
    let created = change.changed.iter().filter(|(_, kind)| **kind == ChangeKind::Created);
    let asked: Paths = created.flat_map(|(key, _)| paths_of(key)).collect();
    // Of all that may be cached, only what answered for a key that is new now is looked for.
    let before = change.before.iter().filter(|_| !asked.is_empty());
    let cached: Paths = before.flat_map(|key| paths_of(key)).filter(|path| asked.contains(path)).collect();
    let stale = stale_paths(change.changed, &cached, &paths_of, &[]);
    if stale.is_empty() {
        return nothing(distribution_id, change.occasion.due_after);
    }
    let others: Paths =
        change.tree.iter().flat_map(|key| paths_of(key)).filter(|path| !stale.contains(path)).collect();
    let by_path = cheapest(&stale, &others);
    let with_tags = (!change.tagged.is_empty()).then(|| {
        let rest = stale_paths(change.changed, &cached, &paths_of, change.tagged);
        cheapest(&rest, &others)
    });
    let (cover, tags) = match with_tags {
        Some(with_tags) if pays(&with_tags, change.tagged.len(), &by_path) => (with_tags, change.tagged),
        _ => (by_path, &[][..]),
    };
    let mut items: Vec<String> = tags.iter().map(|(tag, _)| format!("#{tag}")).collect();
    items.extend(cover.items.iter().cloned());
    items.sort();
    let created = change.changed.iter().filter(|(key, kind)| {
        **kind == ChangeKind::Created && !paths_of(key).iter().any(|path| cached.contains(path))
    });
    let created = created.count() as u64;
    PlannedInvalidation {
        distribution_id: distribution_id.to_owned(),
        due_after: change.occasion.due_after,
        batches: batches(distribution_id, change.occasion, &items),
        collateral: cover.collateral,
        explanation: explain(
            &cover,
            tags,
            items.len(),
            stale.len(),
            change.changed.len() as u64 - created,
            created,
        ),
        items,
    }
}

/// The paths under which a stale copy may be cached that no tag of `tagged` drops.
///
/// A path that several keys answer for goes with a tag only if all of those that changed do.
fn stale_paths(
    changed: &BTreeMap<ObjectKey, ChangeKind>,
    cached: &Paths,
    paths_of: &impl Fn(&ObjectKey) -> Vec<String>,
    tagged: &[Tagged<'_>],
) -> Paths {
    let dropped: BTreeSet<&ObjectKey> = tagged.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    let untagged = changed.iter().filter(|(key, _)| !dropped.contains(key));
    untagged
        .flat_map(|(key, kind)| {
            let is_new = *kind == ChangeKind::Created;
            paths_of(key).into_iter().filter(move |path| !is_new || cached.contains(path))
        })
        .collect()
}

/// Whether tags are worth their items: fewer in all, or less that is dropped besides at a fair price.
fn pays(with_tags: &Cover, tag_count: usize, by_path: &Cover) -> bool {
    let (ours, theirs) = (with_tags.items.len() + tag_count, by_path.items.len());
    if ours <= theirs {
        return ours < theirs || with_tags.collateral < by_path.collateral;
    }
    let dearer = (ours - theirs) as u64;
    by_path.collateral > with_tags.collateral + COLLATERAL_PER_SAVED_PATH * dearer
}

fn nothing(distribution_id: &str, due_after: DueAfter) -> PlannedInvalidation {
    PlannedInvalidation {
        distribution_id: distribution_id.to_owned(),
        due_after,
        items: Vec::new(),
        batches: Vec::new(),
        collateral: 0,
        explanation: Vec::new(),
    }
}

/// Without collateral if that takes few paths; else with a little; else with as much as it takes to be allowed.
fn cheapest(stale: &Paths, others: &Paths) -> Cover {
    let covering = Covering::new(stale, others);
    let rules =
        |collateral_per_saved_path| CoverRules { max_wildcards: MAX_WILDCARDS, collateral_per_saved_path };
    let exact = covering.cover(rules(Some(0)));
    if exact.items.len() <= PATHS_WITHOUT_COLLATERAL {
        return exact;
    }
    let thrifty = covering.cover(rules(Some(COLLATERAL_PER_SAVED_PATH)));
    if thrifty.items.len() <= MAX_EXACT_PATHS {
        return thrifty;
    }
    covering.cover(rules(None))
}

fn explain(
    cover: &Cover,
    tags: &[Tagged<'_>],
    items: usize,
    stale: usize,
    changed: u64,
    created: u64,
) -> Vec<String> {
    let mut sentences = vec![format!(
        "{} reached by {}, named by {}",
        counted(changed, "changed key is", "changed keys are"),
        counted(stale as u64, "cached path", "cached paths"),
        counted(items as u64, "item", "items")
    )];
    for (tag, keys) in tags {
        sentences.push(format!(
            "#{tag} is carried by {} and by nothing else that is live",
            counted(keys.len() as u64, "changed object", "changed objects")
        ));
    }
    for wildcard in &cover.wildcards {
        let collateral = match wildcard.collateral {
            0 => "all that is there has changed".to_owned(),
            count => format!("{count} unchanged copies are dropped with them"),
        };
        sentences.push(format!("{} instead of {} paths: {collateral}", wildcard.item, wildcard.stale));
    }
    if created > 0 {
        sentences.push(format!(
            "{} none: nothing was there, and error answers are cached for 10 seconds",
            counted(created, "new key needs", "new keys need")
        ));
    }
    sentences
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Cuts items into batches that CloudFront takes, each with a caller reference that is made of the occasion,
/// the distribution and the items: the same batch again is recognized, and another batch never has the same
/// reference.
pub fn batches(distribution_id: &str, occasion: Occasion<'_>, items: &[String]) -> Vec<OwedInvalidation> {
    let (wildcards, exact): (Vec<&String>, Vec<&String>) = items.iter().partition(|item| item.ends_with('*'));
    let mut exact = exact.chunks(MAX_EXACT_PATHS);
    let mut wildcards = wildcards.chunks(MAX_WILDCARDS);
    let mut batches = Vec::new();
    loop {
        let (some, more) = (exact.next(), wildcards.next());
        if some.is_none() && more.is_none() {
            return batches;
        }
        let items = some.into_iter().chain(more).flatten();
        let mut items: Vec<String> = items.map(|item| (*item).clone()).collect();
        items.sort();
        let mut batch = OwedInvalidation {
            distribution_id: distribution_id.to_owned(),
            caller_reference: String::new(),
            items,
            due_after: occasion.due_after,
        };
        batch.caller_reference = caller_reference(&batch, occasion, batches.len());
        batches.push(batch);
    }
}

fn caller_reference(batch: &OwedInvalidation, occasion: Occasion<'_>, index: usize) -> String {
    let mut hasher = Sha256::new();
    hasher.update(&batch.distribution_id);
    hasher.update([0, batch.due_after as u8]);
    hasher.update(occasion.base);
    for item in &batch.items {
        hasher.update([0]);
        hasher.update(item);
    }
    let digest = const_hex::encode(&hasher.finalize()[..8]);
    format!("sitepush-{}-{index}-{digest}", occasion.release_id)
}
