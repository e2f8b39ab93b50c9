//! What an invalidation item matches, decided here anew rather than shared with the planner under test.
//!
//! Source: CloudFront Developer Guide, "What you need to know when invalidating files".

use percent_encoding::percent_decode_str;

/// A path has at most 4,000 characters (same source).
const MAX_PATH_CHARACTERS: usize = 4_000;
/// A cache tag has at most 256 characters (CloudFront Developer Guide, "Cache tag invalidation").
const MAX_TAG_CHARACTERS: usize = 256;

/// One valid item of an invalidation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// One URI, in every encoding it is kept in.
    Path(Vec<u8>),
    /// Every URI that starts so.
    Wildcard(Vec<u8>),
    /// Every object that carries this tag (in lower case).
    Tag(String),
}

impl Item {
    /// Reads `/path`, `/path*` or `#tag`; none for what CloudFront refuses as `InvalidArgument`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(tag) = text.strip_prefix('#') {
            let fits = !tag.is_empty()
                && tag.len() <= MAX_TAG_CHARACTERS
                && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' && byte != b'*');
            return fits.then(|| Self::Tag(tag.to_ascii_lowercase()));
        }
        let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !text.starts_with('/') || !is_sendable || text.len() > MAX_PATH_CHARACTERS {
            return None;
        }
        match text.split_once('*') {
            None => Some(Self::Path(decode(text))),
            Some((start, "")) => Some(Self::Wildcard(decode(start))),
            Some(_) => None,
        }
    }

    /// Whether a cached response under `uri` (percent-encoded, with the query that is in its key) goes.
    ///
    /// Case-sensitive. Different encodings of one character are the same URI. `~` matches nothing by name:
    /// CloudFront does not support it in a path to invalidate, encoded or not.
    pub fn matches(&self, uri: &str, tags: &[String]) -> bool {
        match self {
            Self::Path(path) => !path.contains(&b'~') && *path == decode(uri),
            Self::Wildcard(start) => !start.contains(&b'~') && decode(uri).starts_with(start),
            Self::Tag(tag) => tags.contains(tag),
        }
    }
}

/// The tags in a header's value: separated by commas, compared without case.
pub(super) fn tags(value: &str) -> Vec<String> {
    value.split(',').map(|tag| tag.trim().to_ascii_lowercase()).filter(|tag| !tag.is_empty()).collect()
}

fn decode(uri: &str) -> Vec<u8> {
    percent_decode_str(uri).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_match_what_the_guide_says() {
        for (item, uri, expected) in [
            ("/", "/", true),
            ("/", "/index.html", false),
            ("/dir", "/dir/", false),
            ("/dir/", "/dir/", true),
            ("/dir/*", "/dir/a/b.html", true),
            ("/dir/*", "/dir/", true),
            ("/dir/*", "/dir", false),
            ("/dir*", "/directory/a", true),
            ("/*", "/", true),
            ("/Dir", "/dir", false),
            ("/caf%C3%A9", "/caf%c3%a9", true),
            ("/a%20b", "/a%20b", true),
            ("/%61", "/a", true),
            ("/~user", "/~user", false),
            ("/%7Euser", "/%7Euser", false),
            ("/*", "/~user", true),
            ("/x", "/x?v=1", false),
            ("/x?v=1", "/x?v=1", true),
            ("/x*", "/x?v=1", true),
        ] {
            let parsed = Item::parse(item).expect("a valid item");
            assert_eq!(parsed.matches(uri, &[]), expected, "{item} {uri}");
        }
    }

    #[test]
    fn a_tag_matches_its_objects_and_no_path() {
        let tagged = tags("Bundle-1, page,,");
        assert_eq!(tagged, ["bundle-1", "page"]);
        assert!(Item::parse("#BUNDLE-1").expect("a tag").matches("/x", &tagged));
        assert!(!Item::parse("#bundle").expect("a tag").matches("/bundle", &tagged));
    }

    #[test]
    fn bad_items_are_refused() {
        let long = format!("/{}", "x".repeat(4_000));
        for item in ["", "x", "/a*b", "/**", "/a b", "/caf\u{e9}", "#", "#a,b", "#a*", "#a b", &long] {
            assert_eq!(Item::parse(item), None, "{item}");
        }
        assert!(Item::parse(&long[..4_000]).is_some());
    }
}
