//! What to ask a site that ought to serve a release.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::edge_settings::{self, Routing, TrailingSlash};
use crate::core::invalidation::{UrlStyle, encode, viewer_paths};
use crate::core::key::{ObjectKey, STATE_PREFIX, ViewerMapping};
use crate::core::manifest::{Manifest, StoredObject};
use crate::core::release::ReleaseId;

use super::sample::{self, Coverage};
use super::{Check, Expected, ExpectedObject, Manner, Missing, SiteUrl, VerifyPlan};

/// What a plan is made from.
pub struct VerifyInput<'a> {
    pub site: SiteUrl,
    /// What ought to be live.
    pub manifest: &'a Manifest,
    pub before: Option<&'a Manifest>,
    /// What the release before had and the bucket ought not to have any more.
    pub gone: &'a BTreeSet<ObjectKey>,
    pub mapping: &'a ViewerMapping,
    pub routing: Routing,
    pub coverage: Coverage,
    /// The live release, where `manifest` is another one.
    pub live_instead: Option<ReleaseId>,
}

/// Plans the requests. Equal inputs give equal plans.
pub fn plan(input: &VerifyInput<'_>) -> VerifyPlan {
    let chosen = sample::choose(input.manifest, input.before, input.coverage);
    let addresses = Addresses::new(input);
    let mut checks = Vec::new();
    for (key, object) in &chosen.objects {
        checks.extend(addresses.checks(key, &expected_object(key, object, input.before)));
    }
    let limit = match input.coverage {
        Coverage::All => usize::MAX,
        Coverage::Sample(count) => count,
    };
    for key in input.gone.iter().take(limit) {
        checks.extend(addresses.gone_checks(key));
    }
    checks.extend(addresses.made_up_checks());
    checks.extend(addresses.other_case_check(chosen.objects.iter().map(|(key, _)| *key)));
    checks.extend(addresses.state_check());
    if input.site.is_https() {
        checks.push(Check {
            path: "/".to_owned(),
            key: None,
            manner: Manner::PlainHttp,
            expected: Expected::Https,
            is_changed: true,
        });
    }
    VerifyPlan {
        site: input.site.clone(),
        release_id: input.manifest.release.id.clone(),
        live_instead: input.live_instead.clone(),
        checks,
        asked_count: chosen.objects.len() as u64,
        object_count: input.manifest.objects.len() as u64,
        large_count: chosen.large_count,
    }
}

fn expected_object(key: &ObjectKey, object: &StoredObject, before: Option<&Manifest>) -> ExpectedObject {
    let before = before.and_then(|before| before.objects.get(key));
    ExpectedObject {
        sha256: object.sha256,
        size_bytes: object.size_bytes,
        headers: object.headers.clone(),
        before: before.map(|before| before.sha256).filter(|before| *before != object.sha256),
        headers_before: before.map(|before| before.headers.clone()),
    }
}

/// The addresses of a site's keys.
struct Addresses<'a> {
    input: &'a VerifyInput<'a>,
    /// Not encoded; how many keys a path may stand for.
    owners: BTreeMap<String, usize>,
    /// Whether `/about` is `/about/index.html` for a name that no page has.
    has_directory_pages: bool,
    /// Whether the release changed where the addresses of pages lead.
    has_moved: bool,
}

