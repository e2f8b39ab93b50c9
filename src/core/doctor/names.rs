//! The site's names: aliases, certificates, and where DNS leads.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::facts::{AliasFacts, DistributionSetup, Expected, Facts};
use super::{Finding, Notes, Subject};
use crate::core::domain::addresses::{CloserLook, Leading, share_one};
use crate::core::domain::certificate::{Certificate, CertificateStatus, Issuance};
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;

/// Somebody has to do something now.
const LAST_CALL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Of a life so short that its last part is no week, the last call is in the last quarter of that part.
const LAST_CALL_PART: i32 = 4;

/// Leading groups of 16 bits that IPv6 addresses of one network have in common: CloudFront answers with some of many, which
/// need not be the same ones at the next question, so that they are not compared one by one.
///
/// Source: `ip-ranges.json` of AWS, where CloudFront's are under `2600:9000::/28`.
const NETWORK_GROUPS: usize = 2;

const LEAD_TO_DISTRIBUTION: &str =
    "run `sitepush domain apply`, or lead the name to the distribution by hand";

pub(super) fn examine(facts: &Facts, expected: &Expected) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::Names, None);
    let known: Vec<(&String, &DistributionSetup)> =
        facts.distributions.iter().filter_map(|(id, setup)| Some((id, setup.known()?))).collect();
    if let Some(host) = expected.site_host.as_deref().filter(|_| !known.is_empty()) {
        let name = DnsName::from_service(host);
        let is_own = known.iter().any(|(_, setup)| DnsName::from_service(&setup.domain_name) == name);
        if is_own || is_alias(&known, &name) {
            notes.ok("aliases", format!("{host} is a name of the distribution"));
        } else {
            notes.problem(
                "aliases",
                format!("the target's `url` is at {host}, which is no name of the distribution"),
                "run `sitepush domain apply`, or correct `url`",
            );
        }
    }
    // One that could not be read may have them.
    if !known.is_empty() && known.len() == facts.distributions.len() {
        domains(&mut notes, &known, expected);
    }
    let mut findings = notes.findings;
    for (id, setup) in known {
        findings.extend(certificate(id, setup, facts, expected));
    }
    for (alias, of_alias) in &facts.aliases {
        findings.extend(dns(alias, of_alias));
    }
    findings
}

/// Whether one of the distributions answers for a name: CloudFront takes a wildcard for each name with one part more.
fn is_alias(known: &[(&String, &DistributionSetup)], name: &DnsName) -> bool {
    known.iter().any(|(_, setup)| setup.aliases.iter().any(|alias| alias.covers(name)))
}

/// The names that the target says it has, and that no distribution answers for.
fn domains(notes: &mut Notes, known: &[(&String, &DistributionSetup)], expected: &Expected) {
    for name in &expected.domains {
        if is_alias(known, name) {
            notes.ok("aliases", format!("{name} of the target's `domains` is a name of the distribution"));
        } else {
            notes.problem(
                "aliases",
                format!("{name} of the target's `domains` is no name of the distribution"),
                "run `sitepush domain apply`",
            );
        }
    }
}

fn certificate(id: &str, setup: &DistributionSetup, facts: &Facts, expected: &Expected) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::Names, Some(id));
    let ViewerCertificate::Acm { arn, is_sni, floor } = &setup.certificate else {
        match &setup.certificate {
            // It may be a good one: browsers are shown it, and it is not looked at here.
            ViewerCertificate::Iam { id } => notes.warning(
                "certificate",
                format!("the certificate `{id}` is kept in IAM, where nobody renews it; its names and its end were not looked at"),
                "request one of ACM's in us-east-1 for all its names, and choose it in the distribution's settings: `sitepush domain \
                 apply` leaves one of IAM's as long as no name is added",
            ),
            _ if setup.aliases.is_empty() => notes.ok("certificate", "CloudFront's own, for its own name"),
            _ => notes.problem(
                "certificate",
                "it has names, and CloudFront's own certificate, which is good for none of them",
                "run `sitepush domain apply`",
            ),
        }
        return notes.findings;
    };
    if floor.is_enough() {
        notes.ok("tls", format!("TLS 1.2 and newer ({})", floor.0));
    } else {
        notes.warning(
            "tls",
            format!("old protocols are accepted (`{}`)", floor.0),
            "set the security policy to TLSv1.2_2021",
        );
    }
    if !is_sni {
        notes.warning(
            "certificate",
            "the certificate has addresses of its own, for 600 dollars a month",
            "serve it by SNI",
        );
    }
    let reading =
        facts.aliases.values().find(|alias| alias.distribution_id == *id).map(|alias| &alias.certificate);
    let Some(reading) = reading else {
        notes.ok("certificate", "no name needs it");
        return notes.findings;
    };
    match notes.read("certificate", reading) {
        Some(Some(certificate)) => judge(&mut notes, certificate, setup, expected),
        Some(None) => notes.problem(
            "certificate",
            format!("the certificate `{arn}` is gone"),
            "run `sitepush domain apply`",
        ),
        None => {}
    }
    notes.findings
}

