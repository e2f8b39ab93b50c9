//! TLS towards the stores: aws-lc-rs as the provider, and certificates that are verified against a bundle of one's own.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tracing::warn;

/// Why a bundle of certificates cannot be trusted.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("cannot read the CA bundle `{file}`")]
    Bundle {
        file: String,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the CA bundle `{file}` holds no certificate that can be used")]
    Empty { file: String },
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

/// The certificates in `file`.
///
/// One that cannot be used is passed over with a warning: a bundle of a hundred authorities, as RDS has, must not fail for
/// one of a kind that is not known here.
///
/// # Errors
/// As [`client_config`].
pub fn read_bundle(file: &Path) -> Result<RootCertStore, TlsError> {
    let name = || file.display().to_string();
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|source| TlsError::Bundle { file: name(), source })?;
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(TlsError::Empty { file: name() });
    }
    if unusable > 0 {
        warn!(file = name(), unusable, "certificates of the CA bundle cannot be used");
    }
    Ok(roots)
}
