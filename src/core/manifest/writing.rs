//! The record as it is written: gzipped lines of JSON. The first says everything but the objects; each of the others has
//! some of them, so that no more than those need be held as text.
//!
//! [`super::reading`] reads the same lines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufWriter, Write};
use std::sync::Arc;

use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::parts::{Dresses, Part, PartName, Parts, RangeDigests, Split};
use super::{
    Capabilities, DistributionFacts, Encoded, Manifest, OwedInvalidation, SCHEMA, StaleObject, StoredObject,
    UnreadError,
};
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
///
/// # Errors
/// When an object has to be written of which not all is known.
pub(super) fn encode(
    manifest: &Manifest,
    split: Split,
    before: Option<&Manifest>,
) -> Result<Encoded, UnreadError> {
    let objects = &manifest.objects;
    let (parts, new_parts) = if split.applies_to(objects.len()) {
        let known = before.map(|before| before.parts.list.as_slice()).unwrap_or_default();
        in_parts(manifest, split, known)?
    } else {
        if let Some((key, _)) = objects.iter().find(|(_, object)| object.e_tag.is_unread()) {
            return Err(UnreadError { key: key.clone() });
        }
        (Vec::new(), Vec::new())
    };
    let parts = Parts::following(before, parts, &manifest.history);
    let root = root(manifest, &parts);
    Ok(Encoded { root, new_parts, parts })
}

/// The parts of the record, and those among them that are not `known`.
fn in_parts(manifest: &Manifest, split: Split, known: &[Part]) -> Result<(Vec<Part>, NewParts), UnreadError> {
    let known: HashMap<Sha256Digest, &Part> = known.iter().map(|part| (part.wants, part)).collect();
    let entries: Vec<Entry<'_>> = manifest.objects.iter().collect();
    let mut dresses = Dresses::default();
    let (mut parts, mut new_parts) = (Vec::new(), Vec::new());
    for range in split.ranges(manifest.objects.keys()) {
        let entries = &entries[range];
        let mut digests = RangeDigests::new();
        for (key, object) in entries {
            digests.add_content(key, object.size_bytes, object.sha256);
            digests.add_dress(dresses.of(object.class, &object.headers));
        }
        let (content, wants) = digests.finish();
        let same = known.get(&wants).copied();
        let unread: Vec<&Entry<'_>> = entries.iter().filter(|(_, object)| object.e_tag.is_unread()).collect();
        if let Some((key, _)) = unread.first() {
            // Where nothing of it was read, nothing of it was written either.
            let is_kept = unread.len() == entries.len();
            let same = same.filter(|_| is_kept).ok_or_else(|| UnreadError { key: (*key).clone() })?;
            parts.push(same.clone());
            continue;
        }
        let bytes = part(entries);
        if let Some(same) = same.filter(|same| same.name.is_of(&bytes)) {
            parts.push(same.clone());
            continue;
        }
        let name = PartName::of(&manifest.release.id, &bytes);
        parts.push(Part { name: name.clone(), objects: entries.len(), content, wants });
        new_parts.push((name, bytes));
    }
    Ok((parts, new_parts))
}

/// The parts that are not in the bucket yet.
type NewParts = Vec<(PartName, Vec<u8>)>;

type Entry<'a> = (&'a ObjectKey, &'a Arc<StoredObject>);

/// The file of a part: the header sets, then the objects.
fn part(entries: &[Entry<'_>]) -> Vec<u8> {
    let header_sets = HeaderSets::of(entries.iter().map(|(_, object)| *object));
    packed(entries.len(), |writer| {
        write_line(writer, &PartLine { header_sets: &header_sets.sets });
        write_objects(writer, entries.iter().copied(), &header_sets);
    })
}

fn root<'a>(manifest: &'a Manifest, parts: &'a Parts) -> Vec<u8> {
    let is_parted = !parts.list.is_empty();
    let objects = || manifest.objects.iter().filter(|_| !is_parted);
    let stale = manifest.stale.values().map(|stale| &stale.object);
    let header_sets = HeaderSets::of(objects().map(|(_, object)| object).chain(stale));
    let document = FirstLine {
        schema: if parts.is_empty() { 1 } else { SCHEMA },
        tool: concat!("sitepush ", env!("CARGO_PKG_VERSION")),
        layout: "in-place",
        release: &manifest.release,
        written_by: &manifest.written_by,
        capabilities: manifest.capabilities,
        unseen_since: manifest.unseen_since,
        distributions: &manifest.distributions,
        edge_settings: manifest.edge_settings.as_ref(),
        owed: &manifest.owed,
        history: &manifest.history,
        demoted: &manifest.demoted,
        retired: &manifest.retired,
        parts: &parts.list,
        retired_parts: &parts.retired,
        header_sets: &header_sets.sets,
        object_count: manifest.objects.len(),
        stale_count: manifest.stale.len(),
    };
    let in_root = if is_parted { 0 } else { manifest.objects.len() };
    packed(in_root + manifest.stale.len(), |writer| {
        write_line(writer, &document);
        write_objects(writer, objects(), &header_sets);
        let pack_stale = |stale: &'a StaleObject| PackedStale {
            object: header_sets.pack(&stale.object),
            last_release: &stale.last_release,
            left_at: stale.left_at,
            is_due: stale.is_due,
            has_drifted: stale.has_drifted,
        };
        let stale = |stale: Vec<_>| StaleLine { stale: Entries(stale) };
        write_lines(writer, manifest.stale.iter(), pack_stale, stale);
    })
}

/// What `write` writes, gzipped. `entries` says how much room it takes.
fn packed(entries: usize, write: impl FnOnce(&mut BufWriter<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    // Room for all of it costs nothing until it is used; growing would leave copies behind that do.
    let room = entries * ROOM_PER_ENTRY_BYTES;
    let encoder = flate2::GzBuilder::new().write(Vec::with_capacity(room), flate2::Compression::new(LEVEL));
    // JSON comes in pieces of a few bytes, and each that reaches the compressor costs as much as a thousand.
    let mut writer = BufWriter::with_capacity(PIECE_BYTES, encoder);
    write(&mut writer);
    let encoder = writer.into_inner().expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn write_objects<'a>(
    writer: &mut impl Write,
    entries: impl Iterator<Item = Entry<'a>>,
    header_sets: &HeaderSets,
) {
    write_lines(
        writer,
        entries,
        |object| header_sets.pack(object),
        |objects: Vec<_>| ObjectLine { objects: Entries(objects) },
    );
}

/// The entries as lines of at most [`LINE_ENTRIES`].
fn write_lines<'a, V: 'a, P, L: Serialize>(
    writer: &mut impl Write,
    entries: impl Iterator<Item = (&'a ObjectKey, &'a V)>,
    pack: impl Fn(&'a V) -> P,
    line: impl Fn(Vec<(&'a ObjectKey, P)>) -> L,
) {
    let mut packed = entries.map(|(key, value)| (key, pack(value)));
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
    #[serde(skip_serializing_if = "str::is_empty")]
    written_by: &'a str,
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
    #[serde(skip_serializing_if = "<[Part]>::is_empty")]
    parts: &'a [Part],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    retired_parts: &'a BTreeMap<ReleaseId, BTreeSet<PartName>>,
    header_sets: &'a [Arc<ObjectHeaders>],
    object_count: usize,
    stale_count: usize,
}

/// The first line of a part.
#[derive(Serialize)]
struct PartLine<'a> {
    header_sets: &'a [Arc<ObjectHeaders>],
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
    #[serde(with = "super::base64_text")]
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
