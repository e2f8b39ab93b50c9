//! Certificates, how long they are good for, and what is advised.

use super::*;
use crate::core::domain::addresses::CloserLook;

fn ends_in(days: i64, life: Option<i64>, issuance: Issuance) -> Vec<String> {
    let (mut facts, expected) = good();
    certified(&mut facts, |found| {
        let end = now() + SignedDuration::from_hours(24 * days);
        found.not_after = Some(end);
        found.not_before = life.map(|days| end - SignedDuration::from_hours(24 * days));
        found.issuance = issuance;
    });
    found(&facts, &expected)
}

#[test]
fn a_certificate_is_late_when_whoever_renews_it_would_have_done_so() {
    let none = Vec::<String>::new();
    // Let's Encrypt's of 90 days, imported by a script every 60 days.
    assert_eq!(ends_in(31, Some(90), Issuance::Imported), none);
    assert_eq!(ends_in(29, Some(90), Issuance::Imported), ["warning certificate-end"]);
    assert_eq!(ends_in(6, Some(90), Issuance::Imported), ["problem certificate-end"]);
    // Of 47 days, and of 6: a third of its life is left when the next one is fetched.
    assert_eq!(ends_in(16, Some(47), Issuance::Imported), none);
    assert_eq!(ends_in(15, Some(47), Issuance::Imported), ["warning certificate-end"]);
    assert_eq!(ends_in(3, Some(6), Issuance::Imported), none);
    assert_eq!(ends_in(1, Some(6), Issuance::Imported), ["warning certificate-end"]);
    // ACM's own, which ACM begins to renew 60 days before.
    assert_eq!(ends_in(44, Some(395), Issuance::Amazon), none);
    assert_eq!(ends_in(29, Some(198), Issuance::Amazon), ["warning certificate-end"]);
    assert_eq!(ends_in(6, None, Issuance::Amazon), ["problem certificate-end"]);
    assert_eq!(ends_in(0, None, Issuance::Amazon), ["problem certificate-end"]);
}

/// The finding of a check, with its remedy.
fn finding(facts: &Facts, expected: &Expected, check: &str) -> (String, String) {
    let findings = examine(facts, expected);
    let found = findings.into_iter().find(|found| found.check == check && found.status != Status::Ok);
    let found = found.unwrap_or_else(|| panic!("no {check}"));
    (found.what, found.remedy.expect("a remedy"))
}

#[test]
fn what_apply_leaves_as_it_is_is_not_advised_of_it() {
    let (mut facts, expected) = good();
    setup(&mut facts).certificate = ViewerCertificate::Iam { id: "ASCAEXAMPLE".into() };
    let (_, remedy) = finding(&facts, &expected, "certificate");
    assert!(remedy.starts_with("request one of ACM's in us-east-1"), "{remedy}");
}

#[test]
fn addresses_that_rotate_are_no_false_alarm() {
    let apart = |cname: DnsAnswer, reverse: DnsAnswer| {
        let (mut facts, expected) = good();
        let alias = alias(&mut facts);
        alias.addresses.v4 = records(&["198.51.100.1"]);
        alias.closer = Some(CloserLook { distribution_domain: name("d1.cloudfront.net"), cname, reverse });
        found(&facts, &expected)
    };
    let edge = || records(&["server-198-51-100-1.lhr50.r.cloudfront.net."]);
    assert_eq!(apart(records(&["d1.cloudfront.net."]), DnsAnswer::NoSuchName), Vec::<String>::new());
    assert_eq!(apart(DnsAnswer::NoRecords, edge()), ["unknown dns"]);
    assert_eq!(apart(records(&["d2.cloudfront.net."]), edge()), ["warning dns"]);
    assert_eq!(apart(DnsAnswer::NoRecords, DnsAnswer::NoSuchName), ["warning dns"]);
}

#[test]
fn a_name_without_an_address_is_advised_by_who_answers_for_it() {
    let missing = |asked_zone: Option<(&str, &[&str])>| {
        let (mut facts, expected) = good();
        let alias = alias(&mut facts);
        alias.addresses = AddressAnswers { v4: DnsAnswer::NoSuchName, v6: DnsAnswer::NoSuchName };
        alias.asked_zone = asked_zone.map(|(zone, servers)| AskedZone {
            name: name(zone),
            servers: servers.iter().map(|server| name(server)).collect(),
        });
        finding(&facts, &expected, "dns")
    };
    let (what, remedy) = missing(None);
    assert!(what.contains("no name servers are set"), "{what}");
    assert!(remedy.contains("at the domain's registrar") && !remedy.contains("domain apply"), "{remedy}");
    let (what, remedy) = missing(Some(("example.com", &["ns-2048.awsdns-64.com"])));
    assert!(what.contains("the zone example.com in Route 53"), "{what}");
    assert!(remedy.contains("`sitepush domain apply`"), "{remedy}");
    let (what, remedy) = missing(Some(("example.com", &["ns1.example.net"])));
    assert!(what.contains("ns1.example.net"), "{what}");
    assert!(remedy.contains("--external-dns") && !remedy.contains("domain apply"), "{remedy}");
}
