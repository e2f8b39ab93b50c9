//! Asks for a name's addresses once more, and for what else tells where it leads, where they are not the distribution's.

use std::net::IpAddr;

use crate::core::domain::addresses::{CloserLook, are_disjoint, joined};
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;
use crate::edges::dns::{Dns, Question};

/// What a resolver answers for the IPv4 addresses of a name and of a distribution.
#[derive(Clone, Debug)]
pub struct Compared {
    pub name: DnsAnswer,
    pub distribution: DnsAnswer,
    /// None where there was no need for it.
    pub closer: Option<CloserLook>,
}

/// Looks closer where two answers have nothing in common: both are asked for again, and then for the CNAME and an address' name.
pub async fn compare(
    dns: &Dns,
    (name, answer): (&DnsName, DnsAnswer),
    (distribution, own): (&DnsName, DnsAnswer),
) -> Compared {
    if !are_disjoint(&answer, &own) {
        return Compared { name: answer, distribution: own, closer: None };
    }
    let (again, own_again) = tokio::join!(
        dns.ask_resolver(name, Question::Address),
        dns.ask_resolver(distribution, Question::Address)
    );
    let (answer, own) = (joined(answer, again), joined(own, own_again));
    if !are_disjoint(&answer, &own) {
        return Compared { name: answer, distribution: own, closer: None };
    }
    let address = match &answer {
        DnsAnswer::Records(found) => found.first().and_then(|text| text.parse::<IpAddr>().ok()),
        _ => None,
    };
    let (cname, reverse) = tokio::join!(dns.ask_resolver(name, Question::Cname), async {
        match address {
            Some(address) => dns.ask_name_of(address).await,
            None => DnsAnswer::NoRecords,
        }
    });
    let closer = CloserLook { distribution_domain: distribution.clone(), cname, reverse };
    Compared { name: answer, distribution: own, closer: Some(closer) }
}
