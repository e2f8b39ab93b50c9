//! `sitepush doctor` where nobody can be asked as he should be: the exit code and the document that scripts go by. And on the
//! embedded target, which has runs behind it.
//!
//! Set-ups that are wrong are in `tests/emulators/doctor`.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sitepush::local::faults::Rule;

use crate::support::{Answer, Cloud, DISTRIBUTION, Site, program};

/// A service that refuses everything for one reason, by a clock of its own. It lives as long as the test program.
fn refusing(code: &'static str, clock_ahead: SignedDuration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || refuse(stream, code, clock_ahead));
        }
    });
    address
}

fn refuse(stream: TcpStream, code: &str, clock_ahead: SignedDuration) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|count| count > 0) {}
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let _ = reader.by_ref().take(length.unwrap_or(0)).read_to_end(&mut Vec::new());
    let error = format!("<Error><Code>{code}</Code><Message>refused</Message></Error>");
    let body = match head.split(' ').next() {
        // HEAD has no body.
        Some("HEAD") => String::new(),
        // The Security Token Service and CloudFront wrap theirs.
        Some("POST") => format!("<ErrorResponse>{error}</ErrorResponse>"),
        _ => error,
    };
    let date =
        Timestamp::now().checked_add(clock_ahead).expect("a time").strftime("%a, %d %b %Y %H:%M:%S GMT");
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

fn doctor(address: SocketAddr, keys: Option<&str>) -> Answer {
    let mut command = program();
    command.args(["doctor", "--bucket", "example-site", "--distribution", "E1EXAMPLE", "--json"]);
    command.env("AWS_ENDPOINT_URL", format!("http://{address}")).env("AWS_REGION", "us-east-1");
    if let Some(key) = keys {
        command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "secret");
    }
    Answer::from_output(&command.output().expect("the program starts"))
}

/// `STATUS CHECK` of all that is not ok.
fn found(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().expect("a list").iter();
    let wrong = findings.filter(|finding| finding["status"] != "ok");
    wrong
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().expect("a text").to_owned();
            format!("{} {}", text("status"), text("check"))
        })
        .collect()
}

#[test]
fn bad_credentials_are_a_finding_and_say_why() {
    let document = doctor(refusing("InvalidClientTokenId", SignedDuration::ZERO), Some("AKIANOBODY"));
    let document = document.expect_code(3).json();
    assert_eq!(found(&document), ["problem credentials"], "{document:#}");
    assert_eq!((&document["is_ready"], &document["problem_count"]), (&false.into(), &1.into()));
    let what = document["findings"][0]["what"].as_str().expect("a text");
    assert!(what.contains("InvalidClientTokenId"), "{what}");

    let document = doctor(refusing("ExpiredToken", SignedDuration::ZERO), Some("ASIAEXPIRED"));
    let document = document.expect_code(3).json();
    assert!(document["findings"][0]["what"].as_str().is_some_and(|what| what.contains("ExpiredToken")));

    let document = doctor(refusing("AccessDenied", SignedDuration::ZERO), None).expect_code(3).json();
    assert_eq!(found(&document), ["problem credentials"], "{document:#}");
    let what = document["findings"][0]["what"].as_str().expect("a text");
    assert!(what.contains("no credentials were found"), "{what}");
}

/// A machine that is none of EC2's, in a network that answers for the service all the same.
#[test]
fn a_role_that_the_machine_may_not_have_is_no_credentials() {
    let address = refusing("AccessDenied", SignedDuration::ZERO);
    for arguments in [
        &["doctor", "--bucket", "example-site", "--json"][..],
        &["domain", "status", "--domain", "example.com", "--distribution", "E1EXAMPLE", "--json"],
    ] {
        let mut command = program();
        command.args(arguments).env("AWS_ENDPOINT_URL", format!("http://{address}"));
        command.env("AWS_EC2_METADATA_DISABLED", "false");
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"));
        let answer = Answer::from_output(&command.output().expect("the program starts"));
        assert!(answer.stdout.contains("no credentials were found"), "{}", answer.stdout);
        assert!(!answer.stdout.contains("IMDS"), "{}", answer.stdout);
    }
}

