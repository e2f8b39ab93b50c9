//! Plans by table: what is there, what is wanted, and the steps in between. The steps are played on a small world of
//! values, so that a plan that was carried out leaves nothing to do.

mod faults;
mod limits;
mod moving;

use std::collections::{BTreeMap, BTreeSet};

use super::certificate::{Certificate, CertificateStatus, Issuance, KeyAlgorithm, Validation};
use super::distribution::{DistributionNames, ProtocolFloor, ViewerCertificate};
use super::dns::Delegation;
use super::facts::{CaaFacts, DomainFacts, Elsewhere, Wanted, ZoneFacts};
use super::intent::Intent;
use super::name::DnsName;
use super::plan::{BatchPurpose, DomainPlan, Step};
use super::planning;
use super::problem::{ProblemKind, Severity};
use super::record::{Made, Ownership, RecordChange, RecordContent, RecordSet, RecordType};
use super::removal::ValidationRecords;
use super::zone::HostedZone;

const ID: &str = "E1EXAMPLE";
const DOMAIN: &str = "d111.cloudfront.net";

fn name(text: &str) -> DnsName {
    DnsName::from_service(text)
}

fn names(texts: &[&str]) -> Vec<DnsName> {
    texts.iter().map(|text| name(text)).collect()
}

fn wanted(texts: &[&str]) -> Wanted {
    let key_algorithm = KeyAlgorithm::Rsa2048;
    Wanted {
        names: names(texts),
        key_algorithm,
        take_over: false,
        https_records: true,
        renewal_records: true,
        external_dns: false,
    }
}

fn zone(id: &str, zone_name: &str) -> HostedZone {
    HostedZone { id: id.into(), name: name(zone_name), is_private: false, profile: None }
}

/// A bare distribution and the zone `example.com`.
fn bare() -> DomainFacts {
    let distribution = DistributionNames {
        id: ID.into(),
        domain_name: name(DOMAIN),
        is_deployed: true,
        aliases: BTreeSet::new(),
        certificate: ViewerCertificate::CloudFronts,
        has_ipv6: true,
        has_http2_or_3: true,
    };
    let mut facts = DomainFacts {
        now: "2026-11-27T00:00:00Z".parse().expect("a time"),
        distribution,
        aliases: Some(BTreeMap::new()),
        certificates: Vec::new(),
        elsewhere: None,
        zones: Vec::new(),
        zone_facts: BTreeMap::new(),
        records: BTreeMap::new(),
        led_away: BTreeMap::new(),
        caa: BTreeMap::new(),
        unread_caa: BTreeMap::new(),
    };
    add_zone(&mut facts, zone("Z1", "example.com"), Delegation::Right);
    facts
}

fn add_zone(facts: &mut DomainFacts, zone: HostedZone, delegation: Delegation) {
    let name_servers = names(&["ns-1.example.net", "ns-2.example.net"]);
    facts.zones.push(zone.clone());
    facts.zone_facts.insert(zone.id.clone(), ZoneFacts { zone, name_servers, delegation });
}

fn put(facts: &mut DomainFacts, record: RecordSet) {
    facts.records.entry(record.name.clone()).or_default().push(record);
}

fn values(of: &str, record_type: RecordType, texts: &[&str]) -> RecordSet {
    let values = texts.iter().map(|text| (*text).to_owned()).collect();
    let content = RecordContent::Values { ttl_seconds: 60, values };
    RecordSet { name: name(of), record_type, content, is_simple: true }
}

fn certificate(arn: &str, of: &[&str], status: CertificateStatus) -> Certificate {
    let names: BTreeSet<DnsName> = names(of).into_iter().collect();
    let validations = names.iter().map(|of| Validation {
        name: of.clone(),
        record: Some((of.base().prefixed("_v"), name("_w.acm-validations.aws"))),
        is_validated: status == CertificateStatus::Issued,
    });
    Certificate {
        arn: arn.into(),
        validations: validations.collect(),
        names,
        status,
        key_algorithm: KeyAlgorithm::Rsa2048,
        issuance: Issuance::Amazon,
        is_validated_by_dns: true,
        not_before: None,
        not_after: Some("2027-11-27T00:00:00Z".parse().expect("a time")),
        in_use_by: Vec::new(),
        failure: None,
        requested_for: Some(ID.into()),
    }
}

