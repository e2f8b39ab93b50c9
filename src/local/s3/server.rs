//! Listeners on loopback: for one store alone, or for a service that puts other APIs on the same port.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::service::service;
use super::store::Store;
use crate::local::faults::ConnectionReset;

/// How long to wait when a connection cannot be accepted: most often there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A server at work; it stops, and closes its connections, when this is dropped.
#[derive(Debug)]
pub struct Running {
    pub address: SocketAddr,
    task: JoinHandle<()>,
    /// The task has one hold on it, and each open connection another.
    connections: Weak<()>,
}

/// Serves `store` on `port` of 127.0.0.1, or on a free port for 0. Must be called in a Tokio runtime.
///
/// # Errors
/// When the port cannot be listened on.
pub async fn serve(store: &Store, port: u16) -> io::Result<Running> {
    listen(service(store), port).await
}

/// Serves any service as [`serve`] does; an error of the service closes the connection unanswered.
///
/// # Errors
/// When the port cannot be listened on.
pub async fn listen<S, B>(service: S, port: u16) -> io::Result<Running>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let open = Arc::new(());
    let counted = Arc::downgrade(&open);
    // Accepts until it is aborted; its connections end with it.
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (service, open) = (service.clone(), Arc::clone(&open));
                        connections.spawn(async move {
                            serve_connection(stream, service).await;
                            drop(open);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok(Running { address, task, connections: counted })
}

async fn serve_connection<S, B>(stream: TcpStream, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Without it, small answers wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away, or a connection that the fault script closes, is no concern of the server.
    let Err(error) = (&mut connection).await else { return };
    if error.source().is_some_and(<dyn Error>::is::<ConnectionReset>) {
        // A socket that does not linger is closed with a reset.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

impl Running {
    /// The endpoint to give to a client.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections are open. A client that died has none left when all that it asked for was dealt with.
    pub fn open_connections(&self) -> usize {
        self.connections.strong_count().saturating_sub(1)
    }

    /// Stops the server and waits until its port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // The task's own end, aborted or not, is all that matters.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
