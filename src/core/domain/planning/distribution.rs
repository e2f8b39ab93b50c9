//! The distribution's part of a plan: its aliases, its certificate, and the records that CloudFront wants gone first.
//!
//! CloudFront refuses an alias whose DNS leads to another distribution, so such a record goes before the alias comes, and
//! the name answers nothing in between. It goes as late as can be: when the certificate is on the distribution, by which
//! CloudFront also tells who else has the alias.
//!
//! Source: "Restrictions on using alternate domain names", CloudFront Developer Guide.

use std::collections::BTreeSet;

use super::super::batches::Batches;
use super::super::name::DnsName;
use super::super::plan::{BatchPurpose, Step};
use super::super::problem::{Problem, Severity};
use super::super::record::{Made, RecordChange, RecordType};
use super::Planning;

impl Planning<'_> {
    /// Plans the distribution's aliases and certificate.
    pub(super) fn distribution(&mut self) {
        let own = &self.facts.distribution;
        let added: BTreeSet<DnsName> =
            self.wanted.names.iter().filter(|name| !own.aliases.contains(*name)).cloned().collect();
        let mut changes_certificate = self.certificate.as_ref() != Some(&own.certificate);
        if changes_certificate && own.certificate.has_own_addresses() {
            self.notes.push(
                "the certificate has addresses of its own, for 600 dollars a month: from now on it is served by SNI, \
                 which no browser of the last ten years lacks"
                    .to_owned(),
            );
        }
        let mut claims = Batches::new(BatchPurpose::Claim);
        let claimed = self.wanted.names.iter().filter(|name| added.contains(*name) || self.wanted.take_over);
        for name in claimed {
            if let Some(zone) = self.place(name) {
                claims.add(&zone.zone, self.text.add(name, &[Made::Alias], &mut self.problems));
            }
        }
        self.steps.extend(claims.into_steps());
        self.led_away_elsewhere(&added);
        let withdrawals: Vec<Step> = self.withdraw(&added).into_steps().collect();
        let aliases = |of: &BTreeSet<DnsName>| own.aliases.union(of).cloned().collect();
        if !withdrawals.is_empty() && changes_certificate {
            self.steps.push(Step::UpdateDistribution {
                aliases: aliases(&BTreeSet::new()),
                added: BTreeSet::new(),
                removed: BTreeSet::new(),
                certificate: self.certificate.clone(),
                changes_certificate,
            });
            changes_certificate = false;
        }
        self.steps.extend(withdrawals);
        if !added.is_empty() || changes_certificate {
            self.steps.push(Step::UpdateDistribution {
                aliases: aliases(&added),
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

    /// Takes the records of names that are added away where they lead to another distribution. Those that may not go are a
    /// problem that is found where visitors are led here.
    fn withdraw(&mut self, added: &BTreeSet<DnsName>) -> Batches {
        let mut batches = Batches::new(BatchPurpose::Withdrawal);
        for name in added {
            let Some(zone) = self.place(name) else { continue };
            let own = &self.facts.distribution.domain_name;
            let mut others = BTreeSet::new();
            let mut changes = Vec::new();
            for found in self.facts.records_of(name) {
                let is_address =
                    matches!(found.record_type, RecordType::A | RecordType::Aaaa | RecordType::Cname);
                if let Some(other) = found.other_distribution(own).filter(|_| is_address)
                    && self.may_go(name, found)
                {
                    others.insert(other.to_string());
                    self.gone.push(found.clone());
                    changes.push(RecordChange::Delete(found.clone()));
                }
            }
            if !others.is_empty() {
                let others = others.into_iter().collect::<Vec<_>>().join(", ");
                self.notes.push(format!(
                    "{name} leads to another distribution ({others}), and CloudFront takes no alias that does: its record goes \
                     first, and the name answers nothing until the distribution has the alias and the new records are there, \
                     some minutes in all"
                ));
            }
            batches.add(&zone.zone, changes);
        }
        batches
    }

    /// The same where the DNS of a name is elsewhere: somebody has to do it, best when the certificate is there.
    fn led_away_elsewhere(&mut self, added: &BTreeSet<DnsName>) {
        let is_next = !self.steps.iter().any(|step| matches!(step, Step::AwaitCertificate { .. }));
        for name in added.iter().filter(|name| self.facts.is_external(name)) {
            if let Some(other) = self.facts.led_away.get(name) {
                let severity = if is_next { Severity::Blocking } else { Severity::Warning };
                self.problems.insert(Problem::led_to_another_distribution(name, other, severity));
            }
        }
    }
}
