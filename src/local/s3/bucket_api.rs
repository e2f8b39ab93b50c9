//! Operations on buckets themselves.

use s3s::dto::*;
use s3s::{S3Response, s3_error};

use super::backend::Answer;
use super::change::{Origin, find};
use super::object::api_time;
use super::options::Versioning;
use super::state::{Entry, VersioningState};
use super::store::Store;

pub fn create_bucket(store: &Store, input: &CreateBucketInput) -> Answer<CreateBucketOutput> {
    let mut state = store.write_state();
    let location = Some(format!("/{}", input.bucket));
    if state.buckets.contains_key(&input.bucket) {
        // CreateBucket: in us-east-1, making a bucket that is one's own already is a success, elsewhere an error.
        if store.options().region == "us-east-1" {
            return Ok(S3Response::new(CreateBucketOutput { location }));
        }
        return Err(s3_error!(
            BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it."
        ));
    }
    store.commit(&mut state, store.bucket_creation(&input.bucket), Origin::Request)?;
    Ok(S3Response::new(CreateBucketOutput { location }))
}

pub fn delete_bucket(store: &Store, input: DeleteBucketInput) -> Answer<DeleteBucketOutput> {
    let mut state = store.write_state();
    if !find(&state, &input.bucket)?.keys.is_empty() {
        return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
    }
    store.commit(&mut state, Entry::DeleteBucket { bucket: input.bucket }, Origin::Request)?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}

pub fn head_bucket(store: &Store, input: &HeadBucketInput) -> Answer<HeadBucketOutput> {
    find(&store.read_state(), &input.bucket)?;
    let bucket_region = Some(store.options().region.clone());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
}

pub fn list_buckets(store: &Store) -> Answer<ListBucketsOutput> {
    let state = store.read_state();
    let buckets = state.buckets.iter().map(|(name, bucket)| Bucket {
        name: Some(name.clone()),
        creation_date: Some(api_time(bucket.created)),
        bucket_region: Some(store.options().region.clone()),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        ..ListBucketsOutput::default()
    }))
}

pub fn get_bucket_location(store: &Store, input: &GetBucketLocationInput) -> Answer<GetBucketLocationOutput> {
    find(&store.read_state(), &input.bucket)?;
    // GetBucketLocation: buckets in us-east-1 have no constraint.
    let region = Some(store.options().region.clone()).filter(|region| region != "us-east-1");
    let location_constraint = region.map(BucketLocationConstraint::from);
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub fn get_bucket_versioning(
    store: &Store,
    input: &GetBucketVersioningInput,
) -> Answer<GetBucketVersioningOutput> {
    require_versioning(store)?;
    let status = match find(&store.read_state(), &input.bucket)?.versioning {
        VersioningState::Never => None,
        VersioningState::Enabled => Some(BucketVersioningStatus::ENABLED),
        VersioningState::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    let status = status.map(BucketVersioningStatus::from_static);
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
}

pub fn put_bucket_versioning(
    store: &Store,
    input: PutBucketVersioningInput,
) -> Answer<PutBucketVersioningOutput> {
    require_versioning(store)?;
    let status = input.versioning_configuration.status;
    let versioning = match status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => VersioningState::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => VersioningState::Suspended,
        _ => return Err(s3_error!(IllegalVersioningConfigurationException)),
    };
    let mut state = store.write_state();
    find(&state, &input.bucket)?;
    store.commit(&mut state, Entry::SetVersioning { bucket: input.bucket, versioning }, Origin::Request)?;
    Ok(S3Response::new(PutBucketVersioningOutput {}))
}

/// Refuses what an endpoint without versions does not know.
///
/// # Errors
/// `NotImplemented`.
pub fn require_versioning(store: &Store) -> s3s::S3Result<()> {
    match store.options().versioning {
        Versioning::Unsupported => Err(s3_error!(
            NotImplemented,
            "A header or query you provided implies functionality that is not implemented."
        )),
        Versioning::On | Versioning::Off => Ok(()),
    }
}
