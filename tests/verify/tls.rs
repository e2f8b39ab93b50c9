//! Sites over TLS: certificates, versions, security headers and what is answered without TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::SupportedProtocolVersion;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use sitepush::local::edge::Edge;
use tokio_rustls::TlsAcceptor;

use crate::published::{found, published};
use crate::site::{Reply, RunningSite, Seen, Wrong, plain, with, without};
use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site};

/// An authority that a client may trust, in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: Site,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("there is a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        let folder = Site::new();
        folder.write("authority.pem", issuer.pem());
        Self { issuer, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A server's side of TLS, with a certificate for `name` that ends on a day.
    fn acceptor(
        &self,
        name: &str,
        ends: Option<(i32, u8, u8)>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is one");
        if let Some((year, month, day)) = ends {
            params.not_after = rcgen::date_time_ymd(year, month, day);
        }
        let key = KeyPair::generate().expect("there is a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("key and certificate fit");
        TlsAcceptor::from(Arc::new(config))
    }

    pub fn good(&self) -> TlsAcceptor {
        self.acceptor("127.0.0.1", None, rustls::ALL_VERSIONS)
    }

    fn verify(&self, cloud: &Cloud, url: &str) -> Answer {
        let arguments = [
            "verify",
            url,
            "--bucket",
            BUCKET,
            "--distribution",
            DISTRIBUTION,
            "--all",
            "--json",
            "--timeout",
            "5",
        ];
        let output = cloud.command(&arguments).env("SSL_CERT_FILE", self.file()).output();
        Answer::from_output(&output.expect("the program starts"))
    }
}

const SECURITY_HEADERS: [(&str, &str); 4] = [
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
];

/// As a distribution with a response headers policy that redirects to HTTPS.
pub fn careful(seen: &Seen, answer: Response<Bytes>) -> Response<Bytes> {
    if !seen.is_tls {
        return with(plain(301, "text/html", ""), "location", "https://127.0.0.1/");
    }
    SECURITY_HEADERS.iter().fold(answer, |answer, (name, value)| with(answer, name, value))
}

fn site(
    edge: &Edge,
    tls: TlsAcceptor,
    change: impl Fn(&Seen, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
) -> RunningSite {
    let wrong = Wrong::changing(move |seen, answer| Reply::Answer(change(seen, answer)));
    RunningSite::start(edge, Wrong { tls: Some(tls), ..wrong })
}

fn https(site: &RunningSite) -> String {
    format!("https://{}", site.address)
}

#[test]
fn nothing_is_found_of_a_careful_site_and_its_tls_is_told() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    for (versions, told) in [(rustls::ALL_VERSIONS, "TLSv1.3"), (&[&rustls::version::TLS12][..], "TLSv1.2")] {
        let tls = authority.acceptor("127.0.0.1", Some((2999, 12, 31)), versions);
        let site = site(&cloud.target.edge, tls, careful);
        let document = authority.verify(&cloud, &https(&site)).success().json();
        assert_eq!(found(&document), [""; 0], "{document:#}");
        assert_eq!(document["tls"]["version"], told);
        assert_eq!(document["tls"]["certificate_ends"], "2999-12-31T00:00:00Z");
        assert_eq!(document["tls"]["old_versions"], "refused");
        let looked_for = document["security_headers_looked_for"].as_array().expect("a list");
        assert_eq!(looked_for.len(), SECURITY_HEADERS.len());
    }
}

#[test]
fn each_security_header_that_is_missing_is_a_warning() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let bare = site(&cloud.target.edge, authority.good(), |seen, answer| {
        SECURITY_HEADERS.iter().fold(careful(seen, answer), |answer, (name, _)| without(answer, name))
    });
    let document = authority.verify(&cloud, &https(&bare)).success().json();
    assert_eq!(found(&document), ["warning security-header /"; 4]);
    for (name, _) in SECURITY_HEADERS {
        let lacking = site(&cloud.target.edge, authority.good(), move |seen, answer| {
            without(careful(seen, answer), name)
        });
        let document = authority.verify(&cloud, &https(&lacking)).success().json();
        assert_eq!(found(&document), ["warning security-header /"], "{name}");
        let what = document["findings"][0]["what"].as_str().expect("text").to_ascii_lowercase();
        assert!(what.contains(name), "no `{name}` in {what}");
    }
}

