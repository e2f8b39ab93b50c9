//! The arguments of each command.
//!
//! A command's own flags stand before the groups that it shares with others: a group's heading holds for all that
//! follows it.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;

use super::output::OutputArgs;
use super::target::TargetArgs;

/// The build, where a command reads one.
#[derive(Clone, Debug, Default, Args)]
pub struct BuildArgs {
    /// The folder of the build (default: `site.directory` of sitepush.toml)
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Publish source maps too
    #[arg(long)]
    pub source_maps: bool,
}

/// How a run goes about its work.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Requests in flight at most
    #[arg(long, value_name = "COUNT")]
    pub concurrency: Option<NonZeroUsize>,
    #[command(flatten)]
    pub limit: LimitArgs,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub retry: RetryArgs,
}

/// What a run may delete.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub struct LimitArgs {
    /// Refuse to delete more objects than this in one run
    #[arg(long, value_name = "COUNT")]
    pub max_deletes: Option<u64>,
}

/// Whether to see an invalidation through.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub struct WaitArgs {
    /// Wait until CloudFront says that the invalidation is completed
    #[arg(long)]
    pub wait: bool,
}

/// How long to insist.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub struct RetryArgs {
    /// Keep sending throttled or unanswered requests again for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub retry_seconds: u64,
}

/// What a push may do that it refuses otherwise.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Permissions")]
pub struct AllowArgs {
    /// Accept a build that lacks much of what is live
    #[arg(long)]
    pub allow_shrink: bool,
    /// Accept a build from a commit older than the live one
    #[arg(long)]
    pub allow_older_commit: bool,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder of the build (default: the first of dist, build, out, public, _site, site, book, .output/public that exists)
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Print the file instead of writing it
    #[arg(long)]
    pub print: bool,
    /// Overwrite a sitepush.toml that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// The configuration file (default: sitepush.toml here or in a parent folder)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// Save the plan, for `push --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Say in the release what it is about
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Compare the bucket itself, not only the record of what was published
    #[arg(long)]
    pub verify_remote: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub limit: LimitArgs,
    #[command(flatten)]
    pub retry: RetryArgs,
    #[command(flatten)]
    pub allow: AllowArgs,
}

#[derive(Debug, Args)]
pub struct PushArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// Apply exactly the plan in this file, or refuse because the world has moved
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "directory", "source_maps", "message", "dry_run", "verify_remote", "bucket", "prefix", "distributions",
        "key_value_store", "endpoint_url", "region", "profile", "config",
    ])]
    pub plan: Option<PathBuf>,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Say in the release what it is about (default: the commit's first line)
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    /// Compare the bucket itself with the record of what was published, and repair what differs
    #[arg(long)]
    pub verify_remote: bool,
    /// Ask the live site afterwards whether it serves the release, for this long (60 if no number is given)
    #[arg(
        long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "60",
        conflicts_with = "dry_run"
    )]
    pub verify: Option<u64>,
    /// Make the release before live again if pages are still wrong then
    #[arg(long, requires = "verify")]
    pub rollback_on_failure: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub allow: AllowArgs,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// List the bucket and name every object that differs from the record
    #[arg(long)]
    pub verify_remote: bool,
    /// Add up the invalidation paths of this month, by asking CloudFront for each invalidation
    #[arg(long)]
    pub invalidation_cost: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
}

#[derive(Debug, Args)]
#[command(mut_arg("distributions", |argument| {
    argument.help("A CloudFront distribution of the target, of which each is asked; may be given more than once")
}))]
pub struct VerifyArgs {
    /// Where the site is (default: the target's `url` and its distributions' own addresses)
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// The release that it ought to serve (default: the live one); its beginning or its commit is enough
    #[arg(long, value_name = "ID")]
    pub release: Option<String>,
    /// Ask for this many pages and files, those that changed before others
    #[arg(long, value_name = "COUNT", default_value = "64", conflicts_with = "all")]
    pub sample: NonZeroUsize,
    /// Ask for every page and file
    #[arg(long)]
    pub all: bool,
    /// Wait for no answer longer than this
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub timeout: NonZeroU64,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
}

#[derive(Debug, Args)]
pub struct ReleasesArgs {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The release (default: the one before the live one); its beginning or its commit is enough
    #[arg(value_name = "ID")]
    pub release: Option<String>,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Say why
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Keep what one of this many newest releases refers to
    #[arg(long, value_name = "COUNT")]
    pub keep: Option<usize>,
    /// Keep what left the build less than this many days ago
    #[arg(long, value_name = "DAYS")]
    pub days: Option<u32>,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// List objects in the target that sitepush did not publish, and ask whether to delete them
    #[arg(long)]
    pub prune_unknown: bool,
    /// Do not ask
    #[arg(long, requires = "prune_unknown")]
    pub yes: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct InvalidateArgs {
    /// Paths as viewers ask for them; `*` as the last character stands for anything, `#tag` is a cache tag
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// Show what would be sent and stop
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub retry: RetryArgs,
}

#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Take the lock away although its lease has not run out
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub target: TargetArgs,
}

#[derive(Debug, Args)]
pub struct IamPolicyArgs {
    /// The commands that the identity is to run, with all their flags; commas between them
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',', default_value = "push")]
    pub commands: Vec<String>,
    /// A name that `domain` is to work on (default: the target's `domains`); may be given more than once
    #[arg(long = "domain", value_name = "NAME")]
    pub domains: Vec<String>,
    /// A hosted zone that the names are in (default: any); may be given more than once
    #[arg(long = "hosted-zone", value_name = "ID")]
    pub hosted_zones: Vec<String>,
    /// The account of distributions, twelve digits (default: the one in the key value store's ARN, else any)
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The ARN of the KMS key that the bucket is encrypted with, if it is one of your own
    #[arg(long, value_name = "ARN")]
    pub kms_key: Option<String>,
    #[command(flatten)]
    pub target: TargetArgs,
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// The port of the site; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 4173)]
    pub port: u16,
    /// Publish again whenever the build changes
    #[arg(long)]
    pub watch: bool,
    /// Keep the bucket in this folder (default: in memory)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Lead requests for these paths to another server on this machine, such as `/api/*=127.0.0.1:8080`; repeatable
    #[arg(long, value_name = "PATTERN=ADDRESS", value_parser = upstream)]
    pub upstream: Vec<UpstreamArg>,
    /// The configuration file (default: sitepush.toml here or in a parent folder)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where a preview leads requests that are not for the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamArg {
    /// Of the path, as in a cache behavior.
    pub pattern: String,
    pub address: SocketAddr,
}

fn upstream(text: &str) -> Result<UpstreamArg, &'static str> {
    let (pattern, address) = text.split_once('=').ok_or("a pattern, `=` and an address are wanted")?;
    if !pattern.starts_with('/') {
        return Err("the pattern starts with no `/`");
    }
    let address = address.parse().map_err(|_| "the address is not of the form 127.0.0.1:8080")?;
    Ok(UpstreamArg { pattern: pattern.to_owned(), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_pattern_and_an_address() {
        let parsed = upstream("/api/*=127.0.0.1:8080").expect("it is one");
        assert_eq!((parsed.pattern.as_str(), parsed.address.port()), ("/api/*", 8080));
        for bad in
            ["/api/*", "api=127.0.0.1:1", "/api/*=localhost:1", "/api/*=http://127.0.0.1:1", "=127.0.0.1:1"]
        {
            assert!(upstream(bad).is_err(), "{bad}");
        }
    }
}
