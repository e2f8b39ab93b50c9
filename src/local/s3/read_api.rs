//! GetObject and HeadObject.

use std::ops;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::dto::*;
use s3s::{Body, S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::bucket_api::require_versioning;
use super::change::find;
use super::checksum::Checksums;
use super::condition::{ReadCondition, Reading, precondition_failed};
use super::object::{ObjectRecord, Version};
use super::state::State;
use super::store::Store;

/// What a read found and is to send.
struct Found {
    object: Arc<ObjectRecord>,
    last_modified: jiff::Timestamp,
    /// As the API reports it.
    version_id: Option<String>,
    range: ops::Range<u64>,
    /// Set when the range is not the whole.
    content_range: Option<String>,
    checksums: Checksums,
    checksum_type: Option<ChecksumType>,
}

/// The version that an input asks for, its conditions, and the bytes and checksums to send of it.
macro_rules! read {
    ($store:expr, $input:expr) => {{
        let condition = ReadCondition {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        };
        let found =
            find_version($store, &$input.bucket, &$input.key, $input.version_id.as_deref(), &condition)?;
        let asked = $input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        found.narrowed($input.range)?.with_checksums(asked)
    }};
}

pub fn get_object(store: &Store, input: GetObjectInput) -> Answer<GetObjectOutput> {
    let found = read!(store, input);
    let body = slice(&store.bytes(&found.object)?, &found.range);
    Ok(S3Response::new(
        described!(GetObjectOutput, found, { body: Some(StreamingBlob::from(Body::from(body))) }),
    ))
}

pub fn head_object(store: &Store, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
    let found = read!(store, input);
    let status = found.content_range.as_ref().map(|_| StatusCode::PARTIAL_CONTENT);
    let mut response = S3Response::new(described!(HeadObjectOutput, found, {}));
    response.status = status;
    Ok(response)
}

fn find_version(
    store: &Store,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
    condition: &ReadCondition,
) -> S3Result<Found> {
    if version_id.is_some() {
        require_versioning(store)?;
    }
    let state = store.read_state();
    let version = lookup(&state, bucket, key, version_id)?;
    let object = version.object.clone().ok_or_else(no_such_key)?;
    check(condition, version, &object)?;
    Ok(Found {
        last_modified: version.last_modified,
        version_id: find(&state, bucket)?.reported_id(version),
        range: 0..object.size_bytes,
        content_range: None,
        checksums: Checksums::default(),
        checksum_type: None,
        object,
    })
}

impl Found {
    /// Only this part, when there is one.
    fn narrowed(mut self, range: Option<Range>) -> S3Result<Self> {
        let Some(range) = range else { return Ok(self) };
        let unsatisfiable = || s3_error!(InvalidRange, "The requested range is not satisfiable");
        let size_bytes = self.object.size_bytes;
        self.range =
            range.check(size_bytes).ok().filter(|part| !part.is_empty()).ok_or_else(unsatisfiable)?;
        self.content_range = Some(format!("bytes {}-{}/{size_bytes}", self.range.start, self.range.end - 1));
        Ok(self)
    }

    /// With the checksums, when they are asked for and the object is sent whole.
    fn with_checksums(mut self, asked: bool) -> Self {
        if asked && self.content_range.is_none() {
            self.checksums = self.object.checksums.clone();
            self.checksum_type = self.checksums.kind();
        }
        self
    }
}

/// The version that a read or a copy means; a delete marker is an error here.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`; for a delete marker asked for by its id `MethodNotAllowed`.
pub fn lookup<'a>(
    state: &'a State,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> S3Result<&'a Version> {
    let bucket = find(state, bucket)?;
    match version_id {
        None => {
            let version = bucket.newest(key).ok_or_else(no_such_key)?;
            if version.is_delete_marker() { Err(hidden(no_such_key(), version)) } else { Ok(version) }
        }
        Some(id) => {
            let version = bucket.version(key, id);
            let version =
                version.ok_or_else(|| s3_error!(NoSuchVersion, "The specified version does not exist."))?;
            let refused = || {
                let message = "The specified method is not allowed against this resource.";
                hidden(s3_error!(MethodNotAllowed, "{message}"), version)
            };
            if version.is_delete_marker() { Err(refused()) } else { Ok(version) }
        }
    }
}

/// The content of a version that is not a delete marker.
pub fn content(version: &Version) -> S3Result<&ObjectRecord> {
    version.object.as_deref().ok_or_else(no_such_key)
}

fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

/// Says that a delete marker is in the way.
fn hidden(mut error: S3Error, marker: &Version) -> S3Error {
    let mut headers = xml_headers();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::from_str(&marker.id) {
        headers.insert("x-amz-version-id", id);
    }
    error.set_headers(headers);
    error
}

/// Headers set on an error take the place of those that `s3s` would send.
fn xml_headers() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"))])
}

fn check(condition: &ReadCondition, version: &Version, object: &ObjectRecord) -> S3Result<()> {
    match condition.check(version, object) {
        Reading::Send => Ok(()),
        Reading::Failed => Err(precondition_failed()),
        Reading::NotModified => {
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            let e_tag = HeaderValue::from_str(&format!("\"{}\"", object.e_tag)).ok();
            error.set_headers(e_tag.map(|value| (header::ETAG, value)).into_iter().collect());
            Err(error)
        }
    }
}

fn slice(bytes: &Bytes, range: &ops::Range<u64>) -> Bytes {
    let index = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(index(range.start)..index(range.end))
}
