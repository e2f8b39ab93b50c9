//! What is to be done about the names of a distribution, step by step.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::certificate::KeyAlgorithm;
use super::distribution::ViewerCertificate;
use super::facts::DomainFacts;
use super::name::DnsName;
use super::problem::{Problem, Severity};
use super::record::RecordChange;
use super::zone::HostedZone;

/// Whether names come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Apply,
    Remove,
}

impl Purpose {
    /// What is done to a name, for messages.
    pub fn done(self) -> &'static str {
        match self {
            Self::Apply => "set up",
            Self::Remove => "removed",
        }
    }
}

/// What a batch of record changes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchPurpose {
    /// To prove to ACM that the names are ours.
    Validation,
    /// To write down beforehand that the alias on the distribution will be ours.
    Claim,
    /// To lead visitors to the distribution.
    Visitors,
    /// To tell browsers beforehand which HTTP they may speak; the site works without.
    HttpsRecords,
    /// To let ACM renew the certificate; the site works without until it ends.
    Renewal,
    /// To lead visitors away: from here when names are removed, from another distribution when they are set up.
    Withdrawal,
    /// To forget what was ours.
    Release,
    /// To take the proof away again.
    ValidationRemoval,
}

/// One step. The steps of a plan happen in their order, each after the one before has wholly succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    RequestCertificate {
        /// The first becomes the subject.
        names: Vec<DnsName>,
        key_algorithm: KeyAlgorithm,
        /// For ACM: the same request within an hour is one request.
        idempotency_token: String,
        reason: String,
    },
    /// ACM makes up the validation records some seconds after the request.
    AwaitValidationRecords {
        /// None until the certificate is requested.
        arn: Option<String>,
        names: Vec<DnsName>,
    },
    ChangeRecords {
        zone: HostedZone,
        purpose: BatchPurpose,
        /// At once and atomically.
        changes: Vec<RecordChange>,
    },
    AwaitCertificate {
        arn: Option<String>,
    },
    UpdateDistribution {
        added: BTreeSet<DnsName>,
        removed: BTreeSet<DnsName>,
        /// All that it has afterwards.
        aliases: BTreeSet<DnsName>,
        /// None: the one that is requested above.
        certificate: Option<ViewerCertificate>,
        changes_certificate: bool,
    },
    /// Until the change has reached all edges.
    AwaitDeployment,
    DeleteCertificate {
        arn: String,
    },
}

impl Step {
    /// Whether it changes anything, rather than wait.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::AwaitValidationRecords { .. } | Self::AwaitCertificate { .. } | Self::AwaitDeployment
        )
    }

    /// How many things it changes: records (all of one name and type are one), aliases, certificates. Waits change none.
    pub fn change_count(&self) -> usize {
        match self {
            Self::RequestCertificate { .. } | Self::DeleteCertificate { .. } => 1,
            Self::ChangeRecords { changes, .. } => {
                let key = |change: &RecordChange| {
                    let record = change.record();
                    (record.name.clone(), record.record_type.clone())
                };
                changes.iter().map(key).collect::<BTreeSet<_>>().len()
            }
            Self::UpdateDistribution { added, removed, changes_certificate, .. } => {
                added.len() + removed.len() + usize::from(*changes_certificate)
            }
            Self::AwaitValidationRecords { .. } | Self::AwaitCertificate { .. } | Self::AwaitDeployment => 0,
        }
    }

    /// Whether the site works without it.
    pub fn is_optional(&self) -> bool {
        matches!(
            self,
            Self::ChangeRecords { purpose: BatchPurpose::HttpsRecords | BatchPurpose::Renewal, .. }
        )
    }

    /// Whether what it changes is there: a change whose answer was lost may have been made all the same.
    pub fn is_done(&self, facts: &DomainFacts) -> bool {
        match self {
            Self::ChangeRecords { changes, .. } => changes.iter().all(|change| {
                let record = change.record();
                let is_there = facts.records_of(&record.name).contains(record);
                is_there == matches!(change, RecordChange::Create(_))
            }),
            Self::UpdateDistribution { aliases, certificate, .. } => {
                facts.distribution.aliases == *aliases
                    && certificate.as_ref().is_none_or(|wanted| facts.distribution.certificate == *wanted)
            }
            Self::RequestCertificate { .. }
            | Self::DeleteCertificate { .. }
            | Self::AwaitValidationRecords { .. }
            | Self::AwaitCertificate { .. }
            | Self::AwaitDeployment => false,
        }
    }
}

/// A CNAME that is to be written, and to stay, where a name's DNS is, because its zone is not here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalRecord {
    pub reason: ExternalReason,
    pub name: DnsName,
    pub target: DnsName,
}

/// What such a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalReason {
    /// ACM issues and renews the certificate by it.
    Validation,
    /// It leads visitors to the distribution. At the top of a zone, where no CNAME can be, an `ALIAS` or `ANAME` stands for it.
    Visitors,
}

/// The plan for one distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainPlan {
    pub purpose: Purpose,
    pub distribution_id: String,
    /// The distribution's own name.
    pub distribution_domain: DnsName,
    pub names: Vec<DnsName>,
    pub steps: Vec<Step>,
    /// The blocking ones first.
    pub problems: Vec<Problem>,
    /// What is left as it is, and why.
    pub notes: Vec<String>,
    /// What somebody else has to write, as far as it is known; whether it is there is not.
    #[serde(default)]
    pub external_records: Vec<ExternalRecord>,
}

impl DomainPlan {
    /// Whether there is nothing to do, and nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether anything would be changed.
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(Step::is_change)
    }

    /// How many things are changed, as far as it is known: what ACM makes up is planned later.
    pub fn change_count(&self) -> usize {
        self.steps.iter().map(Step::change_count).sum()
    }

    /// The problems before whose end nothing is changed.
    pub fn blocking(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Blocking)
    }
}
