//! The edge on a TCP port: HTTP/1.1, loopback only.

use std::io;
use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::service::Edge;

/// An edge that listens. Dropping it stops it, and cuts the connections it has.
#[derive(Debug)]
pub struct RunningEdge {
    /// Where it listens: the asked address, with the port that was free when port 0 was asked for.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl RunningEdge {
    /// Stops listening and cuts the connections; they are gone when this returns.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The only outcome of an aborted loop is that it was aborted.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for RunningEdge {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Edge {
    /// Listens at `address`.
    ///
    /// # Errors
    /// When `address` is not a loopback address (the edge is for this machine only) or cannot be bound.
    pub async fn serve(&self, address: SocketAddr) -> io::Result<RunningEdge> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the local edge listens on loopback only, and `{address}` is not"),
            ));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(self.clone(), listener));
        Ok(RunningEdge { address, accepting })
    }
}

async fn accept(edge: Edge, listener: TcpListener) {
    // Connections live in this set, so that they end with the loop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_connection(edge.clone(), stream))),
                // Out of file descriptors, say: let others run, and perhaps close some.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(edge: Edge, stream: TcpStream) {
    // Without this a small answer may wait for the viewer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let edge = edge.clone();
        async move { Ok::<_, std::convert::Infallible>(edge.handle(request).await) }
    });
    // A viewer that breaks off is no fault of the edge.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
