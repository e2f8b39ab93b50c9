//! What a run is about, so that it can be planned again after each step.

use super::facts::{DomainFacts, Wanted};
use super::name::DnsName;
use super::plan::{BatchPurpose, DomainPlan, Step};
use super::removal::ValidationRecords;
use super::{planning, removal};

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    Apply(Wanted),
    Remove { names: Vec<DnsName>, validation_records: ValidationRecords },
}

impl Intent {
    pub fn names(&self) -> &[DnsName] {
        match self {
            Self::Apply(wanted) => &wanted.names,
            Self::Remove { names, .. } => names,
        }
    }

    /// What is left to do.
    pub fn plan(&self, facts: &DomainFacts) -> DomainPlan {
        match self {
            Self::Apply(wanted) => planning::plan(facts, wanted),
            Self::Remove { names, validation_records } => removal::plan(facts, names, *validation_records),
        }
    }

    /// The same without what could not be done and is not needed.
    #[must_use]
    pub fn without(self, step: &Step) -> Self {
        match (self, step) {
            (Self::Apply(wanted), Step::ChangeRecords { purpose: BatchPurpose::HttpsRecords, .. }) => {
                Self::Apply(Wanted { https_records: false, ..wanted })
            }
            (Self::Apply(wanted), Step::ChangeRecords { purpose: BatchPurpose::Renewal, .. }) => {
                Self::Apply(Wanted { renewal_records: false, ..wanted })
            }
            (intent, _) => intent,
        }
    }
}
