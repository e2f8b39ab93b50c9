//! Record sets of a hosted zone, and the text record by which sitepush knows its own again.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::DnsName;

/// The kind of a record set, as Route 53 spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RecordType {
    A,
    Aaaa,
    Https,
    Cname,
    Txt,
    /// Of no concern here but that it is there.
    Other(String),
}

impl RecordType {
    pub fn as_str(&self) -> &str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Https => "HTTPS",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
            Self::Other(text) => text,
        }
    }
}

impl From<String> for RecordType {
    fn from(text: String) -> Self {
        match text.as_str() {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "HTTPS" => Self::Https,
            "CNAME" => Self::Cname,
            "TXT" => Self::Txt,
            _ => Self::Other(text),
        }
    }
}

impl From<RecordType> for String {
    fn from(record_type: RecordType) -> Self {
        record_type.as_str().to_owned()
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a record set says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordContent {
    /// Route 53 answers with what the target has.
    Alias { hosted_zone_id: String, target: DnsName, evaluates_target_health: bool },
    /// Values as they stand in the zone: text in quotation marks.
    Values { ttl_seconds: i64, values: Vec<String> },
}

/// All records of one name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    pub name: DnsName,
    pub record_type: RecordType,
    pub content: RecordContent,
    /// Without routing policy, health check and traffic policy, so that these fields say all that there is.
    pub is_simple: bool,
}

/// The hosted zone of every CloudFront distribution outside China.
///
/// Source: `AliasTarget`, Amazon Route 53 API Reference.
pub const CLOUDFRONT_ZONE_ID: &str = "Z2FDTNDATAQYW2";

/// How long resolvers may keep what sitepush writes, where that is ours to say.
const TTL_SECONDS: i64 = 300;

impl RecordSet {
    /// An alias for a distribution.
    pub fn alias(name: &DnsName, record_type: RecordType, distribution_domain: &DnsName) -> Self {
        let content = RecordContent::Alias {
            hosted_zone_id: CLOUDFRONT_ZONE_ID.to_owned(),
            target: distribution_domain.clone(),
            evaluates_target_health: false,
        };
        Self { name: name.clone(), record_type, content, is_simple: true }
    }

    /// A record that proves to ACM that the name is ours.
    pub fn validation(name: &DnsName, value: &DnsName) -> Self {
        Self {
            name: name.clone(),
            record_type: RecordType::Cname,
            content: RecordContent::Values { ttl_seconds: TTL_SECONDS, values: vec![value.absolute()] },
            is_simple: true,
        }
    }

    /// Whether visitors are led to this distribution by it.
    pub fn leads_to(&self, distribution_domain: &DnsName) -> bool {
        match &self.content {
            RecordContent::Alias { target, .. } => target == distribution_domain,
            RecordContent::Values { values, .. } => {
                self.record_type == RecordType::Cname
                    && values.iter().all(|value| DnsName::from_service(value) == *distribution_domain)
            }
        }
    }

    /// The other distribution that visitors are led to by it, if they are led to one.
    pub fn other_distribution(&self, distribution_domain: &DnsName) -> Option<DnsName> {
        let targets: Vec<DnsName> = match &self.content {
            RecordContent::Alias { target, .. } => vec![target.clone()],
            RecordContent::Values { values, .. } if self.record_type == RecordType::Cname => {
                values.iter().map(|value| DnsName::from_service(value)).collect()
            }
            RecordContent::Values { .. } => Vec::new(),
        };
        targets.into_iter().find(|target| target.is_of_cloudfront() && target != distribution_domain)
    }

    /// Whether visitors are led away from this distribution by it. An HTTPS record that names the name itself and no addresses
    /// says only what may be spoken.
    ///
    /// Source: RFC 9460, section 2.5: the target `.` is the record's own name.
    pub fn leads_away(&self, distribution_domain: &DnsName) -> bool {
        let is_harmless = |value: &String| {
            let target = value.split_whitespace().nth(1);
            let is_here = |text: &str| text == "." || DnsName::from_service(text) == *distribution_domain;
            target.is_some_and(is_here) && !value.contains("ipv4hint") && !value.contains("ipv6hint")
        };
        match &self.content {
            RecordContent::Values { values, .. } if self.record_type == RecordType::Https => {
                !values.iter().all(is_harmless)
            }
            _ => !self.leads_to(distribution_domain),
        }
    }

