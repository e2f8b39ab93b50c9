//! Pages of listings: prefix, delimiter, markers and the page limit, over keys in byte order.
//!
//! Pure: reads a bucket's keys and decides what one page holds and where the next begins.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as TOKEN;

use super::object::{ObjectRecord, Version};

type Keys = BTreeMap<String, Vec<Version>>;
type KeyRange<'a> = btree_map::Range<'a, String, Vec<Version>>;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub prefix: &'a str,
    /// Never empty.
    pub delimiter: Option<&'a str>,
    /// The most keys and common prefixes together.
    pub limit: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Marker {
    #[default]
    Start,
    AfterKey(String),
    /// After everything that starts so.
    AfterPrefix(String),
    /// After this version of a key.
    AfterVersion(String, String),
}

/// A page of current objects.
#[derive(Debug, Default)]
pub struct ObjectPage<'a> {
    pub objects: Vec<(&'a str, &'a Version, &'a ObjectRecord)>,
    pub common_prefixes: Vec<String>,
    /// None on the last page.
    pub next: Option<Marker>,
}

/// A page of versions and delete markers: keys in order, newest first.
#[derive(Debug, Default)]
pub struct VersionPage<'a> {
    pub versions: Vec<ListedVersion<'a>>,
    pub common_prefixes: Vec<String>,
    /// None on the last page.
    pub next: Option<Marker>,
}

#[derive(Debug)]
pub struct ListedVersion<'a> {
    pub key: &'a str,
    pub version: &'a Version,
    pub is_latest: bool,
}

impl Marker {
    /// An opaque text for this marker.
    pub fn to_token(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::AfterKey(key) | Self::AfterVersion(key, _) => TOKEN.encode(format!("k{key}")),
            Self::AfterPrefix(prefix) => TOKEN.encode(format!("p{prefix}")),
        }
    }

    /// The marker of such a text; none when it is not one.
    pub fn from_token(token: &str) -> Option<Self> {
        let text = String::from_utf8(TOKEN.decode(token).ok()?).ok()?;
        if let Some(key) = text.strip_prefix('k') {
            return Some(Self::AfterKey(key.to_owned()));
        }
        text.strip_prefix('p').map(|prefix| Self::AfterPrefix(prefix.to_owned()))
    }

    /// The key or common prefix to go on after.
    pub fn text(&self) -> &str {
        match self {
            Self::Start => "",
            Self::AfterKey(text) | Self::AfterPrefix(text) | Self::AfterVersion(text, _) => text,
        }
    }
}

/// The page of current objects that follows `marker`.
pub fn page_of_objects<'a>(keys: &'a Keys, query: Query<'_>, marker: &Marker) -> ObjectPage<'a> {
    let mut page = ObjectPage::default();
    let mut last = Marker::Start;
    for item in Walk::new(keys, query, marker) {
        let is_new = match item {
            Item::Key(_, versions) => versions.last().is_some_and(|version| !version.is_delete_marker()),
            Item::CommonPrefix(prefix) => any_current(keys, prefix),
        };
        if !is_new {
            continue;
        }
        if page.objects.len() + page.common_prefixes.len() >= query.limit {
            page.next = (query.limit > 0).then_some(last);
            return page;
        }
        match item {
            Item::Key(key, versions) => {
                let current = versions.last().and_then(|version| Some((version, version.object.as_deref()?)));
                page.objects.extend(current.map(|(version, object)| (key, version, object)));
                last = Marker::AfterKey(key.to_owned());
            }
            Item::CommonPrefix(prefix) => {
                page.common_prefixes.push(prefix.to_owned());
                last = Marker::AfterPrefix(prefix.to_owned());
            }
        }
    }
    page
}

