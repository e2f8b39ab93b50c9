//! How a site is reached: TLS, its certificate, and the headers that make browsers careful.

use jiff::Timestamp;
use serde::Serialize;

use super::{Answer, CacheSigns, Fault, Finding, Severity, SiteUrl, ends_soon};

/// A handshake that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    pub certificate_ends: Option<Timestamp>,
    /// Why browsers do not trust the certificate, if they do not.
    pub distrust: Option<String>,
    /// Whether TLS 1.0 or 1.1 is taken, too.
    pub old_versions: OldTls,
}

/// What a server makes of somebody who speaks nothing newer than TLS 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldTls {
    Refused,
    Accepted,
    /// There was no answer, or none that says anything.
    Unknown,
}

/// Distributions without a certificate of their own have this ending, and CloudFront's own minimum of TLS 1.0, which
/// nobody can raise.
///
/// Source: "Supported protocols and ciphers between viewers and CloudFront", CloudFront Developer Guide.
const CLOUDFRONTS_OWN: &str = ".cloudfront.net";

/// A handshake that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// Nobody is there.
    Connect(String),
    /// The server is there and speaks no TLS that browsers do.
    Handshake(String),
    /// The server answered, and not in TLS.
    NotTls,
}

/// Judges a handshake with `site` at `now`.
pub fn judge_tls(site: &SiteUrl, answer: &Result<TlsFacts, TlsFailure>, now: Timestamp) -> Vec<Finding> {
    let facts = match answer {
        Ok(facts) => facts,
        Err(TlsFailure::Connect(_)) => return Vec::new(),
        Err(TlsFailure::NotTls) => {
            return vec![finding(
                (Severity::Problem, Fault::Tls),
                "speaks no TLS at this port",
                "TLS 1.2 or newer",
                "an answer in something else, such as plain HTTP".to_owned(),
                "ask at the port that speaks TLS, or with `http://` if none is meant to",
            )];
        }
        Err(TlsFailure::Handshake(cause)) => {
            return vec![finding(
                (Severity::Problem, Fault::Tls),
                "speaks no TLS that browsers still do",
                "TLS 1.2 or newer",
                cause.clone(),
                "set the distribution's minimum protocol version to TLSv1.2_2021",
            )];
        }
    };
    if let Some(distrust) = &facts.distrust {
        return vec![finding(
            (Severity::Problem, Fault::Certificate),
            "has a certificate that browsers refuse",
            "a certificate for this name that is in force",
            distrust.clone(),
            "give the distribution a valid certificate for this name; `aws acm list-certificates` lists them",
        )];
    }
    let mut findings = Vec::new();
    if let Some(ends) = facts.certificate_ends.filter(|ends| ends_soon(*ends, now)) {
        findings.push(finding(
            (Severity::Warning, Fault::Certificate),
            "has a certificate that ends soon",
            "two weeks at least",
            format!("it ends at {}", ends.strftime("%Y-%m-%d %H:%M:%S UTC")),
            "look why it was not renewed: ACM needs the validation record in DNS",
        ));
    }
    if facts.old_versions == OldTls::Accepted && !site.host().ends_with(CLOUDFRONTS_OWN) {
        findings.push(finding(
            (Severity::Warning, Fault::OldTls),
            "also speaks TLS that browsers have given up",
            "TLS 1.2 or newer alone",
            "a handshake of TLS 1.1 or 1.0 is answered".to_owned(),
            "set the distribution's minimum protocol version to TLSv1.2_2021",
        ));
    }
    findings
}

/// What [`judge_security_headers`] looks for.
pub const SECURITY_HEADERS: &[&str] =
    &["strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy"];

/// Judges the root page's headers. Framing may also be forbidden by the content security policy.
pub fn judge_security_headers(answer: &Answer) -> Vec<Finding> {
    let missing = SECURITY_HEADERS.iter().filter(|name| !has_security_header(answer, name));
    missing
        .map(|name| {
            finding(
                (Severity::Warning, Fault::SecurityHeader),
                &format!("lacks `{name}`"),
                wanted(name),
                answer.header(name).map_or_else(|| "none".to_owned(), |value| format!("`{value}`")),
                "give the distribution a response headers policy; the Terraform module `site` has one",
            )
        })
        .collect()
}

fn has_security_header(answer: &Answer, name: &str) -> bool {
    let value = answer.header(name).map(str::to_ascii_lowercase);
    match (name, value) {
        ("strict-transport-security", Some(value)) => {
            let max_age = value.split(';').find_map(|part| part.trim().strip_prefix("max-age="));
            max_age.and_then(|seconds| seconds.trim_matches('"').parse::<u64>().ok()).is_some_and(|s| s > 0)
        }
        ("x-content-type-options", Some(value)) => value == "nosniff",
        ("x-frame-options", None) => {
            answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors"))
        }
        (_, value) => value.is_some(),
    }
}

fn wanted(name: &str) -> &'static str {
    match name {
        "strict-transport-security" => "`max-age=31536000`, say",
        "x-content-type-options" => "`nosniff`",
        "x-frame-options" => "`DENY` or `SAMEORIGIN`, or `frame-ancestors` in a content security policy",
        _ => "`strict-origin-when-cross-origin`, say",
    }
}

