//! The contents of sitepush.toml. The doc comments are the reference: the JSON schema and the docs are made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::cache_rules::UserRule;
use crate::core::edge_settings::{Routing, TrailingSlash};
use crate::core::invalidation::UrlStyle;
use crate::core::inventory::Packing;

/// The configuration of sitepush: what the site is, where it goes, and how its files are cached.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The target that commands work on when `--target` does not name one.
    pub default_target: Option<String>,
    /// What is published.
    pub site: SiteConfig,
    /// Where it is published, by name.
    pub targets: BTreeMap<String, TargetConfig>,
    /// How files are cached and served; the first that matches wins, header by header. Built-in rules follow.
    pub rules: Vec<RuleConfig>,
    /// What a run may do at most.
    pub limits: LimitsConfig,
    /// How long objects stay after they left the build.
    pub retention: RetentionConfig,
    /// How a run goes about its work.
    pub push: PushConfig,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SiteConfig {
    /// The folder of the build, relative to this file.
    pub directory: Option<PathBuf>,
    /// Publish source maps (`*.js.map`, `*.css.map`).
    pub source_maps: bool,
    /// Files that are not published: globs over keys, where `*` stays inside a segment and `**` does not.
    pub ignore: Vec<String>,
    /// Files that may look as if they held secrets: globs over keys.
    pub allow_secrets: Vec<String>,
    /// Whether `/about` and `/about/` stand for `about/index.html` or `about.html` at the edge.
    pub clean_urls: bool,
    /// Which of `/about` and `/about/` answers itself, for pages with relative links; the other redirects there.
    pub trailing_slash: TrailingSlashConfig,
    /// Whether the site is a single-page application: navigations to paths that are no file get `index.html`.
    pub single_page: bool,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            directory: None,
            source_maps: false,
            ignore: Vec::new(),
            allow_secrets: Vec::new(),
            clean_urls: true,
            trailing_slash: TrailingSlashConfig::Keep,
            single_page: false,
        }
    }
}

impl SiteConfig {
    /// How the site wants its paths understood.
    pub fn routing(&self) -> Routing {
        Routing {
            url_style: if self.clean_urls { UrlStyle::Clean } else { UrlStyle::Exact },
            trailing_slash: match self.trailing_slash {
                TrailingSlashConfig::Auto => TrailingSlash::Auto,
                TrailingSlashConfig::Add => TrailingSlash::Add,
                TrailingSlashConfig::Remove => TrailingSlash::Remove,
                TrailingSlashConfig::Keep => TrailingSlash::Keep,
            },
            is_single_page: self.single_page,
        }
    }
}

/// What happens to the slash at the end of a page's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrailingSlashConfig {
    /// `/about/` for `about/index.html`, `/about` for `about.html`.
    Auto,
    /// `/about/` for every page.
    Add,
    /// `/about` for every page.
    Remove,
    /// Both answer.
    Keep,
}

/// Where a site is published.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetConfig {
    /// The bucket's name.
    pub bucket: Option<String>,
    /// The part of the bucket that the site owns; empty for all of it.
    pub prefix: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
    /// The profile of the AWS configuration to use.
    pub profile: Option<String>,
    /// The endpoint to ask instead of AWS.
    pub endpoint_url: Option<String>,
    /// The CloudFront distributions that serve the bucket.
    pub distributions: Vec<String>,
    /// The ARN of the key value store that the edge function reads: each push tells it where the pages are.
    pub key_value_store: Option<String>,
    /// Where visitors find the site, for `verify`: `https://www.example.com`.
    pub url: Option<String>,
    /// The names by which visitors find the site, for `domain`: `["example.com", "www.example.com"]`.
    pub domains: Vec<String>,
    /// Profiles of other accounts that have hosted zones for these names.
    pub zone_profiles: Vec<String>,
    /// Whether `domain` writes HTTPS records, where the distribution speaks HTTP/2 or HTTP/3 (default: yes).
    pub https_records: Option<bool>,
}

/// How some files are cached and served.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// Globs over keys: `*` stays inside a segment, `**` does not.
    #[serde(rename = "match")]
    pub patterns: OneOrMany,
    /// The `Cache-Control` header.
    pub cache_control: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Whether text is compressed before it is stored. CloudFront compresses by itself, up to 10 MB.
    pub compress: Option<CompressConfig>,
    /// `content-disposition`, `content-language`, `content-encoding` and `x-amz-meta-*`.
    pub headers: BTreeMap<String, String>,
}

/// How bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompressConfig {
    None,
    Gzip,
}

/// A text or a list of them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// What a run may do at most.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Objects deleted in one run (256).
    pub max_deletes: Option<u64>,
    /// Share of the live pages and files that may leave in one push, in percent (50). Fingerprinted files do not count.
    #[schemars(range(max = 100))]
    pub max_delete_percent: Option<u8>,
}

/// How long objects stay after they left the build.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Fingerprinted files stay while one of this many newest releases refers to them (5)...
    pub keep_releases: Option<usize>,
    /// ...or while they have been out of the build for less than this many days (7).
    pub keep_days: Option<u32>,
}

/// How a run goes about its work.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// Requests in flight at most (64).
    #[schemars(range(min = 1))]
    pub concurrency: Option<usize>,
    /// From this many objects on, the record of a release is kept in parts (50000).
    #[schemars(range(min = 1))]
    pub record_parts_from: Option<usize>,
}

impl Config {
    /// The rules in the form that `core` uses.
    pub fn rules(&self) -> Vec<UserRule> {
        self.rules
            .iter()
            .map(|rule| UserRule {
                patterns: match &rule.patterns {
                    OneOrMany::One(pattern) => vec![key_pattern(pattern).to_owned()],
                    OneOrMany::Many(patterns) => {
                        patterns.iter().map(|pattern| key_pattern(pattern).to_owned()).collect()
                    }
                },
                cache_control: rule.cache_control.clone(),
                content_type: rule.content_type.clone(),
                packing: rule.compress.map(|compress| match compress {
                    CompressConfig::None => Packing::AsIs,
                    CompressConfig::Gzip => Packing::Gzip,
                }),
                headers: rule
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect(),
            })
            .collect()
    }
}

/// A glob over keys of what people write, who think of paths as well: keys have no leading slash.
pub fn key_pattern(pattern: &str) -> &str {
    pattern.strip_prefix('/').unwrap_or(pattern)
}
