//! What was read before anything is decided.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::certificate::{Certificate, KeyAlgorithm};
use super::distribution::DistributionNames;
use super::dns::{self, Delegation};
use super::name::DnsName;
use super::record::{Ownership, RecordSet, RecordType};
use super::zone::{self, HostedZone, ZoneChoice};

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In the user's order, each once; at least one.
    pub names: Vec<DnsName>,
    pub key_algorithm: KeyAlgorithm,
    /// Whether records that somebody else made may be changed and are ours from then on.
    pub take_over: bool,
    /// Whether HTTPS records are made.
    pub https_records: bool,
    /// Whether records that a certificate is renewed by are put back.
    pub renewal_records: bool,
    /// Whether names whose DNS is not in a zone here are set up all the same, their records being written by hand.
    pub external_dns: bool,
}

/// A hosted zone with what the world thinks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFacts {
    pub zone: HostedZone,
    /// Empty when they could not be read.
    pub name_servers: Vec<DnsName>,
    pub delegation: Delegation,
}

/// CAA records that hold for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaFacts {
    /// The name itself or the nearest one above it that has some.
    pub at: DnsName,
    pub records: Vec<String>,
}

/// CAA records that may hold for a name, and nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadCaa {
    /// The name that could not be asked for.
    pub at: DnsName,
    pub why: String,
}

/// A certificate that CloudFront cannot take, because of where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    pub region: String,
    pub arn: String,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainFacts {
    pub now: Timestamp,
    pub distribution: DistributionNames,
    /// The aliases of all distributions of the account; none when they could not be listed, or need not be.
    pub aliases: Option<BTreeMap<DnsName, String>>,
    /// Those of `us-east-1` that are good for one of the names at least.
    pub certificates: Vec<Certificate>,
    /// An issued one for all names in another region.
    pub elsewhere: Option<Elsewhere>,
    /// All that were found, private ones too.
    pub zones: Vec<HostedZone>,
    /// Of the zones that names could be in, by id.
    pub zone_facts: BTreeMap<String, ZoneFacts>,
    /// The record sets of every name that matters, of the names of their text records, and of those between a name and its
    /// zone's.
    pub records: BTreeMap<DnsName, Vec<RecordSet>>,
    /// Names whose DNS is not in a zone here and leads to another distribution, by their CNAME as a resolver answers it.
    pub led_away: BTreeMap<DnsName, DnsName>,
    /// By the name they hold for; names without are left out.
    pub caa: BTreeMap<DnsName, CaaFacts>,
    /// By name, where the look for them got no answer.
    pub unread_caa: BTreeMap<DnsName, UnreadCaa>,
}

/// Why a name's records cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoZone<'a> {
    None,
    PrivateOnly(&'a HostedZone),
    /// Several public ones of one name, and the world asks none of them.
    Ambiguous(Vec<&'a HostedZone>),
}

impl DomainFacts {
    /// The zone for a name's records: the longest public one, and of several the one that the world asks.
    ///
    /// # Errors
    /// Why there is none.
    pub fn zone_of(&self, name: &DnsName) -> Result<&ZoneFacts, NoZone<'_>> {
        let candidates = match zone::choose(&self.zones, name) {
            ZoneChoice::Public(found) => found,
            ZoneChoice::PrivateOnly(zone) => return Err(NoZone::PrivateOnly(zone)),
            ZoneChoice::None => return Err(NoZone::None),
        };
        let facts = |zone: &&HostedZone| self.zone_facts.get(&zone.id);
        if let [only] = candidates.as_slice() {
            return facts(only).ok_or(NoZone::None);
        }
        let asked: Vec<&ZoneFacts> = candidates
            .iter()
            .filter_map(facts)
            .filter(|zone| matches!(zone.delegation, Delegation::Right | Delegation::Partly { .. }))
            .collect();
        match asked.as_slice() {
            [only] => Ok(only),
            _ => Err(NoZone::Ambiguous(candidates)),
        }
    }

    /// The zone that the world asks for a name in place of the one with the longest name: nobody is told of that one, and this
    /// one is asked. None where the longest is asked, where nothing is known of it, and where no other is asked.
    pub fn asked_instead(&self, name: &DnsName) -> Option<&ZoneFacts> {
        let longest = self.zone_of(name).ok()?;
        if longest.delegation != Delegation::Missing {
            return None;
        }
        let others = zone::holding(&self.zones, name).filter_map(|zone| self.zone_facts.get(&zone.id));
        let shorter = others.filter(|other| other.zone.name != longest.zone.name);
        let asked =
            shorter.filter(|other| matches!(other.delegation, Delegation::Right | Delegation::Partly { .. }));
        asked.max_by_key(|other| other.zone.name.as_str().len())
    }

    /// Whether a name's DNS is where nothing can be written from here.
    pub fn is_external(&self, name: &DnsName) -> bool {
        match self.zone_of(name) {
            Ok(_) => self.cut(name).is_some(),
            Err(NoZone::None | NoZone::PrivateOnly(_)) => true,
            Err(NoZone::Ambiguous(_)) => false,
        }
    }

    pub fn records_of(&self, name: &DnsName) -> &[RecordSet] {
        self.records.get(name).map_or(&[], Vec::as_slice)
    }

    /// The record by which its own zone hands a name, or one between the two, to other name servers: what the zone has
    /// below it, nobody is told.
    ///
    /// Source: RFC 1034, section 4.2.1, "cuts".
    pub fn cut(&self, name: &DnsName) -> Option<&RecordSet> {
        let apex = &self.zone_of(name).ok()?.zone.name;
        let below_apex = name.ancestors().take_while(|at| at != apex);
        let is_cut = |record: &&RecordSet| record.record_type.as_str() == "NS";
        below_apex.filter_map(|at| self.records_of(&at).iter().find(is_cut)).last()
    }

    /// The text record beside a name, whoever made it.
    pub fn text_record(&self, name: &DnsName) -> Option<&RecordSet> {
        let found = self.records_of(&Ownership::record_name(name)).iter();
        found.into_iter().find(|record| record.record_type == RecordType::Txt)
    }

    /// Whose a name's records are; none where nobody said so in our way.
    pub fn ownership(&self, name: &DnsName) -> Option<Ownership> {
        self.text_record(name).and_then(Ownership::read)
    }

    /// The CAA records that keep Amazon from issuing for a name.
    pub fn forbidding_caa(&self, name: &DnsName) -> Option<&CaaFacts> {
        let found = self.caa.get(&name.base())?;
        (!dns::allows_amazon(&found.records, name.is_wildcard())).then_some(found)
    }

    /// Whether none of these names leads to another distribution by what is in their zones, and the world asks those.
    pub fn lead_nowhere_else(&self, names: &BTreeSet<DnsName>) -> bool {
        names.iter().all(|name| {
            let is_asked = self.zone_of(name).is_ok_and(|zone| zone.delegation.is_effective());
            let own = &self.distribution.domain_name;
            let leads_away = |record: &RecordSet| record.other_distribution(own).is_some();
            is_asked && self.cut(name).is_none() && !self.records_of(name).iter().any(leads_away)
        })
    }

    /// All names that the distribution's certificate has to be good for: those that stay and those that come.
    pub fn needed_names(&self, names: &[DnsName]) -> BTreeSet<DnsName> {
        self.distribution.aliases.iter().chain(names).cloned().collect()
    }
}
