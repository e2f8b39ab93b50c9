//! Carries out a shown and guarded plan, with Ctrl-C, and reports.

use std::time::Duration;

use serde::Serialize;

use crate::core::outcome::{Ending, Outcome};
use crate::core::plan::{Plan, Purpose};
use crate::edges::process;
use crate::error::{Class, Error};
use crate::execute::invalidate::Completion;
use crate::execute::push::{self as execute_push, DEFAULT_COMPLETION_LIMIT, ExecuteError, Tools, Work};
use crate::execute::upload::Stop;
use crate::exit_code::ExitCode;
use crate::settings::RunSettings;
use crate::ui::progress::{self, Audience};
use crate::ui::{outcome_view, plan_view, terminal};

use super::connect::{Connected, call_failed};

/// The document of a run with `--json`.
#[derive(Serialize)]
pub struct RunDocument<'a> {
    pub plan: &'a Plan,
    pub outcome: &'a Outcome,
}

/// Shows a plan to people, unless a program reads.
pub fn show(plan: &Plan, is_json: bool) {
    if !is_json {
        terminal::note(&plan_view::render(plan));
    }
}

/// Reports what a run did.
pub fn report(plan: &Plan, outcome: &Outcome, is_json: bool) {
    if is_json {
        terminal::json(&RunDocument { plan, outcome });
    } else {
        tell(plan, outcome);
    }
}

/// Tells people what a run did. That a push has nothing to do stands in its plan.
pub fn tell(plan: &Plan, outcome: &Outcome) {
    let is_said = outcome.ending == Ending::NothingToDo && plan.purpose == Purpose::Push;
    if !is_said {
        terminal::note(&outcome_view::render(outcome));
    }
}

/// Carries out the work; Ctrl-C lets what is in flight finish.
///
/// # Errors
/// When the lock cannot be taken: nothing was changed.
pub async fn execute(work: Work<'_>, connected: Connected, settings: &RunSettings) -> Result<Outcome, Error> {
    let stop = Stop::default();
    let watcher = tokio::spawn(stop_on_interrupt(stop.clone()));
    let result = execute_until(work, connected, settings, stop).await;
    watcher.abort();
    result
}

/// Carries out the work to its end, whatever is pressed.
///
/// # Errors
/// When the lock cannot be taken: nothing was changed.
pub async fn execute_unattended(
    work: Work<'_>,
    connected: Connected,
    settings: &RunSettings,
) -> Result<Outcome, Error> {
    execute_until(work, connected, settings, Stop::default()).await
}

async fn execute_until(
    work: Work<'_>,
    connected: Connected,
    settings: &RunSettings,
    stop: Stop,
) -> Result<Outcome, Error> {
    let tools = Tools {
        bucket: connected.bucket,
        cloudfront: connected.cloudfront,
        stores: connected.stores,
        clock: connected.clock,
        identity: process::identity(),
        events: progress::sink(Audience::of_stderr()),
        stop,
        max_concurrency: settings.max_concurrency,
        completion: if settings.wait {
            Completion::AwaitedFor(DEFAULT_COMPLETION_LIMIT)
        } else {
            Completion::NotAwaited
        },
        split: settings.split,
    };
    execute_push::push(work, &tools).await.map_err(|error| match error {
        ExecuteError::Raced => Error::new(Class::Conflict, error.to_string())
            .with_hint("run the command again: it plans anew from what is live then"),
        ExecuteError::Lock(source) => call_failed("cannot take the lock `.sitepush/lock.json`", source),
    })
}

/// The first Ctrl-C (or SIGTERM) lets what is in flight finish; the second ends the process at once.
pub async fn stop_on_interrupt(stop: Stop) {
    interrupted().await;
    stop.request();
    terminal::note("stopping: what is in flight is finished first; press Ctrl-C again to end at once\n");
    interrupted().await;
    std::process::exit(ExitCode::Interrupted as i32);
}

#[cfg(unix)]
async fn interrupted() {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminated {
        Ok(mut terminated) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn wait_for_interrupt() {
    interrupted().await;
}

/// The documented code of an outcome.
pub fn exit_code(outcome: &Outcome) -> ExitCode {
    match outcome.ending {
        Ending::NothingToDo | Ending::Done => ExitCode::Done,
        Ending::Interrupted => ExitCode::Interrupted,
        Ending::PartWay => {
            let is_environment = outcome.failures.iter().all(|failure| failure.is_environment);
            if is_environment && !outcome.is_committed { ExitCode::Environment } else { ExitCode::PartWay }
        }
    }
}

/// How long throttled calls of short commands are sent again.
pub const SHORT_RETRY_LIMIT: Duration = Duration::from_secs(30);
