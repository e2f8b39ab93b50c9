//! What has gone wrong around names that are set up, or was never right: lost records, cuts, missing zones, old manners.

use super::super::addresses::CloserLook;
use super::super::certificate::Issuance;
use super::super::dns::DnsAnswer;
use super::super::facts::UnreadCaa;
use super::super::plan::ExternalReason;
use super::super::problem::Problem;
use super::super::status::{self, Leads};
use super::*;

/// A world in which these names were set up.
fn set_up(texts: &[&str]) -> DomainFacts {
    let mut facts = bare();
    play_all(&mut facts, &Intent::Apply(wanted(texts)));
    assert!(plan(&facts, &wanted(texts)).is_empty());
    facts
}

fn take_over(texts: &[&str]) -> Wanted {
    Wanted { take_over: true, ..wanted(texts) }
}

#[test]
fn a_validation_record_that_was_lost_is_put_back_long_before_the_renewal() {
    let all = ["example.com", "www.example.com"];
    let whole = set_up(&all);
    let lost = name("_v.www.example.com");
    let mut facts = whole.clone();
    assert!(facts.records.remove(&lost).is_some());
    let found = plan(&facts, &wanted(&all));
    assert_eq!((kinds(&found), found.has_changes()), (Vec::new(), true));
    assert_eq!(play_all(&mut facts, &Intent::Apply(wanted(&all))), ["Renewal in Z1"]);
    assert_eq!(facts, whole);
    // Where it may not be written, the site works all the same.
    facts.records.remove(&lost);
    let step = plan(&facts, &wanted(&all)).steps[0].clone();
    assert!(step.is_optional());
    assert!(Intent::Apply(wanted(&all)).without(&step).plan(&facts).is_empty());
}

#[test]
fn a_certificate_is_kept_renewable_whoever_requested_it_and_one_that_is_not_renewed_so_is_left_alone() {
    for (issuance, is_validated_by_dns, is_mended) in
        [(Issuance::Amazon, true, true), (Issuance::Amazon, false, false), (Issuance::Imported, true, false)]
    {
        let mut facts = bare();
        facts.certificates = vec![Certificate {
            requested_for: None,
            issuance,
            is_validated_by_dns,
            ..certificate("there", &["example.com", "elsewhere.example.org"], CertificateStatus::Issued)
        }];
        let done = play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
        assert_eq!(done.contains(&"Renewal in Z1".to_owned()), is_mended, "{issuance:?}: {done:?}");
        assert_eq!(facts.records_of(&name("_v.example.com")).len(), usize::from(is_mended));
        assert_eq!(facts.records_of(&name("_v.elsewhere.example.org")), [], "no zone of ours");
    }
}

#[test]
fn another_record_in_the_place_of_a_validation_record_is_a_warning_and_replaced_on_demand_only() {
    let mut facts = set_up(&["example.com"]);
    let proof = name("_v.example.com");
    facts.records.remove(&proof);
    facts.records.remove(&Ownership::record_name(&proof));
    let odd = values("_v.example.com", RecordType::Cname, &["odd.example.net."]);
    put(&mut facts, odd.clone());
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::ForeignRecord, "_v.example.com")]);
    assert_eq!((found.blocking().count(), found.is_empty()), (0, true));
    let mut routed = facts.clone();
    *routed.records.get_mut(&proof).expect("it is there") = vec![RecordSet { is_simple: false, ..odd }];
    let found = plan(&routed, &take_over(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::RoutedRecord, "_v.example.com")]);
    let done = play_all(&mut facts, &Intent::Apply(take_over(&["example.com"])));
    assert!(done.contains(&"Renewal in Z1".to_owned()), "{done:?}");
    assert_eq!(facts.records_of(&proof), [RecordSet::validation(&proof, &name("_w.acm-validations.aws"))]);
}