/// The page of versions that follows `marker`.
pub fn page_of_versions<'a>(keys: &'a Keys, query: Query<'_>, marker: &Marker) -> VersionPage<'a> {
    let mut page = VersionPage::default();
    let mut last = Marker::Start;
    let full = |page: &VersionPage<'_>| page.versions.len() + page.common_prefixes.len() >= query.limit;
    for item in Walk::new(keys, query, marker) {
        match item {
            Item::CommonPrefix(prefix) => {
                if full(&page) {
                    page.next = (query.limit > 0).then_some(last);
                    return page;
                }
                page.common_prefixes.push(prefix.to_owned());
                last = Marker::AfterPrefix(prefix.to_owned());
            }
            Item::Key(key, versions) => {
                for (age, version) in
                    versions.iter().rev().enumerate().skip(already_listed(marker, key, versions))
                {
                    if full(&page) {
                        page.next = (query.limit > 0).then_some(last);
                        return page;
                    }
                    page.versions.push(ListedVersion { key, version, is_latest: age == 0 });
                    last = Marker::AfterVersion(key.to_owned(), version.id.clone());
                }
            }
        }
    }
    page
}

/// How many of a key's versions, newest first, the earlier pages held.
fn already_listed(marker: &Marker, key: &str, versions: &[Version]) -> usize {
    match marker {
        Marker::AfterVersion(marked, id) if marked == key => {
            let found = versions.iter().rev().position(|version| version.id == *id);
            found.map_or(versions.len(), |position| position + 1)
        }
        _ => 0,
    }
}

fn any_current(keys: &Keys, prefix: &str) -> bool {
    let inside = keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    let mut inside = inside.take_while(|(key, _)| key.starts_with(prefix));
    inside.any(|(_, versions)| versions.last().is_some_and(|version| !version.is_delete_marker()))
}

/// Keys in order, with those that share a common prefix folded into one item.
struct Walk<'a, 'q> {
    keys: &'a Keys,
    query: Query<'q>,
    range: KeyRange<'a>,
}

enum Item<'a> {
    Key(&'a str, &'a [Version]),
    CommonPrefix(&'a str),
}

impl<'a, 'q> Walk<'a, 'q> {
    fn new(keys: &'a Keys, query: Query<'q>, marker: &Marker) -> Self {
        let range = match marker {
            Marker::AfterPrefix(after) => match successor(after) {
                Some(next) => from(keys, Bound::Included(next.as_str().max(query.prefix))),
                None => nothing(keys),
            },
            Marker::AfterKey(key) if key.as_str() >= query.prefix => from(keys, Bound::Excluded(key)),
            Marker::AfterVersion(key, _) if key.as_str() >= query.prefix => from(keys, Bound::Included(key)),
            _ => from(keys, Bound::Included(query.prefix)),
        };
        Self { keys, query, range }
    }
}

impl<'a> Iterator for Walk<'a, '_> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (key, versions) = self.range.next()?;
        let rest = key.strip_prefix(self.query.prefix)?;
        let folded = self.query.delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        let Some(length) = folded else { return Some(Item::Key(key, versions)) };
        let prefix = &key[..self.query.prefix.len() + length];
        self.range = match successor(prefix) {
            Some(next) => from(self.keys, Bound::Included(&next)),
            None => nothing(self.keys),
        };
        Some(Item::CommonPrefix(prefix))
    }
}

fn from<'a>(keys: &'a Keys, start: Bound<&str>) -> KeyRange<'a> {
    keys.range::<str, _>((start, Bound::Unbounded))
}

fn nothing(keys: &Keys) -> KeyRange<'_> {
    keys.range::<str, _>((Bound::Included(""), Bound::Excluded("")))
}

