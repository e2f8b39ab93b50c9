//! Arguments, then sitepush.toml, then defaults: the one place where it is decided who wins.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::cli::{
    AllowArgs, BuildArgs, InspectArgs, LimitArgs, OutputArgs, PlanArgs, PreviewArgs, PruneArgs, PushArgs,
    RetryArgs, RollbackArgs, RunArgs, TargetArgs, VerifyArgs,
};
use crate::core::cache_rules::{CacheRules, EdgeCaching};
use crate::core::diff::RetentionRules;
use crate::core::edge_settings::Routing;
use crate::core::guard::Limits;
use crate::core::key::{KeyPrefix, ObjectKey};
use crate::core::manifest::parts::Split;
use crate::core::verify::{Coverage, SiteUrl};
use crate::error::Error;

use super::config::{Config, TargetConfig, key_pattern};
use super::config_file::{self, LoadedConfig};
use super::domain::parse_all;

/// Requests in flight at most, unless told otherwise: S3 answers in 20 to 40 ms, so this is some 2,000 a second.
const DEFAULT_CONCURRENCY: usize = 64;

/// Where to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSettings {
    pub bucket: String,
    pub prefix: KeyPrefix,
    pub distributions: Vec<String>,
    /// The ARN of the store that the edge function reads.
    pub key_value_store: Option<String>,
    /// Where visitors find the site, if that is told.
    pub site_url: Option<SiteUrl>,
    pub endpoint_url: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Access key id and secret of the embedded target; everywhere else the SDK's chain finds credentials.
    pub static_keys: Option<(String, String)>,
}

/// What to publish.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    pub directory: PathBuf,
    pub rules: CacheRules,
    pub allow_secrets: GlobSet,
    pub routing: Routing,
    pub warnings: Vec<String>,
    ignore: GlobSet,
    source_maps: bool,
}

/// How to go about it.
#[derive(Clone, Debug)]
pub struct RunSettings {
    pub max_concurrency: usize,
    pub limits: Limits,
    pub retention: RetentionRules,
    pub split: Split,
    pub wait: bool,
    pub retry_limit: Duration,
}

/// Everything that a plan is made from, as it was said: kept with a saved plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSource {
    pub directory: Option<PathBuf>,
    pub source_maps: bool,
    pub target: Option<String>,
    pub bucket: Option<String>,
    pub prefix: Option<String>,
    pub distributions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_store: Option<String>,
    pub endpoint_url: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub config: Option<PathBuf>,
    pub verify_remote: bool,
}

/// A push or its plan.
#[derive(Clone, Debug)]
pub struct PushSettings {
    pub source: PlanSource,
    pub build: BuildSettings,
    pub target: TargetSettings,
    pub run: RunSettings,
    pub message: Option<String>,
    pub allow_older_commit: bool,
    pub verify_remote: bool,
    /// What is asked of the live site afterwards, if anything.
    pub verification: Option<VerificationSettings>,
    pub is_json: bool,
}

/// What a push does after it has made a release live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationSettings {
    /// How long wrong answers are asked for again.
    pub patience: Duration,
    pub rolls_back: bool,
}

/// A verification by itself.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    pub target: TargetSettings,
    /// The only address to ask, where one is named; else the target's.
    pub url: Option<SiteUrl>,
    /// The sites by the names that the target says it has; a wildcard is none.
    pub names: Vec<SiteUrl>,
    pub routing: Routing,
    /// The beginning of a release's id or its commit; none for the live one.
    pub release: Option<String>,
    pub coverage: Coverage,
    pub timeout: Duration,
    pub is_json: bool,
}

/// A rollback.
#[derive(Clone, Debug)]
pub struct RollbackSettings {
    pub target: TargetSettings,
    pub run: RunSettings,
    pub routing: Routing,
    pub is_json: bool,
}

/// A prune.
#[derive(Clone, Debug)]
pub struct PruneSettings {
    pub target: TargetSettings,
    pub run: RunSettings,
    pub routing: Routing,
    pub is_json: bool,
}

