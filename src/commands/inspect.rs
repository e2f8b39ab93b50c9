//! `sitepush inspect`: what would be published.

use crate::cli::InspectArgs;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::settings::BuildSettings;
use crate::ui::{inspect_view, terminal};

use super::build;

/// Hashes and classifies the folder; asks no service.
///
/// # Errors
/// When the folder cannot be published as it is.
pub async fn run(args: &InspectArgs) -> Result<ExitCode, Error> {
    let settings = BuildSettings::from_inspect_args(args)?;
    let mut scan = build::scan_shown(settings.clone()).await.expect("scanning does not panic")?;
    let inventory = build::classified(&mut scan, &settings, None).inventory;
    let secrets = scan.secrets;
    if args.output.json {
        terminal::json(&inspect_view::document(&inventory, &secrets));
    } else {
        terminal::data(&inspect_view::render(&inventory, &secrets));
    }
    Ok(ExitCode::Done)
}
