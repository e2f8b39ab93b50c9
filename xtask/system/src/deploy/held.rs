//! The deploy lock while it is held: taken, renewed in the background, given back. Once somebody else has it, it is theirs: it is
//! neither written nor deleted.

use std::time::Duration;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::lock::{self, Lock, Verdict};
use super::record::SCHEMA;
use super::state::{Condition, State, Written};

/// How a lock is looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at the clock. Short beside `renewal`, because a machine that sleeps does not count the time: it has to
    /// find out soon after that it has slept too long.
    pub look: Duration,
    /// By the clock on the wall.
    pub renewal: SignedDuration,
    /// How long one may take. A connection whose other side is gone says nothing for much longer.
    pub limit: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(2),
            renewal: SignedDuration::from_secs(60),
            limit: Duration::from_secs(30),
        }
    }
}

/// A lock that this process holds.
#[derive(Debug)]
pub struct Held {
    state: State,
    own: Lock,
    renewing: JoinHandle<()>,
    /// Ends the renewing, between two writes.
    ended: CancellationToken,
    lost: CancellationToken,
    /// The lock that was found and taken over: its process is dead, and what it held besides is left behind.
    pub taken_over: Option<(Lock, String)>,
}

/// Takes the lock for `task`. `lost` is canceled when somebody else has it, or may have.
///
/// # Errors
/// When somebody else holds it.
pub async fn take(
    state: &State,
    task: &str,
    commit: &str,
    pace: Pace,
    lost: &CancellationToken,
) -> Result<Held> {
    let now = Timestamp::now();
    let id = std::process::id();
    let own = Lock {
        schema: SCHEMA,
        owner: std::env::var("GITHUB_ACTOR")
            .or_else(|_| std::env::var("USER"))
            .unwrap_or_else(|_| "unknown".to_owned()),
        host: lock::host(),
        process_id: id,
        process_start: crate::process::start_of(id),
        task: task.to_owned(),
        commit: commit.to_owned(),
        started: now,
        renewed: now,
    };
    let found = state.lock().await?;
    let mut taken_over = None;
    let written = match &found {
        None => state.put_lock(&own, Condition::Absent).await?,
        Some(found) => match lock::judge(&found.value, &own, now, crate::process::start_of) {
            Verdict::Respect => return Err(held_by(&found.value).into()),
            Verdict::TakeOver(reason) => {
                taken_over = Some((found.value.clone(), reason));
                state.put_lock(&own, Condition::Unchanged(&found.e_tag)).await?
            }
        },
    };
    let Written::Done { e_tag } = written else {
        let failure = Failure::conflict("somebody else began to deploy at the same moment");
        return Err(failure.hint("wait until they are done").into());
    };
    let ended = CancellationToken::new();
    let renewing = Renewing { state: state.clone(), own: own.clone(), e_tag, pace };
    let renewing = tokio::spawn(renewing.run(ended.clone(), lost.clone()));
    Ok(Held { state: state.clone(), own, renewing, ended, lost: lost.clone(), taken_over })
}

fn held_by(lock: &Lock) -> Failure {
    let Lock { owner, host, task, started, process_id, .. } = lock;
    let since = started.strftime("%Y-%m-%d %H:%M:%S UTC");
    Failure::conflict(format!("{owner} on {host} holds the lock: `{task}` since {since} (process {process_id})"))
        .hint("wait until it is done; a lock whose process has ended is taken over by itself, after 5 minutes from elsewhere")
}

/// What a run is told whose lock is somebody else's.
pub fn lost() -> Failure {
    Failure::conflict(
        "the deploy lock was lost: it was not renewed for too long, and somebody else may have taken it over",
    )
    .hint("nothing more was changed; look at `cargo xtask status` before you run it again")
}

/// A lock that is kept alive.
pub(super) struct Renewing {
    pub state: State,
    /// As it was written last.
    pub own: Lock,
    pub e_tag: String,
    pub pace: Pace,
}

impl Renewing {
    /// Renews until told to end, or until the lock is lost: two deploys never run at once.
    pub async fn run(mut self, ended: CancellationToken, lost: CancellationToken) {
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(self.pace.look) => {}
            }
            let now = Timestamp::now();
            let age = now.duration_since(self.own.renewed);
            if age < self.pace.renewal {
                continue;
            }
            match tokio::time::timeout(self.pace.limit, self.renew(now)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return lost.cancel(),
                // Not reached, for so long that others take it for dead.
                Ok(Err(_)) | Err(_) if age > lock::LIFE => return lost.cancel(),
                // Not reached: there is time left to try again in.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    /// Renews once. Whether the lock is this run's still.
    ///
    /// # Errors
    /// When S3 is not reached.
    pub async fn renew(&mut self, now: Timestamp) -> Result<bool> {
        let renewed = Lock { renewed: now, ..self.own.clone() };
        if let Written::Done { e_tag } =
            self.state.put_lock(&renewed, Condition::Unchanged(&self.e_tag)).await?
        {
            (self.own, self.e_tag) = (renewed, e_tag);
            return Ok(true);
        }
        // It is not as it was written last: by a write of this run, maybe, whose answer did not come.
        let found = self.state.lock().await?.filter(|found| found.value.is_of(&self.own));
        let Some(found) = found else { return Ok(false) };
        (self.own, self.e_tag) = (found.value, found.e_tag);
        Ok(true)
    }
}

impl Held {
    /// Gives the lock back, if it is still this run's.
    ///
    /// # Errors
    /// When it is not, or when it cannot be deleted; it is then dead, and taken over by the next run.
    pub async fn give_back(mut self) -> Result<()> {
        self.ended.cancel();
        // A write that is under way comes to its end: after the lock is deleted it would fail, and before, it has another ETag.
        let _ = (&mut self.renewing).await;
        if !self.lost.is_cancelled()
            && let Some(found) = self.state.lock().await?.filter(|found| found.value.is_of(&self.own))
            && self.state.delete_lock(&found.e_tag).await?
        {
            return Ok(());
        }
        self.lost.cancel();
        Err(lost().into())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}
