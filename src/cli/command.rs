//! The program and its verbs.

use clap::{Parser, Subcommand};

use super::doctor::DoctorArgs;
use super::domain::DomainArgs;
use super::verbs::{
    IamPolicyArgs, InitArgs, InspectArgs, InvalidateArgs, PlanArgs, PreviewArgs, PruneArgs, PushArgs,
    ReleasesArgs, RollbackArgs, StatusArgs, UnlockArgs, VerifyArgs,
};

/// Publishes a built frontend to S3 behind CloudFront.
///
/// Exact: what is live is the build, bytes and headers. Never broken: pages go live after what they refer to, and
/// nothing is deleted that an open page may ask for. With a way back: every push is a release.
#[derive(Debug, Parser)]
#[command(name = "sitepush", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Command {
    /// Whether a program reads what is printed on stdout.
    pub fn prints_json(&self) -> bool {
        match self {
            Self::Inspect(args) => args.output.json,
            Self::Plan(args) => args.output.json,
            Self::Push(args) => args.output.json,
            Self::Status(args) => args.output.json,
            Self::Verify(args) => args.output.json,
            Self::Doctor(args) => args.output.json,
            Self::Releases(args) => args.output.json,
            Self::Rollback(args) => args.output.json,
            Self::Prune(args) => args.output.json,
            Self::Invalidate(args) => args.output.json,
            Self::Domain(args) => args.command.prints_json(),
            Self::Preview(args) => args.output.json,
            Self::Init(_) | Self::Unlock(_) | Self::IamPolicy(_) | Self::EdgeFunction | Self::Schema => false,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented sitepush.toml after looking at the build
    Init(InitArgs),
    /// Show what would be published: every file with its type, cache rule and reason
    Inspect(InspectArgs),
    /// Show what a push would change
    Plan(PlanArgs),
    /// Publish the build
    Push(PushArgs),
    /// Show what is live, what is owed, and who holds the lock
    Status(StatusArgs),
    /// Ask the live site whether it serves what was published
    Verify(VerifyArgs),
    /// Check account, bucket and distribution for what publishing needs
    Doctor(DoctorArgs),
    /// List the releases that can be made live again
    Releases(ReleasesArgs),
    /// Make an earlier release live again, without the build
    Rollback(RollbackArgs),
    /// Delete what no kept release needs any more
    Prune(PruneArgs),
    /// Drop the cached copies of paths by hand
    Invalidate(InvalidateArgs),
    /// Certificate, DNS records and aliases of the site's names
    Domain(DomainArgs),
    /// Take a lock away from a run that is known to be dead
    Unlock(UnlockArgs),
    /// Publish to an embedded S3 and CDN edge on this machine, and serve it
    Preview(PreviewArgs),
    /// Print the least IAM policy for the target
    IamPolicy(IamPolicyArgs),
    /// Print the function that a distribution runs for clean URLs and single-page applications
    EdgeFunction,
    /// Print the JSON schema of sitepush.toml
    Schema,
}
