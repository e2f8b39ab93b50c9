//! The lease that lets one push at a time change a target, and what its last holder left settled.
//!
//! Decides from what lies in the bucket whether the lock may be taken. Never asks the clock or the bucket.
//!
//! `lock.json` is never deleted: a push that ends leaves it *free*, naming the manifest it left behind. So a push
//! that takes the lock with `If-Match` on what it read knows that nobody came between, without reading the
//! manifest again; and what was paid and pruned after the commit needs no second write of the manifest.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::release::ReleaseId;

/// How long a lease holds without being renewed. A holder renews it at a third of that.
pub const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// A holder that could not renew its lease stops this long before it runs out, so that what it has in flight ends
/// before somebody else may begin.
pub const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Which process holds the lock, precisely enough to tell that it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// `user@host`.
    pub owner: String,
    pub process_id: u32,
    /// Names this boot of this machine and its process namespace; empty where the system does not tell.
    pub machine: String,
    /// Random, so that a write of ours that was answered by a broken connection can be recognized.
    pub nonce: String,
}

/// What was done after the manifest was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The manifest that this speaks of.
    pub manifest_e_tag: Option<String>,
    /// Caller references of invalidations that were made.
    pub paid: Vec<String>,
    /// Whether everything that the manifest lists as due for deletion has been deleted.
    pub is_pruned: bool,
    /// Whether the edge function's store was seen to say what the manifest wants it to.
    #[serde(default)]
    pub has_edge_settings: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum LockState {
    /// Nobody holds it.
    Free,
    /// Somebody is at work, unless the lease has run out.
    Held {
        holder: ProcessIdentity,
        release_id: Option<ReleaseId>,
        /// The release of an unfinished run before it, whose intent lies in the bucket until this one writes its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unfinished: Option<ReleaseId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        started: Timestamp,
        expires: Timestamp,
    },
    /// A push ended part way: what is in the bucket may differ from the manifest.
    Unfinished {
        since: Timestamp,
        /// Whose intent tells what it made.
        release_id: Option<ReleaseId>,
        /// As in `Held`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unfinished: Option<ReleaseId>,
    },
}

/// The content of `lock.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    pub schema: u32,
    #[serde(flatten)]
    pub state: LockState,
    #[serde(default)]
    pub settlement: Settlement,
}

/// The version of the format that this program writes and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// Why bytes are not a lock record.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("it was written by a newer sitepush (format {found}, this one reads up to {SCHEMA})")]
    TooNew { found: u32 },
    #[error("it is damaged: {0}")]
    Json(serde_json::Error),
}

impl LockRecord {
    pub fn new(state: LockState, settlement: Settlement) -> Self {
        Self { schema: SCHEMA, state, settlement }
    }

    /// JSON for people to read.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a lock record has only string keys")
    }

    /// Reads a record; what a newer version wrote is not guessed at.
    ///
    /// # Errors
    /// When the bytes are not a record of a known format.
    pub fn decode(bytes: &[u8]) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let Schema { schema } = serde_json::from_slice(bytes).map_err(LockError::Json)?;
        if schema > SCHEMA {
            return Err(LockError::TooNew { found: schema });
        }
        serde_json::from_slice(bytes).map_err(LockError::Json)
    }
}

/// A lock record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLock {
    pub record: LockRecord,
    pub e_tag: String,
}

impl FoundLock {
    /// The releases that were being made when the lock was left behind: the intent of one of them lies in the bucket.
    pub fn unfinished_releases(&self) -> impl Iterator<Item = &ReleaseId> {
        let (own, inherited) = match &self.record.state {
            LockState::Free => (None, None),
            LockState::Held { release_id, unfinished, .. }
            | LockState::Unfinished { release_id, unfinished, .. } => {
                (release_id.as_ref(), unfinished.as_ref())
            }
        };
        own.into_iter().chain(inherited)
    }

    /// The state in which the next run compares the bucket, with what it has to know of the runs before.
    pub fn left_unfinished(&self, since: Timestamp) -> LockState {
        let mut releases = self.unfinished_releases().cloned();
        LockState::Unfinished { since, release_id: releases.next(), unfinished: releases.next() }
    }
}

