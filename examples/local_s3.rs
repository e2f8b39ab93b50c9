//! The embedded S3 as a process of its own, in memory: what benchmarks push to.
//!
//! Prints its endpoint. For each line that it reads it prints how many requests came in since the last one; it ends when
//! its input does. The bucket is `bench`, the credentials are those of a local target.
#![expect(clippy::print_stdout, reason = "whoever started it reads the address and the counts")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use sitepush::local::s3::{RequestLogging, S3Service, Store, StoreOptions, listen, service};
use sitepush::local::target::store_options;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let store = Store::memory(StoreOptions { request_log: RequestLogging::Off, ..store_options() });
    store.create_bucket("bench");
    let counted = Counted { service: service(&store), count: Arc::default() };
    let count = Arc::clone(&counted.count);
    let listener = listen(counted, 0).await?;
    println!("{}", listener.endpoint_url());
    let answering = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lines() {
            line?;
            println!("{}", count.swap(0, Ordering::Relaxed));
        }
        Ok(())
    });
    answering.await.expect("answering does not panic")
}

/// Counts requests before they are answered. One addition each: the record that tests read would cost far more.
#[derive(Clone)]
struct Counted {
    service: S3Service,
    count: Arc<AtomicU64>,
}

impl Service<Request<Incoming>> for Counted {
    type Response = <S3Service as Service<Request<Incoming>>>::Response;
    type Error = <S3Service as Service<Request<Incoming>>>::Error;
    type Future = <S3Service as Service<Request<Incoming>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.service.call(request)
    }
}
