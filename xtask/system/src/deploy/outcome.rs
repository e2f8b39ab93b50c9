//! What a task came to: a value that the report, the document of `--json` and the exit code are made of.

use std::time::Duration;

use serde::Serialize;

use super::changes::Gap;
use super::record::Record;

/// What a deploy or a rollback came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// `deploy` or `rollback`.
    pub task: String,
    pub environment: String,
    /// Where visitors are.
    pub url: String,
    /// What was asked for.
    pub commit: String,
    /// What was written down; none when there was nothing to do.
    pub record: Option<Record>,
    pub took_seconds: u64,
    /// What the emulators did not keep, as this run met it; always empty on AWS.
    pub gaps: Vec<Gap>,
}

impl Outcome {
    pub fn took(&self) -> Duration {
        Duration::from_secs(self.took_seconds)
    }
}
