//! Hands requests on to another server: the cache behavior of an API beside the site.
//!
//! Never caches, and never tries a request twice.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::service::{AnyError, Body};

/// Sends `request` to the server at `address` and gives back its answer, the body as it comes. 502 where there is
/// no server, as CloudFront answers for an origin that it cannot reach.
pub(super) async fn forward<B>(address: SocketAddr, request: Request<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    match exchange(address, request).await {
        Ok(response) => response,
        Err(error) => {
            let text = format!("the upstream server at {address} did not answer: {error}\n");
            let body = Full::from(text).map_err(|never| match never {}).boxed_unsync();
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
            response
        }
    }
}

async fn exchange<B>(address: SocketAddr, request: Request<B>) -> Result<Response<Body>, AnyError>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The connection carries one exchange and ends by itself; what goes wrong on it reaches the body's reader.
    tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    drop_connection_headers(&mut parts.headers);
    if !parts.headers.contains_key(HOST) {
        parts.headers.insert(HOST, HeaderValue::try_from(address.to_string())?);
    }
    parts.headers.append("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    parts.headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse()?;
    parts.version = http::Version::HTTP_11;
    let body: Body = body.map_err(Into::into).boxed_unsync();
    let mut response = sender.send_request(Request::from_parts(parts, body)).await?;
    drop_connection_headers(response.headers_mut());
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// RFC 9110, section 7.6.1: these speak of one connection and are not handed on.
fn drop_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let fixed = [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, UPGRADE];
    for name in named.into_iter().chain(fixed) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove(http::header::TRANSFER_ENCODING);
}
