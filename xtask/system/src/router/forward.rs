//! One request, from its rule to the answer of a target.
//!
//! A request that may be sent again (idempotent, and small enough to keep) goes over a kept connection, and again over
//! another when that one turns out to be closed. Any other goes over a new connection, which no target is about to close:
//! it is sent once, to the first target that takes a connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

use super::answers::{self, AnyError, Body};
use super::server::Shared;
use super::targets::Turn;

/// How long a connection to a target may take to be made. Source: Elastic Load Balancing, "Troubleshoot your Application
/// Load Balancers", HTTP 504.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The largest body that is kept to be sent again.
const REPEATABLE_BYTES: u64 = 65_536;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub method: String,
    /// With the query.
    pub path: String,
    pub status: u16,
    /// None where no rule matched.
    pub group: Option<String>,
    /// Who answered; none where the router did.
    pub target: Option<SocketAddr>,
}

/// Why a target gave no answer.
#[derive(Debug, Error)]
pub(super) enum ExchangeError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no answer came")]
    NoAnswer(#[source] hyper::Error),
}

/// Sends one request over a connection of its own.
pub(super) async fn exchange(
    address: SocketAddr,
    request: Request<Body>,
) -> Result<Response<Incoming>, ExchangeError> {
    let stream = connect(address).await.map_err(ExchangeError::Connect)?;
    send(stream, request).await.map_err(ExchangeError::NoAnswer)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the target did not take the connection in time");
    let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_| late())??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn send(stream: TcpStream, request: Request<Body>) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It carries one exchange and ends by itself; what goes wrong on it reaches the body's reader.
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// Answers one request.
pub(super) async fn handle(
    shared: &Shared,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let host = request.uri().host().or_else(|| request.headers().get("host")?.to_str().ok());
    let group = shared.rules.group(host.unwrap_or_default(), request.uri().path()).map(str::to_owned);
    let mut entry = Entry {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        status: 0,
        group,
        target: None,
    };
    let response = match &entry.group {
        None => answers::not_found(),
        Some(group) => match lead(shared, group, client, request).await {
            Ok((response, address)) => {
                entry.target = Some(address);
                response
            }
            Err(status) => answers::failure(status),
        },
    };
    entry.status = response.status().as_u16();
    if let Some(on_request) = &shared.on_request {
        on_request(&entry);
    }
    response
}

/// Leads a request to a target of the group; else the status of the error.
async fn lead(
    shared: &Shared,
    group: &str,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<(Response<Body>, SocketAddr), StatusCode> {
    let (mut parts, body) = request.into_parts();
    answers::prepare(&mut parts.headers, client, shared.listener);
    let answered = if is_repeatable(&parts.method, &body) {
        let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
        repeat(shared, group, &parts, &body).await
    } else {
        once(shared, group, &parts, body).await
    };
    let (mut response, turn) = answered?;
    let address = turn.target().address;
    answers::drop_connection_headers(response.headers_mut());
    Ok((response.map(|body| Counted { body, _turn: turn }.boxed_unsync()), address))
}

/// Whether doing it twice is doing it once (RFC 9110, section 9.2.2), and it can be kept.
fn is_repeatable(method: &Method, body: &Incoming) -> bool {
    let methods = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    methods.contains(method) && body.size_hint().upper().is_some_and(|size| size <= REPEATABLE_BYTES)
}

type Answered = Result<(Response<Incoming>, Turn), StatusCode>;

/// Over a kept connection of the first target, over new ones of the others, until one answers.
async fn repeat(shared: &Shared, group: &str, parts: &Parts, body: &Bytes) -> Answered {
    let request = || Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync();
    let mut failed = None;
    let mut passed_over = Vec::new();
    while let Some(turn) = shared.groups.next(group, &passed_over) {
        let target = turn.target();
        let kept = target.kept.request(to(target.address, parts, request()));
        if let Ok(response) = within(shared, kept).await? {
            return Ok((response, turn));
        }
        // It may have been closed while the request was on its way; a new one says whether the target is there.
        match within(shared, exchange(target.address, plain(parts, request()))).await? {
            Ok(response) => return Ok((response, turn)),
            Err(error) => failed = Some(status_of(&error)),
        }
        passed_over.push(target.address);
    }
    Err(failed.unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
}

/// Over a new connection of the first target that takes one; what happens then is the answer.
async fn once(shared: &Shared, group: &str, parts: &Parts, body: Incoming) -> Answered {
    let mut failed = None;
    let mut passed_over = Vec::new();
    while let Some(turn) = shared.groups.next(group, &passed_over) {
        let address = turn.target().address;
        match connect(address).await.map_err(ExchangeError::Connect) {
            Ok(stream) => {
                let request = plain(parts, body.map_err(AnyError::from).boxed_unsync());
                return match within(shared, send(stream, request)).await? {
                    Ok(response) => Ok((response, turn)),
                    Err(_) => Err(StatusCode::BAD_GATEWAY),
                };
            }
            Err(error) => failed = Some(status_of(&error)),
        }
        passed_over.push(address);
    }
    Err(failed.unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
}

/// The head of an answer has to come in time; 504 where it does not.
async fn within<T>(shared: &Shared, answer: impl Future<Output = T>) -> Result<T, StatusCode> {
    tokio::time::timeout(shared.answer_limit, answer).await.map_err(|_| StatusCode::GATEWAY_TIMEOUT)
}

fn status_of(error: &ExchangeError) -> StatusCode {
    match error {
        ExchangeError::Connect(error) if error.kind() == io::ErrorKind::TimedOut => {
            StatusCode::GATEWAY_TIMEOUT
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// The request as it is sent over a connection that is there: only a path in its first line.
fn plain(parts: &Parts, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    *request.version_mut() = Version::HTTP_11;
    let mut uri = Uri::default().into_parts();
    // `OPTIONS *` and an absolute address both have a path here.
    uri.path_and_query = parts.uri.path_and_query().cloned().or(uri.path_and_query);
    if let Ok(uri) = Uri::from_parts(uri) {
        *request.uri_mut() = uri;
    }
    request
}

/// The request for a client that makes its connections by the address.
fn to(address: SocketAddr, parts: &Parts, body: Body) -> Request<Body> {
    let mut request = plain(parts, body);
    let mut uri = request.uri().clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Authority::try_from(address.to_string()).ok();
    if let Ok(uri) = Uri::from_parts(uri) {
        *request.uri_mut() = uri;
    }
    request
}

/// A body whose target is busy until it has been read to its end, or given up.
struct Counted {
    body: Incoming,
    _turn: Turn,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        Pin::new(&mut self.body).poll_frame(context).map_err(AnyError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
