//! What was read, and what the settings expect.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::core::domain::certificate::Certificate;
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;
use crate::core::edge_settings::Routing;
use crate::core::key::KeyPrefix;

/// One thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    Known(T),
    /// It is not there, or not set.
    Absent,
    /// The identity lacks this IAM action.
    Denied {
        action: String,
    },
    /// The endpoint does not know the operation.
    Unsupported,
    Failed {
        why: String,
    },
}

impl<T> Reading<T> {
    /// The value, where there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Denied { .. } | Self::Unsupported | Self::Failed { .. } => None,
        }
    }
}

/// What the target and the site's settings want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub bucket: String,
    pub prefix: KeyPrefix,
    /// The host of the target's `url`, if that is told.
    pub site_host: Option<String>,
    pub store_arn: Option<String>,
    pub routing: Routing,
    /// The edge function of this program.
    pub function_code: String,
    pub now: Timestamp,
}

/// Everything that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub identity: IdentityFacts,
    pub bucket: BucketFacts,
    /// By id.
    pub distributions: BTreeMap<String, Reading<DistributionSetup>>,
    /// By alias of any of the distributions.
    pub aliases: BTreeMap<DnsName, AliasFacts>,
    pub state: StateFacts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFacts {
    pub caller: Reading<CallerIdentity>,
    /// When the credentials end, where they do.
    pub expires: Option<Timestamp>,
    /// The service's clock less this machine's; zero below two seconds.
    pub clock_skew: SignedDuration,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketFacts {
    /// Where it is, by its own word; absent when there is no such bucket, known and empty when nobody says.
    pub region: Reading<String>,
    /// What was said when it was looked for in a region that it is not in.
    pub elsewhere: Option<String>,
    pub public_access_block: Reading<PublicAccessBlock>,
    /// `BucketOwnerEnforced` and so on.
    pub object_ownership: Reading<String>,
    pub versioning: Reading<Versioning>,
    pub encryption: Reading<Encryption>,
    /// The policy's document.
    pub policy: Reading<String>,
    pub lifecycle: Reading<Vec<LifecycleRule>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAccessBlock {
    pub blocks_public_acls: bool,
    pub ignores_public_acls: bool,
    pub blocks_public_policy: bool,
    pub restricts_public_buckets: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    Enabled,
    Suspended,
    NeverEnabled,
}

/// How new objects are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    S3,
    Kms { key: Option<String> },
    Other(String),
}

/// What of a lifecycle rule matters here. Rules that go by tags or sizes are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    pub id: String,
    pub is_enabled: bool,
    /// Of bucket keys; empty for all.
    pub prefix: String,
    pub deletes_current: bool,
    /// The class to which objects in use are moved, if it is one that cannot be read at once.
    pub archives_current: Option<String>,
    pub noncurrent_days: Option<i32>,
    pub aborts_uploads: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionSetup {
    pub arn: String,
    pub domain_name: String,
    pub is_enabled: bool,
    pub is_deployed: bool,
    pub default_root_object: String,
    /// `http2and3` and so on.
    pub http_version: String,
    pub aliases: Vec<DnsName>,
    pub certificate: ViewerCertificate,
    /// The origin of the default cache behavior.
    pub origin: Option<OriginSetup>,
    pub compresses: bool,
    /// `redirect-to-https` and so on.
    pub viewer_protocol: String,
    pub caching: Reading<Caching>,
    pub error_responses: Vec<ErrorResponse>,
    /// The function of the default cache behavior for viewer requests; absent where none is associated.
    pub function: Reading<FunctionFacts>,
    pub cache_tag_header: Option<String>,
    pub invalidations_in_progress: Reading<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginSetup {
    pub domain_name: String,
    /// Empty, or `/a/b`.
    pub path: String,
    pub access: OriginAccess,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginAccess {
    /// Unsigned requests.
    None,
    /// The older kind.
    Identity,
    Control(Reading<OriginAccessControl>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginAccessControl {
    pub origin_type: String,
    /// `always`, `never`, `no-override`.
    pub signing_behavior: String,
}

/// How long CloudFront keeps what it got, and by what it tells copies apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caching {
    Policy(CachePolicy),
    /// The settings of the time before cache policies.
    Legacy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    pub name: String,
    pub min_ttl_seconds: i64,
    pub max_ttl_seconds: i64,
    pub accepts_gzip: bool,
    pub accepts_brotli: bool,
    pub key: CacheKey,
}

/// What of a request makes another copy, besides path and encoding: `none`, `all`, `whitelist` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    pub headers: String,
    pub cookies: String,
    pub query: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    pub error_code: i32,
    /// None where the code stays.
    pub response_code: Option<String>,
    pub page: Option<String>,
    pub min_ttl_seconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFacts {
    pub name: String,
    /// Of the stage `LIVE`; absent where it was never published.
    pub code: Reading<String>,
    pub store_arns: Reading<Vec<String>>,
}

/// An alias, as the world and ACM see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasFacts {
    pub distribution_id: String,
    /// The distribution's certificate; absent where it has none of ACM.
    pub certificate: Reading<Certificate>,
    /// What a resolver answers for the alias' addresses.
    pub addresses: DnsAnswer,
    /// And for the distribution's own name.
    pub distribution_addresses: DnsAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFacts {
    /// The live release's id; absent before the first push.
    pub release: Reading<String>,
    /// Why the record, which is there, cannot be used.
    pub damage: Option<String>,
    pub release_count: u64,
    pub live_bytes: u64,
    /// Files that only earlier releases use, kept for open pages.
    pub kept_bytes: u64,
    pub kept_count: u64,
    pub lock: LockFacts,
    pub debt_count: u64,
    pub store: StoreFacts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockFacts {
    Free,
    /// A run did not end; the next push finishes it.
    Unfinished {
        why: String,
    },
    Held {
        holder: String,
        until: Timestamp,
    },
    Unread,
}

/// What the store of the edge function says, and what the release wants it to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    pub wanted: Option<String>,
    /// Absent where the store has no such key; none where no store is named.
    pub found: Option<Reading<String>>,
}
