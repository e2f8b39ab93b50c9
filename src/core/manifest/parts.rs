//! A record in parts: ranges of its objects as files of their own, so that a small change of a large site reads and writes
//! little.
//!
//! Decides where a range begins, what a part is called, and whether a build has exactly what a part lists. Never reads or
//! writes one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::core::build::UnclassifiedFile;
use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::headers::ObjectHeaders;
use crate::core::inventory::LocalFile;
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;
use crate::core::release::{ReleaseId, ReleaseSummary};

use super::{Manifest, ManifestError, Root, StoredObject, reading};

/// When a record is kept in parts, and how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The fewest objects of a record in parts.
    pub from_objects: usize,
}

impl Default for Split {
    /// What a record of fewer objects saves is not worth the further requests.
    fn default() -> Self {
        Self { from_objects: 50_000 }
    }
}

impl Split {
    /// For a record in one piece, however large.
    pub const NEVER: Self = Self { from_objects: usize::MAX };

    /// Whether a record of `count` objects is kept in parts.
    pub fn applies_to(self, count: usize) -> bool {
        count >= self.from_objects
    }

    /// Objects in a part, on average: a thousand by default. Larger parts make a small change read more of them, smaller
    /// ones make the list of them longer, which is always read; where both grow alike, their sum is least.
    fn mean_objects(self) -> u64 {
        (self.from_objects as u64).saturating_mul(20).isqrt().max(1)
    }

    /// Whether a range begins with this key. It depends on nothing but the key, so that a name which comes or goes
    /// moves the limits of its own range alone.
    fn begins_with(self, key: &ObjectKey) -> bool {
        let digest = Sha256Digest::of(key.as_str().as_bytes());
        let number = u64::from_be_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes"));
        number.is_multiple_of(self.mean_objects())
    }

    /// The ranges of `keys`, which are in order, by position.
    pub(super) fn ranges<'a>(self, keys: impl Iterator<Item = &'a ObjectKey>) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (position, key) in keys.enumerate() {
            match ranges.last_mut() {
                Some(range) if !self.begins_with(key) => range.end = position + 1,
                _ => ranges.push(position..position + 1),
            }
        }
        ranges
    }
}

/// A part's name: the release that wrote it and the digest of its bytes. Never given to different bytes, and not given again by a
/// later release: what a run deletes that was held up is not what a later release has written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartName(String);

/// Hex digits of the digest in a name.
const NAME_DIGITS: usize = 32;

/// The text is not the name of a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a part of a record")]
pub struct PartNameError(String);

impl PartName {
    /// Where the parts lie under the state prefix.
    pub const FOLDER: &str = "parts/";
    const ENDING: &str = ".json.gz";

    pub(super) fn of(release_id: &ReleaseId, bytes: &[u8]) -> Self {
        Self(format!("{release_id}-{}", digits_of(bytes)))
    }

    /// The file's name under the state prefix.
    pub fn file(&self) -> String {
        format!("{}{}{}", Self::FOLDER, self.0, Self::ENDING)
    }

    /// Reads what [`PartName::file`] wrote; none for any other file.
    pub fn of_file(file: &str) -> Option<Self> {
        let name = file.strip_prefix(Self::FOLDER)?.strip_suffix(Self::ENDING)?;
        Self::try_from(name.to_owned()).ok()
    }

    /// Whether these are the bytes that were given the name.
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        self.0.ends_with(&digits_of(bytes))
    }
}

fn digits_of(bytes: &[u8]) -> String {
    let mut digits = Sha256Digest::of(bytes).to_string();
    digits.truncate(NAME_DIGITS);
    digits
}

impl TryFrom<String> for PartName {
    type Error = PartNameError;

    fn try_from(text: String) -> Result<Self, PartNameError> {
        let is_name = text.rsplit_once('-').is_some_and(|(release_id, digits)| {
            digits.len() == NAME_DIGITS
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && ReleaseId::try_from(release_id.to_owned()).is_ok()
        });
        if is_name { Ok(Self(text)) } else { Err(PartNameError(text)) }
    }
}

