//! `cargo xtask plan | deploy | rollback | status | destroy`: the whole application on AWS, or on what stands in for it.
//!
//! ```text
//! arguments -> Settings -> Found -> DeployPlan (pure; shown; stop, or ask) -> steps, each of which finds out whether it is done
//!   -> Outcome -> report, exit code
//! ```

mod arguments;
mod backups;
#[cfg(test)]
mod backups_tests;
pub mod changes;
mod destroy;
#[cfg(test)]
mod destroy_tests;
mod ending;
pub mod failure;
mod forget;
mod forward;
#[cfg(test)]
mod forward_tests;
mod guard;
mod held;
mod left;
mod lineage;
mod live;
pub mod lock;
mod outcome;
mod plan;
mod process;
pub mod record;
pub mod roll_out;
mod rollback;
mod session;
pub mod settings;
mod site;
pub mod state;
#[cfg(test)]
mod state_tests;
mod status;
mod task;
mod terraform;
mod ui;
mod view;

pub use arguments::{DeployArguments, DestroyArguments, PlanArguments, RollbackArguments, StatusArguments};
pub use task::{Task, run};
