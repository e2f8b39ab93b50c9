//! Arguments, sitepush.toml and defaults become validated settings here; nowhere else does precedence live.

pub mod config;
pub mod config_error;
pub mod config_file;
mod doctor;
mod domain;
mod iam_policy;
pub mod init;
mod resolve;
pub mod schema;

pub use doctor::DoctorSettings;
pub use domain::{DomainSettings, DomainSource};
pub use iam_policy::IamPolicySettings;
pub use resolve::{
    BuildSettings, PlanSource, PruneSettings, PushSettings, RollbackSettings, RunSettings, TargetSettings,
    VerificationSettings, VerifySettings,
};
