//! What publishing needs of account, bucket and distribution, held against what is there.
//!
//! Facts in, findings out. Never asks anybody: what could not be read is a fact, too, and never passes for right.

mod behaviors;
mod bucket;
mod caching;
mod distribution;
mod facts;
mod identity;
mod names;
mod policy;
mod response_headers;
mod state;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use facts::{
    AddedHeader, AddressAnswers, AliasFacts, AskedZone, BehaviorSetup, BucketFacts, CacheKey, CachePolicy,
    Caching, CallerIdentity, Damage, DistributionSetup, Encryption, ErrorResponse, Expected, Facts,
    FunctionFacts, IdentityFacts, InvalidationCount, LifecycleRule, LockFacts, OriginAccess,
    OriginAccessControl, OriginRequest, OriginSetup, PathBehavior, PathTarget, PublicAccessBlock, Reading,
    ResponseHeaders, SiteBehavior, StateFacts, StoreFacts, Versioning, is_of_bucket,
};

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Ok,
    /// Publishing works; something is not as it had better be, or could not be read for want of a permission that
    /// publishing does not take.
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

/// Everything that was found, in the order of the subjects; who has no valid credentials, or a clock that nobody takes, is
/// told that alone.
pub fn examine(facts: &Facts, expected: &Expected) -> Vec<Finding> {
    let refusal = facts.bucket.refusal.as_ref().filter(|_| facts.identity.caller.known().is_none());
    let identity = match refusal {
        Some(why) => IdentityFacts {
            caller: Reading::Absent,
            refusal: facts.identity.refusal.clone().or_else(|| Some(why.clone())),
            ..facts.identity.clone()
        },
        None => facts.identity.clone(),
    };
    let mut findings = identity::examine(&identity);
    let is_refused = identity.caller == Reading::Absent
        || (facts.identity.caller.known().is_none() && identity::is_clock_refused(facts.identity.clock_skew));
    if is_refused {
        // Every other answer says the same.
        return findings;
    }
    findings.extend(bucket::examine(facts, expected));
    for (id, reading) in &facts.distributions {
        findings.extend(distribution::examine(id, reading, facts, expected));
    }
    if facts.distributions.is_empty() {
        let mut notes = Notes::new(Subject::Distribution, None);
        notes.warning(
            "distribution",
            "the target names no distribution: what visitors get was not looked at, and a push drops no stale copies",
            "set `distributions` of the target in sitepush.toml, or pass `--distribution`",
        );
        findings.extend(notes.findings);
    }
    findings.extend(names::examine(facts, expected));
    // Without the bucket there is no state to read.
    if facts.bucket.elsewhere.is_none() && facts.bucket.region != Reading::Absent {
        findings.extend(state::examine(&facts.state, expected));
    }
    findings.sort_by_key(|finding| finding.subject);
    findings
}

/// Something that is not as it ought to be, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Judgment {
    status: Status,
    what: String,
    remedy: String,
}

impl Judgment {
    fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Warning, what: what.into(), remedy: remedy.into() }
    }

    fn problem(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Problem, what: what.into(), remedy: remedy.into() }
    }
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

    /// What a judge said who is asked about more than one thing.
    fn judged(&mut self, check: &'static str, judgment: Result<String, Judgment>) {
        match judgment {
            Ok(what) => self.ok(check, what),
            Err(judgment) => self.all_judged(check, [judgment]),
        }
    }

    fn all_judged(&mut self, check: &'static str, judgments: impl IntoIterator<Item = Judgment>) {
        for judgment in judgments {
            self.note(check, judgment.status, judgment.what, Some(judgment.remedy));
        }
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
