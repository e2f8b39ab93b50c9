//! The record as it is written: gzipped lines of JSON. The first says everything but the objects; each of the others has
//! some of them, so that no more than those need be held as text.
//!
//! [`super::reading`] reads the same lines.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Capabilities, DistributionFacts, Manifest, OwedInvalidation, SCHEMA, StaleObject, StoredObject};
use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::edge_settings::EdgeSettings;
use crate::core::headers::ObjectHeaders;
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;
use crate::core::release::{ReleaseId, ReleaseSummary};
use crate::core::retired::RetiredNames;

/// Digests and ETags do not compress, and most of a record is made of them: 4 takes a third longer for two bytes in a
/// hundred, and 1 leaves half as much again.
const LEVEL: u32 = 2;

/// Given to the compressor at a time.
const PIECE_BYTES: usize = 32 << 10;

/// Room for an entry, packed: of a site with versions it takes some 100 bytes, of which digest, ETag and version id hardly
/// shrink. Where keys are long, the buffer grows.
const ROOM_PER_ENTRY_BYTES: usize = 128;

/// Objects in a line: some 50 kB of text.
const LINE_ENTRIES: usize = 256;

/// Equal manifests give equal bytes.
pub(super) fn encode<'a>(manifest: &'a Manifest) -> Vec<u8> {
    let stored = manifest.objects.values().chain(manifest.stale.values().map(|stale| &stale.object));
    let header_sets = HeaderSets::of(stored);
    let document = FirstLine {
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
        retired: &manifest.retired,
        header_sets: &header_sets.sets,
        object_count: manifest.objects.len(),
        stale_count: manifest.stale.len(),
    };
    // Room for all of it costs nothing until it is used; growing would leave copies behind that do.
    let room = (manifest.objects.len() + manifest.stale.len()) * ROOM_PER_ENTRY_BYTES;
    let encoder = flate2::GzBuilder::new().write(Vec::with_capacity(room), flate2::Compression::new(LEVEL));
    // JSON comes in pieces of a few bytes, and each that reaches the compressor costs as much as a thousand.
    let mut writer = BufWriter::with_capacity(PIECE_BYTES, encoder);
    write_line(&mut writer, &document);
    let objects = |objects: Vec<_>| ObjectLine { objects: Entries(objects) };
    write_lines(&mut writer, &manifest.objects, |object| header_sets.pack(object), objects);
    let pack_stale = |stale: &'a StaleObject| PackedStale {
        object: header_sets.pack(&stale.object),
        last_release: &stale.last_release,
        left_at: stale.left_at,
        is_due: stale.is_due,
        has_drifted: stale.has_drifted,
    };
    let stale = |stale: Vec<_>| StaleLine { stale: Entries(stale) };
    write_lines(&mut writer, &manifest.stale, pack_stale, stale);
    let encoder = writer.into_inner().expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// The entries as lines of at most [`LINE_ENTRIES`].
fn write_lines<'a, V, P, L: Serialize>(
    writer: &mut impl Write,
    entries: &'a BTreeMap<ObjectKey, V>,
    pack: impl Fn(&'a V) -> P,
    line: impl Fn(Vec<(&'a ObjectKey, P)>) -> L,
) {
    let mut packed = entries.iter().map(|(key, value)| (key, pack(value)));
    loop {
        let some: Vec<_> = packed.by_ref().take(LINE_ENTRIES).collect();
        if some.is_empty() {
            return;
        }
        write_line(writer, &line(some));
    }
}

fn write_line(writer: &mut impl Write, line: &impl Serialize) {
    serde_json::to_writer(&mut *writer, line).expect("a manifest has only string keys");
    writer.write_all(b"\n").expect("writing to memory does not fail");
}

#[derive(Serialize)]
struct FirstLine<'a> {
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
    #[serde(skip_serializing_if = "RetiredNames::is_empty")]
    retired: &'a RetiredNames,
    header_sets: &'a [Arc<ObjectHeaders>],
    object_count: usize,
    stale_count: usize,
}

#[derive(Serialize)]
struct ObjectLine<'a> {
    objects: Entries<'a, PackedObject<'a>>,
}

#[derive(Serialize)]
struct StaleLine<'a> {
    stale: Entries<'a, PackedStale<'a>>,
}

struct Entries<'a, P>(Vec<(&'a ObjectKey, P)>);

impl<P: Serialize> Serialize for Entries<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, packed)| (key, packed)))
    }
}

/// An object whose headers are an index: a site has thousands of objects and a handful of header sets.
#[derive(Serialize)]
struct PackedObject<'a> {
    size: u64,
    #[serde(serialize_with = "base64_of")]
    sha256: Sha256Digest,
    etag: &'a ETag,
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
