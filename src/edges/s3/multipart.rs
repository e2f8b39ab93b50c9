//! Large files, in parts.
//!
//! Decides how many parts memory holds, and when an upload without an answer has happened. Never decides which files
//! are large.

use aws_sdk_s3::Config;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::headers::ObjectHeaders;
use crate::core::iam_policy::operation::Operation;
use crate::core::key::ObjectKey;
use crate::core::outcome::Written;
use crate::edges::aws::timeouts;
use crate::edges::call::{CallError, FailureKind};

use super::{Bucket, WriteMode, known_version, metadata, unquote};

/// Parts in memory at once: 128 MiB, and enough to fill a line of some Gbit/s.
pub const MAX_PARTS_IN_MEMORY: usize = 8;

/// Gives the parts of a large body, each but the last of [`crate::core::plan::PART_SIZE_BYTES`].
pub trait PartSource {
    /// The next part, or none after the last.
    ///
    /// # Errors
    /// When the source cannot be read or is not what was promised.
    fn next_part(&mut self) -> Result<Option<Bytes>, CallError>;
}

/// An upload in parts that has begun.
struct Upload<'a> {
    key: &'a ObjectKey,
    /// With the target's prefix.
    bucket_key: String,
    id: String,
    headers: &'a ObjectHeaders,
    mode: WriteMode,
}

impl Bucket {
    /// Sends a large file in parts, one after the other; of all large files together, memory holds at most
    /// [`MAX_PARTS_IN_MEMORY`] parts. The parts of a failed upload are removed.
    ///
    /// # Errors
    /// As [`Bucket::put_object`]; what `mode` says is found at the end. Each part carries its own digest.
    pub async fn put_object_multipart(
        &self,
        key: &ObjectKey,
        mut parts: impl PartSource,
        headers: &ObjectHeaders,
        mode: WriteMode,
    ) -> Result<Written, CallError> {
        let bucket_key = self.prefix.bucket_key(key);
        let id = self.create_multipart_upload(key, &bucket_key, headers).await?;
        let upload = Upload { key, bucket_key, id, headers, mode };
        let sent = self.send_parts(&upload, &mut parts).await;
        let result = match sent {
            Ok(completed) => self.complete_multipart_upload(&upload, completed).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            // The parts cost money until they are removed. Why the upload failed matters more than why this does.
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(&upload.bucket_key);
            let _ = abort.upload_id(&upload.id).send().await;
        }
        result
    }

    async fn create_multipart_upload(
        &self,
        key: &ObjectKey,
        bucket_key: &str,
        headers: &ObjectHeaders,
    ) -> Result<String, CallError> {
        self.retry
            .calling(Operation::CREATE_MULTIPART_UPLOAD)
            .run(key.as_str(), || async {
                let output = self
                    .client
                    .create_multipart_upload()
                    .bucket(&self.name)
                    .key(bucket_key)
                    .checksum_algorithm(aws_sdk_s3::types::ChecksumAlgorithm::Sha256)
                    .set_cache_control(headers.cache_control.clone())
                    .set_content_type(headers.content_type.clone())
                    .set_content_encoding(headers.content_encoding.clone())
                    .set_content_disposition(headers.content_disposition.clone())
                    .set_content_language(headers.content_language.clone())
                    .set_metadata(metadata(headers))
                    .send()
                    .await
                    .map_err(CallError::from)?;
                output
                    .upload_id
                    .ok_or_else(|| CallError::local(FailureKind::Other, "the service named no upload id"))
            })
            .await
    }