impl TargetSettings {
    /// # Errors
    /// When the configuration cannot be read or names no bucket.
    pub fn resolve(args: &TargetArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.config.as_deref())?;
        Self::from_config(args, &loaded)
    }

    /// For commands that only touch distributions: the bucket stays empty when none is named.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn resolve_without_bucket(args: &TargetArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.config.as_deref())?;
        Self::without_bucket(args, &loaded)
    }

    pub(super) fn without_bucket(args: &TargetArgs, loaded: &LoadedConfig) -> Result<Self, Error> {
        let is_bucket_known = args.bucket.is_some() || chosen_target(loaded, args)?.1.bucket.is_some();
        let placeholder = (!is_bucket_known).then(|| "unnamed".to_owned());
        Self::from_config(&TargetArgs { bucket: args.bucket.clone().or(placeholder), ..args.clone() }, loaded)
    }

    pub(super) fn from_config(args: &TargetArgs, loaded: &LoadedConfig) -> Result<Self, Error> {
        let (name, target) = chosen_target(loaded, args)?;
        let bucket = args.bucket.clone().or_else(|| target.bucket.clone());
        let Some(bucket) = bucket.filter(|bucket| !bucket.is_empty()) else {
            return Err(no_bucket(name, loaded));
        };
        check_bucket(&bucket)?;
        let prefix = args.prefix.clone().or_else(|| target.prefix.clone()).unwrap_or_default();
        let prefix = KeyPrefix::new(&prefix).map_err(|error| {
            let wrong = Error::usage(format!("`{prefix}` cannot be a prefix")).caused_by(error);
            wrong.with_hint("a prefix is names with single slashes between them, such as `site` or `a/b`")
        })?;
        let distributions = if args.distributions.is_empty() {
            target.distributions.clone()
        } else {
            args.distributions.clone()
        };
        let endpoint_url = args.endpoint_url.clone().or_else(|| target.endpoint_url.clone());
        endpoint_url.as_deref().map_or(Ok(()), check_endpoint_url)?;
        let key_value_store = args.key_value_store.clone().or_else(|| target.key_value_store.clone());
        key_value_store.as_deref().map_or(Ok(()), check_store_arn)?;
        Ok(Self {
            bucket,
            prefix,
            distributions,
            key_value_store,
            site_url: target.url.as_deref().map(site_url).transpose()?,
            endpoint_url,
            region: args.region.clone().or_else(|| target.region.clone()),
            profile: args.profile.clone().or_else(|| target.profile.clone()),
            static_keys: None,
        })
    }

    /// Whether cached copies are dropped by us, so that the edge may keep pages for long.
    fn edge_caching(&self) -> EdgeCaching {
        if self.distributions.is_empty() { EdgeCaching::Unmanaged } else { EdgeCaching::Invalidated }
    }
}

/// Finds what people write instead of a bucket's name: URLs, folders, nothing much. Old buckets may have capitals and
/// underscores; access points are named by an ARN.
fn check_bucket(bucket: &str) -> Result<(), Error> {
    let is_name_of_any_length =
        bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_name = is_name_of_any_length && (3..=255).contains(&bucket.len());
    if is_name || bucket.starts_with("arn:") {
        return Ok(());
    }
    let hint = if is_name_of_any_length {
        "a bucket's name has 3 to 63 characters"
    } else {
        "name the bucket alone, without `s3://`; a folder in it is the `--prefix`"
    };
    Err(Error::usage(format!("`{bucket}` cannot be a bucket's name")).with_hint(hint))
}

fn check_store_arn(text: &str) -> Result<(), Error> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    if matches!(parts.as_slice(), ["arn", _, "cloudfront", "", _, name] if name.starts_with("key-value-store/"))
    {
        return Ok(());
    }
    Err(Error::usage(format!("`{text}` is not the ARN of a key value store")).with_hint(
        "it looks like `arn:aws:cloudfront::123456789012:key-value-store/ID`; \
         `aws cloudfront list-key-value-stores` tells it",
    ))
}

fn site_url(text: &str) -> Result<SiteUrl, Error> {
    SiteUrl::parse(text).map_err(|error| {
        Error::usage(error.to_string())
            .with_hint("an address is like `https://www.example.com`, with a path at most behind it")
    })
}

fn check_endpoint_url(text: &str) -> Result<(), Error> {
    let is_url = text.parse::<http::Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
    });
    if is_url {
        return Ok(());
    }
    Err(Error::usage(format!("`{text}` is not an endpoint"))
        .with_hint("an endpoint is a URL such as `https://s3.example.com` or `http://127.0.0.1:9000`"))
}