/// Does a step as the services would. Waits end at once.
fn play(facts: &mut DomainFacts, step: &Step) {
    match step {
        Step::RequestCertificate { names, .. } => {
            let texts: Vec<&str> = names.iter().map(DnsName::as_str).collect();
            let arn = format!("new-{}", facts.certificates.len());
            facts.certificates.push(certificate(&arn, &texts, CertificateStatus::PendingValidation));
        }
        Step::AwaitCertificate { arn } => {
            let arn = arn.as_deref().expect("it was requested");
            let open = facts.certificates.iter_mut().find(|found| found.arn == arn).expect("it is there");
            for validation in &mut open.validations {
                let (record, target) = validation.record.as_ref().expect("it is made up");
                let found = facts.records.get(record).map_or(&[][..], Vec::as_slice);
                assert!(
                    found.iter().any(|found| *found == RecordSet::validation(record, target)),
                    "{record} is missing"
                );
                validation.is_validated = true;
            }
            open.status = CertificateStatus::Issued;
        }
        Step::AwaitValidationRecords { .. } => {}
        Step::AwaitDeployment => facts.distribution.is_deployed = true,
        Step::ChangeRecords { changes, .. } => {
            for change in changes {
                let record = change.record();
                let there = facts.records.entry(record.name.clone()).or_default();
                match change {
                    RecordChange::Create(_) => {
                        let is_there = there.iter().any(|found| found.record_type == record.record_type);
                        assert!(!is_there, "{record:?} is there already");
                        there.push(record.clone());
                    }
                    RecordChange::Delete(_) => {
                        let at =
                            there.iter().position(|found| found == record).expect("it is as it was read");
                        there.remove(at);
                    }
                }
            }
        }
        Step::UpdateDistribution { aliases, certificate, .. } => {
            let certificate = certificate.clone().expect("it is known by now");
            if !aliases.is_empty() {
                let arn = certificate.arn().expect("aliases want a certificate");
                let shown = facts.certificates.iter().find(|found| found.arn == arn).expect("it is there");
                assert!(shown.covers(aliases) && shown.status == CertificateStatus::Issued);
            }
            for added in aliases.difference(&facts.distribution.aliases) {
                let records = facts.records_of(added).iter();
                let mut addresses = records.filter(|record| record.record_type != RecordType::Https);
                let is_elsewhere = |record: &RecordSet| record.other_distribution(&name(DOMAIN)).is_some();
                assert!(!addresses.any(is_elsewhere), "CloudFront refuses {added}, which leads elsewhere");
            }
            facts.distribution.aliases = aliases.clone();
            facts.distribution.certificate = certificate;
            facts.distribution.is_deployed = false;
        }
        Step::DeleteCertificate { arn } => {
            assert_ne!(facts.distribution.certificate.arn(), Some(arn.as_str()));
            assert!(facts.distribution.is_deployed, "CloudFront has not let go of it");
            facts.certificates.retain(|found| found.arn != *arn);
        }
    }
}

/// Plans and does the first step until nothing is left; gives what was done.
fn play_all(facts: &mut DomainFacts, intent: &Intent) -> Vec<String> {
    let mut done = Vec::new();
    while let Some(step) = intent.plan(facts).steps.first().cloned() {
        play(facts, &step);
        done.push(title(&step));
        assert!(done.len() < 40, "no end: {done:?}");
    }
    done
}

/// The same, but plans are carried out as they were announced: anew only when a certificate was made up.
fn play_as_announced(facts: &mut DomainFacts, intent: &Intent) {
    for _ in 0..3 {
        for step in intent.plan(facts).steps {
            play(facts, &step);
            if matches!(step, Step::RequestCertificate { .. }) {
                break;
            }
        }
    }
    assert!(intent.plan(facts).is_empty(), "{:?}", intent.plan(facts));
}

fn title(step: &Step) -> String {
    match step {
        Step::RequestCertificate { .. } => "request".into(),
        Step::AwaitValidationRecords { .. } => "await records".into(),
        Step::AwaitCertificate { .. } => "await certificate".into(),
        Step::AwaitDeployment => "await deployment".into(),
        Step::UpdateDistribution { .. } => "distribution".into(),
        Step::DeleteCertificate { .. } => "delete certificate".into(),
        Step::ChangeRecords { zone, purpose, .. } => format!("{purpose:?} in {}", zone.id),
    }
}

