//! Requests to the application, as a visitor would make them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

/// A client of one origin.
#[derive(Debug, Clone)]
pub(super) struct Http {
    /// Such as `http://127.0.0.1:4173`.
    origin: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// `null` where the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// For a person: the status and the beginning of the body.
    pub fn describe(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        format!("{} {:?}", self.status, text.trim())
    }
}

impl Http {
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Request::get(self.url(path)).body(Full::default())?).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = Request::post(self.url(path)).header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string().into())?).await
    }

    /// Deletes something as the one who has the token.
    pub async fn delete(&self, path: &str, token: &str) -> Result<Answer> {
        let request = Request::delete(self.url(path)).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Full::default())?).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let shown = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let (parts, body) = self.client.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answered = tokio::time::timeout(LIMIT, exchange).await;
        answered.with_context(|| format!("{shown}: no answer in {} s", LIMIT.as_secs()))?.context(shown)
    }
}
