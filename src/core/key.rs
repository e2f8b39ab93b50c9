//! Names of objects: keys inside the target, the target's prefix, and the paths that viewers ask for.
//!
//! Decides what a valid key is and how a key, a bucket key and a viewer path are turned into one another.
//! Never touches files or the network.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// S3 takes keys of at most 1,024 bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects").
pub const MAX_KEY_BYTES: usize = 1024;

/// A prefix leaves room for the longest name of sitepush's own state.
pub const MAX_PREFIX_BYTES: usize = MAX_KEY_BYTES - 96;

/// The reserved first segment under which sitepush keeps its own state; nothing under it is ever published.
pub const STATE_PREFIX: &str = ".sitepush/";

/// An object's key relative to the target's prefix: never empty, no leading `/`, at most 1,024 bytes of UTF-8.
///
/// Keys are compared byte by byte; `/` has no meaning to S3 but separates *segments* here. Clones share the text: a key
/// stands in many tables at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

/// Why a text is not an [`ObjectKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is empty")]
    Empty,
    #[error("the key `{0}` starts with `/`")]
    LeadingSlash(String),
    #[error("the key `{key}` is {length_bytes} bytes long, and S3 takes at most {MAX_KEY_BYTES}")]
    TooLong { key: String, length_bytes: usize },
    #[error("the key `{0}` has an empty, `.` or `..` segment, which browsers and proxies rewrite")]
    BadSegment(String),
    #[error("a prefix of {0} bytes leaves no room for keys; {MAX_PREFIX_BYTES} are allowed")]
    PrefixTooLong(usize),
    #[error("`.sitepush` is where sitepush keeps its own state")]
    Reserved,
    #[error("the key {0:?} has a control character, which HTTP clients cannot ask for")]
    ControlCharacter(String),
}

impl ObjectKey {
    /// The key of the page under `/`.
    pub fn root_page() -> Self {
        Self("index.html".into())
    }

    /// Checks `text` and makes a key of it.
    ///
    /// # Errors
    /// When it is empty, too long, starts with `/`, has a segment that URLs cannot carry (empty, `.`, `..`) or a
    /// control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, KeyError> {
        let text = text.as_ref();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong { length_bytes: text.len(), key: text.to_owned() });
        }
        if text.starts_with('/') {
            return Err(KeyError::LeadingSlash(text.to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err(KeyError::ControlCharacter(text.to_owned()));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(KeyError::BadSegment(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The key as text, without a leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The text after the last dot of the file name, in lower case; none for `name`, `.name` and `name.`.
    pub fn extension(&self) -> Option<String> {
        let (stem, extension) = self.file_name().rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
    }

    /// Whether [`Self::extension`] gives one.
    pub fn has_extension(&self) -> bool {
        let parts = self.file_name().rsplit_once('.');
        parts.is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty())
    }

    /// Whether this is an HTML page by its name (`.html`, `.htm`, `.xhtml`).
    pub fn is_page(&self) -> bool {
        let extension = self.file_name().rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
        extension.is_some_and(|(_, extension)| {
            ["html", "htm", "xhtml"].iter().any(|page| extension.eq_ignore_ascii_case(page))
        })
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for ObjectKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ObjectKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ObjectKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ObjectKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ObjectKey, E> {
                ObjectKey::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The part of the bucket that a target owns: empty for the whole bucket, else segments that end with `/`.
///
/// The closing `/` is what keeps `site/` away from `site2/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// Normalizes `text` (slashes at either end are optional) and checks its segments as [`ObjectKey::new`] does.
    ///
    /// # Errors
    /// When a segment is empty, `.`, `..` or `.sitepush`, or the text is too long.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self::default());
        }
        if trimmed.len() > MAX_PREFIX_BYTES {
            return Err(KeyError::PrefixTooLong(trimmed.len()));
        }
        if trimmed.split('/').any(|segment| Some(segment) == STATE_PREFIX.strip_suffix('/')) {
            return Err(KeyError::Reserved);
        }
        Ok(Self(format!("{}/", ObjectKey::new(trimmed)?)))
    }

    /// Empty, or ends with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as the bucket knows it: the prefix, then the relative key.
    pub fn bucket_key(&self, key: &ObjectKey) -> String {
        format!("{}{}", self.0, key.0)
    }

    /// Checks that prefix and key together are a key that S3 takes.
    ///
    /// # Errors
    /// [`KeyError::TooLong`].
    pub fn check_length(&self, key: &ObjectKey) -> Result<(), KeyError> {
        let length_bytes = self.0.len() + key.0.len();
        if length_bytes > MAX_KEY_BYTES {
            return Err(KeyError::TooLong { key: self.bucket_key(key), length_bytes });
        }
        Ok(())
    }

    /// The relative part of a bucket key, or none when it lies outside the prefix (or is the prefix itself).
    pub fn strip<'a>(&self, bucket_key: &'a str) -> Option<&'a str> {
        bucket_key.strip_prefix(&self.0).filter(|rest| !rest.is_empty())
    }
}

impl TryFrom<String> for KeyPrefix {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(&text)
    }
}

impl From<KeyPrefix> for String {
    fn from(prefix: KeyPrefix) -> Self {
        prefix.0
    }
}

/// A path as a viewer's request has it before percent-encoding: starts with `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ViewerPath(String);

