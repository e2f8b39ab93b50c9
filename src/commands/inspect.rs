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
    let (secrets, inventory) = tokio::task::spawn_blocking(move || {
        let mut scan = build::scan(&settings)?;
        let build = build::classified(&mut scan, &settings, None);
        Ok::<_, Error>((scan.secrets, build.inventory))
    })
    .await
    .expect("scanning does not panic")?;
    if args.output.json {
        terminal::json(&inspect_view::document(&inventory, &secrets));
    } else {
        terminal::data(&inspect_view::render(&inventory, &secrets));
    }
    Ok(ExitCode::Done)
}
