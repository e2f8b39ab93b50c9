//! The record as it is read: line by line, and objects straight from the text into what is kept.
//!
//! A site may have a million objects, and their text, or a table of what stands in it, would cost as much as the record
//! itself. So the header sets must come before the objects that name them, as [`super::writing`] writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::parts::{Part, PartName, Parts};
use super::{
    Capabilities, DistributionFacts, LineError, MAX_JSON_BYTES, Manifest, ManifestError, OwedInvalidation,
    Root, SCHEMA, StaleObject, StoredObject,
};
use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::edge_settings::EdgeSettings;
use crate::core::headers::ObjectHeaders;
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;
use crate::core::release::{ReleaseId, ReleaseSummary};
use crate::core::retired::RetiredNames;

/// Unpacked at a time.
const PIECE_BYTES: usize = 32 << 10;

/// What was read so far.
#[derive(Default)]
struct Read {
    release: Option<ReleaseSummary>,
    written_by: String,
    capabilities: Option<Capabilities>,
    unseen_since: Option<Timestamp>,
    distributions: BTreeMap<String, DistributionFacts>,
    edge_settings: Option<EdgeSettings>,
    owed: Vec<OwedInvalidation>,
    history: Vec<ReleaseSummary>,
    demoted: BTreeMap<ObjectKey, ReleaseId>,
    retired: RetiredNames,
    parts: Vec<Part>,
    retired_parts: BTreeMap<ReleaseId, BTreeSet<PartName>>,
    header_sets: Vec<Arc<ObjectHeaders>>,
    object_count: Option<usize>,
    stale_count: Option<usize>,
    objects: Vec<(ObjectKey, Arc<StoredObject>)>,
    stale: Vec<(ObjectKey, StaleObject)>,
}

/// Reads the lines that [`super::writing`] wrote, of at most `limit_bytes` when they are unpacked.
///
/// # Errors
/// When the bytes are not gzipped lines of JSON of a known format.
pub(super) fn decode(bytes: &[u8], limit_bytes: u64) -> Result<Root, ManifestError> {
    let (read, lines) = Read::all(bytes, limit_bytes, check_schema)?;
    read.finish(lines).map(Root)
}

/// Reads the objects that a part lists.
///
/// # Errors
/// When the bytes are not those that were given the part's name, or list other things.
pub(super) fn decode_part(
    part: &Part,
    bytes: &[u8],
) -> Result<Vec<(ObjectKey, Arc<StoredObject>)>, ManifestError> {
    let damaged =
        |source: Option<Box<ManifestError>>| ManifestError::PartDamaged { name: part.name.clone(), source };
    if !part.name.is_of(bytes) {
        return Err(damaged(None));
    }
    let read = Read::all(bytes, MAX_JSON_BYTES, |_| Ok(()));
    let (read, _) = read.map_err(|error| damaged(Some(Box::new(error))))?;
    if read.objects.len() != part.objects {
        return Err(damaged(None));
    }
    Ok(read.objects)
}

/// The first line of a later format may say other things, but it says which format it is of.
fn check_schema(line: &[u8]) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: u32,
    }
    match serde_json::from_slice(line) {
        Ok(Schema { schema }) if schema > SCHEMA => Err(ManifestError::TooNew { found: schema }),
        Ok(_) => Ok(()),
        Err(error) => Err(ManifestError::Json(LineError::of(&error, 1))),
    }
}

impl Read {
    /// What all lines say, and the number of the line at which there was no more. `check` looks at the first.
    fn all(
        bytes: &[u8],
        limit_bytes: u64,
        check: impl Fn(&[u8]) -> Result<(), ManifestError>,
    ) -> Result<(Self, usize), ManifestError> {
        let unpacked = flate2::read::GzDecoder::new(bytes).take(limit_bytes + 1);
        let mut unpacked = BufReader::with_capacity(PIECE_BYTES, unpacked);
        let (mut read, mut line, mut total) = (Self::default(), Vec::new(), 0);
        for number in 1.. {
            line.clear();
            let length = unpacked.read_until(b'\n', &mut line).map_err(ManifestError::Gzip)?;
            total += length as u64;
            if total > limit_bytes {
                return Err(ManifestError::TooLarge { limit_bytes });
            }
            if number == 1 {
                check(&line)?;
            }
            if length == 0 {
                return Ok((read, number));
            }
            read.add(&line).map_err(|error| ManifestError::Json(LineError::of(&error, number)))?;
        }
        unreachable!("lines end before numbers do")
    }