fn no_bucket(target: Option<String>, loaded: &LoadedConfig) -> Error {
    match target {
        Some(target) => Error::usage(format!("the target `{target}` in {} has no `bucket`", loaded.name))
            .with_hint(format!("set `bucket` below `[targets.{target}]`, or pass `--bucket`")),
        None => Error::usage("no bucket is named")
            .with_hint("pass `--bucket`, or write a target into sitepush.toml (`sitepush init`)"),
    }
}

/// The target that the arguments choose, with its name. `--bucket` without a name means a target of flags alone.
pub(super) fn chosen_target(
    loaded: &LoadedConfig,
    args: &TargetArgs,
) -> Result<(Option<String>, TargetConfig), Error> {
    let config = &loaded.config;
    let names = || config.targets.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let wanted = args.target.as_ref().or(config.default_target.as_ref());
    if let Some(name) = wanted {
        let target = config.targets.get(name).cloned();
        return target.map(|target| (Some(name.clone()), target)).ok_or_else(|| {
            let error = Error::usage(format!("there is no target `{name}`"));
            if config.targets.is_empty() {
                error.with_hint("write one into sitepush.toml, or pass `--bucket`")
            } else {
                error.with_hint(format!("sitepush.toml has {}", names()))
            }
        });
    }
    if args.bucket.is_some() {
        return Ok((None, TargetConfig::default()));
    }
    let mut targets = config.targets.iter();
    match (targets.next(), targets.next()) {
        (None, _) => Ok((None, TargetConfig::default())),
        (Some((name, only)), None) => Ok((Some(name.clone()), only.clone())),
        (Some(_), Some(_)) => Err(Error::usage("sitepush.toml has several targets and none is chosen")
            .with_hint(format!("pass `--target` with one of {}, or set `default_target`", names()))),
    }
}

impl BuildSettings {
    /// # Errors
    /// When the configuration cannot be read or no folder is named.
    pub fn from_inspect_args(args: &InspectArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.config.as_deref())?;
        let has_distribution = loaded.config.targets.values().any(|target| !target.distributions.is_empty());
        let edge = if has_distribution { EdgeCaching::Invalidated } else { EdgeCaching::Unmanaged };
        Self::from_config(&args.build, &loaded, edge)
    }

    fn from_config(args: &BuildArgs, loaded: &LoadedConfig, edge: EdgeCaching) -> Result<Self, Error> {
        let site = &loaded.config.site;
        let directory = match (&args.directory, &site.directory) {
            (Some(directory), _) => directory.clone(),
            (None, Some(directory)) => loaded.folder.join(directory),
            (None, None) => {
                return Err(Error::usage("no folder is named").with_hint(
                    "name the folder of the build (`sitepush push dist`), or set `site.directory` in sitepush.toml",
                ));
            }
        };
        let headers_file = config_file::read_headers_file(&directory)?;
        let (rules, mut warnings) = CacheRules::new(&loaded.config.rules(), headers_file.as_ref(), edge)
            .map_err(|error| Error::usage("the cache rules cannot be used").caused_by(error))?;
        if directory.join("_redirects").is_file() {
            warnings.push(
                "`_redirects` is not read yet: what it redirects is not found, unless the distribution does it"
                    .to_owned(),
            );
        }
        Ok(Self {
            directory,
            rules,
            allow_secrets: globs(&site.allow_secrets, "site.allow_secrets")?,
            routing: site.routing(),
            warnings,
            ignore: globs(&site.ignore, "site.ignore")?,
            source_maps: args.source_maps || site.source_maps,
        })
    }

    /// Why a file of the folder is not published, or none.
    pub fn exclusion(&self, key: &ObjectKey) -> Option<String> {
        let name = key.as_str();
        match name {
            "_headers" | config_file::FILE_NAME => return Some("it is read as configuration".into()),
            "_redirects" => return Some("it is configuration, and not read yet".into()),
            _ => {}
        }
        let is_dot_file = name
            .split('/')
            .enumerate()
            .any(|(depth, segment)| segment.starts_with('.') && !(depth == 0 && segment == ".well-known"));
        if is_dot_file {
            return Some("dot files are not published".into());
        }
        if matches!(key.file_name(), "Thumbs.db" | "desktop.ini") {
            return Some("the operating system's own file".into());
        }
        if !self.source_maps && is_source_map(key) {
            return Some("source maps are published only when asked for (`--source-maps`)".into());
        }
        self.ignore.is_match(name).then(|| "`site.ignore` names it".into())
    }
}

