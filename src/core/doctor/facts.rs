//! What was read, and what the settings expect.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::core::domain::addresses::CloserLook;
use crate::core::domain::certificate::Certificate;
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;
use crate::core::edge_settings::Routing;
use crate::core::key::{KeyPrefix, ObjectKey};

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
    /// The target's `domains`: names that its distributions are to answer for.
    pub domains: Vec<DnsName>,
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
    /// Why there is no caller, in the service's or the SDK's words.
    pub refusal: Option<String>,
    /// When the credentials end, where they do.
    pub expires: Option<Timestamp>,
    /// The service's clock less this machine's; zero below two seconds, none where no service has answered.
    pub clock_skew: Option<SignedDuration>,
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
    /// Why S3 takes the credentials for none that are valid, if it does: the token service may not be there to say so.
    pub refusal: Option<String>,
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

/// What of a lifecycle rule matters here. Rules that go by tags are left out: sitepush tags nothing.
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
    /// Of each object, this many earlier versions stay whatever their age; none by default.
    pub noncurrent_versions_kept: i32,
    /// The same as `archives_current`, for earlier versions.
    pub archives_noncurrent: Option<String>,
    /// Whether it is for objects of some sizes only.
    pub goes_by_size: bool,
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
    /// The one for all paths that no other is for.
    pub default_behavior: BehaviorSetup,
    /// The others, in the order in which they are tried.
    pub path_behaviors: Vec<PathBehavior>,
    pub error_responses: Vec<ErrorResponse>,
    pub cache_tag_header: Option<String>,
    pub invalidations_in_progress: Reading<InvalidationCount>,
}

/// How many invalidations have not taken effect everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvalidationCount {
    pub count: u64,
    /// Whether there are no more than were counted.
    pub is_all: bool,
}

/// A cache behavior: where requests are led, and how answers are kept and changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BehaviorSetup {
    pub origin: Option<OriginSetup>,
    pub compresses: bool,
    /// `redirect-to-https` and so on.
    pub viewer_protocol: String,
    pub caching: Reading<Caching>,
    /// The origin request policy; absent where there is none.
    pub origin_request: Reading<OriginRequest>,
    /// Whether only signed addresses and cookies are answered: there are trusted key groups or signers.
    pub wants_signatures: bool,
    /// The function for viewer requests; absent where none is associated.
    pub function: Reading<FunctionFacts>,
    /// The response headers policy; absent where there is none.
    pub response_headers: Reading<ResponseHeaders>,
}

/// A cache behavior for some paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathBehavior {
    /// As CloudFront writes it: `/api/*`, `*.jpg`.
    pub pattern: String,
    pub target: PathTarget,
}

/// Where a cache behavior for some paths leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathTarget {
    /// To the target's bucket.
    Bucket(Box<BehaviorSetup>),
    /// To this host. What it answers, and how, is nobody's business here.
    Elsewhere { host: String },
}

/// What a response headers policy does to answers. Header names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaders {
    pub name: String,
    pub added: BTreeMap<String, AddedHeader>,
    pub removed: BTreeSet<String>,
}

/// A header that a response headers policy adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedHeader {
    pub value: String,
    /// Whether it takes the place of what the origin says.
    pub overrides: bool,
}

/// What an origin request policy tells the origin of a visitor's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRequest {
    pub name: String,
    /// Whether the origin gets the visitor's `Host` in the place of its own name.
    pub forwards_host: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginSetup {
    pub domain_name: String,
    /// Empty, or `/a/b`.
    pub path: String,
    pub access: OriginAccess,
}

impl OriginSetup {
    /// Whether it is this bucket, at S3's own address or at its website's.
    pub fn is_of(&self, bucket: &str) -> bool {
        is_of_bucket(&self.domain_name, bucket)
    }

    /// Whether viewers find there what is under the prefix.
    pub fn leads_to(&self, prefix: &KeyPrefix) -> bool {
        let path = self.path.trim_matches('/');
        path.is_empty() || prefix.as_str().starts_with(&format!("{path}/"))
    }
}

/// The cache behavior that shows the site.
#[derive(Clone, Copy, Debug)]
pub struct SiteBehavior<'a> {
    pub setup: &'a BehaviorSetup,
    /// The paths that it is for; none where it is the default one.
    pub pattern: Option<&'a str>,
}

impl DistributionSetup {
    /// The default behavior, unless that leads elsewhere and another one to the target: a site may have a part of a
    /// distribution, such as `/docs/*`.
    pub fn site_behavior(&self, bucket: &str, prefix: &KeyPrefix) -> SiteBehavior<'_> {
        let shows = |behavior: &BehaviorSetup| {
            behavior.origin.as_ref().is_some_and(|origin| origin.is_of(bucket) && origin.leads_to(prefix))
        };
        let default = SiteBehavior { setup: &self.default_behavior, pattern: None };
        if self.default_behavior.origin.as_ref().is_some_and(|origin| origin.is_of(bucket)) {
            return default;
        }
        let other = self.path_behaviors.iter().find_map(|behavior| match &behavior.target {
            PathTarget::Bucket(own) if shows(own) => {
                Some(SiteBehavior { setup: own, pattern: Some(&behavior.pattern) })
            }
            PathTarget::Bucket(_) | PathTarget::Elsewhere { .. } => None,
        });
        other.unwrap_or(default)
    }
}

/// Whether an origin's domain name is this bucket's: `BUCKET.s3.REGION.amazonaws.com` and the older ways to write it.
pub fn is_of_bucket(domain_name: &str, bucket: &str) -> bool {
    let rest = domain_name.strip_prefix(bucket).and_then(|rest| rest.strip_prefix(".s3"));
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginAccess {
    /// Unsigned requests.
    None,
    /// The older kind, by its id.
    Identity {
        id: String,
    },
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
    /// What is in the key goes to the origin, too: whether the visitor's `Host` does.
    pub forwards_host: bool,
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
    pub addresses: AddressAnswers,
    /// And for the distribution's own name.
    pub distribution_addresses: AddressAnswers,
    /// Where the two have no IPv4 address in common, asked for twice.
    pub closer: Option<CloserLook>,
    /// Of a name without an address: who is asked for it. None where no zone but a top-level domain is known to the world.
    pub asked_zone: Option<AskedZone>,
}

/// The zone with the longest name that holds a name and that the world knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedZone {
    pub name: DnsName,
    /// Those that a resolver names; at least one.
    pub servers: Vec<DnsName>,
}

impl AskedZone {
    /// Whether Route 53 answers for it.
    ///
    /// Source: "Configuring white-label name servers", Amazon Route 53 Developer Guide: its own name servers are called
    /// `ns-2048.awsdns-64.com` and the like. White-label ones pass for somebody else's.
    pub fn is_in_route53(&self) -> bool {
        self.servers.iter().any(|server| server.as_str().contains(".awsdns-"))
    }
}

/// Where a name leads: most visitors' systems ask for both kinds, and take an IPv6 address where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAnswers {
    pub v4: DnsAnswer,
    pub v6: DnsAnswer,
}

/// Why the record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub what: String,
    pub remedy: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFacts {
    /// The live release's id; absent before the first push.
    pub release: Reading<String>,
    /// The pages and files of the live release.
    pub live_keys: Vec<ObjectKey>,
    /// Why the record, which is there, cannot be used.
    pub damage: Option<Damage>,
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
