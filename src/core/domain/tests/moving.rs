//! Names that lead to another distribution, which CloudFront wants changed before it takes the alias.

use super::*;

const OTHER: &str = "d222.cloudfront.net";

fn take_over(texts: &[&str]) -> Wanted {
    Wanted { take_over: true, ..wanted(texts) }
}

/// `www.example.com` leads to another distribution, by records of each kind that can.
fn led_elsewhere() -> Vec<(DomainFacts, usize)> {
    let www = name("www.example.com");
    let alias = |record_type| RecordSet::alias(&www, record_type, &name(OTHER));
    let cname = values("www.example.com", RecordType::Cname, &["D222.CloudFront.net."]);
    [vec![alias(RecordType::A), alias(RecordType::Aaaa)], vec![cname]]
        .into_iter()
        .map(|records| {
            let mut facts = bare();
            let count = records.len();
            records.into_iter().for_each(|record| put(&mut facts, record));
            (facts, count)
        })
        .collect()
}

#[test]
fn a_record_that_leads_to_another_distribution_goes_before_the_alias_comes_and_after_the_certificate() {
    let after_the_certificate = [
        "Claim in Z1",
        "distribution",
        "Withdrawal in Z1",
        "distribution",
        "await deployment",
        "Visitors in Z1",
        "HttpsRecords in Z1",
    ];
    for (mut facts, count) in led_elsewhere() {
        let intent = Intent::Apply(take_over(&["www.example.com"]));
        let first = intent.plan(&facts);
        assert_eq!(kinds(&first), []);
        assert_eq!(titles(&first)[3..], after_the_certificate);
        let updates: Vec<(usize, bool)> = first
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::UpdateDistribution { added, changes_certificate, .. } => {
                    Some((added.len(), *changes_certificate))
                }
                _ => None,
            })
            .collect();
        assert_eq!(updates, [(0, true), (1, false)], "the certificate alone, then the alias alone");
        let withdrawn = first.steps.iter().find_map(|step| match step {
            Step::ChangeRecords { purpose: BatchPurpose::Withdrawal, changes, .. } => Some(changes.len()),
            _ => None,
        });
        assert_eq!(withdrawn, Some(count));
        assert!(
            first.notes.iter().any(|note| note.contains(OTHER) && note.contains("answers nothing")),
            "{:?}",
            first.notes
        );
        let done = play_all(&mut facts, &intent);
        assert_eq!(done[3..], after_the_certificate);
        let left = facts.records_of(&name("www.example.com"));
        assert!(left.iter().all(|record| record.leads_to(&name(DOMAIN))), "{left:?}");
    }
}

#[test]
fn only_what_keeps_an_alias_from_coming_is_withdrawn_and_only_when_it_may_go() {
    let withdraws = |facts: &DomainFacts, wanted: &Wanted| {
        titles(&plan(facts, wanted)).contains(&"Withdrawal in Z1".to_owned())
    };
    for (facts, _) in led_elsewhere() {
        let found = plan(&facts, &wanted(&["www.example.com"]));
        assert_eq!(kinds(&found)[0], (ProblemKind::ForeignRecord, "www.example.com"));
        assert!(!withdraws(&facts, &wanted(&["www.example.com"])));
        // Where the alias is there already, nothing keeps it from coming.
        let mut live = facts.clone();
        live.distribution.aliases = names(&["www.example.com"]).into_iter().collect();
        assert!(!withdraws(&live, &take_over(&["www.example.com"])));
    }
    let mut elsewhere = bare();
    put(&mut elsewhere, values("www.example.com", RecordType::Cname, &["old.example.net."]));
    assert!(
        !withdraws(&elsewhere, &take_over(&["www.example.com"])),
        "it stays live until the alias is there"
    );
}

#[test]
fn a_run_that_stops_between_withdrawal_and_alias_is_finished_by_the_next() {
    let intent = Intent::Apply(take_over(&["www.example.com"]));
    for (facts, _) in led_elsewhere() {
        let mut whole = facts.clone();
        let steps = play_all(&mut whole, &intent).len();
        assert!(whole.distribution.aliases.contains(&name("www.example.com")), "{whole:?}");
        let records = whole.records_of(&name("www.example.com"));
        assert!(records.iter().all(|record| record.leads_to(&name(DOMAIN))), "{records:?}");
        for stop in 0..=steps {
            let mut facts = facts.clone();
            for _ in 0..stop {
                let step = intent.plan(&facts).steps[0].clone();
                play(&mut facts, &step);
            }
            play_as_announced(&mut facts, &intent);
            assert_eq!(facts, whole, "stopped after {stop}");
        }
    }
}

#[test]
fn a_name_with_its_dns_elsewhere_has_to_be_led_away_by_whoever_can() {
    let mut facts = bare();
    facts.led_away.insert(name("www.example.org"), name(OTHER));
    let wanted = Wanted { external_dns: true, ..wanted(&["www.example.org"]) };
    let found = plan(&facts, &wanted);
    assert_eq!(kinds(&found), [(ProblemKind::LedToAnotherDistribution, "www.example.org")]);
    assert_eq!(found.blocking().count(), 0, "the certificate can be had before");
    assert!(found.problems[0].remedy.starts_with("when the certificate is issued"));
    facts.certificates = vec![certificate("there", &["www.example.org"], CertificateStatus::Issued)];
    let found = plan(&facts, &wanted);
    assert_eq!(found.blocking().count(), 1, "CloudFront would refuse the alias");
    assert!(found.problems[0].what.contains(OTHER), "{:?}", found.problems);
    facts.distribution.aliases = names(&["www.example.org"]).into_iter().collect();
    assert_eq!(kinds(&plan(&facts, &wanted)), [], "it is there already");
}

#[test]
fn that_nothing_leads_to_another_distribution_is_known_of_zones_that_the_world_asks_only() {
    let www: BTreeSet<DnsName> = names(&["www.example.com"]).into_iter().collect();
    assert!(bare().lead_nowhere_else(&www));
    for (facts, _) in led_elsewhere() {
        assert!(!facts.lead_nowhere_else(&www));
    }
    let mut unasked = bare();
    unasked.zone_facts.get_mut("Z1").expect("it is there").delegation = Delegation::Missing;
    assert!(!unasked.lead_nowhere_else(&www));
    assert!(!bare().lead_nowhere_else(&names(&["www.example.org"]).into_iter().collect()));
}
