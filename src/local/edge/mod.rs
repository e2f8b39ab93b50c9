//! The embedded CDN edge: the edge function, then a cache with CloudFront's rules, then the origin.
//!
//! It decides by itself what CloudFront would do and shares no logic with the code it is used to check.

pub mod cache;

pub mod compress;
pub mod function;
pub mod http_date;
pub mod invalidation;
pub mod options;
pub mod origin;
pub mod proxy;
pub mod render;
pub mod server;
pub mod service;
pub mod store;
pub mod ttl;

pub use crate::local::clock::{Clock, ManualClock};
pub use options::{CachePolicy, EdgeLogEntry, EdgeOptions, ErrorPage, OnRequest, Outcome, UpstreamRoute};
pub use origin::{Origin, OriginObject};
pub use server::RunningEdge;
pub use service::Edge;
pub use store::KeyValueStore;