fn titles(plan: &DomainPlan) -> Vec<String> {
    plan.steps.iter().map(title).collect()
}

fn kinds(plan: &DomainPlan) -> Vec<(ProblemKind, &str)> {
    plan.problems.iter().map(|problem| (problem.kind, problem.name.as_str())).collect()
}

fn plan(facts: &DomainFacts, wanted: &Wanted) -> DomainPlan {
    Intent::Apply(wanted.clone()).plan(facts)
}

fn removal(texts: &[&str], validation_records: ValidationRecords) -> Intent {
    Intent::Remove { names: names(texts), validation_records }
}

/// The record sets that are in one world and not, or not so, in the other.
fn changed(before: &DomainFacts, after: &DomainFacts) -> BTreeSet<String> {
    let all = |facts: &DomainFacts| -> BTreeSet<String> {
        facts.records.values().flatten().map(|record| format!("{record:?}")).collect()
    };
    all(before).symmetric_difference(&all(after)).cloned().collect()
}

#[test]
fn from_nothing_the_order_is_certificate_distribution_visitors() {
    let mut facts = bare();
    let intent = Intent::Apply(wanted(&["example.com", "www.example.com", "*.app.example.com"]));
    let first = intent.plan(&facts);
    assert_eq!(kinds(&first), []);
    let announced = [
        "request",
        "await records",
        "await certificate",
        "Claim in Z1",
        "distribution",
        "await deployment",
        "Visitors in Z1",
        "HttpsRecords in Z1",
    ];
    assert_eq!(titles(&first), announced);
    let done = play_all(&mut facts, &intent);
    let expected = [
        "request",
        "Validation in Z1",
        "await certificate",
        "Claim in Z1",
        "distribution",
        "await deployment",
        "Visitors in Z1",
        "HttpsRecords in Z1",
    ];
    assert_eq!(done, expected);
    assert_eq!(facts.distribution.aliases.len(), 3);
    for of in ["example.com", "www.example.com", "*.app.example.com"] {
        let types: Vec<&str> =
            facts.records_of(&name(of)).iter().map(|found| found.record_type.as_str()).collect();
        assert_eq!(types, ["A", "AAAA", "HTTPS"], "{of}");
        let made = facts.ownership(&name(of)).expect("it is ours").made;
        assert_eq!(made, [Made::Alias, Made::A, Made::Aaaa, Made::Https].into(), "{of}");
    }
    let ViewerCertificate::Acm { is_sni, floor, .. } = &facts.distribution.certificate else {
        panic!("none")
    };
    assert!(*is_sni && floor.is_enough());
}

#[test]
fn what_was_applied_and_removed_leaves_nothing() {
    let before = bare();
    let mut facts = before.clone();
    let all = ["example.com", "*.example.com"];
    play_all(&mut facts, &Intent::Apply(wanted(&all)));
    let done = play_all(&mut facts, &removal(&all, ValidationRecords::Removed));
    let expected = [
        "Withdrawal in Z1",
        "distribution",
        "Release in Z1",
        "await deployment",
        "ValidationRemoval in Z1",
        "delete certificate",
    ];
    assert_eq!(done, expected);
    assert_eq!(changed(&before, &facts), BTreeSet::new());
    assert_eq!((facts.distribution, facts.certificates), (before.distribution, before.certificates));
}

#[test]
fn a_run_that_stops_after_any_step_is_finished_by_the_next_and_can_be_taken_back() {
    let all = ["example.com", "www.example.com"];
    let apply = Intent::Apply(wanted(&all));
    let mut whole = bare();
    let steps = play_all(&mut whole, &apply).len();
    for stop in 0..=steps {
        let mut facts = bare();
        for _ in 0..stop {
            let step = apply.plan(&facts).steps[0].clone();
            play(&mut facts, &step);
        }
        let mut finished = facts.clone();
        play_as_announced(&mut finished, &apply);
        assert_eq!(finished, whole, "stopped after {stop}");
        play_all(&mut facts, &removal(&all, ValidationRecords::Removed));
        assert_eq!(changed(&bare(), &facts), BTreeSet::new(), "stopped after {stop} and taken back");
        assert_eq!(facts.distribution, bare().distribution);
    }
}

