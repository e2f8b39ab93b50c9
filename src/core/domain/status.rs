//! How each name stands: a report of facts, with what is wrong.

use jiff::Timestamp;
use serde::Serialize;

use super::addresses::{CloserLook, Leading, share_one};
use super::certificate::CertificateStatus;
use super::distribution::ViewerCertificate;
use super::dns::{Delegation, DnsAnswer};
use super::facts::DomainFacts;
use super::name::DnsName;
use super::plan::{DomainPlan, ExternalReason, ExternalRecord};
use super::problem::{Problem, ProblemKind};
use super::record::{Made, RecordType};
use super::waiting::WaitingRecord;

/// Where a record leads visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leads {
    Here,
    Elsewhere,
}

/// A record of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordStatus {
    pub record_type: RecordType,
    pub leads: Leads,
    /// What it says.
    pub content: String,
    /// Whether sitepush made it for this distribution.
    pub is_ours: bool,
}

/// A name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameStatus {
    pub name: DnsName,
    /// Whether the distribution answers for it.
    pub is_alias: bool,
    /// Whether the distribution's certificate is good for it.
    pub is_certified: bool,
    pub zone_id: Option<String>,
    pub delegation: Option<Delegation>,
    pub records: Vec<RecordStatus>,
    /// The addresses that a public resolver answers.
    pub resolver: DnsAnswer,
    /// Whether those are the distribution's; none where they are CloudFront's, and do not tell whose.
    pub is_led_here: Option<bool>,
}

impl NameStatus {
    /// Whether visitors get the distribution by this name, as far as is known. Where the name's records are not here, that is
    /// what the resolver says.
    pub fn is_right(&self) -> bool {
        let is_led_here = match &self.delegation {
            None => self.is_led_here != Some(false),
            Some(delegation) => {
                delegation.is_effective()
                    && self.records.iter().any(|record| record.leads == Leads::Here)
                    && self.records.iter().all(|record| record.leads == Leads::Here)
            }
        };
        self.is_alias && self.is_certified && is_led_here
    }
}

/// The certificate that the distribution shows, or that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateReport {
    pub arn: String,
    pub names: Vec<DnsName>,
    pub status: CertificateStatus,
    pub not_after: Option<Timestamp>,
    /// Whether the distribution shows it.
    pub is_shown: bool,
    /// Of one that is waited for.
    pub records: Vec<WaitingRecord>,
    /// Of one that is issued: what ACM renews it by.
    pub renewal: Vec<RenewalRecord>,
}

/// A record that a certificate is renewed by, and whether the world sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RenewalRecord {
    pub record: DnsName,
    pub target: DnsName,
    /// The id of the zone that it belongs into; none where there is no zone for it.
    pub zone_id: Option<String>,
    /// What the public resolver answers.
    pub resolver: DnsAnswer,
}

impl RenewalRecord {
    /// What keeps ACM from finding it; none where it is seen, or nobody could be asked.
    pub fn fault(&self) -> Option<String> {
        match &self.resolver {
            answer if answer.is_cname(&self.target) => None,
            DnsAnswer::NoAnswer(_) => None,
            answer => Some(answer.summary()),
        }
    }
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainStatus {
    pub distribution_id: String,
    pub distribution_domain: DnsName,
    pub is_deployed: bool,
    pub certificates: Vec<CertificateReport>,
    pub names: Vec<NameStatus>,
    pub problems: Vec<Problem>,
    /// What somebody else has to write, where the DNS of names is not here.
    pub external_records: Vec<ExternalRecord>,
    /// Whether `apply` would change anything.
    pub has_changes: bool,
    /// Whether visitors get the distribution by every name, as far as is known.
    pub is_right: bool,
}

/// A resolver's answers for the addresses of a name.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub name: DnsAnswer,
    /// Of the distribution's own name.
    pub distribution: DnsAnswer,
    /// Where the two have nothing in common.
    pub closer: Option<CloserLook>,
}

impl Addresses {
    /// Whether one of the two could not be asked for: that is no finding.
    fn is_unknown(&self) -> bool {
        [&self.name, &self.distribution].iter().any(|answer| matches!(answer, DnsAnswer::NoAnswer(_)))
    }

