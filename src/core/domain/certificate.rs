//! Certificates of ACM, and which of them a distribution is best given.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::name::DnsName;

/// How far a certificate is, as ACM spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStatus {
    PendingValidation,
    Issued,
    Expired,
    /// ACM gives up 72 hours after the request.
    ValidationTimedOut,
    Failed,
    Revoked,
    Inactive,
    Other(String),
}

/// The kind of a certificate's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAlgorithm {
    #[default]
    Rsa2048,
    EcPrime256v1,
    /// Another one that CloudFront serves.
    OtherServed,
    /// One that CloudFront does not serve.
    NotServed,
}

impl KeyAlgorithm {
    pub fn title(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA 2048",
            Self::EcPrime256v1 => "ECDSA P-256",
            Self::OtherServed => "another RSA key",
            Self::NotServed => "a key that CloudFront does not serve",
        }
    }
}

/// Who made a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issuance {
    /// By ACM, which renews it while its validation records stay.
    Amazon,
    /// Brought along; nobody renews it.
    Imported,
    /// By a private authority, which browsers do not know.
    Private,
}

/// What ACM wants to see for one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    pub name: DnsName,
    /// Name and value of the CNAME; none while ACM has not made it up, and for other methods than DNS.
    pub record: Option<(DnsName, DnsName)>,
    pub is_validated: bool,
}

/// A certificate as ACM describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub arn: String,
    /// Its names, the wildcards among them.
    pub names: BTreeSet<DnsName>,
    pub status: CertificateStatus,
    pub key_algorithm: KeyAlgorithm,
    pub issuance: Issuance,
    pub is_validated_by_dns: bool,
    pub validations: Vec<Validation>,
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// ARNs of what uses it.
    pub in_use_by: Vec<String>,
    /// Why ACM failed, in its word, such as `CAA_ERROR`.
    pub failure: Option<String>,
    /// The distribution for which sitepush requested it, by the certificate's tag.
    pub requested_for: Option<String>,
}

/// The region whose certificates CloudFront takes.
///
/// Source: "Requirements for using SSL/TLS certificates with CloudFront", CloudFront Developer Guide.
pub const CLOUDFRONT_REGION: &str = "us-east-1";

/// The tag by which sitepush knows its certificates; its value is the distribution's id.
pub const OWNER_TAG: &str = "sitepush";

/// By then, whoever renews a certificate has done so: ACM begins 60 days before the end, and those who fetch one of 90 days
/// from Let's Encrypt are advised to have the next one when 30 are left.
///
/// Source: "Managed certificate renewal", ACM User Guide; "Integration Guide", Let's Encrypt. AWS Security Hub looks for the
/// same 30 days (control ACM.1).
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Of what lives shorter, the last third is left when it is renewed ("Integration Guide", Let's Encrypt).
const LAST_PART: i32 = 3;

impl Certificate {
    /// How long before its end whoever renews it has done so.
    pub fn renewed_before(&self) -> SignedDuration {
        let life = self.not_before.zip(self.not_after).map(|(begin, end)| end.duration_since(begin));
        life.map_or(RENEWED_BEFORE, |life| (life / LAST_PART).min(RENEWED_BEFORE))
    }

    /// Whether it was imported and is about to end: nobody has brought the next one.
    pub fn is_left_to_end(&self, now: Timestamp) -> bool {
        let left = self.not_after.map(|end| end.duration_since(now));
        self.issuance == Issuance::Imported && left.is_some_and(|left| left < self.renewed_before())
    }

    /// Whether it is good for all of these names.
    pub fn covers(&self, names: &BTreeSet<DnsName>) -> bool {
        names.iter().all(|wanted| self.names.iter().any(|name| name.covers(wanted)))
    }

    /// Whether CloudFront would serve it to browsers.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.status == CertificateStatus::Issued
            && self.key_algorithm != KeyAlgorithm::NotServed
            && self.issuance != Issuance::Private
            && self.not_after.is_none_or(|end| end > now)
    }

    /// The names that ACM has not validated yet; all, while it has made up no records.
    pub fn unvalidated(&self) -> BTreeSet<DnsName> {
        let validated = self.validations.iter().filter(|validation| validation.is_validated);
        let validated: BTreeSet<&DnsName> = validated.map(|validation| &validation.name).collect();
        self.names.iter().filter(|name| !validated.contains(name)).cloned().collect()
    }

    /// The names that it waits for and that no validation of a needed name proves: a name and the wildcard above it share one
    /// record. ACM issues a certificate when all its names are validated, so with one of these it may never be.
    pub fn awaits_beyond(&self, needed: &BTreeSet<DnsName>) -> BTreeSet<DnsName> {
        let proven: BTreeSet<DnsName> = needed.iter().map(DnsName::base).collect();
        self.unvalidated().into_iter().filter(|name| !proven.contains(&name.base())).collect()
    }

    /// Whether ACM renews it while its validation records stay.
    pub fn is_renewed_by_records(&self) -> bool {
        self.issuance == Issuance::Amazon && self.is_validated_by_dns
    }

    /// Whether it only waits for records that we can write.
    pub fn is_awaited(&self) -> bool {
        self.status == CertificateStatus::PendingValidation
            && self.is_validated_by_dns
            && self.issuance == Issuance::Amazon
            && self.key_algorithm != KeyAlgorithm::NotServed
    }
}

