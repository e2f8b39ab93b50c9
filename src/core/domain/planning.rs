//! Facts and wanted names in, the plan that brings the names to the distribution out.
//!
//! The order never breaks a name that is live: a certificate, then the aliases on the distribution, and only when that is
//! everywhere the records that lead visitors to it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::digest::Sha256Digest;
use super::certificate::{Certificate, CertificateStatus, choose_issued, choose_pending};
use super::distribution::ViewerCertificate;
use super::facts::{DomainFacts, Wanted, ZoneFacts};
use super::name::DnsName;
use super::plan::{BatchPurpose, DomainPlan, Purpose, Step};
use super::problem::Problem;
use super::record::{Made, Ownership, RecordChange, RecordSet, RecordType};
use super::zone::HostedZone;

/// The longest name that can be a certificate's subject.
///
/// Source: `DomainName`, `RequestCertificate`, ACM API Reference: the subject has at most 64 characters.
const MAX_SUBJECT_LENGTH: usize = 64;

/// Plans how the names come to the distribution. Planning again after all steps gives an empty plan.
pub fn plan(facts: &DomainFacts, wanted: &Wanted) -> DomainPlan {
    let mut planning = Planning::new(facts, wanted);
    planning.check_names();
    planning.certificate();
    planning.distribution();
    planning.visitors();
    planning.finish()
}

struct Planning<'a> {
    facts: &'a DomainFacts,
    wanted: &'a Wanted,
    needed: BTreeSet<DnsName>,
    steps: Vec<Step>,
    problems: BTreeSet<Problem>,
    notes: Vec<String>,
    /// What the text records will say when the steps so far are done.
    text: TextRecords<'a>,
    /// What the distribution is to show; none while its certificate is only requested.
    certificate: Option<ViewerCertificate>,
    /// Foreign record sets that earlier steps take away.
    gone: Vec<RecordSet>,
}

impl<'a> Planning<'a> {
    fn new(facts: &'a DomainFacts, wanted: &'a Wanted) -> Self {
        Self {
            facts,
            wanted,
            needed: facts.needed_names(&wanted.names),
            steps: Vec::new(),
            problems: BTreeSet::new(),
            notes: Vec::new(),
            text: TextRecords::new(facts),
            certificate: None,
            gone: Vec::new(),
        }
    }

    fn finish(self) -> DomainPlan {
        DomainPlan {
            purpose: Purpose::Apply,
            distribution_id: self.facts.distribution.id.clone(),
            distribution_domain: self.facts.distribution.domain_name.clone(),
            names: self.wanted.names.clone(),
            steps: self.steps,
            problems: self.problems.into_iter().collect(),
            notes: self.notes,
        }
    }

    /// Where each name's records go, and whether the name is free.
    fn check_names(&mut self) {
        for name in &self.wanted.names {
            let zone = self.zone(name);
            if let Some(zone) = zone {
                let is_handed_on = |record: &&RecordSet| record.record_type.as_str() == "NS";
                let handed_on = self.facts.records_of(name).iter().find(is_handed_on);
                if let Some(record) = handed_on.filter(|_| *name != zone.zone.name) {
                    self.problems.insert(Problem::delegated_away(name, record));
                }
            }
            let own = &self.facts.distribution;
            match &self.facts.aliases {
                Some(aliases) => {
                    if let Some(other) = aliases.get(name).filter(|other| **other != own.id) {
                        self.problems.insert(Problem::on_another_distribution(name, other));
                    }
                }
                None if !own.aliases.contains(name) => {
                    self.problems.insert(Problem::aliases_unknown(name));
                }
                None => {}
            }
            if let Some(owner) = self.facts.ownership(name).filter(|owner| owner.distribution_id != own.id)
                && !self.wanted.take_over
            {
                self.problems.insert(Problem::owned_by_another(name, &owner.distribution_id));
            }
        }
    }

