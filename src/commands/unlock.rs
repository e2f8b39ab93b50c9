//! `sitepush unlock`: takes the lock away from a run that is known to be dead.

use bytes::Bytes;

use crate::cli::UnlockArgs;
use crate::core::lock::{LockRecord, LockState};
use crate::edges::s3::Condition;
use crate::error::{Class, Error};
use crate::execute::lock::{self as lock_file, LOCK_FILE};
use crate::exit_code::ExitCode;
use crate::settings::TargetSettings;
use crate::ui::terminal;

use super::connect::{call_failed, connect};
use super::run_plan::SHORT_RETRY_LIMIT;
use super::world;

/// Marks the target as left unfinished, so that the next run compares the bucket with the record.
///
/// # Errors
/// When the lock is held by a run that may be alive and `--force` is not given, or cannot be written.
pub async fn run(args: &UnlockArgs) -> Result<ExitCode, Error> {
    let target = TargetSettings::resolve(&args.target)?;
    let connected = connect(&target, SHORT_RETRY_LIMIT).await;
    // The record is not asked, and may be damaged.
    let lock = lock_file::read(&connected.bucket).await.map_err(|error| {
        call_failed(format!("cannot read the lock of bucket `{}`", connected.bucket.name()), error)
    })?;
    let Some(found) = lock.filter(|found| matches!(found.record.state, LockState::Held { .. })) else {
        terminal::note("nobody holds the lock\n");
        return Ok(ExitCode::Done);
    };
    if !args.force {
        world::recovery(Some(&found), connected.clock.service_now())?;
    }
    let state = found.left_unfinished(connected.clock.service_now());
    let record = LockRecord::new(state, found.record.settlement.clone());
    let bytes = serde_json::to_vec_pretty(&record).expect("a lock record has only string keys");
    let condition = Condition::Matches(found.e_tag.clone());
    connected.bucket.put_state(LOCK_FILE, Bytes::from(bytes), Some(&condition)).await.map_err(|error| {
        if error.kind == crate::edges::call::FailureKind::PreconditionFailed {
            Error::new(Class::Conflict, "the lock was renewed meanwhile: its holder is alive")
                .with_hint("wait for it, or end the process and try again")
        } else {
            call_failed("cannot write the lock `.sitepush/lock.json`", error)
        }
    })?;
    terminal::note("unlocked: the next push compares the bucket with the record first\n");
    Ok(ExitCode::Done)
}
