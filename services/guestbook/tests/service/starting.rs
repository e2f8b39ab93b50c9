//! Settings and TLS: what is refused before anything begins, and whom the service trusts with its password.

use service_testkit::{Certificates, Postgres, Service, Stopped};

use crate::support::{OPENAPI, PROGRAM, sign};

fn problems(stopped: &Stopped) -> Vec<&str> {
    stopped.log.iter().filter_map(|line| line["problem"].as_str()).collect()
}

#[test]
fn settings_that_are_wrong_are_all_named_before_anything_begins() {
    let stopped = Service::run(PROGRAM, &[("SITE_ORIGIN", "*"), ("MODERATION_TOKEN", "secret")]);
    assert_eq!(stopped.status.code(), Some(64));
    let problems = problems(&stopped);
    for name in [
        "SITE_ORIGIN",
        "DATABASE_HOST",
        "DATABASE_NAME",
        "DATABASE_USER",
        "DATABASE_PASSWORD",
        "DATABASE_CA_FILE",
        "MODERATION_TOKEN",
    ] {
        assert!(
            problems.iter().any(|problem| problem.starts_with(&format!("`{name}`"))),
            "{name}: {problems:?}"
        );
    }
    assert_eq!(problems.len(), 7, "{problems:?}");
    assert!(!format!("{:?}", stopped.log).contains("secret"), "a value is never shown");
}

#[test]
fn a_bundle_that_is_none_is_named() {
    let (postgres, _) = Postgres::start(false);
    let mut variables = postgres.variables();
    variables.retain(|(name, _)| *name != "DATABASE_TLS");
    for (file, expected) in [
        ("no-such-file.pem", "cannot read the CA bundle `no-such-file.pem`"),
        ("/dev/null", "holds no certificate"),
    ] {
        let mut all: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(("DATABASE_CA_FILE", file));
        let stopped = Service::run(PROGRAM, &all);
        assert_eq!(stopped.status.code(), Some(1));
        let line = stopped.log.iter().find(|line| line["message"] == "cannot start").expect("it says why");
        assert!(line["cause"].as_str().expect("it is a text").contains(expected), "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let (postgres, _) = Postgres::start(false);
    let variables = postgres.variables();
    let mut all: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("LISTEN_ADDRESS", &address));
    let stopped = Service::run(PROGRAM, &all);
    assert_eq!(stopped.status.code(), Some(1));
    let line = stopped.log.iter().find(|line| line["message"] == "cannot start").expect("it says why");
    assert!(line["cause"].as_str().expect("it is a text").contains(&address), "{line}");
}

/// A service that speaks TLS with `postgres`, trusting `authority`, by the name `host`.
fn with_tls(postgres: &Postgres, authority: &std::path::Path, host: &str) -> Service {
    let variables = postgres.variables();
    let mut all: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let authority = authority.display().to_string();
    all.extend([("DATABASE_TLS", "verify"), ("DATABASE_CA_FILE", &authority), ("DATABASE_HOST", host)]);
    Service::start(PROGRAM, OPENAPI, &all)
}

#[test]
fn a_server_of_the_authority_is_spoken_to_over_tls() {
    // This server takes no connection without.
    let (postgres, certificates) = Postgres::start(true);
    let certificates = certificates.expect("there is TLS");
    let service = with_tls(&postgres, &certificates.authority, "127.0.0.1");
    service.wait_until_ready();
    assert_eq!(sign(&service.http, "Ada", "Hello").status, 201);

    let mut plain = postgres.variables();
    plain.retain(|(name, _)| *name != "DATABASE_TLS");
    plain.push(("DATABASE_TLS", "off".to_owned()));
    let all: Vec<_> = plain.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = Service::start(PROGRAM, OPENAPI, &all);
    let line = refused.wait_for_log("cannot migrate yet");
    assert!(line["cause"].as_str().expect("it is a text").contains("no pg_hba.conf entry"), "{line}");
}

#[test]
fn a_bundle_may_hold_authorities_that_are_of_no_use_here() {
    let (postgres, certificates) = Postgres::start(true);
    let certificates = certificates.expect("there is TLS");
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let other = Certificates::make(folder.path(), "other", "127.0.0.1").authority;
    let pem = |file| std::fs::read_to_string(file).expect("it is there");
    let unusable = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, [&pem(&other), unusable, &pem(&certificates.authority)].concat())
        .expect("there is room");
    let service = with_tls(&postgres, &bundle, "127.0.0.1");
    service.wait_until_ready();
    assert_eq!(service.wait_for_log("certificates of the CA bundle cannot be used")["unusable"], 1);
}

#[test]
fn a_server_of_another_authority_or_name_is_not_trusted_with_the_password() {
    let (postgres, certificates) = Postgres::start(true);
    let certificates = certificates.expect("there is TLS");
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let other = Certificates::make(folder.path(), "other", "127.0.0.1");
    for (authority, host, expected) in [
        (&other.authority, "127.0.0.1", "UnknownIssuer"),
        (&certificates.authority, "localhost", "certificate not valid for name \"localhost\""),
    ] {
        let service = with_tls(&postgres, authority, host);
        let line = service.wait_for_log("cannot migrate yet");
        assert!(line["cause"].as_str().expect("it is a text").contains(expected), "{line}");
        assert_eq!(service.http.get("/readyz").status, 503);
        assert_eq!(service.http.get("/healthz").status, 200, "it is the server that is wrong");
    }
}
