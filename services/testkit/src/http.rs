//! Requests to a service. Every answer is held against the service's OpenAPI document before a test sees it, and so is every
//! request that is answered well.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::openapi;

const LIMIT: Duration = Duration::from_secs(60);

/// A client of one service.
#[derive(Debug, Clone)]
pub struct Http {
    /// Host and port.
    pub authority: String,
    agent: Agent,
    document: Value,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `null` where the body is not JSON.
    pub json: Value,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// A header's value; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The `code` of an error.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

impl Http {
    pub(crate) fn new(authority: &str, openapi: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
        Self {
            authority: authority.to_owned(),
            agent: config.build().into(),
            document: serde_json::from_str(openapi).expect("the document is JSON"),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string())
    }

    /// Any request at all.
    ///
    /// # Panics
    /// When there is no answer, or it is not what the OpenAPI document says, or the document says nothing of a request that is
    /// answered well.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Any request at all, for when a missing answer is expected.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Panics
    /// When the answer is not what the OpenAPI document says, or it says nothing of a request that is answered well.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // A request without a body says nothing about one.
        let response = if body.is_empty() {
            self.agent.run(request.body(()).expect("the request is one"))?
        } else {
            self.agent.run(request.body(body.to_owned()).expect("the request is one"))?
        };
        self.read(method, path, body, response)
    }

    fn read(
        &self,
        method: &str,
        path: &str,
        sent: &str,
        mut response: Response<Body>,
    ) -> Result<Answer, ureq::Error> {
        let status = response.status().as_u16();
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = response.body_mut().read_to_vec()?;
        let bare_path = path.split('?').next().unwrap_or_default();
        if method != "OPTIONS"
            && let Err(problem) = openapi::check(&self.document, method, bare_path, status, &body)
        {
            panic!("{method} {path} answered {status}: {problem}");
        }
        if method != "OPTIONS"
            && (200..300).contains(&status)
            && let Err(problem) = openapi::check_request(&self.document, method, path, sent.as_bytes())
        {
            panic!("{method} {path} answered {status}, and may not be asked so: {problem}");
        }
        Ok(Answer { status, json: serde_json::from_slice(&body).unwrap_or_default(), headers })
    }

    /// Writes bytes to a new connection and leaves it open, for requests that are not whole.
    ///
    /// # Panics
    /// When there is no connection.
    pub fn open(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).expect("the service listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket has time limits");
        stream.write_all(bytes).expect("the service reads");
        stream
    }

    /// All that comes back on a connection until the other side closes it.
    ///
    /// # Panics
    /// When it stays open.
    pub fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Err(error) if bytes.is_empty() => format!("(no answer: {error})"),
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
