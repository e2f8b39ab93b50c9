//! The embedded edge and its control plane, asked over HTTP as a browser, curl and the AWS SDK ask.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::config::retry::RetryConfig;
use aws_sdk_cloudfront::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudfront::error::ProvideErrorMetadata;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sitepush::local::control::{ControlPlane, Fault, Operation};
use sitepush::local::edge::invalidation::Item;
use sitepush::local::edge::{
    CachePolicy, Clock, Edge, EdgeOptions, KeyValueStore, ManualClock, OnRequest, Origin, OriginObject,
    RunningEdge, UpstreamRoute,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

const START: u64 = 1_764_000_000;
const ID: &str = "E1EXAMPLE";

/// A bucket in memory that counts what it is asked for, and can be made to wait.
#[derive(Clone)]
struct Bucket {
    objects: Arc<Mutex<HashMap<String, OriginObject>>>,
    fetches: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Bucket {
    fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { objects: Arc::default(), fetches: Arc::default(), gate }
    }

    fn put(&self, key: &str, body: &str, headers: &[(&str, &str)]) {
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !all.iter().any(|(name, _)| name == "content-type") {
            let kind = if key.ends_with(".html") { "text/html; charset=utf-8" } else { "text/javascript" };
            all.push(("content-type".into(), kind.into()));
        }
        let object = OriginObject {
            body: Bytes::from(body.to_owned()),
            headers: all,
            e_tag: format!("\"{:016x}\"", BuildHasherDefault::<DefaultHasher>::default().hash_one(body)),
            last_modified: std::time::UNIX_EPOCH + Duration::from_secs(START),
        };
        self.objects.lock().unwrap().insert(key.to_owned(), object);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Origin for Bucket {
    fn fetch<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<OriginObject>> {
        // The object is chosen before the wait: what comes out later is what was there when the fetch began.
        let found = self.objects.lock().unwrap().get(key).cloned();
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let _permit = self.gate.acquire().await.unwrap();
            found
        })
    }
}

struct Site {
    bucket: Bucket,
    edge: Edge,
    running: RunningEdge,
    hand: ManualClock,
    store: KeyValueStore,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn cache(&self) -> &str {
        self.header("x-cache").split(' ').next().unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

const NAVIGATION: &[(&str, &str)] = &[("sec-fetch-mode", "navigate"), ("accept", "text/html")];
const FOR_THE_CDN: &str = "public, max-age=0, s-maxage=600, must-revalidate";

impl Site {
    async fn start() -> Self {
        Self::with(EdgeOptions::default()).await
    }

    async fn with(options: EdgeOptions) -> Self {
        let bucket = Bucket::new();
        bucket.put("index.html", "home", &[("cache-control", FOR_THE_CDN)]);
        bucket.put("404.html", "nothing here", &[("cache-control", FOR_THE_CDN)]);
        let (clock, hand) = Clock::manual(START);
        let store = options.store.clone();
        let edge = Edge::new(Arc::new(bucket.clone()), options, clock).unwrap();
        let running = edge.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        Self { bucket, edge, running, hand, store }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.running.address, method, path, headers, "").await
    }

    fn pass(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }
}

async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

#[tokio::test]
async fn a_page_is_a_miss_and_then_a_hit_with_its_age() {
    let site = Site::start().await;
    let first = site.get("/").await;
    assert_eq!((first.status, first.cache(), first.text(), first.header("age")), (200, "Miss", "home", ""));
    site.pass(30);
    let second = site.get("/").await;
    assert_eq!((second.cache(), second.header("age")), ("Hit", "30"));
    assert_eq!(second.header("cache-control"), FOR_THE_CDN);
    assert_eq!(site.bucket.fetches(), 1);
}

#[tokio::test]
async fn the_viewers_cache_control_is_ignored() {
    let site = Site::start().await;
    site.get("/").await;
    let forced = site.ask(Method::GET, "/", &[("cache-control", "no-cache"), ("pragma", "no-cache")]).await;
    assert_eq!(forced.cache(), "Hit");
}

#[tokio::test]
async fn a_stale_page_is_revalidated() {
    let site = Site::start().await;
    site.get("/").await;
    site.pass(600);
    let same = site.get("/").await;
    assert_eq!((same.cache(), same.header("age")), ("RefreshHit", ""));
    assert_eq!(site.get("/").await.cache(), "Hit");
    site.bucket.put("index.html", "new home", &[("cache-control", FOR_THE_CDN)]);
    assert_eq!(site.get("/").await.text(), "home", "fresh by the rules, whatever the origin has now");
    site.pass(600);
    let changed = site.get("/").await;
    assert_eq!((changed.cache(), changed.text()), ("Miss", "new home"));
}

#[tokio::test]
async fn what_must_not_be_stored_is_not() {
    let site = Site::start().await;
    for (key, cache_control, second) in [
        ("a.js", "no-store", "Miss"),
        ("b.js", "private, max-age=600", "Miss"),
        ("c.js", "no-cache", "RefreshHit"),
        ("d.js", "public, max-age=0, must-revalidate", "RefreshHit"),
    ] {
        site.bucket.put(key, "x", &[("cache-control", cache_control)]);
        assert_eq!(site.get(&format!("/{key}")).await.cache(), "Miss", "{key}");
        assert_eq!(site.get(&format!("/{key}")).await.cache(), second, "{key}");
    }
}

#[tokio::test]
async fn a_missing_file_gets_the_error_page_for_ten_seconds() {
    let site = Site::start().await;
    let missing = site.ask(Method::GET, "/assets/gone.js", NAVIGATION).await;
    assert_eq!((missing.status, missing.text(), missing.cache()), (404, "nothing here", "Error"));
    assert_eq!(missing.header("content-type"), "text/html; charset=utf-8");
    site.bucket.put("assets/gone.js", "back", &[]);
    site.pass(9);
    assert_eq!(site.get("/assets/gone.js").await.status, 404, "the error is still in the cache");
    site.pass(1);
    assert_eq!(site.get("/assets/gone.js").await.text(), "back");
}

#[tokio::test]
async fn without_an_error_page_s3_answers() {
    let site = Site::start().await;
    site.bucket.objects.lock().unwrap().remove("404.html");
    for path in ["/gone.js", "/404.html"] {
        let missing = site.get(path).await;
        assert_eq!((missing.status, missing.cache()), (404, "Error"), "{path}");
        assert!(missing.text().contains("<Code>NoSuchKey</Code>"), "{path}");
    }
}

#[tokio::test]
async fn an_error_page_can_be_stale_like_any_page() {
    let site = Site::start().await;
    site.get("/gone-1.js").await;
    site.bucket.put("404.html", "new nothing", &[("cache-control", FOR_THE_CDN)]);
    assert_eq!(site.get("/gone-2.js").await.text(), "nothing here");
    site.edge.invalidate(&[Item::parse("/404.html").unwrap()]);
    assert_eq!(site.get("/gone-3.js").await.text(), "new nothing");
}

#[tokio::test]
async fn the_state_is_out_of_reach() {
    let site = Site::start().await;
    site.bucket.put(".sitepush/lock.json", "secret", &[]);
    for path in
        ["/.sitepush/lock.json", "/%2Esitepush/lock.json", "/.sitepush%2Flock.json", "//.sitepush/lock.json"]
    {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
    assert_eq!(site.bucket.fetches(), 0);
}

#[tokio::test]
async fn the_shell_never_stands_in_for_an_asset() {
    let site = Site::start().await;
    site.store.put("release", r#"{"shell":"/index.html"}"#).unwrap();
    let page = site.ask(Method::GET, "/users/5", NAVIGATION).await;
    assert_eq!((page.status, page.text()), (200, "home"));
    let data = site.ask(Method::GET, "/users/5", &[("sec-fetch-mode", "cors")]).await;
    assert_eq!(data.status, 404);
    let asset = site.ask(Method::GET, "/assets/app.js", NAVIGATION).await;
    assert_eq!(asset.status, 404);
    assert_eq!(site.ask(Method::GET, "/users/5", NAVIGATION).await.status, 200, "the cache keeps them apart");
}

#[tokio::test]
async fn each_encoding_is_compressed_once_and_kept_apart() {
    let site = Site::start().await;
    let body = "const answer = 42;\n".repeat(100);
    site.bucket.put("app.js", &body, &[("cache-control", "max-age=600")]);
    for (accepts, coding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("", "")] {
        let headers = [("accept-encoding", accepts)];
        let first = site.ask(Method::GET, "/app.js", &headers).await;
        assert_eq!((first.cache(), first.header("content-encoding")), ("Miss", coding));
        let second = site.ask(Method::GET, "/app.js", &headers).await;
        assert_eq!((second.cache(), &second.body), ("Hit", &first.body));
        if coding.is_empty() {
            assert_eq!(second.text(), body);
            continue;
        }
        assert!(second.body.len() < body.len() / 4);
        let e_tag = second.header("etag");
        assert!(e_tag.starts_with("W/\""), "{e_tag}");
        let again = [("accept-encoding", accepts), ("if-none-match", e_tag)];
        assert_eq!(site.ask(Method::GET, "/app.js", &again).await.status, 304);
    }
}

#[tokio::test]
async fn a_range_is_cut_from_the_plain_bytes() {
    let site = Site::start().await;
    let body = "0123456789".repeat(200);
    site.bucket.put("v.js", &body, &[]);
    let headers = [("range", "bytes=5-9"), ("accept-encoding", "gzip, br")];
    let part = site.ask(Method::GET, "/v.js", &headers).await;
    assert_eq!((part.status, part.text()), (206, "56789"));
    assert_eq!(part.header("content-range"), "bytes 5-9/2000");
    assert_eq!(site.ask(Method::GET, "/v.js", &[("range", "bytes=2000-")]).await.status, 416);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let site = Site::start().await;
    let head = site.ask(Method::HEAD, "/", &[]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "4"));
    assert_eq!(site.get("/").await.cache(), "Hit");
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let site = Site::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = site.ask(method, "/", &[]).await;
        assert_eq!((answer.status, answer.cache()), (403, "Error"));
    }
    let preflight = site.ask(Method::OPTIONS, "/", &[("origin", "https://example.com")]).await;
    assert_eq!(preflight.status, 403, "the bucket has no CORS rules");
}

#[tokio::test]
async fn simultaneous_requests_ask_the_origin_once() {
    let site = Site::start().await;
    site.bucket.gate.forget_permits(Semaphore::MAX_PERMITS);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let address = site.running.address;
            tokio::spawn(async move { ask(address, Method::GET, "/", &[], "").await })
        })
        .collect();
    while site.bucket.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    site.bucket.gate.add_permits(20);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().text(), "home");
    }
    assert_eq!(site.bucket.fetches(), 1);
}

