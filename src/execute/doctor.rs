//! Reads what `core::doctor` judges: everything at once, each thing once, and nothing is changed.
//!
//! A failed read is a reading, not an error: it ends nothing but its own check.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};

use crate::core::doctor::{
    AliasFacts, BucketFacts, Caching, DistributionSetup, FunctionFacts, IdentityFacts, OriginAccess,
    OriginSetup, Reading,
};
use crate::core::domain::certificate::Certificate;
use crate::core::domain::name::DnsName;
use crate::edges::acm::CertificateManager;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::{CloudFront, DescribedDistribution};
use crate::edges::dns::{Dns, Question};
use crate::edges::s3::Bucket;
use crate::edges::sts::TokenService;

/// Distributions that are asked about at a time: each takes some seven requests.
const DISTRIBUTIONS_AT_ONCE: usize = 4;

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
    let caller = match caller {
        Ok(caller) => Reading::Known(caller),
        Err(error) => match error.kind {
            FailureKind::Credentials => Reading::Absent,
            // It takes no permission: who denies it, or finds nothing there, does not know it.
            FailureKind::Denied | FailureKind::Unsupported | FailureKind::NotFound => Reading::Unsupported,
            _ => Reading::Failed { why: error.message },
        },
    };
    let now = edges.clock.local_now();
    let clock_skew = edges.clock.service_now().duration_since(now);
    IdentityFacts { caller, expires, clock_skew, now }
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
    BucketFacts {
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
    let asked = ids.iter().map(|id| async move { (id.clone(), distribution(&edges.cloudfront, id).await) });
    stream::iter(asked).buffer_unordered(DISTRIBUTIONS_AT_ONCE).collect().await
}

async fn distribution(cloudfront: &CloudFront, id: &str) -> Reading<DistributionSetup> {
    let found = match reading(cloudfront.describe_distribution(id).await) {
        Reading::Known(found) => found,
        Reading::Absent => return Reading::Absent,
        Reading::Denied { action } => return Reading::Denied { action },
        Reading::Unsupported => return Reading::Unsupported,
        Reading::Failed { why } => return Reading::Failed { why },
    };
    let (origin, caching, function, in_progress) = tokio::join!(
        origin(cloudfront, &found),
        caching(cloudfront, &found),
        function(cloudfront, &found),
        cloudfront.count_invalidations_in_progress(id),
    );
    Reading::Known(DistributionSetup {
        arn: found.arn,
        domain_name: found.domain_name,
        is_enabled: found.is_enabled,
        is_deployed: found.is_deployed,
        default_root_object: found.default_root_object,
        http_version: found.http_version,
        aliases: found.aliases,
        certificate: found.certificate,
        origin,
        compresses: found.compresses,
        viewer_protocol: found.viewer_protocol,
        caching,
        error_responses: found.error_responses,
        function,
        cache_tag_header: found.cache_tag_header,
        invalidations_in_progress: reading(in_progress),
    })
}

async fn origin(cloudfront: &CloudFront, found: &DescribedDistribution) -> Option<OriginSetup> {
    let origin = found.origin.as_ref()?;
    let access = match &origin.access_control_id {
        Some(id) => {
            let control = cloudfront.get_origin_access_control(id).await;
            OriginAccess::Control(reading(control))
        }
        None if origin.has_access_identity => OriginAccess::Identity,
        None => OriginAccess::None,
    };
    Some(OriginSetup { domain_name: origin.domain_name.clone(), path: origin.path.clone(), access })
}

async fn caching(cloudfront: &CloudFront, found: &DescribedDistribution) -> Reading<Caching> {
    match &found.cache_policy_id {
        None => Reading::Known(Caching::Legacy),
        Some(id) => {
            let policy = cloudfront.get_cache_policy(id).await;
            reading(policy.map(|policy| policy.map(Caching::Policy)))
        }
    }
}

async fn function(cloudfront: &CloudFront, found: &DescribedDistribution) -> Reading<FunctionFacts> {
    let name = found.function_arn.as_deref().and_then(|arn| arn.rsplit('/').next());
    let Some(name) = name else { return Reading::Absent };
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
            tokio::join!(certificate(edges, setup), edges.dns.ask_resolver(&own, Question::Address));
        let found = setup.aliases.iter().map(|alias| {
            let (certificate, distribution_addresses) = (certificate.clone(), distribution_addresses.clone());
            async move {
                let addresses = edges.dns.ask_resolver(alias, Question::Address).await;
                let distribution_id = id.clone();
                let facts = AliasFacts { distribution_id, certificate, addresses, distribution_addresses };
                (alias.clone(), facts)
            }
        });
        join_all(found).await
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn certificate(edges: &DoctorEdges, setup: &DistributionSetup) -> Reading<Certificate> {
    let Some(arn) = setup.certificate.arn() else { return Reading::Absent };
    match edges.certificates.describe_certificate(arn).await {
        Err(error) if error.kind == FailureKind::NotFound => Reading::Absent,
        found => reading(found.map(Some)),
    }
}
