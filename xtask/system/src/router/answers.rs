//! What the load balancer answers by itself, and the headers that it adds to what it hands on.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::header::{SERVER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

/// What a body may fail with.
pub(super) type AnyError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = UnsyncBoxBody<Bytes, AnyError>;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The listener's default action in `infra/modules/services/load_balancer.tf`.
const NOT_FOUND: &str = r#"{"error":{"code":"not_found","message":"no service answers here"}}"#;

/// The answer where no rule matches.
pub(super) fn not_found() -> Response<Body> {
    answer(StatusCode::NOT_FOUND, "application/json", NOT_FOUND.to_owned())
}

/// An error of the load balancer's own, with the page that it sends.
pub(super) fn failure(status: StatusCode) -> Response<Body> {
    let reason = match status {
        // Its page says more than the standard's phrase.
        StatusCode::SERVICE_UNAVAILABLE => "503 Service Temporarily Unavailable".to_owned(),
        StatusCode::GATEWAY_TIMEOUT => "504 Gateway Time-out".to_owned(),
        other => other.to_string(),
    };
    let page = format!(
        "<html>\r\n<head><title>{reason}</title></head>\r\n<body>\r\n<center><h1>{reason}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    answer(status, "text/html", page)
}

fn answer(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Makes the headers of a request those that a target gets: without what speaks of the connection, and with who asked, how,
/// and under which trace.
///
/// Source: Elastic Load Balancing, "HTTP headers and Application Load Balancers" and "Request tracing".
pub(super) fn prepare(headers: &mut HeaderMap, client: SocketAddr, listener: SocketAddr) {
    drop_connection_headers(headers);
    let earlier = headers.get_all(&FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<String> =
        earlier.map(str::to_owned).chain(std::iter::once(client.ip().to_string())).collect();
    let mut set = |name: &HeaderName, text: String| {
        // What is put together here is made of visible ASCII.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    set(&FORWARDED_FOR, chain.join(", "));
    set(&FORWARDED_PROTO, "http".to_owned());
    set(&FORWARDED_PORT, listener.port().to_string());
    let trace = trace_id(headers.get(&TRACE_ID).and_then(|value| value.to_str().ok()), &new_id());
    if let Ok(value) = HeaderValue::try_from(trace) {
        headers.insert(&TRACE_ID, value);
    }
    if !headers.contains_key(HOST)
        && let Ok(value) = HeaderValue::try_from(listener.to_string())
    {
        headers.insert(HOST, value);
    }
}

/// The trace of a request: a new root, or the one that came with it and this step put before.
fn trace_id(earlier: Option<&str>, id: &str) -> String {
    match earlier.filter(|earlier| earlier.contains("Root=")) {
        Some(earlier) => {
            let kept = earlier.split(';').filter(|field| !field.trim_start().starts_with("Self="));
            std::iter::once(format!("Self={id}").as_str()).chain(kept).collect::<Vec<_>>().join(";")
        }
        None => format!("Root={id}"),
    }
}

/// `1-SECONDS-RANDOM`, in hexadecimal.
fn new_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut bytes = [0; 12];
    // A trace without random numbers is a poor one, and no reason to refuse a request.
    let _ = getrandom::fill(&mut bytes);
    let random: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("1-{seconds:08x}-{random}")
}

/// RFC 9110, section 7.6.1: these speak of one connection and are not handed on.
pub(super) fn drop_connection_headers(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    let fixed =
        [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    for name in named.into_iter().chain(fixed) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_without_a_rule_is_the_one_that_terraform_sets() {
        let module = include_str!("../../../../infra/modules/services/load_balancer.tf");
        assert!(
            module.contains(r#"{ error = { code = "not_found", message = "no service answers here" } }"#),
            "the default action is another; the answer here has to follow"
        );
    }

    #[test]
    fn a_trace_keeps_its_root_and_gets_this_step() {
        assert_eq!(trace_id(None, "1-a-b"), "Root=1-a-b");
        assert_eq!(trace_id(Some("Root=1-x-y"), "1-a-b"), "Self=1-a-b;Root=1-x-y");
        assert_eq!(trace_id(Some("Self=1-o-o;Root=1-x-y;k=v"), "1-a-b"), "Self=1-a-b;Root=1-x-y;k=v");
        assert_eq!(trace_id(Some("k=v"), "1-a-b"), "Root=1-a-b");
        assert_eq!(new_id().len(), "1-12345678-123456789012345678901234".len());
    }

    #[test]
    fn a_target_learns_who_asked_and_nothing_of_the_connection() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "example.com"),
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "gopher"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        prepare(&mut headers, "192.0.2.1:1234".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text("x-forwarded-for").as_deref(), Some("203.0.113.7, 192.0.2.1"));
        assert_eq!(text("x-forwarded-proto").as_deref(), Some("http"));
        assert_eq!(text("x-forwarded-port").as_deref(), Some("80"));
        assert_eq!(text("host").as_deref(), Some("example.com"));
        assert_eq!((text("connection"), text("x-private"), text("transfer-encoding")), (None, None, None));
    }
}
