//! `sitepush verify` and `push --verify` against right and wrong sites.
//!
//! The right one is the embedded edge with a build that was pushed there; each wrong one is the same with one thing wrong.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod distributions;
mod published;
mod push;
mod right_sites;
mod site;
mod tls;
