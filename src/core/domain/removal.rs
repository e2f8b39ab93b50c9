//! Facts and names in, the plan that takes the names off the distribution out: what sitepush made, and nothing else.
//!
//! Backward: visitors are led away before the distribution stops answering, and what was ours is forgotten last.

use std::collections::BTreeSet;

use super::batches::{Batches, TextRecords};
use super::certificate::Certificate;
use super::distribution::ViewerCertificate;
use super::facts::DomainFacts;
use super::name::DnsName;
use super::plan::{BatchPurpose, DomainPlan, Purpose, Step};
use super::problem::Problem;
use super::record::{Made, RecordChange, RecordSet};

/// What becomes of the records by which ACM validates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationRecords {
    /// They stay: certificates of other regions and services may be renewed by them.
    Kept,
    /// Those that are ours go with the certificate.
    Removed,
}

/// Plans how the names leave the distribution. Planning again after all steps gives an empty plan.
pub fn plan(facts: &DomainFacts, names: &[DnsName], validation_records: ValidationRecords) -> DomainPlan {
    let mut removal = Removal { facts, steps: Vec::new(), notes: Vec::new(), text: TextRecords::new(facts) };
    // What sitepush made is written down in the zone: without it, nobody knows.
    let unplaced =
        names.iter().filter_map(|name| Some(Problem::unknown_owner(name, &facts.zone_of(name).err()?)));
    let problems: BTreeSet<Problem> = unplaced.collect();
    let placed = names.iter().filter(|name| facts.zone_of(name).is_ok());
    let ours: Vec<&DnsName> = placed.filter(|name| removal.is_ours(name)).collect();
    removal.withdraw(&ours);
    removal.distribution(&ours);
    removal.release(&ours);
    removal.certificates(names, validation_records);
    DomainPlan {
        purpose: Purpose::Remove,
        distribution_id: facts.distribution.id.clone(),
        distribution_domain: facts.distribution.domain_name.clone(),
        names: names.to_vec(),
        steps: removal.steps,
        problems: problems.into_iter().collect(),
        notes: removal.notes,
        external_records: Vec::new(),
    }
}

struct Removal<'a> {
    facts: &'a DomainFacts,
    steps: Vec<Step>,
    notes: Vec<String>,
    text: TextRecords<'a>,
}