impl From<PartName> for String {
    fn from(name: PartName) -> Self {
        name.0
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the record says of one of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: PartName,
    pub objects: usize,
    /// Of keys, sizes and bytes: what a scan of the build tells before its files are classified.
    #[serde(with = "super::base64_text")]
    pub(super) content: Sha256Digest,
    /// Of these and of headers and classes: all that a build can want. ETags and versions are not in it.
    #[serde(with = "super::base64_text")]
    pub(super) wants: Sha256Digest,
}

/// The parts of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// In the order of keys.
    pub list: Vec<Part>,
    /// Those that only earlier releases have, by the last that does. They go when that one is forgotten.
    pub retired: BTreeMap<ReleaseId, BTreeSet<PartName>>,
    /// Those of `list` that were not read, by position, with their first and last key. The build has exactly what they
    /// list, but for ETags and versions, which are not known.
    unread: BTreeMap<usize, (ObjectKey, ObjectKey)>,
}

impl Parts {
    pub(super) fn of_record(list: Vec<Part>, retired: BTreeMap<ReleaseId, BTreeSet<PartName>>) -> Self {
        Self { list, retired, unread: BTreeMap::new() }
    }

    /// Of a record that is made of `list` and follows on `before`: what that one or an earlier one has besides is retired,
    /// for as long as a release of `history` has it.
    pub(super) fn following(before: Option<&Manifest>, list: Vec<Part>, history: &[ReleaseSummary]) -> Self {
        let mut retired = BTreeMap::new();
        if let Some(before) = before {
            retired.clone_from(&before.parts.retired);
            let names = before.parts.list.iter().map(|part| part.name.clone());
            retired.entry(before.release.id.clone()).or_default().extend(names);
        }
        let own: BTreeSet<&PartName> = list.iter().map(|part| &part.name).collect();
        retired.retain(|id, names| {
            names.retain(|name| !own.contains(name));
            !names.is_empty() && history.iter().any(|release| release.id == *id)
        });
        Self::of_record(list, retired)
    }

    /// Whether neither the record nor an earlier one is in parts.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.retired.is_empty()
    }

    /// All that the record refers to, or an earlier one.
    pub fn referred(&self) -> BTreeSet<&PartName> {
        self.list.iter().map(|part| &part.name).chain(self.retired.values().flatten()).collect()
    }
}

/// The digests of a range, as it is gone through.
pub(super) struct RangeDigests {
    content: Sha256,
    wants: Sha256,
}

impl RangeDigests {
    pub fn new() -> Self {
        Self { content: Sha256::new(), wants: Sha256::new() }
    }

    pub fn add_content(&mut self, key: &ObjectKey, size_bytes: u64, sha256: Sha256Digest) {
        let length = key.as_str().len() as u64;
        self.content.update(length.to_be_bytes());
        self.content.update(key.as_str());
        self.content.update(size_bytes.to_be_bytes());
        self.content.update(sha256.0);
    }

    pub fn add_dress(&mut self, dress: Sha256Digest) {
        self.wants.update(dress.0);
    }

    /// Of what was added.
    pub fn finish(self) -> (Sha256Digest, Sha256Digest) {
        let content: [u8; 32] = self.content.finalize().into();
        let wants = self.wants.chain_update(content).finalize().into();
        (Sha256Digest(content), Sha256Digest(wants))
    }
}

/// The digests of headers and class, each made once: a site has thousands of objects and a handful of header sets.
#[derive(Default)]
pub(super) struct Dresses<'a>(BTreeMap<(ObjectClass, &'a ObjectHeaders), Sha256Digest>);

impl<'a> Dresses<'a> {
    pub fn of(&mut self, class: ObjectClass, headers: &'a ObjectHeaders) -> Sha256Digest {
        *self.0.entry((class, headers)).or_insert_with(|| {
            let text = serde_json::to_vec(&(class, headers)).expect("headers have only string keys");
            Sha256Digest::of(&text)
        })
    }
}

/// Where a build has what parts of a record list: by position of the part, the files' positions.
pub type Held = BTreeMap<usize, Range<usize>>;

impl Root {
    /// What is in parts of their own.
    pub fn parts(&self) -> &[Part] {
        &self.0.parts.list
    }

    /// The releases, newest first.
    pub fn history(&self) -> &[ReleaseSummary] {
        &self.0.history
    }