/// The issued certificate that fits best: in use already, else for the fewest other names, made by Amazon, valid longest. An
/// imported one that is about to end is none: nobody renews it.
pub fn choose_issued<'a>(
    certificates: &'a [Certificate],
    needed: &BTreeSet<DnsName>,
    current_arn: Option<&str>,
    now: Timestamp,
) -> Option<&'a Certificate> {
    let fitting = certificates.iter().filter(|found| found.is_usable(now) && found.covers(needed));
    let fitting = fitting.filter(|found| !found.is_left_to_end(now));
    fitting.min_by_key(|found| {
        let is_current = current_arn == Some(found.arn.as_str());
        let is_imported = found.issuance == Issuance::Imported;
        (!is_current, found.names.len(), is_imported, Reverse(found.not_after), found.arn.clone())
    })
}

/// The pending certificate to go on with: ours, unless it waits for names that are not needed any more; else one for exactly
/// these names.
pub fn choose_pending<'a>(
    certificates: &'a [Certificate],
    needed: &BTreeSet<DnsName>,
    distribution_id: &str,
) -> Option<&'a Certificate> {
    let is_ours = |found: &Certificate| found.requested_for.as_deref() == Some(distribution_id);
    let fitting = certificates.iter().filter(|found| found.is_awaited() && found.covers(needed));
    let fitting = fitting.filter(|found| is_ours(found) || found.names == *needed);
    let fitting = fitting.filter(|found| found.awaits_beyond(needed).is_empty());
    fitting.min_by_key(|found| (!is_ours(found), found.names.len(), found.arn.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-27T00:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().expect("a time")
    }

    fn names(texts: &[&str]) -> BTreeSet<DnsName> {
        texts.iter().map(|text| DnsName::parse(text).expect("a name")).collect()
    }

    fn issued(arn: &str, of: &[&str]) -> Certificate {
        Certificate {
            arn: arn.into(),
            names: names(of),
            status: CertificateStatus::Issued,
            key_algorithm: KeyAlgorithm::Rsa2048,
            issuance: Issuance::Amazon,
            is_validated_by_dns: true,
            validations: Vec::new(),
            not_before: None,
            not_after: Some("2027-06-01T00:00:00Z".parse().expect("a time")),
            in_use_by: Vec::new(),
            failure: None,
            requested_for: None,
        }
    }

    fn chosen(certificates: &[Certificate], current: Option<&str>) -> Option<String> {
        let needed = names(&["example.com", "www.example.com"]);
        choose_issued(certificates, &needed, current, now()).map(|found| found.arn.clone())
    }

    #[test]
    fn the_certificate_with_the_fewest_other_names_fits_best() {
        let broad = issued("broad", &["example.com", "*.example.com", "example.org"]);
        let exact = issued("exact", &["example.com", "www.example.com"]);
        let part = issued("part", &["example.com"]);
        let all = [broad, part, exact];
        assert_eq!(chosen(&all, None).as_deref(), Some("exact"));
        assert_eq!(chosen(&all, Some("broad")).as_deref(), Some("broad"), "what is in use and fits stays");
        assert_eq!(
            chosen(&all, Some("part")).as_deref(),
            Some("exact"),
            "what is in use and does not fit goes"
        );
        assert_eq!(chosen(&all[1..2], None), None);
    }

    #[test]
    fn what_cloudfront_or_browsers_refuse_is_never_chosen() {
        let good = || issued("a", &["example.com", "*.example.com"]);
        assert!(chosen(&[good()], None).is_some());
        for bad in [
            Certificate { status: CertificateStatus::PendingValidation, ..good() },
            Certificate { status: CertificateStatus::Revoked, ..good() },
            Certificate { key_algorithm: KeyAlgorithm::NotServed, ..good() },
            Certificate { issuance: Issuance::Private, ..good() },
            Certificate { not_after: Some(now()), ..good() },
        ] {
            assert_eq!(chosen(std::slice::from_ref(&bad), Some("a")), None, "{bad:?}");
        }
    }

    #[test]
    fn an_imported_certificate_that_is_about_to_end_is_not_chosen_though_it_is_in_use() {
        let exact = |arn: &str| issued(arn, &["example.com", "www.example.com"]);
        let ending = |days: i64, life: Option<i64>, issuance: Issuance| {
            let end = now() + SignedDuration::from_hours(24 * days);
            Certificate {
                issuance,
                not_after: Some(end),
                not_before: life.map(|days| end - SignedDuration::from_hours(24 * days)),
                ..exact("current")
            }
        };
        let chosen = |current: Certificate| chosen(&[current, exact("other")], Some("current"));
        assert_eq!(chosen(ending(29, Some(365), Issuance::Imported)).as_deref(), Some("other"));
        assert_eq!(chosen(ending(29, None, Issuance::Imported)).as_deref(), Some("other"));
        assert_eq!(chosen(ending(31, Some(365), Issuance::Imported)).as_deref(), Some("current"));
        // Somebody's script fetches one of 47 days when a third of its life is left.
        assert_eq!(chosen(ending(29, Some(47), Issuance::Imported)).as_deref(), Some("current"));
        assert_eq!(
            chosen(ending(29, Some(395), Issuance::Amazon)).as_deref(),
            Some("current"),
            "ACM renews it"
        );
        let needed = names(&["example.com"]);
        let alone = ending(1, None, Issuance::Imported);
        assert_eq!(choose_issued(&[alone], &needed, Some("current"), now()), None, "one is requested");
    }

    #[test]
    fn of_equals_the_renewed_and_longer_valid_one_is_chosen() {
        let exact = |arn: &str| issued(arn, &["example.com", "www.example.com"]);
        let imported = Certificate { issuance: Issuance::Imported, ..exact("a") };
        let late =
            Certificate { not_after: Some("2027-12-01T00:00:00Z".parse().expect("a time")), ..exact("c") };
        assert_eq!(chosen(&[imported, exact("b"), late], None).as_deref(), Some("c"));
    }

    #[test]
    fn a_pending_certificate_of_somebody_else_is_used_only_if_it_is_for_exactly_these_names() {
        let needed = names(&["example.com", "www.example.com"]);
        let pending = |arn: &str, of: &[&str], owner: Option<&str>| Certificate {
            status: CertificateStatus::PendingValidation,
            requested_for: owner.map(str::to_owned),
            ..issued(arn, of)
        };
        let broad = pending("broad", &["example.com", "*.example.com"], None);
        let ours = pending("ours", &["example.com", "*.example.com"], Some("E1"));
        let exact = pending("exact", &["example.com", "www.example.com"], None);
        let by_mail = Certificate { is_validated_by_dns: false, ..exact.clone() };
        let chosen = |all: &[Certificate]| choose_pending(all, &needed, "E1").map(|found| found.arn.clone());
        assert_eq!(chosen(std::slice::from_ref(&broad)), None);
        assert_eq!(chosen(&[by_mail]), None);
        assert_eq!(chosen(&[broad.clone(), exact.clone()]).as_deref(), Some("exact"));
        assert_eq!(chosen(&[broad, exact, ours]).as_deref(), Some("ours"));
    }

    #[test]
    fn a_pending_certificate_that_waits_for_a_name_that_was_dropped_is_not_gone_on_with() {
        let pending = |validated: &[&str]| {
            let of = ["example.com", "*.example.com", "www.example.net"];
            let validations = of.iter().map(|of| Validation {
                name: DnsName::from_service(of),
                record: None,
                is_validated: validated.contains(of),
            });
            Certificate {
                status: CertificateStatus::PendingValidation,
                requested_for: Some("E1".into()),
                validations: validations.collect(),
                ..issued("ours", &of)
            }
        };
        let is_chosen = |found: Certificate, needed: &[&str]| {
            choose_pending(std::slice::from_ref(&found), &names(needed), "E1").is_some()
        };
        assert!(
            is_chosen(pending(&[]), &["example.com", "www.example.net"]),
            "a wildcard needs no record more"
        );
        assert!(!is_chosen(pending(&[]), &["example.com"]));
        assert!(
            is_chosen(pending(&["www.example.net"]), &["example.com"]),
            "what is validated holds up nothing"
        );
        assert!(
            !is_chosen(pending(&["www.example.net"]), &["www.example.com"]),
            "example.com is not proven by it"
        );
    }
}
