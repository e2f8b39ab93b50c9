//! The record of requests, for tests that assert on what was asked and in which order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, Request, header};

use super::operation::Target;
use super::options::RequestLogging;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Counts from 0 in the order in which requests came in; clearing the record does not start it anew.
    pub sequence: u64,
    /// The API's name for it: `PutObject`.
    pub operation: &'static str,
    pub method: Method,
    pub bucket: Option<String>,
    /// Decoded.
    pub key: Option<String>,
    /// As it was sent, without `?`; empty when there was none.
    pub query: String,
    /// All but the credentials.
    pub headers: HeaderMap,
    /// As announced, without the framing of chunks; none when it was not announced.
    pub body_length_bytes: Option<u64>,
    /// None while the answer is not made, or when the connection was dropped instead.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// A header's value, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub struct RequestLog {
    logging: RequestLogging,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// The sequence number of the first entry kept.
    first: u64,
    requests: Vec<RecordedRequest>,
}

/// Which entry an answer belongs to; none when nothing is recorded.
#[derive(Clone, Copy)]
pub struct Ticket(Option<u64>);

impl RequestLog {
    pub fn new(logging: RequestLogging) -> Self {
        Self { logging, entries: Mutex::default() }
    }

    /// Records a request that came in.
    pub fn begin<B>(&self, request: &Request<B>, target: &Target) -> Ticket {
        if self.logging == RequestLogging::Off {
            return Ticket(None);
        }
        let mut headers = request.headers().clone();
        headers.remove(header::AUTHORIZATION);
        headers.remove("x-amz-security-token");
        let body_length_bytes = ["x-amz-decoded-content-length", "content-length"]
            .into_iter()
            .find_map(|name| headers.get(name)?.to_str().ok()?.parse().ok());
        let mut entries = self.entries();
        let sequence = entries.first + entries.requests.len() as u64;
        entries.requests.push(RecordedRequest {
            sequence,
            operation: target.operation,
            method: request.method().clone(),
            bucket: target.bucket.clone(),
            key: target.key.clone(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers,
            body_length_bytes,
            status: None,
        });
        Ticket(Some(sequence))
    }

    /// Records the status of an answer, unless its request has been cleared away.
    pub fn finish(&self, ticket: Ticket, status: u16) {
        let Some(sequence) = ticket.0 else { return };
        let mut entries = self.entries();
        let index = sequence.checked_sub(entries.first).and_then(|index| usize::try_from(index).ok());
        if let Some(request) = index.and_then(|index| entries.requests.get_mut(index)) {
            request.status = Some(status);
        }
    }

    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.entries().requests.clone()
    }

    pub fn clear(&self) {
        let mut entries = self.entries();
        entries.first += entries.requests.len() as u64;
        entries.requests.clear();
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
