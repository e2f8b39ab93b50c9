//! A distribution's settings and what they refer to: policies, origin access controls, functions. Only reads.

use aws_sdk_cloudfront::types::{
    CachePolicyConfig, CustomErrorResponses, DistributionConfig, FunctionStage, Headers, HttpVersion,
    InvalidationList,
};

use super::CloudFront;
use super::behaviors::{self, DescribedBehavior};
use super::names::{alias_names, certificate_of, is_deployed};
use crate::core::doctor::{CacheKey, CachePolicy, ErrorResponse, InvalidationCount, OriginAccessControl};
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::name::DnsName;
use crate::core::iam_policy::operation::Operation;
use crate::edges::call::{CallError, FailureKind};

/// A distribution as CloudFront describes it; what it refers to is named only.
#[derive(Clone, Debug)]
pub struct DescribedDistribution {
    pub arn: String,
    pub domain_name: String,
    pub is_enabled: bool,
    pub is_deployed: bool,
    pub default_root_object: String,
    pub http_version: String,
    pub aliases: Vec<DnsName>,
    pub certificate: ViewerCertificate,
    pub default_behavior: DescribedBehavior,
    /// The others, in the order in which they are tried.
    pub path_behaviors: Vec<DescribedBehavior>,
    pub error_responses: Vec<ErrorResponse>,
    pub cache_tag_header: Option<String>,
}

/// CloudFront keeps an error for this long where nothing is said.
///
/// Source: "How CloudFront caches HTTP 4xx and 5xx status codes", CloudFront Developer Guide.
const DEFAULT_ERROR_TTL_SECONDS: i64 = 10;

/// And an object for at most this long, where a policy does not say.
///
/// Source: `CachePolicyConfig`, CloudFront API Reference.
const DEFAULT_MAX_TTL_SECONDS: i64 = 31_536_000;

/// Pages of invalidations that are asked for at most: a thousand in progress is as much as anybody wants to know.
const PROGRESS_PAGES: usize = 10;

impl CloudFront {
    /// A distribution; none when there is no such one.
    ///
    /// # Errors
    /// As any call.
    pub async fn describe_distribution(&self, id: &str) -> Result<Option<DescribedDistribution>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_DISTRIBUTION)
            .run(id, || async { self.client.get_distribution().id(id).send().await.map_err(CallError::from) })
            .await;
        let Some(output) = there(found)? else { return Ok(None) };
        let incomplete = || CallError::local(FailureKind::Other, "the answer has no configuration");
        let distribution = output.distribution.ok_or_else(incomplete)?;
        let config = distribution.distribution_config().ok_or_else(incomplete)?;
        let described = described(config).ok_or_else(incomplete)?;
        Ok(Some(DescribedDistribution {
            arn: distribution.arn().to_owned(),
            domain_name: distribution.domain_name().to_owned(),
            is_deployed: is_deployed(distribution.status()),
            ..described
        }))
    }

    /// A cache policy; none when there is no such one.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_cache_policy(&self, id: &str) -> Result<Option<CachePolicy>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_CACHE_POLICY)
            .run(id, || async { self.client.get_cache_policy().id(id).send().await.map_err(CallError::from) })
            .await;
        let policy = there(found)?.and_then(|output| output.cache_policy);
        Ok(policy.as_ref().and_then(|policy| policy.cache_policy_config()).map(cache_policy))
    }

    /// An origin access control; none when there is no such one.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_origin_access_control(
        &self,
        id: &str,
    ) -> Result<Option<OriginAccessControl>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_ORIGIN_ACCESS_CONTROL)
            .run(id, || async {
                self.client.get_origin_access_control().id(id).send().await.map_err(CallError::from)
            })
            .await;
        let control = there(found)?.and_then(|output| output.origin_access_control);
        let config = control.as_ref().and_then(|control| control.origin_access_control_config());
        Ok(config.map(|config| OriginAccessControl {
            origin_type: config.origin_access_control_origin_type().as_str().to_owned(),
            signing_behavior: config.signing_behavior().as_str().to_owned(),
        }))
    }

    /// The code of a function as it runs; none when it was never published.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_live_function(&self, name: &str) -> Result<Option<String>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_FUNCTION)
            .run(name, || async {
                let request = self.client.get_function().name(name).stage(FunctionStage::Live);
                request.send().await.map_err(CallError::from)
            })
            .await;
        let code = there(found)?.and_then(|output| output.function_code);
        Ok(code.map(|code| String::from_utf8_lossy(code.as_ref()).into_owned()))
    }

    /// The ARNs of the stores that a function reads as it runs; none when it was never published.
    ///
    /// # Errors
    /// As any call.
    pub async fn list_function_stores(&self, name: &str) -> Result<Option<Vec<String>>, CallError> {
        let found = self
            .retry
            .calling(Operation::DESCRIBE_FUNCTION)
            .run(name, || async {
                let request = self.client.describe_function().name(name).stage(FunctionStage::Live);
                request.send().await.map_err(CallError::from)
            })
            .await;
        let Some(output) = there(found)? else { return Ok(None) };
        let config = output.function_summary().and_then(|summary| summary.function_config());
        let stores = config.and_then(|config| config.key_value_store_associations());
        let stores =
            stores.map(aws_sdk_cloudfront::types::KeyValueStoreAssociations::items).unwrap_or_default();
        Ok(Some(stores.iter().map(|store| store.key_value_store_arn().to_owned()).collect()))
    }

    /// Invalidations that have not taken effect everywhere. They are listed from the newest on: a page without any is the
    /// last that is looked at, and there are never more than [`PROGRESS_PAGES`].
    ///
    /// # Errors
    /// As any call.
    pub async fn count_invalidations_in_progress(
        &self,
        id: &str,
    ) -> Result<Option<InvalidationCount>, CallError> {
        let mut total = 0;
        let mut marker: Option<String> = None;
        for _ in 0..PROGRESS_PAGES {
            let found = self
                .retry
                .calling(Operation::LIST_INVALIDATIONS)
                .run(id, || async {
                    let request = self.client.list_invalidations().distribution_id(id);
                    let request = request.max_items(super::LIST_PAGE).set_marker(marker.clone());
                    request.send().await.map_err(CallError::from)
                })
                .await;
            let list = there(found)?.and_then(|output| output.invalidation_list);
            let items = list.as_ref().map(InvalidationList::items).unwrap_or_default();
            let count = items.iter().filter(|item| !super::is_completed(item.status())).count() as u64;
            total += count;
            let next = list.filter(InvalidationList::is_truncated).and_then(|list| list.next_marker);
            if count == 0 || next.is_none() {
                return Ok(Some(InvalidationCount { count: total, is_all: true }));
            }
            marker = next;
        }
        Ok(Some(InvalidationCount { count: total, is_all: false }))
    }
}