#[test]
fn an_issued_certificate_that_covers_all_names_is_used_and_nothing_is_requested() {
    let mut facts = bare();
    facts.certificates = vec![
        certificate("broad", &["example.com", "*.example.com", "example.org"], CertificateStatus::Issued),
        certificate("exact", &["example.com", "*.example.com"], CertificateStatus::Issued),
    ];
    let plan = plan(&facts, &wanted(&["example.com", "www.example.com"]));
    assert!(!titles(&plan).contains(&"request".to_owned()));
    let shown = plan.steps.iter().find_map(|step| match step {
        Step::UpdateDistribution { certificate, .. } => certificate.as_ref().and_then(ViewerCertificate::arn),
        _ => None,
    });
    assert_eq!(shown, Some("exact"));
}

#[test]
fn a_new_certificate_is_good_for_the_names_that_the_distribution_has_already() {
    let mut facts = bare();
    add_zone(&mut facts, zone("Z2", "example.org"), Delegation::Right);
    facts.distribution.aliases = names(&["old.example.org"]).into_iter().collect();
    facts.certificates = vec![certificate("old", &["old.example.org"], CertificateStatus::Issued)];
    facts.distribution.certificate = ViewerCertificate::CloudFronts.with_arn("old");
    let plan = plan(&facts, &wanted(&["example.com"]));
    let Step::RequestCertificate { names: requested, .. } = &plan.steps[0] else { panic!("{plan:?}") };
    assert_eq!(*requested, names(&["example.com", "old.example.org"]));
    let mut after = facts.clone();
    let done = play_all(&mut after, &Intent::Apply(wanted(&["example.com"])));
    assert!(done.contains(&"Validation in Z2".to_owned()), "{done:?}");
    assert_eq!(after.records_of(&name("old.example.org")), [], "its own records are no concern of ours");
    let back = removal(&["example.com", "old.example.org"], ValidationRecords::Kept);
    play_all(&mut after, &back);
    assert_eq!(after.distribution.aliases, facts.distribution.aliases, "what we did not add stays");
    let notes = back.plan(&after).notes;
    assert!(
        notes.iter().any(|note| note.contains("old.example.org was not set up by sitepush")),
        "{notes:?}"
    );
}

#[test]
fn a_long_name_is_not_the_subject() {
    let long = format!("{}.example.com", "a".repeat(60));
    let plan = plan(&bare(), &wanted(&[&long, "www.example.com"]));
    let Step::RequestCertificate { names: requested, .. } = &plan.steps[0] else { panic!("{plan:?}") };
    assert_eq!(*requested, names(&["www.example.com", &long]));
}

#[test]
fn the_token_of_a_request_changes_with_what_failed_before() {
    let token = |facts: &DomainFacts, all: &[&str]| match &plan(facts, &wanted(all)).steps[0] {
        Step::RequestCertificate { idempotency_token, .. } => idempotency_token.clone(),
        other => panic!("{other:?}"),
    };
    let first = token(&bare(), &["example.com"]);
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(token(&bare(), &["example.com"]), first);
    assert_ne!(token(&bare(), &["example.com", "www.example.com"]), first);
    let mut failed = bare();
    failed.certificates = vec![certificate("old", &["example.com"], CertificateStatus::ValidationTimedOut)];
    assert_ne!(token(&failed, &["example.com"]), first);
    let after = planning::token_after(&first, "arn:1");
    assert!(after.len() == 32 && after != first && after != planning::token_after(&first, "arn:2"));
}

#[test]
fn old_protocols_and_nothing_else_are_raised() {
    for (floor, is_right) in
        [("TLSv1", false), ("TLSv1.2_2019", false), ("TLSv1.2_2021", true), ("TLSv1.3_2025", true)]
    {
        let mut facts = bare();
        play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
        let ViewerCertificate::Acm { floor: set, .. } = &mut facts.distribution.certificate else {
            panic!("none")
        };
        *set = ProtocolFloor(floor.into());
        let plan = plan(&facts, &wanted(&["example.com"]));
        assert_eq!(plan.is_empty(), is_right, "{floor}: {plan:?}");
    }
}

