//! `sitepush releases`: what can be made live again.

use crate::cli::ReleasesArgs;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::settings::TargetSettings;
use crate::ui::release_view::{self, ReleaseRow};
use crate::ui::terminal;

use super::connect::connect;
use super::run_plan::SHORT_RETRY_LIMIT;
use super::world::FirstLook;

/// Lists the releases, newest first.
///
/// # Errors
/// When the target's state cannot be read.
pub async fn run(args: &ReleasesArgs) -> Result<ExitCode, Error> {
    let target = TargetSettings::resolve(&args.target)?;
    let connected = connect(&target, SHORT_RETRY_LIMIT).await;
    let look = FirstLook::read(&connected.bucket).await?;
    let history = look.history();
    let rows: Vec<ReleaseRow<'_>> = history
        .iter()
        .enumerate()
        .map(|(index, release)| ReleaseRow { release, is_live: index == 0 })
        .collect();
    if args.output.json {
        terminal::json(&rows);
    } else if rows.is_empty() {
        terminal::note("nothing was published here yet\n");
    } else {
        terminal::data(&release_view::render_releases(&rows, terminal::width()));
    }
    Ok(ExitCode::Done)
}
