//! An endpoint that answers what it is told, and a bucket that asks it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sitepush::core::key::KeyPrefix;
use sitepush::edges::aws::{self, Connection};
use sitepush::edges::call::Retry;
use sitepush::edges::clock::Clock;
use sitepush::edges::s3::Bucket;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// What is answered to one request.
#[derive(Clone, Debug)]
pub struct Scripted {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// What the body's length is said to be; then no byte of it comes.
    claimed_bytes: Option<u64>,
}

impl Scripted {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/xml".to_owned())],
            body: body.into(),
            claimed_bytes: None,
        }
    }

    /// A success that announces so many bytes and sends none.
    pub fn claiming(bytes: u64) -> Self {
        Self { claimed_bytes: Some(bytes), ..Self::new(200, "") }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The answers in turn, the last one again and again; and how many were given.
#[derive(Default)]
struct Script {
    answers: Vec<Scripted>,
    given: usize,
}

/// The endpoint, the bucket behind it, and a runtime for both. Stops when it is dropped.
pub struct Endpoint {
    pub bucket: Bucket,
    script: Arc<Mutex<Script>>,
    runtime: Runtime,
    task: JoinHandle<()>,
}

impl Endpoint {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let script: Arc<Mutex<Script>> = Arc::default();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let task = runtime.spawn(serve(listener, Arc::clone(&script)));
        let connection = Connection {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(format!("http://{address}")),
            static_keys: Some(("id".to_owned(), "secret".to_owned())),
            ..Connection::default()
        };
        let config = runtime.block_on(aws::load(&connection, &Clock::system()));
        // Nothing is sent twice: each answer is judged alone.
        let retry = Retry::new(Duration::ZERO);
        let bucket = Bucket::new(&config, "example-site", KeyPrefix::default(), &retry, &Clock::system());
        Self { bucket, script, runtime, task }
    }

    /// Runs a call that is answered with these, one after the other.
    pub fn answering<T>(&self, answers: Vec<Scripted>, call: impl Future<Output = T>) -> T {
        *self.script() = Script { answers, given: 0 };
        self.runtime.block_on(async {
            let limit = tokio::time::timeout(Duration::from_secs(15), call);
            limit.await.unwrap_or_else(|_| panic!("the call does not end"))
        })
    }

    /// How many requests were answered in the last call.
    pub fn requests(&self) -> usize {
        self.script().given
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let script = Arc::clone(&script);
        let service = service_fn(move |request: Request<Incoming>| {
            let script = Arc::clone(&script);
            async move {
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(next(&script))
            }
        });
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A body that is announced and does not come.
struct Claimed(u64);

impl Body for Claimed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

fn next(script: &Mutex<Script>) -> Response<Either<Full<Bytes>, Claimed>> {
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    let at = script.given.min(script.answers.len() - 1);
    script.given += 1;
    let answer = &script.answers[at];
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let body = match answer.claimed_bytes {
        Some(bytes) => Either::Right(Claimed(bytes)),
        None => Either::Left(Full::new(Bytes::from(answer.body.clone()))),
    };
    response.body(body).expect("the script is valid HTTP")
}
