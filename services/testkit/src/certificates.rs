//! An authority of the test's own, and a server's certificate from it for 127.0.0.1.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// PEM files in a folder.
#[derive(Debug)]
pub struct Certificates {
    /// What a client has to trust.
    pub authority: PathBuf,
    pub server: PathBuf,
    pub server_key: PathBuf,
}

impl Certificates {
    /// Makes an authority and a certificate for `name`, as files whose names start with `prefix`.
    ///
    /// # Panics
    /// When they cannot be made or written.
    pub fn make(folder: &Path, prefix: &str, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("{prefix} test authority"));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("there is a key"));
        let authority = authority.expect("an authority signs itself");
        let key = KeyPair::generate().expect("there is a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("the name is one");
        let server = params.signed_by(&key, &authority).expect("the authority signs");
        let write = |file: &str, text: String| {
            let path = folder.join(format!("{prefix}-{file}.pem"));
            fs::write(&path, text).expect("the folder can be written to");
            path
        };
        Self {
            authority: write("authority", authority.pem()),
            server: write("server", server.pem()),
            server_key: write("server-key", key.serialize_pem()),
        }
    }
}