impl<'a> Addresses<'a> {
    fn new(input: &'a VerifyInput<'a>) -> Self {
        let mut owners = BTreeMap::new();
        for path in input.manifest.objects.keys().flat_map(|key| paths_of(input, key)) {
            *owners.entry(path).or_insert(0) += 1;
        }
        let settings = edge_settings::derive(input.manifest.objects.keys(), input.mapping, input.routing);
        let has_directory_pages = settings.starts_with(r#"{"pages":"directory""#);
        let has_moved =
            input.before.is_none_or(|before| before.edge_settings != input.manifest.edge_settings);
        Self { input, owners, has_directory_pages, has_moved }
    }

    /// Where a key lies and every other address of a page.
    fn checks(&self, key: &ObjectKey, expected: &ExpectedObject) -> Vec<Check> {
        let manner = if key.is_page() { Manner::Navigation } else { Manner::Load };
        let paths = paths_of(self.input, key);
        let Some((own, others)) = paths.split_first() else { return Vec::new() };
        let is_changed = self.is_changed(key);
        let check = |path: &str, expected: Expected| Check {
            path: encode(path),
            key: Some(key.clone()),
            manner,
            expected,
            // Where a key itself leads is no setting.
            is_changed: is_changed || (path != own && self.has_moved),
        };
        let mut checks = Vec::new();
        // The address that visitors use is the first to be asked for.
        for path in others.iter().filter(|path| self.is_asked(path)) {
            checks.push(match self.canonical(path, own) {
                canonical if canonical == *path => check(path, Expected::Object(expected.clone())),
                canonical => check(path, Expected::Redirect(encode(&canonical))),
            });
        }
        checks.push(check(own, Expected::Object(expected.clone())));
        checks
    }

    /// Whether the release has another object under `key` than the one before.
    fn is_changed(&self, key: &ObjectKey) -> bool {
        let found =
            |manifest: &'a Manifest| manifest.objects.get(key).map(|object| (object.sha256, &object.headers));
        self.input.before.and_then(found) != found(self.input.manifest)
    }

    /// Whether a page's other address is one that answers, and for this page alone.
    fn is_asked(&self, path: &str) -> bool {
        let is_root = path == "/";
        let is_clear = self.owners.get(path).is_some_and(|owners| *owners == 1);
        is_clear && (is_root || (!self.input.routing.is_single_page && is_page_address(path)))
    }

    /// The address of a page that redirects to no other: by the site's wish for closing slashes.
    fn canonical(&self, path: &str, own: &str) -> String {
        let bare = path.trim_end_matches('/');
        if bare.is_empty() || self.input.routing.url_style == UrlStyle::Exact {
            return path.to_owned();
        }
        match self.input.routing.trailing_slash {
            TrailingSlash::Keep => path.to_owned(),
            TrailingSlash::Add => format!("{bare}/"),
            TrailingSlash::Remove => bare.to_owned(),
            TrailingSlash::Auto if own.ends_with("/index.html") => format!("{bare}/"),
            TrailingSlash::Auto => bare.to_owned(),
        }
    }

    fn gone_checks(&self, key: &ObjectKey) -> Vec<Check> {
        let before = self.input.before.and_then(|before| before.objects.get(key));
        let Some(before) = before else { return Vec::new() };
        let paths = paths_of(self.input, key);
        let own = paths.first().cloned().unwrap_or_default();
        let is_asked = |path: &String| {
            !self.owners.contains_key(path)
                && (*path == own
                    || (!self.input.routing.is_single_page
                        && is_page_address(path)
                        && self.canonical(path, &own) == *path))
        };
        paths
            .iter()
            .filter(|path| is_asked(path))
            .map(|path| Check {
                path: encode(path),
                key: Some(key.clone()),
                manner: Manner::Load,
                expected: Expected::Missing(Missing::Left { before: before.sha256 }),
                is_changed: true,
            })
            .collect()
    }

    /// A page and a file that nobody has.
    fn made_up_checks(&self) -> Vec<Check> {
        let name = format!("sitepush-verify-{}", self.input.manifest.release.id);
        let Some(path) = self.path_of(&name) else { return Vec::new() };
        let routing = self.input.routing;
        let is_clean = routing.url_style == UrlStyle::Clean && !routing.is_single_page;
        let slash = match routing.trailing_slash {
            TrailingSlash::Add => true,
            TrailingSlash::Auto => self.has_directory_pages,
            TrailingSlash::Keep | TrailingSlash::Remove => false,
        };
        let root = self.input.manifest.objects.get(&ObjectKey::root_page());
        let missing = Expected::Missing(Missing::MadeUp { error_page: self.error_page() });
        let page = match root.filter(|_| routing.is_single_page) {
            // Its own script finds out what the address means.
            Some(root) => Expected::Object(expected_object(&ObjectKey::root_page(), root, self.input.before)),
            None => missing.clone(),
        };
        let is_changed = match &page {
            Expected::Object(_) => self.is_changed(&ObjectKey::root_page()),
            _ => true,
        };
        let check = |path: &str, manner, expected| Check {
            path: encode(path),
            key: None,
            manner,
            expected,
            is_changed,
        };
        let page_path = if slash && is_clean { format!("{path}/") } else { path.clone() };
        vec![check(&page_path, Manner::Navigation, page), check(&format!("{path}.js"), Manner::Load, missing)]
    }

    /// The release's error page, if it lies where distributions look for one.
    fn error_page(&self) -> Option<crate::core::digest::Sha256Digest> {
        let key = ObjectKey::new("404.html").expect("a plain name is a key");
        let is_at_root =
            self.input.mapping.viewer_path(&key).is_some_and(|path| path.as_str() == "/404.html");
        self.input.manifest.objects.get(&key).filter(|_| is_at_root).map(|object| object.sha256)
    }

    /// The first file whose name has another spelling that is nobody's.
    fn other_case_check<'k>(&self, keys: impl Iterator<Item = &'k ObjectKey>) -> Option<Check> {
        let mut spelled = keys.filter(|key| key.has_extension()).filter_map(|key| {
            let other: String = key.as_str().chars().map(other_case).collect();
            let path = self.path_of(&other).filter(|_| other != key.as_str())?;
            (!self.owners.contains_key(&path)).then_some((key, path))
        });
        let (key, path) = spelled.next()?;
        let expected = Expected::Missing(Missing::OtherCase);
        let (path, key) = (encode(&path), Some(key.clone()));
        Some(Check { path, key, manner: Manner::Load, expected, is_changed: true })
    }

