//! The embedded target: what `preview`, the tests and the benchmarks publish to, on loopback only.

pub mod control;
pub mod edge;