#[test]
fn records_follow_what_the_distribution_speaks() {
    let mut facts = bare();
    facts.distribution.has_ipv6 = false;
    facts.distribution.has_http2_or_3 = false;
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    let types: Vec<&str> =
        facts.records_of(&name("example.com")).iter().map(|found| found.record_type.as_str()).collect();
    assert_eq!(types, ["A"]);
}

#[test]
fn records_of_somebody_else_stop_the_plan_and_are_taken_over_on_demand() {
    let foreign = [
        values("www.example.com", RecordType::A, &["192.0.2.1"]),
        values("www.example.com", RecordType::Aaaa, &["2001:db8::1"]),
        values("www.example.com", RecordType::Https, &["1 cdn.example.net. alpn=h2"]),
        values("www.example.com", RecordType::Cname, &["old.example.net"]),
        values("_sitepush.www.example.com", RecordType::Txt, &["\"mine\""]),
    ];
    for record in foreign {
        let mut facts = bare();
        put(&mut facts, record.clone());
        let stopped = plan(&facts, &wanted(&["www.example.com"]));
        let expected = (ProblemKind::ForeignRecord, record.name.as_str());
        assert_eq!(kinds(&stopped), [expected], "{record:?}");
        assert_eq!(stopped.blocking().count(), 1);
        if record.record_type == RecordType::Txt {
            continue;
        }
        let take_over = Intent::Apply(Wanted { take_over: true, ..wanted(&["www.example.com"]) });
        let first = take_over.plan(&facts);
        let deletions = first.steps.iter().flat_map(|step| match step {
            Step::ChangeRecords { changes, .. } => changes.clone(),
            _ => Vec::new(),
        });
        let deleted = deletions.filter(|change| *change == RecordChange::Delete(record.clone())).count();
        assert_eq!(deleted, 1, "{record:?}");
        play_all(&mut facts, &take_over);
        let types: Vec<&str> = facts
            .records_of(&name("www.example.com"))
            .iter()
            .map(|found| found.record_type.as_str())
            .collect();
        assert_eq!(types, ["A", "AAAA", "HTTPS"], "{record:?}");
    }
}

#[test]
fn records_with_a_routing_policy_are_not_even_taken_over() {
    let mut facts = bare();
    let record = values("www.example.com", RecordType::A, &["192.0.2.1"]);
    put(&mut facts, RecordSet { is_simple: false, ..record.clone() });
    put(&mut facts, RecordSet { is_simple: false, ..record });
    let plan = plan(&facts, &Wanted { take_over: true, ..wanted(&["www.example.com"]) });
    assert_eq!(kinds(&plan), [(ProblemKind::RoutedRecord, "www.example.com")]);
}

#[test]
fn a_cname_to_the_distribution_is_as_good_and_stays() {
    let mut facts = bare();
    put(&mut facts, values("www.example.com", RecordType::Cname, &["D111.CloudFront.net."]));
    let before = facts.clone();
    play_all(&mut facts, &Intent::Apply(wanted(&["www.example.com"])));
    let of_www = |facts: &DomainFacts| facts.records_of(&name("www.example.com")).to_vec();
    assert_eq!(of_www(&facts), of_www(&before));
    play_all(&mut facts, &removal(&["www.example.com"], ValidationRecords::Removed));
    assert_eq!(changed(&before, &facts), BTreeSet::new());
}

#[test]
fn right_records_of_somebody_else_stay_theirs_unless_adopted() {
    let mut facts = bare();
    put(&mut facts, RecordSet::alias(&name("example.com"), RecordType::A, &name(DOMAIN)));
    let before = facts.clone();
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    play_all(&mut facts, &removal(&["example.com"], ValidationRecords::Removed));
    assert_eq!(changed(&before, &facts), BTreeSet::new(), "the A record was not ours and stays");
    play_all(&mut facts, &Intent::Apply(Wanted { take_over: true, ..wanted(&["example.com"]) }));
    play_all(&mut facts, &removal(&["example.com"], ValidationRecords::Removed));
    assert_eq!(facts.records_of(&name("example.com")), [], "adopted, it goes with the name");
}

