//! Answers of name servers, and what they mean: delegation, and who may issue certificates.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::name::DnsName;

/// What a name server answered to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsAnswer {
    /// The values of the type that was asked for, as they stand in zones.
    Records(Vec<String>),
    /// The name is there, and has none of this type.
    NoRecords,
    /// There is no such name.
    NoSuchName,
    /// The server does not answer for the name itself: it names the servers of the zone that does.
    Referred { zone: DnsName, servers: Vec<DnsName> },
    /// The server answered with another code, such as `SERVFAIL`, or answers everything but this.
    Failed(String),
    /// Nobody answered, and why.
    NoAnswer(String),
}

impl DnsAnswer {
    /// The answer in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Records(values) => values.join(" "),
            Self::NoRecords => "no such record".into(),
            Self::NoSuchName => "no such name".into(),
            Self::Referred { zone, .. } => format!("refers to the servers of {zone}"),
            Self::Failed(code) => format!("failed ({code})"),
            Self::NoAnswer(_) => "no answer".into(),
        }
    }

    /// Whether it is this CNAME and no other.
    pub fn is_cname(&self, target: &DnsName) -> bool {
        matches!(self, Self::Records(values)
            if !values.is_empty() && values.iter().all(|value| DnsName::from_service(value) == *target))
    }

    /// The other distribution that a CNAME leads to, if it leads to one.
    pub fn other_distribution(&self, distribution_domain: &DnsName) -> Option<DnsName> {
        let Self::Records(values) = self else { return None };
        let mut targets = values.iter().map(|value| DnsName::from_service(value));
        targets.find(|target| target.is_of_cloudfront() && target != distribution_domain)
    }
}

/// Whether the world asks a zone's own name servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delegation {
    /// It does.
    Right,
    /// Some of the servers that it asks are not the zone's.
    Partly { others: Vec<DnsName> },
    /// It asks other servers.
    Elsewhere { servers: Vec<DnsName> },
    /// Nobody is named for this name.
    Missing,
    /// Servers are named, and the resolver got no sense out of them.
    Broken { why: String },
    /// The resolver could not be asked.
    Unknown { why: String },
}

impl Delegation {
    /// Reads the answer of a resolver that was asked for the zone's NS records.
    pub fn judge(zone_servers: &[DnsName], answer: &DnsAnswer) -> Self {
        let servers = match answer {
            DnsAnswer::Records(values) => {
                values.iter().map(|value| DnsName::from_service(value)).collect::<BTreeSet<_>>()
            }
            DnsAnswer::Referred { servers, .. } => servers.iter().cloned().collect(),
            DnsAnswer::NoRecords | DnsAnswer::NoSuchName => return Self::Missing,
            DnsAnswer::Failed(code) => return Self::Broken { why: code.clone() },
            DnsAnswer::NoAnswer(why) => return Self::Unknown { why: why.clone() },
        };
        let (own, others): (Vec<_>, Vec<_>) =
            servers.into_iter().partition(|server| zone_servers.contains(server));
        match (own.is_empty(), others.is_empty()) {
            (true, true) => Self::Missing,
            (true, false) => Self::Elsewhere { servers: others },
            (false, false) => Self::Partly { others },
            (false, true) => Self::Right,
        }
    }

    /// Whether records in the zone are seen by the world, as far as is known.
    pub fn is_effective(&self) -> bool {
        matches!(self, Self::Right | Self::Partly { .. } | Self::Unknown { .. })
    }
}

/// The domains by which Amazon's authority is named in CAA records.
///
/// Source: "Configure CAA DNS records", AWS Certificate Manager User Guide.
pub const AMAZON_AUTHORITIES: [&str; 4] = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];