fn judge(notes: &mut Notes, certificate: &Certificate, setup: &DistributionSetup, expected: &Expected) {
    let names: BTreeSet<DnsName> = setup.aliases.iter().cloned().collect();
    let bare: Vec<String> = names
        .iter()
        .filter(|name| !certificate.covers(&BTreeSet::from([(*name).clone()])))
        .map(ToString::to_string)
        .collect();
    if !bare.is_empty() {
        notes.problem(
            "certificate",
            format!("the certificate is not good for {}", bare.join(", ")),
            "run `sitepush domain apply`",
        );
    } else if certificate.status == CertificateStatus::Issued {
        notes.ok(
            "certificate",
            format!(
                "good for {}",
                setup.aliases.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        );
    } else {
        notes.problem(
            "certificate",
            "the certificate is not in force",
            "run `sitepush domain status`, which says why",
        );
    }
    certificate_end(notes, certificate, expected);
}

fn certificate_end(notes: &mut Notes, certificate: &Certificate, expected: &Expected) {
    let check = "certificate-end";
    let Some(end) = certificate.not_after else { return };
    let left = end.duration_since(expected.now);
    let day = end.strftime("%Y-%m-%d");
    let renewed_before = certificate.renewed_before();
    let last_call = LAST_CALL.min(renewed_before / LAST_CALL_PART);
    let (who, remedy) = match certificate.issuance {
        Issuance::Amazon => (
            "ACM has not renewed it",
            "keep the validation records in DNS: `sitepush domain status` says which are missing",
        ),
        Issuance::Imported => {
            ("it was imported: ACM does not renew it", "import the next one, or run `sitepush domain apply`")
        }
        Issuance::Private => ("it is not renewed", "run `sitepush domain apply`"),
    };
    if left <= SignedDuration::ZERO {
        notes.problem(check, format!("the certificate ended {day}"), "run `sitepush domain apply`");
    } else if left < last_call {
        notes.problem(check, format!("the certificate ends {day}, and {who}"), remedy);
    } else if left < renewed_before {
        notes.warning(check, format!("the certificate ends {day}, and {who}"), remedy);
    } else if certificate.issuance == Issuance::Imported {
        notes.ok(check, format!("until {day}; it was imported, and has to be again by then"));
    } else {
        notes.ok(check, format!("until {day}"));
    }
}

fn dns(alias: &DnsName, facts: &AliasFacts) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::Names, Some(alias.as_str()));
    let remedy = LEAD_TO_DISTRIBUTION;
    match (&facts.addresses.v4, &facts.distribution_addresses.v4) {
        // What a wildcard stands for cannot be asked for.
        _ if alias.is_wildcard() => {}
        (DnsAnswer::NoRecords, _) if matches!(facts.addresses.v6, DnsAnswer::Records(_)) => {
            notes.warning("dns", "the name has no IPv4 address: many visitors do not get there", remedy);
        }
        (DnsAnswer::NoSuchName | DnsAnswer::NoRecords | DnsAnswer::Referred { .. }, _) => {
            dns_missing(&mut notes, alias, facts);
        }
        (DnsAnswer::Failed(code), _) => notes.problem(
            "dns",
            format!("the name's servers fail ({code})"),
            "look at the zone's delegation: `sitepush domain status`",
        ),
        (DnsAnswer::NoAnswer(why), _) => {
            notes.unknown(
                "dns",
                format!("no answer: {why}"),
                "name a resolver that can be asked (`--resolver`)",
            );
        }
        (v4, own @ DnsAnswer::Records(_)) if share_one(v4, own) => dns_v6(&mut notes, facts),
        (DnsAnswer::Records(found), DnsAnswer::Records(_)) => dns_apart(&mut notes, facts, found),
        (DnsAnswer::Records(_), _) => notes.unknown(
            "dns",
            "the name has an address, and the distribution's own name could not be asked for",
            "run `sitepush doctor` again",
        ),
    }
    notes.findings
}

