//! What the two services have in common: settings, logs, metrics, health, limits, errors, and a graceful end.
//!
//! A service brings its routes ([`Api`]), its store ([`Store`]) and its settings; [`run`] does the rest:
//!
//! ```text
//! environment -> settings -> store (not waited for) -> routes in their layers -> serve -> SIGTERM -> drain -> exit code
//! ```
//!
//! Nothing here knows what a guestbook or a counter is.

mod api;
mod error;
mod extract;
mod health;
mod lifecycle;
mod log;
mod metrics;
mod observe;
mod run;
mod server;
mod settings;
mod tls;
mod unread;

pub use api::{Api, Frame};
pub use error::{ApiError, StoreError, causes};
pub use extract::{JsonBody, QueryPart};
pub use health::Store;
pub use lifecycle::Lifecycle;
pub use metrics::Metrics;
pub use run::{StartError, run};
pub use settings::{CommonSettings, Environment, Limits, SettingsError};
pub use tls::{TlsError, client_config, read_bundle};
