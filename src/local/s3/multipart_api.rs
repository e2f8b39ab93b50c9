//! Multipart uploads: create, upload a part, complete, abort, list.

use std::collections::BTreeMap;

use bytes::Bytes;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::change::{Origin, Write, find, opaque_id};
use super::checksum::{Algorithm, Checksums, composite, verified_md5};
use super::condition::WriteCondition;
use super::object::api_time;
use super::store::Store;
use super::upload::{Part as StoredPart, Upload, Uploads};
use super::write_api::{checked_headers, read_body};

/// Part numbers run from 1 to 10,000 (S3 User Guide, "Multipart upload limits").
const MAX_PART_NUMBER: i32 = 10_000;

pub fn create(store: &Store, mut input: CreateMultipartUploadInput) -> Answer<CreateMultipartUploadOutput> {
    find(&store.read_state(), &input.bucket)?;
    let algorithm = input.checksum_algorithm.as_ref().and_then(|name| Algorithm::from_name(name.as_str()));
    let asked = input.checksum_type.as_ref().map(ChecksumType::as_str);
    // CreateMultipartUpload: CRC-64/NVME is always of the full object, the others of the parts unless asked.
    let composite = algorithm != Some(Algorithm::Crc64Nvme) && asked != Some(ChecksumType::FULL_OBJECT);
    let headers = checked_headers(said_headers!(input))?;
    let upload = Upload {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        headers,
        algorithm,
        composite,
        initiated: store.options().now(),
        parts: BTreeMap::new(),
    };
    let mut uploads = store.uploads();
    uploads.started += 1;
    let upload_id = opaque_id(u64::MAX - uploads.started);
    uploads.by_id.insert(upload_id.clone(), upload);
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..CreateMultipartUploadOutput::default()
    }))
}

pub async fn upload_part(store: &Store, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
    let mut input = request.input;
    if !(1..=MAX_PART_NUMBER).contains(&input.part_number) {
        return Err(s3_error!(
            InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive"
        ));
    }
    find_upload(&store.uploads(), &input.bucket, &input.key, &input.upload_id)?;
    let bytes = read_body(input.body.take(), input.content_length).await?;
    let md5 = verified_md5(&bytes, input.content_md5.as_deref())?;
    let mut claims = claimed_checksums!(input);
    claims.add_trailer(&request.headers, request.trailing_headers.as_ref())?;
    let checksums = claims.verify(&bytes)?;
    let last_modified = store.options().now();
    let part = StoredPart { bytes, md5, checksums: checksums.clone(), last_modified };
    let e_tag = part.e_tag();
    let mut uploads = store.uploads();
    find_upload(&uploads, &input.bucket, &input.key, &input.upload_id)?;
    if let Some(upload) = uploads.by_id.get_mut(&input.upload_id) {
        upload.parts.insert(input.part_number, part);
    }
    Ok(S3Response::new(with_checksums!(UploadPartOutput, checksums, { e_tag: Some(ETag::Strong(e_tag)) })))
}

pub fn complete(
    store: &Store,
    mut input: CompleteMultipartUploadInput,
) -> Answer<CompleteMultipartUploadOutput> {
    let upload = find_upload(&store.uploads(), &input.bucket, &input.key, &input.upload_id)?.clone();
    let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let parts = chosen_parts(&upload, &listed, store.options().min_part_size_bytes)?;
    let bodies: Vec<&[u8]> = parts.iter().map(|part| part.bytes.as_ref()).collect();
    let bytes = Bytes::from(bodies.concat());
    let e_tag = multipart_e_tag(&parts);
    let claims = claimed_checksums!(input);
    let checksums = whole_checksums(&upload, &parts, &bytes);
    check_claims(&claims, &checksums)?;
    let deletes_seen = u64::MAX;
    let condition =
        WriteCondition { if_match: input.if_match, if_none_match: input.if_none_match, deletes_seen };
    let (bucket, key, headers) = (upload.bucket.as_str(), upload.key.as_str(), upload.headers.clone());
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
    store.uploads().by_id.remove(&input.upload_id);
    let checksum_type = sums.kind();
    Ok(S3Response::new(with_checksums!(CompleteMultipartUploadOutput, sums, {
        location: Some(format!("/{bucket}/{key}")),
        bucket: Some(upload.bucket),
        key: Some(upload.key),
        e_tag: Some(ETag::Strong(e_tag)),
        version_id: written.version_id,
        checksum_type: checksum_type,
    })))
}

