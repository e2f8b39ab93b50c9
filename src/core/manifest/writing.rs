//! The record as it is written: gzipped JSON, made without a copy of the objects.
//!
//! [`super::reading`] reads the same document.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Capabilities, DistributionFacts, Manifest, OwedInvalidation, SCHEMA, StaleObject, StoredObject};
use crate::core::digest::Sha256Digest;
use crate::core::edge_settings::EdgeSettings;
use crate::core::headers::ObjectHeaders;
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;
use crate::core::release::{ReleaseId, ReleaseSummary};

/// Digests and ETags do not compress, and most of a record is made of them: 4 takes a third longer for two bytes in a
/// hundred, and 1 leaves half as much again.
const LEVEL: u32 = 2;

/// Given to the compressor at a time.
const PIECE_BYTES: usize = 32 << 10;

/// Equal manifests give equal bytes.
pub(super) fn encode<'a>(manifest: &'a Manifest) -> Vec<u8> {
    let stored = manifest.objects.values().chain(manifest.stale.values().map(|stale| &stale.object));
    let header_sets = HeaderSets::of(stored);
    let document = WrittenDocument {
        schema: SCHEMA,
        tool: concat!("sitepush ", env!("CARGO_PKG_VERSION")),
        layout: "in-place",
        release: &manifest.release,
        capabilities: manifest.capabilities,
        unseen_since: manifest.unseen_since,
        distributions: &manifest.distributions,
        edge_settings: manifest.edge_settings.as_ref(),
        owed: &manifest.owed,
        history: &manifest.history,
        demoted: &manifest.demoted,
        header_sets: &header_sets.sets,
        objects: PackedMap {
            entries: &manifest.objects,
            pack: |object: &'a Arc<StoredObject>| header_sets.pack(object),
        },
        stale: PackedMap {
            entries: &manifest.stale,
            pack: |stale: &'a StaleObject| PackedStale {
                object: header_sets.pack(&stale.object),
                last_release: &stale.last_release,
                left_at: stale.left_at,
                is_due: stale.is_due,
                has_drifted: stale.has_drifted,
            },
        },
    };
    let encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::new(LEVEL));
    // JSON comes in pieces of a few bytes, and each that reaches the compressor costs as much as a thousand.
    let mut writer = BufWriter::with_capacity(PIECE_BYTES, encoder);
    serde_json::to_writer(&mut writer, &document).expect("a manifest has only string keys");
    let encoder = writer.into_inner().expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// What is written, without a copy of the objects: a site may have a million.
#[derive(Serialize)]
struct WrittenDocument<'a, O: Serialize, S: Serialize> {
    schema: u32,
    tool: &'static str,
    layout: &'static str,
    release: &'a ReleaseSummary,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen_since: Option<Timestamp>,
    distributions: &'a BTreeMap<String, DistributionFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge_settings: Option<&'a EdgeSettings>,
    owed: &'a [OwedInvalidation],
    history: &'a [ReleaseSummary],
    demoted: &'a BTreeMap<ObjectKey, ReleaseId>,
    header_sets: &'a [Arc<ObjectHeaders>],
    objects: O,
    stale: S,
}

/// A map whose values are packed one by one as they are written.
struct PackedMap<'a, V, F> {
    entries: &'a BTreeMap<ObjectKey, V>,
    pack: F,
}

impl<'a, V, P: Serialize, F: Fn(&'a V) -> P> Serialize for PackedMap<'a, V, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(key, value)| (key, (self.pack)(value))))
    }
}

/// An object whose headers are an index: a site has thousands of objects and a handful of header sets.
#[derive(Serialize)]
struct PackedObject<'a> {
    size: u64,
    #[serde(serialize_with = "base64_of")]
    sha256: Sha256Digest,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    headers: usize,
    class: ObjectClass,
}

#[derive(Serialize)]
struct PackedStale<'a> {
    #[serde(flatten)]
    object: PackedObject<'a>,
    last_release: &'a ReleaseId,
    left_at: Timestamp,
    is_due: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_drifted: bool,
}

struct HeaderSets {
    sets: Vec<Arc<ObjectHeaders>>,
    index: BTreeMap<Arc<ObjectHeaders>, usize>,
}

impl HeaderSets {
    fn of<'a>(objects: impl Iterator<Item = &'a Arc<StoredObject>>) -> Self {
        let mut sets = Vec::new();
        let mut index = BTreeMap::new();
        for object in objects {
            if !index.contains_key(&object.headers) {
                index.insert(Arc::clone(&object.headers), sets.len());
                sets.push(Arc::clone(&object.headers));
            }
        }
        Self { sets, index }
    }

    fn pack<'a>(&self, object: &'a StoredObject) -> PackedObject<'a> {
        PackedObject {
            size: object.size_bytes,
            sha256: object.sha256,
            etag: &object.e_tag,
            version: object.version_id.as_deref(),
            headers: self.index[&object.headers],
            class: object.class,
        }
    }
}

/// As S3 writes it, in 44 bytes instead of 64.
fn base64_of<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digest.to_base64())
}
