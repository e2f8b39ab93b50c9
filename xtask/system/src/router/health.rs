//! Whether a target is fit to be asked: the check, and what follows from a row of its results.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};

use super::forward::exchange;

/// How targets of a group are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for; 200 is the one good answer.
    pub path: String,
    /// From the end of one check to the next.
    pub interval: Duration,
    /// The longest that one may take.
    pub limit: Duration,
    /// Good answers in a row that make an unhealthy target healthy. A new one needs one.
    pub healthy_threshold: u32,
    /// Bad ones in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
}

impl Default for HealthCheck {
    /// Quicker than on AWS, where a check is made every 10 seconds.
    fn default() -> Self {
        Self {
            path: "/healthz".to_owned(),
            interval: Duration::from_secs(1),
            limit: Duration::from_secs(2),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        }
    }
}

/// What a load balancer says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Registered, and no check has decided yet.
    Initial,
    Healthy,
    Unhealthy,
    /// Deregistered; what was begun is still answered.
    Draining,
}

impl TargetState {
    /// As `DescribeTargetHealth` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
        }
    }
}

/// One target of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    pub address: SocketAddr,
    pub state: TargetState,
    /// A reason code of `DescribeTargetHealth`; none while healthy.
    pub reason: Option<&'static str>,
    /// The reason in words.
    pub description: Option<String>,
}

/// Why a check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Status(StatusCode),
    Late,
    /// No connection, or no answer on it.
    Broken,
}

impl Failure {
    fn reason(self) -> (&'static str, String) {
        match self {
            Self::Status(status) => (
                "Target.ResponseCodeMismatch",
                format!("Health checks failed with these codes: [{}]", status.as_u16()),
            ),
            Self::Late => ("Target.Timeout", "Request timed out".to_owned()),
            Self::Broken => ("Target.FailedHealthChecks", "Health checks failed".to_owned()),
        }
    }
}

/// What is known of a target: the state, and the row of equal results that may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    state: TargetState,
    successes: u32,
    failures: u32,
    last_failure: Option<Failure>,
}

impl Probe {
    pub(super) fn new() -> Self {
        Self { state: TargetState::Initial, successes: 0, failures: 0, last_failure: None }
    }

    pub(super) fn state(&self) -> TargetState {
        self.state
    }

    pub(super) fn is_draining(&self) -> bool {
        self.state == TargetState::Draining
    }

    /// Nothing changes the state after this.
    pub(super) fn drain(&mut self) {
        self.state = TargetState::Draining;
    }

    /// Takes in one result.
    pub(super) fn take(&mut self, result: Result<(), Failure>, check: &HealthCheck) {
        match result {
            Ok(()) => (self.successes, self.failures) = (self.successes + 1, 0),
            Err(failure) => {
                (self.successes, self.failures) = (0, self.failures + 1);
                self.last_failure = Some(failure);
            }
        }
        self.state = match self.state {
            TargetState::Initial if self.successes > 0 => TargetState::Healthy,
            TargetState::Unhealthy if self.successes >= check.healthy_threshold => TargetState::Healthy,
            TargetState::Initial | TargetState::Healthy if self.failures >= check.unhealthy_threshold => {
                TargetState::Unhealthy
            }
            same => same,
        };
    }

    /// The state and its reason, in the load balancer's words.
    ///
    /// Source: Elastic Load Balancing, "Health checks for your target groups", "Target health reason codes".
    pub(super) fn describe(&self, address: SocketAddr) -> TargetHealth {
        let (reason, description) = match self.state {
            TargetState::Initial => {
                (Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress".to_owned()))
            }
            TargetState::Healthy => (None, None),
            TargetState::Unhealthy => self
                .last_failure
                .map(Failure::reason)
                .map_or((None, None), |(code, text)| (Some(code), Some(text))),
            TargetState::Draining => (
                Some("Target.DeregistrationInProgress"),
                Some("Target deregistration is in progress".to_owned()),
            ),
        };
        TargetHealth { address, state: self.state, reason, description }
    }
}

/// Asks a target once, on a connection of its own.
pub(super) async fn ask(address: SocketAddr, check: &HealthCheck) -> Result<(), Failure> {
    let request = Request::get(&check.path)
        .header(HOST, address.to_string())
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync())
        .map_err(|_| Failure::Broken)?;
    match tokio::time::timeout(check.limit, exchange(address, request)).await {
        Ok(Ok(response)) if response.status() == StatusCode::OK => Ok(()),
        Ok(Ok(response)) => Err(Failure::Status(response.status())),
        Ok(Err(_)) => Err(Failure::Broken),
        Err(_) => Err(Failure::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(results: &[Result<(), Failure>]) -> Probe {
        let check = HealthCheck { healthy_threshold: 3, unhealthy_threshold: 2, ..HealthCheck::default() };
        let mut probe = Probe::new();
        for result in results {
            probe.take(*result, &check);
        }
        probe
    }

    const BAD: Result<(), Failure> = Err(Failure::Broken);

    #[test]
    fn one_good_answer_makes_a_new_target_healthy_and_a_row_an_unhealthy_one() {
        for (results, expected) in [
            (&[][..], TargetState::Initial),
            (&[Ok(())], TargetState::Healthy),
            (&[BAD], TargetState::Initial),
            (&[BAD, Ok(())], TargetState::Healthy),
            (&[BAD, BAD], TargetState::Unhealthy),
            (&[Ok(()), BAD], TargetState::Healthy),
            (&[Ok(()), BAD, Ok(()), BAD], TargetState::Healthy),
            (&[Ok(()), BAD, BAD], TargetState::Unhealthy),
            (&[BAD, BAD, Ok(()), Ok(())], TargetState::Unhealthy),
            (&[BAD, BAD, Ok(()), Ok(()), Ok(())], TargetState::Healthy),
            (&[BAD, BAD, Ok(()), Ok(()), BAD, Ok(())], TargetState::Unhealthy),
        ] {
            assert_eq!(after(results).state, expected, "{results:?}");
        }
    }

    #[test]
    fn a_target_that_drains_stays_so() {
        let mut probe = after(&[Ok(())]);
        probe.drain();
        for result in [Ok(()), BAD, BAD, BAD] {
            probe.take(result, &HealthCheck::default());
        }
        assert_eq!(probe.state, TargetState::Draining);
    }

    #[test]
    fn an_unhealthy_target_says_why_in_the_load_balancers_words() {
        let address = "127.0.0.1:80".parse().unwrap();
        let status = Failure::Status(StatusCode::SERVICE_UNAVAILABLE);
        for (failure, code, words) in [
            (status, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
            (Failure::Late, "Target.Timeout", "Request timed out"),
            (Failure::Broken, "Target.FailedHealthChecks", "Health checks failed"),
        ] {
            let health = after(&[Err(failure), Err(failure)]).describe(address);
            assert_eq!((health.reason, health.description.as_deref()), (Some(code), Some(words)));
        }
        assert_eq!(after(&[Ok(())]).describe(address).reason, None);
    }
}