impl Removal<'_> {
    /// Whether anything at the name was made by sitepush for this distribution; what was not is named.
    fn is_ours(&mut self, name: &DnsName) -> bool {
        let own = &self.facts.distribution;
        let is_ours = !self.text.made(name).is_empty();
        let leads_here = self.facts.records_of(name).iter().any(|record| record.leads_to(&own.domain_name));
        if !is_ours && (own.aliases.contains(name) || leads_here) {
            self.notes
                .push(format!("{name} was not set up by sitepush, so its alias and records are left alone"));
        }
        is_ours
    }

    /// The text records stay until all is done: a run that dies in between must know what was ours.
    fn withdraw(&mut self, names: &[&DnsName]) {
        let mut batches = Batches::new(BatchPurpose::Withdrawal);
        for name in names {
            let Ok(zone) = self.facts.zone_of(name) else { continue };
            let made = self.text.made(name);
            let mut changes = Vec::new();
            for record in self.facts.records_of(name) {
                let is_made = Made::of(&record.record_type).is_some_and(|kind| made.contains(&kind));
                if !is_made {
                    continue;
                }
                if record.is_simple && record.leads_to(&self.facts.distribution.domain_name) {
                    changes.push(RecordChange::Delete(record.clone()));
                } else {
                    self.notes.push(format!(
                        "the {} record of {name} was changed since, so it is left alone",
                        record.record_type
                    ));
                }
            }
            batches.add(&zone.zone, changes);
        }
        self.steps.extend(batches.into_steps());
    }

    fn distribution(&mut self, names: &[&DnsName]) {
        let own = &self.facts.distribution;
        let is_going =
            |name: &&&DnsName| own.aliases.contains(**name) && self.text.made(name).contains(&Made::Alias);
        let removed: BTreeSet<DnsName> = names.iter().filter(is_going).map(|name| (*name).clone()).collect();
        if removed.is_empty() {
            return;
        }
        let aliases: BTreeSet<DnsName> = own.aliases.difference(&removed).cloned().collect();
        let certificate =
            if aliases.is_empty() { ViewerCertificate::CloudFronts } else { own.certificate.clone() };
        self.steps.push(Step::UpdateDistribution {
            added: BTreeSet::new(),
            removed,
            changes_certificate: certificate != own.certificate,
            certificate: Some(certificate),
            aliases,
        });
    }

    fn release(&mut self, names: &[&DnsName]) {
        let mut batches = Batches::new(BatchPurpose::Release);
        for name in names {
            let Ok(zone) = self.facts.zone_of(name) else { continue };
            if !self.text.made(name).is_empty() {
                batches.add(&zone.zone, self.text.set(name, BTreeSet::new()));
            }
        }
        self.steps.extend(batches.into_steps());
    }

    /// Our certificates for these names that nothing needs any more.
    fn certificates(&mut self, names: &[DnsName], validation_records: ValidationRecords) {
        let own = &self.facts.distribution;
        let after = self.steps.iter().find_map(|step| match step {
            Step::UpdateDistribution { certificate, .. } => certificate.as_ref(),
            _ => None,
        });
        let shown = after.unwrap_or(&own.certificate).arn().map(str::to_owned);
        let is_about = |found: &&Certificate| {
            found.requested_for.as_deref() == Some(&own.id)
                && names.iter().any(|wanted| found.names.iter().any(|name| name.covers(wanted)))
        };
        let mut unused = Vec::new();
        for found in self.facts.certificates.iter().filter(is_about) {
            let is_of_distribution = |user: &String| user.ends_with(&format!("/{}", own.id));
            if shown.as_deref() == Some(&found.arn) {
                self.notes.push(format!(
                    "the certificate {} stays: the distribution needs it for other names",
                    found.arn
                ));
            } else if found.in_use_by.iter().all(is_of_distribution) {
                unused.push(found);
            } else {
                self.notes.push(format!("the certificate {} stays: something else uses it", found.arn));
            }
        }
        if unused.is_empty() {
            return;
        }
        if !own.is_deployed || after.is_some() {
            self.steps.push(Step::AwaitDeployment);
        }
        self.validation_records(&unused, validation_records);
        self.steps.extend(unused.iter().map(|found| Step::DeleteCertificate { arn: found.arn.clone() }));
    }

    fn validation_records(&mut self, unused: &[&Certificate], choice: ValidationRecords) {
        let is_unused = |found: &&Certificate| unused.iter().any(|other| other.arn == found.arn);
        let others = self.facts.certificates.iter().filter(|found| !is_unused(found));
        let needed: BTreeSet<&DnsName> = others.flat_map(validation_names).collect();
        let ours: BTreeSet<&DnsName> = unused.iter().flat_map(|found| validation_names(found)).collect();
        let ours: Vec<&DnsName> = ours
            .into_iter()
            .filter(|name| !needed.contains(name) && self.text.made(name).contains(&Made::Validation))
            .collect();
        if choice == ValidationRecords::Kept {
            for name in ours {
                self.notes
                    .push(format!("the validation record {name} stays (`--validation-records` removes it)"));
            }
            return;
        }
        let mut batches = Batches::new(BatchPurpose::ValidationRemoval);
        for name in ours {
            let Ok(zone) = self.facts.zone_of(name) else { continue };
            let is_ours = |record: &&RecordSet| {
                record.is_simple && Made::of(&record.record_type) == Some(Made::Validation)
            };
            let records = self.facts.records_of(name).iter().filter(is_ours);
            let mut changes: Vec<RecordChange> = records.cloned().map(RecordChange::Delete).collect();
            changes.extend(self.text.set(name, BTreeSet::new()));
            batches.add(&zone.zone, changes);
        }
        self.steps.extend(batches.into_steps());
    }
}

fn validation_names(certificate: &Certificate) -> impl Iterator<Item = &DnsName> {
    certificate.validations.iter().filter_map(|validation| validation.record.as_ref()).map(|(name, _)| name)
}
