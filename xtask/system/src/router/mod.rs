//! The load balancer's stand-in: an HTTP/1.1 reverse proxy on loopback that leads requests by rules to groups of targets.
//!
//! ```text
//! request -> rule (path, host, by priority) -> target group -> a healthy target, in turn -> its answer, as it comes
//! ```
//!
//! What it has in common with an Application Load Balancer: patterns, health checks and their reasons, draining, the headers
//! that it adds, failing open where no target is healthy, and its own answers (404 where no rule matches; 502, 503, 504). What
//! it lacks: TLS, HTTP/2, WebSockets, stickiness and weights.

mod answers;
mod forward;
mod health;
mod rules;
mod server;
mod targets;

pub use forward::Entry;
pub use health::{HealthCheck, TargetHealth, TargetState};
pub use rules::{Rule, RuleError};
pub use server::{OnRequest, Options, Router, StartError};
pub use targets::Drained;