impl Settlement {
    /// What is settled of the manifest with this ETag: nothing, when the settlement speaks of another one.
    pub fn of(&self, manifest_e_tag: Option<&str>) -> Self {
        if self.manifest_e_tag.as_deref() == manifest_e_tag {
            return self.clone();
        }
        Self { manifest_e_tag: manifest_e_tag.map(str::to_owned), ..Self::default() }
    }
}

/// Whether a push may start, and in which mood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockDecision {
    /// Nobody is at work and the last push ended well.
    Clean,
    /// Nobody is at work, but the last push did not end: the bucket must be compared with the manifest.
    Recover { reason: String },
    /// Somebody is at work until `expires`.
    Busy { holder: ProcessIdentity, started: Timestamp, expires: Timestamp },
}

/// Decides on a found lock. `is_gone` says whether a holder is known to have ended (same machine, no such process).
pub fn decide(
    found: Option<&FoundLock>,
    now: Timestamp,
    is_gone: impl Fn(&ProcessIdentity) -> bool,
) -> LockDecision {
    let Some(found) = found else { return LockDecision::Clean };
    match &found.record.state {
        LockState::Free => LockDecision::Clean,
        LockState::Unfinished { since, .. } => LockDecision::Recover {
            reason: format!("a run was not finished ({})", since.strftime("%Y-%m-%d %H:%M:%S UTC")),
        },
        LockState::Held { holder, started, expires, .. } => {
            if is_gone(holder) {
                let reason =
                    format!("{} (process {}) is gone and left its lock", holder.owner, holder.process_id);
                LockDecision::Recover { reason }
            } else if *expires <= now {
                let reason = format!(
                    "the lock of {} ran out at {}",
                    holder.owner,
                    expires.strftime("%Y-%m-%d %H:%M:%S UTC")
                );
                LockDecision::Recover { reason }
            } else {
                LockDecision::Busy { holder: holder.clone(), started: *started, expires: *expires }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(expires_second: i64) -> FoundLock {
        let holder = ProcessIdentity {
            owner: "ann@laptop".into(),
            process_id: 7,
            machine: "m".into(),
            nonce: "n".into(),
        };
        let expires = Timestamp::from_second(expires_second).expect("in range");
        let state = LockState::Held {
            holder,
            release_id: None,
            unfinished: None,
            commit: None,
            started: Timestamp::UNIX_EPOCH,
            expires,
        };
        FoundLock { record: LockRecord::new(state, Settlement::default()), e_tag: "e".into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_running_push_is_left_alone_until_its_lease_ends() {
        assert!(matches!(decide(Some(&held(100)), at(99), |_| false), LockDecision::Busy { .. }));
        assert!(matches!(decide(Some(&held(100)), at(100), |_| false), LockDecision::Recover { .. }));
    }

    #[test]
    fn a_holder_that_is_gone_is_not_waited_for() {
        assert!(matches!(decide(Some(&held(100)), at(1), |_| true), LockDecision::Recover { .. }));
    }

    #[test]
    fn no_lock_and_a_free_lock_are_clean_and_an_unfinished_push_is_not() {
        assert_eq!(decide(None, at(0), |_| false), LockDecision::Clean);
        let mut found = held(1);
        found.record.state = LockState::Free;
        assert_eq!(decide(Some(&found), at(0), |_| false), LockDecision::Clean);
        found.record.state = LockState::Unfinished { since: at(0), release_id: None, unfinished: None };
        assert!(matches!(decide(Some(&found), at(0), |_| false), LockDecision::Recover { .. }));
    }

    #[test]
    fn a_record_survives_encode_and_decode() {
        let record = held(100).record;
        assert_eq!(LockRecord::decode(&record.encode()).expect("decodes"), record);
    }

    #[test]
    fn what_a_newer_version_wrote_is_not_guessed_at() {
        let newer = LockRecord::decode(b"{\"schema\": 2, \"state\": \"free\"}");
        assert!(matches!(newer, Err(LockError::TooNew { found: 2 })));
        assert!(matches!(LockRecord::decode(b"{\"schema\": 1}"), Err(LockError::Json(_))));
    }
}
