//! What AWS calls its operations, and which actions IAM wants to be allowed for each.
//!
//! Source: "Required permissions for Amazon S3 API operations" (S3 User Guide), and "Actions, resources, and condition
//! keys" for S3, CloudFront, CloudFront KeyValueStore, Certificate Manager and Route 53 (Service Authorization Reference).

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
    /// Policies, origin access controls and functions: only a distribution tells which it has.
    DistributionParts,
    /// The target's key value store.
    Store,
    /// The key that the bucket is encrypted with.
    Key,
    /// What distributions and certificates there are in the account: lists have no ARN.
    Lists,
    /// Certificates in the region that CloudFront takes them from.
    Certificates,
    /// A certificate that is not there yet, for the target's names and with sitepush's tag: it has no ARN.
    NewCertificate,
    /// The tag of that certificate.
    CertificateTag,
    /// Certificates with sitepush's tag for the target's distributions.
    OwnCertificates,
    /// What hosted zones there are in the account.
    ZoneList,
    /// Hosted zones.
    Zones,
    /// Record sets in hosted zones: those that sitepush writes for the target's names.
    Records,
    /// Changes of record sets on their way to all name servers.
    RecordChanges,
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

impl Grant {
    const fn new(action: &'static str, resource: Resource) -> Self {
        Self { action, resource }
    }
}

