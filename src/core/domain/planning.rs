//! Facts and wanted names in, the plan that brings the names to the distribution out.
//!
//! The order never breaks a name that is live: a certificate, then the aliases on the distribution, and only when that is
//! everywhere the records that lead visitors to it. The one exception is CloudFront's own: see [`distribution`].

mod distribution;

use std::collections::{BTreeMap, BTreeSet};

use super::super::digest::Sha256Digest;
use super::batches::{Batches, TextRecords};
use super::certificate::{Certificate, CertificateStatus, choose_issued, choose_pending};
use super::distribution::ViewerCertificate;
use super::facts::{DomainFacts, Wanted, ZoneFacts};
use super::name::DnsName;
use super::plan::{BatchPurpose, DomainPlan, ExternalReason, ExternalRecord, Purpose, Step};
use super::problem::{self, Problem};
use super::record::{Made, RecordChange, RecordSet, RecordType};

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
    planning.renewal();
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
    /// The issued one that is chosen, to be renewed in time.
    issued: Option<&'a Certificate>,
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
            issued: None,
            gone: Vec::new(),
        }
    }

    fn finish(self) -> DomainPlan {
        let external_records = self.external_records();
        DomainPlan {
            purpose: Purpose::Apply,
            distribution_id: self.facts.distribution.id.clone(),
            distribution_domain: self.facts.distribution.domain_name.clone(),
            names: self.wanted.names.clone(),
            steps: self.steps,
            problems: self.problems.into_iter().collect(),
            notes: self.notes,
            external_records,
        }
    }

    /// The records of names whose DNS is not here: those that prove them to ACM, and those that lead visitors to them.
    fn external_records(&self) -> Vec<ExternalRecord> {
        let facts = self.facts;
        let external = |reason, name: &DnsName, target: &DnsName| {
            let is_external = facts.is_external(name);
            is_external.then(|| ExternalRecord { reason, name: name.clone(), target: target.clone() })
        };
        let pending = choose_pending(&facts.certificates, &self.needed, &facts.distribution.id);
        let renewed = self.issued.filter(|found| found.is_renewed_by_records());
        let validations = renewed.or(pending).into_iter().flat_map(|found| &found.validations);
        let proofs: BTreeSet<ExternalRecord> = validations
            .filter_map(|validation| validation.record.as_ref())
            .filter_map(|(name, target)| external(ExternalReason::Validation, name, target))
            .collect();
        let own = &facts.distribution.domain_name;
        let visitors = self.wanted.names.iter();
        let visitors = visitors.filter_map(|name| external(ExternalReason::Visitors, name, own));
        proofs.into_iter().chain(visitors).collect()
    }

    /// Where each name's records go, and whether the name is free.
    fn check_names(&mut self) {
        let is_added = |name: &&DnsName| !self.facts.distribution.aliases.contains(*name);
        if let Some(first) = self.wanted.names.iter().find(is_added)
            && self.needed.len() > problem::ALIASES
        {
            self.problems.insert(Problem::alias_quota(first, self.needed.len()));
        }
        for name in &self.wanted.names {
            let unplaced = self.unplaced(name);
            let is_by_hand = self.wanted.external_dns && self.facts.is_external(name);
            self.problems.extend(unplaced.filter(|_| !is_by_hand));
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

    /// Why a name's records cannot be placed, if they cannot. That nobody asks the zone is told by the way.
    fn unplaced(&mut self, name: &DnsName) -> Option<Problem> {
        match self.facts.zone_of(name) {
            Ok(zone) => {
                if let Some(asked) = self.facts.asked_instead(name) {
                    return Some(Problem::shadowing_zone(name, zone, asked));
                }
                self.problems.extend(Problem::not_delegated(zone));
                self.facts.cut(name).map(|cut| Problem::delegated_away(name, cut))
            }
            Err(why) => Some(Problem::no_zone(name, &why)),
        }
    }

    /// The zone in which a name's records are seen.
    fn place(&self, name: &DnsName) -> Option<&'a ZoneFacts> {
        let is_seen = self.facts.cut(name).is_none() && self.facts.asked_instead(name).is_none();
        self.facts.zone_of(name).ok().filter(|_| is_seen)
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
            self.issued = Some(issued);
            return;
        }
        let pending = choose_pending(&facts.certificates, &self.needed, &facts.distribution.id);
        self.note_stalled(pending);
        if let Some(pending) = pending {
            self.check_issuing(&pending.unvalidated());
            self.certificate = Some(current.with_arn(&pending.arn));
            self.validate(pending);
        } else {
            self.check_issuing(&self.needed.clone());
            self.request();
        }
    }

    /// What somebody might wonder about: a certificate of ours that waits for a name that was dropped, and one with another key.
    fn note_stalled(&mut self, chosen: Option<&Certificate>) {
        let id = self.facts.distribution.id.as_str();
        let ours = |found: &&Certificate| found.requested_for.as_deref() == Some(id) && found.is_awaited();
        for found in self.facts.certificates.iter().filter(ours).filter(|found| found.covers(&self.needed)) {
            let beyond = found.awaits_beyond(&self.needed);
            if let Some(one) = beyond.first() {
                self.notes.push(format!(
                    "the pending certificate {} waits for {one}, too, which is not wanted any more: it is not waited for, and \
                     `aws acm delete-certificate` clears it away",
                    found.arn
                ));
            }
        }
        let wanted = self.wanted.key_algorithm;
        if let Some(found) = chosen.filter(|found| found.key_algorithm != wanted) {
            self.notes.push(format!(
                "the pending certificate {} is gone on with, which has {} and not {}: delete it \
                 (`aws acm delete-certificate`) to have another one requested",
                found.arn,
                found.key_algorithm.title(),
                wanted.title()
            ));
        }
    }

    /// What would keep a certificate from being issued, these names being not validated yet, and whether one is elsewhere.
    fn check_issuing(&mut self, unvalidated: &BTreeSet<DnsName>) {
        // Those that are wanted are placed, or nothing is done at all.
        let wanted = &self.wanted.names;
        for name in unvalidated.iter().filter(|name| !wanted.contains(name)) {
            let unplaced = self.unplaced(name);
            self.problems.extend(unplaced.map(Problem::of_validation_only));
        }
        let mut unread = BTreeSet::new();
        for name in self.needed.clone() {
            if let Some(caa) = self.facts.forbidding_caa(&name) {
                self.problems.insert(Problem::caa(&name, caa));
            }
            if let Some(found) = self.facts.unread_caa.get(&name.base()) {
                unread.insert(format!(
                    "the CAA records of {} could not be read ({}); if they do not let Amazon issue, ACM fails with CAA_ERROR",
                    found.at, found.why
                ));
            }
        }
        self.notes.extend(unread);
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
        if names.len() > problem::CERTIFICATE_NAMES {
            self.problems.insert(Problem::certificate_quota(&names[0], names.len()));
        }
        let has_issued = self.facts.certificates.iter().any(|found| found.is_usable(self.facts.now));
        let current = self.facts.distribution.certificate.arn();
        let is_current = |found: &&Certificate| current == Some(found.arn.as_str());
        let current = self.facts.certificates.iter().find(is_current);
        let is_ending = current.is_some_and(|found| found.is_left_to_end(self.facts.now));
        let reason = if is_ending {
            "the one that is shown was imported and is about to end, and nobody has brought the next one"
        } else if has_issued {
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
        token_of(&text)
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
            let Some(zone) = self.place(name) else { continue };
            let record = RecordSet::validation(name, value);
            let changes = self.replace(name, &[record]);
            batches.add(&zone.zone, changes);
        }
        self.steps.extend(batches.into_steps());
        self.steps.push(Step::AwaitCertificate { arn: Some(pending.arn.clone()) });
    }

    /// Plans the records that lead visitors to the distribution.
    fn visitors(&mut self) {
        let own = &self.facts.distribution;
        let mut addresses = Batches::new(BatchPurpose::Visitors);
        let mut https = Batches::new(BatchPurpose::HttpsRecords);
        for name in &self.wanted.names {
            let Some(zone) = self.place(name) else { continue };
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
            } else {
                addresses.add(&zone.zone, self.clear(name, &RecordType::Aaaa));
            }
            addresses.add(&zone.zone, self.replace(name, &wanted));
            if let Some(harmless) = self.harmless_https(name) {
                self.notes.push(format!(
                    "the HTTPS record of {name} ({}) leads nowhere else and is left as it is",
                    harmless.summary()
                ));
            } else if own.has_http2_or_3 && self.wanted.https_records {
                https.add(&zone.zone, self.replace(name, &[alias(RecordType::Https)]));
            } else {
                https.add(&zone.zone, self.clear(name, &RecordType::Https));
            }
        }
        self.steps.extend(addresses.into_steps());
        self.steps.extend(https.into_steps());
    }

    /// An HTTPS record of somebody else that says only what may be spoken: browsers find the distribution by the others.
    fn harmless_https(&self, name: &DnsName) -> Option<&'a RecordSet> {
        let own = &self.facts.distribution.domain_name;
        let is_https = |found: &&RecordSet| found.record_type == RecordType::Https;
        let mut found = self.facts.records_of(name).iter().filter(is_https);
        found.find(|found| !found.leads_away(own) && !found.leads_to(own) && !self.may_go(name, found))
    }

    /// Plans the records by which ACM renews the certificate, where somebody took them away: without them it ends in a year at
    /// the latest, and nobody notices before.
    ///
    /// Source: "Managed certificate renewal in AWS Certificate Manager", ACM User Guide: every name is validated again.
    fn renewal(&mut self) {
        let renewed = self.issued.filter(|found| found.is_renewed_by_records());
        let Some(certificate) = renewed.filter(|_| self.wanted.renewal_records) else { return };
        let mut batches = Batches::new(BatchPurpose::Renewal);
        let records: BTreeSet<_> =
            certificate.validations.iter().filter_map(|validation| validation.record.as_ref()).collect();
        for (name, value) in records {
            let Some(zone) = self.place(name) else { continue };
            let record = RecordSet::validation(name, value);
            let there = self.facts.records_of(name);
            if there
                .iter()
                .any(|found| found.record_type == RecordType::Cname && found.says_the_same(&record))
            {
                continue;
            }
            if let Some(foreign) = there.iter().find(|found| !self.may_go(name, found)) {
                self.problems.insert(Problem::no_renewal(foreign, &certificate.arn));
                continue;
            }
            let mut changes: Vec<RecordChange> = there.iter().cloned().map(RecordChange::Delete).collect();
            changes.push(RecordChange::Create(record));
            changes.extend(self.text.add(name, &[Made::Validation], &mut self.problems));
            deletions_first(&mut changes);
            batches.add(&zone.zone, changes);
        }
        self.steps.extend(batches.into_steps());
    }

    /// Whether a record set may be taken away: it is ours, or is to be taken over.
    fn may_go(&self, name: &DnsName, found: &RecordSet) -> bool {
        let own = &self.facts.distribution;
        let owner = self.facts.ownership(name).filter(|owner| owner.distribution_id == own.id);
        let is_ours =
            Made::of(&found.record_type).zip(owner).is_some_and(|(made, owner)| owner.made.contains(&made));
        found.is_simple && (is_ours || self.wanted.take_over)
    }

    /// The changes after which no record set of this type leads visitors elsewhere; one that leads here may stay.
    fn clear(&mut self, name: &DnsName, record_type: &RecordType) -> Vec<RecordChange> {
        let facts = self.facts;
        let leads_away = |found: &&RecordSet| {
            found.record_type == *record_type && found.leads_away(&facts.distribution.domain_name)
        };
        let mut changes = Vec::new();
        for found in facts.records_of(name).iter().filter(leads_away) {
            if self.may_go(name, found) {
                self.gone.push(found.clone());
                changes.push(RecordChange::Delete(found.clone()));
            } else {
                self.problems.insert(Problem::foreign_record(found));
            }
        }
        changes
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
                if self.may_go(name, found) {
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
        deletions_first(&mut changes);
        changes
    }
}

/// ACM takes letters and digits, 32 at most.
///
/// Source: `IdempotencyToken`, `RequestCertificate`, ACM API Reference.
fn token_of(text: &str) -> String {
    Sha256Digest::of(text.as_bytes()).to_string()[..32].to_owned()
}

/// Another token in place of one for which ACM gave a certificate that is not there: one that was deleted within the hour.
pub fn token_after(token: &str, lost_arn: &str) -> String {
    token_of(&format!("{token}\n{lost_arn}"))
}

/// What goes has to be gone before what comes in its place.
fn deletions_first(changes: &mut [RecordChange]) {
    changes.sort_by_key(|change| matches!(change, RecordChange::Create(_)));
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
