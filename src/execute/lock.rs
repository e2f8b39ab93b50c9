//! Holding the lock: taking, renewing and giving back the lease that `core::lock` describes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::core::lock::{FoundLock, LEASE, LockRecord, LockState, ProcessIdentity, Settlement};
use crate::core::release::ReleaseId;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::s3::{Bucket, Condition};

/// The lock's name under the state prefix.
pub const LOCK_FILE: &str = "lock.json";

/// Reads the lock as it lies in the bucket.
///
/// # Errors
/// When it cannot be fetched, or is not a lock record.
pub async fn read(bucket: &Bucket) -> Result<Option<FoundLock>, CallError> {
    let Some(file) = bucket.get_state(LOCK_FILE).await? else { return Ok(None) };
    let record = LockRecord::decode(&file.bytes).map_err(|error| {
        CallError::local(FailureKind::UnreadableState, format!("`.sitepush/{LOCK_FILE}`: {error}"))
    })?;
    Ok(Some(FoundLock { record, e_tag: file.e_tag }))
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Somebody changed it after it was read.
    #[error("another push took the lock")]
    Raced,
    #[error("cannot write the lock")]
    Call(#[source] CallError),
}

/// The held lock. Renews itself until it is given back.
pub struct Lock {
    held: Arc<Held>,
    renewer: JoinHandle<()>,
    is_conditional: bool,
}

struct Held {
    bucket: Bucket,
    clock: Clock,
    identity: ProcessIdentity,
    release_id: Option<ReleaseId>,
    commit: Option<String>,
    started: jiff::Timestamp,
    settlement: Settlement,
    e_tag: Mutex<String>,
    is_lost: AtomicBool,
}

/// What a push writes about itself into the lock.
pub struct LockRequest<'a> {
    pub found: Option<&'a FoundLock>,
    pub identity: ProcessIdentity,
    pub release_id: Option<ReleaseId>,
    pub commit: Option<String>,
    /// Whether to find out if the endpoint honors conditional writes: one request more.
    pub probe: bool,
}

impl Lock {
    /// Takes the lock over what was read of it.
    ///
    /// # Errors
    /// [`TakeError::Raced`] when it is not as it was read.
    pub async fn take(bucket: &Bucket, clock: &Clock, request: LockRequest<'_>) -> Result<Self, TakeError> {
        let settlement = request.found.map(|found| found.record.settlement.clone()).unwrap_or_default();
        let held = Held {
            bucket: bucket.clone(),
            clock: clock.clone(),
            identity: request.identity,
            release_id: request.release_id,
            commit: request.commit,
            started: clock.service_now(),
            settlement,
            e_tag: Mutex::new(String::new()),
            is_lost: AtomicBool::new(false),
        };
        let condition = match request.found {
            Some(found) => Condition::Matches(found.e_tag.clone()),
            None => Condition::Absent,
        };
        let e_tag = match held.write(&held.record(), &condition).await {
            Ok(e_tag) => e_tag,
            Err(error) if is_conflict(&error) => held.own_e_tag().await?.ok_or(TakeError::Raced)?,
            Err(error) => return Err(TakeError::Call(error)),
        };
        *held.e_tag.lock().await = e_tag;
        let is_conditional = !request.probe || held.probe().await?;
        let held = Arc::new(held);
        let renewer = tokio::spawn(Arc::clone(&held).renew_forever());
        Ok(Self { held, renewer, is_conditional })
    }

    /// Whether the endpoint honors conditional writes, as far as it was asked.
    pub fn is_conditional(&self) -> bool {
        self.is_conditional
    }

    /// Whether somebody else has taken the lock over: nothing more may be written.
    pub fn is_lost(&self) -> bool {
        self.held.is_lost.load(Ordering::Relaxed)
    }