    /// The zone for a name; a problem where there is none, and another where nobody asks it.
    fn zone(&mut self, name: &DnsName) -> Option<&'a ZoneFacts> {
        match self.facts.zone_of(name) {
            Ok(zone) => {
                self.problems.extend(Problem::not_delegated(zone));
                Some(zone)
            }
            Err(why) => {
                self.problems.insert(Problem::no_zone(name, &why));
                None
            }
        }
    }

    /// Finds a certificate, or plans one and its validation.
    fn certificate(&mut self) {
        let facts = self.facts;
        let current = &facts.distribution.certificate;
        let is_complete = self.wanted.names.iter().all(|name| facts.distribution.aliases.contains(name));
        if let ViewerCertificate::Iam { id } = current
            && is_complete
        {
            self.notes.push(format!("the certificate of IAM ({id}) stays: all names are aliases by it"));
            self.certificate = Some(current.clone());
            return;
        }
        if let Some(issued) = choose_issued(&facts.certificates, &self.needed, current.arn(), facts.now) {
            self.certificate = Some(current.with_arn(&issued.arn));
            return;
        }
        self.check_issuing();
        match choose_pending(&facts.certificates, &self.needed, &facts.distribution.id) {
            Some(pending) => {
                self.certificate = Some(current.with_arn(&pending.arn));
                self.validate(pending);
            }
            None => self.request(),
        }
    }

    /// What would keep a new certificate from being issued, and what became of earlier ones.
    fn check_issuing(&mut self) {
        for name in self.needed.clone() {
            self.zone(&name);
            if let Some(caa) = self.facts.forbidding_caa(&name) {
                self.problems.insert(Problem::caa(&name, caa));
            }
        }
        let first = &self.wanted.names[0];
        if let Some(elsewhere) = &self.facts.elsewhere {
            self.problems.insert(Problem::certificate_elsewhere(first, &elsewhere.region, &elsewhere.arn));
        }
    }

    fn request(&mut self) {
        let failed = self.failed_requests();
        for certificate in &failed {
            let first = &self.wanted.names[0];
            self.problems.insert(match &certificate.failure {
                Some(reason) => Problem::validation_failed(first, &certificate.arn, reason),
                None => Problem::validation_timed_out(first, &certificate.arn),
            });
        }
        let names = ordered(&self.wanted.names, &self.needed);
        let has_issued = self.facts.certificates.iter().any(|found| found.is_usable(self.facts.now));
        let reason = if has_issued {
            "no certificate in us-east-1 is good for all names"
        } else {
            "there is none for them in us-east-1"
        };
        self.steps.push(Step::RequestCertificate {
            idempotency_token: self.token(&names, &failed),
            names: names.clone(),
            key_algorithm: self.wanted.key_algorithm,
            reason: reason.to_owned(),
        });
        self.steps.push(Step::AwaitValidationRecords { arn: None, names });
        self.steps.push(Step::AwaitCertificate { arn: None });
    }

    /// Our earlier requests for these names that came to nothing.
    fn failed_requests(&self) -> Vec<&'a Certificate> {
        let id = self.facts.distribution.id.as_str();
        let ours = self.facts.certificates.iter().filter(|found| found.requested_for.as_deref() == Some(id));
        let is_over = |status: &CertificateStatus| {
            matches!(status, CertificateStatus::ValidationTimedOut | CertificateStatus::Failed)
        };
        ours.filter(|found| is_over(&found.status) && found.covers(&self.needed)).collect()
    }

    /// ACM answers the same token within an hour with the same certificate, so it changes with what is asked for and
    /// with what failed before.
    fn token(&self, names: &[DnsName], failed: &[&Certificate]) -> String {
        let mut text = format!("{}\n{:?}", self.facts.distribution.id, self.wanted.key_algorithm);
        for part in names.iter().map(DnsName::as_str).chain(failed.iter().map(|found| found.arn.as_str())) {
            text.push('\n');
            text.push_str(part);
        }
        Sha256Digest::of(text.as_bytes()).to_string()[..32].to_owned()
    }

    /// Plans the records that a pending certificate waits for.
    fn validate(&mut self, pending: &Certificate) {
        let open: Vec<_> = pending.validations.iter().filter(|validation| !validation.is_validated).collect();
        if open.iter().any(|validation| validation.record.is_none()) || pending.validations.is_empty() {
            let names = pending.names.iter().cloned().collect();
            self.steps.push(Step::AwaitValidationRecords { arn: Some(pending.arn.clone()), names });
        }
        // A name and the wildcard above it share one record.
        let records: BTreeMap<&DnsName, &DnsName> = open
            .iter()
            .filter_map(|validation| validation.record.as_ref())
            .map(|(name, value)| (name, value))
            .collect();
        let mut batches = Batches::new(BatchPurpose::Validation);
        for (name, value) in records {
            let Some(zone) = self.zone(name) else { continue };
            let record = RecordSet::validation(name, value);
            let changes = self.replace(name, &[record]);
            batches.add(&zone.zone, changes);
        }
        self.steps.extend(batches.into_steps());
        self.steps.push(Step::AwaitCertificate { arn: Some(pending.arn.clone()) });
    }

    /// Plans the distribution's aliases and certificate.
    fn distribution(&mut self) {
        let own = &self.facts.distribution;
        let added: BTreeSet<DnsName> =
            self.wanted.names.iter().filter(|name| !own.aliases.contains(*name)).cloned().collect();
        let changes_certificate = self.certificate.as_ref() != Some(&own.certificate);
        let mut claims = Batches::new(BatchPurpose::Claim);
        let claimed = self.wanted.names.iter().filter(|name| added.contains(*name) || self.wanted.take_over);
        for name in claimed {
            if let Ok(zone) = self.facts.zone_of(name) {
                claims.add(&zone.zone, self.text.add(name, &[Made::Alias], &mut self.problems));
            }
        }
        self.steps.extend(claims.into_steps());
        if !added.is_empty() || changes_certificate {
            self.steps.push(Step::UpdateDistribution {
                aliases: own.aliases.union(&added).cloned().collect(),
                added,
                removed: BTreeSet::new(),
                certificate: self.certificate.clone(),
                changes_certificate,
            });
            self.steps.push(Step::AwaitDeployment);
        } else if !own.is_deployed {
            self.steps.push(Step::AwaitDeployment);
        }
    }

    /// Plans the records that lead visitors to the distribution.
    fn visitors(&mut self) {
        let own = &self.facts.distribution;
        let mut addresses = Batches::new(BatchPurpose::Visitors);
        let mut https = Batches::new(BatchPurpose::HttpsRecords);
        for name in &self.wanted.names {
            let Ok(zone) = self.facts.zone_of(name) else { continue };
            let cname =
                self.facts.records_of(name).iter().find(|found| found.record_type == RecordType::Cname);
            if let Some(cname) = cname.filter(|cname| cname.leads_to(&own.domain_name)) {
                self.notes.push(format!(
                    "{} has a CNAME to {}, which is left as it is",
                    name,
                    cname.summary()
                ));
                continue;
            }
            let alias = |record_type| RecordSet::alias(name, record_type, &own.domain_name);
            let mut wanted = vec![alias(RecordType::A)];
            if own.has_ipv6 {
                wanted.push(alias(RecordType::Aaaa));
            }
            addresses.add(&zone.zone, self.replace(name, &wanted));
            if own.has_http2_or_3 && self.wanted.https_records {
                https.add(&zone.zone, self.replace(name, &[alias(RecordType::Https)]));
            }
        }
        self.steps.extend(addresses.into_steps());
        self.steps.extend(https.into_steps());
    }

    /// The changes that bring these record sets to a name, with the text record that says that they are ours. What is
    /// there and right stays; what somebody else made stays too, and is a problem.
    fn replace(&mut self, name: &DnsName, wanted: &[RecordSet]) -> Vec<RecordChange> {
        let own = &self.facts.distribution;
        let owner = self.facts.ownership(name).filter(|owner| owner.distribution_id == own.id);
        let is_ours = |made: Option<Made>| {
            made.zip(owner.as_ref()).is_some_and(|(made, owner)| owner.made.contains(&made))
        };
        let mut changes = Vec::new();
        let mut made = Vec::new();
        for record in wanted {
            let same_type = |found: &&RecordSet| found.record_type == record.record_type;
            // A CNAME can stand beside nothing else.
            let in_the_way = |found: &&RecordSet| {
                same_type(found)
                    || found.record_type == RecordType::Cname
                    || record.record_type == RecordType::Cname
            };
            let there: Vec<&RecordSet> = self
                .facts
                .records_of(name)
                .iter()
                .filter(in_the_way)
                .filter(|found| !self.gone.contains(found))
                .collect();
            if let [only] = there.as_slice()
                && only.record_type == record.record_type
                && (only.says_the_same(record) || (only.is_simple && only.leads_to(&own.domain_name)))
            {
                if !is_ours(Made::of(&record.record_type)) && self.wanted.take_over && only.is_simple {
                    made.extend(Made::of(&record.record_type));
                }
                continue;
            }
            let mut is_free = true;
            for found in there {
                let may_go =
                    found.is_simple && (is_ours(Made::of(&found.record_type)) || self.wanted.take_over);
                if may_go {
                    self.gone.push(found.clone());
                    changes.push(RecordChange::Delete(found.clone()));
                } else {
                    self.problems.insert(Problem::foreign_record(found));
                    is_free = false;
                }
            }
            if is_free {
                changes.push(RecordChange::Create(record.clone()));
                made.extend(Made::of(&record.record_type));
            }
        }
        changes.extend(self.text.add(name, &made, &mut self.problems));
        // What goes has to be gone before what comes in its place.
        changes.sort_by_key(|change| matches!(change, RecordChange::Create(_)));
        changes
    }
}

/// The names of a certificate: a short one first, because it becomes the subject, then in the user's order.
fn ordered(wanted: &[DnsName], needed: &BTreeSet<DnsName>) -> Vec<DnsName> {
    let mut names: Vec<DnsName> = wanted.to_vec();
    names.extend(needed.iter().filter(|name| !wanted.contains(name)).cloned());
    if let Some(at) = names.iter().position(|name| name.as_str().len() <= MAX_SUBJECT_LENGTH) {
        let subject = names.remove(at);
        names.insert(0, subject);
    }
    names
}

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
    fn add(&mut self, name: &DnsName, made: &[Made], problems: &mut BTreeSet<Problem>) -> Vec<RecordChange> {
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
