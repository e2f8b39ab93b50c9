//! Reads what `core::doctor` judges: everything at once, each thing once, and nothing is changed.
//!
//! A failed read is a reading, not an error: it ends nothing but its own check.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};

use crate::core::doctor::{
    AddressAnswers, AliasFacts, AskedZone, BehaviorSetup, BucketFacts, Caching, DistributionSetup,
    FunctionFacts, IdentityFacts, OriginAccess, OriginAccessControl, OriginRequest, OriginSetup,
    PathBehavior, PathTarget, Reading, ResponseHeaders, is_of_bucket,
};
use crate::core::domain::certificate::Certificate;
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;
use crate::edges::acm::CertificateManager;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::{CloudFront, DescribedBehavior, DescribedOrigin};
use crate::edges::dns::{Dns, Question};
use crate::edges::s3::Bucket;
use crate::edges::sts::TokenService;

use super::addresses::compare;

/// Distributions that are asked about at a time: each takes some eight requests.
const DISTRIBUTIONS_AT_ONCE: usize = 4;

/// Policies of one kind that are asked for at a time, for each distribution.
const POLICIES_AT_ONCE: usize = 4;

/// Who is asked.
pub struct DoctorEdges {
    pub tokens: TokenService,
    pub bucket: Bucket,
    pub cloudfront: CloudFront,
    pub certificates: CertificateManager,
    pub dns: Dns,
    pub clock: Clock,
}

/// A result of a call as a reading.
pub fn reading<T>(result: Result<Option<T>, CallError>) -> Reading<T> {
    let error = match result {
        Ok(Some(value)) => return Reading::Known(value),
        Ok(None) => return Reading::Absent,
        Err(error) => error,
    };
    if let Some(action) = error.missing_action() {
        return Reading::Denied { action: action.to_owned() };
    }
    match error.kind {
        FailureKind::Unsupported => Reading::Unsupported,
        _ => Reading::Failed { why: error.message },
    }
}

/// Whose the credentials are. The clock tells the difference only after S3 has answered once.
pub async fn identity(edges: &DoctorEdges) -> IdentityFacts {
    let (caller, expires) = tokio::join!(edges.tokens.get_caller_identity(), edges.tokens.credentials_end());
    let mut refusal = None;
    let caller = match caller {
        Ok(caller) => Reading::Known(caller),
        Err(error) => match error.kind {
            FailureKind::Credentials => {
                refusal = Some(error.message);
                Reading::Absent
            }
            // It takes no permission: who denies it, or finds nothing there, does not know it.
            FailureKind::Denied | FailureKind::Unsupported | FailureKind::NotFound => Reading::Unsupported,
            _ => Reading::Failed { why: error.message },
        },
    };
    let now = edges.clock.local_now();
    IdentityFacts { caller, refusal, expires, clock_skew: edges.clock.offset(), now }
}

/// The bucket's settings.
pub async fn bucket(bucket: &Bucket) -> BucketFacts {
    let (region, public_access_block, object_ownership, versioning, encryption, policy, lifecycle) = tokio::join!(
        bucket.get_region(),
        bucket.get_public_access_block(),
        bucket.get_object_ownership(),
        bucket.get_versioning(),
        bucket.get_encryption(),
        bucket.get_policy(),
        bucket.get_lifecycle(),
    );
    let elsewhere = region.as_ref().err().filter(|error| error.kind == FailureKind::WrongRegion);
    let errors = [
        region.as_ref().err(),
        public_access_block.as_ref().err(),
        object_ownership.as_ref().err(),
        versioning.as_ref().err(),
        encryption.as_ref().err(),
        policy.as_ref().err(),
        lifecycle.as_ref().err(),
    ];
    let refusal = errors.into_iter().flatten().find(|error| error.kind == FailureKind::Credentials);
    BucketFacts {
        refusal: refusal.map(|error| error.message.clone()),
        elsewhere: elsewhere.map(|error| error.message.clone()),
        region: reading(region),
        public_access_block: reading(public_access_block),
        object_ownership: reading(object_ownership),
        versioning: reading(versioning),
        encryption: reading(encryption),
        policy: reading(policy),
        lifecycle: reading(lifecycle),
    }
}

/// The distributions, by id.
pub async fn distributions(
    edges: &DoctorEdges,
    ids: &[String],
) -> BTreeMap<String, Reading<DistributionSetup>> {
    let asked = ids.iter().map(|id| async move { (id.clone(), distribution(edges, id).await) });
    stream::iter(asked).buffer_unordered(DISTRIBUTIONS_AT_ONCE).collect().await
}

