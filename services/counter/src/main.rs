//! The counter service: page views in Redis, and a summary of them that is kept for a while.
//!
//! ```text
//! settings -> store (one connection, made when it is needed) -> routes
//! ```

mod connection;
mod page;
mod routes;
mod settings;
mod views;

use std::process::ExitCode;
use std::sync::Arc;

use service_common::{Frame, StartError};

use crate::connection::Redis;
use crate::routes::Counter;
use crate::settings::CounterSettings;
use crate::views::Views;

fn main() -> ExitCode {
    service_common::run("counter", CounterSettings::read, routes::api(), start)
}

async fn start(settings: CounterSettings, frame: &Frame) -> Result<Counter, StartError> {
    let redis = Redis::new(&settings.redis)?;
    let views = Views::new(redis, settings.max_pages, settings.summary_lifetime);
    Ok(Counter { views: Arc::new(views), metrics: Arc::clone(&frame.metrics) })
}
