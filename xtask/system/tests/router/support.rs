//! Servers that behave as a test wants them to, and a client that says what came back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use system::router::{HealthCheck, Options, Router, Rule, TargetState};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// How long anything that is waited for may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A request as a backend got it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    /// Counts the backend's connections; requests over one connection have the same number.
    pub connection: usize,
}

/// A server of the test's own; ends when dropped.
pub struct Backend {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    health: Arc<Mutex<StatusCode>>,
    accepting: JoinHandle<()>,
}

impl Backend {
    /// A server that answers each request with `answer`, and health checks with 200.
    pub async fn start<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a port");
        let address = listener.local_addr().expect("it listens");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let health = Arc::new(Mutex::new(StatusCode::OK));
        let (record, status) = (Arc::clone(&seen), Arc::clone(&health));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (record, status, answer) = (Arc::clone(&record), Arc::clone(&status), answer.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (record, status, answer) = (Arc::clone(&record), Arc::clone(&status), answer.clone());
                    async move {
                        if request.uri().path() == "/healthz" {
                            let mut response = Response::new(text(""));
                            *response.status_mut() = *status.lock().expect("nobody panicked");
                            return Ok(response);
                        }
                        record.lock().expect("nobody panicked").push(Seen {
                            method: request.method().to_string(),
                            path: request.uri().to_string(),
                            headers: request.headers().clone(),
                            connection,
                        });
                        Ok::<_, std::convert::Infallible>(answer(request).await)
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(async move {
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, seen, health, accepting }
    }

    /// A server that answers its own name.
    pub async fn named(name: &'static str) -> Self {
        Self::start(move |_| async move { Response::new(text(name)) }).await
    }

    /// What health checks are answered with from now on.
    pub fn set_health(&self, status: u16) {
        *self.health.lock().expect("nobody panicked") = StatusCode::from_u16(status).expect("it is a status");
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub fn text(text: &'static str) -> Body {
    Full::from(text).boxed_unsync()
}

/// A router that leads `/api/*` to the group `api`, and checks quickly.
pub async fn router() -> Router {
    router_with(Options::default()).await
}

pub async fn router_with(options: Options) -> Router {
    let quick = HealthCheck { interval: Duration::from_millis(20), ..options.check.clone() };
    let rule =
        Rule { priority: 1, paths: vec!["/api/*".to_owned()], hosts: Vec::new(), group: "api".to_owned() };
    Router::start_with(vec![rule], Options { check: quick, ..options }).await.expect("it starts")
}

/// Registers the addresses in the group `api` and waits until all are healthy.
pub async fn register(router: &Router, addresses: &[SocketAddr]) {
    for address in addresses {
        router.register("api", *address);
        wait_for(router, *address, TargetState::Healthy).await;
    }
}

pub async fn wait_for(router: &Router, address: SocketAddr, state: TargetState) {
    wait_until(&format!("{address} is {state:?}"), || {
        router.health("api").iter().any(|health| health.address == address && health.state == state)
    })
    .await;
}

pub async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

pub async fn get(router: &Router, path: &str) -> Answer {
    send(router.address(), Request::get(path).body(text("")).expect("it is a request")).await
}

pub async fn post(router: &Router, path: &str, body: &'static str) -> Answer {
    send(router.address(), Request::post(path).body(text(body)).expect("it is a request")).await
}

/// One request over a connection of its own, and all of its answer.
pub async fn send(address: SocketAddr, request: Request<Body>) -> Answer {
    let (parts, body) = begin(address, request).await.into_parts();
    let body = body.collect().await.expect("the body is whole").to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("it is text"),
    }
}

/// One request, and the head of its answer.
pub async fn begin(address: SocketAddr, mut request: Request<Body>) -> Response<Incoming> {
    request.headers_mut().entry("host").or_insert_with(|| "test.example".parse().expect("it is a value"));
    let stream = TcpStream::connect(address).await.expect("the router listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("there is a connection");
    tokio::spawn(connection);
    let answered = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    answered.expect("an answer comes in time").expect("there is an answer")
}
