//! Holding the lock: taking, renewing and giving back the lease that `core::lock` describes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::core::lock::{FoundLock, LEASE, LEASE_MARGIN, LockRecord, LockState, ProcessIdentity, Settlement};
use crate::core::release::ReleaseId;
use crate::edges::call::{CallError, FailureKind, Permission};
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

/// A renewal that is not answered for this long has failed; the lease holds for further ones.
const RENEWAL_LIMIT: Duration = Duration::from_secs(20);

/// The pause after a renewal that failed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// A lock that was seen to be ours within this time is not asked about again before the commit.
const FRESH: SignedDuration = SignedDuration::from_secs(5);

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
    unfinished: Option<ReleaseId>,
    commit: Option<String>,
    started: Timestamp,
    settlement: Settlement,
    e_tag: Mutex<String>,
    is_taken: AtomicBool,
    /// When the lease ends that the bucket is known to hold, in milliseconds since 1970 by the service's clock.
    expires_milliseconds: AtomicI64,
}

/// What a push writes about itself into the lock.
pub struct LockRequest<'a> {
    pub found: Option<&'a FoundLock>,
    pub identity: ProcessIdentity,
    pub release_id: Option<ReleaseId>,
    /// The release of an unfinished run whose intent lies in the bucket.
    pub unfinished: Option<ReleaseId>,
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
            unfinished: request.unfinished,
            commit: request.commit,
            started: clock.service_now(),
            settlement,
            e_tag: Mutex::new(String::new()),
            is_taken: AtomicBool::new(false),
            expires_milliseconds: AtomicI64::new(0),
        };
        let condition = match request.found {
            Some(found) => Condition::Matches(found.e_tag.clone()),
            None => Condition::Absent,
        };
        let is_held = held.hold(&mut *held.e_tag.lock().await, &condition).await.map_err(TakeError::Call)?;
        if !is_held {
            return Err(TakeError::Raced);
        }
        let is_conditional = !request.probe || held.probe().await?;
        let held = Arc::new(held);
        let renewer = tokio::spawn(Arc::clone(&held).renew_forever());
        Ok(Self { held, renewer, is_conditional })
    }

    /// Whether the endpoint honors conditional writes, as far as it was asked.
    pub fn is_conditional(&self) -> bool {
        self.is_conditional
    }

    /// Whether somebody else is known to have taken the lock.
    pub fn is_taken(&self) -> bool {
        self.held.permission() == Permission::Withdrawn
    }

    /// What asks whether requests may be on their way.
    pub fn permit(&self) -> impl Fn() -> Permission + Send + Sync + 'static {
        let held = Arc::clone(&self.held);
        move || held.permission()
    }

    /// Whether the lock is ours, asked of the bucket unless that was told a moment ago.
    pub async fn is_ours_for_sure(&self) -> bool {
        if self.held.lease_left() < LEASE - FRESH {
            // A failed answer is no answer: then the lease's own time decides.
            let _ = self.held.renew().await;
        }
        self.held.permission() == Permission::Granted
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
                // A renewal that was cut off had reached the bucket.
                Some(found) if self.held.is_ours(&found.record) => {
                    self.held.write(&record, &Condition::Matches(found.e_tag)).await?;
                }
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
            unfinished: self.unfinished.clone(),
            commit: self.commit.clone(),
            started: self.started,
            expires: self.clock.service_now().checked_add(LEASE).unwrap_or(self.started),
        };
        LockRecord::new(state, self.settlement.clone())
    }

    /// Whether anything may be written. Not when somebody else may soon take the lock over: by the clock on the wall, so that
    /// a machine that slept knows it.
    fn permission(&self) -> Permission {
        if self.is_taken.load(Ordering::Relaxed) {
            Permission::Withdrawn
        } else if self.lease_left() <= LEASE_MARGIN {
            Permission::Withheld
        } else {
            Permission::Granted
        }
    }

    /// How long the lease holds that the bucket is known to have.
    fn lease_left(&self) -> SignedDuration {
        let expires = Timestamp::from_millisecond(self.expires_milliseconds.load(Ordering::Relaxed));
        expires.map_or(SignedDuration::ZERO, |expires| expires.duration_since(self.clock.service_now()))
    }

    /// Writes the lease anew, if the lock is as `condition` says or ours already. No when it is somebody else's.
    async fn hold(&self, held_e_tag: &mut String, condition: &Condition) -> Result<bool, CallError> {
        let record = self.record();
        *held_e_tag = match self.write(&record, condition).await {
            Ok(e_tag) => e_tag,
            Err(error) if is_conflict(&error) => match self.own_e_tag(&record).await? {
                Some(own) => own,
                None => return Ok(false),
            },
            Err(error) => return Err(error),
        };
        if let LockState::Held { expires, .. } = &record.state {
            self.expires_milliseconds.store(expires.as_millisecond(), Ordering::Relaxed);
        }
        Ok(true)
    }

    /// Renews the lease, or finds that it is lost.
    async fn renew(&self) -> Result<(), CallError> {
        let mut e_tag = self.e_tag.lock().await;
        let condition = Condition::Matches(e_tag.clone());
        let held = async {
            // Where conditions are ignored, the lock of whoever took it meanwhile would be written over.
            if self.lease_left() <= LEASE_MARGIN
                && !read(&self.bucket).await?.is_some_and(|found| self.is_ours(&found.record))
            {
                return Ok(false);
            }
            self.hold(&mut e_tag, &condition).await
        };
        match tokio::time::timeout(RENEWAL_LIMIT, held).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => {
                self.is_taken.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(CallError::local(FailureKind::Transient, "the lock's renewal was not answered")),
        }
    }

    async fn write(&self, record: &LockRecord, condition: &Condition) -> Result<String, CallError> {
        self.bucket.put_state(LOCK_FILE, Bytes::from(record.encode()), Some(condition)).await
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

    /// The lock's ETag if it is ours: a write whose answer was lost looks like somebody else's. An older lease of ours
    /// is renewed from there.
    async fn own_e_tag(&self, record: &LockRecord) -> Result<Option<String>, CallError> {
        let Some(found) = read(&self.bucket).await?.filter(|found| self.is_ours(&found.record)) else {
            return Ok(None);
        };
        if found.record == *record {
            return Ok(Some(found.e_tag));
        }
        match self.write(record, &Condition::Matches(found.e_tag)).await {
            Ok(e_tag) => Ok(Some(e_tag)),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_ours(&self, record: &LockRecord) -> bool {
        matches!(&record.state, LockState::Held { holder, .. } if holder.nonce == self.identity.nonce)
    }

    /// Asks whether writes that must fail fail: one on nothing, and one on what is not there.
    async fn probe(&self) -> Result<bool, TakeError> {
        let nobodys = Condition::Matches("00000000000000000000000000000000".to_owned());
        for condition in [Condition::Absent, nobodys] {
            match self.write(&self.record(), &condition).await {
                Ok(e_tag) => {
                    *self.e_tag.lock().await = e_tag;
                    return Ok(false);
                }
                Err(error) if is_conflict(&error) => {}
                // Whoever does not know the header cannot keep its promise.
                Err(error) if error.kind == FailureKind::Unsupported => return Ok(false),
                Err(error) => return Err(TakeError::Call(error)),
            }
        }
        Ok(true)
    }

    async fn renew_forever(self: Arc<Self>) {
        let third = LEASE.unsigned_abs() / 3;
        let mut pause = third;
        while !self.is_taken.load(Ordering::Relaxed) {
            tokio::time::sleep(pause).await;
            pause = if self.renew().await.is_ok() { third } else { RENEWAL_PAUSE };
        }
    }
}

/// S3 answers 412 when the condition does not hold, and 404 for `If-Match` on nothing.
fn is_conflict(error: &CallError) -> bool {
    matches!(error.kind, FailureKind::PreconditionFailed | FailureKind::NotFound)
        && error.code != "NoSuchBucket"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::key::KeyPrefix;
    use crate::edges::aws::{self, Connection};
    use crate::edges::call::Retry;
    use crate::local::s3::{ConditionalWrites, Store, StoreOptions};
    use crate::local::target::{Target, TargetOptions, store_options};

    /// The date header of an answer that comes `seconds` from now.
    fn date_in(seconds: i64) -> String {
        let then =
            Clock::system().local_now().checked_add(SignedDuration::from_secs(seconds)).expect("in range");
        then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    #[tokio::test]
    async fn a_lease_that_was_not_renewed_is_lost_before_it_runs_out() {
        let connection = Connection {
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            static_keys: Some(("id".to_owned(), "secret".to_owned())),
            ..Connection::default()
        };
        let config = aws::load(&connection, &Clock::system()).await;
        let clock = Clock::system();
        let bucket = Bucket::new(&config, "site", KeyPrefix::default(), &Retry::new(Duration::ZERO), &clock);
        let held = Held {
            bucket,
            clock: clock.clone(),
            identity: crate::edges::process::identity(),
            release_id: None,
            unfinished: None,
            commit: None,
            started: clock.service_now(),
            settlement: Settlement::default(),
            e_tag: Mutex::new("etag".to_owned()),
            is_taken: AtomicBool::new(false),
            expires_milliseconds: AtomicI64::new(0),
        };
        let expires = clock.service_now().checked_add(LEASE).expect("in range");
        held.expires_milliseconds.store(expires.as_millisecond(), Ordering::Relaxed);
        let lock = Lock { held: Arc::new(held), renewer: tokio::spawn(async {}), is_conditional: true };
        clock.learn(&date_in(50));
        let permit = lock.permit();
        assert_eq!(permit(), Permission::Granted, "40 seconds are left");
        assert!(lock.held.renew().await.is_err(), "nobody answers");
        assert_eq!(permit(), Permission::Granted, "one renewal that failed is not the end");
        clock.learn(&date_in(65));
        assert_eq!(permit(), Permission::Withheld, "25 seconds are left, and somebody may take it then");
        assert!(!lock.is_ours_for_sure().await && !lock.is_taken());
        clock.learn(&date_in(0));
        assert_eq!(permit(), Permission::Granted, "as if it was renewed after all");
        lock.held.is_taken.store(true, Ordering::Relaxed);
        assert!(lock.is_taken());
        assert_eq!(permit(), Permission::Withdrawn);
    }

    #[tokio::test]
    async fn where_conditions_are_ignored_a_lock_that_somebody_took_is_not_taken_back() {
        let options = StoreOptions { conditional_writes: ConditionalWrites::Ignored, ..store_options() };
        let store = Store::memory(options);
        let target = Target::start(&store, TargetOptions::new("site", "E1")).await.expect("it starts");
        let keys = target.credentials();
        let connection = Connection {
            endpoint_url: Some(target.endpoint_url()),
            static_keys: Some((keys.access_key_id.clone(), keys.secret_access_key.clone())),
            ..Connection::default()
        };
        let clock = Clock::system();
        let config = aws::load(&connection, &clock).await;
        let retry = Retry::new(Duration::from_secs(5));
        let bucket = Bucket::new(&config, "site", KeyPrefix::default(), &retry, &clock);
        let take = async |nonce: &str| {
            let identity = ProcessIdentity { nonce: nonce.to_owned(), ..crate::edges::process::identity() };
            let request = LockRequest {
                found: None,
                identity,
                release_id: None,
                unfinished: None,
                commit: None,
                probe: false,
            };
            Lock::take(&bucket, &clock, request).await.expect("conditions are ignored")
        };
        let (ours, theirs) = (take("ours").await, take("theirs").await);
        clock.learn(&date_in(65));
        ours.held.renew().await.expect("it is answered");
        assert!(ours.is_taken());
        let found = read(&bucket).await.expect("it is answered").expect("a lock");
        assert!(theirs.held.is_ours(&found.record) && !theirs.is_taken());
    }
}
