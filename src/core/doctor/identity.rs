//! Who asks, for how long, and by which clock.

use jiff::SignedDuration;

use super::{Finding, IdentityFacts, Notes, Reading, Subject};

/// A push of a large site takes minutes: credentials that end sooner than this end in the middle of it.
const SHORT_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// S3 refuses a request whose time is this far off; half of it is worth a word.
///
/// Source: `RequestTimeTooSkewed`, "List of error codes", Amazon S3 API Reference.
const REFUSED_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Whether a service would refuse a request by this machine's clock.
pub(super) fn is_clock_refused(skew: Option<SignedDuration>) -> bool {
    skew.is_some_and(|skew| skew.abs() >= REFUSED_SKEW)
}

pub(super) fn examine(facts: &IdentityFacts) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::Identity, None);
    if let Some(caller) = notes.read("credentials", &facts.caller) {
        match caller {
            Some(caller) => notes.ok("credentials", format!("{} of account {}", caller.arn, caller.account)),
            None => notes.problem(
                "credentials",
                match &facts.refusal {
                    Some(why) => format!("there are none that are valid: {why}"),
                    None => "there are none that are valid".to_owned(),
                },
                "sign in (`aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        }
    }
    match facts.expires.map(|end| (end, end.duration_since(facts.now))) {
        // What is not there does not end.
        None if facts.caller == Reading::Absent => {}
        None => notes.ok("expiry", "the credentials tell no end"),
        Some((_, left)) if left <= SignedDuration::ZERO => {
            notes.problem("expiry", "the credentials have run out", "sign in again");
        }
        Some((_, left)) if left < SHORT_LIFE => {
            let what = format!("the credentials end in {} min: a long push would stop", left.as_mins());
            notes.warning("expiry", what, "sign in again before you push");
        }
        Some((end, _)) => {
            notes.ok("expiry", format!("the credentials end {}", end.strftime("%Y-%m-%d %H:%M UTC")));
        }
    }
    let Some(skew) = facts.clock_skew else {
        // Without credentials nobody was asked.
        if facts.caller != Reading::Absent {
            notes.unknown("clock", "no service has answered that could tell the time", "check the network");
        }
        return notes.findings;
    };
    let skew = skew.abs();
    let what = format!("this machine's clock is {} s off the service's", skew.as_secs());
    let remedy = "set this machine's clock (for example `timedatectl set-ntp true`)";
    if is_clock_refused(facts.clock_skew) {
        notes.problem("clock", what, remedy);
    } else if skew >= REFUSED_SKEW / 2 {
        notes.warning("clock", what, remedy);
    } else {
        notes.ok("clock", "this machine's clock agrees with the service's");
    }
    notes.findings
}
