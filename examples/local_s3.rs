//! The embedded S3 as a process of its own, in memory: what benchmarks push to.
//!
//! Prints its endpoint and goes on until it is killed. The bucket is `bench`, the credentials are those of a local target.
#![expect(clippy::print_stdout, reason = "whoever started it reads the address")]

use sitepush::local::s3::{RequestLogging, Store, StoreOptions, serve};
use sitepush::local::target::store_options;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let store = Store::memory(StoreOptions { request_log: RequestLogging::Off, ..store_options() });
    store.create_bucket("bench");
    let listener = serve(&store, 0).await?;
    println!("{}", listener.endpoint_url());
    std::future::pending().await
}
