//! Hashed names that are gone from the bucket and may still be cached: what a record remembers of them.
//!
//! Their objects were immutable, so that nobody was told to drop a copy when they were deleted. That is right for as long
//! as a name stands for its content. A name that comes back with other bytes did not, and this is how it is found out.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::Sha256Digest;
use super::key::ObjectKey;

/// Names that are remembered: those that went last. They add 160 kB to a record, and a team that deploys ten times a day, with
/// thirty new files each time, fills them in a month.
const LIMIT: usize = 10_000;

const NAME_BYTES: usize = 8;
const CONTENT_BYTES: usize = 4;
const MARK_BYTES: usize = NAME_BYTES + CONTENT_BYTES;

/// The beginnings of two digests. That of the name is long enough for no two names to have the same; that of the content tells
/// one from few others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    name: [u8; NAME_BYTES],
    content: [u8; CONTENT_BYTES],
}

/// The names, with what their content was. Written as base64 of 12 bytes for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetiredNames {
    /// Those that went last at the end; no name twice.
    marks: Vec<Mark>,
}

/// The names, to be looked up.
pub struct Lookup(HashMap<[u8; NAME_BYTES], [u8; CONTENT_BYTES]>);

impl RetiredNames {
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// These names and those that went since, the oldest forgotten when they are too many.
    #[must_use]
    pub fn with<'a>(&self, gone: impl Iterator<Item = (&'a ObjectKey, Sha256Digest)>) -> Self {
        let gone: Vec<Mark> = gone.map(|(key, sha256)| Mark::of(key, sha256)).collect();
        let again: HashSet<[u8; NAME_BYTES]> = gone.iter().map(|mark| mark.name).collect();
        let mut marks: Vec<Mark> =
            self.marks.iter().filter(|mark| !again.contains(&mark.name)).copied().collect();
        marks.extend(gone);
        marks.drain(..marks.len().saturating_sub(LIMIT));
        Self { marks }
    }

    pub fn lookup(&self) -> Lookup {
        Lookup(self.marks.iter().map(|mark| (mark.name, mark.content)).collect())
    }
}

impl Lookup {
    /// Whether `key` is among the names.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        !self.0.is_empty() && self.0.contains_key(&name_of(key))
    }

    /// Whether `key` stood for bytes of another digest when it went.
    pub fn has_other_bytes(&self, key: &ObjectKey, sha256: Sha256Digest) -> bool {
        // Most targets have none, and a name's digest is not for nothing.
        if self.0.is_empty() {
            return false;
        }
        let mark = Mark::of(key, sha256);
        self.0.get(&mark.name).is_some_and(|content| *content != mark.content)
    }
}

impl Mark {
    fn of(key: &ObjectKey, sha256: Sha256Digest) -> Self {
        Self { name: name_of(key), content: beginning(sha256) }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (name, content) = bytes.split_first_chunk()?;
        Some(Self { name: *name, content: content.try_into().ok()? })
    }
}

fn name_of(key: &ObjectKey) -> [u8; NAME_BYTES] {
    beginning(Sha256Digest::of(key.as_str().as_bytes()))
}

fn beginning<const LENGTH: usize>(digest: Sha256Digest) -> [u8; LENGTH] {
    *digest.0.first_chunk().expect("a digest is longer")
}

impl Serialize for RetiredNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> =
            self.marks.iter().flat_map(|mark| mark.name.into_iter().chain(mark.content)).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for RetiredNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = RetiredNames;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "base64 of {MARK_BYTES} bytes for each name")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RetiredNames, E> {
                let invalid = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                let bytes = STANDARD.decode(text).map_err(|_| invalid())?;
                let marks = bytes.chunks(MARK_BYTES).map(Mark::from_bytes).collect::<Option<_>>();
                Ok(RetiredNames { marks: marks.ok_or_else(invalid)? })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ObjectKey {
        ObjectKey::new(format!("assets/app-{number}.js")).expect("a key")
    }

    fn retired(names: &RetiredNames, numbers: std::ops::Range<usize>, content: u8) -> RetiredNames {
        let keys: Vec<ObjectKey> = numbers.map(key).collect();
        names.with(keys.iter().map(|key| (key, Sha256Digest([content; 32]))))
    }

    #[test]
    fn a_name_is_known_by_what_it_stood_for_last() {
        let names = retired(&RetiredNames::default(), 0..3, 1);
        let has_other_bytes = |names: &RetiredNames, number, content| {
            names.lookup().has_other_bytes(&key(number), Sha256Digest([content; 32]))
        };
        assert!(!has_other_bytes(&names, 1, 1), "the same");
        assert!(has_other_bytes(&names, 1, 2), "others");
        assert!(!has_other_bytes(&names, 3, 2), "of which nothing is known");
        let names = retired(&names, 1..2, 2);
        assert!(!has_other_bytes(&names, 1, 2) && has_other_bytes(&names, 1, 1), "what it stood for last");
        assert_eq!(names.marks.len(), 3);
    }

    #[test]
    fn the_names_that_went_last_are_remembered() {
        let names = retired(&RetiredNames::default(), 0..LIMIT, 1);
        // One of the oldest goes again: it is among the newest then.
        let names = retired(&retired(&names, 0..1, 1), LIMIT..LIMIT + 1, 1);
        assert_eq!(names.marks.len(), LIMIT);
        let lookup = names.lookup();
        let forgotten: Vec<usize> = (0..=LIMIT)
            .filter(|number| !lookup.has_other_bytes(&key(*number), Sha256Digest([2; 32])))
            .collect();
        assert_eq!(forgotten, [1]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let names = retired(&RetiredNames::default(), 0..3, 1);
        let text = serde_json::to_string(&names).expect("text");
        assert_eq!(text.len(), 2 + 3 * 16);
        assert_eq!(serde_json::from_str::<RetiredNames>(&text).expect("it was written so"), names);
        for broken in ["\"AAAA\"", "\"not base64\"", "[]"] {
            serde_json::from_str::<RetiredNames>(broken).expect_err(broken);
        }
    }
}
