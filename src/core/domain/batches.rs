//! Changes of a plan that is being made: what the text records will say, and one batch for each zone.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::DomainFacts;
use super::name::DnsName;
use super::plan::{BatchPurpose, Step};
use super::problem::Problem;
use super::record::{Made, Ownership, RecordChange};
use super::zone::HostedZone;

/// The text records beside names, as they will be when what is planned so far is done.
pub(super) struct TextRecords<'a> {
    facts: &'a DomainFacts,
    planned: BTreeMap<DnsName, Option<Ownership>>,
}

impl<'a> TextRecords<'a> {
    pub(super) fn new(facts: &'a DomainFacts) -> Self {
        Self { facts, planned: BTreeMap::new() }
    }

    /// What was made at a name for this distribution.
    pub(super) fn made(&self, name: &DnsName) -> BTreeSet<Made> {
        let planned = match self.planned.get(name) {
            Some(planned) => planned.clone(),
            None => self.facts.ownership(name),
        };
        let ours = planned.filter(|owner| owner.distribution_id == self.facts.distribution.id);
        ours.map(|owner| owner.made).unwrap_or_default()
    }

    /// The changes that write down that this was made, too.
    pub(super) fn add(
        &mut self,
        name: &DnsName,
        made: &[Made],
        problems: &mut BTreeSet<Problem>,
    ) -> Vec<RecordChange> {
        let before = self.made(name);
        if made.iter().all(|made| before.contains(made)) {
            return Vec::new();
        }
        if let Some(foreign) = self.facts.text_record(name).filter(|record| Ownership::read(record).is_none())
        {
            problems.insert(Problem::foreign_record(foreign));
            return Vec::new();
        }
        self.set(name, before.into_iter().chain(made.iter().copied()).collect())
    }

    /// The changes after which exactly this is written down; the text record goes when nothing is.
    pub(super) fn set(&mut self, name: &DnsName, made: BTreeSet<Made>) -> Vec<RecordChange> {
        let before = match self.planned.get(name) {
            Some(planned) => planned.as_ref().map(|owner| owner.record(name)),
            None => self.facts.text_record(name).cloned(),
        };
        let distribution_id = self.facts.distribution.id.clone();
        let after = (!made.is_empty()).then_some(Ownership { distribution_id, made });
        let mut changes: Vec<RecordChange> = before.into_iter().map(RecordChange::Delete).collect();
        changes.extend(after.iter().map(|owner| RecordChange::Create(owner.record(name))));
        self.planned.insert(name.clone(), after);
        changes
    }
}

/// Changes by zone: one batch each.
pub(super) struct Batches {
    purpose: BatchPurpose,
    by_zone: BTreeMap<HostedZone, Vec<RecordChange>>,
}

impl Batches {
    pub(super) fn new(purpose: BatchPurpose) -> Self {
        Self { purpose, by_zone: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, zone: &HostedZone, changes: Vec<RecordChange>) {
        if !changes.is_empty() {
            self.by_zone.entry(zone.clone()).or_default().extend(changes);
        }
    }

    pub(super) fn into_steps(self) -> impl Iterator<Item = Step> {
        let purpose = self.purpose;
        self.by_zone.into_iter().map(move |(zone, changes)| Step::ChangeRecords { zone, purpose, changes })
    }
}
