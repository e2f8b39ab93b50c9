//! The arguments of `sitepush domain` and its four verbs.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::output::OutputArgs;

#[derive(Debug, Args)]
pub struct DomainArgs {
    #[command(subcommand)]
    pub command: DomainCommand,
}

/// What to do about the names.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Show what is missing until the site answers by its names
    Plan(DomainPlanArgs),
    /// Get a certificate, give the distribution its aliases, and lead visitors to it
    Apply(DomainApplyArgs),
    /// Show how each name stands, and what is wrong
    Status(DomainStatusArgs),
    /// Take names off the distribution again: what sitepush made, and nothing else
    Remove(DomainRemoveArgs),
}

impl DomainCommand {
    /// Whether a program reads what is printed on stdout.
    pub fn prints_json(&self) -> bool {
        match self {
            Self::Plan(args) => args.output.json,
            Self::Apply(args) => args.output.json,
            Self::Status(args) => args.output.json,
            Self::Remove(args) => args.output.json,
        }
    }
}

/// The kind of a new certificate's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithmArg {
    /// RSA of 2048 bits: every client
    #[default]
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// ECDSA with P-256: smaller and faster, every client of the last ten years
    #[value(name = "ec-p256")]
    EcP256,
}

/// Where names and zones are looked for.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Names")]
pub struct ZoneArgs {
    /// A profile whose account has hosted zones, besides the target's own; may be given more than once
    #[arg(long = "zone-profile", value_name = "PROFILE")]
    pub zone_profiles: Vec<String>,
    /// Ask this resolver instead of 1.1.1.1:53; the zones' own name servers are asked at its port
    #[arg(long, value_name = "IP:PORT", value_parser = resolver)]
    pub resolver: Option<SocketAddr>,
}

/// Where a resolver listens: at DNS's own port unless another one is named.
pub(super) fn resolver(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    address.or_else(|_| text.parse()).map_err(|_| "a resolver is like `1.1.1.1` or `1.1.1.1:53`".to_owned())
}

/// Source: RFC 1035, section 4.2.
const DNS_PORT: u16 = 53;

/// The distribution, and how to reach it. No bucket is touched.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct DomainTargetArgs {
    /// The target in sitepush.toml to work on
    #[arg(long, short, value_name = "NAME", env = "SITEPUSH_TARGET")]
    pub target: Option<String>,
    /// The CloudFront distribution (default: the target's, if it has one only)
    #[arg(long, value_name = "ID")]
    pub distribution: Option<String>,
    /// The endpoint to ask instead of AWS
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The region to look for a misplaced certificate in; CloudFront's are in us-east-1
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The profile of the AWS configuration to use
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// The configuration file (default: sitepush.toml here or in a parent folder)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The names that are wanted, and how.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Names")]
pub struct WantedArgs {
    /// A name of the site (default: the target's `domains`); may be given more than once
    #[arg(long = "domain", value_name = "NAME")]
    pub domains: Vec<String>,
    /// The kind of key, if a certificate has to be requested
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub key_algorithm: KeyAlgorithmArg,
    /// Replace records of these names that sitepush did not make, and keep them as its own
    #[arg(long)]
    pub take_over: bool,
    /// Set up names whose zone is not here, too; the records to write by hand are shown
    #[arg(long)]
    pub external_dns: bool,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct TimeoutArgs {
    /// End all waiting after this long; the next run goes on
    #[arg(long, value_name = "SECONDS", default_value = "1800")]
    pub timeout: NonZeroU64,
}

#[derive(Debug, Args)]
pub struct DomainPlanArgs {
    /// Save the plan, for `domain apply --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub wanted: WantedArgs,
    #[command(flatten)]
    pub zones: ZoneArgs,
    #[command(flatten)]
    pub target: DomainTargetArgs,
}

#[derive(Debug, Args)]
pub struct DomainApplyArgs {
    /// Carry out exactly the plan in this file, or refuse because the world has moved
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "domains", "key_algorithm", "take_over", "external_dns", "zone_profiles", "resolver",
        "distribution", "endpoint_url", "region", "profile", "config",
    ])]
    pub plan: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub wanted: WantedArgs,
    #[command(flatten)]
    pub zones: ZoneArgs,
    #[command(flatten)]
    pub target: DomainTargetArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

#[derive(Debug, Args)]
pub struct DomainStatusArgs {
    /// A name of the site (default: the target's `domains`); may be given more than once
    #[arg(long = "domain", value_name = "NAME")]
    pub domains: Vec<String>,
    /// Names whose zone is not here are set up by hand
    #[arg(long)]
    pub external_dns: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub zones: ZoneArgs,
    #[command(flatten)]
    pub target: DomainTargetArgs,
}

#[derive(Debug, Args)]
pub struct DomainRemoveArgs {
    /// The names that go
    #[arg(value_name = "NAME", required_unless_present = "domains")]
    pub names: Vec<String>,
    /// A name that goes, said as to the other verbs; may be given more than once
    #[arg(long = "domain", value_name = "NAME")]
    pub domains: Vec<String>,
    /// Remove the records by which certificates are validated too, if sitepush made them
    #[arg(long)]
    pub validation_records: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub zones: ZoneArgs,
    #[command(flatten)]
    pub target: DomainTargetArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}