async fn distribution(edges: &DoctorEdges, id: &str) -> Reading<DistributionSetup> {
    let cloudfront = &edges.cloudfront;
    let found = match reading(cloudfront.describe_distribution(id).await) {
        Reading::Known(found) => found,
        Reading::Absent => return Reading::Absent,
        Reading::Denied { action } => return Reading::Denied { action },
        Reading::Unsupported => return Reading::Unsupported,
        Reading::Failed { why } => return Reading::Failed { why },
    };
    let bucket = edges.bucket.name();
    let leads_to_bucket = |behavior: &&DescribedBehavior| {
        behavior.origin.as_ref().is_some_and(|origin| is_of_bucket(&origin.domain_name, bucket))
    };
    let mut looked_at = vec![&found.default_behavior];
    looked_at.extend(found.path_behaviors.iter().filter(leads_to_bucket));
    let (parts, in_progress) =
        tokio::join!(Parts::read(cloudfront, &looked_at), cloudfront.count_invalidations_in_progress(id));
    let path_behaviors = found.path_behaviors.iter().map(|behavior| PathBehavior {
        pattern: behavior.path_pattern.clone().unwrap_or_default(),
        target: if leads_to_bucket(&behavior) {
            PathTarget::Bucket(Box::new(parts.behavior(behavior)))
        } else {
            let host = behavior.origin.as_ref().map(|origin| origin.domain_name.clone());
            PathTarget::Elsewhere { host: host.unwrap_or_else(|| "nothing".to_owned()) }
        },
    });
    Reading::Known(DistributionSetup {
        default_behavior: parts.behavior(&found.default_behavior),
        path_behaviors: path_behaviors.collect(),
        arn: found.arn,
        domain_name: found.domain_name,
        is_enabled: found.is_enabled,
        is_deployed: found.is_deployed,
        default_root_object: found.default_root_object,
        http_version: found.http_version,
        aliases: found.aliases,
        certificate: found.certificate,
        error_responses: found.error_responses,
        cache_tag_header: found.cache_tag_header,
        invalidations_in_progress: reading(in_progress),
    })
}

/// What cache behaviors refer to, by id or name: several have the same.
struct Parts {
    access_controls: BTreeMap<String, Reading<OriginAccessControl>>,
    cache_policies: BTreeMap<String, Reading<Caching>>,
    response_headers: BTreeMap<String, Reading<ResponseHeaders>>,
    origin_requests: BTreeMap<String, Reading<OriginRequest>>,
    functions: BTreeMap<String, Reading<FunctionFacts>>,
}

impl Parts {
    async fn read(cloudfront: &CloudFront, behaviors: &[&DescribedBehavior]) -> Self {
        let each = || behaviors.iter();
        let controls = each().filter_map(|behavior| behavior.origin.as_ref()?.access_control_id.clone());
        let cache_policies = each().filter_map(|behavior| behavior.cache_policy_id.clone());
        let headers_policies = each().filter_map(|behavior| behavior.response_headers_policy_id.clone());
        let request_policies = each().filter_map(|behavior| behavior.origin_request_policy_id.clone());
        let functions = each().filter_map(|behavior| function_name(behavior).map(str::to_owned));
        let (access_controls, cache_policies, response_headers, origin_requests, functions) = tokio::join!(
            read_each(controls, async |id: &str| { reading(cloudfront.get_origin_access_control(id).await) }),
            read_each(cache_policies, async |id: &str| {
                let policy = cloudfront.get_cache_policy(id).await;
                reading(policy.map(|policy| policy.map(Caching::Policy)))
            }),
            read_each(headers_policies, async |id: &str| {
                reading(cloudfront.get_response_headers_policy(id).await)
            }),
            read_each(request_policies, async |id: &str| {
                reading(cloudfront.get_origin_request_policy(id).await)
            }),
            read_each(functions, async |name: &str| function(cloudfront, name).await),
        );
        Self { access_controls, cache_policies, response_headers, origin_requests, functions }
    }

    /// The behavior, with what it refers to.
    fn behavior(&self, found: &DescribedBehavior) -> BehaviorSetup {
        BehaviorSetup {
            origin: found.origin.as_ref().map(|origin| self.origin(origin)),
            compresses: found.compresses,
            viewer_protocol: found.viewer_protocol.clone(),
            caching: match &found.cache_policy_id {
                None => Reading::Known(Caching::Legacy),
                Some(id) => self.cache_policies.get(id).cloned().unwrap_or(Reading::Absent),
            },
            origin_request: part(&self.origin_requests, found.origin_request_policy_id.as_deref()),
            wants_signatures: found.wants_signatures,
            function: part(&self.functions, function_name(found)),
            response_headers: part(&self.response_headers, found.response_headers_policy_id.as_deref()),
        }
    }

