//! Accepts connections until the process is asked to end, and then lets every request that was begun be answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};

use crate::lifecycle::Lifecycle;
use crate::settings::Limits;

/// How long to wait when no connection can be accepted, mostly because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request that was begun was answered.
    Drained,
    /// Some were still not answered when the time was up.
    CutOff,
    /// The service itself could not go on.
    GaveUp,
}

/// Serves until a signal, or until the service gives up.
///
/// SIGTERM is how ECS ends a task: the load balancer learns of it at the same moment and goes on sending requests for a
/// while, so they are taken for [`Limits::drain_delay`]. SIGINT is a person at a terminal, who need not wait for that.
///
/// # Errors
/// When the process cannot listen for signals.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    lifecycle: &Lifecycle,
) -> std::io::Result<Ended> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let connections = GracefulShutdown::new();
    tokio::select! {
        never = accept(&listener, router, limits, &connections) => match never {},
        () = end(&mut terminate, &mut interrupt, limits, lifecycle) => {}
    }
    drop(listener);
    let count = connections.count();
    if tokio::time::timeout(limits.drain, connections.shutdown()).await.is_err() {
        warn!(connections = count, "the time to drain is up; requests are cut off");
        return Ok(Ended::CutOff);
    }
    if lifecycle.has_given_up() {
        return Ok(Ended::GaveUp);
    }
    info!("every request was answered");
    Ok(Ended::Drained)
}

/// Waits until no new request is to be taken any more.
async fn end(terminate: &mut Signal, interrupt: &mut Signal, limits: &Limits, lifecycle: &Lifecycle) {
    tokio::select! {
        _ = terminate.recv() => {
            info!(seconds = limits.drain_delay.as_secs(), "ending; new requests are still taken");
            lifecycle.drain();
            tokio::select! {
                () = tokio::time::sleep(limits.drain_delay) => {}
                _ = interrupt.recv() => {}
            }
        }
        _ = interrupt.recv() => lifecycle.drain(),
        () = lifecycle.given_up() => lifecycle.drain(),
    }
    info!("no new connections are taken");
}

async fn accept(
    listener: &TcpListener,
    router: Router,
    limits: &Limits,
    connections: &GracefulShutdown,
) -> Infallible {
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => converse(stream, slot, router.clone(), limits.keep_alive, connections),
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection beside the others; its slot is free again when it ends.
fn converse(
    stream: TcpStream,
    slot: OwnedSemaphorePermit,
    router: Router,
    keep_alive: Duration,
    connections: &GracefulShutdown,
) {
    // Answers are small: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot turn off the delay of a connection");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(keep_alive)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            debug!(%error, "a connection broke off");
        }
        drop(slot);
    });
}
