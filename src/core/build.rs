//! The scanned folder, classified: what each file is stored with.
//!
//! Pure. A key that came back with other bytes under a fingerprinted name is found here, before its headers are
//! decided.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::cache_rules::{CacheRules, Seen};
use super::compressed_form::plain_sibling;
use super::digest::Sha256Digest;
use super::fingerprint::Verdict;
use super::headers::ObjectHeaders;
use super::in_step::InStep;
use super::inventory::{Explanation, LocalFile, LocalInventory, Packing};
use super::key::ObjectKey;
use super::manifest::{Manifest, StoredObject};

/// A file of the build, hashed and not yet classified.
#[derive(Clone, Debug)]
pub struct UnclassifiedFile {
    pub key: ObjectKey,
    /// Where the bytes are, if not where the key says.
    pub path: Option<Box<Path>>,
    /// After packing.
    pub size_bytes: u64,
    /// After packing.
    pub sha256: Sha256Digest,
    pub packing: Packing,
    /// The file's first bytes, at most 512, before packing; kept only for names without an extension.
    pub first_bytes: Box<[u8]>,
    /// What its name says, in the company of the others.
    pub verdict: Verdict,
}

/// The classified build.
#[derive(Clone, Debug, Default)]
pub struct ClassifiedBuild {
    pub inventory: LocalInventory,
    /// Keys that were published under a hashed name, or as immutable by a rule, and come with other bytes.
    pub newly_demoted: Vec<ObjectKey>,
}

/// Classifies `files` (in any order) by `rules`, given what `manifest` knows of their names' past.
pub fn classify(
    files: Vec<UnclassifiedFile>,
    rules: &CacheRules,
    manifest: Option<&Manifest>,
) -> ClassifiedBuild {
    let mut interner = Interner::default();
    let mut build = ClassifiedBuild::default();
    let mut warnings = BTreeSet::new();
    let beside_plain = beside_plain_siblings(&files);
    let mut classified_files = Vec::with_capacity(files.len());
    let mut live = manifest.map(|manifest| InStep::with(&manifest.objects));
    let retired = manifest.map(|manifest| manifest.retired.lookup());
    for file in files {
        let verdict = file.verdict;
        let is_known_demoted = manifest.is_some_and(|manifest| manifest.demoted.contains_key(&file.key));
        let live = live.as_mut().and_then(|live| live.get_key_value(&file.key));
        let is_newly_demoted = {
            let live = live.map(|(_, object)| object);
            let kept =
                || manifest.and_then(|manifest| manifest.stale.get(&file.key)).map(|stale| &stale.object);
            let has_other_bytes = || match live.or_else(kept) {
                Some(object) => has_other_bytes(&file, object),
                None => {
                    retired.as_ref().is_some_and(|retired| retired.has_other_bytes(&file.key, file.sha256))
                }
            };
            !is_known_demoted && has_other_bytes()
        };
        let has_plain_sibling = beside_plain.contains(&file.key);
        let seen = Seen { first_bytes: &file.first_bytes, has_plain_sibling };
        let classified = rules.classify(&file.key, seen, verdict, is_known_demoted || is_newly_demoted);
        if is_newly_demoted {
            build.newly_demoted.push(file.key.clone());
        }
        warnings.extend(classified.warning);
        let local = LocalFile {
            path: file.path,
            size_bytes: file.size_bytes,
            sha256: file.sha256,
            headers: interner.headers(classified.headers),
            class: classified.class,
            packing: file.packing,
            explanation: interner.explanation(classified.rule, classified.reason),
        };
        // One text for both: a site has thousands of names.
        let key = live.map_or(file.key, |(key, _)| key.clone());
        classified_files.push((key, local));
    }
    // Made at once: files come sorted, and then that is much quicker than one by one.
    build.inventory.files = classified_files.into_iter().collect();
    build.inventory.warnings.extend(warnings);
    let keys: Vec<&ObjectKey> = build.inventory.files.keys().collect();
    // In an empty build, the rules are not what is wrong.
    let idle = if keys.is_empty() { Vec::new() } else { rules.idle(&keys) };
    build.inventory.warnings.extend(idle);
    build.newly_demoted.sort();
    build
}

/// The compressed files whose plain form is in the build too.
fn beside_plain_siblings(files: &[UnclassifiedFile]) -> HashSet<ObjectKey> {
    let siblings: Vec<_> =
        files.iter().filter_map(|file| Some((&file.key, plain_sibling(&file.key)?))).collect();
    let wanted: HashSet<&ObjectKey> = siblings.iter().map(|(_, plain)| plain).collect();
    let there: HashSet<&ObjectKey> =
        files.iter().map(|file| &file.key).filter(|key| wanted.contains(key)).collect();
    siblings.iter().filter(|(_, plain)| there.contains(plain)).map(|(key, _)| (*key).clone()).collect()
}

/// Whether the object that was published under the file's key, live or kept for open pages, was not to change and has
/// other bytes.
fn has_other_bytes(file: &UnclassifiedFile, object: &StoredObject) -> bool {
    // A name that would be immutable but for a rule lies all the same.
    (object.is_lasting() || file.verdict.is_fingerprinted()) && object.sha256 != file.sha256
}

/// Shares equal values: a site has thousands of files and a handful of header sets.
#[derive(Default)]
struct Interner {
    headers: HashMap<ObjectHeaders, Arc<ObjectHeaders>>,
    explanations: BTreeMap<(Cow<'static, str>, Cow<'static, str>), Arc<Explanation>>,
}

impl Interner {
    fn headers(&mut self, headers: ObjectHeaders) -> Arc<ObjectHeaders> {
        Arc::clone(self.headers.entry(headers).or_insert_with_key(|headers| Arc::new(headers.clone())))
    }

    fn explanation(&mut self, rule: Cow<'static, str>, reason: Cow<'static, str>) -> Arc<Explanation> {
        let entry = self.explanations.entry((rule, reason));
        Arc::clone(entry.or_insert_with_key(|(rule, reason)| {
            Arc::new(Explanation { rule: rule.as_ref().into(), reason: reason.as_ref().into() })
        }))
    }
}
