//! TLS towards the stores: aws-lc-rs as the provider, and certificates that are verified against a bundle of one's own.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Why a bundle of certificates cannot be trusted.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("cannot read the CA bundle `{file}`")]
    Bundle {
        file: String,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the CA bundle `{file}` holds no certificate")]
    Empty { file: String },
    #[error("a certificate in the CA bundle `{file}` cannot be used")]
    Certificate {
        file: String,
        #[source]
        source: rustls::Error,
    },
    #[error("the TLS provider has no usable protocol version")]
    Provider(#[source] rustls::Error),
}

/// Makes aws-lc-rs the provider of those libraries that ask for the process's own; the first call wins.
pub(crate) fn install_provider() {
    // Only a second call can fail, and it would have installed the same.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// A client that trusts the certificates in `file` (PEM) and no others, and that checks the server's name.
///
/// # Errors
/// When the file cannot be read or holds no certificate that can be trusted.
pub fn client_config(file: &Path) -> Result<ClientConfig, TlsError> {
    let roots = read_bundle(file)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Provider)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates in `file`, each checked to be one.
///
/// # Errors
/// As [`client_config`].
pub fn read_bundle(file: &Path) -> Result<RootCertStore, TlsError> {
    let name = || file.display().to_string();
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|source| TlsError::Bundle { file: name(), source })?;
    for certificate in certificates {
        let certificate = certificate.map_err(|source| TlsError::Bundle { file: name(), source })?;
        roots.add(certificate).map_err(|source| TlsError::Certificate { file: name(), source })?;
    }
    if roots.is_empty() { Err(TlsError::Empty { file: name() }) } else { Ok(roots) }
}
