//! The record of a release: what is live, what is kept besides, and what is still owed.
//!
//! Decides the format in the bucket: encode, decode, refuse what a newer version wrote. Never reads or writes it.

mod base64_text;
pub mod parts;
mod reading;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::Sha256Digest;
use super::e_tag::ETag;
use super::edge_settings::EdgeSettings;
use super::headers::ObjectHeaders;
use super::key::ObjectKey;
use super::object_class::ObjectClass;
use super::release::{ReleaseId, ReleaseSummary};
use super::retired::RetiredNames;
use parts::{PartName, Parts, Split};

/// The newest version of the format that this program reads: that of a record in parts. A record in one piece is of the
/// first, which every sitepush reads.
pub const SCHEMA: u32 = 2;

/// Releases whose summaries a manifest carries, the live one included. Older records are removed from the bucket.
pub const HISTORY_LENGTH: usize = 50;

/// Unpacked, a manifest has some 250 bytes for each object: four million fit. What unpacks to more was not written by
/// sitepush, and a few kilobytes could unpack to more than the machine's memory.
const MAX_JSON_BYTES: u64 = 1 << 30;

/// An object as it stands in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub size_bytes: u64,
    pub sha256: Sha256Digest,
    pub e_tag: ETag,
    /// Where the bucket has versions.
    pub version_id: Option<Box<str>>,
    pub headers: Arc<ObjectHeaders>,
    pub class: ObjectClass,
}

impl StoredObject {
    /// Whether its name promises that its bytes stay as they are.
    pub fn is_lasting(&self) -> bool {
        self.headers.is_immutable() || self.class == ObjectClass::Fingerprinted
    }
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
    /// Names that promised to last and are deleted: caches may still have them.
    pub retired: RetiredNames,
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
    /// Of the record that this was read from. None where that is in one piece, and before this is written.
    pub parts: Parts,
    /// The run that wrote it, by a number of its own: a record never has the bytes, and so the ETag, of one that was replaced.
    /// Whoever was held up before a commit would take that one for its own base. Empty in records of before.
    pub written_by: String,
}

/// A record as its first file says it: what is in [`parts`] is not read yet.
#[derive(Clone, Debug)]
pub struct Root(Manifest);

/// A record as it is written.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The first file.
    pub root: Vec<u8>,
    /// The parts that are not in the bucket yet. They must be there before the first file is.
    pub new_parts: Vec<(PartName, Vec<u8>)>,
    /// What the record is made of now.
    pub parts: Parts,
}

/// An object whose part was not read has no ETag that could be written down anew.
#[derive(Debug, thiserror::Error)]
#[error("what the record says of `{key}` was not read, and it cannot be kept as it is")]
pub struct UnreadError {
    pub key: ObjectKey,
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
    Json(#[source] LineError),
    #[error("`.sitepush/{}`, a part of it, is missing", name.file())]
    PartMissing { name: PartName },
    #[error("`.sitepush/{}`, a part of it, is not what was written there", name.file())]
    PartDamaged {
        name: PartName,
        #[source]
        source: Option<Box<ManifestError>>,
    },
}

impl ManifestError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooNew { .. } => "use the newest sitepush; `sitepush --version` tells which one this is",
            Self::Gzip(_) | Self::TooLarge { .. } | Self::Json(_) => {
                "copy the newest file of `.sitepush/releases/` over it, then push with `--verify-remote`"
            }
            Self::PartMissing { .. } | Self::PartDamaged { .. } => {
                "bring the part back from the bucket's versions; without them, copy `.sitepush/` to a safe place, delete `.sitepush/manifest.json.gz`, push, and run `sitepush invalidate '/*'`: the next push looks at the whole bucket then, and the releases before are lost"
            }
        }
    }
}

impl Manifest {
    /// Whether the release is among those that are kept, or is older than them and was forgotten. One that is on record and
    /// that this record does not know of was live in the place of this one: it was lost, or an older one was put there.
    pub fn knows_of(&self, release: &ReleaseId) -> bool {
        let is_full = self.history.len() == HISTORY_LENGTH;
        self.history.iter().any(|kept| kept.id == *release)
            || self.history.last().is_some_and(|oldest| is_full && *release < oldest.id)
    }

    /// Whether the record says that the key is there: live, kept for open pages, or still to be deleted. `is_pruned`
    /// says that what was due is deleted.
    pub fn answers_for(&self, key: &ObjectKey, is_pruned: bool) -> bool {
        self.objects.contains_key(key)
            || self.stale.get(key).is_some_and(|stale| !(is_pruned && stale.is_due))
    }

    /// Gzipped lines of JSON; equal manifests give equal bytes. Parts of `before`, the record that it replaces, which say the
    /// same are kept as they are, and the others stay for the releases that have them.
    ///
    /// # Errors
    /// When an object has to be written anew of which not all is known.
    pub fn encode(&self, split: Split, before: Option<&Self>) -> Result<Encoded, UnreadError> {
        writing::encode(self, split, before)
    }
}

impl Root {
    /// Reads what [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are not gzipped lines of JSON of a known format.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        reading::decode(bytes, MAX_JSON_BYTES)
    }
}

/// What is wrong with a line of a manifest, and where.
#[derive(Debug, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct LineError {
    message: String,
    /// From 1.
    line: usize,
    /// From 1; 0 where it is the line itself.
    column: usize,
}

impl LineError {
    /// What was wrong with the text of the line `line`, which was read by itself.
    fn of(error: &serde_json::Error, line: usize) -> Self {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let text = error.to_string();
        let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self { message, line, column: error.column() }
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
        let refused = reading::decode(&bomb, 1000).expect_err("it is far more");
        assert_eq!(refused.to_string(), "the manifest unpacks to more than 1000 bytes");
        // What stands behind the limit is not looked at: here it is missing.
        let cut = reading::decode(&bomb[..bomb.len() / 2], 1000).expect_err("it is far more");
        assert_eq!(cut.to_string(), "the manifest unpacks to more than 1000 bytes");
        let within = reading::decode(&bomb, 8 << 20).expect_err("it is no manifest");
        assert_eq!(within.to_string(), "the manifest cannot be read", "the limit itself is allowed");
    }
}
