//! Carries out what is to be done about names: one step, then a new look, until nothing is left.
//!
//! Nothing is remembered between steps but what was just requested: a run that dies is finished by the next one, because
//! both see what is there. Each change says what it was planned on and fails when that is not so any more.

mod observe;
mod steps;
mod watch;

pub use observe::{DomainEdges, Trouble, ZoneAccount, look_for_renewal, observe, watch_now};
pub use steps::{Tools, carry_out};
