//! `sitepush` publishes a built frontend to S3 behind CloudFront.
//!
//! ```text
//! args + sitepush.toml + environment -> settings
//!   -> LocalInventory (walk, hash, classify)   |  RemoteState (one manifest GET; LIST only to adopt or verify)
//!   -> diff -> Plan (ordered phases, invalidation, reasons, cost) -> guards
//!   -> show / save / stop   or   execute -> Outcome -> report, exit code
//! ```
//!
//! `core` decides and is pure; `edges` touch the outside; `execute` carries out plans; `local` is the embedded S3 and
//! CDN edge; `ui` shows; `settings` know who wins; `commands` put it all together.

#![warn(clippy::disallowed_methods)]

pub mod cli;
pub mod commands;
pub mod core;
pub mod edges;
pub mod error;
pub mod execute;
pub mod exit_code;
pub mod local;
pub mod settings;
pub mod ui;
