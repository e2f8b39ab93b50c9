//! Where a command works.

use std::path::PathBuf;

use clap::Args;

/// The target: from sitepush.toml, from these flags, or from both (flags win).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// The target in sitepush.toml to work on
    #[arg(long, short, value_name = "NAME", env = "SITEPUSH_TARGET")]
    pub target: Option<String>,
    /// The bucket
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// The part of the bucket that the site owns
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// A CloudFront distribution to invalidate; may be given more than once
    #[arg(long = "distribution", value_name = "ID")]
    pub distributions: Vec<String>,
    /// The ARN of the key value store that the edge function reads
    #[arg(long, value_name = "ARN")]
    pub key_value_store: Option<String>,
    /// The endpoint to ask instead of AWS
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The bucket's region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The profile of the AWS configuration to use
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// The configuration file (default: sitepush.toml here or in a parent folder)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