    /// Gives the lock back in `state`.
    ///
    /// # Errors
    /// When it cannot be written; the lease then runs out by itself, and the next run compares the bucket.
    pub async fn end(self, state: LockState, settlement: Settlement) -> Result<(), CallError> {
        self.renewer.abort();
        let mut e_tag = self.held.e_tag.lock().await;
        let condition = Condition::Matches(e_tag.clone());
        let record = LockRecord::new(state, settlement);
        match self.held.write(&record, &condition).await {
            Ok(written) => *e_tag = written,
            // The answer to our own write may have been lost: then the lock is already as we want it.
            Err(error) if is_conflict(&error) => match read(&self.held.bucket).await? {
                Some(found) if found.record == record => {}
                Some(found) => {
                    self.held.warn_of_our_writes(record.state, found).await?;
                    return Err(error);
                }
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Held {
    fn record(&self) -> LockRecord {
        let state = LockState::Held {
            holder: self.identity.clone(),
            release_id: self.release_id.clone(),
            commit: self.commit.clone(),
            started: self.started,
            expires: self.clock.service_now().checked_add(LEASE).unwrap_or(self.started),
        };
        LockRecord::new(state, self.settlement.clone())
    }

    async fn write(&self, record: &LockRecord, condition: &Condition) -> Result<String, CallError> {
        let bytes = serde_json::to_vec_pretty(record).expect("a lock record has only string keys");
        self.bucket.put_state(LOCK_FILE, Bytes::from(bytes), Some(condition)).await
    }

    /// Somebody took the lock away and ended meanwhile. If this run may have written over what that one published, the
    /// next run must compare the bucket. (Should another be at work right now, there is no place to say so.)
    async fn warn_of_our_writes(&self, ours: LockState, found: FoundLock) -> Result<(), CallError> {
        if matches!(ours, LockState::Unfinished { .. }) && found.record.state == LockState::Free {
            let record = LockRecord::new(ours, found.record.settlement);
            self.write(&record, &Condition::Matches(found.e_tag)).await?;
        }
        Ok(())
    }

    /// The lock's ETag if it is ours: a write whose answer was lost looks like somebody else's.
    async fn own_e_tag(&self) -> Result<Option<String>, TakeError> {
        let found = read(&self.bucket).await.map_err(TakeError::Call)?;
        Ok(found.filter(|found| self.is_ours(&found.record)).map(|found| found.e_tag))
    }

    fn is_ours(&self, record: &LockRecord) -> bool {
        matches!(&record.state, LockState::Held { holder, .. } if holder.nonce == self.identity.nonce)
    }

    /// Asks whether a write that must fail fails.
    async fn probe(&self) -> Result<bool, TakeError> {
        match self.write(&self.record(), &Condition::Absent).await {
            Ok(e_tag) => {
                *self.e_tag.lock().await = e_tag;
                Ok(false)
            }
            Err(error) if is_conflict(&error) => Ok(true),
            // Whoever does not know the header cannot keep its promise.
            Err(error) if error.kind == FailureKind::Unsupported => Ok(false),
            Err(error) => Err(TakeError::Call(error)),
        }
    }

    async fn renew_forever(self: Arc<Self>) {
        let third = LEASE.unsigned_abs() / 3;
        loop {
            tokio::time::sleep(third).await;
            let mut e_tag = self.e_tag.lock().await;
            match self.write(&self.record(), &Condition::Matches(e_tag.clone())).await {
                Ok(renewed) => *e_tag = renewed,
                Err(error) if is_conflict(&error) => match self.own_e_tag().await {
                    Ok(Some(own)) => *e_tag = own,
                    Ok(None) => {
                        self.is_lost.store(true, Ordering::Relaxed);
                        return;
                    }
                    // Not told: the lease holds for two more tries.
                    Err(_) => {}
                },
                Err(_) => {}
            }
        }
    }
}

/// S3 answers 412 when the condition does not hold, 409 when a write in between makes it undecided, and 404 for
/// `If-Match` on nothing.
fn is_conflict(error: &CallError) -> bool {
    matches!(error.kind, FailureKind::PreconditionFailed | FailureKind::NotFound)
        && error.code != "NoSuchBucket"
}