#[test]
fn a_cut_between_a_name_and_its_zone_is_found() {
    let mut facts = bare();
    put(&mut facts, values("dev.example.com", RecordType::Other("NS".into()), &["ns.example.org."]));
    put(&mut facts, values("example.com", RecordType::Other("NS".into()), &["ns-1.example.net."]));
    for of in ["dev.example.com", "www.dev.example.com", "*.dev.example.com", "a.b.dev.example.com"] {
        let found = plan(&facts, &wanted(&[of, "www.example.com"]));
        assert_eq!(kinds(&found), [(ProblemKind::DelegatedAway, of)]);
        assert_eq!(found.blocking().count(), 1);
        assert!(found.problems[0].what.contains("ns.example.org"), "{}", found.problems[0].what);
        assert!(found.problems[0].remedy.contains("dev.example.com"), "{}", found.problems[0].remedy);
    }
    // The zone below the cut is here, too.
    add_zone(&mut facts, zone("Z2", "dev.example.com"), Delegation::Right);
    assert_eq!(kinds(&plan(&facts, &wanted(&["www.dev.example.com"]))), []);
}

#[test]
fn what_a_zone_hands_on_is_not_written_into_it() {
    let mut facts = bare();
    put(&mut facts, values("dev.example.com", RecordType::Other("NS".into()), &["ns.example.org."]));
    facts.distribution.aliases = names(&["www.dev.example.com"]).into_iter().collect();
    facts.certificates = vec![certificate(
        "there",
        &["example.com", "www.dev.example.com"],
        CertificateStatus::PendingValidation,
    )];
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::DelegatedAway, "www.dev.example.com")]);
    assert_eq!(found.blocking().count(), 0, "somebody can write it where it belongs");
    let written = found.steps.iter().filter_map(|step| match step {
        Step::ChangeRecords { changes, .. } => Some(changes),
        _ => None,
    });
    let written: Vec<&str> = written.flatten().map(|change| change.record().name.as_str()).collect();
    assert!(written.contains(&"_v.example.com"), "{written:?}");
    assert!(written.iter().all(|name| !name.contains("dev.")), "{written:?}");
}

#[test]
fn a_name_without_its_zone_is_not_removed_as_if_nobody_had_made_it() {
    let mut facts = set_up(&["example.com"]);
    facts.zones.clear();
    let found = removal(&["example.com"], ValidationRecords::Kept).plan(&facts);
    assert_eq!(kinds(&found), [(ProblemKind::NoZone, "example.com")]);
    assert_eq!(found.blocking().count(), 1);
    assert!(found.notes.iter().all(|note| !note.contains("not set up by sitepush")), "{:?}", found.notes);
}

#[test]
fn addresses_of_its_own_are_given_up_for_sni_and_the_plan_says_so() {
    let mut facts = set_up(&["example.com"]);
    let ViewerCertificate::Acm { is_sni, floor, .. } = &mut facts.distribution.certificate else {
        panic!("none")
    };
    (*is_sni, *floor) = (false, ProtocolFloor("TLSv1".into()));
    let found = plan(&facts, &wanted(&["example.com"]));
    let Step::UpdateDistribution { certificate: Some(after), .. } = &found.steps[0] else {
        panic!("{found:?}")
    };
    let ViewerCertificate::Acm { is_sni, floor, .. } = after else { panic!("{after:?}") };
    assert!(*is_sni && floor.is_enough(), "CloudFront takes the two together only");
    assert!(found.notes.iter().any(|note| note.contains("600 dollars")), "{:?}", found.notes);
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    assert!(plan(&facts, &wanted(&["example.com"])).notes.is_empty());
}

#[test]
fn no_record_leads_elsewhere_even_of_a_type_that_is_not_made() {
    for (record_type, text) in [(RecordType::Aaaa, "2001:db8::1"), (RecordType::Https, "1 cdn.example.net.")]
    {
        let mut bare = bare();
        bare.distribution.has_ipv6 = false;
        bare.distribution.has_http2_or_3 = false;
        let mut facts = bare.clone();
        put(&mut facts, values("www.example.com", record_type.clone(), &[text]));
        let found = plan(&facts, &wanted(&["www.example.com"]));
        assert_eq!(kinds(&found), [(ProblemKind::ForeignRecord, "www.example.com")], "{record_type}");
        assert_eq!(found.blocking().count(), 1);
        play_all(&mut facts, &Intent::Apply(take_over(&["www.example.com"])));
        let types = |facts: &DomainFacts| -> Vec<RecordType> {
            let found = facts.records_of(&name("www.example.com"));
            found.iter().map(|record| record.record_type.clone()).collect()
        };
        assert_eq!(types(&facts), [RecordType::A]);
        let mut facts = bare;
        put(&mut facts, RecordSet::alias(&name("www.example.com"), record_type.clone(), &name(DOMAIN)));
        play_all(&mut facts, &Intent::Apply(wanted(&["www.example.com"])));
        assert_eq!(types(&facts), [record_type, RecordType::A], "one that leads here harms nobody");
    }
    for (value, is_away) in [
        ("1 . alpn=\"h3,h2\"", false),
        ("0 D111.cloudfront.net.", false),
        ("1 . ipv4hint=192.0.2.1", true),
        ("1 cdn.example.net. alpn=h2", true),
        ("", true),
    ] {
        let record = values("www.example.com", RecordType::Https, &[value]);
        assert_eq!(record.leads_away(&name(DOMAIN)), is_away, "{value}");
    }
}

