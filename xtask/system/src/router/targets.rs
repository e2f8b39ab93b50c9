//! The target groups: who is in them, whose turn it is, and what each is still answering.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::answers::Body;
use super::forward::CONNECT_LIMIT;
use super::health::{self, HealthCheck, Probe, TargetHealth, TargetState};

/// Shorter than services keep an idle connection (75 seconds), as a load balancer's has to be.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How a target left its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request that it had was answered.
    Whole,
    /// So many were still under way when the time was up.
    CutOff(usize),
    /// It was not in the group.
    Unknown,
}

/// All groups of a router.
#[derive(Debug)]
pub(super) struct Groups {
    check: HealthCheck,
    groups: Mutex<BTreeMap<String, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    /// In the order of their registration, those that drain included.
    targets: Vec<Arc<Target>>,
    /// Counts up; the next turn begins there.
    turn: usize,
    /// Where it differs from the router's.
    check: Option<HealthCheck>,
}

/// A server in a group.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// Keeps connections between requests; for what may be sent again.
    pub(super) kept: Client<HttpConnector, Body>,
    probe: Arc<Mutex<Probe>>,
    in_flight: watch::Sender<usize>,
    checks: AbortHandle,
}

/// A target with one more request under way, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Turn(Arc<Target>);

impl Groups {
    pub(super) fn new<'a>(
        names: impl Iterator<Item = &'a str>,
        check: HealthCheck,
        mut checks: BTreeMap<String, HealthCheck>,
    ) -> Self {
        let group = |name: &str| (name.to_owned(), Group { check: checks.remove(name), ..Group::default() });
        let groups = Mutex::new(names.map(group).collect());
        Self { check, groups }
    }

    /// Adds a target and starts to check it. One that is there already, and does not drain, stays as it is.
    pub(super) fn register(&self, name: &str, address: SocketAddr) {
        let mut groups = self.lock();
        let group = groups.entry(name.to_owned()).or_default();
        if group.find(address).is_none() {
            let check = group.check.clone().unwrap_or_else(|| self.check.clone());
            group.targets.push(Arc::new(Target::new(address, check)));
        }
    }

    /// Gives it no more requests, and waits until those that it has are answered, or for `limit`.
    pub(super) async fn deregister(&self, name: &str, address: SocketAddr, limit: Duration) -> Drained {
        let target = {
            let groups = self.lock();
            let Some(target) = groups.get(name).and_then(|group| group.find(address)) else {
                return Drained::Unknown;
            };
            // Under the lock that turns are given out under: whoever has one is counted already.
            target.probe().drain();
            Arc::clone(target)
        };
        target.checks.abort();
        let mut in_flight = target.in_flight.subscribe();
        let drained = tokio::time::timeout(limit, in_flight.wait_for(|count| *count == 0)).await.is_ok();
        if let Some(group) = self.lock().get_mut(name) {
            group.targets.retain(|other| !Arc::ptr_eq(other, &target));
        }
        let left = *target.in_flight.borrow();
        if drained { Drained::Whole } else { Drained::CutOff(left) }
    }

    /// Every target of a group, in the order of their registration.
    pub(super) fn health(&self, name: &str) -> Vec<TargetHealth> {
        let groups = self.lock();
        let targets = groups.get(name).into_iter().flat_map(|group| &group.targets);
        targets.map(|target| target.probe().describe(target.address)).collect()
    }

    /// The healthy target whose turn it is, without those in `passed_over`. Where none of the group is healthy, the
    /// unhealthy ones: a check that is wrong for all is likelier wrong itself. Source: Elastic Load Balancing, "Health checks
    /// for Application Load Balancer target groups", on failing open.
    pub(super) fn next(&self, name: &str, passed_over: &[SocketAddr]) -> Option<Turn> {
        let mut groups = self.lock();
        let group = groups.get_mut(name)?;
        let is_any = |state| group.targets.iter().any(|target| target.probe().state() == state);
        let wanted =
            [TargetState::Healthy, TargetState::Unhealthy].into_iter().find(|state| is_any(*state))?;
        let fit = |target: &&Arc<Target>| {
            !passed_over.contains(&target.address) && target.probe().state() == wanted
        };
        let fit: Vec<_> = group.targets.iter().filter(fit).collect();
        let target = fit.get(group.turn.checked_rem(fit.len())?).copied().map(Arc::clone)?;
        group.turn = group.turn.wrapping_add(1);
        Some(Turn::new(target))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn find(&self, address: SocketAddr) -> Option<&Arc<Target>> {
        self.targets.iter().find(|target| target.address == address && !target.probe().is_draining())
    }
}

impl Target {
    fn new(address: SocketAddr, check: HealthCheck) -> Self {
        let probe = Arc::new(Mutex::new(Probe::new()));
        let results = Arc::clone(&probe);
        let checks = tokio::spawn(async move {
            loop {
                let result = health::ask(address, &check).await;
                results.lock().unwrap_or_else(PoisonError::into_inner).take(result, &check);
                tokio::time::sleep(check.interval).await;
            }
        });
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        let kept = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_ALIVE)
            .build(connector);
        Self { address, kept, probe, in_flight: watch::Sender::new(0), checks: checks.abort_handle() }
    }

    fn probe(&self) -> MutexGuard<'_, Probe> {
        self.probe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.checks.abort();
    }
}

impl Turn {
    fn new(target: Arc<Target>) -> Self {
        target.in_flight.send_modify(|count| *count += 1);
        Self(target)
    }

    pub(super) fn target(&self) -> &Target {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|count| *count -= 1);
    }
}
