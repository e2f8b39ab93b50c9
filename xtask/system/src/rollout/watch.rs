//! Polls until every service is where it is wanted, one fails, the time is up or the caller stops it; and goes back.
//!
//! Never prints: it sends events.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::judge::{Failure, Judge, Limits, Verdict};
use super::read::{Aws, Read};

/// A service and the task definition that it was just told to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub service: String,
    /// ARN, with its revision.
    pub task_definition_arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Between two polls.
    pub poll: Duration,
    pub limits: Limits,
    /// How long a task may be unhealthy after its start; none is what the service itself has.
    pub health_grace: Option<Duration>,
    /// How many lines of a failed task's log are shown.
    pub log_lines: usize,
    /// How long to wait for these lines: CloudWatch has them some seconds later.
    pub log_wait: Duration,
    /// So many polls in a row may fail before the watch does.
    pub failed_polls: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(3),
            limits: Limits {
                begin: Duration::from_secs(30),
                shortage: Duration::from_secs(180),
                total: Duration::from_secs(900),
                beyond_grace: Duration::from_secs(300),
            },
            health_grace: None,
            log_lines: 10,
            log_wait: Duration::from_secs(10),
            failed_polls: 5,
        }
    }
}

/// What happens on the way. A text that did not change is not sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Progress {
        service: String,
        text: String,
    },
    Warning {
        service: String,
        text: String,
    },
    Done {
        service: String,
        took: Duration,
    },
    Failed {
        service: String,
        failure: Failure,
    },
    GoingBack {
        service: String,
        task_definition_arn: String,
    },
    /// AWS was not reached, or refused; it is asked again.
    Trouble {
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOutcome {
    pub service: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It runs the task definition, and nothing else.
    Done {
        took: Duration,
    },
    Failed(Failure),
    /// The watch ended before this one did: it was stopped, or another service failed.
    Unfinished,
}

/// A service that is being watched.
struct Watched {
    service: String,
    judge: Judge,
    outcome: Option<Outcome>,
    shown: Option<String>,
    warned: Option<String>,
}

/// Watches services of one cluster until all are done or one fails. `stop` ends it between two polls, at once.
///
/// The outcomes are in the order of `expected`.
///
/// # Errors
/// When AWS cannot be asked several times in a row.
pub async fn watch(
    aws: &Aws,
    cluster: &str,
    expected: &[Expected],
    options: &Options,
    stop: &CancellationToken,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Vec<ServiceOutcome>> {
    let now = Timestamp::now();
    let watched = expected.iter().map(|one| Watched {
        service: one.service.clone(),
        judge: Judge::new(&one.task_definition_arn, options.limits, now),
        outcome: None,
        shown: None,
        warned: None,
    });
    watch_all(aws, cluster, watched.collect(), options, stop, events).await
}

/// Takes a service back to an earlier task definition and watches until it runs nothing else. Does nothing that ECS, by its
/// circuit breaker, is doing already.
///
/// # Errors
/// When AWS refuses, or cannot be asked several times in a row.
pub async fn back(
    aws: &Aws,
    cluster: &str,
    earlier: &Expected,
    options: &Options,
    stop: &CancellationToken,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Outcome> {
    let Expected { service, task_definition_arn } = earlier;
    let reads = aws.read(cluster, std::slice::from_ref(service)).await?;
    let read = reads.first().context("one service was asked for")?;
    events(Event::GoingBack { service: service.clone(), task_definition_arn: task_definition_arn.clone() });
    if &read.task_definition != task_definition_arn {
        aws.update_service(cluster, service, task_definition_arn).await?;
    }
    // ECS may go on with the earlier deployment: what became of its tasks in earlier days says nothing.
    let judge = Judge::new(task_definition_arn, options.limits, Timestamp::now()).ignoring_earlier();
    let watched = Watched { service: service.clone(), judge, outcome: None, shown: None, warned: None };
    let mut outcomes = watch_all(aws, cluster, vec![watched], options, stop, events).await?;
    Ok(outcomes.remove(0).outcome)
}

async fn watch_all(
    aws: &Aws,
    cluster: &str,
    mut watched: Vec<Watched>,
    options: &Options,
    stop: &CancellationToken,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Vec<ServiceOutcome>> {
    let started = Instant::now();
    let mut failed_polls = 0;
    loop {
        let open: Vec<String> =
            watched.iter().filter(|one| one.outcome.is_none()).map(|one| one.service.clone()).collect();
        if open.is_empty() || watched.iter().any(|one| matches!(one.outcome, Some(Outcome::Failed(_)))) {
            return Ok(outcomes(watched));
        }
        let read = tokio::select! {
            () = stop.cancelled() => return Ok(outcomes(watched)),
            read = aws.read(cluster, &open) => read,
        };
        match read {
            Ok(reads) => {
                failed_polls = 0;
                for read in reads {
                    let one = watched.iter_mut().find(|one| one.service == read.snapshot.service);
                    let one = one.expect("only what is watched was asked for");
                    one.look(aws, read, options, started, events).await;
                }
            }
            Err(error) => {
                failed_polls += 1;
                if failed_polls >= options.failed_polls {
                    return Err(error);
                }
                events(Event::Trouble { text: format!("{error:#}") });
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(outcomes(watched)),
            () = sleep(options.poll) => {}
        }
    }
}

impl Watched {
    async fn look(
        &mut self,
        aws: &Aws,
        mut read: Read,
        options: &Options,
        started: Instant,
        events: &mut (dyn FnMut(Event) + Send),
    ) {
        let service = self.service.clone();
        if let Some(grace) = options.health_grace {
            read.snapshot.health_grace = grace;
        }
        match self.judge.judge(&read.snapshot, Timestamp::now()) {
            Verdict::InProgress { text, warning } => {
                if self.shown.as_ref() != Some(&text) {
                    self.shown = Some(text.clone());
                    events(Event::Progress { service: service.clone(), text });
                }
                if let Some(text) = warning.filter(|text| self.warned.as_ref() != Some(text)) {
                    self.warned = Some(text.clone());
                    events(Event::Warning { service, text });
                }
            }
            Verdict::Done => {
                let took = started.elapsed();
                self.outcome = Some(Outcome::Done { took });
                events(Event::Done { service, took });
            }
            Verdict::Failing(mut failure) => {
                failure.log = log_of(aws, &failure, self.judge.task_definition(), options).await;
                self.outcome = Some(Outcome::Failed(failure.clone()));
                events(Event::Failed { service, failure });
            }
        }
    }
}

/// The last lines of the failed task's log, once they are there.
async fn log_of(aws: &Aws, failure: &Failure, task_definition: &str, options: &Options) -> Vec<String> {
    let Some(task_id) = failure.task_id.as_deref().filter(|_| failure.kind.has_log()) else {
        return Vec::new();
    };
    let until = Instant::now() + options.log_wait;
    loop {
        let lines = aws.last_lines(task_definition, task_id, options.log_lines).await;
        if !lines.is_empty() || Instant::now() + options.poll > until {
            return lines;
        }
        sleep(options.poll).await;
    }
}

fn outcomes(watched: Vec<Watched>) -> Vec<ServiceOutcome> {
    let outcome = |one: Watched| ServiceOutcome {
        service: one.service,
        outcome: one.outcome.unwrap_or(Outcome::Unfinished),
    };
    watched.into_iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_those_that_the_page_names() {
        let page = include_str!("../../../../docs/rollouts.md");
        let Options { poll, limits, health_grace, .. } = Options::default();
        let minutes = |time: Duration| {
            assert_eq!(time.as_secs() % 60, 0, "{time:?} is not told in minutes");
            time.as_secs() / 60
        };
        let (total, beyond) = (limits.total, limits.beyond_grace);
        for said in [
            format!("the rollout is watched: every {} seconds,", poll.as_secs()),
            format!("| AWS found no room | {} minutes;", minutes(limits.shortage)),
            format!(
                "which task is still pending | {} minutes; where the service's `health_grace_seconds` is above {}, {} minutes more",
                minutes(total),
                (total - beyond).as_secs(),
                minutes(beyond)
            ),
        ] {
            assert!(page.contains(&said), "the page does not say {said:?}");
        }
        assert_eq!(health_grace, None, "it is the service's own");
    }
}
