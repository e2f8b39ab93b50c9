//! Names of a site: the certificate, the records and the distribution's aliases that they want, against what is there.
//!
//! Facts and wanted names in, a plan out. Never asks anybody, and never plans a change to what somebody else made.

pub mod addresses;
mod batches;
pub mod certificate;
pub mod distribution;
pub mod dns;
pub mod event;
pub mod facts;
pub mod intent;
pub mod name;
pub mod outcome;
pub mod plan;
pub mod planning;
pub mod problem;
pub mod record;
pub mod removal;
pub mod status;
pub mod waiting;
pub mod zone;

#[cfg(test)]
mod tests;
