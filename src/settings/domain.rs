//! What `sitepush domain` works on: names, one distribution, and where their zones are.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::{
    DomainApplyArgs, DomainPlanArgs, DomainRemoveArgs, DomainStatusArgs, DomainTargetArgs, KeyAlgorithmArg,
    TargetArgs, WantedArgs, ZoneArgs,
};
use crate::core::domain::certificate::KeyAlgorithm;
use crate::core::domain::facts::Wanted;
use crate::core::domain::intent::Intent;
use crate::core::domain::name::DnsName;
use crate::core::domain::removal::ValidationRecords;
use crate::error::Error;

use super::config::TargetConfig;
use super::config_file;
use super::resolve::{TargetSettings, chosen_target};

/// Everything that a plan of names is made from, as it was said: kept with a saved plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainSource {
    pub target: Option<String>,
    pub distribution: Option<String>,
    pub endpoint_url: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub config: Option<PathBuf>,
    pub domains: Vec<String>,
    pub zone_profiles: Vec<String>,
    pub resolver: Option<SocketAddr>,
    pub key_algorithm: KeyAlgorithmArg,
    pub take_over: bool,
    #[serde(default)]
    pub external_dns: bool,
}

/// The settings of a `domain` command.
#[derive(Clone, Debug)]
pub struct DomainSettings {
    pub target: TargetSettings,
    pub distribution_id: String,
    pub intent: Intent,
    /// Besides the target's own account.
    pub zone_profiles: Vec<String>,
    /// Where the user named them, for hints.
    pub zone_profiles_setting: &'static str,
    /// Names that go and that sitepush.toml wants all the same.
    pub still_configured: Vec<DnsName>,
    /// Who is asked instead of a public resolver.
    pub resolver: Option<SocketAddr>,
}

impl DomainSource {
    fn new(target: &DomainTargetArgs, domains: &[String], zones: &ZoneArgs) -> Self {
        Self {
            target: target.target.clone(),
            distribution: target.distribution.clone(),
            endpoint_url: target.endpoint_url.clone(),
            region: target.region.clone(),
            profile: target.profile.clone(),
            // A saved plan may be carried out from another folder.
            config: target
                .config
                .as_deref()
                .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
            domains: domains.to_vec(),
            zone_profiles: zones.zone_profiles.clone(),
            resolver: zones.resolver,
            key_algorithm: KeyAlgorithmArg::default(),
            take_over: false,
            external_dns: false,
        }
    }

    fn wanted(target: &DomainTargetArgs, wanted: &WantedArgs, zones: &ZoneArgs) -> Self {
        Self {
            key_algorithm: wanted.key_algorithm,
            take_over: wanted.take_over,
            external_dns: wanted.external_dns,
            ..Self::new(target, &wanted.domains, zones)
        }
    }

    pub fn from_plan_args(args: &DomainPlanArgs) -> Self {
        Self::wanted(&args.target, &args.wanted, &args.zones)
    }

    pub fn from_apply_args(args: &DomainApplyArgs) -> Self {
        Self::wanted(&args.target, &args.wanted, &args.zones)
    }

    pub fn from_status_args(args: &DomainStatusArgs) -> Self {
        let external_dns = args.external_dns;
        Self { external_dns, ..Self::new(&args.target, &args.domains, &args.zones) }
    }

    fn target_args(&self) -> TargetArgs {
        TargetArgs {
            target: self.target.clone(),
            distributions: self.distribution.iter().cloned().collect(),
            endpoint_url: self.endpoint_url.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            config: self.config.clone(),
            ..TargetArgs::default()
        }
    }
}

impl DomainSettings {
    /// For names that are wanted.
    ///
    /// # Errors
    /// When arguments and configuration do not say which names, or which distribution.
    pub fn from_source(source: &DomainSource) -> Result<Self, Error> {
        let (target, config) = resolve(source)?;
        let texts = if source.domains.is_empty() { &config.domains } else { &source.domains };
        let names = parse_all(texts)?;
        if names.is_empty() {
            return Err(Error::usage("no name is named")
                .with_hint("pass `--domain`, or set `domains` of the target in sitepush.toml"));
        }
        let intent = Intent::Apply(Wanted {
            names,
            key_algorithm: match source.key_algorithm {
                KeyAlgorithmArg::Rsa2048 => KeyAlgorithm::Rsa2048,
                KeyAlgorithmArg::EcP256 => KeyAlgorithm::EcPrime256v1,
            },
            take_over: source.take_over,
            https_records: config.https_records.unwrap_or(true),
            renewal_records: true,
            external_dns: source.external_dns,
        });
        Self::new(source, target, &config, intent)
    }