#[test]
fn a_change_is_done_when_exactly_what_it_makes_is_there() {
    let mut facts = bare();
    let intent = Intent::Apply(wanted(&["example.com"]));
    let mut seen = 0;
    while let Some(step) = intent.plan(&facts).steps.first().cloned() {
        assert!(!step.is_done(&facts), "{step:?}");
        if let Step::ChangeRecords { changes, zone, purpose } = &step {
            if let [first, _, ..] = changes.as_slice() {
                let (mut half, changes) = (facts.clone(), vec![first.clone()]);
                play(&mut half, &Step::ChangeRecords { zone: zone.clone(), purpose: *purpose, changes });
                assert!(!step.is_done(&half), "half of it: {step:?}");
            }
            let mut other = facts.clone();
            for change in changes {
                put(&mut other, RecordSet { is_simple: false, ..change.record().clone() });
            }
            assert!(!step.is_done(&other), "somebody else made something there: {step:?}");
        }
        play(&mut facts, &step);
        let is_told = matches!(step, Step::ChangeRecords { .. } | Step::UpdateDistribution { .. });
        assert_eq!(step.is_done(&facts), is_told, "{step:?}");
        seen += usize::from(is_told);
    }
    assert_eq!(seen, 5);
}

#[test]
fn an_alias_that_is_there_already_and_has_no_zone_here_is_a_warning_until_it_is_validated() {
    let mut facts = bare();
    facts.distribution.aliases = names(&["old.example.org"]).into_iter().collect();
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::NoZone, "old.example.org")]);
    assert_eq!(found.blocking().count(), 0);
    assert!(found.problems[0].remedy.contains("validation record"), "{}", found.problems[0].remedy);
    let mut pending =
        certificate("there", &["example.com", "old.example.org"], CertificateStatus::PendingValidation);
    pending
        .validations
        .iter_mut()
        .for_each(|found| found.is_validated = found.name == name("old.example.org"));
    facts.certificates = vec![pending];
    assert_eq!(kinds(&plan(&facts, &wanted(&["example.com"]))), []);
    assert_eq!(plan(&facts, &wanted(&["example.com", "old.example.org"])).blocking().count(), 1);
}

#[test]
fn a_certificate_that_waits_for_a_dropped_name_is_told_and_another_is_requested() {
    let mut facts = bare();
    let all = ["example.com", "www.example.net"];
    facts.certificates = vec![certificate("stalled", &all, CertificateStatus::PendingValidation)];
    let found = plan(&facts, &wanted(&["example.com"]));
    assert_eq!(titles(&found)[0], "request");
    assert!(
        found.notes.iter().any(|note| note.contains("stalled") && note.contains("www.example.net")),
        "{:?}",
        found.notes
    );
    let requested = facts.certificates.len();
    let done = play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    assert_eq!(done.iter().filter(|title| *title == "request").count(), 1, "{done:?}");
    assert_eq!(facts.certificates.len(), requested + 1);
    assert_eq!(facts.certificates[0].status, CertificateStatus::PendingValidation, "it is not waited for");
}

#[test]
fn a_pending_certificate_with_another_key_is_gone_on_with_and_told() {
    let mut facts = bare();
    facts.certificates = vec![certificate("there", &["example.com"], CertificateStatus::PendingValidation)];
    assert!(plan(&facts, &wanted(&["example.com"])).notes.is_empty());
    let wanted = Wanted { key_algorithm: KeyAlgorithm::EcPrime256v1, ..wanted(&["example.com"]) };
    let found = plan(&facts, &wanted);
    assert_eq!(titles(&found)[0], "Validation in Z1");
    let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
    assert!(note.contains("RSA 2048") && note.contains("ECDSA P-256"), "{note}");
}

