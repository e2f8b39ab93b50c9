//! The settings of `sitepush doctor`.

use std::net::SocketAddr;

use crate::cli::{DoctorArgs, TargetArgs};
use crate::core::domain::name::DnsName;
use crate::core::edge_settings::Routing;
use crate::error::Error;

use super::config_file;
use super::domain::parse_all;
use super::resolve::{TargetSettings, chosen_target};

/// What is looked at.
#[derive(Clone, Debug)]
pub struct DoctorSettings {
    pub target: TargetSettings,
    /// The names that the target says it has.
    pub domains: Vec<DnsName>,
    pub routing: Routing,
    /// Who is asked instead of a public resolver.
    pub resolver: Option<SocketAddr>,
    pub is_json: bool,
}

impl DoctorSettings {
    /// # Errors
    /// When arguments and configuration name no target, or one of its names is none.
    pub fn resolve(args: &DoctorArgs) -> Result<Self, Error> {
        let target = args.name.clone().or_else(|| args.target.target.clone());
        let target = TargetArgs { target, ..args.target.clone() };
        let loaded = config_file::load(target.config.as_deref())?;
        let (_, config) = chosen_target(&loaded, &target)?;
        Ok(Self {
            target: TargetSettings::from_config(&target, &loaded)?,
            domains: parse_all(&config.domains)?,
            routing: loaded.config.site.routing(),
            resolver: args.resolver,
            is_json: args.output.json,
        })
    }
}