    /// For names that go.
    ///
    /// # Errors
    /// When arguments and configuration do not say which distribution, or a name is none.
    pub fn from_remove_args(args: &DomainRemoveArgs) -> Result<Self, Error> {
        let names: Vec<String> = args.names.iter().chain(&args.domains).cloned().collect();
        let source = DomainSource::new(&args.target, &names, &args.zones);
        let (target, config) = resolve(&source)?;
        let validation_records =
            if args.validation_records { ValidationRecords::Removed } else { ValidationRecords::Kept };
        let names = parse_all(&names)?;
        let configured = parse_all(&config.domains)?;
        let still_configured = names.iter().filter(|name| configured.contains(name)).cloned().collect();
        let intent = Intent::Remove { names, validation_records };
        Ok(Self { still_configured, ..Self::new(&source, target, &config, intent)? })
    }

    fn new(
        source: &DomainSource,
        target: TargetSettings,
        config: &TargetConfig,
        intent: Intent,
    ) -> Result<Self, Error> {
        let distribution_id = match target.distributions.as_slice() {
            [only] => only.clone(),
            [] => {
                return Err(Error::usage("the target has no distribution").with_hint(
                    "pass `--distribution`, or set `distributions` of the target in sitepush.toml",
                ));
            }
            several => {
                return Err(Error::usage(
                    "the target has several distributions, and a name can be on one only",
                )
                .with_hint(format!("pass `--distribution` with one of {}", several.join(", "))));
            }
        };
        let (zone_profiles, zone_profiles_setting) = if source.zone_profiles.is_empty() {
            (&config.zone_profiles, "the target's `zone_profiles`")
        } else {
            (&source.zone_profiles, "`--zone-profile`")
        };
        Ok(Self {
            target,
            distribution_id,
            intent,
            zone_profiles: zone_profiles.clone(),
            zone_profiles_setting,
            still_configured: Vec::new(),
            resolver: source.resolver,
        })
    }
}

/// The target; none of sitepush.toml where the flags say everything and several could be meant.
fn resolve(source: &DomainSource) -> Result<(TargetSettings, TargetConfig), Error> {
    let mut loaded = config_file::load(source.config.as_deref())?;
    let args = source.target_args();
    let is_named = args.target.is_some() || loaded.config.default_target.is_some();
    let says_everything = !source.domains.is_empty() && source.distribution.is_some();
    if says_everything && !is_named && loaded.config.targets.len() > 1 {
        loaded.config.targets.clear();
    }
    let target = TargetSettings::without_bucket(&args, &loaded)?;
    let (_, config) = chosen_target(&loaded, &args)?;
    Ok((target, config))
}

/// Each name once, in the order given.
pub(super) fn parse_all(texts: &[String]) -> Result<Vec<DnsName>, Error> {
    let mut names = Vec::new();
    for text in texts {
        let name = DnsName::parse(text).map_err(|error| {
            let hint = if text.contains(',') {
                "each name is said by itself: `--domain example.com --domain www.example.com`"
            } else {
                "a name is like `example.com`, `www.example.com` or `*.example.com`"
            };
            Error::usage(format!("`{text}` cannot be the name of a site")).caused_by(error).with_hint(hint)
        })?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_once_each_and_in_order() {
        let texts = ["www.example.com", "Example.com.", "WWW.example.com"].map(str::to_owned);
        let names = parse_all(&texts).expect("names");
        assert_eq!(names.iter().map(DnsName::as_str).collect::<Vec<_>>(), ["www.example.com", "example.com"]);
        let error = parse_all(&["https://example.com".to_owned()]).expect_err("no name");
        assert!(error.render().contains("more than a name"), "{}", error.render());
    }
}