    /// Whether a resolver gets the same by both: how long it may keep it is left to whoever wrote it.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (RecordContent::Values { values, .. }, RecordContent::Values { values: others, .. }) => {
                let same = |a: &String, b: &String| match self.record_type {
                    RecordType::Cname => DnsName::from_service(a) == DnsName::from_service(b),
                    _ => a == b,
                };
                values.len() == others.len() && values.iter().zip(others).all(|(a, b)| same(a, b))
            }
            (one, two) => one == two,
        }
    }

    /// The servers of an NS record set; none of another type.
    pub fn name_servers(&self) -> Vec<DnsName> {
        match &self.content {
            RecordContent::Values { values, .. } if self.record_type.as_str() == "NS" => {
                values.iter().map(|value| DnsName::from_service(value)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The content in a few words.
    pub fn summary(&self) -> String {
        match &self.content {
            RecordContent::Alias { target, .. } => format!("alias of {target}"),
            RecordContent::Values { values, .. } => values.join(" "),
        }
    }
}

/// One change to a zone. A batch of them happens wholly or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// Fails when there is a record set of this name and type.
    Create(RecordSet),
    /// Fails unless there is exactly this record set.
    Delete(RecordSet),
}

impl RecordChange {
    pub fn record(&self) -> &RecordSet {
        match self {
            Self::Create(record) | Self::Delete(record) => record,
        }
    }
}

/// Something at a name that sitepush made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// The name among the distribution's aliases.
    Alias,
    A,
    Aaaa,
    Https,
    /// The record by which ACM validates.
    Validation,
}

impl Made {
    const ALL: [Self; 5] = [Self::Alias, Self::A, Self::Aaaa, Self::Https, Self::Validation];

    fn word(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::A => "a",
            Self::Aaaa => "aaaa",
            Self::Https => "https",
            Self::Validation => "validation",
        }
    }

    /// What a record set of this type is called.
    pub fn of(record_type: &RecordType) -> Option<Self> {
        match record_type {
            RecordType::A => Some(Self::A),
            RecordType::Aaaa => Some(Self::Aaaa),
            RecordType::Https => Some(Self::Https),
            RecordType::Cname => Some(Self::Validation),
            RecordType::Txt | RecordType::Other(_) => None,
        }
    }
}

/// Whose a name's records are: kept in a text record beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// For which distribution they were made.
    pub distribution_id: String,
    pub made: BTreeSet<Made>,
}

/// The beginning of our text records; `heritage=` tells tools of this kind apart.
const HERITAGE: &str = "heritage=sitepush";

impl Ownership {
    /// Where the text record of `name` is: beside it, for a name with a CNAME can have nothing else.
    pub fn record_name(name: &DnsName) -> DnsName {
        if name.is_wildcard() {
            name.base().prefixed("_sitepush-wildcard")
        } else {
            name.prefixed("_sitepush")
        }
    }

    /// The text record for `name`.
    pub fn record(&self, name: &DnsName) -> RecordSet {
        let made: Vec<&str> = self.made.iter().map(|made| made.word()).collect();
        let value = format!(
            "\"{HERITAGE},sitepush/distribution={},sitepush/made={}\"",
            self.distribution_id,
            made.join("+")
        );
        RecordSet {
            name: Self::record_name(name),
            record_type: RecordType::Txt,
            content: RecordContent::Values { ttl_seconds: TTL_SECONDS, values: vec![value] },
            is_simple: true,
        }
    }

    /// What a text record says; none when it is not one of ours. Words that this version does not know are left out.
    pub fn read(record: &RecordSet) -> Option<Self> {
        let RecordContent::Values { values, .. } = &record.content else { return None };
        let [value] = values.as_slice() else { return None };
        let mut fields = value.strip_prefix('"')?.strip_suffix('"')?.split(',');
        if fields.next()? != HERITAGE {
            return None;
        }
        let mut distribution_id = None;
        let mut made = BTreeSet::new();
        for (key, value) in fields.filter_map(|field| field.split_once('=')) {
            match key {
                "sitepush/distribution" => distribution_id = Some(value.to_owned()),
                "sitepush/made" => {
                    let is_named = |made: &Made| value.split('+').any(|word| word == made.word());
                    made.extend(Made::ALL.into_iter().filter(is_named));
                }
                _ => {}
            }
        }
        Some(Self { distribution_id: distribution_id?, made })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName::from_service(text)
    }

    #[test]
    fn ownership_survives_writing_and_reading() {
        for made in [vec![], vec![Made::Alias], Made::ALL.to_vec()] {
            let owned = Ownership { distribution_id: "E1EXAMPLE".into(), made: made.into_iter().collect() };
            assert_eq!(Ownership::read(&owned.record(&name("www.example.com"))), Some(owned));
        }
    }

    #[test]
    fn the_text_record_stands_beside_its_name() {
        for (of, at) in [
            ("example.com", "_sitepush.example.com"),
            ("*.example.com", "_sitepush-wildcard.example.com"),
            ("_x1.www.example.com", "_sitepush._x1.www.example.com"),
        ] {
            assert_eq!(Ownership::record_name(&name(of)).as_str(), at);
        }
    }

    #[test]
    fn a_text_record_of_somebody_else_says_nothing() {
        for value in [
            "\"v=spf1 -all\"",
            "\"heritage=external-dns,external-dns/owner=me\"",
            "\"heritage=sitepush\"",
            "heritage=sitepush,sitepush/distribution=E1",
            "\"\"",
        ] {
            let content = RecordContent::Values { ttl_seconds: 60, values: vec![value.into()] };
            let record = RecordSet {
                name: name("_sitepush.example.com"),
                record_type: RecordType::Txt,
                content,
                is_simple: true,
            };
            assert_eq!(Ownership::read(&record), None, "{value}");
        }
    }

    #[test]
    fn a_record_leads_to_the_distribution_as_an_alias_or_a_cname() {
        let distribution = name("d111.cloudfront.net");
        let alias = RecordSet::alias(&name("example.com"), RecordType::A, &distribution);
        assert!(alias.leads_to(&distribution) && !alias.leads_to(&name("d222.cloudfront.net")));
        let cname = RecordSet::validation(&name("www.example.com"), &name("D111.cloudfront.net."));
        assert!(cname.leads_to(&distribution));
    }
}
