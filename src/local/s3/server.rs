//! The API's listener: faults and a record of requests in front of the protocol, on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::backend::Backend;
use super::faults::{Fault, Faults};
use super::store::Store;

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    pub method: String,
    /// Percent-encoded, as it came.
    pub path: String,
    pub query: String,
    /// Bytes of the body, by its header.
    pub content_length: u64,
    /// Of the answer; 0 where the connection was dropped.
    pub status: u16,
    /// `x-amz-copy-source`, as it came.
    pub copy_source: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
}

/// Answers requests that are not S3's, by path.
pub type OtherApi = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// Which paths are another API's, and that API.
type Detour = (fn(&str) -> bool, OtherApi);

/// The API of a store. Clones share it.
#[derive(Clone)]
pub struct Api {
    s3: Arc<S3Service>,
    store: Store,
    faults: Faults,
    records: Arc<Mutex<Vec<RecordedRequest>>>,
    other: Option<Detour>,
    is_recording: bool,
}

struct OneKey(Credentials);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key_id {
            return Ok(SecretKey::from(self.0.secret_access_key.as_str()));
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}

impl Api {
    /// The S3 API over `store` for whoever has the credentials.
    pub fn new(store: &Store, credentials: &Credentials) -> Self {
        let faults = Faults::default();
        let mut builder = S3ServiceBuilder::new(Backend::new(store.clone(), faults.clone()));
        builder.set_auth(OneKey(credentials.clone()));
        Self {
            s3: Arc::new(builder.build()),
            store: store.clone(),
            faults,
            records: Arc::default(),
            other: None,
            is_recording: true,
        }
    }

    /// Hands paths that `takes` says yes to over to another API on the same port.
    #[must_use]
    pub fn with_other(self, takes: fn(&str) -> bool, other: OtherApi) -> Self {
        Self { other: Some((takes, other)), ..self }
    }

    /// Keeps no record of requests: a benchmark makes many.
    #[must_use]
    pub fn without_records(self) -> Self {
        Self { is_recording: false, ..self }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked so far, in the order of the answers.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.records.lock().expect("no panic while recording").clone()
    }

    pub fn clear_requests(&self) {
        self.records.lock().expect("no panic while recording").clear();
    }

    /// Listens on a free port of the loopback interface, or on `port`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn serve(&self, port: u16) -> std::io::Result<Running> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let api = self.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(api.clone().serve_connection(stream));
            }
        });
        Ok(Running { address, task })
    }

    async fn serve_connection(self, stream: TcpStream) {
        let api = self;
        let service = service_fn(move |request| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        // A dropped connection is a fault on order, or a client that went away: both are no news.
        let _ =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<s3s::Body>, Dropped> {
        let mut record = self.is_recording.then(|| recorded(&request));
        let path =
            percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
        let result = self.answer_or_fail(request, &path).await;
        if let Some(record) = &mut record {
            record.status = result.as_ref().map_or(0, |response| response.status().as_u16());
            self.records.lock().expect("no panic while recording").push(record.clone());
        }
        result
    }

    async fn answer_or_fail(
        &self,
        request: Request<Incoming>,
        path: &str,
    ) -> Result<Response<s3s::Body>, Dropped> {
        let mut is_dropped_after = false;
        for fault in self.faults.strike(request.method().as_str(), path) {
            match fault {
                Fault::Answer { status, code } => {
                    // What the client sends is taken, or its writing would fail before it reads the answer.
                    let _ = request.into_body().collect().await;
                    return Ok(error_answer(status, code));
                }
                Fault::DropBefore => return Err(Dropped),
                Fault::DropAfter => is_dropped_after = true,
                Fault::Delay(time) => tokio::time::sleep(time).await,
            }
        }
        let response = match &self.other {
            Some((takes, other)) if takes(path) => {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
                let answer = other(Request::from_parts(parts, body)).await;
                answer.map(|body| s3s::Body::http_body_unsync(Full::new(body).map_err(never)))
            }
            _ => self.s3.call(request.map(s3s::Body::from)).await.map_err(|_| Dropped)?,
        };
        if is_dropped_after { Err(Dropped) } else { Ok(response) }
    }
}

fn never(error: Infallible) -> s3s::StdError {
    match error {}
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped")]
struct Dropped;

fn recorded(request: &Request<Incoming>) -> RecordedRequest {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    RecordedRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        content_length: header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0),
        status: 0,
        copy_source: header("x-amz-copy-source"),
        if_match: header("if-match"),
        if_none_match: header("if-none-match"),
    }
}

fn error_answer(status: u16, code: &str) -> Response<s3s::Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    let mut response = Response::new(s3s::Body::from(Bytes::from(body)));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status of our own");
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/xml"));
    response
}

/// A listener at work; it ends when this is dropped.
pub struct Running {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// `http://127.0.0.1:PORT`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
