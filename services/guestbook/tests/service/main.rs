//! The guestbook as a process, against a real PostgreSQL that the tests start.
//!
//! `cargo xtask test --only services` finds PostgreSQL and runs them.

mod ending;
mod limits;
mod migrating;
mod moderating;
mod outage;
mod signing;
mod starting;
mod support;