/// All but what stands beside the configuration; none for a configuration that has no default behavior.
fn described(config: &DistributionConfig) -> Option<DescribedDistribution> {
    let (default_behavior, path_behaviors) = behaviors::described(config)?;
    Some(DescribedDistribution {
        arn: String::new(),
        domain_name: String::new(),
        is_deployed: false,
        is_enabled: config.enabled(),
        default_root_object: config.default_root_object().unwrap_or_default().to_owned(),
        http_version: config.http_version().map_or("http1.1", HttpVersion::as_str).to_owned(),
        aliases: alias_names(config.aliases()).into_iter().collect(),
        certificate: certificate_of(config.viewer_certificate()),
        default_behavior,
        path_behaviors,
        error_responses: config.custom_error_responses().map(error_responses).unwrap_or_default(),
        cache_tag_header: config.cache_tag_config().map(|tags| tags.header_name().to_owned()),
    })
}

fn error_responses(responses: &CustomErrorResponses) -> Vec<ErrorResponse> {
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let responses = responses.items().iter().map(|response| ErrorResponse {
        error_code: response.error_code(),
        response_code: text(response.response_code()),
        page: text(response.response_page_path()),
        min_ttl_seconds: response.error_caching_min_ttl().unwrap_or(DEFAULT_ERROR_TTL_SECONDS),
    });
    responses.collect()
}

fn cache_policy(config: &CachePolicyConfig) -> CachePolicy {
    let key = config.parameters_in_cache_key_and_forwarded_to_origin();
    let headers = key.and_then(|key| key.headers_config());
    let behavior = |value: Option<&str>| value.unwrap_or("none").to_owned();
    CachePolicy {
        name: config.name().to_owned(),
        min_ttl_seconds: config.min_ttl(),
        max_ttl_seconds: config.max_ttl().unwrap_or(DEFAULT_MAX_TTL_SECONDS),
        forwards_host: headers.is_some_and(|headers| {
            let named = headers.headers().map(Headers::items).unwrap_or_default();
            named.iter().any(|name| name.eq_ignore_ascii_case("host"))
        }),
        accepts_gzip: key.is_some_and(
            aws_sdk_cloudfront::types::ParametersInCacheKeyAndForwardedToOrigin::enable_accept_encoding_gzip,
        ),
        accepts_brotli: key.is_some_and(|key| key.enable_accept_encoding_brotli().unwrap_or(false)),
        key: CacheKey {
            headers: behavior(headers.map(|config| config.header_behavior().as_str())),
            cookies: behavior(
                key.and_then(|key| key.cookies_config()).map(|config| config.cookie_behavior().as_str()),
            ),
            query: behavior(
                key.and_then(|key| key.query_strings_config())
                    .map(|config| config.query_string_behavior().as_str()),
            ),
        },
    }
}

/// An answer; none when what was asked for is not there.
pub(super) fn there<T>(found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match found {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind == FailureKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
