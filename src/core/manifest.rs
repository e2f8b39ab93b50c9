//! The record of a release: what is live, what is kept besides, and what is still owed.
//!
//! Decides the format in the bucket: encode, decode, refuse what a newer version wrote. Never reads or writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufWriter, Read as _};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::digest::Sha256Digest;
use super::edge_settings::EdgeSettings;
use super::headers::ObjectHeaders;
use super::key::ObjectKey;
use super::object_class::ObjectClass;
use super::release::{ReleaseId, ReleaseSummary};

/// The version of the format that this program writes and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// Releases whose summaries a manifest carries, the live one included. Older records are removed from the bucket.
pub const HISTORY_LENGTH: usize = 50;

/// Unpacked, a manifest has some 250 bytes for each object: four million fit. What unpacks to more was not written by
/// sitepush, and a few kilobytes could unpack to more than the machine's memory.
const MAX_JSON_BYTES: u64 = 1 << 30;

/// Given to the compressor at a time.
const PIECE_BYTES: usize = 32 << 10;

/// An object as it stands in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub size_bytes: u64,
    pub sha256: Sha256Digest,
    /// The ETag without its quotes: a token for `If-Match` and a hint, never proof of content.
    pub e_tag: String,
    /// Where the bucket has versions.
    pub version_id: Option<String>,
    pub headers: Arc<ObjectHeaders>,
    pub class: ObjectClass,
}

/// An object that left the build but is still in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleObject {
    pub object: Arc<StoredObject>,
    /// The last release that referred to it.
    pub last_release: ReleaseId,
    /// When it left the build.
    pub left_at: Timestamp,
    /// Whether this manifest's own prune phase deletes it (else it is kept for open pages).
    pub is_due: bool,
    /// Whether it was seen to be gone or to have other bytes: then it is sent again if it comes back.
    pub has_drifted: bool,
}

/// An invalidation that the release needs. It stays owed until the lock's settlement names its caller reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedInvalidation {
    pub distribution_id: String,
    pub caller_reference: String,
    /// Encoded paths, wildcards and tags, ready to be sent.
    pub items: Vec<String>,
    #[serde(default)]
    pub due_after: DueAfter,
}

/// What must have been done before an invalidation is made. A copy that is fetched between the invalidation and the
/// change stays for as long as any other: an object that goes must be gone first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueAfter {
    /// Everything that the release writes is in place.
    #[default]
    Commit,
    /// The pages that left are deleted. It comes before the deletion of the files that they use.
    PrunePages,
    /// The other files that left are deleted.
    PruneFiles,
}

impl DueAfter {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Commit, Self::PrunePages, Self::PruneFiles];
}

/// What was found out about a distribution, so that it need not be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionFacts {
    pub domain_name: String,
    /// Empty, or `/a/b` without a closing slash.
    pub origin_path: String,
    /// Whether the distribution reads cache tags from the objects' metadata.
    #[serde(default)]
    pub has_cache_tags: bool,
    /// When CloudFront said so.
    #[serde(default)]
    pub checked_at: Timestamp,
}

/// What the endpoint was found to keep of S3's promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub conditional_writes: bool,
    pub versioning: bool,
}

