//! What AWS calls its operations, and which actions IAM wants to be allowed for each.
//!
//! Source: "Required permissions for Amazon S3 API operations" (S3 User Guide), and "Actions, resources, and condition
//! keys" for S3, CloudFront and CloudFront KeyValueStore (Service Authorization Reference).

/// What a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Objects of the target: all of them, or sitepush's own state.
    Objects,
    /// The bucket, for names that begin as those objects' do.
    Names,
    /// The bucket as such.
    Bucket,
    /// The target's distributions.
    Distributions,
    /// The target's key value store.
    Store,
    /// The key that the bucket is encrypted with.
    Key,
}

/// One action, on one kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// As IAM writes it: `s3:GetObject`.
    pub action: &'static str,
    pub resource: Resource,
}

/// A call of an API, and what must be allowed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The API's own name.
    pub name: &'static str,
    pub grants: &'static [Grant],
}

const GET: Grant = Grant { action: "s3:GetObject", resource: Resource::Objects };
const GET_VERSION: Grant = Grant { action: "s3:GetObjectVersion", resource: Resource::Objects };
const PUT: Grant = Grant { action: "s3:PutObject", resource: Resource::Objects };
const LIST: Grant = Grant { action: "s3:ListBucket", resource: Resource::Names };
// Source: "Protecting data with server-side encryption using AWS KMS keys" (S3 User Guide); the parts of an upload are
// encrypted one by one and put together in the clear, so that sending them reads as well.
const DECRYPT: Grant = Grant { action: "kms:Decrypt", resource: Resource::Key };
const ENCRYPT: Grant = Grant { action: "kms:GenerateDataKey", resource: Resource::Key };

impl Operation {
    pub const GET_OBJECT: Self = Self { name: "GetObject", grants: &[GET, DECRYPT] };
    /// HeadObject has no action of its own.
    pub const HEAD_OBJECT: Self = Self { name: "HeadObject", grants: &[GET] };
    /// With a version id, reading is another action.
    pub const HEAD_OBJECT_VERSION: Self = Self { name: "HeadObject", grants: &[GET_VERSION] };
    /// GetObject and HeadObject of what is not there: who may not list its key is told 403 instead of 404. S3 takes
    /// the key for `s3:prefix` then.
    pub const LEARN_ABSENCE: Self = Self { name: "GetObject", grants: &[LIST] };
    pub const LIST_OBJECTS_V2: Self = Self { name: "ListObjectsV2", grants: &[LIST] };
    pub const PUT_OBJECT: Self = Self { name: "PutObject", grants: &[PUT, ENCRYPT] };
    /// A copy reads its source and writes its target. Tags would need two actions more; sitepush sets none.
    pub const COPY_OBJECT: Self = Self { name: "CopyObject", grants: &[GET, PUT, DECRYPT, ENCRYPT] };
    pub const COPY_OBJECT_VERSION: Self =
        Self { name: "CopyObject", grants: &[GET_VERSION, PUT, DECRYPT, ENCRYPT] };
    pub const CREATE_MULTIPART_UPLOAD: Self =
        Self { name: "CreateMultipartUpload", grants: &[PUT, DECRYPT, ENCRYPT] };
    pub const UPLOAD_PART: Self = Self { name: "UploadPart", grants: &[PUT, DECRYPT, ENCRYPT] };
    pub const COMPLETE_MULTIPART_UPLOAD: Self =
        Self { name: "CompleteMultipartUpload", grants: &[PUT, DECRYPT, ENCRYPT] };
    pub const ABORT_MULTIPART_UPLOAD: Self = Self {
        name: "AbortMultipartUpload",
        grants: &[Grant { action: "s3:AbortMultipartUpload", resource: Resource::Objects }],
    };
    pub const DELETE_OBJECTS: Self = Self {
        name: "DeleteObjects",
        grants: &[Grant { action: "s3:DeleteObject", resource: Resource::Objects }],
    };
    pub const GET_BUCKET_VERSIONING: Self = Self {
        name: "GetBucketVersioning",
        grants: &[Grant { action: "s3:GetBucketVersioning", resource: Resource::Bucket }],
    };
    pub const GET_DISTRIBUTION: Self = Self {
        name: "GetDistribution",
        grants: &[Grant { action: "cloudfront:GetDistribution", resource: Resource::Distributions }],
    };
    pub const CREATE_INVALIDATION: Self = Self {
        name: "CreateInvalidation",
        grants: &[Grant { action: "cloudfront:CreateInvalidation", resource: Resource::Distributions }],
    };
    pub const GET_INVALIDATION: Self = Self {
        name: "GetInvalidation",
        grants: &[Grant { action: "cloudfront:GetInvalidation", resource: Resource::Distributions }],
    };
    pub const LIST_INVALIDATIONS: Self = Self {
        name: "ListInvalidations",
        grants: &[Grant { action: "cloudfront:ListInvalidations", resource: Resource::Distributions }],
    };
    pub const DESCRIBE_KEY_VALUE_STORE: Self = Self {
        name: "DescribeKeyValueStore",
        grants: &[Grant {
            action: "cloudfront-keyvaluestore:DescribeKeyValueStore",
            resource: Resource::Store,
        }],
    };
    pub const GET_KEY: Self = Self {
        name: "GetKey",
        grants: &[Grant { action: "cloudfront-keyvaluestore:GetKey", resource: Resource::Store }],
    };
    pub const PUT_KEY: Self = Self {
        name: "PutKey",
        grants: &[Grant { action: "cloudfront-keyvaluestore:PutKey", resource: Resource::Store }],
    };
}
