//! The cache behaviors of a distribution, and what their response headers policies say. Only reads.

use std::collections::BTreeMap;

use aws_sdk_cloudfront::types::{
    CacheBehavior, CacheBehaviors, DefaultCacheBehavior, DistributionConfig, EventType, FunctionAssociations,
    Headers, Origin, OriginGroupMembers, OriginGroups, OriginRequestPolicyConfig,
    OriginRequestPolicyHeaderBehavior, OriginRequestPolicyHeadersConfig, Origins,
    ResponseHeadersPolicyConfig, ResponseHeadersPolicyCustomHeadersConfig,
    ResponseHeadersPolicyRemoveHeadersConfig, ResponseHeadersPolicySecurityHeadersConfig, S3OriginConfig,
    TrustedKeyGroups, TrustedSigners, ViewerProtocolPolicy,
};

use super::CloudFront;
use super::settings::there;
use crate::core::doctor::{AddedHeader, OriginRequest, ResponseHeaders};
use crate::core::iam_policy::operation::Operation;
use crate::edges::call::CallError;

/// A cache behavior; what it refers to is named only.
#[derive(Clone, Debug)]
pub struct DescribedBehavior {
    /// None of the default one.
    pub path_pattern: Option<String>,
    /// Where requests are led; the first one of a group.
    pub origin: Option<DescribedOrigin>,
    pub compresses: bool,
    pub viewer_protocol: String,
    /// None for settings of before there were policies.
    pub cache_policy_id: Option<String>,
    pub response_headers_policy_id: Option<String>,
    pub origin_request_policy_id: Option<String>,
    /// Whether there are trusted key groups or signers.
    pub wants_signatures: bool,
    /// The ARN of the function for viewer requests.
    pub function_arn: Option<String>,
}

/// The origin of a cache behavior.
#[derive(Clone, Debug)]
pub struct DescribedOrigin {
    pub domain_name: String,
    pub path: String,
    pub access_control_id: Option<String>,
    /// `E1` of `origin-access-identity/cloudfront/E1`.
    pub access_identity_id: Option<String>,
}

impl CloudFront {
    /// A response headers policy; none when there is no such one.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_response_headers_policy(&self, id: &str) -> Result<Option<ResponseHeaders>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_RESPONSE_HEADERS_POLICY)
            .run(id, || async {
                self.client.get_response_headers_policy().id(id).send().await.map_err(CallError::from)
            })
            .await;
        let policy = there(found)?.and_then(|output| output.response_headers_policy);
        let config = policy.as_ref().and_then(|policy| policy.response_headers_policy_config());
        Ok(config.map(response_headers))
    }

    /// An origin request policy; none when there is no such one.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_origin_request_policy(&self, id: &str) -> Result<Option<OriginRequest>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_ORIGIN_REQUEST_POLICY)
            .run(id, || async {
                self.client.get_origin_request_policy().id(id).send().await.map_err(CallError::from)
            })
            .await;
        let policy = there(found)?.and_then(|output| output.origin_request_policy);
        let config = policy.as_ref().and_then(|policy| policy.origin_request_policy_config());
        Ok(config.map(origin_request))
    }
}

/// The default behavior, and the others in the order in which they are tried.
pub(super) fn described(config: &DistributionConfig) -> Option<(DescribedBehavior, Vec<DescribedBehavior>)> {
    let others = config.cache_behaviors().map(CacheBehaviors::items).unwrap_or_default();
    let default = Parts::of_default(config.default_cache_behavior()?);
    let others = others.iter().map(|behavior| Parts::of_path(behavior).described(config));
    Some((default.described(config), others.collect()))
}

/// What both kinds of behaviors have.
struct Parts<'a> {
    path_pattern: Option<&'a str>,
    target_origin_id: &'a str,
    compress: Option<bool>,
    viewer_protocol: &'a ViewerProtocolPolicy,
    cache_policy_id: Option<&'a str>,
    response_headers_policy_id: Option<&'a str>,
    origin_request_policy_id: Option<&'a str>,
    key_groups: Option<&'a TrustedKeyGroups>,
    signers: Option<&'a TrustedSigners>,
    functions: Option<&'a FunctionAssociations>,
}

impl<'a> Parts<'a> {
    fn of_default(behavior: &'a DefaultCacheBehavior) -> Self {
        Self {
            path_pattern: None,
            target_origin_id: behavior.target_origin_id(),
            compress: behavior.compress(),
            viewer_protocol: behavior.viewer_protocol_policy(),
            cache_policy_id: behavior.cache_policy_id(),
            response_headers_policy_id: behavior.response_headers_policy_id(),
            origin_request_policy_id: behavior.origin_request_policy_id(),
            key_groups: behavior.trusted_key_groups(),
            signers: behavior.trusted_signers(),
            functions: behavior.function_associations(),
        }
    }

    fn of_path(behavior: &'a CacheBehavior) -> Self {
        Self {
            path_pattern: Some(behavior.path_pattern()),
            target_origin_id: behavior.target_origin_id(),
            compress: behavior.compress(),
            viewer_protocol: behavior.viewer_protocol_policy(),
            cache_policy_id: behavior.cache_policy_id(),
            response_headers_policy_id: behavior.response_headers_policy_id(),
            origin_request_policy_id: behavior.origin_request_policy_id(),
            key_groups: behavior.trusted_key_groups(),
            signers: behavior.trusted_signers(),
            functions: behavior.function_associations(),
        }
    }

