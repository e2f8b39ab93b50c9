//! CopyObject.

use std::sync::Arc;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::bucket_api::require_versioning;
use super::change::{Origin, Write, find};
use super::checksum::{ALGORITHMS, Algorithm, Checksums, verified_md5};
use super::condition::{ReadCondition, Reading, WriteCondition, precondition_failed};
use super::object::{ObjectHeaders, ObjectRecord, api_time};
use super::read_api::{content, lookup};
use super::store::Store;
use super::write_api::checked_headers;

/// Where a copy comes from.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

pub fn copy_object(store: &Store, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
    let source = Source::of(&request.headers)?;
    let condition = destination_condition(store, &request.headers)?;
    let mut input = request.input;
    let replaces = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == "REPLACE");
    refuse_idle_copy(&source, &input, replaces)?;
    let (object, source_version_id) = read_source(store, &source, &input)?;
    let bytes = store.bytes(&object)?;
    let checksums = checksums_of_copy(&object, input.checksum_algorithm.as_ref(), &bytes);
    // A copy is one part, whatever its source was.
    let e_tag = const_hex::encode(verified_md5(&bytes, None)?);
    let (bucket, key) = (input.bucket.clone(), input.key.clone());
    let headers =
        if replaces { checked_headers(said_headers!(input))? } else { kept_headers(&object, input) };
    let sums = checksums.clone();
    let write = Write {
        origin: Origin::Request,
        bucket: &bucket,
        key: &key,
        bytes,
        e_tag: e_tag.clone(),
        headers,
        checksums,
        condition,
    };
    let written = store.put(write)?;
    let checksum_type = sums.kind();
    let result = with_checksums!(CopyObjectResult, sums, {
        e_tag: Some(ETag::Strong(e_tag)),
        last_modified: Some(api_time(written.last_modified)),
        checksum_type: checksum_type,
    });
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_version_id,
        version_id: written.version_id,
        ..CopyObjectOutput::default()
    }))
}

impl Source {
    /// Reads `x-amz-copy-source` as AWS does: URL-decoded, where a bare `+` is a space.
    fn of(headers: &HeaderMap) -> S3Result<Self> {
        let invalid = || s3_error!(InvalidArgument, "Invalid copy source object key");
        let value =
            headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok()).ok_or_else(invalid)?;
        let (path, query) = value.split_once('?').unwrap_or((value, ""));
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| invalid())
        };
        let path = decode(path)?;
        let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(invalid)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(invalid());
        }
        let version_id = query.strip_prefix("versionId=").map(decode).transpose()?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }
}

/// The conditions on the destination, which `s3s` does not read for copies.
fn destination_condition(store: &Store, headers: &HeaderMap) -> S3Result<WriteCondition> {
    let read = |name: &str| {
        let Some(value) = headers.get(name) else { return Ok(None) };
        let condition = ETagCondition::parse_http_header(value.as_bytes());
        condition.map(Some).map_err(|_| s3_error!(InvalidArgument, "invalid header: {name}"))
    };
    let deletes_seen = store.read_state().deletes;
    Ok(WriteCondition { if_match: read("if-match")?, if_none_match: read("if-none-match")?, deletes_seen })
}

/// CopyObject: a copy onto itself must change something.
fn refuse_idle_copy(source: &Source, input: &CopyObjectInput, replaces: bool) -> S3Result<()> {
    let onto_itself = source.bucket == input.bucket && source.key == input.key && source.version_id.is_none();
    let changes = replaces || input.storage_class.is_some() || input.website_redirect_location.is_some();
    if onto_itself && !changes {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    Ok(())
}

/// The source's content, and its version id as the API reports it.
fn read_source(
    store: &Store,
    source: &Source,
    input: &CopyObjectInput,
) -> S3Result<(Arc<ObjectRecord>, Option<String>)> {
    if source.version_id.is_some() {
        require_versioning(store)?;
    }
    let state = store.read_state();
    let version = lookup(&state, &source.bucket, &source.key, source.version_id.as_deref())?;
    let condition = ReadCondition {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since.clone(),
        if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
    };
    // For the source of a copy, not modified is a failed precondition too (CopyObject).
    if condition.check(version, content(version)?) != Reading::Send {
        return Err(precondition_failed());
    }
    let version_id = find(&state, &source.bucket)?.reported_id(version);
    Ok((version.object.clone().ok_or_else(|| s3_error!(NoSuchKey))?, version_id))
}

fn checksums_of_copy(object: &ObjectRecord, asked: Option<&ChecksumAlgorithm>, bytes: &[u8]) -> Checksums {
    let mut checksums = Checksums::default();
    let asked = asked.and_then(|name| Algorithm::from_name(name.as_str()));
    let inherited = || ALGORITHMS.into_iter().find(|algorithm| object.checksums.get(*algorithm).is_some());
    let algorithm = asked.or_else(inherited).unwrap_or(Algorithm::Crc64Nvme);
    checksums.set(algorithm, algorithm.of(bytes));
    checksums
}

/// The source's headers; its redirect is never copied (CopyObject, `x-amz-website-redirect-location`).
fn kept_headers(object: &ObjectRecord, input: CopyObjectInput) -> Arc<ObjectHeaders> {
    if object.headers.website_redirect_location == input.website_redirect_location {
        return Arc::clone(&object.headers);
    }
    let mut headers = object.headers.as_ref().clone();
    headers.website_redirect_location = input.website_redirect_location;
    Arc::new(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(value: &'static str) -> Option<(String, String, Option<String>)> {
        let headers = HeaderMap::from_iter([(
            "x-amz-copy-source".parse().expect("a name"),
            value.parse().expect("one"),
        )]);
        Source::of(&headers).ok().map(|source| (source.bucket, source.key, source.version_id))
    }

    #[test]
    fn a_source_is_decoded_as_aws_does() {
        let found = |key: &str, version: Option<&str>| {
            Some(("site".to_owned(), key.to_owned(), version.map(str::to_owned)))
        };
        assert_eq!(source("site/a/b.html"), found("a/b.html", None));
        assert_eq!(source("/site/a%2Fb.html"), found("a/b.html", None));
        assert_eq!(source("site/a+b"), found("a b", None));
        assert_eq!(source("site/a%2Bb%3F%25"), found("a+b?%", None));
        assert_eq!(source("site/%F0%9F%92%A1?versionId=abc"), found("💡", Some("abc")));
        assert_eq!(source("site"), None);
        assert_eq!(source("site/"), None);
        assert_eq!(source("site/%FF"), None);
    }
}
