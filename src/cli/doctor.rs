//! The arguments of `sitepush doctor`.

use std::net::SocketAddr;

use clap::Args;

use super::output::OutputArgs;
use super::target::TargetArgs;

#[derive(Debug, Args)]
#[command(mut_arg("distributions", |argument| {
    argument.help("A CloudFront distribution to look at; may be given more than once")
}))]
pub struct DoctorArgs {
    /// The target in sitepush.toml to look at; wins over `--target`
    #[arg(value_name = "TARGET")]
    pub name: Option<String>,
    /// Ask this resolver instead of 1.1.1.1:53
    #[arg(long, value_name = "IP:PORT", value_parser = super::domain::resolver)]
    pub resolver: Option<SocketAddr>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub target: TargetArgs,
}