    fn described(&self, config: &DistributionConfig) -> DescribedBehavior {
        let functions = self.functions.map(FunctionAssociations::items).unwrap_or_default();
        let function = functions.iter().find(|function| function.event_type() == &EventType::ViewerRequest);
        DescribedBehavior {
            path_pattern: self.path_pattern.map(str::to_owned),
            origin: origin(config, self.target_origin_id).map(described_origin),
            compresses: self.compress.unwrap_or(false),
            viewer_protocol: self.viewer_protocol.as_str().to_owned(),
            cache_policy_id: non_empty(self.cache_policy_id),
            response_headers_policy_id: non_empty(self.response_headers_policy_id),
            origin_request_policy_id: non_empty(self.origin_request_policy_id),
            wants_signatures: self.key_groups.is_some_and(TrustedKeyGroups::enabled)
                || self.signers.is_some_and(TrustedSigners::enabled),
            function_arn: function.map(|function| function.function_arn().to_owned()),
        }
    }
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The origin with this id, or the first one of the group with this id: the others answer when that one fails.
fn origin<'a>(config: &'a DistributionConfig, id: &str) -> Option<&'a Origin> {
    let groups = config.origin_groups().map(OriginGroups::items).unwrap_or_default();
    let group = groups.iter().find(|group| group.id() == id).and_then(|group| group.members());
    let first = group.map(OriginGroupMembers::items).and_then(<[_]>::first);
    let id = first.map_or(id, |member| member.origin_id());
    config.origins().map(Origins::items).unwrap_or_default().iter().find(|origin| origin.id() == id)
}

fn described_origin(origin: &Origin) -> DescribedOrigin {
    let identity = origin.s3_origin_config().map(S3OriginConfig::origin_access_identity);
    DescribedOrigin {
        domain_name: origin.domain_name().to_owned(),
        path: origin.origin_path().unwrap_or_default().to_owned(),
        access_control_id: non_empty(origin.origin_access_control_id()),
        access_identity_id: non_empty(identity.and_then(|identity| identity.rsplit('/').next())),
    }
}

/// Source: `OriginRequestPolicyHeadersConfig`, CloudFront API Reference: `Host` is one of the headers of a visitor's request.
fn origin_request(config: &OriginRequestPolicyConfig) -> OriginRequest {
    let headers = config.headers_config();
    let named = headers.and_then(|headers| headers.headers()).map(Headers::items).unwrap_or_default();
    let names_host = named.iter().any(|name| name.eq_ignore_ascii_case("host"));
    let forwards_host = match headers.map(OriginRequestPolicyHeadersConfig::header_behavior) {
        Some(
            OriginRequestPolicyHeaderBehavior::AllViewer
            | OriginRequestPolicyHeaderBehavior::AllViewerAndWhitelistCloudFront,
        ) => true,
        Some(OriginRequestPolicyHeaderBehavior::Whitelist) => names_host,
        Some(OriginRequestPolicyHeaderBehavior::AllExcept) => !names_host,
        _ => false,
    };
    OriginRequest { name: config.name().to_owned(), forwards_host }
}

fn response_headers(config: &ResponseHeadersPolicyConfig) -> ResponseHeaders {
    let custom = config.custom_headers_config().map(ResponseHeadersPolicyCustomHeadersConfig::items);
    let removed = config.remove_headers_config().map(ResponseHeadersPolicyRemoveHeadersConfig::items);
    let mut added = config.security_headers_config().map(security_headers).unwrap_or_default();
    added.extend(custom.unwrap_or_default().iter().map(|header| {
        let added = AddedHeader { value: header.value().to_owned(), overrides: header.r#override() };
        (header.header().to_ascii_lowercase(), added)
    }));
    let removed = removed.unwrap_or_default().iter().map(|header| header.header().to_ascii_lowercase());
    ResponseHeaders { name: config.name().to_owned(), added, removed: removed.collect() }
}

fn security_headers(config: &ResponseHeadersPolicySecurityHeadersConfig) -> BTreeMap<String, AddedHeader> {
    let mut added = BTreeMap::new();
    let mut add = |name: &str, value: String, overrides: bool| {
        added.insert(name.to_owned(), AddedHeader { value, overrides });
    };
    if let Some(found) = config.strict_transport_security() {
        let value = format!("max-age={}", found.access_control_max_age_sec());
        add("strict-transport-security", value, found.r#override());
    }
    if let Some(found) = config.content_type_options() {
        add("x-content-type-options", "nosniff".to_owned(), found.r#override());
    }
    if let Some(found) = config.frame_options() {
        add("x-frame-options", found.frame_option().as_str().to_owned(), found.r#override());
    }
    if let Some(found) = config.referrer_policy() {
        add("referrer-policy", found.referrer_policy().as_str().to_owned(), found.r#override());
    }
    if let Some(found) = config.content_security_policy() {
        let value = found.content_security_policy().to_owned();
        add("content-security-policy", value, found.r#override());
    }
    added
}
