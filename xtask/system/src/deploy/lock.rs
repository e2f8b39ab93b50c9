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

/// Judges a lock. `own` is the one that would take its place; `start_of` tells when a process of this machine began, none when
/// there is no such process.
///
/// Whether a process has ended is known on the same machine alone, and where the system says when processes began: there both
/// locks have that. Elsewhere a lock lives for as long as it is renewed.
pub fn judge(found: &Lock, own: &Lock, now: Timestamp, start_of: impl Fn(u32) -> Option<u64>) -> Verdict {
    let is_here = found.host == own.host && own.host != UNKNOWN;
    if is_here && own.process_start.is_some() && found.process_start.is_some() {
        return if start_of(found.process_id) == found.process_start {
            Verdict::Respect
        } else {
            Verdict::TakeOver(format!("its process {} on this machine has ended", found.process_id))
        };
    }
    let age = now.duration_since(found.renewed);
    if age > LIFE {
        return Verdict::TakeOver(format!("it was not renewed for {} minutes", age.as_mins()));
    }
    Verdict::Respect
}

/// The name of a machine that does not tell its own.
const UNKNOWN: &str = "unknown";

/// The name of this machine.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    name.map_or_else(|_| UNKNOWN.to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn lock(host: &str, renewed: Timestamp) -> Lock {
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
        let own = lock("here", now);
        let taken = |lock: &Lock, start: Option<u64>| judge(lock, &own, now, |_| start) != Verdict::Respect;
        assert!(!taken(&lock("here", old), Some(70)), "it runs, however long it has been silent");
        assert!(taken(&lock("here", recent), None));
        assert!(taken(&lock("here", recent), Some(71)), "its id was given to another process");
        assert!(!taken(&lock("elsewhere", recent), None), "its process is not of this machine");
        assert!(taken(&lock("elsewhere", old), Some(70)));
    }

    #[test]
    fn where_no_system_tells_of_processes_a_lock_lives_for_as_long_as_it_is_renewed() {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let (old, recent) = (now - SignedDuration::from_mins(6), now - SignedDuration::from_mins(4));
        let silent = |host: &str, renewed| Lock { process_start: None, ..lock(host, renewed) };
        let taken = |lock: &Lock, own: &Lock| judge(lock, own, now, |_| None) != Verdict::Respect;
        let own = silent("here", now);
        assert!(!taken(&silent("here", recent), &own));
        assert!(taken(&silent("here", old), &own));
        assert!(!taken(&lock("here", recent), &own), "made by a system of the same name that tells");
        assert!(!taken(&silent("here", recent), &lock("here", now)), "the other way round");
        assert!(!taken(&lock(UNKNOWN, recent), &lock(UNKNOWN, now)), "any machine may be called so");
        assert!(taken(&lock(UNKNOWN, old), &lock(UNKNOWN, now)));
    }
}
