//! One file a verb: arguments in, exit code out. Puts the parts together and decides nothing that `core` can decide.

mod build;
mod connect;
mod doctor;
mod domain;
mod domain_file;
mod from_record;
mod iam_policy;
mod init;
mod inspect;
mod invalidate;
pub mod plan_file;
mod prepare;
mod preview;
mod prune;
mod push;
mod push_verified;
mod releases;
mod rollback;
mod run_plan;
mod status;
mod unlock;
mod verify;
mod world;

pub use dispatch::run;

mod dispatch;
mod distributions;
mod edge_settings;