impl ViewerPath {
    /// The path `/` followed by `relative` (which has no leading `/`; may be empty for the root).
    pub fn from_relative(relative: &str) -> Self {
        Self(format!("/{relative}"))
    }

    /// Starts with `/`, not encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ViewerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How one distribution shows the target's keys: what CloudFront puts before a viewer path to get a bucket key.
///
/// `origin_path` is the distribution's own (empty, or `/a/b` without a closing slash).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerMapping {
    pub prefix: KeyPrefix,
    pub origin_path: String,
}

impl ViewerMapping {
    /// The viewer path of a key, or none when the distribution's origin path lies elsewhere than the key.
    pub fn viewer_path(&self, key: &ObjectKey) -> Option<ViewerPath> {
        let bucket_key = self.prefix.bucket_key(key);
        let origin = self.origin_path.trim_matches('/');
        if origin.is_empty() {
            return Some(ViewerPath::from_relative(&bucket_key));
        }
        let rest = bucket_key.strip_prefix(origin)?.strip_prefix('/')?;
        Some(ViewerPath::from_relative(rest))
    }

    /// The key that a viewer path leads to, or none when it lies outside the target or names a directory.
    pub fn object_key(&self, path: &ViewerPath) -> Option<ObjectKey> {
        let origin = self.origin_path.trim_matches('/');
        let relative = path.as_str().trim_start_matches('/');
        let bucket_key = if origin.is_empty() { relative.to_owned() } else { format!("{origin}/{relative}") };
        ObjectKey::new(self.prefix.strip(&bucket_key)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).expect("a valid key")
    }

    #[test]
    fn bad_keys_are_refused_with_their_reason() {
        assert_eq!(ObjectKey::new(""), Err(KeyError::Empty));
        assert!(matches!(ObjectKey::new("/a"), Err(KeyError::LeadingSlash(_))));
        assert!(matches!(ObjectKey::new("a//b"), Err(KeyError::BadSegment(_))));
        assert!(matches!(ObjectKey::new("a/../b"), Err(KeyError::BadSegment(_))));
        assert!(matches!(ObjectKey::new("a\nb"), Err(KeyError::ControlCharacter(_))));
        assert!(ObjectKey::new("x".repeat(1024)).is_ok());
        assert!(matches!(
            ObjectKey::new("x".repeat(1025)),
            Err(KeyError::TooLong { length_bytes: 1025, .. })
        ));
        // Bytes are counted, not characters.
        assert!(ObjectKey::new("\u{e9}".repeat(512)).is_ok());
        assert!(matches!(
            ObjectKey::new("\u{e9}".repeat(513)),
            Err(KeyError::TooLong { length_bytes: 1026, .. })
        ));
    }

    #[test]
    fn odd_but_legal_keys_are_kept_as_they_are() {
        for text in ["a b", "a#b", "a?b", "100%", "a+b", "\u{1f600}.png", "cafe\u{301}.txt", ".well-known/x"]
        {
            assert_eq!(key(text).as_str(), text);
        }
    }

    #[test]
    fn a_prefix_never_takes_in_its_siblings() {
        let prefix = KeyPrefix::new("/site").expect("a valid prefix");
        assert_eq!(prefix.as_str(), "site/");
        assert_eq!(prefix.strip("site/index.html"), Some("index.html"));
        assert_eq!(prefix.strip("site2/index.html"), None);
        assert_eq!(prefix.strip("site-staging/index.html"), None);
        assert_eq!(prefix.strip("site/"), None);
    }

    #[test]
    fn a_prefix_leaves_room_and_stays_out_of_our_own_state() {
        assert!(KeyPrefix::new(&"x".repeat(MAX_PREFIX_BYTES)).is_ok());
        assert_eq!(KeyPrefix::new(&"x".repeat(961)), Err(KeyError::PrefixTooLong(961)));
        for text in [".sitepush", "site/.sitepush", ".sitepush/releases/"] {
            assert_eq!(KeyPrefix::new(text), Err(KeyError::Reserved), "{text}");
        }
        let prefix = KeyPrefix::new("site").expect("a valid prefix");
        assert_eq!(prefix.check_length(&key(&"x".repeat(1019))), Ok(()));
        assert!(matches!(
            prefix.check_length(&key(&"x".repeat(1020))),
            Err(KeyError::TooLong { length_bytes: 1025, .. })
        ));
    }

    #[test]
    fn viewer_paths_and_keys_turn_into_one_another() {
        for (prefix, origin_path, text, path) in [
            ("", "", "index.html", "/index.html"),
            ("docs", "", "a/b.html", "/docs/a/b.html"),
            ("docs", "/docs", "a/b.html", "/a/b.html"),
            ("a/b", "/a", "x.html", "/b/x.html"),
        ] {
            let mapping = ViewerMapping {
                prefix: KeyPrefix::new(prefix).expect("a valid prefix"),
                origin_path: origin_path.to_owned(),
            };
            let viewer_path = mapping.viewer_path(&key(text)).expect("inside the origin");
            assert_eq!(viewer_path.as_str(), path);
            assert_eq!(mapping.object_key(&viewer_path), Some(key(text)));
        }
    }

    #[test]
    fn a_key_outside_the_origin_path_has_no_viewer_path() {
        let mapping = ViewerMapping { prefix: KeyPrefix::default(), origin_path: "/site".into() };
        assert_eq!(mapping.viewer_path(&key("site2/index.html")), None);
    }
}
