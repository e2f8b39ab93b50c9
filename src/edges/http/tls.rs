//! TLS: how a site is spoken to, and what its handshake tells.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::core::verify::{OldTls, TlsFacts, TlsFailure};

use super::{Visitor, VisitorError, old_tls};

/// What trusts the certificates that this machine trusts: of the system, or those in `SSL_CERT_FILE`.
pub(super) fn config(is_needed: bool) -> Result<ClientConfig, VisitorError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3");
    let roots = if is_needed { roots()? } else { RootCertStore::empty() };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots() -> Result<RootCertStore, VisitorError> {
    let mut loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    Err(match loaded.errors.pop() {
        Some(error) => VisitorError::Roots(std::io::Error::other(error)),
        None => VisitorError::NoRoots,
    })
}

impl Visitor {
    /// Shakes hands with `host` and tells what came of it, whether its certificate is to be trusted or not. Nothing is
    /// sent over this connection. A second one asks whether old versions are taken, too.
    ///
    /// # Errors
    /// When nobody is there, or the handshake fails for another reason than the certificate.
    pub async fn shake_hands(&self, host: &str, port: u16) -> Result<TlsFacts, TlsFailure> {
        let facts = self.shake_hands_as_browsers_do(host, port).await?;
        let old_versions = old_tls::probe(host, port, self.timeout).await;
        Ok(TlsFacts { old_versions, ..facts })
    }

    async fn shake_hands_as_browsers_do(&self, host: &str, port: u16) -> Result<TlsFacts, TlsFailure> {
        let within = |time: Duration| TlsFailure::Handshake(format!("no answer in {} s", time.as_secs()));
        let connecting = tokio::time::timeout(self.timeout, TcpStream::connect((host, port)));
        let stream = connecting
            .await
            .map_err(|_| TlsFailure::Connect(format!("no answer in {} s", self.timeout.as_secs())))?
            .map_err(|error| TlsFailure::Connect(error.to_string()))?;
        let witness = Arc::new(Witness::new().map_err(TlsFailure::Handshake)?);
        let mut config = (*self.tls).clone();
        config.dangerous().set_certificate_verifier(witness.clone());
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsFailure::Handshake(format!("`{host}` is no name that a certificate can have")))?;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = tokio::time::timeout(self.timeout, handshake).await.map_err(|_| within(self.timeout))?;
        let stream = stream.map_err(|error| handshake_failure(&error))?;
        let version = stream.get_ref().1.protocol_version();
        let version = version.and_then(|version| version.as_str()).unwrap_or("TLS of an unknown version");
        let seen = witness.seen.lock().expect("nobody panics holding it").take().unwrap_or_default();
        Ok(TlsFacts {
            // As people write it.
            version: version.replace('_', "."),
            certificate_ends: seen.ends,
            distrust: seen.distrust,
            old_versions: OldTls::Unknown,
        })
    }
}

fn handshake_failure(error: &std::io::Error) -> TlsFailure {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => TlsFailure::NotTls,
        _ => TlsFailure::Handshake(error.to_string()),
    }
}

/// What was seen of a certificate.
#[derive(Debug, Default)]
struct Seen {
    ends: Option<Timestamp>,
    distrust: Option<String>,
}

/// Takes every certificate and remembers what is wrong with it. For one handshake over which nothing is sent.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

impl Witness {
    fn new() -> Result<Self, String> {
        let roots = roots().map_err(|error| error.to_string())?;
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let judge = judge.build().map_err(|error| error.to_string())?;
        Ok(Self { judge, seen: Mutex::new(None) })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let parsed = X509Certificate::from_der(end_entity).ok();
        let ends = parsed.map(|(_, certificate)| certificate.validity().not_after.timestamp());
        let seen = Seen {
            ends: ends.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            distrust: verdict.err().map(|error| error.to_string()),
        };
        *self.seen.lock().expect("nobody panics holding it") = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
