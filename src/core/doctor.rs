//! What publishing needs of account, bucket and distribution, held against what is there.
//!
//! Facts in, findings out. Never asks anybody: what could not be read is a fact, too, and never passes for right.

mod bucket;
mod distribution;
mod facts;
mod identity;
mod names;
mod policy;
mod state;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use facts::{
    AliasFacts, BucketFacts, CacheKey, CachePolicy, Caching, CallerIdentity, DistributionSetup, Encryption,
    ErrorResponse, Expected, Facts, FunctionFacts, IdentityFacts, LifecycleRule, LockFacts, OriginAccess,
    OriginAccessControl, OriginSetup, PublicAccessBlock, Reading, StateFacts, StoreFacts, Versioning,
};

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Ok,
    /// Publishing works; something is not as it had better be, or could not be read for want of a permission.
    Warning,
    /// Publishing fails, visitors get wrong answers, or strangers get at what is not theirs.
    Problem,
    /// The endpoint does not know the question, or gave no answer that says anything.
    Unknown,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Identity,
    Bucket,
    Distribution,
    Names,
    State,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub subject: Subject,
    /// The check's name: part of the program's interface, listed in docs/commands/doctor.md.
    pub check: &'static str,
    pub status: Status,
    /// The distribution or name; none where there is only one thing that it could be about.
    pub about: Option<String>,
    pub what: String,
    /// One action; none where there is nothing to do.
    pub remedy: Option<String>,
}

/// Everything that was found, in the order of the subjects; who has no valid credentials is told that alone.
pub fn examine(facts: &Facts, expected: &Expected) -> Vec<Finding> {
    let mut findings = identity::examine(&facts.identity);
    if facts.identity.caller == Reading::Absent {
        // Without credentials every other answer says the same.
        return findings;
    }
    findings.extend(bucket::examine(facts, expected));
    for (id, reading) in &facts.distributions {
        findings.extend(distribution::examine(id, reading, facts, expected));
    }
    findings.extend(names::examine(facts, expected));
    findings.extend(state::examine(&facts.state, expected));
    findings.sort_by_key(|finding| finding.subject);
    findings
}

/// Collects the findings of one subject.
struct Notes {
    subject: Subject,
    about: Option<String>,
    findings: Vec<Finding>,
}

impl Notes {
    fn new(subject: Subject, about: Option<&str>) -> Self {
        Self { subject, about: about.map(str::to_owned), findings: Vec::new() }
    }

    fn note(&mut self, check: &'static str, status: Status, what: impl Into<String>, remedy: Option<String>) {
        let about = self.about.clone();
        self.findings.push(Finding {
            subject: self.subject,
            check,
            status,
            about,
            what: what.into(),
            remedy,
        });
    }

    fn ok(&mut self, check: &'static str, what: impl Into<String>) {
        self.note(check, Status::Ok, what, None);
    }

    fn warning(&mut self, check: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.note(check, Status::Warning, what, Some(remedy.into()));
    }

    fn problem(&mut self, check: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.note(check, Status::Problem, what, Some(remedy.into()));
    }

    fn unknown(&mut self, check: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.note(check, Status::Unknown, what, Some(remedy.into()));
    }

    /// What was read, `Some(None)` where nothing is set; none, and a finding, where it could not be read.
    fn read<'a, T>(&mut self, check: &'static str, reading: &'a Reading<T>) -> Option<Option<&'a T>> {
        match reading {
            Reading::Known(value) => return Some(Some(value)),
            Reading::Absent => return Some(None),
            Reading::Denied { action } => self.warning(
                check,
                format!("it may not be read: that takes `{action}`"),
                format!("allow `{action}` to this identity"),
            ),
            Reading::Unsupported => self.unknown(
                check,
                "the endpoint does not know the question",
                "look at it by hand: on AWS it would be checked",
            ),
            Reading::Failed { why } => {
                self.unknown(check, format!("it could not be read: {why}"), "run `sitepush doctor` again");
            }
        }
        None
    }
}
