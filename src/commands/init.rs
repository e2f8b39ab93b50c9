//! `sitepush init`: a commented sitepush.toml, after looking at the build.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use crate::cli::{BuildArgs, InitArgs, InspectArgs, OutputArgs};
use crate::core::object_class::ObjectClass;
use crate::edges::files;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::settings::BuildSettings;
use crate::settings::config_file::FILE_NAME;
use crate::settings::init::{InitObservation, suggest};
use crate::ui::terminal;

use super::build;

/// Folders that generators write to, in the order in which they are tried.
const USUAL_FOLDERS: &[&str] = &["dist", "build", "out", "public", "_site", "site", "book", ".output/public"];

/// Writes the file.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn run(args: &InitArgs) -> Result<ExitCode, Error> {
    let path = Path::new(FILE_NAME);
    if path.exists() && !args.print && !args.force {
        return Err(Error::usage(format!("there is a `{FILE_NAME}` here already"))
            .with_hint("pass `--force` to overwrite it, or `--print` to look at what would be written"));
    }
    let text = suggest(&look(args.directory.clone())?);
    if args.print {
        terminal::data(&text);
        return Ok(ExitCode::Done);
    }
    files::write(path, &text)
        .map_err(|error| Error::usage(format!("cannot write `{FILE_NAME}`")).caused_by(error))?;
    terminal::note(&format!("wrote {FILE_NAME}: set the bucket, then run `sitepush plan`\n"));
    Ok(ExitCode::Done)
}

fn look(named: Option<PathBuf>) -> Result<InitObservation, Error> {
    let usual = || USUAL_FOLDERS.iter().map(PathBuf::from).find(|folder| folder.is_dir());
    let Some(directory) = named.or_else(usual) else { return Ok(InitObservation::default()) };
    let build_args = BuildArgs { directory: Some(directory.clone()), source_maps: false };
    let inspect = InspectArgs { build: build_args, config: None, output: OutputArgs::default() };
    let settings = BuildSettings::from_inspect_args(&inspect)?;
    let mut scan = build::scan(&settings, &AtomicU64::new(0))?;
    let has_source_maps = scan.excluded.iter().any(|file| file.reason.starts_with("source maps"));
    let has_headers_file = scan.excluded.iter().any(|file| file.path == "_headers");
    let inventory = build::classified(&mut scan, &settings, None).inventory;
    let count = |class| inventory.files.values().filter(|file| file.class == class).count();
    Ok(InitObservation {
        directory: Some(directory.to_string_lossy().replace('\\', "/")),
        file_count: inventory.files.len(),
        fingerprinted_count: count(ObjectClass::Fingerprinted),
        has_source_maps,
        has_headers_file,
        has_service_worker: count(ObjectClass::ServiceWorker) > 0,
    })
}