    /// Which parts list exactly the names, sizes and bytes of a range of `files`, which are in key order: none where the
    /// record of these files will be in one piece, since then all of it is written anew.
    pub fn held_by(&self, files: &[UnclassifiedFile], split: Split) -> Held {
        let positions: BTreeMap<Sha256Digest, usize> =
            self.parts().iter().enumerate().map(|(position, part)| (part.content, position)).collect();
        if positions.is_empty() || !split.applies_to(files.len()) {
            return Held::new();
        }
        let ranges = split.ranges(files.iter().map(|file| &file.key));
        let held = ranges.into_iter().filter_map(|range| {
            let mut digests = RangeDigests::new();
            for file in &files[range.clone()] {
                digests.add_content(&file.key, file.size_bytes, file.sha256);
            }
            let (content, _) = digests.finish();
            Some((*positions.get(&content)?, range))
        });
        held.collect()
    }

    /// The record with the parts that were read, by position, and for the others with what the build holds of them. Their
    /// headers are not known before [`Manifest::settle`].
    ///
    /// # Errors
    /// When a part is neither read nor held, or is not what the record says.
    pub fn beside_build(
        self,
        read: &BTreeMap<usize, Bytes>,
        held: &Held,
        files: &[UnclassifiedFile],
    ) -> Result<Manifest, ManifestError> {
        let mut manifest = self.0;
        let mut objects: Vec<(ObjectKey, Arc<StoredObject>)> = Vec::new();
        let headers = Arc::<ObjectHeaders>::default();
        for (position, part) in manifest.parts.list.iter().enumerate() {
            if let Some(bytes) = read.get(&position) {
                objects.append(&mut reading::decode_part(part, bytes)?);
                continue;
            }
            let range = held.get(&position).filter(|range| !range.is_empty());
            let Some(range) = range else {
                return Err(ManifestError::PartMissing { name: part.name.clone() });
            };
            let files = &files[range.clone()];
            let (first, last) = (&files[0].key, &files[files.len() - 1].key);
            manifest.parts.unread.insert(position, (first.clone(), last.clone()));
            objects.extend(files.iter().map(|file| {
                let object = StoredObject {
                    size_bytes: file.size_bytes,
                    sha256: file.sha256,
                    e_tag: ETag::unread(),
                    version_id: None,
                    headers: Arc::clone(&headers),
                    class: ObjectClass::Other,
                };
                (file.key.clone(), Arc::new(object))
            }));
        }
        manifest.objects.extend(objects);
        Ok(manifest)
    }

    /// The record with all of its parts, in their order.
    ///
    /// # Errors
    /// When one is missing or is not what the record says.
    pub fn with_parts(self, parts: Vec<Bytes>) -> Result<Manifest, ManifestError> {
        self.beside_build(&parts.into_iter().enumerate().collect(), &Held::new(), &[])
    }
}

impl Manifest {
    /// Takes the build's headers and classes for those of the parts that were not read, where the parts list the same.
    /// Returns the others, by position: they have to be read.
    pub fn settle(&mut self, build: &BTreeMap<ObjectKey, LocalFile>) -> Vec<usize> {
        let mut others = Vec::new();
        let mut dresses = Dresses::default();
        for (position, (first, last)) in &self.parts.unread {
            let files = || build.range::<ObjectKey, _>(first..=last);
            let mut digests = RangeDigests::new();
            for (key, file) in files() {
                digests.add_content(key, file.size_bytes, file.sha256);
                digests.add_dress(dresses.of(file.class, &file.headers));
            }
            let (_, wants) = digests.finish();
            if wants != self.parts.list[*position].wants {
                others.push(*position);
                continue;
            }
            for ((_, object), (_, file)) in self.objects.range_mut::<ObjectKey, _>(first..=last).zip(files())
            {
                let object = Arc::make_mut(object);
                object.headers = Arc::clone(&file.headers);
                object.class = file.class;
            }
        }
        others
    }

    /// Puts what a part lists in the place of what was taken from the build.
    ///
    /// # Errors
    /// When it is not what the record says.
    pub fn read_part(&mut self, position: usize, bytes: &[u8]) -> Result<(), ManifestError> {
        let objects = reading::decode_part(&self.parts.list[position], bytes)?;
        self.objects.extend(objects);
        self.parts.unread.remove(&position);
        Ok(())
    }
}
