//! One log line, one measurement and one id for every request.
//!
//! The line has the route and the path, never a query, a header or a body: those may hold what is nobody's business.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, debug, info, info_span};

use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

/// Carries the id, from whoever gave it first to whoever reads the logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id that ALB gives to a request, logged so that its own logs can be joined.
const TRACE_ID: &str = "x-amzn-trace-id";

/// The longest id that is taken over; a longer one is replaced.
const MAX_ID_BYTES: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered, or nothing outside of one.
pub fn current_request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// What the observer needs to know.
#[derive(Clone)]
pub(crate) struct Observer {
    pub metrics: Arc<Metrics>,
    pub lifecycle: Arc<Lifecycle>,
}

/// The outermost layer: whatever a request ends with, this has seen it.
pub(crate) async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let trace_id = request.headers().get(TRACE_ID).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let span = info_span!("request", request_id = id);

    let mut response = CURRENT.scope(id.clone(), next.run(request)).instrument(span.clone()).await;

    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if observer.lifecycle.is_draining() {
        // Whoever keeps the connection would send its next request to a process that is ending.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let duration_ms = (elapsed.as_secs_f64() * 1e6).round() / 1e3;
    let route = route.as_deref().unwrap_or("none");
    let _in_span = span.entered();
    if matches!(route, "/healthz" | "/readyz") {
        // Load balancers ask every few seconds; that is no traffic.
        debug!(%method, path, route, status, duration_ms, "health");
    } else {
        info!(%method, path, route, status, duration_ms, trace_id, "request");
        observer.metrics.record(status, elapsed);
    }
    response
}

/// The caller's id where it is one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |id: &&str| {
        !id.is_empty()
            && id.len() <= MAX_ID_BYTES
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(is_plain).map_or_else(new_id, str::to_owned)
}

/// 32 random hexadecimal digits.
fn new_id() -> String {
    let mut bytes = [0; 16];
    // Linux gives random bytes from the start of the process on; without them an id of zeros still is an id.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> String {
        request_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap())]))
    }

    #[test]
    fn an_id_that_is_one_is_kept() {
        assert_eq!(id_for("a-B_c.9"), "a-B_c.9");
    }

    #[test]
    fn an_id_that_could_forge_a_log_is_replaced() {
        for bad in ["", "a b", "\"}", "é", &"x".repeat(65)] {
            let id = id_for(bad);
            assert_eq!(id.len(), 32, "{bad}");
            assert_ne!(id, id_for(bad));
        }
    }
}
