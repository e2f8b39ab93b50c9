//! Which objects of a release are asked for: all, or so many, weighted to what changed.

use std::sync::Arc;

use crate::core::digest::Sha256Digest;
use crate::core::key::ObjectKey;
use crate::core::manifest::{Manifest, StoredObject};

/// How much of a release is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    All,
    /// So many pages and files, the root page among them.
    Sample(usize),
}

/// What is larger is left out of a sample: it would be most of what is loaded. All of it is asked for with
/// [`Coverage::All`].
pub const LARGE_BYTES: u64 = 16_000_000;

/// What is asked for, and how much was left out because of its size.
pub(super) struct Chosen<'a> {
    /// The root page first, then what is likelier to be wrong before what is not.
    pub objects: Vec<(&'a ObjectKey, &'a Arc<StoredObject>)>,
    pub large_count: u64,
}

/// Chooses. The same release and the same one before it give the same choice.
///
/// Of a sample, at most three quarters are what changed or is new, pages before files: what did not change can be wrong
/// too, and nobody looks there.
pub(super) fn choose<'a>(
    manifest: &'a Manifest,
    before: Option<&Manifest>,
    coverage: Coverage,
) -> Chosen<'a> {
    let mut objects: Vec<_> = manifest.objects.iter().collect();
    let Coverage::Sample(wanted) = coverage else {
        objects.sort_by_key(|(key, _)| rank(key, manifest, before));
        return Chosen { objects, large_count: 0 };
    };
    let count = objects.len();
    objects.retain(|(key, object)| object.size_bytes <= LARGE_BYTES || **key == ObjectKey::root_page());
    let large_count = (count - objects.len()) as u64;
    let seed = manifest.release.id.as_str();
    objects.sort_by_cached_key(|(key, _)| (rank(key, manifest, before), shuffled(seed, key)));
    let changed = objects.iter().take_while(|(key, _)| rank(key, manifest, before) < FIRST_UNCHANGED).count();
    let unchanged = objects.len() - changed;
    // What one kind does not use of its share, the other may.
    let changed_share = changed.min((wanted - wanted / 4).max(wanted.saturating_sub(unchanged)));
    let unchanged_share = unchanged.min(wanted.saturating_sub(changed_share));
    objects.drain(changed_share..changed);
    objects.truncate(changed_share + unchanged_share);
    Chosen { objects, large_count }
}

const FIRST_UNCHANGED: u8 = 5;

/// The root page, then changed before new before unchanged, and pages before files.
fn rank(key: &ObjectKey, manifest: &Manifest, before: Option<&Manifest>) -> u8 {
    if *key == ObjectKey::root_page() {
        return 0;
    }
    let (ours, theirs) = (manifest.objects.get(key), before.and_then(|before| before.objects.get(key)));
    let news = match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.sha256 == theirs.sha256 && ours.headers == theirs.headers => 5,
        (Some(_), Some(_)) => 1,
        _ => 3,
    };
    news + u8::from(!key.is_page())
}

/// A place among its equals that is as good as any, and always the same.
fn shuffled(seed: &str, key: &ObjectKey) -> Sha256Digest {
    Sha256Digest::of(format!("{seed}\n{key}").as_bytes())
}
