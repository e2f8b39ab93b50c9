//! What the tests of the services share: the stores as real servers, the services as processes, HTTP, certificates, and
//! the OpenAPI documents that every answer is held against.
//!
//! Everything binds 127.0.0.1, keeps its files in a temporary folder, and is ended by whoever started it, by process id. The
//! stores can also be opened in a folder that stays, as those who run the whole application on one machine do.

mod certificates;
mod files;
mod http;
mod openapi;
mod postgres;
mod process;
mod redis;
mod service;
mod store;

pub use certificates::Certificates;
pub use http::{Answer, Http};
pub use openapi::documented_routes;
pub use postgres::Postgres;
pub use process::{free_port, wait_until};
pub use redis::Redis;
pub use service::{Service, Stopped};
pub use store::{Durability, Group, StoreError, StoreSettings};
