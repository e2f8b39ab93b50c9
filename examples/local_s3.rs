//! The embedded S3 as a process of its own, in memory: what benchmarks push to.
//!
//! Prints its endpoint and goes on until it is killed. The bucket is `bench`, the credentials are those of a local target.
#![expect(clippy::print_stdout, reason = "whoever started it reads the address")]

use sitepush::local::s3::{Api, Store, StoreOptions};
use sitepush::local::target::TargetOptions;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let store = Store::memory(StoreOptions::default());
    store.create_bucket("bench");
    let credentials = TargetOptions::new("bench", "none").credentials;
    let listener = Api::new(&store, &credentials).without_records().serve(0).await?;
    println!("{}", listener.endpoint_url());
    std::future::pending().await
}
