//! S3's operations over the store, as the API reference has them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use md5::Digest as _;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum;
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use super::faults::Faults;
use super::store::{Attributes, ReadError, Store, StoredObject, WriteCondition, WriteError};

/// All parts but the last are at least this large (S3 User Guide, "Multipart upload limits").
const MIN_PART_BYTES: usize = 5 << 20;

/// The operations.
pub(super) struct Backend {
    store: Store,
    faults: Faults,
}

impl Backend {
    pub fn new(store: Store, faults: Faults) -> Self {
        Self { store, faults }
    }
}

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

fn read_error(error: ReadError) -> S3Error {
    match error {
        ReadError::NoSuchBucket => s3_error!(NoSuchBucket, "The specified bucket does not exist"),
        ReadError::NoSuchKey => s3_error!(NoSuchKey, "The specified key does not exist."),
        ReadError::NoSuchVersion => s3_error!(NoSuchVersion, "The specified version does not exist."),
        ReadError::IsDeleteMarker => s3_error!(MethodNotAllowed, "The specified method is not allowed."),
    }
}

fn write_error(error: WriteError) -> S3Error {
    match error {
        WriteError::NoSuchBucket => read_error(ReadError::NoSuchBucket),
        WriteError::NoSuchKey => read_error(ReadError::NoSuchKey),
        WriteError::PreconditionFailed => {
            s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
        }
    }
}

fn condition(if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> WriteCondition {
    WriteCondition {
        must_be_absent: matches!(if_none_match, Some(ETagCondition::Any)),
        must_match: if_match.map(|condition| match condition {
            ETagCondition::Any => "*".to_owned(),
            ETagCondition::ETag(e_tag) => e_tag.value().to_owned(),
        }),
    }
}

fn known_version(object: &StoredObject) -> Option<String> {
    (object.version_id != "null").then(|| object.version_id.clone())
}

async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let mut chunks: Vec<Bytes> = body
        .try_collect()
        .await
        .map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
    Ok(match chunks.len() {
        1 => chunks.remove(0),
        _ => Bytes::from(chunks.concat()),
    })
}

/// What the writer says of the body, each in base64.
struct Promised {
    md5: Option<String>,
    crc32: Option<String>,
    crc32c: Option<String>,
    crc64nvme: Option<String>,
    sha1: Option<String>,
    sha256: Option<String>,
}

impl Promised {
    /// Trailing headers come after the body.
    fn with_trailers(mut self, trailers: Option<&s3s::TrailingHeaders>) -> Self {
        let Some(trailers) = trailers else { return self };
        trailers.read(|headers| {
            let header =
                |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            self.crc32 = self.crc32.take().or_else(|| header("x-amz-checksum-crc32"));
            self.crc32c = self.crc32c.take().or_else(|| header("x-amz-checksum-crc32c"));
            self.crc64nvme = self.crc64nvme.take().or_else(|| header("x-amz-checksum-crc64nvme"));
            self.sha1 = self.sha1.take().or_else(|| header("x-amz-checksum-sha1"));
            self.sha256 = self.sha256.take().or_else(|| header("x-amz-checksum-sha256"));
        });
        self
    }

    /// The body's MD5, once every promise is found to be kept.
    fn verify(&self, body: &[u8]) -> S3Result<[u8; 16]> {
        let mut hasher = ChecksumHasher {
            crc32: self.crc32.as_ref().map(|_| Checksum::new()),
            crc32c: self.crc32c.as_ref().map(|_| Checksum::new()),
            crc64nvme: self.crc64nvme.as_ref().map(|_| Checksum::new()),
            sha1: self.sha1.as_ref().map(|_| Checksum::new()),
            sha256: self.sha256.as_ref().map(|_| Checksum::new()),
        };
        hasher.update(body);
        let found = hasher.finalize();
        let md5: [u8; 16] = md5::Md5::digest(body).into();
        let pairs = [
            (&self.crc32, &found.checksum_crc32),
            (&self.crc32c, &found.checksum_crc32c),
            (&self.crc64nvme, &found.checksum_crc64nvme),
            (&self.sha1, &found.checksum_sha1),
            (&self.sha256, &found.checksum_sha256),
        ];
        let is_kept = pairs.iter().all(|(promised, found)| promised == found);
        if !is_kept {
            return Err(s3_error!(BadDigest, "The checksum you specified did not match what we received."));
        }
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(md5);
        if self.md5.as_ref().is_some_and(|promised| *promised != encoded) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        Ok(md5)
    }
}

fn metadata(metadata: Option<Metadata>) -> BTreeMap<String, String> {
    metadata.unwrap_or_default().into_iter().collect()
}

