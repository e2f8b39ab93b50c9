//! `cargo xtask plan | deploy | rollback | status | destroy`: the whole application on AWS, or on what stands in for it.
//!
//! ```text
//! arguments -> Settings -> Found -> DeployPlan (pure; shown; stop, or ask) -> steps, each of which finds out whether it is done
//!   -> Outcome -> report, exit code
//! ```

pub mod changes;
pub mod failure;
pub mod held;
pub mod lock;
pub mod plan;
pub mod process;
pub mod record;
pub mod settings;
pub mod state;
pub mod terraform;

/// The environment that stands on this machine.
pub const EMULATED: &str = "emulated";
