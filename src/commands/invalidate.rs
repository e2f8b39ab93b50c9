//! `sitepush invalidate`: drops the cached copies of paths by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::InvalidateArgs;
use crate::core::invalidation::{Occasion, batches, normalize_item};
use crate::core::manifest::{DueAfter, OwedInvalidation};
use crate::core::outcome::MadeInvalidation;
use crate::core::release::ReleaseId;
use crate::edges::process;
use crate::error::Error;
use crate::execute::invalidate::{self, Completion};
use crate::execute::push::DEFAULT_COMPLETION_LIMIT;
use crate::execute::upload::Stop;
use crate::exit_code::ExitCode;
use crate::settings::TargetSettings;
use crate::ui::progress::{self, Audience};
use crate::ui::terminal;

use super::connect::{call_failed, connect_for_as_long};

#[derive(Serialize)]
struct InvalidateDocument<'a> {
    planned: &'a [OwedInvalidation],
    made: &'a [MadeInvalidation],
}

/// Invalidates the paths on every distribution of the target.
///
/// # Errors
/// When a path is not one, the target has no distribution, or CloudFront refuses.
pub async fn run(args: &InvalidateArgs) -> Result<ExitCode, Error> {
    let target = TargetSettings::resolve_without_bucket(&args.target)?;
    if target.distributions.is_empty() {
        return Err(Error::usage("the target has no distribution")
            .with_hint("pass `--distribution`, or set `distributions` of the target in sitepush.toml"));
    }
    // Each is paid for, so each is named once.
    let items: Result<BTreeSet<String>, _> = args.paths.iter().map(|path| normalize_item(path)).collect();
    let items: Vec<String> = items.map(|items| items.into_iter().collect()).map_err(|error| {
        let hint = error.hint();
        Error::usage("a path cannot be invalidated").caused_by(error).with_hint(hint)
    })?;
    let connected =
        connect_for_as_long(&target, std::time::Duration::from_secs(args.retry.retry_seconds)).await;
    // By hand means now: the reference is the moment's, so that asking twice invalidates twice.
    let now = ReleaseId::derive(connected.clock.local_now(), None);
    let nonce = process::identity().nonce;
    let occasion = Occasion { release_id: &now, base: &nonce, due_after: DueAfter::Commit };
    let planned: Vec<OwedInvalidation> =
        target.distributions.iter().flat_map(|id| batches(id, occasion, &items)).collect();
    let mut made = Vec::new();
    if !args.dry_run {
        let events = if args.output.json { Arc::new(|_| {}) } else { progress::sink(Audience::of_stderr()) };
        let completion = if args.wait.wait {
            Completion::AwaitedFor(DEFAULT_COMPLETION_LIMIT)
        } else {
            Completion::NotAwaited
        };
        // Nothing has to be given back, so Ctrl-C ends the process.
        let stop = Stop::default();
        for owed in &planned {
            let one = invalidate::pay(&connected.cloudfront, owed, completion, &events, &stop).await;
            made.push(one.map_err(|error| {
                call_failed(format!("cannot invalidate on distribution `{}`", owed.distribution_id), error)
            })?);
        }
    }
    if args.output.json {
        terminal::json(&InvalidateDocument { planned: &planned, made: &made });
    } else {
        for owed in &planned {
            terminal::data(&format!("{}: {}\n", owed.distribution_id, owed.items.join(" ")));
        }
    }
    Ok(ExitCode::Done)
}
