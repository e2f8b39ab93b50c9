//! The deploy lock while it is held: taken, renewed in the background, given back.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::lock::{self, Lock, Verdict};
use super::record::SCHEMA;
use super::state::{Condition, State, Written};

const RENEWAL: Duration = Duration::from_secs(60);

/// A lock that this process holds.
#[derive(Debug)]
pub struct Held {
    state: State,
    renewing: JoinHandle<()>,
    /// The lock that was found and taken over: its process is dead, and what it held besides is left behind.
    pub taken_over: Option<(Lock, String)>,
}

/// Takes the lock for `task`.
///
/// # Errors
/// When somebody else holds it.
pub async fn take(state: &State, task: &str, commit: &str, lost: &CancellationToken) -> Result<Held> {
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
        Some(found) => match lock::judge(&found.value, &own.host, now, crate::process::start_of) {
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
    let renewing = tokio::spawn(renew(state.clone(), own, e_tag, lost.clone()));
    Ok(Held { state: state.clone(), renewing, taken_over })
}

fn held_by(lock: &Lock) -> Failure {
    let Lock { owner, host, task, started, process_id, .. } = lock;
    let since = started.strftime("%Y-%m-%d %H:%M:%S UTC");
    Failure::conflict(format!("{owner} on {host} holds the lock: `{task}` since {since} (process {process_id})"))
        .hint("wait until it is done; a lock whose process has ended is taken over by itself, after 5 minutes from elsewhere")
}

/// Renews until told to end. A lock that somebody else has taken stops everything: two deploys never run at once.
async fn renew(state: State, mut own: Lock, mut e_tag: String, lost: CancellationToken) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        own.renewed = Timestamp::now();
        match state.put_lock(&own, Condition::Unchanged(&e_tag)).await {
            Ok(Written::Done { e_tag: renewed }) => e_tag = renewed,
            Ok(Written::Lost) => return lost.cancel(),
            // Not reached: there are four more minutes to try again in.
            Err(_) => {}
        }
    }
}

impl Held {
    /// Gives the lock back.
    ///
    /// # Errors
    /// When it cannot be deleted; it is then dead, and taken over by the next run.
    pub async fn give_back(self) -> Result<()> {
        self.renewing.abort();
        self.state.delete_lock().await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}