/// Judges what the site answers to somebody who comes without TLS.
pub(super) fn judge_plain_http(site: &SiteUrl, path: &str, answer: &Answer) -> Vec<Finding> {
    let location = answer.header("location").unwrap_or_default();
    let is_redirect = matches!(answer.status, 301 | 302 | 307 | 308);
    if is_redirect && site.is_https_location(location) {
        return Vec::new();
    }
    // A port that somebody chose is one for TLS alone: that it refuses anything else is as it should be.
    if answer.status >= 400 && (site.names_port() || answer.status == 403) {
        return Vec::new();
    }
    let found = match (is_redirect, answer.status) {
        (true, status) => format!("{status} to `{location}`"),
        (false, status) => format!("status {status}"),
    };
    vec![Finding {
        path: path.to_owned(),
        ..finding(
            (Severity::Problem, Fault::PlainHttp),
            "answers without TLS",
            &format!("a redirect to `{}`", site.url_of(path)),
            found,
            "set the viewer protocol policy of the distribution to redirect-to-https",
        )
    }]
}

fn finding(
    (severity, fault): (Severity, Fault),
    what: &str,
    expected: &str,
    found: String,
    remedy: &str,
) -> Finding {
    Finding {
        severity,
        fault,
        is_of_release: fault.may_be_of_release(),
        path: "/".to_owned(),
        key: None,
        what: what.to_owned(),
        expected: expected.to_owned(),
        found,
        cache: CacheSigns::default(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn faults(findings: &[Finding]) -> Vec<(Severity, Fault)> {
        findings.iter().map(|finding| (finding.severity, finding.fault)).collect()
    }

    #[test]
    fn certificates_are_judged_by_what_browsers_do_and_by_their_end() {
        let now = time("2026-11-26T00:00:00Z");
        let site = SiteUrl::parse("https://www.example.com").expect("an address");
        let facts = |ends: &str, distrust: Option<&str>| Ok(facts(ends, distrust, OldTls::Refused));
        for (answer, expected) in [
            (facts("2027-02-01T00:00:00Z", None), None),
            (facts("2026-12-09T00:00:00Z", None), Some((Severity::Warning, Fault::Certificate))),
            (facts("2026-12-11T00:00:00Z", None), None),
            (
                facts("2027-02-01T00:00:00Z", Some("not for this name")),
                Some((Severity::Problem, Fault::Certificate)),
            ),
            (Err(TlsFailure::Handshake("protocol_version".into())), Some((Severity::Problem, Fault::Tls))),
            (Err(TlsFailure::NotTls), Some((Severity::Problem, Fault::Tls))),
            (Err(TlsFailure::Connect("refused".into())), None),
        ] {
            assert_eq!(faults(&judge_tls(&site, &answer, now)), Vec::from_iter(expected), "{answer:?}");
        }
    }

    fn facts(ends: &str, distrust: Option<&str>, old_versions: OldTls) -> TlsFacts {
        TlsFacts {
            version: "TLSv1.3".into(),
            certificate_ends: Some(time(ends)),
            distrust: distrust.map(str::to_owned),
            old_versions,
        }
    }

    #[test]
    fn old_versions_are_a_warning_where_somebody_can_turn_them_off() {
        let now = time("2026-11-26T00:00:00Z");
        for (site, old_versions, expected) in [
            ("https://www.example.com", OldTls::Accepted, Some((Severity::Warning, Fault::OldTls))),
            ("https://www.example.com", OldTls::Refused, None),
            ("https://www.example.com", OldTls::Unknown, None),
            ("https://d1.cloudfront.net", OldTls::Accepted, None),
        ] {
            let answer = Ok(facts("2027-02-01T00:00:00Z", None, old_versions));
            let site = SiteUrl::parse(site).expect("an address");
            assert_eq!(
                faults(&judge_tls(&site, &answer, now)),
                Vec::from_iter(expected),
                "{site} {answer:?}"
            );
        }
    }

    #[test]
    fn each_security_header_is_missed_and_framing_may_be_forbidden_in_two_ways() {
        let with = |headers: &[(&str, &str)]| Answer {
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Answer::default()
        };
        let all = [
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
        ];
        assert_eq!(judge_security_headers(&with(&all)), []);
        for left_out in 0..all.len() {
            let some: Vec<_> = all.iter().enumerate().filter(|(index, _)| *index != left_out).collect();
            let some: Vec<_> = some.into_iter().map(|(_, header)| *header).collect();
            assert_eq!(judge_security_headers(&with(&some)).len(), 1, "without {:?}", all[left_out]);
        }
        assert_eq!(judge_security_headers(&with(&[("strict-transport-security", "max-age=0")])).len(), 4);
    }

    #[test]
    fn a_port_for_tls_may_refuse_and_port_80_must_lead_to_https() {
        let answer = |status: u16, location: Option<&str>| Answer {
            status,
            headers: location.map(|to| ("location".to_owned(), to.to_owned())).into_iter().collect(),
            ..Answer::default()
        };
        let judged = |site: &str, answer: &Answer| {
            faults(&judge_plain_http(&SiteUrl::parse(site).expect("an address"), "/", answer)).len()
        };
        for (site, answer, count) in [
            ("https://a.example", answer(301, Some("https://a.example/")), 0),
            ("https://a.example", answer(302, Some("http://a.example/x")), 1),
            ("https://a.example", answer(301, Some("https://b.example/")), 1),
            ("https://a.example", answer(200, None), 1),
            ("https://a.example", answer(403, None), 0),
            ("https://a.example", answer(500, None), 1),
            ("https://a.example:8443", answer(400, None), 0),
            ("https://a.example:8443", answer(200, None), 1),
        ] {
            assert_eq!(judged(site, &answer), count, "{site} {answer:?}");
        }
    }
}
