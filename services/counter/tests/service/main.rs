//! The counter as a process, against a real Redis that the tests start.
//!
//! `cargo xtask test --only services` finds Redis and runs them. What both services share is tested with the guestbook.

mod counting;
mod outage;
mod starting;
mod summing;
mod support;
