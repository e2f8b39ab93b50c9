//! What can be set on an edge: the part of a distribution's configuration that a static site needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wildmatch::WildMatch;

use super::store::KeyValueStore;

/// One distribution. The default is what the `site` infrastructure module makes: the edge function over an empty
/// store, compression, `/404.html` for a 404, and no query string in the cache key.
#[derive(Clone)]
pub struct EdgeOptions {
    /// Put before each URI to get a key; empty, or `/a/b`.
    pub origin_path: String,
    /// The key that answers `/` when the function left it alone.
    pub default_root_object: Option<String>,
    pub cache_policy: CachePolicy,
    /// Custom error responses.
    pub error_pages: Vec<ErrorPage>,
    /// How long an error is kept when no [`ErrorPage`] says so.
    pub error_ttl: Duration,
    /// The header that carries an object's cache tags, where tags are on (`CacheTagConfig.HeaderName`).
    pub cache_tag_header: Option<String>,
    /// What the edge function reads.
    pub store: KeyValueStore,
    /// Cache behaviors that lead to another server, first match first. Neither the function nor the cache touches
    /// their requests.
    pub upstreams: Vec<UpstreamRoute>,
    /// Called after each answer.
    pub on_request: Option<OnRequest>,
}

/// What is told of each request.
pub type OnRequest = Arc<dyn Fn(&EdgeLogEntry) + Send + Sync>;

impl Default for EdgeOptions {
    fn default() -> Self {
        Self {
            origin_path: String::new(),
            default_root_object: Some("index.html".to_owned()),
            cache_policy: CachePolicy::default(),
            error_pages: vec![ErrorPage::not_found()],
            error_ttl: DEFAULT_ERROR_TTL,
            cache_tag_header: Some("x-amz-meta-cache-tag".to_owned()),
            store: KeyValueStore::new(),
            upstreams: Vec::new(),
            on_request: None,
        }
    }
}

/// CloudFront keeps an error for 10 seconds unless told otherwise (Developer Guide, "Control how long CloudFront
/// caches errors").
pub const DEFAULT_ERROR_TTL: Duration = Duration::from_secs(10);

/// A cache policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    pub min_ttl: Duration,
    pub default_ttl: Duration,
    pub max_ttl: Duration,
    /// The query parameters that are part of the cache key, by name; others are ignored.
    pub query_strings: Vec<String>,
    /// Whether the edge compresses, and keeps one copy for each encoding.
    pub compress: bool,
}

impl Default for CachePolicy {
    /// CloudFront's default TTLs (a day, a year), but a minimum of zero so that the origin's `no-store` is obeyed.
    fn default() -> Self {
        Self {
            min_ttl: Duration::ZERO,
            default_ttl: Duration::from_hours(24),
            max_ttl: Duration::from_hours(365 * 24),
            query_strings: Vec::new(),
            compress: true,
        }
    }
}

/// A custom error response: what to answer for a status that came from the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    pub status: u16,
    /// A URI at the same origin; the edge function does not see it.
    pub page: String,
    pub response_status: u16,
    /// How long the error is kept.
    pub ttl: Duration,
}

impl ErrorPage {
    /// `/404.html`, with status 404, for what is not there.
    pub fn not_found() -> Self {
        Self { status: 404, page: "/404.html".to_owned(), response_status: 404, ttl: DEFAULT_ERROR_TTL }
    }
}

/// A cache behavior that leads to another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRoute {
    /// As in a cache behavior: `*` is any text, `?` one character; case-sensitive; the leading `/` is optional.
    pub pattern: String,
    pub address: SocketAddr,
}

impl UpstreamRoute {
    /// Whether the pattern matches all of `path` (starts with `/`, without the query).
    pub fn matches(&self, path: &str) -> bool {
        let pattern = self.pattern.strip_prefix('/').unwrap_or(&self.pattern);
        WildMatch::new(pattern).matches(path.strip_prefix('/').unwrap_or(path))
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Hit,
    Miss,
    /// Stale, and found unchanged at the origin.
    RefreshHit,
    Error,
    /// The edge function answered by itself.
    FunctionGenerated,
    FunctionError,
    /// Another server answered.
    Upstream,
}

impl Outcome {
    /// The value of `X-Cache`.
    pub fn x_cache(self) -> &'static str {
        match self {
            Self::Hit => "Hit from cloudfront",
            Self::Miss | Self::Upstream => "Miss from cloudfront",
            Self::RefreshHit => "RefreshHit from cloudfront",
            Self::Error => "Error from cloudfront",
            Self::FunctionGenerated => "FunctionGeneratedResponse from cloudfront",
            Self::FunctionError => "FunctionExecutionError from cloudfront",
        }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLogEntry {
    pub method: String,
    /// As the viewer sent it, with the query.
    pub uri: String,
    pub status: u16,
    pub outcome: Outcome,
    /// The body's length; none when another server sends it in pieces.
    pub body_size_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviors_match_as_cloudfronts_do() {
        for (pattern, path, expected) in [
            ("/api/*", "/api/x/y", true),
            ("api/*", "/api/", true),
            ("/api/*", "/api", false),
            ("/api*", "/apix", true),
            ("/api/*", "/API/x", false),
            ("*.jpg", "/a/b.jpg", true),
            ("*.jpg", "/a/b.jpg.html", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("/a*b*c", "/axxbyybzzc", true),
            ("*", "/", true),
        ] {
            let route = UpstreamRoute { pattern: pattern.into(), address: ([127, 0, 0, 1], 1).into() };
            assert_eq!(route.matches(path), expected, "{pattern} {path}");
        }
    }
}
