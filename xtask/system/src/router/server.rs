//! The router as a server: started with its rules, told of targets while it runs, stopped by whoever started it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::forward::{self, Entry};
use super::health::{HealthCheck, TargetHealth};
use super::rules::{Rule, RuleError, Rules};
use super::targets::{Drained, Groups};

/// How long requests under way may take once the router is stopped.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What is told of each answer.
pub type OnRequest = Arc<dyn Fn(&Entry) + Send + Sync>;

/// How a router is set up, beside its rules.
#[derive(Clone)]
pub struct Options {
    /// The port of 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// How targets are checked.
    pub check: HealthCheck,
    /// How those of some groups are checked instead, by the group's name.
    pub checks: BTreeMap<String, HealthCheck>,
    /// How long a target may take until its answer begins; 504 after that. A load balancer's idle timeout.
    pub answer_limit: Duration,
    /// How long a target that is deregistered goes on with what it was asked.
    pub drain_limit: Duration,
    /// Called for each answer, when its head is there.
    pub on_request: Option<OnRequest>,
}

impl Default for Options {
    /// A free port, and the limits of `infra/modules/services/load_balancer.tf`.
    fn default() -> Self {
        Self {
            port: 0,
            check: HealthCheck::default(),
            checks: BTreeMap::new(),
            answer_limit: Duration::from_secs(60),
            drain_limit: Duration::from_secs(30),
            on_request: None,
        }
    }
}

/// Why a router did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("the rules are not such as a load balancer takes")]
    Rules(#[from] RuleError),
    #[error("cannot listen on 127.0.0.1 port {port}")]
    Listen {
        port: u16,
        #[source]
        source: io::Error,
    },
}

/// A router that listens. Dropping it stops it at once.
#[derive(Debug)]
pub struct Router {
    shared: Arc<Shared>,
    drain_limit: Duration,
    accepting: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

/// What a request is answered by.
pub(super) struct Shared {
    pub(super) rules: Rules,
    pub(super) groups: Groups,
    pub(super) listener: SocketAddr,
    pub(super) answer_limit: Duration,
    pub(super) on_request: Option<OnRequest>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Router {
    /// Starts a router on a free port of 127.0.0.1. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the rules contradict each other, or there is no port.
    pub async fn start(rules: Vec<Rule>) -> Result<Self, StartError> {
        Self::start_with(rules, Options::default()).await
    }

    /// Starts a router. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the rules contradict each other, or the port is taken.
    pub async fn start_with(rules: Vec<Rule>, options: Options) -> Result<Self, StartError> {
        let rules = Rules::new(rules)?;
        let groups = Groups::new(rules.groups(), options.check, options.checks);
        let cannot_listen = |source| StartError::Listen { port: options.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let shared = Arc::new(Shared {
            rules,
            groups,
            listener: address,
            answer_limit: options.answer_limit,
            on_request: options.on_request,
        });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, drain_limit: options.drain_limit, accepting, stop: Some(stop) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.listener
    }

    /// Adds a target to a group and begins to check it; it gets requests once it is healthy. Does nothing for one that is
    /// there. A group that no rule names gets no requests, but health checks.
    pub fn register(&self, group: &str, address: SocketAddr) {
        self.shared.groups.register(group, address);
    }

    /// Takes a target out of a group: it gets no more requests from now on, and is gone when this returns, which is when
    /// it has answered those that it had, or after the limit that the router was started with.
    pub async fn deregister(&self, group: &str, address: SocketAddr) -> Drained {
        self.deregister_within(group, address, self.drain_limit).await
    }

    /// As [`deregister`](Self::deregister), with a limit of its own; zero for a target that is dead already.
    pub async fn deregister_within(&self, group: &str, address: SocketAddr, limit: Duration) -> Drained {
        self.shared.groups.deregister(group, address, limit).await
    }

    /// The targets of a group, in the order of their registration, those that drain among them; empty for a group that
    /// nobody named.
    pub fn health(&self, group: &str) -> Vec<TargetHealth> {
        self.shared.groups.health(group)
    }

    /// Stops listening, lets what was begun be answered for a few seconds, and cuts what is left.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself only by a panic, which the next line meets.
            let _ = stop.send(());
        }
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    // Connections live in this set, so that they end with the loop.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => converse(&mut connections, &graceful, stream, client, Arc::clone(&shared)),
                // Out of file descriptors, say: let others run, and perhaps close some.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    // What is not answered by then is cut when the set is dropped.
    let _ = tokio::time::timeout(STOP_LIMIT, graceful.shutdown()).await;
}

fn converse(
    connections: &mut tokio::task::JoinSet<()>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
) {
    // Without this a small answer may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(forward::handle(&shared, client, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    connections.spawn(async move {
        // A client that breaks off is no fault of the router.
        let _ = connection.await;
    });
}
