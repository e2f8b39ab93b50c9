//! The cache behaviors beside the one that shows the site: whether they show their part as that one does, or hide it.
//!
//! What leads elsewhere is nobody's business here, unless it stands before files of the live release.

use wildmatch::WildMatch;

use super::facts::{
    BehaviorSetup, Caching, DistributionSetup, Expected, Facts, FunctionFacts, OriginAccess, PathBehavior,
    PathTarget, Reading, SiteBehavior,
};
use super::{Judgment, Notes, caching, response_headers};
use crate::core::invalidation::{UrlStyle, encode, viewer_paths};
use crate::core::key::{ObjectKey, ViewerMapping};

const CHECK: &str = "behaviors";

pub(super) fn examine(
    notes: &mut Notes,
    (setup, site): (&DistributionSetup, SiteBehavior<'_>),
    facts: &Facts,
    expected: &Expected,
) {
    let behaviors = &setup.path_behaviors;
    let is_live = facts.state.release.known().is_some();
    let (hits, rest) = hits(behaviors, site, &facts.state.live_keys, expected);
    let before = notes.findings.len();
    for (behavior, hit) in behaviors.iter().zip(&hits) {
        let pattern = &behavior.pattern;
        match &behavior.target {
            PathTarget::Elsewhere { host } => {
                notes.all_judged(CHECK, hidden(&format!("`{pattern}`"), host, hit));
            }
            PathTarget::Bucket(own) if !leads_to_same_folder(own, site.setup) => {
                let path = own.origin.as_ref().map(|origin| origin.path.as_str()).unwrap_or_default();
                let place = format!("{}{path}", expected.bucket);
                notes.all_judged(CHECK, hidden(&format!("`{pattern}`"), &place, hit));
            }
            // The checks before this one are about it.
            PathTarget::Bucket(_) if site.pattern == Some(pattern.as_str()) => {}
            // Of a behavior for paths that the release does not have, visitors see nothing.
            PathTarget::Bucket(_) if is_live && hit.first.is_none() => {}
            PathTarget::Bucket(own) => {
                let shown = Shown { own, hit, site: site.setup, expected };
                let found = shown.judge(notes).into_iter().map(|judgment| Judgment {
                    what: format!("of `{pattern}`: {}", judgment.what),
                    ..judgment
                });
                notes.all_judged(CHECK, found);
            }
        }
    }
    if site.pattern.is_some() {
        let origin = setup.default_behavior.origin.as_ref();
        let host = origin.map_or("nothing", |origin| origin.domain_name.as_str());
        notes.all_judged(CHECK, hidden("the default behavior", host, &rest));
    }
    if notes.findings.len() == before {
        notes.ok(
            CHECK,
            match behaviors.len() {
                0 => "all paths are answered in one way".to_owned(),
                1 => format!("`{}` is answered in another way, and hides nothing", behaviors[0].pattern),
                count => format!("{count} kinds of paths are answered in other ways, and nothing is hidden"),
            },
        );
    }
}

/// What of the live release a behavior is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hit<'a> {
    count: u64,
    /// The first file.
    first: Option<&'a ObjectKey>,
    /// A page, under an address that is not its file's own name.
    clean_path: Option<String>,
    has_page: bool,
}

/// For each behavior, the files that it and no earlier one is for; and those whose own path none is for.
fn hits<'a>(
    behaviors: &[PathBehavior],
    site: SiteBehavior<'_>,
    keys: &'a [ObjectKey],
    expected: &Expected,
) -> (Vec<Hit<'a>>, Hit<'a>) {
    let mut hits = vec![Hit::default(); behaviors.len()];
    let mut rest = Hit::default();
    if behaviors.is_empty() {
        return (hits, rest);
    }
    let patterns: Vec<WildMatch> = behaviors.iter().map(|behavior| matcher(&behavior.pattern)).collect();
    let mapping = ViewerMapping {
        prefix: expected.prefix.clone(),
        origin_path: site.setup.origin.as_ref().map(|origin| origin.path.clone()).unwrap_or_default(),
    };
    for key in keys {
        let Some(own) = mapping.viewer_path(key) else { continue };
        let mut counted = Vec::new();
        for path in viewer_paths(own.as_str(), expected.routing.url_style) {
            let encoded = encode(&path);
            let is_own = path == own.as_str();
            let Some(at) = patterns.iter().position(|pattern| pattern.matches(&encoded)) else {
                if is_own {
                    rest.count(key);
                }
                continue;
            };
            let hit = &mut hits[at];
            if !counted.contains(&at) {
                counted.push(at);
                hit.count(key);
            }
            // `/` is the default root object's, which needs no function.
            if !is_own && path != "/" {
                hit.clean_path.get_or_insert(path);
            }
        }
    }
    (hits, rest)
}

