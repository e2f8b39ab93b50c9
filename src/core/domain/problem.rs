//! What stands in the way of a name, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::certificate::CLOUDFRONT_REGION;
use super::dns::{self, Delegation};
use super::facts::{CaaFacts, NoZone, ZoneFacts};
use super::name::DnsName;
use super::record::RecordSet;
use crate::core::iam_policy::operation::Operation;

/// What kind of problem it is: for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    NoZone,
    PrivateZoneOnly,
    AmbiguousZone,
    ShadowingZone,
    NotDelegated,
    DelegatedAway,
    CaaForbidsAmazon,
    OnAnotherDistribution,
    LedToAnotherDistribution,
    ForeignRecord,
    RoutedRecord,
    OwnedByAnotherDistribution,
    CertificateElsewhere,
    ValidationTimedOut,
    ValidationFailed,
    AliasesUnknown,
    CertificateQuota,
    AliasQuota,
}

/// Whether anything can be done before it is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is changed.
    Blocking,
    /// Good to know; what is planned can be done all the same.
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    pub severity: Severity,
    pub kind: ProblemKind,
    pub name: DnsName,
    /// The fact: lower case, without a full stop.
    pub what: String,
    /// One action.
    pub remedy: String,
}

/// The names in a certificate, by default and at most.
///
/// Source: "Number of domain names per ACM certificate", Quotas, AWS Certificate Manager User Guide
/// (docs.aws.amazon.com/acm/latest/userguide/acm-limits.html).
pub const CERTIFICATE_NAMES: usize = 10;
const MOST_CERTIFICATE_NAMES: usize = 100;

/// The aliases of a distribution, by default.
///
/// Source: "Alternate domain names (CNAMEs) per distribution", Amazon CloudFront endpoints and quotas, AWS General Reference
/// (docs.aws.amazon.com/general/latest/gr/cf_region.html).
pub const ALIASES: usize = 100;

