//! Watches services of ECS get from one task definition to another, says at once what stops them, and takes them back.
//!
//! A poll reads a [`Snapshot`] of each service; a [`Judge`] looks at successive snapshots and gives a [`Verdict`], by
//! itself and without a clock of its own. The caller decides whether to go [`back`].

mod cause;
mod judge;
mod read;
mod render;
mod snapshot;
mod status;
mod watch;

pub use judge::{Advice, Failure, FailureKind, Judge, Limits, Verdict};
pub use read::Aws;
pub use render::{render_event, render_failure, render_status};
pub use snapshot::{
    Container, Deployment, DeploymentStatus, RolloutState, ServiceEvent, Snapshot, Target, TargetState, Task,
};
pub use status::{ServiceStatus, TaskStatus, status};
pub use watch::{Event, Expected, Options, Outcome, ServiceOutcome, back, watch};
