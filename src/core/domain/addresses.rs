//! Whether the addresses of a name are a distribution's, as far as resolvers tell.
//!
//! CloudFront answers with some of many addresses, and others a minute later, so that a resolver may have kept different ones
//! for a name and for the distribution's own: that two answers have nothing in common is a reason to look closer, no more.

use super::dns::DnsAnswer;
use super::name::DnsName;

/// What was asked where two answers had nothing in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloserLook {
    pub distribution_domain: DnsName,
    /// Of the name.
    pub cname: DnsAnswer,
    /// The name of one of its addresses (a PTR record).
    pub reverse: DnsAnswer,
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leading {
    Here,
    /// To CloudFront; whether to this distribution, addresses do not tell.
    ToCloudFront,
    ToOtherDistribution(DnsName),
    Elsewhere,
}

/// Whether two answers have an address in common.
pub fn share_one(answer: &DnsAnswer, other: &DnsAnswer) -> bool {
    match (answer, other) {
        (DnsAnswer::Records(found), DnsAnswer::Records(others)) => {
            found.iter().any(|one| others.contains(one))
        }
        _ => false,
    }
}

/// Whether a closer look is worth the questions: both have addresses, and none in common.
pub fn are_disjoint(answer: &DnsAnswer, other: &DnsAnswer) -> bool {
    let are_records = matches!((answer, other), (DnsAnswer::Records(_), DnsAnswer::Records(_)));
    are_records && !share_one(answer, other)
}

/// What two answers to one question say together.
#[must_use]
pub fn joined(first: DnsAnswer, second: DnsAnswer) -> DnsAnswer {
    match (first, second) {
        (DnsAnswer::Records(mut values), DnsAnswer::Records(more)) => {
            values.extend(more);
            values.sort();
            values.dedup();
            DnsAnswer::Records(values)
        }
        (first @ DnsAnswer::Records(_), _) => first,
        (_, second) => second,
    }
}

impl CloserLook {
    /// What it tells. CloudFront's addresses have names such as `server-192-0-2-1.lhr50.r.cloudfront.net`; AWS documents the
    /// addresses (`ip-ranges.json`) and not these names, so that they only keep a name from being called wrong.
    pub fn leading(&self) -> Leading {
        if self.cname.is_cname(&self.distribution_domain) {
            return Leading::Here;
        }
        if let Some(other) = self.cname.other_distribution(&self.distribution_domain) {
            return Leading::ToOtherDistribution(other);
        }
        let is_of_cloudfront = |value: &String| DnsName::from_service(value).is_of_cloudfront();
        match &self.reverse {
            DnsAnswer::Records(names) if names.iter().any(is_of_cloudfront) => Leading::ToCloudFront,
            _ => Leading::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(values: &[&str]) -> DnsAnswer {
        DnsAnswer::Records(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn answers_that_rotate_are_looked_at_together() {
        let (first, second) = (records(&["192.0.2.3", "192.0.2.1"]), records(&["192.0.2.2", "192.0.2.1"]));
        assert_eq!(joined(first.clone(), second), records(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]));
        assert_eq!(joined(first.clone(), DnsAnswer::NoAnswer("timed out".into())), first);
        assert_eq!(joined(DnsAnswer::NoRecords, first.clone()), first);
        assert!(are_disjoint(&first, &records(&["192.0.2.9"])) && !are_disjoint(&first, &first));
        assert!(!are_disjoint(&first, &DnsAnswer::NoSuchName), "there is nothing to compare");
    }

    #[test]
    fn what_addresses_do_not_tell_the_cname_and_their_own_names_may() {
        let look = |cname: DnsAnswer, reverse: DnsAnswer| {
            let distribution_domain = DnsName::from_service("d111.cloudfront.net");
            CloserLook { distribution_domain, cname, reverse }.leading()
        };
        let edge = || records(&["server-192-0-2-1.lhr50.r.cloudfront.net."]);
        assert_eq!(look(records(&["D111.cloudfront.net."]), DnsAnswer::NoSuchName), Leading::Here);
        assert_eq!(look(DnsAnswer::NoRecords, edge()), Leading::ToCloudFront);
        let other = DnsName::from_service("d222.cloudfront.net");
        assert_eq!(look(records(&["d222.cloudfront.net."]), edge()), Leading::ToOtherDistribution(other));
        for reverse in
            [records(&["host.example.net."]), DnsAnswer::NoSuchName, DnsAnswer::NoAnswer("no".into())]
        {
            assert_eq!(look(DnsAnswer::NoRecords, reverse), Leading::Elsewhere);
        }
    }
}
