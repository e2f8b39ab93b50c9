//! One request through the edge: behavior, function, cache, origin, answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, EXPIRES, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;

use super::cache::{Cache, CacheKey, Entry};
use super::compress::{self, Accepts};
use super::function::{EdgeFunction, FunctionError, FunctionRequest, FunctionResponse, Verdict};
use super::invalidation::{self, Item};
use super::options::{EdgeLogEntry, EdgeOptions, ErrorPage, Outcome};
use super::origin::{self, Origin, OriginResponse};
use super::proxy;
use super::render::render;
use super::ttl::{Lifetime, lifetime};
use crate::local::clock::Clock;

/// Whatever stopped a body.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, AnyError>;

/// A distribution with its cache. Cheap to clone; clones are the same distribution.
#[derive(Clone)]
pub struct Edge {
    inner: Arc<Inner>,
}

struct Inner {
    origin: Arc<dyn Origin>,
    options: EdgeOptions,
    clock: Clock,
    function: EdgeFunction,
    cache: Cache,
}

impl Edge {
    /// A distribution in front of `origin`, with an empty cache.
    ///
    /// # Errors
    /// When the edge function does not load.
    pub fn new(origin: Arc<dyn Origin>, options: EdgeOptions, clock: Clock) -> Result<Self, FunctionError> {
        let function = EdgeFunction::load(options.store.clone(), clock.clone())?;
        let inner = Inner { origin, options, clock, function, cache: Cache::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How this distribution is set up.
    pub fn options(&self) -> &EdgeOptions {
        &self.inner.options
    }

    /// The clock that this distribution goes by.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Removes what `items` match from the cache, at once; gives the number of responses removed.
    pub fn invalidate(&self, items: &[Item]) -> usize {
        self.inner.cache.invalidate(items)
    }

    /// The URIs that the cache holds, as they are after the edge function: sorted, each once.
    pub fn cached_uris(&self) -> Vec<String> {
        self.inner.cache.uris()
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<AnyError>,
    {
        let method = request.method().to_string();
        let uri = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (mut response, outcome) = self.inner.answer(request).await;
        decorate(response.headers_mut(), outcome);
        if let Some(on_request) = &self.inner.options.on_request {
            let status = response.status().as_u16();
            let body_size_bytes = response.body().size_hint().exact();
            on_request(&EdgeLogEntry { method, uri, status, outcome, body_size_bytes });
        }
        response
    }
}

impl Inner {
    async fn answer<B>(&self, request: Request<B>) -> (Response<Body>, Outcome)
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<AnyError>,
    {
        let path = request.uri().path();
        if let Some(upstream) = self.options.upstreams.iter().find(|route| route.matches(path)) {
            return (proxy::forward(upstream.address, request).await, Outcome::Upstream);
        }
        let (parts, _) = request.into_parts();
        let (response, outcome) = self.answer_site(&parts).await;
        (response.map(|bytes| Full::from(bytes).map_err(|never| match never {}).boxed_unsync()), outcome)
    }

    async fn answer_site(&self, parts: &request::Parts) -> (Response<Bytes>, Outcome) {
        if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method) {
            return (
                plain(StatusCode::FORBIDDEN, "This distribution allows GET, HEAD and OPTIONS.\n"),
                Outcome::Error,
            );
        }
        let uri = match self.function.run(&function_request(parts)).await {
            Ok(Verdict::Forward { uri }) => uri,
            Ok(Verdict::Respond(response)) => return (generated(response), Outcome::FunctionGenerated),
            Err(error) => {
                let text = format!("{error}\n");
                return (plain(StatusCode::SERVICE_UNAVAILABLE, &text), Outcome::FunctionError);
            }
        };
        if parts.method == Method::OPTIONS {
            return (render(&origin::no_cors(), &parts.method, &parts.headers), Outcome::Error);
        }
        let key = self.cache_key(uri, parts);
        let (entry, outcome) = self.look_up(&key).await;
        let mut response = render(&entry.response, &parts.method, &parts.headers);
        if outcome == Outcome::Hit {
            let age = self.clock.now().duration_since(entry.stored_at).unwrap_or_default().as_secs();
            response.headers_mut().insert(http::header::AGE, HeaderValue::from(age));
        }
        (response, if entry.is_error { Outcome::Error } else { outcome })
    }

    fn cache_key(&self, uri: String, parts: &request::Parts) -> CacheKey {
        let policy = &self.options.cache_policy;
        // A range is cut from the bytes as stored: of a compressed body the viewer could make nothing.
        let accepts = if policy.compress && !parts.headers.contains_key(RANGE) {
            Accepts::normalize(&parts.headers)
        } else {
            Accepts::Neither
        };
        let chosen: Vec<_> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                policy.query_strings.iter().any(|chosen| chosen == name)
            })
            .collect();
        let uri = if chosen.is_empty() { uri } else { format!("{uri}?{}", chosen.join("&")) };
        CacheKey { uri, accepts }
    }

    async fn look_up(&self, key: &CacheKey) -> (Arc<Entry>, Outcome) {
        if let Some(entry) = self.cache.get_fresh(key, self.clock.now()) {
            return (entry, Outcome::Hit);
        }
        let flight = self.cache.flight(key);
        let turn = flight.lock().await;
        let found = match self.cache.get_fresh(key, self.clock.now()) {
            Some(entry) => (entry, Outcome::Hit),
            None => self.fetch(key, true).await,
        };
        drop(turn);
        self.cache.land(key, flight);
        found
    }

