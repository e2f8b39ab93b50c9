//! The bucket, inside one prefix: no call here can name an object outside it.
//!
//! Touches S3 or an endpoint that speaks its language. Never decides what to write.

mod head;
mod listing;
mod multipart;
mod settings;

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, MetadataDirective, ObjectIdentifier};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;

use crate::core::digest::Sha256Digest;
use crate::core::e_tag::ETag;
use crate::core::headers::ObjectHeaders;
use crate::core::iam_policy::operation::Operation;
use crate::core::key::{KeyPrefix, ObjectKey, STATE_PREFIX};
use crate::core::outcome::Written;

use super::aws::{Hear, LearnDate, WholeAnswers, place_of, wants_path_style};
use super::call::{CallError, FailureKind, Retry, innermost};
use super::clock::Clock;
use super::connections::Connections;
use super::put::{Put, Putter};

pub use head::Head;
pub use listing::Listed;
pub use multipart::{MAX_PARTS_IN_MEMORY, PartSource};

/// A bucket and the prefix in it that a target owns. Cloned freely.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    putter: Putter,
    name: String,
    prefix: KeyPrefix,
    retry: Retry,
    /// Places for the parts of large files: however many files are sent at once, memory holds so many parts.
    parts_in_memory: Arc<Semaphore>,
}

/// When a write may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Only if nothing is there.
    Absent,
    /// Only over the content with this ETag.
    Matches(String),
}

/// A file of sitepush's own state, as read.
#[derive(Clone, Debug)]
pub struct StateFile {
    pub bytes: Bytes,
    /// Without quotes.
    pub e_tag: String,
    /// By the service's clock, to the second.
    pub last_modified: Option<Timestamp>,
}

/// Whether an object may stand where one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Whatever is there is written over.
    Overwrite,
    /// [`FailureKind::PreconditionFailed`] where anything is there (`If-None-Match: *`).
    CreateOnly,
}

impl WriteMode {
    fn if_none_match(self) -> Option<&'static str> {
        (self == Self::CreateOnly).then_some("*")
    }
}

/// Where a server-side copy takes its bytes from.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    pub key: &'a ObjectKey,
    pub version_id: Option<&'a str>,
    /// The copy fails unless the source has this ETag.
    pub e_tag: Option<&'a ETag>,
}

/// The bytes of an object to be stored.
pub enum Body<'a> {
    Bytes(Bytes),
    /// Streamed from the file; the service refuses it if it no longer has the promised digest.
    File {
        path: &'a Path,
        size_bytes: u64,
    },
}

impl Body<'_> {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size_bytes, .. } => *size_bytes,
        }
    }

    async fn open(&self) -> Result<SdkBody, CallError> {
        match self {
            Self::Bytes(bytes) => Ok(SdkBody::from(bytes.clone())),
            Self::File { path, size_bytes } => {
                let unreadable = |error: &(dyn std::error::Error + 'static)| {
                    let text = format!("the file cannot be read: {}", innermost(error));
                    CallError::local(FailureKind::Other, text)
                };
                let metadata = tokio::fs::metadata(path).await.map_err(|error| unreadable(&error))?;
                if metadata.len() < *size_bytes {
                    // The service would wait for the rest of the body, and then call that a lost connection.
                    return Err(CallError::local(FailureKind::DamagedBody, "the file has become shorter"));
                }
                let length = aws_sdk_s3::primitives::Length::Exact(*size_bytes);
                let body = ByteStream::read_from().path(path).length(length).build().await;
                body.map(ByteStream::into_inner).map_err(|error| unreadable(&error))
            }
        }
    }
}

impl Bucket {
    /// The bucket `name` and its `prefix`, reached by `config`.
    pub fn new(config: &SdkConfig, name: &str, prefix: KeyPrefix, retry: &Retry, clock: &Clock) -> Self {
        let connections = Connections::default();
        let service_config = aws_sdk_s3::config::Builder::from(config)
            .http_client(connections.http_client())
            .force_path_style(wants_path_style(config))
            .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
            .interceptor(LearnDate(clock.clone()))
            .interceptor(Hear(retry.contact()))
            .interceptor(WholeAnswers)
            .build();
        let putter = Putter::new(config, name, clock, &connections);
        Self {
            client: Client::from_conf(service_config),
            putter,
            name: name.to_owned(),
            prefix,
            retry: retry.to_place(&place_of(config, "S3")),
            parts_in_memory: Arc::new(Semaphore::new(MAX_PARTS_IN_MEMORY)),
        }
    }

