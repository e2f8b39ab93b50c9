//! Which verb runs.

use crate::cli::Command;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::local::edge::function;
use crate::settings;
use crate::ui::terminal;

/// Runs a command to its exit code.
///
/// # Errors
/// What stopped it before anything was changed; what happened later is reported by the command itself.
pub async fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Init(args) => super::init::run(&args),
        Command::Inspect(args) => super::inspect::run(&args).await,
        Command::Plan(args) => super::push::plan(&args).await,
        Command::Push(args) => super::push::push(&args).await,
        Command::Status(args) => super::status::run(&args).await,
        Command::Verify(args) => super::verify::run(&args).await,
        Command::Doctor(args) => super::doctor::run(&args).await,
        Command::Releases(args) => super::releases::run(&args).await,
        Command::Rollback(args) => super::rollback::run(&args).await,
        Command::Prune(args) => super::prune::run(&args).await,
        Command::Invalidate(args) => super::invalidate::run(&args).await,
        Command::Domain(args) => super::domain::run(&args).await,
        Command::Unlock(args) => super::unlock::run(&args).await,
        Command::Preview(args) => super::preview::run(&args).await,
        Command::IamPolicy(args) => super::iam_policy::run(&args),
        Command::EdgeFunction => {
            terminal::data(function::SOURCE);
            Ok(ExitCode::Done)
        }
        Command::Schema => {
            terminal::data(&settings::schema::json_schema());
            Ok(ExitCode::Done)
        }
    }
}
