//! A site with one thing wrong: the embedded edge behind a server that changes what is asked or answered.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sitepush::local::edge::Edge;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, AnyError>;

/// What becomes of an answer.
pub enum Reply {
    Answer(Response<Bytes>),
    /// The answer, when this is over.
    After(Pin<Box<dyn Future<Output = ()> + Send>>, Response<Bytes>),
    /// Nothing comes, and the connection stays.
    Silence,
    /// The connection ends before the answer.
    Reset,
    /// The connection ends in the middle of the body.
    Cut(Response<Bytes>),
}

/// Changes what the edge is asked.
pub type Ask = Arc<dyn Fn(&mut Request<Empty<Bytes>>) + Send + Sync>;

/// Changes what it answers; the path is as it was asked for.
pub type Change = Arc<dyn Fn(&Seen, Response<Bytes>) -> Reply + Send + Sync>;

/// A request as it came.
pub struct Seen {
    pub path: String,
    pub is_tls: bool,
    pub headers: http::HeaderMap,
}

impl Seen {
    /// Whether the request is for a name that was made up.
    pub fn is_made_up(&self) -> bool {
        self.path.starts_with("/sitepush-verify-")
    }
}

/// How a site is wrong; by default it is right.
#[derive(Clone)]
pub struct Wrong {
    pub ask: Ask,
    pub change: Change,
    pub tls: Option<TlsAcceptor>,
    /// Whether a greeting of TLS 1.1 is answered, too.
    pub speaks_old_tls: bool,
}

impl Default for Wrong {
    fn default() -> Self {
        Self {
            ask: Arc::new(|_| {}),
            change: Arc::new(|_, answer| Reply::Answer(answer)),
            tls: None,
            speaks_old_tls: false,
        }
    }
}

impl Wrong {
    pub fn asking(ask: impl Fn(&mut Request<Empty<Bytes>>) + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(ask), ..Self::default() }
    }

    pub fn changing(change: impl Fn(&Seen, Response<Bytes>) -> Reply + Send + Sync + 'static) -> Self {
        Self { change: Arc::new(change), ..Self::default() }
    }
}

/// A site at work; it ends when it is dropped.
pub struct RunningSite {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl RunningSite {
    pub fn start(edge: &Edge, wrong: Wrong) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let edge = edge.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, edge.clone(), wrong.clone()));
            }
        });
        Self { address, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// How a server greets back in TLS 1.1: its version, a random number, no session, ECDHE with AES-256, no compression.
fn old_server_hello() -> Vec<u8> {
    let greeting = [&[3, 2][..], &[7; 32], &[0, 0xc0, 0x14, 0]].concat();
    [&[0x16, 3, 2, 0, 42, 2, 0, 0, 38][..], &greeting].concat()
}

/// Whether a greeting, as far as it was seen, is of TLS 1.1: newer clients say 1.2 there.
fn is_old_client_hello(begin: &[u8]) -> bool {
    matches!(begin, [0x16, 3, _, _, _, 1, _, _, _, 3, 2, ..])
}

/// With TLS where the first byte begins a handshake.
async fn serve(mut stream: TcpStream, edge: Edge, wrong: Wrong) {
    let mut begin = [0; 11];
    let count = stream.peek(&mut begin).await.unwrap_or(0);
    let begin = &begin[..count];
    let is_tls = begin.first() == Some(&0x16);
    if wrong.speaks_old_tls && is_old_client_hello(begin) {
        let _ = stream.write_all(&old_server_hello()).await;
        // Until the client hangs up: what it does not read is lost when this side does.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        return;
    }
    match wrong.tls.clone().filter(|_| is_tls) {
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_http(stream, edge, wrong, true).await;
            }
        }
        None => serve_http(stream, edge, wrong, false).await,
    }
}

async fn serve_http<S>(stream: S, edge: Edge, wrong: Wrong, is_tls: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, wrong) = (edge.clone(), wrong.clone());
        async move { answer(&edge, &wrong, request, is_tls).await }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    edge: &Edge,
    wrong: &Wrong,
    request: Request<Incoming>,
    is_tls: bool,
) -> Result<Response<Body>, std::io::Error> {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let seen = Seen { path, is_tls, headers };
    let mut asked = request.map(|_| Empty::<Bytes>::new());
    (wrong.ask)(&mut asked);
    let (parts, body) = edge.handle(asked).await.into_parts();
    let body = body.collect().await.expect("the edge's bodies are in memory").to_bytes();
    let mut answer = Response::from_parts(parts, body);
    answer.headers_mut().remove("content-length");
    match (wrong.change)(&seen, answer) {
        Reply::Answer(answer) => Ok(whole(answer)),
        Reply::After(wait, answer) => {
            wait.await;
            Ok(whole(answer))
        }
        Reply::Silence => std::future::pending().await,
        Reply::Reset => Err(std::io::Error::other("no answer")),
        Reply::Cut(mut answer) => {
            let length = HeaderValue::from(answer.body().len());
            answer.headers_mut().insert("content-length", length);
            Ok(answer.map(|bytes| {
                let half = Frame::data(bytes.slice(..bytes.len() / 2));
                let parts: [Result<Frame<Bytes>, AnyError>; 1] = [Ok(half)];
                // What was given is sent before the next is waited for.
                let then = futures::stream::once(async {
                    tokio::task::yield_now().await;
                    Err("cut".into())
                });
                StreamBody::new(futures::stream::iter(parts).chain(then)).boxed_unsync()
            }))
        }
    }
}

fn whole(answer: Response<Bytes>) -> Response<Body> {
    answer.map(|bytes| Full::from(bytes).map_err(|never| match never {}).boxed_unsync())
}

/// An answer with this status and text, and nothing of a CDN.
pub fn plain(status: u16, content_type: &str, text: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(text.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer.headers_mut().insert("content-type", HeaderValue::from_str(content_type).expect("a header"));
    answer
}

/// The answer with another header.
pub fn with(mut answer: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    answer.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header"));
    answer
}

/// The answer without a header.
pub fn without(mut answer: Response<Bytes>, name: &str) -> Response<Bytes> {
    answer.headers_mut().remove(name);
    answer
}

/// The answer with another body, encoded in no way.
pub fn with_body(answer: Response<Bytes>, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = without(answer, "content-encoding");
    *answer.body_mut() = body.into();
    answer
}