#[test]
fn pages_without_tls_are_a_problem() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let open =
        site(
            &cloud.target.edge,
            authority.good(),
            |seen, answer| {
                if seen.is_tls { careful(seen, answer) } else { answer }
            },
        );
    let document = authority.verify(&cloud, &https(&open)).expect_code(1).json();
    assert_eq!(found(&document), ["problem plain-http /"]);
}

/// What is found of a site with this certificate, with nothing else asked.
#[track_caller]
fn assert_refused(cloud: &Cloud, authority: &Authority, tls: TlsAcceptor, words: &str) -> Value {
    let site = site(&cloud.target.edge, tls, careful);
    let document = authority.verify(cloud, &https(&site)).expect_code(1).json();
    assert_eq!(found(&document), ["problem certificate /"], "{document:#}");
    let cause = document["findings"][0]["found"].as_str().expect("text").to_owned();
    assert!(cause.contains(words), "{cause}");
    assert_eq!((&document["asked_count"], &document["request_count"]), (&0.into(), &0.into()));
    document
}

#[test]
fn certificates_that_browsers_refuse_are_a_problem_and_nothing_else_is_asked() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let versions = rustls::ALL_VERSIONS;
    let expired = authority.acceptor("127.0.0.1", Some((2020, 1, 31)), versions);
    let document = assert_refused(&cloud, &authority, expired, "expired");
    assert_eq!(document["tls"]["certificate_ends"], "2020-01-31T00:00:00Z");
    let of_another = authority.acceptor("www.example.com", None, versions);
    assert_refused(&cloud, &authority, of_another, "not valid for");
    let stranger = Authority::new("stranger");
    assert_refused(&cloud, &authority, stranger.good(), "UnknownIssuer");
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let soon = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(5 * 24)).expect("a time");
    let part = |format: &str| soon.strftime(format).to_string().parse::<u8>().expect("a number");
    let year = soon.strftime("%Y").to_string().parse().expect("a number");
    let ends = (year, part("%m"), part("%d"));
    let tls = authority.acceptor("127.0.0.1", Some(ends), rustls::ALL_VERSIONS);
    let site = site(&cloud.target.edge, tls, careful);
    let document = authority.verify(&cloud, &https(&site)).success().json();
    assert_eq!(found(&document), ["warning certificate /"]);
}

#[test]
fn a_server_that_speaks_old_tls_besides_is_a_warning() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let wrong = Wrong::changing(|seen, answer| Reply::Answer(careful(seen, answer)));
    let wrong = Wrong { tls: Some(authority.good()), speaks_old_tls: true, ..wrong };
    let site = RunningSite::start(&cloud.target.edge, wrong);
    let document = authority.verify(&cloud, &https(&site)).success().json();
    assert_eq!(found(&document), ["warning old-tls /"]);
    assert_eq!(
        (&document["tls"]["version"], &document["tls"]["old_versions"]),
        (&"TLSv1.3".into(), &"accepted".into())
    );
}

/// A server that answers every handshake as one does that knows only versions before TLS 1.2.
#[test]
fn a_server_that_speaks_only_old_tls_is_a_problem() {
    const PROTOCOL_VERSION_ALERT: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 70];
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut hello = [0; 16_384];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(&PROTOCOL_VERSION_ALERT);
        }
    });
    let document = authority.verify(&cloud, &url).expect_code(1).json();
    assert_eq!(found(&document), ["problem tls /"]);
    let cause = document["findings"][0]["found"].as_str().expect("text");
    assert!(cause.contains("ProtocolVersion"), "{cause}");
}

#[test]
fn a_port_without_tls_is_told_from_one_that_speaks_it_badly() {
    let (cloud, _site) = published(&[]);
    let authority = Authority::new("friend");
    let site = RunningSite::start(&cloud.target.edge, Wrong::default());
    let document = authority.verify(&cloud, &https(&site)).expect_code(1).json();
    assert_eq!(found(&document), ["problem tls /"]);
    let finding = &document["findings"][0];
    assert_eq!(finding["what"], "speaks no TLS at this port");
    assert!(finding["remedy"].as_str().is_some_and(|remedy| remedy.contains("`http://`")), "{finding}");
}
