//! A site, asked as a visitor asks it.
//!
//! Touches the live site over HTTP. Never follows a redirect by itself, never sends credentials or cookies, never keeps a
//! body: bodies are hashed as they come. Never decides what is right.

mod body;
mod old_tls;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::core::verify::{Answer, NoAnswer};

/// Requests in flight at most: what a browser has open to one site, and little for any site.
pub const MAX_CONCURRENCY: usize = 8;

const USER_AGENT: &str = concat!("sitepush/", env!("CARGO_PKG_VERSION"), " verify");

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub url: &'a str,
    /// As a browser goes to a page, and not as a page loads what it needs.
    pub is_navigation: bool,
    /// More than this is read of no body, neither before nor after its encoding is undone.
    pub limit_bytes: u64,
}

/// A visitor. Cloned freely; clones share their connections.
#[derive(Clone)]
pub struct Visitor {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    tls: Arc<rustls::ClientConfig>,
    timeout: Duration,
}

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum VisitorError {
    #[error("cannot read the certificates that this machine trusts")]
    Roots(#[source] std::io::Error),
    #[error("this machine trusts no certificates")]
    NoRoots,
}

impl Visitor {
    /// A visitor who waits for no answer longer than `timeout`. `is_https` says that certificates will be needed.
    ///
    /// # Errors
    /// When certificates are needed and this machine trusts none.
    pub fn new(timeout: Duration, is_https: bool) -> Result<Self, VisitorError> {
        let tls = Arc::new(tls::config(is_https)?);
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(timeout));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*tls).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(MAX_CONCURRENCY)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, tls, timeout })
    }

    /// The longest wait for an answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks once more where there was no answer: a connection may have been kept too long.
    ///
    /// # Errors
    /// Twice no whole answer, or none in time.
    pub async fn get(&self, question: Question<'_>) -> Result<Answer, NoAnswer> {
        match self.get_once(question).await {
            Err(NoAnswer::Connect(_) | NoAnswer::Other(_) | NoAnswer::Truncated(_)) => {
                self.get_once(question).await
            }
            other => other,
        }
    }

    async fn get_once(&self, question: Question<'_>) -> Result<Answer, NoAnswer> {
        let timed_out = NoAnswer::TimedOut { seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, self.exchange(question)).await.unwrap_or(Err(timed_out))
    }

    async fn exchange(&self, question: Question<'_>) -> Result<Answer, NoAnswer> {
        let uri: Uri = question.url.parse().map_err(|error| NoAnswer::Other(format!("{error}")))?;
        let (accept, mode) =
            if question.is_navigation { ("text/html, */*;q=0.8", "navigate") } else { ("*/*", "no-cors") };
        let request = Request::get(uri)
            .header("user-agent", USER_AGENT)
            .header("accept", accept)
            .header("accept-encoding", "br, gzip")
            .header("sec-fetch-mode", mode)
            .body(Empty::new())
            .map_err(|error| NoAnswer::Other(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| no_answer(&error))?;
        let (parts, incoming) = response.into_parts();
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut answer = Answer { status: parts.status.as_u16(), headers, ..Answer::default() };
        let encoding = answer.header("content-encoding").unwrap_or_default().trim().to_ascii_lowercase();
        answer.body = body::read(incoming, &encoding, question.limit_bytes).await?;
        Ok(answer)
    }
}

fn no_answer(error: &ClientError) -> NoAnswer {
    let cause = innermost(error);
    if error.is_connect() { NoAnswer::Connect(cause) } else { NoAnswer::Other(cause) }
}

/// The last cause, which is the one that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