    fn are_led_here(&self) -> Option<bool> {
        match self.closer.as_ref().map(CloserLook::leading) {
            None if self.is_unknown() => None,
            None => Some(share_one(&self.name, &self.distribution)),
            Some(Leading::Here) => Some(true),
            Some(Leading::ToCloudFront) => None,
            Some(Leading::ToOtherDistribution(_) | Leading::Elsewhere) => Some(false),
        }
    }
}

/// Puts the report together, with the addresses of the plan's names in their order.
pub fn report(
    facts: &DomainFacts,
    plan: &DomainPlan,
    addresses: Vec<Addresses>,
    certificates: Vec<CertificateReport>,
) -> DomainStatus {
    let own = &facts.distribution;
    let names = names(facts, &plan.names, addresses);
    DomainStatus {
        distribution_id: own.id.clone(),
        distribution_domain: own.domain_name.clone(),
        is_deployed: own.is_deployed,
        certificates,
        is_right: names.iter().all(NameStatus::is_right),
        names,
        problems: plan.problems.clone(),
        external_records: plan.external_records.clone(),
        has_changes: plan.has_changes(),
    }
}

/// How each name stands, with its addresses in the order of the names.
pub fn names(facts: &DomainFacts, names: &[DnsName], addresses: Vec<Addresses>) -> Vec<NameStatus> {
    let own = &facts.distribution;
    let shown = facts.certificates.iter().find(|found| own.certificate.arn() == Some(found.arn.as_str()));
    let names = names.iter().zip(addresses).map(|(name, addresses)| {
        let zone = facts.zone_of(name).ok().filter(|_| !facts.is_external(name));
        let made = facts.ownership(name).filter(|owner| owner.distribution_id == own.id);
        let made = made.map(|owner| owner.made).unwrap_or_default();
        let of_visitors = |record_type: &RecordType| {
            matches!(record_type, RecordType::A | RecordType::Aaaa | RecordType::Https | RecordType::Cname)
        };
        let records = facts.records_of(name).iter().filter(|record| of_visitors(&record.record_type));
        NameStatus {
            name: name.clone(),
            is_alias: own.aliases.contains(name),
            is_certified: match &own.certificate {
                // CloudFront took no alias that it was not good for; it is not looked at here.
                ViewerCertificate::Iam { .. } => own.aliases.contains(name),
                _ => shown.is_some_and(|found| {
                    found.is_usable(facts.now) && found.names.iter().any(|of| of.covers(name))
                }),
            },
            zone_id: zone.map(|zone| zone.zone.id.clone()),
            delegation: zone.map(|zone| zone.delegation.clone()),
            records: records
                .map(|record| RecordStatus {
                    record_type: record.record_type.clone(),
                    leads: if record.leads_away(&own.domain_name) { Leads::Elsewhere } else { Leads::Here },
                    content: record.summary(),
                    is_ours: Made::of(&record.record_type).is_some_and(|kind| made.contains(&kind)),
                })
                .collect(),
            is_led_here: addresses.are_led_here(),
            resolver: addresses.name,
        }
    });
    names.collect()
}

/// Names by which nobody gets to the distribution yet, though nothing is left to do here, and what somebody has to do elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// At least one.
    pub names: Vec<DnsName>,
    /// One action each; empty where nothing is left but to wait.
    pub remedies: Vec<String>,
}

/// Which names of a plan that leaves nothing to do are not right all the same; none where all are.
pub fn unreached(plan: &DomainPlan, names: &[NameStatus]) -> Option<Unreached> {
    let names: Vec<DnsName> =
        names.iter().filter(|name| !name.is_right()).map(|name| name.name.clone()).collect();
    if names.is_empty() {
        return None;
    }
    let is_asked_for = |zone: &DnsName| names.iter().any(|name| name.base().is_within(zone));
    let hidden = plan
        .problems
        .iter()
        .filter(|problem| problem.kind == ProblemKind::NotDelegated && is_asked_for(&problem.name));
    let hidden = hidden.map(|problem| format!("`{}`: {}", problem.name, problem.remedy));
    let by_hand = plan
        .external_records
        .iter()
        .filter(|record| record.reason == ExternalReason::Visitors && names.contains(&record.name));
    let by_hand = by_hand.map(|record| {
        format!(
            "`{0}`: write the record `{0} CNAME {1}` where its DNS is (ALIAS or ANAME at the top of a zone)",
            record.name, record.target
        )
    });
    Some(Unreached { remedies: hidden.chain(by_hand).collect(), names })
}