#[tokio::test]
async fn what_was_fetched_before_an_invalidation_is_not_kept_after_it() {
    let site = Site::start().await;
    site.bucket.gate.forget_permits(Semaphore::MAX_PERMITS);
    let address = site.running.address;
    let old = tokio::spawn(async move { ask(address, Method::GET, "/", &[], "").await });
    while site.bucket.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    site.bucket.put("index.html", "new home", &[("cache-control", FOR_THE_CDN)]);
    site.edge.invalidate(&[Item::parse("/*").unwrap()]);
    site.bucket.gate.add_permits(20);
    assert_eq!(old.await.unwrap().text(), "home");
    assert_eq!(site.get("/").await.text(), "new home");
}

#[tokio::test]
async fn a_release_is_switched_by_one_write_without_an_invalidation() {
    let site = Site::start().await;
    for id in ["R1", "R2"] {
        site.bucket.put(&format!("_releases/{id}/index.html"), id, &[("cache-control", FOR_THE_CDN)]);
    }
    site.bucket.put("assets/a.js", "pool", &[]);
    for id in ["R1", "R2", "R1"] {
        site.store.put("release", &format!(r#"{{"id":"{id}","pool":["/assets/"]}}"#)).unwrap();
        assert_eq!(site.get("/").await.text(), id);
        assert_eq!(site.get("/assets/a.js").await.text(), "pool");
    }
    assert_eq!(
        site.edge.cached_uris(),
        ["/_releases/R1/index.html", "/_releases/R2/index.html", "/assets/a.js"]
    );
    assert_eq!(site.get("/_releases/R2/index.html").await.status, 404);
}

#[tokio::test]
async fn a_redirect_comes_from_the_function() {
    let site = Site::start().await;
    site.store.put("release", r#"{"routes":{"/old":{"to":"/new","status":308}}}"#).unwrap();
    let answer = site.get("/old?a=1").await;
    assert_eq!((answer.status, answer.header("location")), (308, "/new?a=1"));
    assert_eq!(answer.header("x-cache"), "FunctionGeneratedResponse from cloudfront");
    assert_eq!(site.bucket.fetches(), 0);
}

#[tokio::test]
async fn only_chosen_query_parameters_are_in_the_cache_key() {
    let cache_policy = CachePolicy { query_strings: vec!["v".into()], ..CachePolicy::default() };
    let site = Site::with(EdgeOptions { cache_policy, ..EdgeOptions::default() }).await;
    for (path, expected) in [
        ("/?utm=1", "Miss"),
        ("/?utm=2", "Hit"),
        ("/?v=1", "Miss"),
        ("/?v=1&utm=3", "Hit"),
        ("/?v=2", "Miss"),
    ] {
        assert_eq!(site.get(path).await.cache(), expected, "{path}");
    }
}

#[tokio::test]
async fn an_origin_path_comes_before_every_key() {
    let site = Site::with(EdgeOptions { origin_path: "/site".into(), ..EdgeOptions::default() }).await;
    site.bucket.put("site/index.html", "inside", &[]);
    assert_eq!(site.get("/").await.text(), "inside");
    assert_eq!(site.get("/404.html").await.status, 404, "outside the origin path");
}

#[tokio::test]
async fn a_plus_in_a_name_is_found_as_it_is_written() {
    let site = Site::start().await;
    site.bucket.put("c++/a+b.js", "plus", &[]);
    for path in ["/c++/a+b.js", "/c%2B%2B/a%2bb.js"] {
        assert_eq!(site.get(path).await.text(), "plus", "{path}");
    }
}

#[tokio::test]
async fn an_api_beside_the_site_is_handed_on_and_never_cached() {
    let counter = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&counter);
    let upstream = serve(move |request: Request<Bytes>| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        let told = format!("{count} {} {} ", request.method(), request.uri());
        let mut body = told.into_bytes();
        body.extend_from_slice(request.body());
        Response::new(Bytes::from(body))
    })
    .await;
    let upstreams = vec![UpstreamRoute { pattern: "/api/*".into(), address: upstream }];
    let site = Site::with(EdgeOptions { upstreams, ..EdgeOptions::default() }).await;
    for count in 0..2 {
        let answer = ask(site.running.address, Method::POST, "/api/x?y=%20", &[], "hello").await;
        assert_eq!(answer.text(), format!("{count} POST /api/x?y=%20 hello"));
    }
    assert_eq!(site.get("/").await.text(), "home");
    assert_eq!(site.bucket.fetches(), 1);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    // Bound and not listening: refused, and nobody else's for as long as it is held.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = held.local_addr().unwrap();
    let upstreams = vec![UpstreamRoute { pattern: "/api/*".into(), address }];
    let site = Site::with(EdgeOptions { upstreams, ..EdgeOptions::default() }).await;
    assert_eq!(site.get("/api/x").await.status, 502);
}

#[tokio::test]
async fn each_request_is_reported() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&log);
    let on_request: OnRequest = Arc::new(move |entry| {
        let line = format!(
            "{} {} {} {:?} {:?}",
            entry.method, entry.uri, entry.status, entry.outcome, entry.body_size_bytes
        );
        kept.lock().unwrap().push(line);
    });
    let site = Site::with(EdgeOptions { on_request: Some(on_request), ..EdgeOptions::default() }).await;
    site.get("/?a=b").await;
    site.get("/").await;
    site.get("/x.js").await;
    let expected = ["GET /?a=b 200 Miss Some(4)", "GET / 200 Hit Some(4)", "GET /x.js 404 Error Some(12)"];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_stops_when_told() {
    let site = Site::start().await;
    assert!(site.edge.serve(([0, 0, 0, 0], 0).into()).await.is_err());
    let address = site.running.address;
    site.running.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

/// Serves a function of whole requests; ends with the test's runtime.
async fn serve<F>(answer: F) -> SocketAddr
where
    F: Fn(Request<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    serve_async(move |request| {
        let answer = Arc::clone(&answer);
        Box::pin(async move { answer(request) })
    })
    .await
}

async fn serve_async<F>(answer: F) -> SocketAddr
where
    F: Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    Ok::<_, hyper::Error>(answer(Request::from_parts(parts, body)).await.map(Full::new))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

struct Managed {
    site: Site,
    plane: ControlPlane,
    client: Client,
    api: SocketAddr,
}

impl Managed {
    /// A site whose invalidations take 20 seconds, with the SDK in front of its control plane.
    async fn start() -> Self {
        let site = Site::start().await;
        let edges = BTreeMap::from([(ID.to_owned(), site.edge.clone())]);
        let plane = ControlPlane::with_completion(edges, Duration::from_secs(20));
        let served = plane.clone();
        let api = serve_async(move |request| {
            let plane = served.clone();
            assert!(ControlPlane::takes(request.uri().path()));
            Box::pin(async move { plane.handle(request).await })
        })
        .await;
        let config = aws_sdk_cloudfront::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{api}"))
            .build();
        Self { site, plane, client: Client::from_conf(config), api }
    }

    async fn invalidate(&self, reference: &str, items: &[&str]) -> Result<String, String> {
        let paths = Paths::builder()
            .quantity(i32::try_from(items.len()).unwrap())
            .set_items(Some(items.iter().map(|item| (*item).to_owned()).collect()))
            .build()
            .unwrap();
        let batch = InvalidationBatch::builder().paths(paths).caller_reference(reference).build().unwrap();
        let sent =
            self.client.create_invalidation().distribution_id(ID).invalidation_batch(batch).send().await;
        sent.map(|output| output.invalidation().unwrap().id().to_owned())
            .map_err(|error| error.code().unwrap_or("none").to_owned())
    }

    async fn status(&self, id: &str) -> String {
        let output = self.client.get_invalidation().distribution_id(ID).id(id).send().await.unwrap();
        output.invalidation().unwrap().status().to_owned()
    }
}

#[tokio::test]
async fn an_invalidation_removes_what_it_names_and_completes_in_time() {
    let managed = Managed::start().await;
    let site = &managed.site;
    site.bucket.put("a/index.html", "a", &[("cache-control", FOR_THE_CDN)]);
    site.get("/").await;
    site.get("/a/").await;
    let id = managed.invalidate("r1", &["/a/index.html", "/it's&<this>~*"]).await.unwrap();
    assert_eq!((site.get("/a/").await.cache(), site.get("/").await.cache()), ("Miss", "Hit"));
    assert_eq!(managed.status(&id).await, "InProgress");
    site.pass(20);
    assert_eq!(managed.status(&id).await, "Completed");
    let record = &managed.plane.invalidations(ID)[0];
    assert_eq!((record.caller_reference.as_str(), &record.items[1][..]), ("r1", "/it's&<this>~*"));
}

#[tokio::test]
async fn the_viewers_path_alone_does_not_reach_a_rewritten_page() {
    let managed = Managed::start().await;
    managed.site.get("/").await;
    managed.invalidate("r1", &["/"]).await.unwrap();
    assert_eq!(managed.site.get("/").await.cache(), "Hit");
    managed.invalidate("r2", &["/index.html"]).await.unwrap();
    assert_eq!(managed.site.get("/").await.cache(), "Miss");
}

#[tokio::test]
async fn a_tag_removes_the_pages_that_carry_it() {
    let managed = Managed::start().await;
    let site = &managed.site;
    for (key, tag) in [("a.html", "Bundle-1"), ("b.html", "other,bundle-1"), ("c.html", "bundle-2")] {
        site.bucket.put(key, key, &[("cache-control", FOR_THE_CDN), ("x-amz-meta-cache-tag", tag)]);
        site.get(&format!("/{key}")).await;
    }
    managed.invalidate("r1", &["#bundle-1"]).await.unwrap();
    assert_eq!(site.edge.cached_uris(), ["/c.html"]);
}

#[tokio::test]
async fn a_retried_invalidation_is_the_same_one() {
    let managed = Managed::start().await;
    let first = managed.invalidate("r1", &["/a", "/b"]).await.unwrap();
    assert_eq!(managed.invalidate("r1", &["/b", "/a"]).await, Ok(first.clone()));
    assert_eq!(managed.invalidate("r1", &["/c"]).await, Err("InvalidationBatchAlreadyExists".into()));
    assert_eq!(managed.plane.invalidations(ID).len(), 1);
    let listed = managed.client.list_invalidations().distribution_id(ID).send().await.unwrap();
    let ids: Vec<_> =
        listed.invalidation_list().unwrap().items().iter().map(|item| item.id().to_owned()).collect();
    assert_eq!(ids, [first]);
}

#[tokio::test]
async fn invalidations_are_listed_newest_first_and_in_pages() {
    let managed = Managed::start().await;
    let mut made = Vec::new();
    for reference in ["r1", "r2", "r3"] {
        made.insert(0, managed.invalidate(reference, &["/a"]).await.unwrap());
    }
    let mut pages =
        managed.client.list_invalidations().distribution_id(ID).max_items(2).into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        listed.extend(page.invalidation_list().unwrap().items().iter().map(|item| item.id().to_owned()));
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn refusals_have_the_services_codes() {
    let managed = Managed::start().await;
    assert_eq!(managed.invalidate("r", &["no-slash"]).await, Err("InvalidArgument".into()));
    let wildcards = vec!["/x*"; 15];
    managed.invalidate("w", &wildcards).await.unwrap();
    assert_eq!(managed.invalidate("x", &["/*"]).await, Err("TooManyInvalidationsInProgress".into()));
    managed.site.pass(20);
    managed.invalidate("x", &["/*"]).await.unwrap();
    let unknown = managed.client.get_distribution().id("E0").send().await.unwrap_err();
    assert!(unknown.into_service_error().is_no_such_distribution());
    let unknown = managed.client.get_invalidation().distribution_id(ID).id("I0").send().await.unwrap_err();
    assert!(unknown.into_service_error().is_no_such_invalidation());
}

#[tokio::test]
async fn a_fault_comes_as_often_as_asked_and_has_no_effect() {
    let managed = Managed::start().await;
    managed.plane.fail(Some(Operation::CreateInvalidation), Fault::Throttling, 2);
    for _ in 0..2 {
        assert_eq!(managed.invalidate("r", &["/a"]).await, Err("Throttling".into()));
    }
    assert_eq!(managed.plane.invalidations(ID), []);
    managed.invalidate("r", &["/a"]).await.unwrap();
    assert_eq!(managed.plane.calls(), [Operation::CreateInvalidation; 3]);
}

#[tokio::test]
async fn a_distribution_tells_its_configuration() {
    let managed = Managed::start().await;
    let output = managed.client.get_distribution().id(ID).send().await.unwrap();
    let distribution = output.distribution().unwrap();
    assert_eq!((distribution.id(), distribution.status()), (ID, "Deployed"));
    let output = managed.client.get_distribution_config().id(ID).send().await.unwrap();
    assert_eq!(output.e_tag(), Some("ELOCAL"));
    let config = output.distribution_config().unwrap();
    assert_eq!(config.cache_tag_config().unwrap().header_name(), "x-amz-meta-cache-tag");
    assert_eq!(config.custom_error_responses().unwrap().items()[0].response_page_path(), Some("/404.html"));
    let listed = managed.client.list_distributions().send().await.unwrap();
    let ids: Vec<_> =
        listed.distribution_list().unwrap().items().iter().map(|item| item.id().to_owned()).collect();
    assert_eq!(ids, [ID]);
}

#[tokio::test]
async fn the_key_value_store_is_written_under_its_e_tag() {
    let managed = Managed::start().await;
    let arn = ControlPlane::store_arn(ID).replace(':', "%3A").replace('/', "%2F");
    let base = format!("/key-value-stores/{arn}");
    let call = async |method: Method, path: &str, e_tag: &str, body: &str| {
        let headers = [("authorization", "AWS4-ECDSA-P256-SHA256 x"), ("if-match", e_tag)];
        ask(managed.api, method, &format!("{base}{path}"), &headers, body).await
    };
    let described = call(Method::GET, "", "", "").await;
    let e_tag = described.header("etag").to_owned();
    let written = call(Method::PUT, "/keys/preview%2Fpr-7", &e_tag, r#"{"Value":"{\"id\":\"R2\"}"}"#).await;
    assert_eq!(written.status, 200);
    let lost = call(Method::PUT, "/keys/release", &e_tag, r#"{"Value":"x"}"#).await;
    assert_eq!((lost.status, lost.header("x-amzn-errortype")), (409, "ConflictException"));
    assert_eq!(managed.site.store.get("preview/pr-7").as_deref(), Some(r#"{"id":"R2"}"#));

    let e_tag = written.header("etag").to_owned();
    let body = r#"{"Puts":[{"Key":"release","Value":"{\"id\":\"R1\"}"}],"Deletes":[{"Key":"preview/pr-7"}]}"#;
    assert_eq!(call(Method::POST, "/keys", &e_tag, body).await.status, 200);
    let got: serde_json::Value =
        serde_json::from_slice(&call(Method::GET, "/keys/release", "", "").await.body).unwrap();
    assert_eq!((&got["Value"], &got["ItemCount"]), (&"{\"id\":\"R1\"}".into(), &1.into()));
    let gone = call(Method::GET, "/keys/preview%2Fpr-7", "", "").await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (404, "ResourceNotFoundException"));
    let unconditional =
        ask(managed.api, Method::DELETE, &format!("{base}/keys/release"), &[("authorization", "x")], "")
            .await;
    assert_eq!(unconditional.status, 400);
}

#[tokio::test]
async fn the_store_lists_its_keys_in_pages() {
    let managed = Managed::start().await;
    for index in 0..5 {
        managed.site.store.put(&format!("k{index}"), "v").unwrap();
    }
    let arn = ControlPlane::store_arn(ID).replace(':', "%3A").replace('/', "%2F");
    let mut keys = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("/key-value-stores/{arn}/keys?MaxResults=2{token}");
        let page = ask(managed.api, Method::GET, &path, &[("authorization", "x")], "").await;
        let page: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
        keys.extend(
            page["Items"].as_array().unwrap().iter().map(|item| item["Key"].as_str().unwrap().to_owned()),
        );
        match page["NextToken"].as_str() {
            Some(next) => token = format!("&NextToken={next}"),
            None => break,
        }
    }
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4"]);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let managed = Managed::start().await;
    for path in [
        "/2020-05-31/distribution".to_owned(),
        format!("/key-value-stores/{}", ControlPlane::store_arn(ID).replace('/', "%2F")),
    ] {
        let answer = ask(managed.api, Method::GET, &path, &[], "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(managed.plane.calls(), []);
}
