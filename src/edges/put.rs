//! PutObject without the SDK's general path: signed by `aws-sigv4`, sent through the SDK's own connector.
//!
//! A first push is thousands of small PUTs, and three quarters of what one costs in the SDK is the machinery round it.
//! Credentials, endpoint rules, TLS and the connection pool are still the SDK's. Knows nothing of retries.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::core::digest::Sha256Digest;
use crate::core::outcome::Written;

use super::aws::{attempt_limit, endpoint_of, wants_path_style};
use super::call::{CallError, FailureKind, innermost, service_error};
use super::clock::Clock;
use super::connections::Connections;
use super::xml;

/// RFC 3986 unreserved characters and `/` stand for themselves in a key's path.
const PATH_ENCODED: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Sends PutObject requests to one bucket. Cloned freely; clones share the connections.
#[derive(Clone)]
pub(super) struct Putter(Arc<Inner>);

struct Inner {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    params: Params,
    endpoint: OnceCell<Endpoint>,
    region: String,
    clock: Clock,
}

/// Where the bucket is, by the SDK's rules: the same for all keys.
struct Endpoint {
    /// Without a closing slash.
    url: String,
    host: String,
}

/// One request.
pub(super) struct Put<'a> {
    /// With the target's prefix.
    pub bucket_key: &'a str,
    pub sha256: Sha256Digest,
    /// Content and cache headers, metadata and conditions: lower-case names.
    pub headers: Vec<(&'a str, &'a str)>,
    pub content_length: u64,
}

impl Putter {
    pub fn new(config: &SdkConfig, bucket: &str, clock: &Clock, connections: &Connections) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let mut params = Params::builder()
            .bucket(bucket)
            .region(region.as_str())
            .force_path_style(wants_path_style(config))
            .use_fips(config.use_fips().unwrap_or(false))
            .use_dual_stack(config.use_dual_stack().unwrap_or(false));
        if let Some(url) = endpoint_of(config, "S3") {
            params = params.endpoint(url);
        }
        Self(Arc::new(Inner {
            connector: connections.usual(),
            credentials: config.credentials_provider(),
            params: params.build().expect("a bucket and a region are enough"),
            endpoint: OnceCell::new(),
            region,
            clock: clock.clone(),
        }))
    }

    /// Sends one request, once.
    pub async fn send(&self, put: &Put<'_>, body: SdkBody) -> Result<Written, CallError> {
        let request = self.signed(put, body).await?;
        let answer =
            tokio::time::timeout(attempt_limit(put.content_length), self.0.connector.call(request)).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(connector_error(&error)),
            Err(_) => return Err(CallError::local(FailureKind::Transient, "the request timed out")),
        };
        if let Some(date) = response.headers().get("date") {
            self.0.clock.learn(date);
        }
        read_answer(response).await
    }

    async fn endpoint(&self) -> Result<&Endpoint, CallError> {
        let resolved = async {
            let endpoint = DefaultResolver::new().resolve_endpoint(&self.0.params).await;
            let endpoint =
                endpoint.map_err(|error| CallError::local(FailureKind::Other, innermost(&*error)))?;
            let url = endpoint.url().trim_end_matches('/');
            Ok(Endpoint { url: url.to_owned(), host: host_of(url).to_owned() })
        };
        self.0.endpoint.get_or_try_init(|| resolved).await
    }

    async fn signed(&self, put: &Put<'_>, body: SdkBody) -> Result<HttpRequest, CallError> {
        let Endpoint { url, host } = self.endpoint().await?;
        let uri = format!("{url}/{}", utf8_percent_encode(put.bucket_key, &PATH_ENCODED));
        let payload = const_hex::encode(put.sha256.0);
        let checksum = put.sha256.to_base64();
        let content_length = put.content_length.to_string();
        let own = [
            ("host", host.as_str()),
            ("x-amz-checksum-sha256", checksum.as_str()),
            ("content-length", content_length.as_str()),
        ];
        let headers: Vec<(&str, &str)> = own.into_iter().chain(put.headers.iter().copied()).collect();
        let instructions = self.sign(&uri, &headers, payload).await?;
        let mut request = HttpRequest::new(body);
        let failed = |error: &dyn std::error::Error| {
            CallError::local(FailureKind::Other, format!("bad request: {error}"))
        };
        request.set_method("PUT").map_err(|error| failed(&error))?;
        request.set_uri(uri).map_err(|error| failed(&error))?;
        let added = instructions.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in headers.iter().copied().chain(added) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())
                .map_err(|error| failed(&error))?;
        }
        Ok(request)
    }

    /// The headers that signing adds.
    async fn sign(
        &self,
        uri: &str,
        headers: &[(&str, &str)],
        payload: String,
    ) -> Result<Vec<(&'static str, String)>, CallError> {
        let credentials = match &self.0.credentials {
            Some(provider) => provider.provide_credentials().await,
            None => return Err(CallError::local(FailureKind::Credentials, "there are no credentials")),
        };
        let identity = credentials
            .map_err(|error| CallError::local(FailureKind::Credentials, innermost(&error)))?
            .into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.0.region)
            .name("s3")
            .time(system_time(self.0.clock.service_now()))
            .settings(settings)
            .build()
            .expect("all parameters are given")
            .into();
        let failed = |error: &dyn std::error::Error| {
            CallError::local(FailureKind::Other, format!("cannot sign: {error}"))
        };
        let signable =
            SignableRequest::new("PUT", uri, headers.iter().copied(), SignableBody::Precomputed(payload))
                .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| failed(&error))?.into_parts();
        let (added, _) = instructions.into_parts();
        Ok(added.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }
}

fn system_time(time: jiff::Timestamp) -> SystemTime {
    // An answer may have told a nonsensical date: then the service refuses what is signed with it.
    let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

async fn read_answer(response: HttpResponse) -> Result<Written, CallError> {
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let status = response.status();
    if status.is_success() {
        let e_tag = response.headers().get("etag").unwrap_or_default().trim_matches('"');
        return Ok(Written::new(e_tag, header("x-amz-version-id").filter(|id| id != "null")));
    }
    let request_id = header("x-amz-request-id");
    let region = header("x-amz-bucket-region");
    let body = collect(response.into_body()).await;
    let text = String::from_utf8_lossy(&body);
    let code = xml::child_text(&text, "Code").unwrap_or_default();
    let message = xml::child_text(&text, "Message").unwrap_or_default();
    Err(service_error(status.as_u16(), code, &message, request_id.as_deref(), region.as_deref()))
}

/// An error's document is short; one that cannot be read says nothing.
async fn collect(body: SdkBody) -> Vec<u8> {
    use http_body_util::BodyExt as _;
    match body.collect().await {
        Ok(collected) => collected.to_bytes().to_vec(),
        Err(_) => Vec::new(),
    }
}

fn connector_error(error: &ConnectorError) -> CallError {
    let text = innermost(error);
    let is_refused =
        text.contains("onnection refused") || text.contains("dns error") || text.contains("lookup");
    let kind = if is_refused { FailureKind::Unreachable } else { FailureKind::Transient };
    CallError::local(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_stands_between_scheme_and_path() {
        assert_eq!(host_of("http://127.0.0.1:9000/bucket"), "127.0.0.1:9000");
        assert_eq!(host_of("https://b.s3.eu-west-1.amazonaws.com"), "b.s3.eu-west-1.amazonaws.com");
    }
}
