//! The pure part: decisions as values. No files, clock, environment, network, async or SDK types.

pub mod fingerprint;
pub mod headers;
pub mod key;
