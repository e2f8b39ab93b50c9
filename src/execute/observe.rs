//! Looks at the bucket itself, where the manifest's word is not enough: adoption, recovery, verification.
//!
//! Only reads. A listing costs a request per thousand objects, so it is not done for an ordinary push.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use crate::core::headers::ObjectHeaders;
use crate::core::inventory::{Drift, Listing, LocalInventory, RemoteState};
use crate::core::key::ObjectKey;
use crate::core::manifest::parts::PartName;
use crate::core::manifest::{Manifest, StoredObject};
use crate::core::object_class::ObjectClass;
use crate::core::release::ReleaseId;
use crate::edges::call::CallError;
use crate::edges::s3::{Bucket, Head, Listed};
use crate::edges::site_dir;

/// HEAD requests in flight.
const HEADS_IN_FLIGHT: usize = 32;

/// What is in the bucket.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    pub listing: Listing,
    /// Headers of the objects that were written after the manifest was.
    pub seen_headers: BTreeMap<ObjectKey, ObjectHeaders>,
    /// Objects whose names no build can have; they are left alone.
    pub odd_keys: u64,
    /// The parts of records, whichever refers to them.
    pub parts: Vec<PartName>,
    /// The releases that are on record.
    pub releases: Vec<ReleaseId>,
}

/// Lists the target and asks for the headers of what may have been written since they were known: since `manifest` was
/// committed (`committed_at`, by the service's clock, to the second), or an earlier one if it was made unseen. Headers cannot change without a write, and a write
/// shows in the listing's time; so nothing else needs to be asked.
///
/// # Errors
/// As any call.
pub async fn observe(
    bucket: &Bucket,
    manifest: Option<&Manifest>,
    committed_at: Option<Timestamp>,
) -> Result<Observation, CallError> {
    let Listed { objects: listing, odd_keys, parts, releases, .. } = bucket.list_objects().await?;
    let committed_at = manifest.and_then(|manifest| manifest.unseen_since).or(committed_at);
    let suspicious = manifest.into_iter().flat_map(|manifest| {
        let known =
            manifest.objects.iter().chain(manifest.stale.iter().map(|(key, stale)| (key, &stale.object)));
        known.filter(|(key, object)| {
            listing.get(*key).is_some_and(|listed| {
                listed.e_tag == object.e_tag
                    && committed_at.is_none_or(|committed_at| listed.last_modified >= committed_at)
            })
        })
    });
    let keys: Vec<&ObjectKey> = suspicious.map(|(key, _)| key).collect();
    let heads = head_all(bucket, &keys).await?;
    let seen_headers = heads.into_iter().map(|(key, head)| (key, head.headers)).collect();
    Ok(Observation { listing, seen_headers, odd_keys, parts, releases })
}

/// Which objects that no manifest names are taken as the build's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// All whose bytes are the build's: a bucket that something else filled.
    Everything,
    /// Only fingerprinted ones: after an unfinished push, a page may be in place and an older copy of it in the
    /// caches, so it is sent and invalidated again.
    Fingerprinted,
}

/// Adds to `remote` the objects that hold a local file's bytes already, by size and MD5 (where the ETag is one), with
/// the headers that they have. The others that stand under a wanted key are marked as foreign.
///
/// # Errors
/// As any call. A local file that cannot be read is passed over: it is sent, and fails there.
pub async fn adopt(
    bucket: &Bucket,
    local: &LocalInventory,
    listing: &Listing,
    adoption: Adoption,
    remote: &mut RemoteState,
) -> Result<(), CallError> {
    let mut same_bytes = Vec::new();
    for (key, file) in &local.files {
        if remote.objects.contains_key(key) || remote.drift.contains_key(key) {
            continue;
        }
        let Some(listed) = listing.get(key) else { continue };
        let is_candidate = adoption == Adoption::Everything || file.class == ObjectClass::Fingerprinted;
        let is_same = is_candidate
            && listed.size_bytes == file.size_bytes
            && listed.e_tag.md5().is_some_and(|told| {
                site_dir::md5(&file.path_in(&local.folder, key), file.packing).is_ok_and(|md5| md5 == told)
            });
        if is_same {
            same_bytes.push(key);
        } else {
            remote.drift.insert(key.clone(), Drift::Foreign);
        }
    }
    for (key, head) in head_all(bucket, &same_bytes).await? {
        let file = &local.files[&key];
        let object = StoredObject {
            size_bytes: head.size_bytes,
            sha256: file.sha256,
            e_tag: head.e_tag,
            version_id: head.version_id.map(Into::into),
            headers: Arc::new(head.headers),
            class: file.class,
        };
        remote.objects.insert(key, Arc::new(object));
    }
    Ok(())
}

/// The versions among `wanted` that the bucket no longer has.
///
/// # Errors
/// As any call.
pub async fn missing_versions(
    bucket: &Bucket,
    wanted: &[(ObjectKey, String)],
) -> Result<BTreeSet<ObjectKey>, CallError> {
    stream::iter(wanted)
        .map(|(key, version_id)| async move {
            let head = bucket.head_object(key, Some(version_id)).await?;
            Ok(head.is_none().then(|| key.clone()))
        })
        .buffer_unordered(HEADS_IN_FLIGHT)
        .try_filter_map(|missing| async move { Ok(missing) })
        .try_collect()
        .await
}

/// What the objects are stored with; those that are gone by now are left out.
async fn head_all(bucket: &Bucket, keys: &[&ObjectKey]) -> Result<BTreeMap<ObjectKey, Head>, CallError> {
    stream::iter(keys)
        .map(|key| async move {
            let head = bucket.head_object(key, None).await?;
            Ok(head.map(|head| ((*key).clone(), head)))
        })
        .buffer_unordered(HEADS_IN_FLIGHT)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}