#[test]
fn a_clock_that_nobody_takes_is_a_finding() {
    let ahead = SignedDuration::from_hours(1);
    let document = doctor(refusing("RequestTimeTooSkewed", ahead), Some("AKIAEXAMPLE"));
    let document = document.expect_code(3).json();
    assert_eq!(found(&document), ["unknown credentials", "problem clock"], "{document:#}");
}

#[test]
fn an_identity_that_may_do_nothing_cannot_publish() {
    let document = doctor(refusing("AccessDenied", SignedDuration::ZERO), Some("AKIANOTHING"));
    let document = document.expect_code(3).json();
    let all = found(&document);
    let problems: Vec<&String> = all.iter().filter(|text| text.starts_with("problem")).collect();
    assert_eq!(problems, ["problem record"], "{document:#}");
    // What a push does not read stays a warning: it may be right.
    for check in ["bucket", "policy", "versioning", "enabled"] {
        assert!(all.contains(&format!("warning {check}")), "{check}: {all:?}");
    }
}

#[test]
fn where_nobody_answers_there_is_no_document_of_findings() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let answer = doctor(address, Some("AKIAEXAMPLE"));
    assert_eq!(answer.json()["error"]["class"], "environment");
    answer.explains(5, &["nobody answers about bucket `example-site`"]);
}

/// What was found of this check.
fn told(document: &Value, check: &str) -> String {
    let findings = document["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["check"] == check);
    let finding = finding.unwrap_or_else(|| panic!("{check} is not there: {document:#}"));
    let text = |field: &str| finding[field].as_str().expect("a text");
    format!("{}: {}", text("status"), text("what"))
}

#[test]
fn what_runs_have_left_behind_is_told() {
    let cloud = Cloud::with_slow_invalidations(std::time::Duration::from_secs(3600));
    let look = || cloud.on_target("doctor", &["--json"]).json();
    assert_eq!(told(&look(), "record"), "ok: nothing was published here yet");
    let site = Site::small();
    site.write("assets/app-DRXg7gsA.js", vec![b' '; 1_000_000]);
    cloud.push(&site, &[]).success();
    site.write("style.css", "second").rename("assets/app-DRXg7gsA.js", "assets/app-CzQAN4l5.js");
    cloud.push(&site, &[]).success();
    let document = look();
    assert_eq!(told(&document, "debts"), "ok: no invalidation is owed");
    assert_eq!(told(&document, "invalidations"), "ok: 1 in progress");
    let releases = told(&document, "releases");
    assert!(releases.starts_with("ok: 2 on record"), "{releases}");
    assert!(releases.ends_with(", 1 kept for open pages $0.0000 a month"), "{releases}");

    site.write("style.css", "third");
    cloud.faults().add(Rule::access_denied().operation("CreateInvalidation"));
    cloud.push(&site, &[]).expect_code(1);
    cloud.faults().clear();
    assert_eq!(
        told(&look(), "debts"),
        "warning: 1 of the invalidations that the release needs are still owed"
    );
    cloud.push(&site, &[]).success();
    assert_eq!(told(&look(), "debts"), "ok: no invalidation is owed");
}

/// Has invalidations made, each of one path.
fn invalidate(cloud: &Cloud, numbers: std::ops::Range<usize>) {
    let endpoint = cloud.target.endpoint_url();
    let host = endpoint.trim_start_matches("http://");
    for number in numbers {
        let body = format!(
            "<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/{number}</Path></Items></Paths>\
             <CallerReference>{number}</CallerReference></InvalidationBatch>"
        );
        let mut stream = TcpStream::connect(host).expect("it listens");
        let request = format!(
            "POST /2020-05-31/distribution/{DISTRIBUTION}/invalidation HTTP/1.1\r\nHost: {host}\r\nAuthorization: any\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

#[test]
fn invalidations_are_counted_past_the_first_page_and_not_for_ever() {
    let cloud = Cloud::with_slow_invalidations(std::time::Duration::from_secs(3600));
    let look = || told(&cloud.on_target("doctor", &["--json"]).json(), "invalidations");
    assert_eq!(look(), "ok: none is in progress");
    invalidate(&cloud, 0..250);
    assert_eq!(look(), "ok: 250 in progress");
    invalidate(&cloud, 250..1050);
    assert_eq!(look(), "ok: at least 1000 in progress");
}