/// The live state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub release: ReleaseSummary,
    /// Shared: most objects stand in the live record, in what is known of the bucket, and in the next record.
    pub objects: BTreeMap<ObjectKey, Arc<StoredObject>>,
    pub stale: BTreeMap<ObjectKey, StaleObject>,
    /// Keys that look fingerprinted but were seen with other bytes: never immutable again. The value is the
    /// release that found it.
    pub demoted: BTreeMap<ObjectKey, ReleaseId>,
    /// Newest first; the first is the live one.
    pub history: Vec<ReleaseSummary>,
    pub owed: Vec<OwedInvalidation>,
    pub distributions: BTreeMap<String, DistributionFacts>,
    /// What the edge function's store must say; none where the target names no store. Owed until the lock's settlement
    /// says that it was written.
    pub edge_settings: Option<EdgeSettings>,
    pub capabilities: Capabilities,
    /// When an earlier release was committed since which the bucket was not compared: objects that were written before
    /// have the headers that are recorded. None when that is this release itself.
    pub unseen_since: Option<Timestamp>,
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest was written by a newer sitepush (format {found}, this one reads up to {SCHEMA})")]
    TooNew { found: u32 },
    #[error("the manifest cannot be unpacked")]
    Gzip(#[source] std::io::Error),
    #[error("the manifest unpacks to more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("the manifest cannot be read")]
    Json(#[source] serde_json::Error),
    #[error("object `{key}` names header set {index}, which is not there")]
    HeaderSet { key: ObjectKey, index: usize },
}

impl ManifestError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooNew { .. } => "use the newest sitepush; `sitepush --version` tells which one this is",
            Self::Gzip(_) | Self::TooLarge { .. } | Self::Json(_) | Self::HeaderSet { .. } => {
                "copy the newest file of `.sitepush/releases/` over it, then push with `--verify-remote`"
            }
        }
    }
}

impl Manifest {
    /// Whether the record says that the key is there: live, kept for open pages, or still to be deleted. `is_pruned`
    /// says that what was due is deleted.
    pub fn answers_for(&self, key: &ObjectKey, is_pruned: bool) -> bool {
        self.objects.contains_key(key)
            || self.stale.get(key).is_some_and(|stale| !(is_pruned && stale.is_due))
    }

    /// Gzipped JSON; equal manifests give equal bytes.
    pub fn encode<'a>(&'a self) -> Vec<u8> {
        let stored = self.objects.values().chain(self.stale.values().map(|stale| &stale.object));
        let header_sets = HeaderSets::of(stored);
        let document = WrittenDocument {
            schema: SCHEMA,
            tool: concat!("sitepush ", env!("CARGO_PKG_VERSION")),
            layout: "in-place",
            release: &self.release,
            capabilities: self.capabilities,
            unseen_since: self.unseen_since,
            distributions: &self.distributions,
            edge_settings: self.edge_settings.as_ref(),
            owed: &self.owed,
            history: &self.history,
            demoted: &self.demoted,
            header_sets: &header_sets.sets,
            objects: PackedMap {
                entries: &self.objects,
                pack: |object: &'a Arc<StoredObject>| header_sets.pack(object),
            },
            stale: PackedMap {
                entries: &self.stale,
                pack: |stale: &'a StaleObject| PackedStale {
                    object: header_sets.pack(&stale.object),
                    last_release: Cow::Borrowed(&stale.last_release),
                    left_at: stale.left_at,
                    is_due: stale.is_due,
                    has_drifted: stale.has_drifted,
                },
            },
        };
        let encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::new(4));
        // JSON comes in pieces of a few bytes, and each that reaches the compressor costs as much as a thousand.
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, encoder);
        serde_json::to_writer(&mut writer, &document).expect("a manifest has only string keys");
        let encoder = writer.into_inner().expect("writing to memory does not fail");
        encoder.finish().expect("writing to memory does not fail")
    }

    /// Reads what [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are not gzipped JSON of a known format.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let json = unpack(bytes, MAX_JSON_BYTES)?;
        let document = match serde_json::from_slice::<Document<'_>>(&json) {
            Ok(document) if document.schema <= SCHEMA => document,
            other => return Err(unreadable(&json, other.err())),
        };
        let sets: Vec<Arc<ObjectHeaders>> = document.header_sets.into_iter().map(Arc::new).collect();
        let mut objects = BTreeMap::new();
        for (key, packed) in document.objects {
            let object = packed.unpack(&key, &sets)?;
            objects.insert(key, Arc::new(object));
        }
        let mut stale = BTreeMap::new();
        for (key, packed) in document.stale {
            let PackedStale { object, last_release, left_at, is_due, has_drifted } = packed;
            let object = Arc::new(object.unpack(&key, &sets)?);
            let last_release = last_release.into_owned();
            stale.insert(key, StaleObject { object, last_release, left_at, is_due, has_drifted });
        }
        Ok(Self {
            release: document.release,
            objects,
            stale,
            demoted: document.demoted,
            history: document.history,
            owed: document.owed,
            distributions: document.distributions,
            edge_settings: document.edge_settings,
            capabilities: document.capabilities,
            unseen_since: document.unseen_since,
        })
    }
}

