//! The embedded target: what `preview`, the tests and the benchmarks publish to, on loopback only.

pub mod clock;
pub mod control;
pub mod edge;
pub mod faults;
mod front;
pub mod s3;
pub mod target;