    /// Asks the origin, and keeps the answer as long as it may be kept.
    async fn fetch(&self, key: &CacheKey, with_error_page: bool) -> (Arc<Entry>, Outcome) {
        let since = self.cache.generation();
        let stale = self.cache.get(key);
        let response = origin::get(&*self.origin, &self.options.origin_path, &self.origin_uri(key)).await;
        if response.status.is_client_error() || response.status.is_server_error() {
            let entry = Arc::new(self.error_entry(key, response, with_error_page).await);
            if with_error_page {
                self.cache.insert(key, &entry, since);
            }
            return (entry, Outcome::Miss);
        }
        let unchanged = stale.filter(|entry| !entry.is_error && entry.origin_e_tag == e_tag(&response));
        let outcome = if unchanged.is_some() { Outcome::RefreshHit } else { Outcome::Miss };
        let (entry, lifetime) = match unchanged {
            Some(kept) => self.refreshed(&kept, &response),
            None => self.new_entry(key, response),
        };
        let entry = Arc::new(entry);
        match lifetime {
            Lifetime::Never => self.cache.remove(key),
            Lifetime::For(_) => self.cache.insert(key, &entry, since),
        }
        (entry, outcome)
    }

    fn origin_uri(&self, key: &CacheKey) -> String {
        let path = key.uri.split('?').next().unwrap_or_default();
        match &self.options.default_root_object {
            Some(root) if path == "/" => format!("/{}", root.trim_start_matches('/')),
            _ => path.to_owned(),
        }
    }

    fn new_entry(&self, key: &CacheKey, mut response: OriginResponse) -> (Entry, Lifetime) {
        let origin_e_tag = e_tag(&response);
        let lifetime = self.lifetime(&response.headers);
        let tag_header = self.options.cache_tag_header.as_deref();
        let tags = tag_header.and_then(|name| text(&response.headers, name)).map(invalidation::tags);
        compress::compress(&mut response, key.accepts);
        let (stored_at, expires_at) = self.span(lifetime);
        let tags = tags.unwrap_or_default();
        (Entry { response, origin_e_tag, stored_at, expires_at, tags, is_error: false }, lifetime)
    }

    /// The kept response after the origin's 304. That carries the headers that RFC 9110 (section 15.4.5) lists, so
    /// a changed `Content-Type` alone does not get through: it takes an invalidation.
    fn refreshed(&self, kept: &Entry, told: &OriginResponse) -> (Entry, Lifetime) {
        let mut entry = kept.clone();
        for name in [CACHE_CONTROL, EXPIRES, LAST_MODIFIED] {
            match told.headers.get(&name) {
                Some(value) => drop(entry.response.headers.insert(name, value.clone())),
                None => drop(entry.response.headers.remove(name)),
            }
        }
        let lifetime = self.lifetime(&entry.response.headers);
        (entry.stored_at, entry.expires_at) = self.span(lifetime);
        (entry, lifetime)
    }

    fn lifetime(&self, headers: &HeaderMap) -> Lifetime {
        let policy = &self.options.cache_policy;
        lifetime(text(headers, "cache-control"), text(headers, "expires"), policy, self.clock.now())
    }

    fn span(&self, lifetime: Lifetime) -> (std::time::SystemTime, std::time::SystemTime) {
        let now = self.clock.now();
        let end = match lifetime {
            Lifetime::Never => now,
            Lifetime::For(time) => now.checked_add(time).unwrap_or(now),
        };
        (now, end)
    }

    async fn error_entry(&self, key: &CacheKey, response: OriginResponse, with_page: bool) -> Entry {
        let status = response.status.as_u16();
        let rule = self.options.error_pages.iter().find(|page| page.status == status);
        let (stored_at, expires_at) =
            self.span(Lifetime::For(rule.map_or(self.options.error_ttl, |rule| rule.ttl)));
        let page = match rule {
            Some(rule) if with_page => self.error_page(rule, key.accepts).await,
            _ => None,
        };
        let mut response = page.unwrap_or(response);
        // An error page comes from the cache, compressed already; S3's own error is compressed here.
        compress::compress(&mut response, key.accepts);
        Entry { response, origin_e_tag: None, stored_at, expires_at, tags: Vec::new(), is_error: true }
    }

    /// The page for an error, under the status it is to have; none when there is no such page. It is an object in
    /// the cache like any other, and so can be stale like any other. No turnstile: one page's error leading to
    /// another page and back could wait for itself.
    async fn error_page(&self, rule: &ErrorPage, accepts: Accepts) -> Option<OriginResponse> {
        let key = CacheKey { uri: rule.page.clone(), accepts };
        let entry = match self.cache.get_fresh(&key, self.clock.now()) {
            Some(entry) => entry,
            None => Box::pin(self.fetch(&key, false)).await.0,
        };
        if entry.is_error {
            return None;
        }
        let mut response = entry.response.clone();
        response.status = StatusCode::from_u16(rule.response_status).ok()?;
        Some(response)
    }
}

fn function_request(parts: &request::Parts) -> FunctionRequest {
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    });
    FunctionRequest {
        method: parts.method.to_string(),
        uri: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
    }
}

fn generated(response: FunctionResponse) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

fn plain(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(text.to_owned()));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn decorate(headers: &mut HeaderMap, outcome: Outcome) {
    headers.insert("x-cache", HeaderValue::from_static(outcome.x_cache()));
    headers.insert("via", HeaderValue::from_static("1.1 local.cloudfront.net (CloudFront)"));
}

fn e_tag(response: &OriginResponse) -> Option<String> {
    text(&response.headers, ETAG.as_str()).map(str::to_owned)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