/// Whether Amazon may issue for a name that has these CAA records, as they stand in zones (`0 issue "amazon.com"`).
///
/// Source: RFC 8659, sections 4.2 and 4.3: no property for the kind of name means that anybody may; `issuewild`, where
/// there is one, is for wildcards instead of `issue`. An unknown critical property forbids everybody.
pub fn allows_amazon(records: &[String], is_wildcard: bool) -> bool {
    let properties: Vec<(u8, String, &str)> = records.iter().filter_map(|record| property(record)).collect();
    let of = |tag: &str| properties.iter().filter(|(_, name, _)| name == tag).collect::<Vec<_>>();
    let is_known = |tag: &str| {
        matches!(
            tag,
            "issue" | "issuewild" | "iodef" | "issuemail" | "issuevmc" | "contactemail" | "contactphone"
        )
    };
    if properties.iter().any(|(flags, tag, _)| flags & 0x80 != 0 && !is_known(tag)) {
        return false;
    }
    let wild = of("issuewild");
    let relevant = if is_wildcard && !wild.is_empty() { wild } else { of("issue") };
    relevant.is_empty() || relevant.iter().any(|(_, _, value)| names_amazon(value))
}

/// Whether one of these CAA records is for wildcards alone.
pub fn has_issuewild(records: &[String]) -> bool {
    records.iter().filter_map(|record| property(record)).any(|(_, tag, _)| tag == "issuewild")
}

fn property(record: &str) -> Option<(u8, String, &str)> {
    let mut parts = record.trim().splitn(3, char::is_whitespace);
    let flags = parts.next()?.parse().ok()?;
    let tag = parts.next()?.to_ascii_lowercase();
    Some((flags, tag, parts.next()?.trim().trim_matches('"')))
}

/// Parameters behind a semicolon narrow which accounts and methods; whose authority it is stands before it.
fn names_amazon(value: &str) -> bool {
    let authority = value.split(';').next().unwrap_or_default().trim().trim_end_matches('.');
    AMAZON_AUTHORITIES.iter().any(|known| authority.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<DnsName> {
        texts.iter().map(|text| DnsName::from_service(text)).collect()
    }

    fn records(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn delegation_is_judged_by_whose_servers_the_world_asks() {
        let zone = names(&["ns-1.awsdns-1.org", "ns-2.awsdns-2.com"]);
        let judge = |answer: DnsAnswer| Delegation::judge(&zone, &answer);
        let answer = |texts: &[&str]| DnsAnswer::Records(records(texts));
        assert_eq!(judge(answer(&["NS-1.awsdns-1.org.", "ns-2.awsdns-2.com."])), Delegation::Right);
        assert_eq!(judge(answer(&["ns-1.awsdns-1.org."])), Delegation::Right);
        assert_eq!(
            judge(answer(&["ns-1.awsdns-1.org.", "old.example.net."])),
            Delegation::Partly { others: names(&["old.example.net"]) }
        );
        assert_eq!(
            judge(answer(&["ns-9.awsdns-9.net."])),
            Delegation::Elsewhere { servers: names(&["ns-9.awsdns-9.net"]) }
        );
        assert_eq!(judge(DnsAnswer::NoSuchName), Delegation::Missing);
        assert_eq!(judge(DnsAnswer::NoRecords), Delegation::Missing);
        assert_eq!(
            judge(DnsAnswer::Failed("SERVFAIL".into())),
            Delegation::Broken { why: "SERVFAIL".into() }
        );
        assert!(judge(DnsAnswer::NoAnswer("timed out".into())).is_effective(), "not knowing is no finding");
    }

    #[test]
    fn caa_records_say_who_may_issue() {
        let cases: [(&[&str], bool, bool); 12] = [
            (&[], true, true),
            (&["0 issue \"amazon.com\""], true, true),
            (&["0 issue \"AmazonTrust.com.\""], true, true),
            (&["0 issue \"letsencrypt.org\""], false, false),
            (&["0 issue \"letsencrypt.org\"", "0 issue \"amazonaws.com\""], true, true),
            (&["0 issue \";\""], false, false),
            (&["0 issuewild \"letsencrypt.org\""], true, false),
            (&["0 issuewild \";\"", "0 issue \"amazon.com\""], true, false),
            (&["0 issuewild \"awstrust.com\"", "0 issue \"letsencrypt.org\""], false, true),
            (&["0 iodef \"mailto:security@example.com\""], true, true),
            (&["128 tbs \"unknown\""], false, false),
            (&["0 issue \"amazon.com; accounturi=x\"", "0 unknown \"x\""], true, true),
        ];
        for (texts, plain, wildcard) in cases {
            assert_eq!(allows_amazon(&records(texts), false), plain, "{texts:?}");
            assert_eq!(allows_amazon(&records(texts), true), wildcard, "{texts:?}, wildcard");
        }
    }
}