impl<'a> Hit<'a> {
    fn count(&mut self, key: &'a ObjectKey) {
        self.count += 1;
        self.first.get_or_insert(key);
        self.has_page |= key.is_page();
    }
}

/// A path pattern. The slash at its beginning may be left out.
///
/// Source: "Path pattern", CloudFront Developer Guide: `*` stands for any characters, `?` for one, and case counts.
fn matcher(pattern: &str) -> WildMatch {
    if pattern.starts_with(['/', '*']) {
        WildMatch::new(pattern)
    } else {
        WildMatch::new(&format!("/{pattern}"))
    }
}

fn leads_to_same_folder(own: &BehaviorSetup, site: &BehaviorSetup) -> bool {
    let path = |behavior: &BehaviorSetup| {
        behavior.origin.as_ref().map(|origin| origin.path.trim_matches('/').to_owned())
    };
    path(own) == path(site)
}

/// Files of the live release that nobody ever sees.
fn hidden(behavior: &str, place: &str, hit: &Hit<'_>) -> Option<Judgment> {
    let first = hit.first?;
    let others = match hit.count - 1 {
        0 => String::new(),
        1 => " and one other file".to_owned(),
        count => format!(" and {count} other files"),
    };
    Some(Judgment::warning(
        format!("{behavior} leads to {place}: nobody sees `{first}`{others} of the live release"),
        "leave what is hidden out of the build, or let the cache behavior match less",
    ))
}

/// A behavior that shows a part of the site.
struct Shown<'a> {
    own: &'a BehaviorSetup,
    hit: &'a Hit<'a>,
    /// The one that shows the rest of it.
    site: &'a BehaviorSetup,
    expected: &'a Expected,
}

impl Shown<'_> {
    /// What it does to the site that the site's behavior must not. What could not be read is noted at once.
    fn judge(&self, notes: &mut Notes) -> Vec<Judgment> {
        let mut found: Vec<Judgment> = caching::https(self.own).err().into_iter().collect();
        if self.own.origin.as_ref().is_some_and(|origin| origin.access == OriginAccess::None) {
            found.push(Judgment::problem(
                "requests to the bucket are not signed: only a public bucket would answer",
                "give its origin an origin access control that always signs",
            ));
        }
        if let Some(policy) = notes.read(CHECK, &self.own.origin_request) {
            found.extend(caching::origin_request(self.own, policy).err());
        }
        let same_policy = "give it the cache policy of the other paths";
        match notes.read(CHECK, &self.own.caching) {
            Some(Some(Caching::Policy(policy))) => {
                found.extend(caching::times(policy).err());
                found.extend(caching::key(policy).err());
                if self.hit.has_page {
                    found.extend(caching::compression(self.own, policy).err());
                }
            }
            Some(Some(Caching::Legacy)) => found.push(Judgment::warning(
                "it has the settings of before there were cache policies",
                same_policy,
            )),
            Some(None) => found.push(Judgment::problem("its cache policy is gone", same_policy)),
            None => {}
        }
        if let Some(Some(policy)) = notes.read(CHECK, &self.own.response_headers) {
            found.extend(response_headers::harm(policy));
        }
        found.extend(self.function());
        found
    }

    /// Whether pages are found at the addresses that visitors use.
    fn function(&self) -> Option<Judgment> {
        let path = self.hit.clean_path.as_deref()?;
        // What is wrong with the site's own function is told there.
        let site_name = self.site.function.known().map(|function| &function.name);
        let is_code = |code: &String| code.trim() == self.expected.function_code.trim();
        let is_ours = |function: &FunctionFacts| {
            Some(&function.name) == site_name || function.code.known().is_some_and(is_code)
        };
        let what = match &self.own.function {
            Reading::Known(function) if is_ours(function) => return None,
            Reading::Known(function) => format!("`{}` is not the function of the other paths", function.name),
            Reading::Absent => "no function answers viewer requests".to_owned(),
            Reading::Denied { .. } | Reading::Unsupported | Reading::Failed { .. } => return None,
        };
        let remedy = "associate the function of the other paths with this behavior, too";
        match (&self.expected.store_arn, self.expected.routing.url_style) {
            (Some(_), _) => {
                Some(Judgment::problem(format!("{what}, so that `{path}` finds no page"), remedy))
            }
            (None, UrlStyle::Clean) => {
                Some(Judgment::warning(format!("{what}, so that `{path}` may find no page"), remedy))
            }
            (None, UrlStyle::Exact) => None,
        }
    }
}
