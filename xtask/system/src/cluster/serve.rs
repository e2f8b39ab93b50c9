//! The cluster as a server: started with its options, stopped by whoever started it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::api;
use super::engine::Engine;
use super::image::ImageSource;
use super::load_balancer::LoadBalancer;
use super::state::Fault;

/// Gives the value of a secret by what `valueFrom` of a task definition says: an ARN, or `ARN:key::` for a key of a JSON
/// secret. An error is one sentence.
pub type SecretSource = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Changes the environment of a service's tasks: what AWS's names mean on this machine.
pub type EnvironmentRule = Arc<dyn Fn(&str, &mut BTreeMap<String, String>) + Send + Sync>;

/// How a cluster is set up.
#[derive(Clone)]
pub struct Options {
    /// The port of 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Keeps the state and the tasks' logs. One cluster a folder.
    pub folder: PathBuf,
    /// Of the ARNs.
    pub account_id: String,
    pub region: String,
    pub images: Arc<dyn ImageSource>,
    pub load_balancer: Arc<dyn LoadBalancer>,
    pub secrets: SecretSource,
    pub environment: EnvironmentRule,
    pub timing: Timing,
}

/// How fast the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two looks at each service.
    pub tick: Duration,
    /// From a task that failed to the next; doubled after each, up to sixteen times as long.
    pub restart_delay: Duration,
    /// From SIGTERM to SIGKILL at most, whatever the task definition has.
    pub stop_limit: Duration,
    /// How long a stopped task is still described. ECS: about an hour.
    pub keep_stopped: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(250),
            restart_delay: Duration::from_secs(1),
            stop_limit: Duration::from_secs(60),
            keep_stopped: Duration::from_secs(3600),
        }
    }
}

/// A cluster that runs. Dropping it ends its tasks at once; [`Running::stop`] lets them end.
pub struct Running {
    address: SocketAddr,
    engine: Arc<Engine>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    ticking: JoinHandle<()>,
}

/// Starts a cluster with the state that its folder has. Tasks of an earlier one that was killed are ended, and started anew.
/// Needs a Tokio runtime.
///
/// # Errors
/// When the folder cannot be read or written, or the port is taken.
pub async fn serve(options: Options) -> Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1 port {}", options.port))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let engine = Arc::new(Engine::load(options)?);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(api::serve(listener, Arc::clone(&engine), stop.clone()));
    let ticking = tokio::spawn(Engine::run(Arc::clone(&engine), stop.clone()));
    Ok(Running { address, engine, stop, serving, ticking })
}

impl Running {
    /// Where all three APIs are: for `AWS_ENDPOINT_URL_ECS`, `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and
    /// `AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2`. The last two know only what a watcher asks.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes something go wrong with a service from now on, or no more.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn inject(&self, service: &str, fault: Option<Fault>) -> Result<()> {
        if !self.engine.inject(service, fault) {
            bail!("the cluster has no service `{service}`");
        }
        Ok(())
    }

    /// Ends every task as ECS would, then the APIs. The state stays in the folder.
    pub async fn stop(mut self) {
        self.engine.stop_tasks().await;
        self.stop.cancel();
        let _ = (&mut self.ticking).await;
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ticking.abort();
        self.serving.abort();
        self.engine.abort_tasks();
    }
}
