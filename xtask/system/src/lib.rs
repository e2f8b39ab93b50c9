//! The whole application: on this machine, and on AWS. One module a task, and what the tasks share.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person who started it"
)]
#![allow(clippy::disallowed_methods, reason = "the walls are the product's; a task runner is all edges")]

pub mod class;
pub mod cluster;
pub mod deploy;
pub mod dev;
pub mod emulated;
pub mod image;
pub mod process;
pub mod rollout;
pub mod router;
pub mod services;
pub mod stores;
