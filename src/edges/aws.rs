//! The connection to AWS or to an endpoint that speaks its language: credentials, region, clients.

use std::time::Duration;

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{ConfigBag, Credentials, Intercept, RuntimeComponents};
use aws_types::service_config::ServiceConfigKey;

use super::call::Contact;
use super::clock::Clock;
use super::connections::{CONNECT_LIMIT, Connections};
use super::credentials::{Found, of_profile};
use super::xml;

/// How to reach the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Every service is asked there, whatever `AWS_ENDPOINT_URL_<SERVICE>` says: as with the AWS CLI's `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// Access key id and secret; without them the SDK's whole chain is asked.
    pub static_keys: Option<(String, String)>,
}

/// Used where nothing names a region: the bucket's own is then found from the answer.
const DEFAULT_REGION: &str = "us-east-1";

/// One attempt at a call without a large body takes no longer.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(120);

/// What a line must carry of one body, in bytes a second: 16 bodies at once are a home's upload of 4 Mbit/s.
const SLOWEST_BODY: u64 = 32 << 10;

/// How long one attempt to send a body may take. A body on a slow line that was given up by the clock would be given up
/// each time, and nothing would ever arrive.
pub(super) fn attempt_limit(body_bytes: u64) -> Duration {
    ATTEMPT_LIMIT + Duration::from_secs(body_bytes / SLOWEST_BODY)
}

/// The limits of a call that sends a body.
pub(super) fn timeouts(body_bytes: u64) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_LIMIT)
        .operation_attempt_timeout(attempt_limit(body_bytes))
        .build()
}

/// Loads what all clients share. Asks nobody: credentials are looked up at the first call, and judged by `clock`.
pub async fn load(connection: &Connection, clock: &Clock) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(0))
        .http_client(Connections::default().http_client());
    if let Some(profile) = &connection.profile {
        // By the SDK's own chain, keys in the environment would win over the profile that was asked for.
        loader = loader
            .profile_name(profile)
            .credentials_provider(of_profile(profile, connection.region.as_deref()).await);
    }
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint_url) = &connection.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    if let Some((access_key_id, secret_access_key)) = &connection.static_keys {
        let keys = Credentials::new(access_key_id, secret_access_key, None, None, "sitepush");
        loader = loader.credentials_provider(keys);
    }
    let config = loader.load().await;
    let region = config.region().cloned().unwrap_or_else(|| Region::from_static(DEFAULT_REGION));
    let chain = config.credentials_provider();
    let mut builder = config.into_builder().region(region);
    if let Some(inner) = chain {
        builder = builder.credentials_provider(SharedCredentialsProvider::new(Found::by(inner, clock)));
    }
    builder.build()
}

/// The region that the profile in use names in `~/.aws/config`, whatever the flags and the environment say.
pub async fn region_of_profile(connection: &Connection) -> Option<String> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = &connection.profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await.map(|region| region.to_string())
}

/// The place that a service is asked at, for messages.
pub(super) fn place_of(config: &SdkConfig, service_id: &'static str) -> String {
    endpoint_of(config, service_id).unwrap_or_else(|| {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        format!("{service_id} in {region}")
    })
}

/// Tells the clock the date of each answer.
#[derive(Debug)]
pub(super) struct LearnDate(pub Clock);

impl Intercept for LearnDate {
    fn name(&self) -> &'static str {
        "LearnDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(date) = context.response().headers().get("date") {
            self.0.learn(date);
        }
        Ok(())
    }
}

/// Notes that a service answers as soon as an answer begins: its body may be long.
#[derive(Debug)]
pub(super) struct Hear(pub Contact);

impl Intercept for Hear {
    fn name(&self) -> &'static str {
        "Hear"
    }

    fn read_before_deserialization(
        &self,
        _context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.make();
        Ok(())
    }
}

/// Refuses an answer whose document is not whole. The SDK reads on past what is missing: of a listing that was cut it
/// makes a shorter listing, and of an answer that was cut before its errors a success.
#[derive(Debug)]
pub(super) struct WholeAnswers;

impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let response = context.response();
        // The body of an object is read by the caller, and is none of ours.
        match response.body().bytes() {
            Some(body) if response.status().is_success() => xml::check_whole(body).map_err(Into::into),
            _ => Ok(()),
        }
    }
}

/// The endpoint that a service is asked at instead of AWS: the one set in code, else `AWS_ENDPOINT_URL_<SERVICE>` and
/// its entry in the profile, else the one for all services. The same order as in the SDK's clients.
pub(super) fn endpoint_of(config: &SdkConfig, service_id: &'static str) -> Option<String> {
    let for_all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .expect("all parts of the key are given");
    config.service_config().and_then(|settings| settings.load_config(key)).or_else(for_all)
}

/// Whether an endpoint wants the bucket in the path: everything but AWS itself.
pub(super) fn wants_path_style(config: &SdkConfig) -> bool {
    endpoint_of(config, "S3").is_some_and(|url| !url.contains("amazonaws.com"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::plan::PART_SIZE_BYTES;

    #[test]
    fn a_large_body_has_the_time_that_a_slow_line_needs() {
        assert_eq!(attempt_limit(0), ATTEMPT_LIMIT);
        // Sixteen parts at once over 4 Mbit/s.
        let needed = 16 * PART_SIZE_BYTES / (4_000_000 / 8);
        assert!(attempt_limit(PART_SIZE_BYTES) > Duration::from_secs(needed));
    }
}
