//! What stands behind the edge: a bucket, seen as CloudFront's origin access control sees it.

use std::time::SystemTime;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use super::http_date;

/// The prefix whose objects the bucket policy denies to CloudFront.
const STATE_SEGMENT: &str = ".sitepush";

/// A store of objects that the edge reads from.
pub trait Origin: Send + Sync + 'static {
    /// The object at a bucket key (decoded, no leading `/`), or none.
    fn fetch<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<OriginObject>>;
}

/// An object as the bucket keeps it.
#[derive(Clone, Debug)]
pub struct OriginObject {
    pub body: Bytes,
    /// `content-type`, `cache-control`, `x-amz-meta-*` and so on; not `etag`, `last-modified` or `content-length`.
    pub headers: Vec<(String, String)>,
    /// With its quotes, as S3 sends it.
    pub e_tag: String,
    pub last_modified: SystemTime,
}

/// The origin's answer to one request.
#[derive(Clone, Debug)]
pub(super) struct OriginResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Asks the origin for the object behind `uri` (percent-encoded, starts with `/`).
pub(super) async fn get(origin: &dyn Origin, origin_path: &str, uri: &str) -> OriginResponse {
    let Some(key) = bucket_key(origin_path, uri) else {
        return refusal(StatusCode::BAD_REQUEST, "InvalidURI", "Couldn't parse the specified URI.");
    };
    if key.split('/').any(|segment| segment == STATE_SEGMENT) {
        return refusal(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
    }
    let found = if key.is_empty() { None } else { origin.fetch(&key).await };
    found.map_or_else(
        || refusal(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
        |object| OriginResponse { status: StatusCode::OK, headers: headers_of(&object), body: object.body },
    )
}

/// S3's answer to a request that a bucket without CORS rules does not allow.
pub(super) fn no_cors() -> OriginResponse {
    refusal(StatusCode::FORBIDDEN, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
}

/// None for a path that does not decode to UTF-8: no key can be meant.
///
/// S3 reads an unencoded `+` in a path as a space, and CloudFront hands it on as it is.
fn bucket_key(origin_path: &str, uri: &str) -> Option<String> {
    let path = uri.strip_prefix('/')?.replace('+', " ");
    let relative = percent_decode_str(&path).decode_utf8().ok()?;
    let origin_path = origin_path.trim_matches('/');
    Some(if origin_path.is_empty() { relative.into_owned() } else { format!("{origin_path}/{relative}") })
}

fn headers_of(object: &OriginObject) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let dates = [
        ("etag", object.e_tag.clone()),
        ("last-modified", http_date::format(object.last_modified)),
        ("accept-ranges", "bytes".to_owned()),
        ("server", "AmazonS3".to_owned()),
    ];
    let own = object.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in own.chain(dates) {
        // What is not a header cannot be sent as one; S3 would have refused it at upload.
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    headers
}

fn refusal(status: StatusCode, code: &str, message: &str) -> OriginResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/xml"));
    headers.insert("server", HeaderValue::from_static("AmazonS3"));
    OriginResponse { status, headers, body: body.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_key_after_decoding() {
        for (origin_path, uri, key) in [
            ("", "/index.html", Some("index.html")),
            ("", "/caf%C3%A9/a%20b", Some("caf\u{e9}/a b")),
            ("/site", "/a", Some("site/a")),
            ("/site/", "/", Some("site/")),
            ("", "//a", Some("/a")),
            ("", "/a+b", Some("a b")),
            ("", "/a%2Bb", Some("a+b")),
            ("", "/%ff", None),
        ] {
            assert_eq!(bucket_key(origin_path, uri).as_deref(), key);
        }
    }

    #[tokio::test]
    async fn the_state_prefix_is_denied_by_the_bucket_itself() {
        struct Everything;
        impl Origin for Everything {
            fn fetch<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Option<OriginObject>> {
                let object = OriginObject {
                    body: Bytes::from_static(b"secret"),
                    headers: Vec::new(),
                    e_tag: "\"x\"".into(),
                    last_modified: SystemTime::UNIX_EPOCH,
                };
                Box::pin(async { Some(object) })
            }
        }
        for uri in ["/.sitepush/lock.json", "/%2esitepush/lock.json", "/site/.sitepush/x", "/.sitepush"] {
            let response = get(&Everything, "", uri).await;
            assert_eq!(response.status, StatusCode::FORBIDDEN, "{uri}");
        }
        assert_eq!(get(&Everything, "", "/x.sitepush/a").await.status, StatusCode::OK);
    }
}