fn last_modified(object: &StoredObject) -> Timestamp {
    Timestamp::from(object.last_modified)
}

fn e_tag(object: &StoredObject) -> ETag {
    ETag::Strong(object.e_tag.clone())
}

#[async_trait::async_trait]
impl S3 for Backend {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        self.store.create_bucket(&request.input.bucket);
        answer(CreateBucketOutput::default())
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        match self.store.bucket_has_versions(&request.input.bucket) {
            Some(_) => answer(HeadBucketOutput::default()),
            None => Err(read_error(ReadError::NoSuchBucket)),
        }
    }

    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let buckets = self.store.bucket_names().into_iter();
        let buckets = buckets.map(|name| Bucket { name: Some(name), ..Bucket::default() }).collect();
        answer(ListBucketsOutput { buckets: Some(buckets), ..ListBucketsOutput::default() })
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        match self.store.bucket_has_versions(&request.input.bucket) {
            Some(_) => answer(GetBucketLocationOutput::default()),
            None => Err(read_error(ReadError::NoSuchBucket)),
        }
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        let has_versions = self.store.bucket_has_versions(&request.input.bucket);
        let has_versions = has_versions.ok_or_else(|| read_error(ReadError::NoSuchBucket))?;
        let status =
            has_versions.then(|| BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED));
        answer(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() })
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        let status = request.input.versioning_configuration.status;
        let is_enabled = status.is_some_and(|status| status.as_str() == BucketVersioningStatus::ENABLED);
        if self.store.set_versioning(&request.input.bucket, is_enabled) {
            answer(PutBucketVersioningOutput::default())
        } else {
            Err(read_error(ReadError::NoSuchBucket))
        }
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let trailers = request.trailing_headers;
        let input = request.input;
        let body = collect(input.body).await?;
        let promised = Promised {
            md5: input.content_md5,
            crc32: input.checksum_crc32,
            crc32c: input.checksum_crc32c,
            crc64nvme: input.checksum_crc64nvme,
            sha1: input.checksum_sha1,
            sha256: input.checksum_sha256,
        };
        let promised = promised.with_trailers(trailers.as_ref());
        let md5 = promised.verify(&body)?;
        let attributes = Attributes {
            cache_control: input.cache_control,
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            metadata: metadata(input.metadata),
            checksum_sha256: promised.sha256,
        };
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref());
        let stored = self
            .store
            .put(&input.bucket, &input.key, body, hex::encode(md5), attributes, &condition)
            .map_err(write_error)?;
        answer(PutObjectOutput {
            e_tag: Some(e_tag(&stored)),
            version_id: known_version(&stored),
            checksum_sha256: stored.attributes.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        let object =
            self.store.version(&input.bucket, &input.key, input.version_id.as_deref()).map_err(read_error)?;
        check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let length = object.body.len() as u64;
        let (body, content_range) = match input.range {
            None => (object.body.clone(), None),
            Some(range) => {
                let range = range.check(length).map_err(|_| s3_error!(InvalidRange))?;
                let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                let start = usize::try_from(range.start).expect("a body fits in memory");
                let end = usize::try_from(range.end).expect("a body fits in memory");
                (object.body.slice(start..end), Some(text))
            }
        };
        let has_checksum = input.checksum_mode.is_some();
        answer(GetObjectOutput {
            content_length: i64::try_from(body.len()).ok(),
            content_range,
            accept_ranges: Some("bytes".into()),
            body: Some(StreamingBlob::from(s3s::Body::from(body))),
            e_tag: Some(e_tag(&object)),
            last_modified: Some(last_modified(&object)),
            version_id: known_version(&object),
            cache_control: object.attributes.cache_control,
            content_type: object.attributes.content_type.or_else(|| Some("binary/octet-stream".into())),
            content_encoding: object.attributes.content_encoding,
            content_disposition: object.attributes.content_disposition,
            content_language: object.attributes.content_language,
            metadata: Some(object.attributes.metadata.into_iter().collect()),
            checksum_sha256: object.attributes.checksum_sha256.filter(|_| has_checksum),
            ..GetObjectOutput::default()
        })
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        let object =
            self.store.version(&input.bucket, &input.key, input.version_id.as_deref()).map_err(read_error)?;
        check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let has_checksum = input.checksum_mode.is_some();
        answer(HeadObjectOutput {
            content_length: i64::try_from(object.body.len()).ok(),
            accept_ranges: Some("bytes".into()),
            e_tag: Some(e_tag(&object)),
            last_modified: Some(last_modified(&object)),
            version_id: known_version(&object),
            cache_control: object.attributes.cache_control,
            content_type: object.attributes.content_type.or_else(|| Some("binary/octet-stream".into())),
            content_encoding: object.attributes.content_encoding,
            content_disposition: object.attributes.content_disposition,
            content_language: object.attributes.content_language,
            metadata: Some(object.attributes.metadata.into_iter().collect()),
            checksum_sha256: object.attributes.checksum_sha256.filter(|_| has_checksum),
            ..HeadObjectOutput::default()
        })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = request.input;
        let CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        let source = self.store.version(bucket, key, version_id.as_deref()).map_err(read_error)?;
        if let Some(ETagCondition::ETag(wanted)) = &input.copy_source_if_match
            && wanted.value() != source.e_tag
        {
            return Err(write_error(WriteError::PreconditionFailed));
        }
        let is_replacing = input
            .metadata_directive
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let is_onto_itself = **bucket == *input.bucket && **key == *input.key && version_id.is_none();
        if is_onto_itself && !is_replacing {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        let checksum_sha256 = source.attributes.checksum_sha256.clone();
        let attributes = if is_replacing {
            Attributes {
                cache_control: input.cache_control,
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                metadata: metadata(input.metadata),
                checksum_sha256,
            }
        } else {
            source.attributes.clone()
        };
        // A copy is a single upload, whatever its source was.
        let copied_e_tag = hex::encode(md5::Md5::digest(&source.body));
        let stored = self
            .store
            .put(&input.bucket, &input.key, source.body, copied_e_tag, attributes, &WriteCondition::default())
            .map_err(write_error)?;
        let result = CopyObjectResult {
            e_tag: Some(e_tag(&stored)),
            last_modified: Some(last_modified(&stored)),
            ..CopyObjectResult::default()
        };
        answer(CopyObjectOutput {
            copy_object_result: Some(result),
            version_id: known_version(&stored),
            ..CopyObjectOutput::default()
        })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        let marker =
            self.store.delete(&input.bucket, &input.key, input.version_id.as_deref()).map_err(write_error)?;
        answer(DeleteObjectOutput {
            delete_marker: marker.as_ref().map(|_| true),
            version_id: marker,
            ..DeleteObjectOutput::default()
        })
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let input = request.input;
        let is_quiet = input.delete.quiet.unwrap_or(false);
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "The XML you provided was not well-formed"));
        }
        let mut deleted = Vec::new();
        let mut errors = Vec::new();
        for object in input.delete.objects {
            if self.faults.is_undeletable(&object.key) {
                errors.push(Error {
                    key: Some(object.key),
                    code: Some("AccessDenied".into()),
                    message: Some("Access Denied".into()),
                    ..Error::default()
                });
                continue;
            }
            let marker = self
                .store
                .delete(&input.bucket, &object.key, object.version_id.as_deref())
                .map_err(write_error)?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                delete_marker: marker.as_ref().map(|_| true),
                delete_marker_version_id: marker,
                ..DeletedObject::default()
            });
        }
        answer(DeleteObjectsOutput {
            deleted: (!is_quiet).then_some(deleted),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        })
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = match &input.continuation_token {
            Some(token) => decode_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let wanted = input.max_keys.and_then(|count| usize::try_from(count).ok()).unwrap_or(1000);
        let limit = wanted.min(self.store.options().page_size);
        let page = self.store.list(&input.bucket, &prefix, &after, limit);
        let (page, has_more) = page.ok_or_else(|| read_error(ReadError::NoSuchBucket))?;
        let next = page.last().filter(|_| has_more).map(|(key, _)| hex::encode(key));
        let is_encoded = input.encoding_type.is_some();
        let shown = |key: &str| if is_encoded { url_encode(key) } else { key.to_owned() };
        let contents: Vec<Object> = page.iter().map(|(key, object)| listed(shown(key), object)).collect();
        answer(ListObjectsV2Output {
            key_count: i32::try_from(contents.len()).ok(),
            max_keys: i32::try_from(limit).ok(),
            is_truncated: Some(has_more),
            next_continuation_token: next,
            contents: Some(contents),
            name: Some(input.bucket),
            prefix: Some(shown(&prefix)),
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        })
    }

    /// The first version of the listing, which some clients still ask for: paged by the last key.
    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.marker.clone().unwrap_or_default();
        let limit = input.max_keys.and_then(|count| usize::try_from(count).ok()).unwrap_or(1000);
        let limit = limit.min(self.store.options().page_size);
        let page = self.store.list(&input.bucket, &prefix, &after, limit);
        let (page, has_more) = page.ok_or_else(|| read_error(ReadError::NoSuchBucket))?;
        let is_encoded = input.encoding_type.is_some();
        let shown = |key: &str| if is_encoded { url_encode(key) } else { key.to_owned() };
        answer(ListObjectsOutput {
            next_marker: page.last().filter(|_| has_more).map(|(key, _)| shown(key)),
            contents: Some(page.iter().map(|(key, object)| listed(shown(key), object)).collect()),
            is_truncated: Some(has_more),
            max_keys: i32::try_from(limit).ok(),
            name: Some(input.bucket),
            prefix: Some(shown(&prefix)),
            marker: Some(shown(&after)),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        let attributes = Attributes {
            cache_control: input.cache_control,
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            metadata: metadata(input.metadata),
            checksum_sha256: None,
        };
        let upload_id = self.store.create_upload(&input.bucket, &input.key, attributes);
        let upload_id = upload_id.ok_or_else(|| read_error(ReadError::NoSuchBucket))?;
        answer(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let trailers = request.trailing_headers;
        let input = request.input;
        let body = collect(input.body).await?;
        let promised = Promised {
            md5: input.content_md5,
            crc32: input.checksum_crc32,
            crc32c: input.checksum_crc32c,
            crc64nvme: input.checksum_crc64nvme,
            sha1: input.checksum_sha1,
            sha256: input.checksum_sha256,
        };
        let md5 = promised.with_trailers(trailers.as_ref()).verify(&body)?;
        let number = input.part_number;
        let added = self
            .store
            .with_upload(&input.bucket, &input.upload_id, |upload| upload.parts.insert(number, (body, md5)));
        added.ok_or_else(no_such_upload)?;
        answer(UploadPartOutput {
            e_tag: Some(ETag::Strong(hex::encode(md5))),
            ..UploadPartOutput::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = request.input;
        let upload = self.store.with_upload(&input.bucket, &input.upload_id, |upload| upload.clone());
        let upload = upload.filter(|upload| upload.key == *input.key).ok_or_else(no_such_upload)?;
        let wanted = input.multipart_upload.and_then(|parts| parts.parts).unwrap_or_default();
        let mut body = Vec::new();
        let mut digests = Vec::new();
        for (index, part) in wanted.iter().enumerate() {
            let found = part.part_number.and_then(|number| upload.parts.get(&number));
            let (bytes, md5) = found.ok_or_else(|| s3_error!(InvalidPart))?;
            if part.e_tag.as_ref().is_some_and(|e_tag| e_tag.value() != hex::encode(md5)) {
                return Err(s3_error!(InvalidPart));
            }
            if index + 1 < wanted.len() && bytes.len() < MIN_PART_BYTES {
                return Err(s3_error!(EntityTooSmall));
            }
            body.extend_from_slice(bytes);
            digests.extend_from_slice(md5);
        }
        let composed = format!("{}-{}", hex::encode(md5::Md5::digest(&digests)), wanted.len());
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref());
        let stored = self
            .store
            .put(&input.bucket, &input.key, Bytes::from(body), composed, upload.attributes, &condition)
            .map_err(write_error)?;
        self.store.remove_upload(&input.bucket, &input.upload_id);
        answer(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(e_tag(&stored)),
            version_id: known_version(&stored),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        if self.store.remove_upload(&request.input.bucket, &request.input.upload_id) {
            answer(AbortMultipartUploadOutput::default())
        } else {
            Err(no_such_upload())
        }
    }
}

fn listed(key: String, object: &StoredObject) -> Object {
    Object {
        key: Some(key),
        e_tag: Some(e_tag(object)),
        size: i64::try_from(object.body.len()).ok(),
        last_modified: Some(last_modified(object)),
        ..Object::default()
    }
}

fn no_such_upload() -> S3Error {
    s3_error!(NoSuchUpload, "The specified multipart upload does not exist.")
}

fn check_read(
    object: &StoredObject,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is_same = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(e_tag) => e_tag.value() == object.e_tag,
    };
    if if_match.is_some_and(|condition| !is_same(condition)) {
        return Err(write_error(WriteError::PreconditionFailed));
    }
    if if_none_match.is_some_and(is_same) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

fn decode_token(token: &str) -> S3Result<String> {
    let bytes =
        hex::decode(token).map_err(|_| s3_error!(InvalidArgument, "The continuation token is not valid"))?;
    String::from_utf8(bytes).map_err(|_| s3_error!(InvalidArgument, "The continuation token is not valid"))
}

/// As S3 encodes keys in listings: like a form, but `/` stays.
fn url_encode(key: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');
    utf8_percent_encode(key, &KEPT).to_string().replace("%20", "+")
}