    /// The same bucket with another retry policy.
    #[must_use]
    pub fn with_retry(&self, retry: Retry) -> Self {
        Self { retry, ..self.clone() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// Reads a state file (`manifest.json.gz`, say); none when there is none.
    ///
    /// # Errors
    /// Any failure but a missing object. A missing *bucket* is an error, and so is a file that is far too large to be
    /// of our making.
    pub async fn get_state(&self, name: &str) -> Result<Option<StateFile>, CallError> {
        let key = self.state_key(name);
        let result = self
            .retry
            .calling(Operation::GET_OBJECT)
            .run(name, || async {
                let output = self
                    .client
                    .get_object()
                    .bucket(&self.name)
                    .key(&key)
                    .send()
                    .await
                    .map_err(CallError::from)?;
                let e_tag = unquote(output.e_tag()).to_owned();
                let last_modified = output.last_modified().and_then(timestamp);
                let bytes = collect(output.body, output.content_length, MAX_STATE_BYTES).await?;
                Ok(StateFile { bytes, e_tag, last_modified })
            })
            .await;
        match result {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind == FailureKind::NotFound && error.code != "NoSuchBucket" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a state file and returns its new ETag.
    ///
    /// # Errors
    /// [`FailureKind::PreconditionFailed`] when the condition does not hold.
    pub async fn put_state(
        &self,
        name: &str,
        bytes: Bytes,
        condition: Option<&Condition>,
    ) -> Result<String, CallError> {
        let key = self.state_key(name);
        let content_type = if name.ends_with(".gz") { "application/gzip" } else { "application/json" };
        let mut headers = vec![("content-type", content_type), ("cache-control", "no-store")];
        let quoted;
        match condition {
            None => {}
            Some(Condition::Absent) => headers.push(("if-none-match", "*")),
            Some(Condition::Matches(e_tag)) => {
                quoted = quote(e_tag);
                headers.push(("if-match", &quoted));
            }
        }
        let put = Put {
            bucket_key: &key,
            sha256: Sha256Digest::of(&bytes),
            headers,
            content_length: bytes.len() as u64,
        };
        let sent = self
            .retry
            .calling(Operation::PUT_OBJECT)
            .run(name, || self.putter.send(&put, SdkBody::from(bytes.clone())))
            .await?;
        Ok(sent.e_tag.to_string())
    }

    /// Copies a state file over another on the server.
    ///
    /// # Errors
    /// When the source no longer has `e_tag`, or as any call.
    pub async fn copy_state(&self, from: &str, e_tag: &str, to: &str) -> Result<(), CallError> {
        let source = self.copy_source(&self.state_key(from), None);
        let key = self.state_key(to);
        self.retry
            .calling(Operation::COPY_OBJECT)
            .run(to, || async {
                self.client
                    .copy_object()
                    .bucket(&self.name)
                    .key(&key)
                    .copy_source(&source)
                    .copy_source_if_match(quote(e_tag))
                    .send()
                    .await
                    .map_err(CallError::from)?;
                Ok(())
            })
            .await
    }

    /// Deletes state files; a missing one is no error.
    ///
    /// # Errors
    /// The first key's failure.
    pub async fn delete_state(&self, names: &[String]) -> Result<(), CallError> {
        for names in names.chunks(1000) {
            let keys: Vec<String> = names.iter().map(|name| self.state_key(name)).collect();
            if let Some((_, error)) = self.delete_bucket_keys(&keys).await?.into_iter().next() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Stores an object of at most one part, with its digest, so that the service refuses a damaged body.
    ///
    /// # Errors
    /// [`FailureKind::DamagedBody`] when the bytes are not those that were hashed; what `mode` says.
    pub async fn put_object(
        &self,
        key: &ObjectKey,
        body: &Body<'_>,
        sha256: Sha256Digest,
        headers: &ObjectHeaders,
        mode: WriteMode,
    ) -> Result<Written, CallError> {
        let bucket_key = self.prefix.bucket_key(key);
        let metadata: Vec<(String, &str)> = headers
            .metadata
            .iter()
            .map(|(name, value)| (format!("x-amz-meta-{name}"), value.as_str()))
            .collect();
        let own = [
            ("cache-control", &headers.cache_control),
            ("content-type", &headers.content_type),
            ("content-encoding", &headers.content_encoding),
            ("content-disposition", &headers.content_disposition),
            ("content-language", &headers.content_language),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let metadata = metadata.iter().map(|(name, value)| (name.as_str(), *value));
        let condition = mode.if_none_match().map(|value| ("if-none-match", value));
        let put = Put {
            bucket_key: &bucket_key,
            sha256,
            headers: own.chain(metadata).chain(condition).collect(),
            content_length: body.size_bytes(),
        };
        self.retry
            .calling(Operation::PUT_OBJECT)
            .run(key.as_str(), || async { self.putter.send(&put, body.open().await?).await })
            .await
    }

    /// Copies an object on the server and gives it `headers`.
    ///
    /// # Errors
    /// [`FailureKind::PreconditionFailed`] when the source no longer has its ETag, [`FailureKind::NotFound`] when
    /// it is gone.
    pub async fn copy_object(
        &self,
        source: CopySource<'_>,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> Result<Written, CallError> {
        let from = self.copy_source(&self.prefix.bucket_key(source.key), source.version_id);
        let bucket_key = self.prefix.bucket_key(key);
        let operation = match source.version_id {
            Some(_) => Operation::COPY_OBJECT_VERSION,
            None => Operation::COPY_OBJECT,
        };
        self.retry
            .calling(operation)
            .run(key.as_str(), || async {
                let output = self
                    .client
                    .copy_object()
                    .bucket(&self.name)
                    .key(&bucket_key)
                    .copy_source(&from)
                    .set_copy_source_if_match(source.e_tag.map(quote))
                    .metadata_directive(MetadataDirective::Replace)
                    .set_cache_control(headers.cache_control.clone())
                    .set_content_type(headers.content_type.clone())
                    .set_content_encoding(headers.content_encoding.clone())
                    .set_content_disposition(headers.content_disposition.clone())
                    .set_content_language(headers.content_language.clone())
                    .set_metadata(metadata(headers))
                    .send()
                    .await
                    .map_err(CallError::from)?;
                let e_tag = output.copy_object_result().and_then(|result| result.e_tag());
                Ok(Written::new(unquote(e_tag), known_version(output.version_id())))
            })
            .await
    }

    /// Deletes up to 1,000 objects and returns those that could not be, each with its error.
    ///
    /// # Errors
    /// When the request as a whole fails.
    pub async fn delete_objects(
        &self,
        keys: &[&ObjectKey],
    ) -> Result<Vec<(ObjectKey, CallError)>, CallError> {
        let bucket_keys: Vec<String> = keys.iter().map(|key| self.prefix.bucket_key(key)).collect();
        let failed = self.delete_bucket_keys(&bucket_keys).await?;
        let asked = |bucket_key: &str| {
            self.prefix.strip(bucket_key).and_then(|key| keys.iter().find(|asked| asked.as_str() == key))
        };
        let attribute = |(bucket_key, error): (String, CallError)| match asked(&bucket_key) {
            Some(key) => Ok(((*key).clone(), error)),
            // Something stayed, and nobody knows what: none of them can be taken for deleted.
            None => Err(CallError {
                kind: error.kind,
                code: error.code,
                operation: error.operation,
                ..CallError::local(
                    error.kind,
                    format!("`{bucket_key}`, which was not asked for: {}", error.message),
                )
            }),
        };
        failed.into_iter().map(attribute).collect()
    }

    async fn delete_bucket_keys(&self, keys: &[String]) -> Result<Vec<(String, CallError)>, CallError> {
        let identifiers: Vec<_> = keys
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key).build().expect("a key is all it needs"))
            .collect();
        let delete =
            Delete::builder().set_objects(Some(identifiers)).quiet(true).build().expect("objects are given");
        self.retry
            .calling(Operation::DELETE_OBJECTS)
            .run("delete", || async {
                let output = self
                    .client
                    .delete_objects()
                    .bucket(&self.name)
                    .delete(delete.clone())
                    .send()
                    .await
                    .map_err(CallError::from)?;
                let failed = output.errors().iter().map(|error| {
                    let code = error.code().unwrap_or_default();
                    let message = error.message().unwrap_or_default();
                    let kind = if code == "AccessDenied" { FailureKind::Denied } else { FailureKind::Other };
                    let mut failure = CallError::local(kind, format!("{code}: {message}"));
                    failure.code = code.to_owned();
                    failure.operation = Some(Operation::DELETE_OBJECTS);
                    (error.key().unwrap_or_default().to_owned(), failure)
                });
                Ok(failed.collect())
            })
            .await
    }

    /// Whether the bucket keeps versions; `None` when the endpoint does not say.
    ///
    /// # Errors
    /// As any call, but for endpoints that do not know the question or whose answer cannot be read.
    pub async fn get_bucket_versioning(&self) -> Result<Option<bool>, CallError> {
        let result = self
            .retry
            .calling(Operation::GET_BUCKET_VERSIONING)
            .run("versioning", || async {
                let output =
                    self.client.get_bucket_versioning().bucket(&self.name).send().await.map_err(|error| {
                        // An answer that the SDK cannot parse will not be better the next time.
                        let is_success = error.raw_response().is_some_and(|raw| raw.status().is_success());
                        let is_unread = matches!(error, aws_sdk_s3::error::SdkError::ResponseError(_));
                        let is_answer = is_success || is_unread;
                        let error = CallError::from(error);
                        if is_answer {
                            CallError::local(FailureKind::Unsupported, error.message)
                        } else {
                            error
                        }
                    })?;
                Ok(output.status() == Some(&BucketVersioningStatus::Enabled))
            })
            .await;
        match result {
            Ok(is_enabled) => Ok(Some(is_enabled)),
            Err(error) if matches!(error.kind, FailureKind::Unsupported | FailureKind::Denied) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn state_key(&self, name: &str) -> String {
        format!("{}{STATE_PREFIX}{name}", self.prefix.as_str())
    }

    /// `bucket/key?versionId=...`, encoded as the header wants it.
    fn copy_source(&self, bucket_key: &str, version_id: Option<&str>) -> String {
        let mut source = format!("{}/{}", self.name, utf8_percent_encode(bucket_key, &COPY_SOURCE_ENCODED));
        if let Some(version_id) = version_id {
            source.push_str("?versionId=");
            source.push_str(version_id);
        }
        source
    }
}

/// The largest state file that is read: a manifest of millions of objects has less, packed.
const MAX_STATE_BYTES: u64 = 512 << 20;

/// A whole body, unless it is larger than `limit_bytes`: as stated, or as it comes.
async fn collect(
    mut body: ByteStream,
    stated_bytes: Option<i64>,
    limit_bytes: u64,
) -> Result<Bytes, CallError> {
    let too_large = || {
        let problem = format!("it has more than {limit_bytes} bytes, and sitepush writes less");
        CallError::local(FailureKind::UnreadableState, problem)
    };
    let stated_bytes = stated_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    if stated_bytes > limit_bytes {
        return Err(too_large());
    }
    // Growing would leave copies behind, and holes where they were. Where there is no room for what is stated, it grows.
    let mut collected = Vec::new();
    let _ = collected.try_reserve_exact(usize::try_from(stated_bytes).unwrap_or_default());
    while let Some(chunk) = body.next().await {
        collected.extend_from_slice(&chunk.map_err(|error| {
            CallError::local(FailureKind::Transient, DisplayErrorContext(&error).to_string())
        })?);
        if collected.len() as u64 > limit_bytes {
            return Err(too_large());
        }
    }
    Ok(Bytes::from(collected))
}

/// RFC 3986 unreserved characters and `/` stand for themselves in `x-amz-copy-source`.
const COPY_SOURCE_ENCODED: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn metadata(headers: &ObjectHeaders) -> Option<std::collections::HashMap<String, String>> {
    (!headers.metadata.is_empty()).then(|| headers.metadata.clone().into_iter().collect())
}

fn unquote(e_tag: Option<&str>) -> &str {
    e_tag.unwrap_or_default().trim_matches('"')
}

fn quote(e_tag: impl std::fmt::Display) -> String {
    format!("\"{e_tag}\"")
}

/// S3 says `null` for an object stored while the bucket kept no versions.
fn known_version(version_id: Option<&str>) -> Option<String> {
    version_id.filter(|version_id| !version_id.is_empty() && *version_id != "null").map(str::to_owned)
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}

#[cfg(test)]
mod tests;