    async fn send_parts(
        &self,
        upload: &Upload<'_>,
        parts: &mut impl PartSource,
    ) -> Result<Vec<CompletedPart>, CallError> {
        let mut completed = Vec::new();
        loop {
            let _place = self.parts_in_memory.acquire().await.expect("it is never closed");
            let Some(bytes) = parts.next_part()? else { return Ok(completed) };
            let number = i32::try_from(completed.len() + 1).expect("S3 takes at most 10,000 parts");
            let checksum = Sha256Digest::of(&bytes).to_base64();
            let e_tag = self
                .retry
                .calling(Operation::UPLOAD_PART)
                .run(upload.key.as_str(), || async {
                    let output = self
                        .client
                        .upload_part()
                        .bucket(&self.name)
                        .key(&upload.bucket_key)
                        .upload_id(&upload.id)
                        .part_number(number)
                        .checksum_sha256(&checksum)
                        .body(ByteStream::from(bytes.clone()))
                        .customize()
                        .config_override(Config::builder().timeout_config(timeouts(bytes.len() as u64)))
                        .send()
                        .await
                        .map_err(CallError::from)?;
                    Ok(output.e_tag().unwrap_or_default().to_owned())
                })
                .await?;
            let part = CompletedPart::builder().part_number(number).e_tag(e_tag).checksum_sha256(checksum);
            completed.push(part.build());
        }
    }

    async fn complete_multipart_upload(
        &self,
        upload: &Upload<'_>,
        parts: Vec<CompletedPart>,
    ) -> Result<Written, CallError> {
        let (e_tag, digest) = (multipart_e_tag(&parts), multipart_digest(&parts));
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self
            .retry
            .calling(Operation::COMPLETE_MULTIPART_UPLOAD)
            .run(upload.key.as_str(), || async {
                let output = self
                    .client
                    .complete_multipart_upload()
                    .bucket(&self.name)
                    .key(&upload.bucket_key)
                    .upload_id(&upload.id)
                    .multipart_upload(parts.clone())
                    .set_if_none_match(upload.mode.if_none_match().map(str::to_owned))
                    .send()
                    .await
                    .map_err(CallError::from)?;
                Ok(Written::new(unquote(output.e_tag()), known_version(output.version_id())))
            })
            .await;
        match completed {
            // An answer that was lost or cannot be read (some endpoints answer with another document than S3):
            // what is stored tells whether it happened. An older object of many parts may stand there as well, so
            // only the digest or the ETag that these parts make is proof.
            Err(error)
                if matches!(
                    error.kind,
                    FailureKind::NotFound | FailureKind::Transient | FailureKind::PreconditionFailed
                ) =>
            {
                let Some((head, told)) = self.head_with_digest(upload.key).await? else { return Err(error) };
                let has_bytes =
                    e_tag.as_ref() == Some(&head.e_tag) || told.is_some_and(|told| told == digest);
                if has_bytes && head.headers == *upload.headers {
                    Ok(Written::new(head.e_tag, head.version_id))
                } else {
                    Err(error)
                }
            }
            Ok(written) if written.e_tag.is_empty() => match self.head_object(upload.key, None).await? {
                Some(head) => Ok(Written::new(head.e_tag, head.version_id)),
                None => Err(CallError::local(FailureKind::Other, "the uploaded object is not there")),
            },
            other => other,
        }
    }
}

/// The SHA-256 that the service keeps of an upload of these parts.
fn multipart_digest(parts: &[CompletedPart]) -> String {
    let digests = parts.iter().filter_map(|part| Sha256Digest::from_base64(part.checksum_sha256()?).ok());
    let all: Vec<u8> = digests.flat_map(|digest| digest.0).collect();
    format!("{}-{}", Sha256Digest::of(&all).to_base64(), parts.len())
}

/// The ETag of an upload of these parts: the MD5 of their MD5s and their number. None where the parts' ETags are not
/// MD5s (KMS).
fn multipart_e_tag(parts: &[CompletedPart]) -> Option<ETag> {
    use md5::Digest as _;
    let mut hasher = md5::Md5::new();
    for part in parts {
        hasher.update(ETag::from(unquote(part.e_tag())).md5()?);
    }
    Some(format!("{}-{}", const_hex::encode(hasher.finalize()), parts.len()).into())
}
