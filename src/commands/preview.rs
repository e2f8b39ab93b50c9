//! `sitepush preview`: the build published to an embedded S3 and CDN edge by the same push as in production.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::{PreviewArgs, UpstreamArg};
use crate::core::guard::Refusal;
use crate::core::key::KeyPrefix;
use crate::edges::folder_watch::{FolderState, FolderWatch, WatchError};
use crate::error::{Class, Error};
use crate::exit_code::ExitCode;
use crate::local::control::ControlPlane;
use crate::local::edge::{EdgeLogEntry, EdgeOptions, UpstreamRoute};
use crate::local::s3::{RequestLogging, Store, StoreOptions};
use crate::local::target::{Target, TargetOptions, store_options};
use crate::settings::{PushSettings, TargetSettings};
use crate::ui::{human, outcome_view, plan_view, terminal};

use super::connect::connect;
use super::prepare::Scanning;
use super::{prepare, push, run_plan};

const BUCKET: &str = "preview";
const DISTRIBUTION_ID: &str = "EPREVIEW";

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
    let route = |upstream: &UpstreamArg| UpstreamRoute {
        pattern: upstream.pattern.clone(),
        address: upstream.address,
    };
    options.edge = EdgeOptions {
        upstreams: args.upstream.iter().map(route).collect(),
        on_request: Some(Arc::new(show_request)),
        ..EdgeOptions::default()
    };
    let target = Target::start(&store, options).await.map_err(|error| {
        Error::new(Class::Usage, "cannot start the preview")
            .with_hint("choose another port with `--port`; 0 takes a free one")
            .caused_by(error)
    })?;
    let settings = PushSettings::from_preview_args(args, target_settings(&target))?;
    // Before the folder is read: what changes from then on is seen.
    let watch = args.watch.then(|| FolderWatch::begin(&settings.build.directory)).transpose();
    let watch = watch.map_err(|error| cannot_watch(&settings, error))?;
    if publish(&settings).await? == Publication::NothingThere {
        return Err(Refusal::Empty.into());
    }
    announce(&target, args.output.json);
    match watch {
        Some(watch) => serve_and_watch(&settings, watch).await?,
        None => run_plan::wait_for_interrupt().await,
    }
    Ok(ExitCode::Done)
}

fn cannot_watch(settings: &PushSettings, error: WatchError) -> Error {
    let folder = settings.build.directory.display();
    Error::new(Class::Usage, format!("cannot watch `{folder}`")).caused_by(error)
}

fn target_settings(target: &Target) -> TargetSettings {
    TargetSettings {
        bucket: target.bucket.clone(),
        prefix: KeyPrefix::default(),
        distributions: vec![target.distribution_id.clone()],
        key_value_store: Some(ControlPlane::store_arn(&target.distribution_id)),
        site_url: None,
        endpoint_url: Some(target.endpoint_url()),
        region: Some(target.region().to_owned()),
        profile: None,
        static_keys: Some((
            target.credentials().access_key_id.clone(),
            target.credentials().secret_access_key.clone(),
        )),
    }
}

/// What came of an attempt to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publication {
    Done,
    /// The folder holds no file: what was published stays.
    NothingThere,
}

/// One push, the edge function's settings among it.
async fn publish(settings: &PushSettings) -> Result<Publication, Error> {
    let scanning = Scanning::begin(settings);
    let connected = connect(&settings.target, settings.run.retry_limit).await;
    let prepared = prepare::push(settings, &connected, scanning, None).await?;
    if prepared.is_build_missing() {
        return Ok(Publication::NothingThere);
    }
    terminal::note(&plan_view::render(&prepared.planned.plan));
    prepared.check(settings)?;
    let plan = &prepared.planned.plan;
    if plan.is_empty() {
        return Ok(Publication::Done);
    }
    let outcome = run_plan::execute_unattended(push::work(&prepared), connected, &settings.run).await?;
    terminal::note(&outcome_view::render(&outcome));
    Ok(Publication::Done)
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

/// Publishes after each change of the folder. A build that cannot be published is told, and waited for; so is one that
/// is not there, as while a build makes its folder anew.
async fn serve_and_watch(settings: &PushSettings, mut watch: FolderWatch) -> Result<(), Error> {
    let folder: &Path = &settings.build.directory;
    terminal::note(&format!("watching {}\n", folder.display()));
    // One for all rounds: what is pressed while a build is published counts too.
    let mut interrupt = pin!(run_plan::wait_for_interrupt());
    let mut is_waiting = false;
    loop {
        let state = tokio::select! {
            () = &mut interrupt => return Ok(()),
            state = watch.changed() => state.map_err(|error| cannot_watch(settings, error))?,
        };
        let what = match state {
            FolderState::Absent => "is gone",
            FolderState::Present => match publish(settings).await {
                Ok(Publication::NothingThere) => "is empty",
                Ok(Publication::Done) => {
                    is_waiting = false;
                    continue;
                }
                // It went while it was read, which the watch says too.
                Err(_) if !folder.is_dir() => continue,
                Err(error) => {
                    terminal::note(&error.render());
                    continue;
                }
            },
        };
        if !is_waiting {
            terminal::note(&format!(
                "{} {what}: the last build stays until there is another\n",
                folder.display()
            ));
        }
        is_waiting = true;
    }
}

/// A line for each request: what a developer wants to know of the CDN.
fn show_request(entry: &EdgeLogEntry) {
    let size = entry.body_size_bytes.map(human::bytes).unwrap_or_default();
    let line =
        format!("{:4} {} {:>7}  {:?}  {}\n", entry.method, entry.status, size, entry.outcome, entry.uri);
    terminal::note(&line);
}
