//! An environment on this machine, for who has no account and for tests: other people's emulators of AWS, a real registry,
//! PostgreSQL and Redis, a cluster that really runs tasks, and the edge of `sitepush preview`.
//!
//! ```text
//! cargo xtask deploy --env emulated
//!   -> background process (holds all of it, until `destroy`)
//!   -> the same program again, as for AWS, with AWS_ENDPOINT_URL and its like pointing there
//! ```
//!
//! `deploy/` does not know the difference but for [`StandingIn`](crate::deploy::settings::StandingIn).

mod background;
mod cloudfront;
mod found;
mod front;
mod gaps;
mod origin;
mod programs;
mod secrets;
mod tree;

pub use background::{BackgroundArguments, run as run_background};
pub use found::ProcessMark;
pub use front::{Need, folder, run};