    fn origin(&self, found: &DescribedOrigin) -> OriginSetup {
        let access = match (&found.access_control_id, &found.access_identity_id) {
            (Some(id), _) => OriginAccess::Control(part(&self.access_controls, Some(id))),
            (None, Some(id)) => OriginAccess::Identity { id: id.clone() },
            (None, None) => OriginAccess::None,
        };
        OriginSetup { domain_name: found.domain_name.clone(), path: found.path.clone(), access }
    }
}

/// Absent where the behavior refers to none.
fn part<T: Clone>(parts: &BTreeMap<String, Reading<T>>, id: Option<&str>) -> Reading<T> {
    id.and_then(|id| parts.get(id)).cloned().unwrap_or(Reading::Absent)
}

/// Reads each once, however often it is named.
async fn read_each<T>(
    names: impl Iterator<Item = String>,
    read: impl AsyncFn(&str) -> Reading<T>,
) -> BTreeMap<String, Reading<T>> {
    let names: BTreeSet<String> = names.collect();
    let read = &read;
    let asked = names.into_iter().map(|name| async move {
        let found = read(&name).await;
        (name, found)
    });
    stream::iter(asked).buffer_unordered(POLICIES_AT_ONCE).collect().await
}

/// The name of the function for viewer requests.
fn function_name(behavior: &DescribedBehavior) -> Option<&str> {
    behavior.function_arn.as_deref().and_then(|arn| arn.rsplit('/').next())
}

async fn function(cloudfront: &CloudFront, name: &str) -> Reading<FunctionFacts> {
    let (code, stores) =
        tokio::join!(cloudfront.get_live_function(name), cloudfront.list_function_stores(name));
    Reading::Known(FunctionFacts { name: name.to_owned(), code: reading(code), store_arns: reading(stores) })
}

/// Where the aliases lead, and the certificates that are shown for them.
pub async fn aliases(
    edges: &DoctorEdges,
    distributions: &BTreeMap<String, Reading<DistributionSetup>>,
) -> BTreeMap<DnsName, AliasFacts> {
    let known = distributions.iter().filter_map(|(id, setup)| Some((id, setup.known()?)));
    let with_names = known.filter(|(_, setup)| !setup.aliases.is_empty());
    let asked = with_names.map(|(id, setup)| async move {
        let own = DnsName::from_service(&setup.domain_name);
        let (certificate, distribution_addresses) =
            tokio::join!(certificate(edges, setup), addresses(edges, &own));
        let found = setup.aliases.iter().map(|alias| {
            let (own, certificate) = (own.clone(), certificate.clone());
            let AddressAnswers { v4: own_v4, v6: own_v6 } = distribution_addresses.clone();
            async move {
                let AddressAnswers { v4, v6 } = addresses(edges, alias).await;
                let has_none = |answer: &DnsAnswer| {
                    matches!(
                        answer,
                        DnsAnswer::NoSuchName | DnsAnswer::NoRecords | DnsAnswer::Referred { .. }
                    )
                };
                let is_missing = has_none(&v4) && has_none(&v6) && !alias.is_wildcard();
                let asked_zone = if is_missing { asked_zone(&edges.dns, alias).await } else { None };
                let compared = compare(&edges.dns, (alias, v4), (&own, own_v4)).await;
                let facts = AliasFacts {
                    distribution_id: id.clone(),
                    certificate,
                    addresses: AddressAnswers { v4: compared.name, v6 },
                    distribution_addresses: AddressAnswers { v4: compared.distribution, v6: own_v6 },
                    closer: compared.closer,
                    asked_zone,
                };
                (alias.clone(), facts)
            }
        });
        join_all(found).await
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Who is asked for a name; top-level domains are nobody's zone.
async fn asked_zone(dns: &Dns, name: &DnsName) -> Option<AskedZone> {
    for at in name.ancestors().filter(|at| at.parent().is_some()) {
        match dns.ask_resolver(&at, Question::NameServers).await {
            DnsAnswer::Records(values) => {
                let servers = values.iter().map(|value| DnsName::from_service(value)).collect();
                return Some(AskedZone { name: at, servers });
            }
            DnsAnswer::Referred { zone, servers } => return Some(AskedZone { name: zone, servers }),
            _ => {}
        }
    }
    None
}

async fn addresses(edges: &DoctorEdges, name: &DnsName) -> AddressAnswers {
    let (v4, v6) = tokio::join!(
        edges.dns.ask_resolver(name, Question::Address),
        edges.dns.ask_resolver(name, Question::AddressV6)
    );
    AddressAnswers { v4, v6 }
}

async fn certificate(edges: &DoctorEdges, setup: &DistributionSetup) -> Reading<Certificate> {
    let Some(arn) = setup.certificate.arn() else { return Reading::Absent };
    match edges.certificates.describe_certificate(arn).await {
        Err(error) if error.kind == FailureKind::NotFound => Reading::Absent,
        found => reading(found.map(Some)),
    }
}