/// The smallest text that is greater than every text that starts with `prefix`; none when there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // `char` steps over the surrogates, and UTF-8 sorts as code points do.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::s3::{ForeignObject, Store, StoreOptions, Versioning};

    fn store(keys: &[&str]) -> Store {
        let store = Store::memory(StoreOptions { versioning: Versioning::On, ..StoreOptions::default() });
        for key in keys {
            store.put_foreign("b", key, ForeignObject::new("x"));
        }
        store
    }

    /// Every page's items, objects and prefixes in the order in which the pages gave them.
    fn walk(store: &Store, prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<String> {
        let state = store.read_state();
        let (mut marker, mut items) = (Marker::Start, Vec::new());
        loop {
            let page = page_of_objects(&state.buckets["b"].keys, Query { prefix, delimiter, limit }, &marker);
            let mut of_page: Vec<_> = page.objects.iter().map(|(key, ..)| (*key).to_owned()).collect();
            of_page.extend(page.common_prefixes);
            of_page.sort();
            items.extend(of_page);
            let Some(next) = page.next else { return items };
            marker = Marker::from_token(&next.to_token()).expect("our own token");
        }
    }

    #[test]
    fn pages_of_any_size_add_up_to_the_same_listing() {
        let store =
            store(&["a", "a/b", "a/c", "a/d/e", "a0", "b/", "b/x", "site/x", "site2/y", "é", "\u{10ffff}/z"]);
        store.delete_foreign("b", "a/c");
        let cases = [
            (
                "",
                None,
                vec!["a", "a/b", "a/d/e", "a0", "b/", "b/x", "site/x", "site2/y", "é", "\u{10ffff}/z"],
            ),
            ("", Some("/"), vec!["a", "a/", "a0", "b/", "site/", "site2/", "é", "\u{10ffff}/"]),
            ("a/", Some("/"), vec!["a/b", "a/d/"]),
            ("site", None, vec!["site/x", "site2/y"]),
            ("site/", None, vec!["site/x"]),
            ("nothing", None, vec![]),
        ];
        for (prefix, delimiter, expected) in cases {
            for limit in 1..12 {
                assert_eq!(
                    walk(&store, prefix, delimiter, limit),
                    expected,
                    "{prefix:?} {delimiter:?} {limit}"
                );
            }
        }
    }

    #[test]
    fn a_common_prefix_that_nothing_can_follow_ends_the_listing() {
        let store = store(&["a", "\u{10ffff}", "\u{10ffff}b", "\u{10ffff}\u{10ffff}c"]);
        assert_eq!(walk(&store, "", Some("\u{10ffff}"), 1), ["a", "\u{10ffff}"]);
    }

    #[test]
    fn a_common_prefix_with_nothing_but_deleted_keys_is_not_listed() {
        let store = store(&["a/b", "a/c", "d"]);
        store.delete_foreign("b", "a/b");
        store.delete_foreign("b", "a/c");
        assert_eq!(walk(&store, "", Some("/"), 1), ["d"]);
    }

    #[test]
    fn versions_are_listed_newest_first_whatever_the_page_size() {
        let store = store(&["a", "b", "a", "c/d", "a"]);
        store.delete_foreign("b", "b");
        let state = store.read_state();
        let whole: Vec<_> =
            store.versions("b").into_iter().map(|version| (version.key, version.version_id)).collect();
        for limit in 1..8 {
            let (mut marker, mut items) = (Marker::Start, Vec::new());
            loop {
                let query = Query { prefix: "", delimiter: None, limit };
                let page = page_of_versions(&state.buckets["b"].keys, query, &marker);
                items.extend(
                    page.versions.iter().map(|listed| (listed.key.to_owned(), listed.version.id.clone())),
                );
                let Some(next) = page.next else { break };
                marker = next;
            }
            assert_eq!(items, whole, "{limit}");
        }
    }

    #[test]
    fn the_successor_is_beyond_everything_that_starts_so() {
        assert_eq!(successor("a/").as_deref(), Some("a0"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10ffff}"), None);
        assert_eq!(successor(""), None);
    }

    #[test]
    fn a_page_of_no_keys_has_none_and_no_next() {
        let store = store(&["a"]);
        let state = store.read_state();
        let query = Query { prefix: "", delimiter: None, limit: 0 };
        let page = page_of_objects(&state.buckets["b"].keys, query, &Marker::Start);
        assert!(page.objects.is_empty() && page.next.is_none());
    }
}
