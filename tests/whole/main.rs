//! The site is whole at every instant: after each single mutation of a push, and after a kill at each of them.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod edition;
mod killing;
mod kills;
mod mutations;
mod records;
mod tags;
