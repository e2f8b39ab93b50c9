//! What stands under a key: HEAD requests.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumMode;

use crate::core::e_tag::ETag;
use crate::core::headers::ObjectHeaders;
use crate::core::iam_policy::operation::Operation;
use crate::core::key::ObjectKey;
use crate::edges::call::{CallError, FailureKind};

use super::{Bucket, known_version, unquote};

/// What a HEAD tells.
#[derive(Clone, Debug)]
pub struct Head {
    pub e_tag: ETag,
    pub size_bytes: u64,
    pub version_id: Option<String>,
    pub headers: ObjectHeaders,
}

impl Bucket {
    /// What an object (or one of its versions) is stored with; none when it is not there.
    ///
    /// # Errors
    /// Any failure but a missing object.
    pub async fn head_object(
        &self,
        key: &ObjectKey,
        version_id: Option<&str>,
    ) -> Result<Option<Head>, CallError> {
        Ok(self.ask_head(key, version_id, None).await?.map(|output| head_of(&output)))
    }

    /// The same with the SHA-256 that the service keeps, in base64: of a body that was sent in parts, that of the parts' digests,
    /// a `-`, and their number. None where it keeps none.
    ///
    /// # Errors
    /// As [`Bucket::head_object`]. Of an object that is encrypted by a KMS key, the digest is told only to who may decrypt it.
    pub async fn head_with_digest(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<(Head, Option<String>)>, CallError> {
        let output = self.ask_head(key, None, Some(ChecksumMode::Enabled)).await?;
        Ok(output.map(|output| (head_of(&output), output.checksum_sha256().map(str::to_owned))))
    }

    async fn ask_head(
        &self,
        key: &ObjectKey,
        version_id: Option<&str>,
        checksum_mode: Option<ChecksumMode>,
    ) -> Result<Option<HeadObjectOutput>, CallError> {
        let bucket_key = self.prefix.bucket_key(key);
        let operation = match version_id {
            Some(_) => Operation::HEAD_OBJECT_VERSION,
            None => Operation::HEAD_OBJECT,
        };
        let result = self
            .retry
            .calling(operation)
            .run(key.as_str(), || async {
                let request = self.client.head_object().bucket(&self.name).key(&bucket_key);
                let request = request.set_version_id(version_id.map(str::to_owned));
                request.set_checksum_mode(checksum_mode.clone()).send().await.map_err(CallError::from)
            })
            .await;
        match result {
            Ok(output) => Ok(Some(output)),
            // A version id that the bucket never had is answered with 400, a delete marker with 405.
            Err(error) if error.kind == FailureKind::NotFound => Ok(None),
            Err(error) if version_id.is_some() && is_unknown_version(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn head_of(output: &HeadObjectOutput) -> Head {
    let headers = ObjectHeaders {
        cache_control: output.cache_control().map(str::to_owned),
        content_type: output.content_type().map(str::to_owned),
        content_encoding: output.content_encoding().filter(|value| !value.is_empty()).map(str::to_owned),
        content_disposition: output.content_disposition().map(str::to_owned),
        content_language: output.content_language().map(str::to_owned),
        metadata: output.metadata().cloned().unwrap_or_default().into_iter().collect(),
    };
    Head {
        e_tag: unquote(output.e_tag()).into(),
        size_bytes: output.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        version_id: known_version(output.version_id()),
        headers,
    }
}

fn is_unknown_version(error: &CallError) -> bool {
    error.kind == FailureKind::Unsupported
        || error.code == "InvalidArgument"
        || error.message.contains("status 400")
}
