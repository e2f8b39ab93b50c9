//! Under which conditions a permission holds: what a request has to say.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::domain::certificate::CLOUDFRONT_REGION;
use super::super::domain::name::DnsName;
use super::super::domain::record::{Ownership, RecordType};

/// By operator and key, the values of which a request must have one, or with `ForAllValues` none but these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Condition(BTreeMap<&'static str, BTreeMap<&'static str, Values>>);

/// As IAM writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Many(Vec<String>),
}

/// What is to be done with record sets: what is there is never overwritten unseen, as UPSERT would.
const RECORD_ACTIONS: [&str; 2] = ["CREATE", "DELETE"];

/// The types of all records that sitepush writes, or takes away for its own.
const RECORD_TYPES: [RecordType; 5] =
    [RecordType::A, RecordType::Aaaa, RecordType::Cname, RecordType::Https, RecordType::Txt];

/// The first part of the name by which ACM validates another one: `_` and an MD5 in hexadecimal, which nobody knows before
/// the certificate is requested. `_*` would allow `_dmarc`, too.
///
/// Source: "DNS validation", AWS Certificate Manager User Guide.
const VALIDATION_LABEL: &str = "_????????????????????????????????";

impl Condition {
    /// This, and that the key has one of these values.
    #[must_use]
    pub fn with(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        let values = if values.len() == 1 { Values::One(values.remove(0)) } else { Values::Many(values) };
        self.0.entry(operator).or_default().insert(key, values);
        self
    }

    /// That a certificate is requested for none but these names, where CloudFront takes it from, and validated by DNS.
    ///
    /// Source: "Use condition keys with ACM", AWS Certificate Manager User Guide.
    pub(super) fn of_new_certificate(names: &[DnsName]) -> Self {
        Self::default()
            .with("StringEquals", "aws:RequestedRegion", [CLOUDFRONT_REGION])
            .with("StringEquals", "acm:ValidationMethod", ["DNS"])
            // A wildcard's star stands for itself: it is not compared by StringLike.
            .with("ForAllValues:StringEquals", "acm:DomainNames", names.iter().map(DnsName::as_str))
    }

    /// That no record is touched but those that sitepush writes for these names.
    pub(super) fn of_records(names: &[DnsName]) -> Self {
        Self::default()
            .with("ForAllValues:StringEquals", "route53:ChangeResourceRecordSetsActions", RECORD_ACTIONS)
            .with("ForAllValues:StringEquals", "route53:ChangeResourceRecordSetsRecordTypes", RECORD_TYPES)
            .with(
                "ForAllValues:StringLike",
                "route53:ChangeResourceRecordSetsNormalizedRecordNames",
                record_names(names),
            )
    }

    /// The values of a key; none where nothing is said of it.
    pub fn values(&self, operator: &str, key: &str) -> &[String] {
        match self.0.get(operator).and_then(|keys| keys.get(key)) {
            None => &[],
            Some(Values::One(value)) => std::slice::from_ref(value),
            Some(Values::Many(values)) => values,
        }
    }
}

/// Patterns for the names of all records of these names: their own, the record by which each is validated, and the text
/// records beside both. Sorted; each once.
fn record_names(names: &[DnsName]) -> Vec<String> {
    let validation = |name: &DnsName| name.base().prefixed(VALIDATION_LABEL);
    let with_text = |name: DnsName| [normalized(&Ownership::record_name(&name)), normalized(&name)];
    let mut patterns: Vec<String> =
        names.iter().flat_map(|name| [name.clone(), validation(name)]).flat_map(with_text).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// A name as Route 53 has it in the condition: lower case, no dot at its end, and the star of a wildcard as its code.
///
/// Source: "Normalizing the Route 53 condition key values", Amazon Route 53 Developer Guide.
fn normalized(name: &DnsName) -> String {
    name.as_str().replacen('*', "\\052", 1)
}
