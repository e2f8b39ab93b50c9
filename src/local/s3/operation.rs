//! What a request asks for, read from its line and headers alone: for the record and for the fault script.

use http::{HeaderMap, Method, Request};
use percent_encoding::percent_decode_str;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The API's name, or `Unknown`.
    pub operation: &'static str,
    pub bucket: Option<String>,
    /// Decoded.
    pub key: Option<String>,
}

impl Target {
    /// Reads a path-style request.
    pub fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let bucket = (!bucket.is_empty()).then(|| decode(bucket));
        let key = (!key.is_empty()).then(|| decode(key));
        let query = request.uri().query().unwrap_or_default();
        let operation = match (&bucket, &key) {
            (None, _) => service_operation(request.method()),
            (Some(_), None) => bucket_operation(request.method(), query),
            (Some(_), Some(_)) => object_operation(request.method(), query, request.headers()),
        };
        Self { operation, bucket, key }
    }
}

fn service_operation(method: &Method) -> &'static str {
    if method == Method::GET { "ListBuckets" } else { "Unknown" }
}

fn bucket_operation(method: &Method, query: &str) -> &'static str {
    match method.as_str() {
        "HEAD" => "HeadBucket",
        "PUT" if has(query, "versioning") => "PutBucketVersioning",
        "PUT" => "CreateBucket",
        "DELETE" => "DeleteBucket",
        "POST" if has(query, "delete") => "DeleteObjects",
        "GET" if has(query, "versioning") => "GetBucketVersioning",
        "GET" if has(query, "location") => "GetBucketLocation",
        "GET" if has(query, "versions") => "ListObjectVersions",
        "GET" if has(query, "uploads") => "ListMultipartUploads",
        "GET" if has(query, "list-type") => "ListObjectsV2",
        "GET" => "ListObjects",
        _ => "Unknown",
    }
}

fn object_operation(method: &Method, query: &str, headers: &HeaderMap) -> &'static str {
    let copies = headers.contains_key("x-amz-copy-source");
    match method.as_str() {
        "HEAD" => "HeadObject",
        "GET" if has(query, "uploadId") => "ListParts",
        "GET" => "GetObject",
        "PUT" if has(query, "partNumber") && copies => "UploadPartCopy",
        "PUT" if has(query, "partNumber") => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" => "PutObject",
        "DELETE" if has(query, "uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "POST" if has(query, "uploads") => "CreateMultipartUpload",
        "POST" if has(query, "uploadId") => "CompleteMultipartUpload",
        _ => "Unknown",
    }
}

fn has(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_known_by_the_names_of_the_api() {
        let cases = [
            ("GET", "/", "ListBuckets"),
            ("GET", "/site?list-type=2&prefix=uploads", "ListObjectsV2"),
            ("GET", "/site/?versions", "ListObjectVersions"),
            ("POST", "/site?delete", "DeleteObjects"),
            ("PUT", "/site/a?x-id=PutObject", "PutObject"),
            ("PUT", "/site/a?partNumber=1&uploadId=u", "UploadPart"),
            ("POST", "/site/a?uploads", "CreateMultipartUpload"),
            ("HEAD", "/site/a", "HeadObject"),
            ("PATCH", "/site/a", "Unknown"),
        ];
        for (method, uri, operation) in cases {
            let request = Request::builder().method(method).uri(uri).body(()).expect("a request");
            assert_eq!(Target::of(&request).operation, operation, "{method} {uri}");
        }
    }

    #[test]
    fn a_key_is_decoded_and_keeps_its_slashes() {
        let request = Request::builder().uri("/site/a//b%20c%2B+d").body(()).expect("a request");
        assert_eq!(Target::of(&request).key.as_deref(), Some("a//b c++d"));
    }

    #[test]
    fn a_put_with_a_source_is_a_copy() {
        let request =
            Request::builder().method("PUT").uri("/site/a").header("x-amz-copy-source", "site/b").body(());
        assert_eq!(Target::of(&request.expect("a request")).operation, "CopyObject");
    }
}
