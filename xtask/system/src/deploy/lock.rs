//! Who deploys, as it is written beside the records, and whether a lock that is found may be taken over. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A lock that is not renewed for so long is dead.
pub const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub schema: u32,
    pub owner: String,
    pub host: String,
    pub process_id: u32,
    /// When the process began, in the kernel's ticks since the machine did: a process id alone is given again.
    pub process_start: Option<u64>,
    pub task: String,
    pub commit: String,
    pub started: Timestamp,
    pub renewed: Timestamp,
}

impl Lock {
    /// Whether both are of the same run, whenever they were renewed.
    pub fn is_of(&self, other: &Self) -> bool {
        *self == Self { renewed: self.renewed, ..other.clone() }
    }
}

/// What to do about a lock that is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its process is no more; the text says how one knows.
    TakeOver(String),
    Respect,
}

/// Judges a lock. `start_of` tells when a process of this machine began; none when there is no such process.
pub fn judge(found: &Lock, host: &str, now: Timestamp, start_of: impl Fn(u32) -> Option<u64>) -> Verdict {
    if found.host == host {
        let runs = start_of(found.process_id);
        return if runs.is_none() || (found.process_start.is_some() && runs != found.process_start) {
            Verdict::TakeOver(format!("its process {} on this machine has ended", found.process_id))
        } else {
            Verdict::Respect
        };
    }
    let age = now.duration_since(found.renewed);
    if age > LIFE {
        return Verdict::TakeOver(format!("it was not renewed for {} minutes", age.as_mins()));
    }
    Verdict::Respect
}

/// The name of this machine.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(host: &str, renewed: Timestamp) -> Lock {
        Lock {
            schema: 1,
            owner: "ada".to_owned(),
            host: host.to_owned(),
            process_id: 7,
            process_start: Some(70),
            task: "deploy".to_owned(),
            commit: "a".repeat(40),
            started: renewed,
            renewed,
        }
    }

    #[test]
    fn a_lock_is_of_the_same_run_whenever_it_was_renewed() {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let own = lock("here", now);
        let renewed = Lock { renewed: now + SignedDuration::from_mins(1), ..own.clone() };
        assert!(renewed.is_of(&own));
        assert!(!Lock { process_id: 8, ..own.clone() }.is_of(&own));
        assert!(!Lock { started: now + SignedDuration::from_mins(1), ..own.clone() }.is_of(&own));
    }

    #[test]
    fn a_lock_is_taken_from_a_process_that_has_ended_and_from_nobody_else() {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let old = now - SignedDuration::from_mins(6);
        let recent = now - SignedDuration::from_mins(4);
        let taken = |lock: &Lock, start: Option<u64>| judge(lock, "here", now, |_| start) != Verdict::Respect;
        assert!(!taken(&lock("here", old), Some(70)), "it runs, however long it has been silent");
        assert!(taken(&lock("here", recent), None));
        assert!(taken(&lock("here", recent), Some(71)), "its id was given to another process");
        assert!(!taken(&lock("elsewhere", recent), None), "its process is not of this machine");
        assert!(taken(&lock("elsewhere", old), Some(70)));
    }
}
