//! Settings, TLS and the end: what is refused before anything begins, and whom the service trusts with its password.

use service_testkit::{Certificates, Redis, Service};

use crate::support::{PROGRAM, SUMMARY, command, count_after_view, read, service, start};

#[test]
fn settings_that_are_wrong_are_all_named_before_anything_begins() {
    let stopped =
        Service::run(PROGRAM, &[("REDIS_USER", "app"), ("REDIS_TLS", "maybe"), ("MAX_PAGES", "-1")]);
    assert_eq!(stopped.status.code(), Some(64));
    let problems: Vec<_> = stopped.log.iter().filter_map(|line| line["problem"].as_str()).collect();
    for name in ["REDIS_HOST", "REDIS_TLS", "REDIS_PASSWORD", "MAX_PAGES"] {
        assert!(
            problems.iter().any(|problem| problem.starts_with(&format!("`{name}`"))),
            "{name}: {problems:?}"
        );
    }
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn a_server_of_the_authority_is_spoken_to_over_tls_with_a_password() {
    let redis = Redis::start(true);
    let service = service(&redis, &[]);
    service.wait_until_ready();
    assert_eq!(count_after_view(&service.http, "/"), 1);
}

/// What the log says about a connection that does not come about.
fn refusal(redis: &Redis, variables: &[(&str, &str)]) -> String {
    let service = service(redis, variables);
    assert_eq!(service.http.get("/readyz").status, 503);
    assert_eq!(service.http.get("/healthz").status, 200, "it is the server that is wrong");
    let line = service.wait_for_log("the store cannot be used");
    line["cause"].as_str().expect("it is a text").to_owned()
}

#[test]
fn a_server_of_another_authority_or_name_is_not_trusted_with_the_password() {
    let redis = Redis::start(true);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let other = Certificates::make(folder.path(), "other", "127.0.0.1").authority;
    let other = other.to_str().expect("the path is UTF-8");
    for (variable, expected) in [
        (("REDIS_CA_FILE", other), "UnknownIssuer"),
        // The authorities that browsers trust do not know this one either.
        (("REDIS_CA_FILE", ""), "UnknownIssuer"),
        (("REDIS_HOST", "localhost"), "certificate not valid for name \"localhost\""),
    ] {
        let cause = refusal(&redis, &[variable]);
        assert!(cause.contains(expected), "{variable:?}: {cause}");
    }
}

#[test]
fn without_tls_a_server_that_demands_it_is_not_reached() {
    let redis = Redis::start(true);
    refusal(&redis, &[("REDIS_TLS", "off")]);
}

#[test]
fn a_wrong_password_is_told_from_a_server_that_is_down() {
    let (redis, _service) = start(&[]);
    for variables in
        [vec![("REDIS_PASSWORD", "wrong")], vec![("REDIS_PASSWORD", "")], vec![("REDIS_USER", "nobody")]]
    {
        let service = service(&redis, &variables);
        assert_eq!(service.http.get("/readyz").status, 503);
        service.wait_for_log("the store refuses the credentials");
        let answer = service.http.get("/healthz");
        assert_eq!((answer.status, answer.code()), (503, "credentials_refused"), "{variables:?}");
    }
}

#[test]
fn a_user_with_the_rights_in_the_readme_can_do_everything() {
    let readme = include_str!("../../README.md");
    let line =
        readme.lines().find(|line| line.starts_with("ACL SETUSER counter")).expect("the README has the line");
    let redis = Redis::start(false);
    command(&redis, &line.split(' ').collect::<Vec<_>>());
    let service = service(&redis, &[("REDIS_USER", "counter"), ("REDIS_PASSWORD", "PASSWORD")]);
    service.wait_until_ready();
    assert_eq!(count_after_view(&service.http, "/"), 1);
    assert_eq!(read(&service.http, "/"), 1);
    assert_eq!(service.http.get(SUMMARY).json["total"], 1);
}

#[test]
fn a_bundle_that_is_none_is_named() {
    for (file, expected) in [
        ("no-such-file.pem", "cannot read the CA bundle `no-such-file.pem`"),
        ("/dev/null", "holds no certificate"),
    ] {
        let stopped = Service::run(PROGRAM, &[("REDIS_HOST", "127.0.0.1"), ("REDIS_CA_FILE", file)]);
        assert_eq!(stopped.status.code(), Some(1));
        let line = stopped.log.iter().find(|line| line["message"] == "cannot start").expect("it says why");
        assert!(line["cause"].as_str().expect("it is a text").contains(expected), "{line}");
    }
}

#[test]
fn it_ends_well_when_it_is_asked_to() {
    let (_redis, service) = start(&[]);
    assert_eq!(count_after_view(&service.http, "/"), 1);
    service.signal("TERM");
    let stopped = service.wait();
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.log.iter().any(|line| line["Views"] == 1), "the last measurements are written");
}