const GET: Grant = Grant::new("s3:GetObject", Resource::Objects);
const GET_VERSION: Grant = Grant::new("s3:GetObjectVersion", Resource::Objects);
const PUT: Grant = Grant::new("s3:PutObject", Resource::Objects);
const LIST: Grant = Grant::new("s3:ListBucket", Resource::Names);
// Source: "Protecting data with server-side encryption using AWS KMS keys" (S3 User Guide); the parts of an upload are
// encrypted one by one and put together in the clear, so that sending them reads as well.
const DECRYPT: Grant = Grant::new("kms:Decrypt", Resource::Key);
const ENCRYPT: Grant = Grant::new("kms:GenerateDataKey", Resource::Key);

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
        grants: &[Grant::new("s3:AbortMultipartUpload", Resource::Objects)],
    };
    pub const DELETE_OBJECTS: Self =
        Self { name: "DeleteObjects", grants: &[Grant::new("s3:DeleteObject", Resource::Objects)] };
    pub const GET_BUCKET_VERSIONING: Self = Self {
        name: "GetBucketVersioning",
        grants: &[Grant::new("s3:GetBucketVersioning", Resource::Bucket)],
    };
    pub const GET_DISTRIBUTION: Self = Self {
        name: "GetDistribution",
        grants: &[Grant::new("cloudfront:GetDistribution", Resource::Distributions)],
    };
    pub const CREATE_INVALIDATION: Self = Self {
        name: "CreateInvalidation",
        grants: &[Grant::new("cloudfront:CreateInvalidation", Resource::Distributions)],
    };
    pub const GET_INVALIDATION: Self = Self {
        name: "GetInvalidation",
        grants: &[Grant::new("cloudfront:GetInvalidation", Resource::Distributions)],
    };
    pub const LIST_INVALIDATIONS: Self = Self {
        name: "ListInvalidations",
        grants: &[Grant::new("cloudfront:ListInvalidations", Resource::Distributions)],
    };
    pub const DESCRIBE_KEY_VALUE_STORE: Self = Self {
        name: "DescribeKeyValueStore",
        grants: &[Grant::new("cloudfront-keyvaluestore:DescribeKeyValueStore", Resource::Store)],
    };
    pub const GET_KEY: Self =
        Self { name: "GetKey", grants: &[Grant::new("cloudfront-keyvaluestore:GetKey", Resource::Store)] };
    pub const PUT_KEY: Self =
        Self { name: "PutKey", grants: &[Grant::new("cloudfront-keyvaluestore:PutKey", Resource::Store)] };

    // The bucket's settings. S3 takes no name for `s3:prefix` when it is asked for the bucket itself.
    pub const HEAD_BUCKET: Self =
        Self { name: "HeadBucket", grants: &[Grant::new("s3:ListBucket", Resource::Bucket)] };
    pub const GET_PUBLIC_ACCESS_BLOCK: Self = Self {
        name: "GetPublicAccessBlock",
        grants: &[Grant::new("s3:GetBucketPublicAccessBlock", Resource::Bucket)],
    };
    pub const GET_BUCKET_OWNERSHIP_CONTROLS: Self = Self {
        name: "GetBucketOwnershipControls",
        grants: &[Grant::new("s3:GetBucketOwnershipControls", Resource::Bucket)],
    };
    pub const GET_BUCKET_ENCRYPTION: Self = Self {
        name: "GetBucketEncryption",
        grants: &[Grant::new("s3:GetEncryptionConfiguration", Resource::Bucket)],
    };
    pub const GET_BUCKET_POLICY: Self =
        Self { name: "GetBucketPolicy", grants: &[Grant::new("s3:GetBucketPolicy", Resource::Bucket)] };
    pub const GET_BUCKET_LIFECYCLE_CONFIGURATION: Self = Self {
        name: "GetBucketLifecycleConfiguration",
        grants: &[Grant::new("s3:GetLifecycleConfiguration", Resource::Bucket)],
    };

    // What a distribution is, and what it refers to.
    pub const GET_DISTRIBUTION_CONFIG: Self = Self {
        name: "GetDistributionConfig",
        grants: &[Grant::new("cloudfront:GetDistributionConfig", Resource::Distributions)],
    };
    pub const UPDATE_DISTRIBUTION: Self = Self {
        name: "UpdateDistribution",
        grants: &[Grant::new("cloudfront:UpdateDistribution", Resource::Distributions)],
    };
    pub const LIST_CONFLICTING_ALIASES: Self = Self {
        name: "ListConflictingAliases",
        grants: &[Grant::new("cloudfront:ListConflictingAliases", Resource::Distributions)],
    };
    pub const LIST_DISTRIBUTIONS: Self = Self {
        name: "ListDistributions",
        grants: &[Grant::new("cloudfront:ListDistributions", Resource::Lists)],
    };
    pub const GET_CACHE_POLICY: Self = Self {
        name: "GetCachePolicy",
        grants: &[Grant::new("cloudfront:GetCachePolicy", Resource::DistributionParts)],
    };
    pub const GET_RESPONSE_HEADERS_POLICY: Self = Self {
        name: "GetResponseHeadersPolicy",
        grants: &[Grant::new("cloudfront:GetResponseHeadersPolicy", Resource::DistributionParts)],
    };
    pub const GET_ORIGIN_REQUEST_POLICY: Self = Self {
        name: "GetOriginRequestPolicy",
        grants: &[Grant::new("cloudfront:GetOriginRequestPolicy", Resource::DistributionParts)],
    };
    pub const GET_ORIGIN_ACCESS_CONTROL: Self = Self {
        name: "GetOriginAccessControl",
        grants: &[Grant::new("cloudfront:GetOriginAccessControl", Resource::DistributionParts)],
    };
    pub const GET_FUNCTION: Self = Self {
        name: "GetFunction",
        grants: &[Grant::new("cloudfront:GetFunction", Resource::DistributionParts)],
    };
    pub const DESCRIBE_FUNCTION: Self = Self {
        name: "DescribeFunction",
        grants: &[Grant::new("cloudfront:DescribeFunction", Resource::DistributionParts)],
    };

    // Certificates.
    pub const LIST_CERTIFICATES: Self =
        Self { name: "ListCertificates", grants: &[Grant::new("acm:ListCertificates", Resource::Lists)] };
    pub const DESCRIBE_CERTIFICATE: Self = Self {
        name: "DescribeCertificate",
        grants: &[Grant::new("acm:DescribeCertificate", Resource::Certificates)],
    };
    pub const LIST_TAGS_FOR_CERTIFICATE: Self = Self {
        name: "ListTagsForCertificate",
        grants: &[Grant::new("acm:ListTagsForCertificate", Resource::Certificates)],
    };
    /// Tags in a request are asked for by an action of their own.
    pub const REQUEST_CERTIFICATE: Self = Self {
        name: "RequestCertificate",
        grants: &[
            Grant::new("acm:RequestCertificate", Resource::NewCertificate),
            Grant::new("acm:AddTagsToCertificate", Resource::CertificateTag),
        ],
    };
    pub const DELETE_CERTIFICATE: Self = Self {
        name: "DeleteCertificate",
        grants: &[Grant::new("acm:DeleteCertificate", Resource::OwnCertificates)],
    };

    // Names.
    pub const LIST_HOSTED_ZONES: Self = Self {
        name: "ListHostedZones",
        grants: &[Grant::new("route53:ListHostedZones", Resource::ZoneList)],
    };
    pub const GET_HOSTED_ZONE: Self =
        Self { name: "GetHostedZone", grants: &[Grant::new("route53:GetHostedZone", Resource::Zones)] };
    pub const LIST_RESOURCE_RECORD_SETS: Self = Self {
        name: "ListResourceRecordSets",
        grants: &[Grant::new("route53:ListResourceRecordSets", Resource::Zones)],
    };
    pub const CHANGE_RESOURCE_RECORD_SETS: Self = Self {
        name: "ChangeResourceRecordSets",
        grants: &[Grant::new("route53:ChangeResourceRecordSets", Resource::Records)],
    };
    pub const GET_CHANGE: Self =
        Self { name: "GetChange", grants: &[Grant::new("route53:GetChange", Resource::RecordChanges)] };

    /// Who asks: everybody may know that of themselves.
    pub const GET_CALLER_IDENTITY: Self = Self { name: "GetCallerIdentity", grants: &[] };
}