#[test]
fn a_record_of_ours_that_was_changed_is_mended_by_apply_and_left_by_remove() {
    let mut facts = bare();
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    let odd = values("example.com", RecordType::A, &["192.0.2.1"]);
    let there = facts.records.get_mut(&name("example.com")).expect("it has records");
    *there.iter_mut().find(|found| found.record_type == RecordType::A).expect("an A record") = odd.clone();
    let mut removed = facts.clone();
    let plan = removal(&["example.com"], ValidationRecords::Kept).plan(&facts);
    assert!(plan.notes.iter().any(|note| note.contains("was changed since")), "{:?}", plan.notes);
    play_all(&mut removed, &removal(&["example.com"], ValidationRecords::Kept));
    assert_eq!(removed.records_of(&name("example.com")), [odd]);
    assert_eq!(play_all(&mut facts, &Intent::Apply(wanted(&["example.com"]))), ["Visitors in Z1"]);
}

#[test]
fn names_of_another_distribution_are_left_to_it() {
    let mut facts = bare();
    facts.aliases = Some([(name("example.com"), "E2OTHER".to_owned())].into());
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::OnAnotherDistribution, "example.com")]);
    assert!(found.problems[0].what.contains("E2OTHER"));
    facts.aliases = Some([(name("example.com"), ID.to_owned())].into());
    assert_eq!(kinds(&plan(&facts, &wanted(&["example.com"]))), []);
    facts.aliases = None;
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::AliasesUnknown, "example.com")]);
    assert_eq!(found.blocking().count(), 0);
}

#[test]
fn what_sitepush_made_for_another_distribution_is_left_to_it() {
    let mut facts = bare();
    let other = Ownership { distribution_id: "E2OTHER".into(), made: [Made::Alias, Made::A].into() };
    put(&mut facts, other.record(&name("example.com")));
    put(&mut facts, RecordSet::alias(&name("example.com"), RecordType::A, &name("d222.cloudfront.net")));
    let found = plan(&facts, &wanted(&["example.com"]));
    assert!(kinds(&found).contains(&(ProblemKind::OwnedByAnotherDistribution, "example.com")));
    let plan = removal(&["example.com"], ValidationRecords::Removed).plan(&facts);
    assert_eq!(plan.steps, [], "not ours to remove");
    play_all(&mut facts, &Intent::Apply(Wanted { take_over: true, ..wanted(&["example.com"]) }));
    assert_eq!(facts.ownership(&name("example.com")).expect("ours").distribution_id, ID);
}

#[test]
fn names_without_a_public_zone_are_told_why() {
    let mut facts = bare();
    facts.zones.push(HostedZone { is_private: true, ..zone("Z9", "internal.example.net") });
    let found = plan(&facts, &wanted(&["example.org", "www.internal.example.net", "example.com"]));
    let expected =
        [(ProblemKind::NoZone, "example.org"), (ProblemKind::PrivateZoneOnly, "www.internal.example.net")];
    assert_eq!(kinds(&found), expected);
    assert!(found.problems[1].what.contains("Z9"));
}

#[test]
fn of_two_zones_of_one_name_the_delegated_one_is_written_to() {
    let mut facts = bare();
    add_zone(
        &mut facts,
        zone("Z2", "example.com"),
        Delegation::Elsewhere { servers: names(&["ns-1.example.net"]) },
    );
    let done = play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    assert!(done.iter().all(|step| !step.contains("Z2")), "{done:?}");
    let mut facts = bare();
    facts.zone_facts.get_mut("Z1").expect("it is there").delegation = Delegation::Missing;
    add_zone(&mut facts, zone("Z2", "example.com"), Delegation::Missing);
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::AmbiguousZone, "example.com")]);
}

#[test]
fn a_zone_that_nobody_asks_is_named_and_can_be_prepared_all_the_same() {
    for (delegation, word) in [
        (Delegation::Elsewhere { servers: names(&["ns.example.org"]) }, "ns.example.org"),
        (Delegation::Missing, "no name servers"),
        (Delegation::Broken { why: "SERVFAIL".into() }, "SERVFAIL"),
        (Delegation::Partly { others: names(&["old.example.org"]) }, "old.example.org"),
    ] {
        let mut facts = bare();
        facts.zone_facts.get_mut("Z1").expect("it is there").delegation = delegation;
        let found = plan(&facts, &wanted(&["www.example.com"]));
        assert_eq!(kinds(&found), [(ProblemKind::NotDelegated, "example.com")]);
        assert_eq!(found.problems[0].severity, Severity::Warning);
        assert!(found.problems[0].what.contains(word), "{}", found.problems[0].what);
        assert!(found.problems[0].remedy.contains("ns-1.example.net, ns-2.example.net"));
    }
}

