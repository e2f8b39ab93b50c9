//! The operations of the `s3s` trait, each handed to the file that does it.

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::store::Store;
use super::{bucket_api, copy_api, delete_api, list_api, multipart_api, read_api, write_api};

/// The trait's implementation over one store.
pub struct Backend(pub Store);

/// What an operation returns.
pub type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Backend {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        write_api::put_object(&self.0, request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        read_api::get_object(&self.0, request.input)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        read_api::head_object(&self.0, request.input)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        copy_api::copy_object(&self.0, request)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        delete_api::delete_object(&self.0, request.input)
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        delete_api::delete_objects(&self.0, request.input)
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        list_api::list_objects(&self.0, request.input)
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        list_api::list_objects_v2(&self.0, request.input)
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        list_api::list_object_versions(&self.0, request.input)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        multipart_api::create(&self.0, request.input)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        multipart_api::upload_part(&self.0, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        multipart_api::complete(&self.0, request.input)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        multipart_api::abort(&self.0, &request.input)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        multipart_api::list_parts(&self.0, request.input)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        multipart_api::list_uploads(&self.0, request.input)
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        bucket_api::create_bucket(&self.0, &request.input)
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        bucket_api::delete_bucket(&self.0, request.input)
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        bucket_api::head_bucket(&self.0, &request.input)
    }

    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        bucket_api::list_buckets(&self.0)
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        bucket_api::get_bucket_location(&self.0, &request.input)
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        bucket_api::get_bucket_versioning(&self.0, &request.input)
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        bucket_api::put_bucket_versioning(&self.0, request.input)
    }
}