    fn state_check(&self) -> Option<Check> {
        let path = self.path_of(&format!("{STATE_PREFIX}manifest.json.gz"))?;
        let (path, expected) = (encode(&path), Expected::Denied);
        Some(Check { path, key: None, manner: Manner::Load, expected, is_changed: true })
    }

    fn path_of(&self, key: &str) -> Option<String> {
        let key = ObjectKey::new(key).ok()?;
        self.input.mapping.viewer_path(&key).map(|path| path.as_str().to_owned())
    }
}

fn other_case(character: char) -> char {
    if character.is_ascii_lowercase() {
        character.to_ascii_uppercase()
    } else {
        character.to_ascii_lowercase()
    }
}

/// A key's own path, then the others under which a page is found; not encoded.
fn paths_of(input: &VerifyInput<'_>, key: &ObjectKey) -> Vec<String> {
    let path = input.mapping.viewer_path(key);
    let mut paths = path.map(|path| viewer_paths(path.as_str(), input.routing.url_style)).unwrap_or_default();
    if key.as_str() == "404.html" {
        // Nobody goes there: the edge is told of no such page.
        paths.truncate(1);
    }
    paths
}

/// Whether the edge looks for a page under this path: its last name does not end as a file's does.
///
/// Source: `isPage` in `edge_function.js`.
fn is_page_address(path: &str) -> bool {
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    let is_file = ending.is_some_and(|ending| {
        let lower = ending.to_ascii_lowercase();
        let begins_with_letter = lower.starts_with(|first: char| first.is_ascii_lowercase());
        let is_word = lower.bytes().all(|byte| byte.is_ascii_alphanumeric()) && lower.len() <= 12;
        (begins_with_letter && is_word) || matches!(lower.as_str(), "7z" | "3gp" | "3g2")
    });
    !is_file && !path.starts_with("/.well-known/")
}

#[cfg(test)]
mod tests;