#[test]
fn a_name_that_its_zone_hands_on_is_found() {
    let mut facts = bare();
    put(&mut facts, values("www.example.com", RecordType::Other("NS".into()), &["ns.example.org."]));
    put(&mut facts, values("example.com", RecordType::Other("NS".into()), &["ns-1.example.net."]));
    let found = plan(&facts, &wanted(&["example.com", "www.example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::DelegatedAway, "www.example.com")]);
}

#[test]
fn caa_that_forbids_amazon_stops_a_request_and_nothing_else() {
    let mut facts = bare();
    let records = vec!["0 issue \"letsencrypt.org\"".to_owned()];
    facts.caa.insert(name("www.example.com"), CaaFacts { at: name("example.com"), records });
    let found = plan(&facts, &wanted(&["www.example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::CaaForbidsAmazon, "www.example.com")]);
    assert!(
        found.problems[0].remedy.contains("0 issue \"amazon.com\"")
            && found.problems[0].remedy.contains("example.com")
    );
    facts.certificates = vec![certificate("there", &["*.example.com"], CertificateStatus::Issued)];
    assert_eq!(kinds(&plan(&facts, &wanted(&["www.example.com"]))), []);
}

#[test]
fn what_became_of_earlier_certificates_is_told() {
    let mut facts = bare();
    facts.elsewhere = Some(Elsewhere { region: "eu-central-1".into(), arn: "there".into() });
    let mut failed = certificate("failed", &["example.com"], CertificateStatus::Failed);
    failed.failure = Some("CAA_ERROR".into());
    facts.certificates =
        vec![failed, certificate("late", &["example.com"], CertificateStatus::ValidationTimedOut)];
    let found = plan(&facts, &wanted(&["example.com"]));
    let expected =
        [ProblemKind::CertificateElsewhere, ProblemKind::ValidationTimedOut, ProblemKind::ValidationFailed];
    let kinds: Vec<ProblemKind> = found.problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, expected);
    assert_eq!(found.blocking().count(), 0);
    assert_eq!(titles(&found)[0], "request");
}

#[test]
fn validation_records_that_other_certificates_need_stay() {
    let mut facts = bare();
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    let other = Certificate {
        requested_for: None,
        ..certificate("other", &["example.com", "www.example.com"], CertificateStatus::Issued)
    };
    facts.certificates.push(other);
    play_all(&mut facts, &removal(&["example.com"], ValidationRecords::Removed));
    assert_eq!(facts.records_of(&name("_v.example.com")).len(), 1);
    assert_eq!(facts.certificates.len(), 1);
}

#[test]
fn a_certificate_that_somebody_else_made_or_uses_is_never_deleted() {
    for (requested_for, in_use_by) in
        [(None, None), (Some("E2OTHER"), None), (Some(ID), Some("arn:aws:elb/x"))]
    {
        let mut facts = bare();
        let there = certificate("there", &["example.com"], CertificateStatus::Issued);
        facts.certificates = vec![Certificate {
            requested_for: requested_for.map(str::to_owned),
            in_use_by: in_use_by.map(str::to_owned).into_iter().collect(),
            ..there
        }];
        play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
        play_all(&mut facts, &removal(&["example.com"], ValidationRecords::Removed));
        assert_eq!(facts.certificates.len(), 1, "{requested_for:?} {in_use_by:?}");
    }
}

#[test]
fn the_batches_of_a_claim_come_before_the_alias_that_they_claim() {
    let mut facts = bare();
    facts.certificates = vec![certificate("there", &["example.com"], CertificateStatus::Issued)];
    let plan = plan(&facts, &wanted(&["example.com"]));
    let Step::ChangeRecords { purpose: BatchPurpose::Claim, changes, .. } = &plan.steps[0] else {
        panic!("{plan:?}")
    };
    let claim = Ownership { distribution_id: ID.into(), made: [Made::Alias].into() };
    assert_eq!(*changes, [RecordChange::Create(claim.record(&name("example.com")))]);
}