/// The bytes that were packed, if they are not more than `limit_bytes`.
fn unpack(bytes: &[u8], limit_bytes: u64) -> Result<Vec<u8>, ManifestError> {
    let mut json = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes).take(limit_bytes + 1);
    decoder.read_to_end(&mut json).map_err(ManifestError::Gzip)?;
    if json.len() as u64 > limit_bytes {
        return Err(ManifestError::TooLarge { limit_bytes });
    }
    Ok(json)
}

/// Why a document is not one that this version reads: first of all because it is from a newer one.
fn unreadable(json: &[u8], error: Option<serde_json::Error>) -> ManifestError {
    let schema = serde_json::from_slice(json).map(|Schema { schema }| schema);
    match (schema, error) {
        (Ok(found), _) if found > SCHEMA => ManifestError::TooNew { found },
        (_, Some(error)) | (Err(error), None) => ManifestError::Json(error),
        (Ok(found), None) => ManifestError::TooNew { found },
    }
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

/// What is read. [`WrittenDocument`] is the same document as it is written, in this order.
#[derive(Deserialize)]
struct Document<'a> {
    schema: u32,
    release: ReleaseSummary,
    capabilities: Capabilities,
    #[serde(default)]
    unseen_since: Option<Timestamp>,
    #[serde(default)]
    distributions: BTreeMap<String, DistributionFacts>,
    #[serde(default)]
    edge_settings: Option<EdgeSettings>,
    #[serde(default)]
    owed: Vec<OwedInvalidation>,
    #[serde(default)]
    history: Vec<ReleaseSummary>,
    #[serde(default)]
    demoted: BTreeMap<ObjectKey, ReleaseId>,
    header_sets: Vec<ObjectHeaders>,
    #[serde(borrow)]
    objects: BTreeMap<ObjectKey, PackedObject<'a>>,
    #[serde(default, borrow)]
    stale: BTreeMap<ObjectKey, PackedStale<'a>>,
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
#[derive(Serialize, Deserialize)]
struct PackedObject<'a> {
    size: u64,
    sha256: Sha256Digest,
    etag: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    headers: usize,
    class: ObjectClass,
}

#[derive(Serialize, Deserialize)]
struct PackedStale<'a> {
    #[serde(flatten, borrow)]
    object: PackedObject<'a>,
    last_release: Cow<'a, ReleaseId>,
    left_at: Timestamp,
    #[serde(default)]
    is_due: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_drifted: bool,
}

impl PackedObject<'_> {
    fn unpack(self, key: &ObjectKey, sets: &[Arc<ObjectHeaders>]) -> Result<StoredObject, ManifestError> {
        let headers = sets
            .get(self.headers)
            .ok_or_else(|| ManifestError::HeaderSet { key: key.clone(), index: self.headers })?;
        Ok(StoredObject {
            size_bytes: self.size,
            sha256: self.sha256,
            e_tag: self.etag.into_owned(),
            version_id: self.version.map(Cow::into_owned),
            headers: Arc::clone(headers),
            class: self.class,
        })
    }
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
            etag: Cow::Borrowed(&object.e_tag),
            version: object.version_id.as_deref().map(Cow::Borrowed),
            headers: self.index[&object.headers],
            class: object.class,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_refused_and_not_unpacked() {
        let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b' '; 8 << 20]).expect("writing to memory does not fail");
        let bomb = encoder.finish().expect("writing to memory does not fail");
        assert!(bomb.len() < 100_000, "{} bytes", bomb.len());
        let refused = unpack(&bomb, 1000).expect_err("it is far more");
        assert_eq!(refused.to_string(), "the manifest unpacks to more than 1000 bytes");
        assert!(unpack(&bomb, 8 << 20).is_ok(), "the limit itself is allowed");
    }
}