/// Why a name has no address. Who answers for it decides what helps: `domain apply` writes into a zone that nobody may ask.
fn dns_missing(notes: &mut Notes, alias: &DnsName, facts: &AliasFacts) {
    let (why, remedy) = match &facts.asked_zone {
        None => (
            "no name servers are set for it or a domain above it".to_owned(),
            "set the name servers of its zone at the domain's registrar: `sitepush domain status` names them"
                .to_owned(),
        ),
        Some(zone) if zone.is_in_route53() => (
            format!("the zone {} in Route 53 has no record of it", zone.name),
            LEAD_TO_DISTRIBUTION.to_owned(),
        ),
        Some(zone) => {
            let servers: Vec<&str> = zone.servers.iter().map(DnsName::as_str).collect();
            (
                format!(
                    "the servers of {} ({}), which are not Route 53's, know no record of it",
                    zone.name,
                    servers.join(", ")
                ),
                format!(
                    "if the DNS of {alias} is there, write the record that `sitepush domain plan --external-dns` shows; if a zone in \
                     Route 53 is to answer for it, delegate the name to that: `sitepush domain status` names its servers"
                ),
            )
        }
    };
    notes.problem("dns", format!("the name has no address, and nobody gets there: {why}"), remedy);
}

/// Where a name leads that has no address in common with the distribution.
fn dns_apart(notes: &mut Notes, facts: &AliasFacts, found: &[String]) {
    match facts.closer.as_ref().map_or(Leading::Elsewhere, CloserLook::leading) {
        Leading::Here => dns_v6(notes, facts),
        Leading::ToCloudFront => notes.unknown(
            "dns",
            format!(
                "the name leads to CloudFront ({}), whose answers change from minute to minute: whether to this distribution \
                 cannot be told",
                found.join(", ")
            ),
            "run `sitepush doctor` again in a minute; `sitepush domain status` shows the record in the name's zone",
        ),
        Leading::ToOtherDistribution(other) => notes.warning(
            "dns",
            format!("the name leads to another distribution ({other})"),
            LEAD_TO_DISTRIBUTION,
        ),
        Leading::Elsewhere => notes.warning(
            "dns",
            format!("the name leads to {}, not to the distribution", found.join(", ")),
            LEAD_TO_DISTRIBUTION,
        ),
    }
}

/// Where a name leads by IPv6 that leads to the distribution by IPv4. An old record for IPv6 is easily forgotten, and shows
/// whoever has IPv6 another site.
fn dns_v6(notes: &mut Notes, facts: &AliasFacts) {
    let is_near = |one: &String, others: &[String]| others.iter().any(|other| network(other) == network(one));
    match (&facts.addresses.v6, &facts.distribution_addresses.v6) {
        (DnsAnswer::Records(found), DnsAnswer::Records(own))
            if found.iter().any(|one| is_near(one, own)) =>
        {
            notes.ok("dns", "the name leads to the distribution, by IPv6 as well");
        }
        (DnsAnswer::Records(found), DnsAnswer::Records(_) | DnsAnswer::NoRecords) => notes.warning(
            "dns",
            format!("by IPv6 the name leads to {}, not to the distribution", found.join(", ")),
            LEAD_TO_DISTRIBUTION,
        ),
        (DnsAnswer::NoRecords | DnsAnswer::NoSuchName | DnsAnswer::Referred { .. }, _) => {
            notes.ok("dns", "the name leads to the distribution, by IPv4 alone");
        }
        (DnsAnswer::Failed(why) | DnsAnswer::NoAnswer(why), _) | (_, DnsAnswer::Failed(why) | DnsAnswer::NoAnswer(why)) => {
            notes.unknown(
                "dns",
                format!("the name leads to the distribution by IPv4; by IPv6 is not known: {why}"),
                "run `sitepush doctor` again",
            );
        }
        (DnsAnswer::Records(_), DnsAnswer::NoSuchName | DnsAnswer::Referred { .. }) => notes.unknown(
            "dns",
            "the name leads to the distribution by IPv4, and the distribution's own name was not found by IPv6",
            "run `sitepush doctor` again",
        ),
    }
}

/// The leading groups of an IPv6 address as it is written (RFC 5952): `2600:9000` of `2600:9000:2134::1`.
fn network(address: &str) -> Vec<&str> {
    address.split(':').take(NETWORK_GROUPS).collect()
}
