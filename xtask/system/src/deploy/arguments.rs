//! The flags of `plan`, `deploy`, `rollback`, `status` and `destroy`. Types only.

use clap::Args;

use super::plan::Scope;

/// What all five take.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The environment: a folder of infra/environments, or `emulated` for one on this machine
    #[arg(long, value_name = "NAME", default_value = "staging", env = "SITEPUSH_ENV")]
    pub env: String,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub common: Common,
    /// One part alone
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<Scope>,
}

#[derive(Clone, Debug, Args)]
pub struct DeployArguments {
    #[command(flatten)]
    pub common: Common,
    /// One part alone
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<Scope>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Accept a plan that takes a service away, or deletes or replaces what holds data
    #[arg(long)]
    pub allow_data_loss: bool,
    /// Accept a commit older than the one that runs
    #[arg(long)]
    pub allow_older_commit: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RollbackArguments {
    #[command(flatten)]
    pub common: Common,
    /// The beginning of a commit or of a release's id (default: the release before what runs)
    #[arg(value_name = "COMMIT")]
    pub to: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Debug, Args)]
pub struct StatusArguments {
    #[command(flatten)]
    pub common: Common,
}

#[derive(Clone, Debug, Args)]
pub struct DestroyArguments {
    #[command(flatten)]
    pub common: Common,
    /// Do not ask for the environment's name; give it here
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// Delete the backups of database and cache, too: nothing brings them back
    #[arg(long)]
    pub delete_backups: bool,
}