    fn add(&mut self, line: &[u8]) -> Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        deserializer.deserialize_map(LineVisitor(self))?;
        deserializer.end()
    }

    /// The whole, when it is one. `line` is the number of the line at which there was no more.
    fn finish(self, line: usize) -> Result<Manifest, ManifestError> {
        let incomplete = |message: String| ManifestError::Json(LineError { message, line, column: 0 });
        let missing = |field: &str| incomplete(format!("missing field `{field}`"));
        let object_count = self.object_count.ok_or_else(|| missing("object_count"))?;
        let stale_count = self.stale_count.ok_or_else(|| missing("stale_count"))?;
        // Made at once: written in order, they fill the table's nodes, which one by one would leave half empty.
        let objects: BTreeMap<_, _> = self.objects.into_iter().collect();
        let stale: BTreeMap<_, _> = self.stale.into_iter().collect();
        let in_parts = self.parts.iter().map(|part| part.objects).fold(0, usize::saturating_add);
        let found = objects.len().saturating_add(in_parts);
        for (count, found) in [(object_count, found), (stale_count, stale.len())] {
            if count != found {
                return Err(incomplete(format!("there are {found} objects where {count} were written")));
            }
        }
        Ok(Manifest {
            release: self.release.ok_or_else(|| missing("release"))?,
            objects,
            stale,
            demoted: self.demoted,
            retired: self.retired,
            history: self.history,
            owed: self.owed,
            distributions: self.distributions,
            edge_settings: self.edge_settings,
            capabilities: self.capabilities.ok_or_else(|| missing("capabilities"))?,
            unseen_since: self.unseen_since,
            written_by: self.written_by,
            parts: Parts::of_record(self.parts, self.retired_parts),
        })
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Release,
    WrittenBy,
    Capabilities,
    UnseenSince,
    Distributions,
    EdgeSettings,
    Owed,
    History,
    Demoted,
    Retired,
    Parts,
    RetiredParts,
    HeaderSets,
    ObjectCount,
    StaleCount,
    Objects,
    Stale,
    #[serde(other)]
    Other,
}

/// Adds what a line says.
struct LineVisitor<'r>(&'r mut Read);

impl<'de> Visitor<'de> for LineVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let read = self.0;
        while let Some(field) = map.next_key()? {
            match field {
                Field::Release => read.release = Some(map.next_value()?),
                Field::WrittenBy => read.written_by = map.next_value()?,
                Field::Capabilities => read.capabilities = Some(map.next_value()?),
                Field::UnseenSince => read.unseen_since = map.next_value()?,
                Field::Distributions => read.distributions = map.next_value()?,
                Field::EdgeSettings => read.edge_settings = map.next_value()?,
                Field::Owed => read.owed = map.next_value()?,
                Field::History => read.history = map.next_value()?,
                Field::Demoted => read.demoted = map.next_value()?,
                Field::Retired => read.retired = map.next_value()?,
                Field::Parts => read.parts = map.next_value()?,
                Field::RetiredParts => read.retired_parts = map.next_value()?,
                Field::HeaderSets => {
                    let sets: Vec<ObjectHeaders> = map.next_value()?;
                    read.header_sets = sets.into_iter().map(Arc::new).collect();
                }
                Field::ObjectCount => read.object_count = Some(map.next_value()?),
                Field::StaleCount => read.stale_count = Some(map.next_value()?),
                Field::Objects => map.next_value_seed(Entries::<PackedObject> {
                    sets: &read.header_sets,
                    entries: &mut read.objects,
                })?,
                Field::Stale => map.next_value_seed(Entries::<PackedStale> {
                    sets: &read.header_sets,
                    entries: &mut read.stale,
                })?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Adds the objects of a line. `sets` are the header sets that were read before.
struct Entries<'r, P: Packed> {
    sets: &'r [Arc<ObjectHeaders>],
    entries: &'r mut Vec<(ObjectKey, P::Value)>,
}

impl<'de, P: Packed> DeserializeSeed<'de> for Entries<'_, P> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: Packed> Visitor<'de> for Entries<'_, P> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects by key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, packed)) = map.next_entry::<ObjectKey, P>()? {
            let index = packed.header_set();
            let headers = self.sets.get(index).ok_or_else(|| {
                A::Error::custom(format_args!(
                    "object `{key}` names header set {index}, which does not stand before it"
                ))
            })?;
            self.entries.push((key, packed.unpack(Arc::clone(headers))));
        }
        Ok(())
    }
}

/// What stands in the text for an object.
trait Packed: DeserializeOwned {
    type Value;

    fn header_set(&self) -> usize;

    fn unpack(self, headers: Arc<ObjectHeaders>) -> Self::Value;
}

#[derive(Deserialize)]
struct PackedObject {
    size: u64,
    #[serde(with = "super::base64_text")]
    sha256: Sha256Digest,
    etag: ETag,
    #[serde(default)]
    version: Option<Box<str>>,
    headers: usize,
    class: ObjectClass,
}

impl Packed for PackedObject {
    type Value = Arc<StoredObject>;

    fn header_set(&self) -> usize {
        self.headers
    }

    fn unpack(self, headers: Arc<ObjectHeaders>) -> Arc<StoredObject> {
        Arc::new(StoredObject {
            size_bytes: self.size,
            sha256: self.sha256,
            e_tag: self.etag,
            version_id: self.version,
            headers,
            class: self.class,
        })
    }
}

#[derive(Deserialize)]
struct PackedStale {
    #[serde(flatten)]
    object: PackedObject,
    last_release: ReleaseId,
    left_at: Timestamp,
    #[serde(default)]
    is_due: bool,
    #[serde(default)]
    has_drifted: bool,
}

impl Packed for PackedStale {
    type Value = StaleObject;

    fn header_set(&self) -> usize {
        self.object.headers
    }

    fn unpack(self, headers: Arc<ObjectHeaders>) -> StaleObject {
        StaleObject {
            object: self.object.unpack(headers),
            last_release: self.last_release,
            left_at: self.left_at,
            is_due: self.is_due,
            has_drifted: self.has_drifted,
        }
    }
}
