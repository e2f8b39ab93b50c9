//! The record as it is read: objects go straight from the text into the tables.
//!
//! A site may have a million objects, and a table of what stands in the text would cost as much as the record itself.
//! So the header sets must come before the objects that name them, as [`super::writing`] writes them.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Capabilities, Manifest, StaleObject, StoredObject};
use crate::core::digest::Sha256Digest;
use crate::core::headers::ObjectHeaders;
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;
use crate::core::release::{ReleaseId, ReleaseSummary};

/// A manifest, and the version of the format that it says it is of.
pub(super) struct Document {
    pub schema: u32,
    pub manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Schema,
    Release,
    Capabilities,
    UnseenSince,
    Distributions,
    EdgeSettings,
    Owed,
    History,
    Demoted,
    HeaderSets,
    Objects,
    Stale,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut schema = None;
        let mut release: Option<ReleaseSummary> = None;
        let mut capabilities: Option<Capabilities> = None;
        let mut sets: Option<Vec<Arc<ObjectHeaders>>> = None;
        let mut objects = None;
        let (mut unseen_since, mut edge_settings) = (None, None);
        let (mut distributions, mut demoted, mut stale) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut owed, mut history) = (Vec::new(), Vec::new());
        while let Some(field) = map.next_key()? {
            match field {
                Field::Schema => schema = Some(map.next_value()?),
                Field::Release => release = Some(map.next_value()?),
                Field::Capabilities => capabilities = Some(map.next_value()?),
                Field::UnseenSince => unseen_since = map.next_value()?,
                Field::Distributions => distributions = map.next_value()?,
                Field::EdgeSettings => edge_settings = map.next_value()?,
                Field::Owed => owed = map.next_value()?,
                Field::History => history = map.next_value()?,
                Field::Demoted => demoted = map.next_value()?,
                Field::HeaderSets => {
                    let read: Vec<ObjectHeaders> = map.next_value()?;
                    sets = Some(read.into_iter().map(Arc::new).collect());
                }
                Field::Objects => objects = Some(map.next_value_seed(table::<PackedObject>(&sets))?),
                Field::Stale => stale = map.next_value_seed(table::<PackedStale>(&sets))?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let missing = |field| move || A::Error::missing_field(field);
        let manifest = Manifest {
            release: release.ok_or_else(missing("release"))?,
            objects: objects.ok_or_else(missing("objects"))?,
            stale,
            demoted,
            history,
            owed,
            distributions,
            edge_settings,
            capabilities: capabilities.ok_or_else(missing("capabilities"))?,
            unseen_since,
        };
        Ok(Document { schema: schema.ok_or_else(missing("schema"))?, manifest })
    }
}

/// A table of objects, by key. `sets` are the header sets that were read so far.
fn table<P>(sets: &Option<Vec<Arc<ObjectHeaders>>>) -> Table<'_, P> {
    Table { sets: sets.as_deref().unwrap_or_default(), packed: PhantomData }
}

struct Table<'s, P> {
    sets: &'s [Arc<ObjectHeaders>],
    packed: PhantomData<P>,
}

impl<'de, P: Packed> DeserializeSeed<'de> for Table<'_, P> {
    type Value = BTreeMap<ObjectKey, P::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: Packed> Visitor<'de> for Table<'_, P> {
    type Value = BTreeMap<ObjectKey, P::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects by key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(ObjectKey, P::Value)> = Vec::new();
        while let Some((key, packed)) = map.next_entry::<ObjectKey, P>()? {
            let index = packed.header_set();
            let headers = self.sets.get(index).ok_or_else(|| {
                A::Error::custom(format_args!(
                    "object `{key}` names header set {index}, which does not stand before it"
                ))
            })?;
            entries.push((key, packed.unpack(Arc::clone(headers))));
        }
        // Made at once: written in order, they fill the table's nodes, which one by one would leave half empty.
        Ok(entries.into_iter().collect())
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
    #[serde(deserialize_with = "from_base64")]
    sha256: Sha256Digest,
    etag: String,
    #[serde(default)]
    version: Option<String>,
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

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Sha256Digest;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a SHA-256 in base64")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Sha256Digest, E> {
            Sha256Digest::from_base64(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text)
}
