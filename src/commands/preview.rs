//! stub
use crate::cli::PreviewArgs;
use crate::error::Error;
use crate::exit_code::ExitCode;
pub async fn run(_args: &PreviewArgs) -> Result<ExitCode, Error> {
    Ok(ExitCode::Done)
}