pub fn abort(store: &Store, input: &AbortMultipartUploadInput) -> Answer<AbortMultipartUploadOutput> {
    let mut uploads = store.uploads();
    find_upload(&uploads, &input.bucket, &input.key, &input.upload_id)?;
    uploads.by_id.remove(&input.upload_id);
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub fn list_parts(store: &Store, input: ListPartsInput) -> Answer<ListPartsOutput> {
    let uploads = store.uploads();
    let upload = find_upload(&uploads, &input.bucket, &input.key, &input.upload_id)?;
    let after = input.part_number_marker.unwrap_or_default();
    let limit = usize::try_from(input.max_parts.unwrap_or(i32::MAX)).unwrap_or_default();
    let limit = limit.min(store.options().list_page_size);
    let mut rest = upload.parts.range(after.saturating_add(1)..);
    let parts: Vec<_> = rest.by_ref().take(limit).map(|(number, part)| listed_part(*number, part)).collect();
    Ok(S3Response::new(ListPartsOutput {
        is_truncated: Some(rest.next().is_some()),
        next_part_number_marker: parts.last().and_then(|part| part.part_number),
        part_number_marker: Some(after),
        max_parts: i32::try_from(limit).ok(),
        parts: Some(parts),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    }))
}

pub fn list_uploads(store: &Store, input: ListMultipartUploadsInput) -> Answer<ListMultipartUploadsOutput> {
    find(&store.read_state(), &input.bucket)?;
    let uploads = store.uploads();
    let prefix = input.prefix.clone().unwrap_or_default();
    let found = uploads.by_id.iter().filter(|(_, upload)| upload.bucket == input.bucket);
    let mut found: Vec<_> = found.filter(|(_, upload)| upload.key.starts_with(&prefix)).collect();
    found.sort_by_key(|(id, upload)| (&upload.key, upload.initiated, *id));
    let listed = found.into_iter().map(|(id, upload)| MultipartUpload {
        key: Some(upload.key.clone()),
        upload_id: Some(id.clone()),
        initiated: Some(api_time(upload.initiated)),
        ..MultipartUpload::default()
    });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        uploads: Some(listed.collect()),
        bucket: Some(input.bucket),
        prefix: input.prefix,
        is_truncated: Some(false),
        ..ListMultipartUploadsOutput::default()
    }))
}

fn find_upload<'a>(uploads: &'a Uploads, bucket: &str, key: &str, id: &str) -> S3Result<&'a Upload> {
    let found = uploads.by_id.get(id).filter(|upload| upload.bucket == bucket && upload.key == key);
    found.ok_or_else(|| {
        s3_error!(
            NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
             completed."
        )
    })
}

/// The parts that the completion names, in order.
///
/// # Errors
/// `MalformedXML` for none, `InvalidPartOrder`, `InvalidPart` for one that is not there or is another, `EntityTooSmall`.
fn chosen_parts<'a>(
    upload: &'a Upload,
    listed: &[CompletedPart],
    min_size: usize,
) -> S3Result<Vec<&'a StoredPart>> {
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    let (mut parts, mut last) = (Vec::with_capacity(listed.len()), 0);
    for wanted in listed {
        let number = wanted.part_number.unwrap_or_default();
        if number <= last {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        last = number;
        let e_tag = wanted.e_tag.as_ref().map(ETag::value);
        let part = upload.parts.get(&number).filter(|part| e_tag == Some(part.e_tag().as_str()));
        parts.push(part.ok_or_else(|| {
            s3_error!(InvalidPart, "One or more of the specified parts could not be found.")
        })?);
    }
    let all_but_last = &parts[..parts.len() - 1];
    if all_but_last.iter().any(|part| part.bytes.len() < min_size) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    Ok(parts)
}

/// The MD5 of the parts' MD5s, and the number of parts.
fn multipart_e_tag(parts: &[&StoredPart]) -> String {
    let joined: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
    format!("{}-{}", const_hex::encode(Md5::checksum(&joined)), parts.len())
}

fn whole_checksums(upload: &Upload, parts: &[&StoredPart], bytes: &[u8]) -> Checksums {
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let of_parts = || composite(algorithm, parts.iter().map(|part| &part.checksums));
    let made = (upload.composite && upload.algorithm.is_some()).then(of_parts).flatten();
    made.unwrap_or_else(|| {
        let mut checksums = Checksums::default();
        checksums.set(algorithm, algorithm.of(bytes));
        checksums
    })
}

/// Compares what the completion claims with what was made; a composite claim may leave out the number of parts.
fn check_claims(claims: &Checksums, made: &Checksums) -> S3Result<()> {
    for algorithm in claims.algorithms() {
        let (claimed, made) = (claims.get(algorithm), made.get(algorithm));
        let bare = |text: &String| text.split('-').next().map(str::to_owned);
        if made.is_some() && claimed.and_then(bare) != made.and_then(bare) {
            let name = algorithm.name();
            return Err(s3_error!(
                BadDigest,
                "The {name} you specified did not match the calculated checksum."
            ));
        }
    }
    Ok(())
}

fn listed_part(number: i32, part: &StoredPart) -> Part {
    with_checksums!(Part, part.checksums.clone(), {
        part_number: Some(number),
        e_tag: Some(ETag::Strong(part.e_tag())),
        size: i64::try_from(part.bytes.len()).ok(),
        last_modified: Some(api_time(part.last_modified)),
    })
}