/// Source maps go by their double ending; other `.map` files (game levels, say) are data.
fn is_source_map(key: &ObjectKey) -> bool {
    let mut endings = key.file_name().rsplit('.').peekable();
    let is = |ending: &&str, names: &[&str]| names.iter().any(|name| ending.eq_ignore_ascii_case(name));
    // A compressed one is one, too.
    endings.next_if(|ending| is(ending, &["gz", "br", "zst"]));
    endings.next_if(|ending| is(ending, &["map"])).is_some()
        && endings.next().is_some_and(|kind| is(&kind, &["js", "mjs", "cjs", "css", "ts", "wasm"]))
}

fn globs(patterns: &[String], field: &str) -> Result<GlobSet, Error> {
    let failed = |error: globset::Error| {
        Error::usage(format!("`{field}` in sitepush.toml has a bad pattern"))
            .caused_by(error)
            .with_hint("`*` stands for anything inside a segment, `**` for any segments; `[[]` is a bracket")
    };
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(GlobBuilder::new(key_pattern(pattern)).literal_separator(true).build().map_err(failed)?);
    }
    builder.build().map_err(failed)
}

impl RunSettings {
    fn new(args: &RunArgs, config: &Config, allow_shrink: bool) -> Self {
        let defaults = Limits::default();
        let limits = &config.limits;
        Self {
            max_concurrency: args
                .concurrency
                .map(NonZeroUsize::get)
                .or(config.push.concurrency)
                .unwrap_or(DEFAULT_CONCURRENCY),
            limits: Limits {
                max_deletes: args.limit.max_deletes.or(limits.max_deletes).unwrap_or(defaults.max_deletes),
                max_delete_percent: limits.max_delete_percent.unwrap_or(defaults.max_delete_percent),
                allow_shrink,
            },
            retention: RetentionRules {
                keep_releases: config
                    .retention
                    .keep_releases
                    .unwrap_or(RetentionRules::default().keep_releases),
                keep_days: config.retention.keep_days.unwrap_or(RetentionRules::default().keep_days),
            },
            split: config
                .push
                .record_parts_from
                .map_or_else(Split::default, |from| Split { from_objects: from.max(1) }),
            wait: args.wait.wait,
            retry_limit: Duration::from_secs(args.retry.retry_seconds),
        }
    }
}

impl PushSettings {
    /// # Errors
    /// When arguments and configuration do not name a folder and a target.
    pub fn from_push_args(args: &PushArgs) -> Result<Self, Error> {
        let source = PlanSource::new(&args.build, &args.target, args.verify_remote);
        let settings = Self::from_source(&source, &args.run, &args.allow, args.output)?;
        Ok(Self { message: args.message.clone(), ..settings })
    }

    /// # Errors
    /// When arguments and configuration do not name a folder and a target.
    pub fn from_plan_args(args: &PlanArgs) -> Result<Self, Error> {
        let source = PlanSource::new(&args.build, &args.target, args.verify_remote);
        let run = RunArgs { limit: args.limit, retry: args.retry, ..RunArgs::default() };
        let settings = Self::from_source(&source, &run, &args.allow, args.output)?;
        Ok(Self { message: args.message.clone(), ..settings })
    }

    /// The settings of a preview, whose target is the embedded one.
    ///
    /// # Errors
    /// When arguments and configuration do not name a folder.
    pub fn from_preview_args(args: &PreviewArgs, target: TargetSettings) -> Result<Self, Error> {
        let loaded = config_file::load(args.config.as_deref())?;
        let build = BuildSettings::from_config(&args.build, &loaded, target.edge_caching())?;
        let run = RunSettings::new(
            &RunArgs {
                retry: RetryArgs { retry_seconds: 5 },
                limit: LimitArgs { max_deletes: Some(u64::MAX) },
                ..RunArgs::default()
            },
            &loaded.config,
            true,
        );
        Ok(Self {
            source: PlanSource::default(),
            build,
            target,
            run,
            message: None,
            allow_older_commit: true,
            verify_remote: false,
            verification: None,
            is_json: false,
        })
    }

