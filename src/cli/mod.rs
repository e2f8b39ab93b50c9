//! The command line: clap types only.

mod command;
mod doctor;
mod domain;
mod output;
mod target;
mod verbs;

pub use command::{Cli, Command};
pub use doctor::DoctorArgs;
pub use domain::{
    DomainApplyArgs, DomainArgs, DomainCommand, DomainPlanArgs, DomainRemoveArgs, DomainStatusArgs,
    DomainTargetArgs, KeyAlgorithmArg, TimeoutArgs, WantedArgs, ZoneArgs,
};
pub use output::OutputArgs;
pub use target::TargetArgs;
pub use verbs::{
    AllowArgs, BuildArgs, IamPolicyArgs, InitArgs, InspectArgs, InvalidateArgs, LimitArgs, PlanArgs,
    PreviewArgs, PruneArgs, PushArgs, ReleasesArgs, RetryArgs, RollbackArgs, RunArgs, StatusArgs, UnlockArgs,
    UpstreamArg, VerifyArgs, WaitArgs,
};
