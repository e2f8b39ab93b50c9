//! The whole application on this machine, as it is on AWS: one command, one address.
//!
//! ```text
//! browser -> edge (sitepush preview) -+-> bucket        (embedded, filled by a real push)
//!                                     +-> /api/* -> router -> guestbook -> PostgreSQL
//!                                                         +-> counter ---> Redis
//! ```
//!
//! What there is comes from `services/*/service.json`, which Terraform reads too. Everything binds 127.0.0.1; everything that
//! is started is ended in the opposite order, and what a killed run left behind is ended by the next.

mod application;
mod build;
mod check;
mod child;
mod environment;
mod http;
mod lock;
mod log;
mod record;
mod service;
mod site;
mod store;
mod task;

pub use application::{Application, Options};
pub use check::{Check, check};
pub use environment::{Surroundings, Variables, secret_key, variables};
pub use lock::LockError;
pub use log::Shown;
pub use task::{DevArgs, run};
