//! What `sitepush iam-policy` is asked for: commands by their names, and the target as IAM knows it.

use crate::cli::IamPolicyArgs;
use crate::core::iam_policy::needs::{COMMANDS, CommandNeeds};
use crate::core::iam_policy::{self, PolicyTarget};
use crate::error::Error;

use super::config_file;
use super::domain::parse_all;
use super::resolve::{TargetSettings, chosen_target};

/// A policy that is wanted.
#[derive(Clone, Debug)]
pub struct IamPolicySettings {
    pub commands: Vec<&'static CommandNeeds>,
    pub target: PolicyTarget,
}

impl IamPolicySettings {
    /// # Errors
    /// When a command needs no permission or is none, an argument is not what it should be, or no target is named, or no
    /// name for a command that changes things by the names of the site.
    pub fn resolve(args: &IamPolicyArgs) -> Result<Self, Error> {
        let commands: Vec<&CommandNeeds> =
            args.commands.iter().map(|name| named(name.trim())).collect::<Result<Vec<_>, _>>()?.concat();
        let loaded = config_file::load(args.target.config.as_deref())?;
        let target = if iam_policy::needs_bucket(&commands) {
            TargetSettings::from_config(&args.target, &loaded)?
        } else {
            TargetSettings::without_bucket(&args.target, &loaded)?
        };
        let (_, config) = chosen_target(&loaded, &args.target)?;
        args.account.as_deref().map_or(Ok(()), check_account)?;
        args.kms_key.as_deref().map_or(Ok(()), check_kms_key)?;
        let hosted_zones = args.hosted_zones.iter().map(|id| hosted_zone(id)).collect::<Result<_, _>>()?;
        let domains = parse_all(if args.domains.is_empty() { &config.domains } else { &args.domains })?;
        if iam_policy::needs_names(&commands) && domains.is_empty() {
            return Err(Error::usage("no name is named")
                .with_hint("pass `--domain`, or set `domains` of the target in sitepush.toml"));
        }
        let is_of_names = commands.iter().any(|needs| needs.command.starts_with("domain "));
        if is_of_names && target.distributions.is_empty() {
            return Err(Error::usage("the target names no distribution")
                .with_hint("pass `--distribution`, or set `distributions` of the target in sitepush.toml"));
        }
        let store = target.key_value_store.as_deref().map(ArnParts::of);
        let account = args.account.clone().or_else(|| store.map(|store| store.account.to_owned()));
        let partition = partition(&target).to_owned();
        let target = PolicyTarget {
            partition,
            account: account.filter(|account| !account.is_empty()),
            bucket: target.bucket,
            prefix: target.prefix,
            distributions: target.distributions,
            key_value_store: target.key_value_store,
            kms_key: args.kms_key.clone(),
            domains,
            hosted_zones,
        };
        Ok(Self { commands, target })
    }
}

/// An ARN names its partition; a region has one.
fn partition(target: &TargetSettings) -> &str {
    let is_arn = |text: &&str| text.starts_with("arn:");
    let arns = [Some(target.bucket.as_str()), target.key_value_store.as_deref()];
    let named = arns.into_iter().flatten().filter(is_arn).map(|arn| ArnParts::of(arn).partition).next();
    named.unwrap_or_else(|| iam_policy::partition_of(target.region.as_deref().unwrap_or_default()))
}

/// The command of this name, or all verbs of it.
fn named(name: &str) -> Result<Vec<&'static CommandNeeds>, Error> {
    let found = CommandNeeds::named(name);
    if found.is_empty() {
        let names: Vec<String> = COMMANDS.iter().map(|needs| format!("`{}`", needs.command)).collect();
        return Err(Error::usage(format!("there is no policy for a command `{name}`"))
            .with_hint(format!("there is one for {}", names.join(", "))));
    }
    Ok(found)
}

fn check_account(text: &str) -> Result<(), Error> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::usage(format!("`{text}` is not the id of an account"))
        .with_hint("it has twelve digits; `aws sts get-caller-identity` tells it"))
}

/// The id, which AWS prints with `/hostedzone/` before it.
fn hosted_zone(text: &str) -> Result<String, Error> {
    let id = text.strip_prefix("/hostedzone/").unwrap_or(text);
    let is_id = id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_id && id.starts_with('Z') {
        return Ok(id.to_owned());
    }
    Err(Error::usage(format!("`{text}` is not the id of a hosted zone"))
        .with_hint("it looks like `Z0123456789EXAMPLE`; `aws route53 list-hosted-zones` tells it"))
}

fn check_kms_key(text: &str) -> Result<(), Error> {
    let parts = ArnParts::of(text);
    let is_key = text.starts_with("arn:") && parts.service == "kms" && parts.name.starts_with("key/");
    if is_key {
        return Ok(());
    }
    // IAM takes the ARN of an alias, too, and then it allows nothing with the key.
    Err(Error::usage(format!("`{text}` is not the ARN of a KMS key")).with_hint(
        "it looks like `arn:aws:kms:eu-central-1:111122223333:key/ID`; `aws kms describe-key` tells it of an alias",
    ))
}

/// The parts of an ARN; empty where it has fewer.
#[derive(Clone, Copy)]
struct ArnParts<'a> {
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    name: &'a str,
}

impl<'a> ArnParts<'a> {
    fn of(arn: &'a str) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        Self { partition: part(1), service: part(2), account: part(4), name: part(5) }
    }
}
