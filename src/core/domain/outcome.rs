//! What a run did to the names of a distribution.

use serde::Serialize;

use super::super::outcome::Ending;
use super::plan::{DomainPlan, Step};
use super::waiting::Waiting;

/// What stopped a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainFailure {
    /// What was being done, to what.
    pub what: String,
    /// The causes, the nearest first.
    pub causes: Vec<String>,
    pub hint: String,
    /// Whether credentials, permissions or the network are to blame.
    pub is_environment: bool,
    /// Whether somebody else was quicker.
    pub is_conflict: bool,
}

/// The result of carrying out a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainOutcome {
    pub ending: Ending,
    /// In the order in which they were done; waits included.
    pub done: Vec<Step>,
    /// What is left, as far as it is known.
    pub left: Option<DomainPlan>,
    pub failure: Option<DomainFailure>,
    /// The wait that ended without what was waited for.
    pub waiting: Option<Waiting>,
    pub warnings: Vec<String>,
    pub elapsed_milliseconds: u64,
}

impl DomainOutcome {
    /// The outcome of a plan that is empty.
    pub fn nothing_done() -> Self {
        Self {
            ending: Ending::NothingToDo,
            done: Vec::new(),
            left: None,
            failure: None,
            waiting: None,
            warnings: Vec::new(),
            elapsed_milliseconds: 0,
        }
    }

    /// Whether anything was changed.
    pub fn has_changed(&self) -> bool {
        self.done.iter().any(Step::is_change)
    }
}
