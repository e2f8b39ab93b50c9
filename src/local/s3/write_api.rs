//! PutObject, and the reading of bodies.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::change::{Origin, Write, find};
use super::checksum::verified_md5;
use super::condition::WriteCondition;
use super::object::ObjectHeaders;
use super::store::Store;

/// User-defined metadata is limited to 2 KB (S3 User Guide, "Working with object metadata").
const MAX_USER_METADATA_BYTES: usize = 2048;

pub async fn put_object(store: &Store, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
    let mut input = request.input;
    let deletes_seen = {
        let state = store.read_state();
        find(&state, &input.bucket)?;
        state.deletes
    };
    let bytes = read_body(input.body.take(), input.content_length).await?;
    let e_tag = const_hex::encode(verified_md5(&bytes, input.content_md5.as_deref())?);
    let mut claims = claimed_checksums!(input);
    claims.add_trailer(&request.headers, request.trailing_headers.as_ref())?;
    let checksums = claims.verify(&bytes)?;
    let headers = checked_headers(said_headers!(input))?;
    let condition =
        WriteCondition { if_match: input.if_match, if_none_match: input.if_none_match, deletes_seen };
    let (bucket, key) = (input.bucket.as_str(), input.key.as_str());
    let sums = checksums.clone();
    let write = Write {
        origin: Origin::Request,
        bucket,
        key,
        bytes,
        e_tag: e_tag.clone(),
        headers,
        checksums,
        condition,
    };
    let written = store.put(write)?;
    let checksum_type = sums.kind();
    Ok(S3Response::new(with_checksums!(PutObjectOutput, sums, {
        e_tag: Some(ETag::Strong(e_tag)),
        version_id: written.version_id,
        checksum_type: checksum_type,
    })))
}

/// The headers to store, within S3's limit for the user's metadata.
///
/// # Errors
/// `MetadataTooLarge`.
pub fn checked_headers(said: ObjectHeaders) -> S3Result<Arc<ObjectHeaders>> {
    let headers = said.stored();
    if headers.user_metadata_size_bytes() > MAX_USER_METADATA_BYTES {
        return Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    Ok(Arc::new(headers))
}

/// The whole body, in a buffer of its own: what comes off the wire are slices of larger buffers.
///
/// # Errors
/// `XAmzContentSHA256Mismatch`, `SignatureDoesNotMatch` (of a chunk), `IncompleteBody`.
pub async fn read_body(body: Option<StreamingBlob>, content_length: Option<i64>) -> S3Result<Bytes> {
    let expected = content_length.and_then(|length| usize::try_from(length).ok());
    let mut bytes = Vec::with_capacity(expected.unwrap_or_default());
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| body_error(&error.to_string()))?);
        }
    }
    if expected.is_some_and(|expected| expected != bytes.len()) {
        return Err(incomplete_body());
    }
    Ok(Bytes::from(bytes))
}

/// The error types of the body streams are private to `s3s`; their texts are all there is to tell them apart.
fn body_error(text: &str) -> S3Error {
    if text.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(StatusCode::BAD_REQUEST);
        return error;
    }
    if text.contains("SignatureMismatch") {
        return s3_error!(SignatureDoesNotMatch, "The signature of a chunk does not match.");
    }
    incomplete_body()
}

fn incomplete_body() -> S3Error {
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}