#[test]
fn a_zone_that_nobody_asks_beside_one_that_is_asked_is_not_written_to() {
    let mut facts = bare();
    add_zone(&mut facts, zone("Z2", "www.example.com"), Delegation::Missing);
    let found = plan(&facts, &wanted(&["www.example.com", "example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::ShadowingZone, "www.example.com")]);
    assert_eq!(found.blocking().count(), 1);
    let Problem { what, remedy, .. } = &found.problems[0];
    assert!(["Z1", "Z2"].iter().all(|id| what.contains(id)), "{what}");
    assert!(remedy.contains("ns-1.example.net"), "{remedy}");
    assert!(titles(&found).iter().all(|step| !step.contains("Z2")), "{found:?}");
    // Of an alias that is only to be validated, it is for somebody to see to.
    let mut beside = facts.clone();
    beside.distribution.aliases = names(&["www.example.com"]).into_iter().collect();
    let found = plan(&beside, &wanted(&["example.com"]));
    assert_eq!(kinds(&found), [(ProblemKind::ShadowingZone, "www.example.com")]);
    assert_eq!(found.blocking().count(), 0);
    // Where nothing is known of the shorter one, or it is not asked either, the longer one is prepared as before.
    for delegation in [Delegation::Missing, Delegation::Unknown { why: "no answer".into() }] {
        let mut facts = facts.clone();
        facts.zone_facts.get_mut("Z1").expect("it is there").delegation = delegation;
        assert_eq!(
            kinds(&plan(&facts, &wanted(&["www.example.com"]))),
            [(ProblemKind::NotDelegated, "www.example.com")]
        );
    }
    facts.zone_facts.get_mut("Z2").expect("it is there").delegation = Delegation::Right;
    assert_eq!(kinds(&plan(&facts, &wanted(&["www.example.com"]))), []);
}

/// `sitepush doctor` says so of it.
#[test]
fn a_certificate_of_iam_stays_until_a_name_is_added() {
    let mut facts = set_up(&["example.com"]);
    let there = ViewerCertificate::Iam { id: "ASCAEXAMPLE".into() };
    facts.distribution.certificate = there.clone();
    let found = plan(&facts, &wanted(&["example.com"]));
    assert!(found.is_empty() && found.notes.iter().any(|note| note.contains("ASCAEXAMPLE")), "{found:?}");
    play_all(&mut facts, &Intent::Apply(wanted(&["example.com", "www.example.com"])));
    assert!(facts.distribution.certificate.arn().is_some());
}

#[test]
fn an_imported_certificate_that_is_about_to_end_is_replaced() {
    let mut facts = set_up(&["example.com"]);
    let shown = &mut facts.certificates[0];
    (shown.issuance, shown.requested_for) = (Issuance::Imported, None);
    shown.not_after = Some("2026-12-10T00:00:00Z".parse().expect("a time"));
    let first = plan(&facts, &wanted(&["example.com"]));
    let Step::RequestCertificate { reason, .. } = &first.steps[0] else { panic!("{first:?}") };
    assert!(reason.contains("imported"), "{reason}");
    let before = facts.distribution.certificate.clone();
    let done = play_all(&mut facts, &Intent::Apply(wanted(&["example.com"])));
    assert!(done.contains(&"distribution".to_owned()), "{done:?}");
    assert_ne!(facts.distribution.certificate, before);
    assert_eq!(facts.certificates.len(), 2, "what somebody imported stays in ACM");
}

#[test]
fn what_is_advised_for_caa_takes_wildcards_from_nobody() {
    for (records, advised) in [
        (&["0 issue \"letsencrypt.org\""][..], "0 issue \"amazon.com\""),
        (&["0 issue \"amazon.com\"", "0 issuewild \"letsencrypt.org\""], "0 issuewild \"amazon.com\""),
    ] {
        let mut facts = bare();
        let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
        let caa = CaaFacts { at: name("example.com"), records: records.clone() };
        facts.caa.insert(name("example.com"), caa);
        let found = plan(&facts, &wanted(&["*.example.com"]));
        assert_eq!(kinds(&found), [(ProblemKind::CaaForbidsAmazon, "*.example.com")]);
        assert!(found.problems[0].remedy.contains(advised), "{}", found.problems[0].remedy);
        // Amazon may issue afterwards.
        let mut facts = bare();
        let records = records.into_iter().chain([advised.to_owned()]).collect();
        facts.caa.insert(name("example.com"), CaaFacts { at: name("example.com"), records });
        assert_eq!(kinds(&plan(&facts, &wanted(&["*.example.com"]))), []);
    }
}

#[test]
fn an_https_record_that_leads_nowhere_else_stays_and_is_told() {
    let mut facts = bare();
    let there = values("www.example.com", RecordType::Https, &["1 . alpn=h2"]);
    put(&mut facts, there.clone());
    let found = plan(&facts, &wanted(&["www.example.com"]));
    assert_eq!(kinds(&found), []);
    assert!(found.notes.iter().any(|note| note.contains("1 . alpn=h2")), "{:?}", found.notes);
    play_all(&mut facts, &Intent::Apply(wanted(&["www.example.com"])));
    assert!(facts.records_of(&name("www.example.com")).contains(&there));
    let (none, names) = (DnsAnswer::NoRecords, plan(&facts, &wanted(&["www.example.com"])));
    let addresses = status::Addresses { name: none.clone(), distribution: none, closer: None };
    let report = status::report(&facts, &names, vec![addresses], Vec::new());
    assert!(report.names[0].is_right(), "{:?}", report.names[0]);
    play_all(&mut facts, &removal(&["www.example.com"], ValidationRecords::Removed));
    assert_eq!(facts.records_of(&name("www.example.com")), std::slice::from_ref(&there), "it is not ours");
    // On demand it is replaced all the same.
    play_all(&mut facts, &Intent::Apply(take_over(&["www.example.com"])));
    assert!(!facts.records_of(&name("www.example.com")).contains(&there));
}

#[test]
fn caa_records_that_could_not_be_read_are_not_taken_for_none() {
    let mut facts = bare();
    let unread = UnreadCaa { at: name("example.com"), why: "SERVFAIL".into() };
    facts.unread_caa.insert(name("www.example.com"), unread);
    let found = plan(&facts, &wanted(&["www.example.com", "*.www.example.com"]));
    let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
    assert!(note.contains("CAA records of example.com") && note.contains("SERVFAIL"), "{note}");
}

#[test]
fn the_report_says_what_visitors_get() {
    let all = ["example.com", "www.example.com", "new.example.com"];
    let mut facts = set_up(&all[..2]);
    let report = |facts: &DomainFacts| {
        let (name, distribution) = (DnsAnswer::NoRecords, DnsAnswer::NoRecords);
        let none = status::Addresses { name, distribution, closer: None };
        status::report(facts, &plan(facts, &wanted(&all)), vec![none; all.len()], Vec::new())
    };
    let is_right = |facts: &DomainFacts| -> Vec<bool> {
        report(facts).names.iter().map(status::NameStatus::is_right).collect()
    };
    assert_eq!(is_right(&facts), [true, true, false]);
    let shown = report(&facts);
    assert!(shown.has_changes && shown.is_deployed && shown.distribution_domain == name(DOMAIN));
    let (first, last) = (&shown.names[0], &shown.names[2]);
    assert_eq!((first.zone_id.as_deref(), first.is_alias, first.is_certified), (Some("Z1"), true, true));
    assert_eq!((last.is_alias, last.is_certified, last.records.len()), (false, false, 0));
    let told: Vec<_> = first
        .records
        .iter()
        .map(|record| (record.record_type.as_str(), record.leads, record.is_ours))
        .collect();
    assert_eq!(told, ["A", "AAAA", "HTTPS"].map(|kind| (kind, Leads::Here, true)));
    put(&mut facts, values("www.example.com", RecordType::A, &["192.0.2.1"]));
    assert_eq!(is_right(&facts), [true, false, false]);
    for delegation in [
        Delegation::Missing,
        Delegation::Broken { why: "SERVFAIL".into() },
        Delegation::Elsewhere { servers: names(&["ns.example.org"]) },
    ] {
        facts.zone_facts.get_mut("Z1").expect("it is there").delegation = delegation;
        assert_eq!(is_right(&facts), [false, false, false], "nobody asks the zone");
    }
}

/// The records that somebody writes by hand, as a plan shows them.
fn by_hand(plan: &DomainPlan) -> Vec<(ExternalReason, &str, &str)> {
    let records = plan.external_records.iter();
    records.map(|record| (record.reason, record.name.as_str(), record.target.as_str())).collect()
}

#[test]
fn names_with_their_dns_elsewhere_are_set_up_with_records_by_hand_and_on_demand_only() {
    let all = ["www.example.org", "example.com"];
    let visitors = (ExternalReason::Visitors, "www.example.org", DOMAIN);
    let proof = (ExternalReason::Validation, "_v.www.example.org", "_w.acm-validations.aws");
    let mut facts = bare();
    let refused = plan(&facts, &wanted(&all));
    assert_eq!(kinds(&refused), [(ProblemKind::NoZone, "www.example.org")]);
    assert_eq!(refused.blocking().count(), 1);
    assert_eq!(by_hand(&refused), [visitors]);
    let wanted = Wanted { external_dns: true, ..wanted(&all) };
    let intent = Intent::Apply(wanted.clone());
    let first = plan(&facts, &wanted);
    assert_eq!(kinds(&first), []);
    play(&mut facts, &first.steps[0]);
    assert_eq!(by_hand(&plan(&facts, &wanted)), [proof, visitors]);
    // Somebody writes it where we see nothing.
    put(&mut facts, RecordSet::validation(&name("_v.www.example.org"), &name("_w.acm-validations.aws")));
    let done = play_all(&mut facts, &intent);
    assert!(done.iter().all(|step| !step.contains("Renewal")), "{done:?}");
    assert_eq!(facts.distribution.aliases, names(&all).into_iter().collect());
    assert_eq!(facts.records_of(&name("www.example.org")), []);
    assert_eq!(by_hand(&plan(&facts, &wanted)), [proof, visitors], "what has to stay is told ever after");
    let records = |text: &str| DnsAnswer::Records(vec![text.to_owned()]);
    let right = |found: &str, own: &str, closer: Option<CloserLook>| {
        let addresses = status::Addresses { name: records(found), distribution: records(own), closer };
        let report = status::report(&facts, &plan(&facts, &wanted), vec![addresses; 2], Vec::new());
        (report.names[0].is_right(), report.names[0].is_led_here)
    };
    let same = ["203.0.113.1", "203.0.113.1"];
    assert_eq!(right(same[0], same[1], None), (true, Some(true)));
    // CloudFront's answers rotate.
    let look = |cname: &str, reverse: &str| {
        let (cname, reverse) = (records(cname), records(reverse));
        Some(CloserLook { distribution_domain: name(DOMAIN), cname, reverse })
    };
    let apart = |closer: Option<CloserLook>| right("192.0.2.1", "203.0.113.1", closer);
    assert_eq!(apart(None), (false, Some(false)));
    assert_eq!(apart(look(DOMAIN, "x.example.net.")), (true, Some(true)));
    assert_eq!(apart(look("x.example.net.", "server-1.r.cloudfront.net.")), (true, None));
    assert_eq!(apart(look("d222.cloudfront.net.", "server-1.r.cloudfront.net.")), (false, Some(false)));
}

#[test]
fn a_name_below_a_cut_is_set_up_by_hand_and_one_whose_zone_cannot_be_told_is_not() {
    let mut facts = bare();
    put(&mut facts, values("dev.example.com", RecordType::Other("NS".into()), &["ns.example.org."]));
    let wanted = |of: &str| Wanted { external_dns: true, ..wanted(&[of]) };
    let found = plan(&facts, &wanted("www.dev.example.com"));
    assert_eq!((kinds(&found), titles(&found)[0].as_str()), (Vec::new(), "request"));
    assert!(titles(&found).iter().all(|step| !step.contains("Z1")), "{found:?}");
    assert_eq!(by_hand(&found), [(ExternalReason::Visitors, "www.dev.example.com", DOMAIN)]);
    facts.zone_facts.get_mut("Z1").expect("it is there").delegation = Delegation::Missing;
    add_zone(&mut facts, zone("Z2", "example.com"), Delegation::Missing);
    let found = plan(&facts, &wanted("example.com"));
    assert_eq!(kinds(&found), [(ProblemKind::AmbiguousZone, "example.com")]);
    assert_eq!(by_hand(&found), []);
}
