//! Deletes objects that sitepush did not publish, after a person has read their names and agreed.

use crate::core::key::ObjectKey;
use crate::core::lock::{FoundLock, LockState, ProcessIdentity};
use crate::core::plan::DELETE_BATCH_KEYS;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::s3::Bucket;

use super::lock::{Lock, LockRequest, TakeError};

/// Deletes `keys` under the lock and returns those that could not be.
///
/// # Errors
/// When the lock cannot be taken or a request fails as a whole.
pub async fn delete(
    bucket: &Bucket,
    clock: &Clock,
    found: Option<&FoundLock>,
    identity: ProcessIdentity,
    keys: &[ObjectKey],
) -> Result<Vec<(ObjectKey, CallError)>, CallError> {
    let request =
        LockRequest { found, identity, release_id: None, unfinished: None, commit: None, probe: false };
    let lock = Lock::take(bucket, clock, request).await.map_err(|error| match error {
        TakeError::Raced => CallError::local(FailureKind::PreconditionFailed, "another run took the lock"),
        TakeError::Call(error) => error,
    })?;
    let result = delete_batches(&bucket.with_retry(bucket.retry().permitted_by(lock.permit())), keys).await;
    // The state is left as it was found: what an unfinished push left in doubt, this did not settle.
    let unfinished = found.filter(|found| found.record.state != LockState::Free);
    let state = unfinished.map_or(LockState::Free, |found| found.left_unfinished(clock.service_now()));
    let settlement = found.map(|found| found.record.settlement.clone()).unwrap_or_default();
    lock.end(state, settlement).await?;
    result
}

async fn delete_batches(
    bucket: &Bucket,
    keys: &[ObjectKey],
) -> Result<Vec<(ObjectKey, CallError)>, CallError> {
    let mut failures = Vec::new();
    for batch in keys.chunks(DELETE_BATCH_KEYS) {
        failures.extend(bucket.delete_objects(&batch.iter().collect::<Vec<_>>()).await?);
    }
    Ok(failures)
}
