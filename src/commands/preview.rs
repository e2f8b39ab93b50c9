//! `sitepush preview`: the build published to an embedded S3 and CDN edge by the same push as in production.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::RecursiveMode;
use notify_debouncer_full::{DebounceEventResult, DebouncedEvent, new_debouncer};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::cli::PreviewArgs;
use crate::core::key::KeyPrefix;
use crate::error::{Class, Error};
use crate::exit_code::ExitCode;
use crate::local::control::ControlPlane;
use crate::local::edge::{EdgeLogEntry, EdgeOptions};
use crate::local::s3::{RequestLogging, Store, StoreOptions};
use crate::local::target::{Target, TargetOptions, store_options};
use crate::settings::{PushSettings, TargetSettings};
use crate::ui::{human, outcome_view, plan_view, terminal};

use super::connect::connect;
use super::prepare::Scanning;
use super::{prepare, push, run_plan};

const BUCKET: &str = "preview";
const DISTRIBUTION_ID: &str = "EPREVIEW";

/// Changes of the build are waited for this long to settle: a bundler writes many files.
const SETTLE: Duration = Duration::from_millis(300);

/// Where the preview is, for programs.
#[derive(Serialize)]
struct PreviewDocument<'a> {
    site_url: &'a str,
    endpoint_url: &'a str,
    bucket: &'a str,
    distribution_id: &'a str,
    region: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
}

/// Publishes, serves, and publishes again when asked to watch; ends on Ctrl-C.
///
/// # Errors
/// When the folder cannot be published or the port is taken.
pub async fn run(args: &PreviewArgs) -> Result<ExitCode, Error> {
    // Nobody reads the record, and a preview may run for days.
    let store_options = StoreOptions { request_log: RequestLogging::Off, ..store_options() };
    let store = match &args.data {
        None => Store::memory(store_options),
        Some(folder) => Store::folder(folder, store_options)
            .map_err(|error| Error::usage(error.to_string()).caused_by(error))?,
    };
    let mut options = TargetOptions::new(BUCKET, DISTRIBUTION_ID);
    options.site_port = args.port;
    options.edge = EdgeOptions { on_request: Some(Arc::new(show_request)), ..EdgeOptions::default() };
    let target = Target::start(&store, options).await.map_err(|error| {
        Error::new(Class::Usage, "cannot start the preview")
            .with_hint("choose another port with `--port`; 0 takes a free one")
            .caused_by(error)
    })?;
    let settings = PushSettings::from_preview_args(args, target_settings(&target))?;
    publish(&settings).await?;
    announce(&target, args.output.json);
    if args.watch {
        serve_and_watch(&settings).await?;
    } else {
        run_plan::wait_for_interrupt().await;
    }
    Ok(ExitCode::Done)
}

fn target_settings(target: &Target) -> TargetSettings {
    TargetSettings {
        bucket: target.bucket.clone(),
        prefix: KeyPrefix::default(),
        distributions: vec![target.distribution_id.clone()],
        key_value_store: Some(ControlPlane::store_arn(&target.distribution_id)),
        endpoint_url: Some(target.endpoint_url()),
        region: Some(target.region().to_owned()),
        profile: None,
        static_keys: Some((
            target.credentials().access_key_id.clone(),
            target.credentials().secret_access_key.clone(),
        )),
    }
}

/// One push, the edge function's settings among it.
async fn publish(settings: &PushSettings) -> Result<(), Error> {
    let scanning = Scanning::begin(settings);
    let connected = connect(&settings.target, settings.run.retry_limit).await;
    let prepared = prepare::push(settings, &connected, scanning, None).await?;
    terminal::note(&plan_view::render(&prepared.planned.plan));
    prepared.check(settings)?;
    let plan = &prepared.planned.plan;
    if plan.is_empty() && prepared.took_over.is_none() {
        return Ok(());
    }
    let desired = prepared.build.inventory.desired();
    let outcome =
        run_plan::execute_unattended(push::work(&prepared, &desired), connected, &settings.run).await?;
    terminal::note(&outcome_view::render(&outcome));
    Ok(())
}

fn announce(target: &Target, is_json: bool) {
    let (site_url, endpoint_url) = (target.site_url(), target.endpoint_url());
    if is_json {
        let document = PreviewDocument {
            site_url: &site_url,
            endpoint_url: &endpoint_url,
            bucket: &target.bucket,
            distribution_id: &target.distribution_id,
            region: target.region(),
            access_key_id: &target.credentials().access_key_id,
            secret_access_key: &target.credentials().secret_access_key,
        };
        terminal::json_line(&document);
    }
    terminal::note(&format!("\nserving {site_url} as the CDN would; Ctrl-C ends it\n"));
}

/// What was seen of the build's folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Changed,
    /// The folder itself came or went. What watches it went with it.
    Replaced,
}

/// Publishes after each change of the folder. A build that cannot be published is told, and waited for.
///
/// The folder above is watched, too: many builds begin by removing theirs.
async fn serve_and_watch(settings: &PushSettings) -> Result<(), Error> {
    let (sender, mut changes) = mpsc::unbounded_channel();
    let directory =
        std::path::absolute(&settings.build.directory).unwrap_or_else(|_| settings.build.directory.clone());
    let failed = |error: notify_debouncer_full::notify::Error| {
        Error::new(Class::Usage, format!("cannot watch `{}`", settings.build.directory.display()))
            .caused_by(error)
    };
    let watched = directory.clone();
    let mut watcher = new_debouncer(SETTLE, None, move |result: DebounceEventResult| {
        if let Some(seen) = result.ok().and_then(|events| seen_of(&watched, &events)) {
            let _ = sender.send(seen);
        }
    })
    .map_err(failed)?;
    watcher.watch(&directory, RecursiveMode::Recursive).map_err(failed)?;
    if let Some(above) = directory.parent() {
        watcher.watch(above, RecursiveMode::NonRecursive).map_err(failed)?;
    }
    terminal::note(&format!("watching {}\n", settings.build.directory.display()));
    // One question for all rounds: a Ctrl-C that comes while a build is published is heard after it.
    let interrupted = run_plan::wait_for_interrupt();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            Some(mut seen) = changes.recv() => {
                while let Ok(more) = changes.try_recv() {
                    seen = if more == Seen::Replaced { more } else { seen };
                }
                if seen == Seen::Replaced {
                    // One that is gone cannot be watched; it is seen from above when it comes back.
                    let _ = watcher.unwatch(&directory);
                    let _ = watcher.watch(&directory, RecursiveMode::Recursive);
                }
                if let Err(error) = publish(settings).await {
                    terminal::note(&error.render());
                }
            }
        }
    }
}

/// What the events say of the folder; none when they are of its neighbors or only of reading.
fn seen_of(directory: &Path, events: &[DebouncedEvent]) -> Option<Seen> {
    let changes = events.iter().filter(|event| !event.kind.is_access());
    let paths = changes.flat_map(|event| &event.paths);
    let ours: Vec<_> = paths.filter(|path| path.starts_with(directory)).collect();
    if ours.iter().any(|path| path.as_path() == directory) {
        return Some(Seen::Replaced);
    }
    (!ours.is_empty()).then_some(Seen::Changed)
}

/// A line for each request: what a developer wants to know of the CDN.
fn show_request(entry: &EdgeLogEntry) {
    let size = entry.body_size_bytes.map(human::bytes).unwrap_or_default();
    let line =
        format!("{:4} {} {:>7}  {:?}  {}\n", entry.method, entry.status, size, entry.outcome, entry.uri);
    terminal::note(&line);
}
