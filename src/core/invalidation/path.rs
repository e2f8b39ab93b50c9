//! Viewer paths as CloudFront wants them in an invalidation: encoded, and back.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::MAX_PATH_CHARACTERS;

/// What is unsafe in RFC 1738 (section 2.2), and `?`, which would begin a query string. `~` is unsafe there too, but
/// CloudFront does not match it encoded or not: see [`must_be_wildcard_before`].
const ENCODED: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The same in a query string, which may hold a `?`, and escapes that are left as they are.
const ENCODED_IN_QUERY: AsciiSet = ENCODED.remove(b'?').remove(b'%');

/// Paths in order, none twice. A large site has hundreds of thousands: they take less room side by side than in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<String>);

impl Paths {
    pub fn contains(&self, path: &str) -> bool {
        self.0.binary_search_by(|there| there.as_str().cmp(path)).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<String> for Paths {
    fn from_iter<I: IntoIterator<Item = String>>(paths: I) -> Self {
        let mut paths: Vec<String> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        paths.shrink_to_fit();
        Self(paths)
    }
}

/// Why a text is not an invalidation item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("`{0}` has a `*` that is not the last character")]
    InnerWildcard(String),
    #[error("`{0}` has a `~`, which CloudFront matches only by a `*` before it")]
    Tilde(String),
    #[error("`{0}` is longer than {MAX_PATH_CHARACTERS} characters")]
    TooLong(String),
    #[error("`{0}` is not a cache tag: 1 to 256 visible ASCII characters without commas")]
    Tag(String),
    #[error("an empty path names nothing")]
    Empty,
    #[error("`{0}` is an address, and CloudFront wants the path alone")]
    Address(String),
}

impl PathError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Address(address) => format!("write `{}`", path_of_address(address).unwrap_or("/")),
            _ => {
                "a path starts with `/`; `*` is its last character and stands for anything (`/blog/*`)".into()
            }
        }
    }
}

/// What follows the host of `https://host/path`; none when the text is no such address.
fn path_of_address(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    is_scheme.then(|| rest.find('/').map_or("/", |at| &rest[at..]))
}

/// The path with non-ASCII and unsafe characters percent-encoded, and nothing else.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, &ENCODED).to_string()
}

/// The path that [`encode`] was given.
pub fn decode(encoded: &str) -> String {
    percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// Where a path must be cut and covered by a wildcard because it cannot be said: before a `~` or `*`, or at the last
/// segment that is short enough. None for a path that can be said.
pub fn must_be_wildcard_before(path: &str) -> Option<&str> {
    if let Some(at) = path.find(['~', '*']) {
        return Some(&path[..at]);
    }
    if encode(path).len() <= MAX_PATH_CHARACTERS {
        return None;
    }
    let mut cut = path;
    while let Some(at) = cut.rfind('/') {
        cut = &cut[..at];
        if encode(cut).len() + 2 <= MAX_PATH_CHARACTERS {
            return Some(&path[..=at]);
        }
    }
    Some("/")
}

/// An item that a person typed: a path (with or without its leading `/`, not encoded), a wildcard, or `#tag`. A query
/// string belongs to the path: a distribution that caches by it has a copy for each.
///
/// # Errors
/// When CloudFront would refuse it or never match it.
pub fn normalize_item(text: &str) -> Result<String, PathError> {
    if let Some(tag) = text.strip_prefix('#') {
        let is_tag = (1..=256).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' && byte != b'*');
        return if is_tag { Ok(text.to_owned()) } else { Err(PathError::Tag(text.to_owned())) };
    }
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    if path_of_address(text).is_some() {
        return Err(PathError::Address(text.to_owned()));
    }
    let path = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    let whole = path.strip_suffix('*').unwrap_or(&path);
    let (bare, query) = whole.split_once('?').map_or((whole, None), |(bare, query)| (bare, Some(query)));
    // What is encoded already is left so: `%` is encoded only where no two hex digits follow it.
    let bare = decode(bare);
    let holds =
        |unsayable: char| bare.contains(unsayable) || query.is_some_and(|text| text.contains(unsayable));
    if holds('*') {
        return Err(PathError::InnerWildcard(text.to_owned()));
    }
    if holds('~') {
        return Err(PathError::Tilde(text.to_owned()));
    }
    let mut item = encode(&bare);
    if let Some(query) = query {
        // What is encoded in a query says something else than what is not (`%26`), so nothing is decoded there.
        item.push('?');
        item.push_str(&utf8_percent_encode(query, &ENCODED_IN_QUERY).to_string());
    }
    if path.ends_with('*') {
        item.push('*');
    }
    if item.len() > MAX_PATH_CHARACTERS { Err(PathError::TooLong(text.to_owned())) } else { Ok(item) }
}
