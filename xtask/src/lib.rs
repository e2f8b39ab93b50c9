//! The tasks round the product, one module each, and what they share. `main` dispatches; the companion `system`, which
//! deploys the whole application, builds on the same ground.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person who started it"
)]
#![allow(clippy::disallowed_methods, reason = "the walls are the product's; a task runner is all edges")]

pub mod bench;
pub mod browser;
pub mod cluster;
pub mod demo;
pub mod deploy;
pub mod dev;
pub mod edited;
pub mod emulators;
pub mod frontend;
pub mod guide;
pub mod http;
pub mod images;
pub mod infra;
pub mod parts;
pub mod preview;
pub mod project;
pub mod services;
pub mod system;
pub mod test;
pub mod tidy;
pub mod tools;
pub mod workflows;
