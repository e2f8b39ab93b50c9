//! DeleteObject and DeleteObjects.

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::bucket_api::require_versioning;
use super::change::{Deleted, Deletion, Origin, find};
use super::condition::WriteCondition;
use super::store::Store;

/// DeleteObjects takes at most 1,000 keys (S3 API Reference, DeleteObjects).
const MAX_DELETED_KEYS: usize = 1000;

pub fn delete_object(store: &Store, input: DeleteObjectInput) -> Answer<DeleteObjectOutput> {
    let if_match = input.if_match;
    let deleted = delete(store, &input.bucket, &input.key, input.version_id.as_deref(), if_match)?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.is_delete_marker.then_some(true),
        version_id: deleted.version_id,
        ..DeleteObjectOutput::default()
    }))
}

pub fn delete_objects(store: &Store, input: DeleteObjectsInput) -> Answer<DeleteObjectsOutput> {
    find(&store.read_state(), &input.bucket)?;
    let Delete { objects, quiet } = input.delete;
    if objects.is_empty() || objects.len() > MAX_DELETED_KEYS {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in objects {
        match delete_one(store, &input.bucket, &object) {
            Ok(done) => deleted.push(report(object, done)),
            Err((code, message)) => errors.push(Error {
                code: Some(code),
                message: Some(message),
                key: Some(object.key),
                version_id: object.version_id,
            }),
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (quiet != Some(true)).then_some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

/// Deletes one key of a batch; an error is its code and message.
fn delete_one(store: &Store, bucket: &str, object: &ObjectIdentifier) -> Result<Deleted, (String, String)> {
    if let Some(code) = store.faults().failing_key(bucket, &object.key) {
        return Err((code, "The fault script says so.".to_owned()));
    }
    let if_match = object.e_tag.clone().map(ETagCondition::ETag);
    let deleted = delete(store, bucket, &object.key, object.version_id.as_deref(), if_match);
    deleted
        .map_err(|error| (error.code().as_str().to_owned(), error.message().unwrap_or_default().to_owned()))
}

fn delete(
    store: &Store,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
    if_match: Option<ETagCondition>,
) -> S3Result<Deleted> {
    if version_id.is_some() {
        require_versioning(store)?;
    }
    let condition = WriteCondition { if_match, if_none_match: None, deletes_seen: u64::MAX };
    store.delete(&Deletion { origin: Origin::Request, bucket, key, version_id, condition })
}

fn report(object: ObjectIdentifier, done: Deleted) -> DeletedObject {
    let removes_version = object.version_id.is_some();
    DeletedObject {
        key: Some(object.key),
        delete_marker: done.is_delete_marker.then_some(true),
        delete_marker_version_id: done.version_id.filter(|_| done.is_delete_marker),
        version_id: object.version_id.filter(|_| removes_version),
    }
}
