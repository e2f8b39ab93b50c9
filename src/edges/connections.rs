//! The open connections to services: which connector a request goes through.
//!
//! The SDK's own client reads the system's certificates when it is made; this one when the first request needs them, and
//! never for an endpoint without TLS.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// Connecting takes no longer.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A pool of connections: certificates are read once, and a connection that one client opened serves all of them. Clones
/// share it.
#[derive(Clone, Default)]
pub(super) struct Connections {
    /// One for each set of limits that is asked for: credentials from a machine's own role are given up sooner.
    by_limits: Arc<Mutex<Vec<(HttpConnectorSettings, SharedHttpConnector)>>>,
}

impl Connections {
    /// What an SDK client is to send through.
    pub fn http_client(&self) -> SharedHttpClient {
        let connections = self.clone();
        http_client_fn(move |limits, _| connections.connector(limits))
    }

    /// What a client with the usual limits sends through.
    pub fn usual(&self) -> SharedHttpConnector {
        self.connector(&HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build())
    }

    fn connector(&self, limits: &HttpConnectorSettings) -> SharedHttpConnector {
        let mut known = self.by_limits.lock().expect("no thread panics with the lock");
        let are_same = |of: &HttpConnectorSettings| {
            of.connect_timeout() == limits.connect_timeout() && of.read_timeout() == limits.read_timeout()
        };
        if let Some((_, connector)) = known.iter().find(|(of, _)| are_same(of)) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(ByScheme {
            limits: limits.clone(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        });
        known.push((limits.clone(), connector.clone()));
        connector
    }
}

/// Sends each request with what its address needs.
#[derive(Debug)]
struct ByScheme {
    limits: HttpConnectorSettings,
    plain: OnceLock<Connector>,
    tls: OnceLock<Connector>,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if request.uri().starts_with("http://") {
            // A proxy may be reached by TLS all the same.
            self.plain.get_or_init(|| self.that_trusts_system(is_proxy_named()))
        } else {
            self.tls.get_or_init(|| self.that_trusts_system(true))
        };
        connector.call(request)
    }
}

/// Whether the environment names a proxy for requests without TLS.
#[expect(clippy::disallowed_methods, reason = "proxies are named to whatever connects, not to us")]
fn is_proxy_named() -> bool {
    ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].iter().any(|name| std::env::var_os(name).is_some())
}

impl ByScheme {
    fn that_trusts_system(&self, has_system_certificates: bool) -> Connector {
        let trust_store = TrustStore::empty().with_native_roots(has_system_certificates);
        let context = TlsContext::builder().with_trust_store(trust_store).build();
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.expect("no certificate is added that could be invalid"))
            .connector_settings(self.limits.clone())
            .proxy_config(ProxyConfig::from_env())
            .build()
    }
}
