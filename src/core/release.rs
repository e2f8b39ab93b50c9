//! What a release is called and what it says of itself.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// A release's name: `20261123T101530Z-1a2b3c4`. Sorts by time; the second part is the commit's beginning, or
/// `nocommit` when the build stands outside of version control. A third part (`-2`) tells apart two releases of
/// one commit within one second.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId(String);

/// Where the records of releases lie under the state prefix.
const RECORDS_FOLDER: &str = "releases/";
const RECORD_ENDING: &str = ".json.gz";

/// The text is not a release id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a release id such as `20261123T101530Z-1a2b3c4`")]
pub struct ReleaseIdError(String);

impl ReleaseId {
    /// Names a release made at `time` (UTC, cut to seconds) from `commit`. A hash comes from files that others may have
    /// written (a record, a saved plan): what is no part of one is left out.
    pub fn derive(time: Timestamp, commit: Option<&Commit>) -> Self {
        let digits = commit.into_iter().flat_map(|commit| commit.hash.chars());
        let digits: String = digits.filter(char::is_ascii_alphanumeric).take(7).collect();
        let commit = if digits.is_empty() { "nocommit" } else { &digits };
        Self(format!("{}-{commit}", time.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The id, or the id with the first free number behind it when `is_taken` says that it is in use.
    #[must_use]
    pub fn distinct_from(self, is_taken: impl Fn(&Self) -> bool) -> Self {
        if !is_taken(&self) {
            return self;
        }
        (2..)
            .map(|number: u32| Self(format!("{}-{number}", self.0)))
            .find(|id| !is_taken(id))
            .expect("an endless row has a free number")
    }

    /// The name of the release's record under the state prefix.
    pub fn record_file(&self) -> String {
        format!("{RECORDS_FOLDER}{self}{RECORD_ENDING}")
    }

    /// Reads what [`ReleaseId::record_file`] wrote; none for any other file.
    pub fn of_record_file(file: &str) -> Option<Self> {
        let id = file.strip_prefix(RECORDS_FOLDER)?.strip_suffix(RECORD_ENDING)?;
        Self::try_from(id.to_owned()).ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = ReleaseIdError;

    fn try_from(text: String) -> Result<Self, ReleaseIdError> {
        let well_formed = text.len() > 17
            && text.as_bytes()[8] == b'T'
            && text.as_bytes()[15] == b'Z'
            && text.as_bytes()[16] == b'-'
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if well_formed { Ok(Self(text)) } else { Err(ReleaseIdError(text)) }
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> Self {
        id.0
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The commit that a build was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// 40 hex digits, or 64 where the repository uses SHA-256.
    #[serde(deserialize_with = "hash")]
    pub hash: String,
    /// When it was committed.
    pub time: Timestamp,
    /// Whether files differed from it when the build was published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
}

impl Commit {
    /// Whether a text is a commit's hash, whole or shortened: it becomes a part of the release's id and an argument of
    /// `git`, so it is nothing but digits.
    pub fn is_hash(text: &str) -> bool {
        (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if Commit::is_hash(&text) { Ok(text) } else { Err(D::Error::custom(format!("{text:?} is not a commit"))) }
}

/// How a release came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Origin {
    /// A build was pushed.
    Push,
    /// An earlier release was made live again.
    Rollback { to: ReleaseId },
}

/// What is known of a release without its list of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSummary {
    pub id: ReleaseId,
    pub time: Timestamp,
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Objects of the release, without the retained ones.
    pub object_count: u64,
    /// Bytes stored for those objects.
    pub size_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_show_the_commit() {
        let commit = Commit { hash: "1a2b3c4d5e".into(), time: Timestamp::UNIX_EPOCH, dirty: true };
        let time: Timestamp = "2026-11-23T10:15:30.987Z".parse().expect("a time");
        let id = ReleaseId::derive(time, Some(&commit));
        assert_eq!(id.as_str(), "20261123T101530Z-1a2b3c4");
        assert_eq!(ReleaseId::try_from(id.as_str().to_owned()), Ok(id.clone()));
        assert!(ReleaseId::derive(Timestamp::UNIX_EPOCH, None) < id);
    }

    #[test]
    fn a_hash_that_is_none_still_gives_an_id() {
        for (hash, id) in [
            ("../../\u{e9}\u{20ac}\u{20ac}", "19700101T000000Z-nocommit"),
            ("abc\u{e9}\u{20ac}/d", "19700101T000000Z-abcd"),
        ] {
            let commit = Commit { hash: hash.into(), time: Timestamp::UNIX_EPOCH, dirty: false };
            let derived = ReleaseId::derive(Timestamp::UNIX_EPOCH, Some(&commit));
            assert_eq!(derived.as_str(), id);
            assert_eq!(ReleaseId::try_from(id.to_owned()), Ok(derived));
        }
    }

    #[test]
    fn two_releases_of_one_second_have_two_names() {
        let id = ReleaseId::derive(Timestamp::UNIX_EPOCH, None);
        let second = id.clone().distinct_from(|taken| *taken == id);
        assert_eq!(second.as_str(), "19700101T000000Z-nocommit-2");
        assert!(id < second);
    }

    #[test]
    fn only_hex_digits_are_a_commit() {
        for hash in ["1a2b3c4", "9b932da0c1f5d1c4d7b3a6f1f6f6f2c5a4a3b2c1", &"0f".repeat(32)] {
            assert!(Commit::is_hash(hash), "{hash}");
        }
        for text in [
            "",
            "1a",
            "--all",
            "HEAD",
            "../../a",
            "gpg: Signature made Tue 24 Nov 2026 10:00:00 AM",
            &"0".repeat(65),
        ] {
            assert!(!Commit::is_hash(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_release_ids() {
        for text in
            ["", "x", "../../secret", "20261123T101530Z", "20261123T101530Z-a/b", "2026-11-23 10:15:30 abc"]
        {
            assert!(ReleaseId::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
