//! The headers stored with an object: what a viewer gets besides the bytes.
//!
//! Decides which headers S3 can carry and how they are compared. Never decides their values (see `cache_rules`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// S3 takes this much user metadata, names and values together (S3 User Guide, "Working with object metadata").
pub const MAX_METADATA_BYTES: usize = 2048;

/// Why a header cannot be stored as it is: nothing when it can.
pub fn problem_with(name: &str, value: &str) -> Option<String> {
    if !name.bytes().all(is_token_byte) {
        return Some("this is not a header's name".into());
    }
    if value.is_empty() || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') {
        return Some("a header's value is visible ASCII characters on one line".into());
    }
    match name {
        "cache-control" => problem_with_cache_control(value),
        "content-type" => problem_with_content_type(value),
        _ => None,
    }
}

/// A media type has two parts (RFC 9110, section 8.3.1): `html` alone is none.
fn problem_with_content_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(is_token_byte);
    let is_media_type = essence.split_once('/').is_some_and(|(kind, name)| is_token(kind) && is_token(name));
    (!is_media_type).then(|| "a media type is like `text/html` or `text/html; charset=utf-8`".into())
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Directives that take seconds must have them (RFC 9111, section 5.2).
fn problem_with_cache_control(text: &str) -> Option<String> {
    for directive in text.split(',').map(str::trim) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim().to_ascii_lowercase(), Some(value.trim())),
            None => (directive.to_ascii_lowercase(), None),
        };
        let takes_seconds =
            matches!(name.as_str(), "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error");
        let has_seconds = value.is_some_and(|value| value.parse::<u32>().is_ok());
        if takes_seconds && !has_seconds {
            return Some(format!("`{name}` takes a number of seconds"));
        }
        if name.is_empty() || name.contains(' ') {
            return Some("directives are separated by commas".into());
        }
    }
    None
}

/// The headers of one object, as S3 stores them. Compared by value: equal headers need no request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectHeaders {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// User metadata without the `x-amz-meta-` prefix, names in lower case; at most 2 KB in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl ObjectHeaders {
    /// Whether browsers and caches were told never to ask again.
    pub fn is_immutable(&self) -> bool {
        self.cache_control.as_deref().is_some_and(|text| text.contains("immutable"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_header_can_carry_is_let_through() {
        for (name, value) in [
            ("cache-control", "public, max-age=60, stale-while-revalidate=30"),
            ("cache-control", "no-store"),
            ("content-disposition", "attachment; filename=\"a b.pdf\""),
            ("content-type", "text/html; charset=utf-8"),
            ("content-type", "application/vnd.api+json"),
            ("x-amz-meta-team", "web"),
        ] {
            assert_eq!(problem_with(name, value), None, "{name}: {value}");
        }
        for (name, value) in [
            ("cache-control", "max-age=soon"),
            ("cache-control", "public max-age=60"),
            ("content-type", "text/html\r\nx-evil: 1"),
            ("content-type", "html"),
            ("content-type", "text/"),
            ("content-type", "text/a/b"),
            ("content-disposition", "filename=caf\u{e9}"),
            ("content-language", ""),
            ("x-amz-meta-a b", "c"),
        ] {
            assert!(problem_with(name, value).is_some(), "{name}: {value}");
        }
    }
}