fn listed(names: &[impl fmt::Display]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Problem {
    fn new(severity: Severity, kind: ProblemKind, name: &DnsName, what: String, remedy: String) -> Self {
        Self { severity, kind, name: name.clone(), what, remedy }
    }

    /// A name that no zone here holds.
    pub fn no_zone(name: &DnsName, why: &NoZone<'_>) -> Self {
        let (kind, what, remedy) = match why {
            NoZone::None => (
                ProblemKind::NoZone,
                "no hosted zone of this account, or of the zone profiles, holds it".to_owned(),
                "name the profile of the account that has it with `--zone-profile`, create a public hosted zone in Route 53 \
                 and delegate the domain to it, or pass `--external-dns` and write the records by hand"
                    .to_owned(),
            ),
            NoZone::PrivateOnly(zone) => (
                ProblemKind::PrivateZoneOnly,
                format!("only the private hosted zone `{}` ({}) holds it, which the world does not see", zone.name, zone.id),
                "create a public hosted zone of that name and delegate the domain to it".to_owned(),
            ),
            NoZone::Ambiguous(zones) => {
                let ids: Vec<&str> = zones.iter().map(|zone| zone.id.as_str()).collect();
                let zone_name = zones.first().map(|zone| zone.name.to_string()).unwrap_or_default();
                (
                    ProblemKind::AmbiguousZone,
                    format!("there are {} public hosted zones `{zone_name}` ({}), and it cannot be told which of them the world asks", zones.len(), listed(&ids)),
                    "set the name servers at the domain's registrar to those of the zone that counts, or delete the others".to_owned(),
                )
            }
        };
        Self::new(Severity::Blocking, kind, name, what, remedy)
    }

    /// A name of which nobody can say whether sitepush set it up: that is written down in the zone.
    pub fn unknown_owner(name: &DnsName, why: &NoZone<'_>) -> Self {
        let remedy = "name the profile of the account that has its zone with `--zone-profile`; if its DNS is elsewhere, take \
                      the alias off the distribution in the console"
            .to_owned();
        Self { remedy, ..Self::no_zone(name, why) }
    }

    /// A name in two zones of different names, of which the world asks the shorter. Which of them is meant only the user knows:
    /// the longer one may be a leftover, or about to be delegated.
    pub fn shadowing_zone(name: &DnsName, longest: &ZoneFacts, asked: &ZoneFacts) -> Self {
        let (unasked, other) = (&longest.zone, &asked.zone);
        let what = format!(
            "hosted zone `{}` ({}) holds it, and nobody asks that one: no name servers are set for it, so the world asks \
             `{}` ({})",
            unasked.name, unasked.id, other.name, other.id
        );
        let remedy = format!(
            "delete hosted zone {} if it is a leftover; if it is the one that counts, write an NS record for `{}` into {} with \
             its name servers: {}",
            unasked.id,
            unasked.name,
            other.id,
            listed(&longest.name_servers)
        );
        Self::new(Severity::Blocking, ProblemKind::ShadowingZone, name, what, remedy)
    }

    /// A zone that the world does not ask; none when it does.
    pub fn not_delegated(facts: &ZoneFacts) -> Option<Self> {
        let zone = &facts.zone.name;
        let servers = listed(&facts.name_servers);
        let what = match &facts.delegation {
            Delegation::Right | Delegation::Unknown { .. } => return None,
            Delegation::Partly { others } => {
                format!("resolvers also ask name servers that are not the zone's: {}", listed(others))
            }
            Delegation::Elsewhere { servers } => {
                format!(
                    "resolvers ask other name servers than those of zone {}: {}",
                    facts.zone.id,
                    listed(servers)
                )
            }
            Delegation::Missing => {
                format!("no name servers are set for it, so nobody asks zone {}", facts.zone.id)
            }
            Delegation::Broken { why } => format!("resolvers get no answer for it ({why})"),
        };
        let where_to = if zone.as_str().matches('.').count() > 1 {
            "in the zone above it, or at the domain's registrar"
        } else {
            "at the domain's registrar"
        };
        let remedy =
            format!("set its name servers {where_to} to {servers}; records in the zone are not seen before");
        Some(Self::new(Severity::Warning, ProblemKind::NotDelegated, zone, what, remedy))
    }

    /// A name that its own zone hands to other servers, or one above it: `record` is where it does so.
    pub fn delegated_away(name: &DnsName, record: &RecordSet) -> Self {
        let what = format!(
            "its zone hands {} to other name servers ({}), which know nothing of the zone's records",
            if record.name == *name { "it".to_owned() } else { record.name.to_string() },
            record.summary()
        );
        let remedy = format!(
            "name the profile of the account with the hosted zone of {0} with `--zone-profile`, remove the NS record of \
             {0}, or pass `--external-dns` and write the records by hand",
            record.name
        );
        Self::new(Severity::Blocking, ProblemKind::DelegatedAway, name, what, remedy)
    }

    /// The same for a name of which nothing is wanted but that it is validated: somebody else can do that.
    #[must_use]
    pub fn of_validation_only(self) -> Self {
        let remedy = "write its validation record, which `sitepush domain status` shows, where its DNS is, or name the profile \
                      of the account that has its zone with `--zone-profile`"
            .to_owned();
        Self { severity: Severity::Warning, remedy, ..self }
    }

    /// Another record where ACM wants to find one when it renews a certificate.
    pub fn no_renewal(record: &RecordSet, arn: &str) -> Self {
        let RecordSet { name, record_type, is_simple, .. } = record;
        let what = format!(
            "ACM renews {arn} by a CNAME here, and there is another record: {record_type} {}",
            record.summary()
        );
        let (kind, remedy) = if *is_simple {
            (ProblemKind::ForeignRecord, "remove that record, or pass `--take-over` to replace it")
        } else {
            (ProblemKind::RoutedRecord, "remove that record in Route 53")
        };
        let remedy = format!("{remedy}; else the certificate ends and is not renewed");
        Self::new(Severity::Warning, kind, name, what, remedy)
    }

    /// CAA records that keep Amazon from issuing.
    pub fn caa(name: &DnsName, caa: &CaaFacts) -> Self {
        let what = format!(
            "the CAA records of {} do not let Amazon issue a certificate: {}",
            caa.at,
            caa.records.join(", ")
        );
        // Where there is one, `issuewild` decides for wildcards alone: to add the first would take them from others.
        let tag = if name.is_wildcard() && dns::has_issuewild(&caa.records) { "issuewild" } else { "issue" };
        let remedy = format!("add `0 {tag} \"amazon.com\"` to the CAA records of {}", caa.at);
        Self::new(Severity::Blocking, ProblemKind::CaaForbidsAmazon, name, what, remedy)
    }

    pub fn on_another_distribution(name: &DnsName, other: &str) -> Self {
        let what = format!("it is an alias of distribution {other}");
        let remedy = format!(
            "take it off there first (`sitepush domain remove --domain {name} --distribution {other}`, if sitepush put it there), or move it with \
             `aws cloudfront associate-alias`"
        );
        Self::new(Severity::Blocking, ProblemKind::OnAnotherDistribution, name, what, remedy)
    }

    /// A name whose DNS is not here and leads to another distribution: CloudFront refuses the alias as long as it does.
    pub fn led_to_another_distribution(name: &DnsName, other: &DnsName, severity: Severity) -> Self {
        let what = format!(
            "its CNAME leads to another distribution ({other}), and CloudFront takes no alias whose DNS does"
        );
        let when = match severity {
            Severity::Blocking => "",
            Severity::Warning => "when the certificate is issued, ",
        };
        let remedy = format!(
            "{when}remove that record where its DNS is, wait until its time to live is over, and run the command again"
        );
        Self::new(severity, ProblemKind::LedToAnotherDistribution, name, what, remedy)
    }

    /// A record that we may not touch unasked.
    pub fn foreign_record(record: &RecordSet) -> Self {
        let RecordSet { name, record_type, is_simple, .. } = record;
        let summary = record.summary();
        if !is_simple {
            let what =
                format!("it has an {record_type} record with a routing policy or health check: {summary}");
            let remedy = "remove that record in Route 53, or leave this name out".to_owned();
            return Self::new(Severity::Blocking, ProblemKind::RoutedRecord, name, what, remedy);
        }
        let what = format!("it has a record that sitepush did not make: {record_type} {summary}");
        let remedy = "remove that record, or pass `--take-over` to replace it; visitors go here from then on"
            .to_owned();
        Self::new(Severity::Blocking, ProblemKind::ForeignRecord, name, what, remedy)
    }

    pub fn owned_by_another(name: &DnsName, other: &str) -> Self {
        let what = format!("sitepush made its records for distribution {other}");
        let remedy = format!(
            "remove it there (`sitepush domain remove --domain {name} --distribution {other}`), or pass `--take-over`"
        );
        Self::new(Severity::Blocking, ProblemKind::OwnedByAnotherDistribution, name, what, remedy)
    }

    pub fn certificate_elsewhere(name: &DnsName, region: &str, arn: &str) -> Self {
        let what = format!(
            "certificate {arn} in {region} covers these names, and CloudFront reads only those in {CLOUDFRONT_REGION}"
        );
        let remedy = format!(
            "nothing: another one is requested in {CLOUDFRONT_REGION}; `aws acm delete-certificate --region {region} --certificate-arn {arn}` clears this one away, if \
             nothing else uses it"
        );
        Self::new(Severity::Warning, ProblemKind::CertificateElsewhere, name, what, remedy)
    }

    pub fn validation_timed_out(name: &DnsName, arn: &str) -> Self {
        let what = format!("an earlier certificate was not validated within 72 hours ({arn})");
        let remedy = format!(
            "nothing: another one is requested; `aws acm delete-certificate --region {CLOUDFRONT_REGION} --certificate-arn {arn}` clears the old \
             one away"
        );
        Self::new(Severity::Warning, ProblemKind::ValidationTimedOut, name, what, remedy)
    }

    pub fn validation_failed(name: &DnsName, arn: &str, reason: &str) -> Self {
        let what = format!("an earlier certificate failed with {reason} ({arn})");
        let remedy = match reason {
            "CAA_ERROR" => "let Amazon issue in the CAA records of the name; another one is requested",
            "ADDITIONAL_VERIFICATION_REQUIRED" => {
                "ask AWS Support to verify the domain; another one is requested"
            }
            "DOMAIN_NOT_ALLOWED" => {
                "the name is on a list of unsafe domains: ask AWS Support; another one is requested"
            }
            "INVALID_PUBLIC_DOMAIN" => {
                "check the spelling: it is under no public domain; another one is requested"
            }
            _ => "see the certificate in the console for the reason; another one is requested",
        };
        Self::new(Severity::Warning, ProblemKind::ValidationFailed, name, what, remedy.to_owned())
    }

    /// More names than ACM puts into one certificate, unless the account has a larger quota.
    pub fn certificate_quota(name: &DnsName, count: usize) -> Self {
        let what = format!(
            "the certificate needs {count} names, and by default ACM takes {CERTIFICATE_NAMES} in one: it may refuse the request"
        );
        let remedy = if count > MOST_CERTIFICATE_NAMES {
            format!("use wildcards, or several distributions: no quota is above {MOST_CERTIFICATE_NAMES}")
        } else {
            "ask for more in Service Quotas (ACM in us-east-1, domain names per certificate), or use wildcards".to_owned()
        };
        Self::new(Severity::Warning, ProblemKind::CertificateQuota, name, what, remedy)
    }

    /// More aliases than CloudFront gives a distribution, unless the account has a larger quota.
    pub fn alias_quota(name: &DnsName, count: usize) -> Self {
        let what = format!(
            "the distribution would have {count} aliases, and by default CloudFront takes {ALIASES}: it may refuse them"
        );
        let remedy =
            "ask for more in Service Quotas (CloudFront, alternate domain names per distribution), or use wildcards"
                .to_owned();
        Self::new(Severity::Warning, ProblemKind::AliasQuota, name, what, remedy)
    }

    pub fn aliases_unknown(name: &DnsName) -> Self {
        let what = "whether another distribution has it could not be looked up".to_owned();
        let action = Operation::LIST_DISTRIBUTIONS.grants[0].action;
        let remedy = format!("grant `{action}`; CloudFront refuses the change if so");
        Self::new(Severity::Warning, ProblemKind::AliasesUnknown, name, what, remedy)
    }
}