    /// # Errors
    /// When the source does not name a folder and a target (any more).
    pub fn from_source(
        source: &PlanSource,
        run: &RunArgs,
        allow: &AllowArgs,
        output: OutputArgs,
    ) -> Result<Self, Error> {
        let loaded = config_file::load(source.config.as_deref())?;
        let target = TargetSettings::from_config(&source.target_args(), &loaded)?;
        let build_args = BuildArgs { directory: source.directory.clone(), source_maps: source.source_maps };
        Ok(Self {
            source: source.clone(),
            build: BuildSettings::from_config(&build_args, &loaded, target.edge_caching())?,
            target,
            run: RunSettings::new(run, &loaded.config, allow.allow_shrink),
            message: None,
            allow_older_commit: allow.allow_older_commit,
            verify_remote: source.verify_remote,
            verification: None,
            is_json: output.json,
        })
    }
}

impl PlanSource {
    fn new(build: &BuildArgs, target: &TargetArgs, verify_remote: bool) -> Self {
        Self {
            directory: build.directory.as_deref().map(absolute),
            source_maps: build.source_maps,
            target: target.target.clone(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            distributions: target.distributions.clone(),
            key_value_store: target.key_value_store.clone(),
            endpoint_url: target.endpoint_url.clone(),
            region: target.region.clone(),
            profile: target.profile.clone(),
            config: target.config.as_deref().map(absolute),
            verify_remote,
        }
    }

    fn target_args(&self) -> TargetArgs {
        TargetArgs {
            target: self.target.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            distributions: self.distributions.clone(),
            key_value_store: self.key_value_store.clone(),
            endpoint_url: self.endpoint_url.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            config: self.config.clone(),
        }
    }
}

/// A saved plan may be applied from another folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl RollbackSettings {
    /// # Errors
    /// When arguments and configuration name no target.
    pub fn resolve(args: &RollbackArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.target.config.as_deref())?;
        Ok(Self {
            target: TargetSettings::from_config(&args.target, &loaded)?,
            run: RunSettings::new(&args.run, &loaded.config, true),
            routing: loaded.config.site.routing(),
            is_json: args.output.json,
        })
    }
}

impl VerificationSettings {
    /// What the arguments ask for, if anything.
    pub fn from_push_args(args: &PushArgs) -> Option<Self> {
        let patience = Duration::from_secs(args.verify?);
        Some(Self { patience, rolls_back: args.rollback_on_failure })
    }
}

impl VerifySettings {
    /// # Errors
    /// When arguments and configuration name no target, the address is none, or one of the target's names.
    pub fn resolve(args: &VerifyArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.target.config.as_deref())?;
        let (_, config) = chosen_target(&loaded, &args.target)?;
        let mut names = parse_all(&config.domains)?;
        names.retain(|name| !name.is_wildcard());
        Ok(Self {
            target: TargetSettings::from_config(&args.target, &loaded)?,
            url: args.url.as_deref().map(site_url).transpose()?,
            names: names.iter().map(|name| SiteUrl::of_domain(name.as_str())).collect(),
            routing: loaded.config.site.routing(),
            release: args.release.clone(),
            coverage: if args.all { Coverage::All } else { Coverage::Sample(args.sample.get()) },
            timeout: Duration::from_secs(args.timeout.get()),
            is_json: args.output.json,
        })
    }
}

impl PruneSettings {
    /// # Errors
    /// When arguments and configuration name no target.
    pub fn resolve(args: &PruneArgs) -> Result<Self, Error> {
        let loaded = config_file::load(args.target.config.as_deref())?;
        let mut run = RunSettings::new(&args.run, &loaded.config, true);
        run.retention.keep_releases = args.keep.unwrap_or(run.retention.keep_releases);
        run.retention.keep_days = args.days.unwrap_or(run.retention.keep_days);
        Ok(Self {
            target: TargetSettings::from_config(&args.target, &loaded)?,
            run,
            routing: loaded.config.site.routing(),
            is_json: args.output.json,
        })
    }
}
