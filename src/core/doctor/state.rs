//! What sitepush itself keeps in the bucket: the live release, the lock, what is owed, and what it costs to keep.

use super::facts::{Expected, LockFacts, Reading, StateFacts};
use super::{Finding, Notes, Subject};
use crate::core::prices;

pub(super) fn examine(facts: &StateFacts, expected: &Expected) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::State, None);
    if let Some(damage) = &facts.damage {
        notes.problem(
            "record",
            format!("sitepush's own record is not usable: {}", damage.what),
            damage.remedy.clone(),
        );
        return notes.findings;
    }
    if let Reading::Denied { action } = &facts.release {
        notes.problem(
            "record",
            format!(
                "sitepush's own record may not be read, and no push begins without: that takes `{action}`"
            ),
            "allow this identity what `sitepush iam-policy` prints, or use the account that the bucket is in",
        );
        return notes.findings;
    }
    let release = match notes.read("record", &facts.release) {
        Some(Some(release)) => release,
        Some(None) => {
            notes.ok("record", "nothing was published here yet");
            lock(&mut notes, &facts.lock, expected);
            return notes.findings;
        }
        None => return notes.findings,
    };
    notes.ok("record", format!("{release} is live"));
    lock(&mut notes, &facts.lock, expected);
    match facts.debt_count {
        0 => notes.ok("debts", "no invalidation is owed"),
        count => notes.warning(
            "debts",
            format!("{count} of the invalidations that the release needs are still owed"),
            "run `sitepush push`: the next run makes them",
        ),
    }
    let month = |bytes| format!("${:.4} a month", prices::stored_for_a_month(bytes) as f64 / 1e6);
    notes.ok(
        "releases",
        format!(
            "{} on record; the live files cost about {}, {} kept for open pages {}",
            facts.release_count,
            month(facts.live_bytes),
            facts.kept_count,
            month(facts.kept_bytes)
        ),
    );
    notes.findings
}

fn lock(notes: &mut Notes, lock: &LockFacts, expected: &Expected) {
    match lock {
        LockFacts::Free => notes.ok("lock", "nobody is at work"),
        LockFacts::Unfinished { why } => {
            notes.warning("lock", why.clone(), "run `sitepush push`: it compares the bucket and finishes");
        }
        LockFacts::Held { holder, until } => {
            let left = until.duration_since(expected.now).as_secs().max(0);
            notes.warning(
                "lock",
                format!("{holder} is changing the target, for {left} s more at least"),
                "wait for it; `sitepush unlock` takes the lock from a run that died",
            );
        }
        // The record's finding says why.
        LockFacts::Unread => {}
    }
}
