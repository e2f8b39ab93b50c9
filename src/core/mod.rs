//! The pure part: decisions as values. No files, clock, environment, network, async or SDK types.

pub mod commit;
pub mod diff;
pub mod digest;
pub mod event;
pub mod guard;
pub mod headers;
pub mod inventory;
pub mod key;
pub mod lock;
pub mod manifest;
pub mod object_class;
pub mod outcome;
pub mod plan;
pub mod prices;
pub mod release;
pub mod secrets;
