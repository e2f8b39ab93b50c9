//! The planner held against an independent matcher and against brute force.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::core::cache_tags;
use crate::core::headers::ObjectHeaders;
use crate::core::key::KeyPrefix;

/// CloudFront's matching rule, written anew: `*` stands for anything at the end, the rest is compared as decoded.
fn matches(item: &str, path: &str) -> bool {
    match item.strip_suffix('*') {
        Some(prefix) => path.starts_with(&decode(prefix)),
        None => decode(item) == path,
    }
}

fn set(paths: &[&str]) -> Paths {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn cover(stale: &Paths, others: &Paths, rules: CoverRules) -> Cover {
    Covering::new(stale, others).cover(rules)
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).expect("a key")
}

fn id() -> ReleaseId {
    ReleaseId::try_from("20261123T101530Z-1a2b3c4".to_owned()).expect("an id")
}

fn occasion<'a>(release_id: &'a ReleaseId, base: &'a str, due_after: DueAfter) -> Occasion<'a> {
    Occasion { release_id, base, due_after }
}

fn no_collateral() -> CoverRules {
    CoverRules { max_wildcards: MAX_WILDCARDS, collateral_per_saved_path: Some(0) }
}

fn plan(changed: &[(&str, ChangeKind)], unchanged: &[&str], mapping: &ViewerMapping) -> PlannedInvalidation {
    let changed: BTreeMap<ObjectKey, ChangeKind> =
        changed.iter().map(|(name, kind)| (key(name), *kind)).collect();
    let unchanged: Vec<ObjectKey> = unchanged.iter().map(|name| key(name)).collect();
    let before = changed.iter().filter(|(_, kind)| **kind != ChangeKind::Created).map(|(key, _)| key);
    let before: BTreeSet<&ObjectKey> = before.chain(&unchanged).collect();
    let tree = changed.keys().chain(&unchanged).collect();
    plan_for(
        "E1",
        mapping,
        UrlStyle::Clean,
        Change {
            changed: &changed,
            before: &before,
            tree: &tree,
            tagged: &[],
            occasion: occasion(&id(), "1", DueAfter::Commit),
        },
    )
}

#[test]
fn nothing_changed_needs_no_item() {
    assert_eq!(plan(&[], &["index.html"], &ViewerMapping::default()).items, Vec::<String>::new());
}

#[test]
fn a_page_is_named_by_every_path_that_reaches_it() {
    let others = ["about-us.html", "aboutx/index.html", "z.html", "index.htm"];
    let page = plan(&[("about/index.html", ChangeKind::Updated)], &others, &ViewerMapping::default());
    assert_eq!(page.items, ["/about", "/about/*"]);
    let file = plan(&[("about.html", ChangeKind::Updated)], &["about/x.png"], &ViewerMapping::default());
    assert_eq!(file.items, ["/about", "/about.html", "/about/"]);
    let root = plan(&[("index.html", ChangeKind::Updated)], &["a.png"], &ViewerMapping::default());
    assert_eq!(root.items, ["/", "/index.html"]);
}

#[test]
fn a_name_that_only_ends_like_an_index_page_is_none() {
    assert_eq!(
        viewer_paths("/guide/myindex.html", UrlStyle::Clean),
        ["/guide/myindex.html", "/guide/myindex", "/guide/myindex/"]
    );
    assert_eq!(viewer_paths("/guide/myindex.html", UrlStyle::Exact), ["/guide/myindex.html"]);
}

#[test]
fn the_distributions_origin_path_and_the_prefix_stand_between_key_and_path() {
    let mapping =
        ViewerMapping { prefix: KeyPrefix::new("site").expect("a prefix"), origin_path: "/site".into() };
    assert_eq!(plan(&[("a.css", ChangeKind::Updated)], &["b.css"], &mapping).items, ["/a.css"]);
    let whole =
        ViewerMapping { prefix: KeyPrefix::new("site").expect("a prefix"), origin_path: String::new() };
    assert_eq!(plan(&[("a.css", ChangeKind::Updated)], &["b.css"], &whole).items, ["/site/a.css"]);
}

#[test]
fn a_new_key_needs_no_item_unless_another_answered_under_its_path() {
    let new = plan(&[("new.html", ChangeKind::Created)], &["index.html"], &ViewerMapping::default());
    assert_eq!(new.items, Vec::<String>::new());
    let takes_over =
        plan(&[("about/index.html", ChangeKind::Created)], &["about.html"], &ViewerMapping::default());
    assert!(takes_over.items.iter().any(|item| matches(item, "/about")));
    assert!(takes_over.items.iter().any(|item| matches(item, "/about/")));
}

#[test]
fn a_folder_that_changed_as_a_whole_is_one_item() {
    let pages: Vec<String> = (0..50).map(|number| format!("blog/post-{number}.html")).collect();
    let changed: Vec<(&str, ChangeKind)> =
        pages.iter().map(|page| (page.as_str(), ChangeKind::Updated)).collect();
    let planned = plan(&changed, &["index.html", "blogroll.html"], &ViewerMapping::default());
    assert_eq!(planned.items, ["/blog/*"]);
    assert_eq!(planned.collateral, 0);
}

#[test]
fn many_scattered_changes_accept_a_little_collateral() {
    let pages: Vec<String> = (0..600).map(|number| format!("p/{number:03}/index.html")).collect();
    let (changed, unchanged): (Vec<_>, Vec<_>) =
        pages.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let changed: Vec<(&str, ChangeKind)> =
        changed.iter().map(|(_, page)| (page.as_str(), ChangeKind::Updated)).collect();
    let unchanged: Vec<&str> = unchanged.iter().map(|(_, page)| page.as_str()).collect();
    let planned = plan(&changed, &unchanged, &ViewerMapping::default());
    assert_eq!(planned.items, ["/p/*"]);
    assert_eq!(planned.collateral, 900);
    assert!(planned.explanation[1].contains("900 unchanged"));
}

#[test]
fn what_cannot_be_said_exactly_is_covered_by_a_wildcard_before_it() {
    let tilde = cover(&set(&["/~ann/x.css", "/b.css"]), &set(&["/c.css"]), no_collateral());
    assert_eq!(tilde.items, ["/*"]);
    let nested = cover(&set(&["/home/~ann/x.css", "/b.css"]), &set(&["/c.css"]), no_collateral());
    assert_eq!(nested.items, ["/b.css", "/home/*"]);
    let star = cover(&set(&["/a/x*y.css"]), &set(&["/a/z"]), no_collateral());
    assert_eq!(star.items, ["/a/x*"]);
    let long = format!("/d/{}", "\u{e9}".repeat(700));
    assert_eq!(cover(&set(&[&long]), &set(&["/e"]), no_collateral()).items, ["/d/*"]);
}

#[test]
fn paths_are_encoded_where_cloudfront_wants_it_and_nowhere_else() {
    for (path, encoded) in [
        ("/a b", "/a%20b"),
        ("/it's(1)!.html", "/it's(1)!.html"),
        ("/caf\u{e9}", "/caf%C3%A9"),
        ("/100%", "/100%25"),
        ("/a#b?c", "/a%23b%3Fc"),
        ("/a+b@c,d;e=f&g$h:i", "/a+b@c,d;e=f&g$h:i"),
    ] {
        assert_eq!(encode(path), encoded);
        assert_eq!(decode(encoded), path);
    }
}

#[test]
fn typed_items_are_put_right_or_refused() {
    assert_eq!(normalize_item("about/*").as_deref(), Ok("/about/*"));
    assert_eq!(normalize_item("/a b").as_deref(), Ok("/a%20b"));
    assert_eq!(normalize_item("/a%20b").as_deref(), Ok("/a%20b"));
    assert_eq!(normalize_item("#bundle-1").as_deref(), Ok("#bundle-1"));
    assert!(matches!(normalize_item("/a*b"), Err(PathError::InnerWildcard(_))));
    assert!(matches!(normalize_item("/~ann"), Err(PathError::Tilde(_))));
    assert!(matches!(normalize_item("/%7Eann"), Err(PathError::Tilde(_))), "it is said as `~`");
    assert!(matches!(normalize_item("/a%2Ab"), Err(PathError::InnerWildcard(_))), "it is said as `*`");
    assert!(matches!(normalize_item("#a,b"), Err(PathError::Tag(_))));
    assert!(matches!(normalize_item(""), Err(PathError::Empty)));
}

#[test]
fn a_query_string_belongs_to_the_path_as_viewers_ask() {
    assert_eq!(normalize_item("/x?a=1").as_deref(), Ok("/x?a=1"));
    assert_eq!(normalize_item("/x y?q=a%26b&c=\u{fc}?").as_deref(), Ok("/x%20y?q=a%26b&c=%C3%BC?"));
    assert_eq!(normalize_item("/what%3F").as_deref(), Ok("/what%3F"), "a name with a question mark");
    assert_eq!(normalize_item("/x?a=*").as_deref(), Ok("/x?a=*"));
}

#[test]
fn an_address_is_refused_with_the_path_to_write() {
    for (address, path) in [
        ("https://example.org/x", "`/x`"),
        ("HTTP://example.org/a/?b=1", "`/a/?b=1`"),
        ("https://example.org", "`/`"),
    ] {
        let error = normalize_item(address).expect_err("refused");
        assert_eq!(error, PathError::Address(address.to_owned()));
        assert!(error.hint().contains(path), "{}", error.hint());
    }
}

#[test]
fn batches_hold_what_cloudfront_takes_and_do_not_run_into_one_another() {
    let items: Vec<String> = (0..7_001)
        .map(|number| format!("/{number:05}"))
        .chain((0..20).map(|number| format!("/w{number:02}/*")))
        .collect();
    let batches = batches("E1", occasion(&id(), "1", DueAfter::Commit), &items);
    let counts = |batch: &OwedInvalidation| {
        let wildcards = batch.items.iter().filter(|item| item.ends_with('*')).count();
        (batch.items.len() - wildcards, wildcards)
    };
    assert_eq!(batches.iter().map(counts).collect::<Vec<_>>(), [(3000, 15), (3000, 5), (1001, 0)]);
    let all: BTreeSet<&String> = batches.iter().flat_map(|batch| &batch.items).collect();
    assert_eq!(all.len(), items.len());
}

#[test]
fn a_caller_reference_names_one_batch_of_one_release() {
    let one = |items: &[&str]| {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        batches("E1", occasion(&id(), "1", DueAfter::Commit), &items)[0].caller_reference.clone()
    };
    assert_eq!(one(&["/a", "/b"]), one(&["/b", "/a"]));
    assert_ne!(one(&["/a"]), one(&["/b"]));
    assert_ne!(one(&["/ab"]), one(&["/a", "b"]));
    let at = |due_after, base| {
        batches("E1", occasion(&id(), base, due_after), &["/a".to_owned()])[0].caller_reference.clone()
    };
    let references: BTreeSet<String> =
        DueAfter::ALL.into_iter().map(|due_after| at(due_after, "1")).collect();
    assert_eq!(references.len(), 3, "the same paths once more, after a deletion, are another invalidation");
    assert_ne!(at(DueAfter::Commit, "1"), at(DueAfter::Commit, "2"), "two runs of one second");
}

/// Paths of a small site: short segments, so that prefixes collide often.
fn small_paths(max: usize) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("(/[ab]{1,2}){1,3}/?", 0..max)
}

/// Every way to choose prefixes, without a tree: the least number of items.
fn least_items(stale: &BTreeSet<String>, others: &BTreeSet<String>, rules: CoverRules) -> usize {
    let mut prefixes: Vec<String> = stale
        .iter()
        .flat_map(|path| (1..=path.len()).map(|end| path[..end].to_owned()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|prefix| {
            let covered = stale.iter().filter(|path| path.starts_with(prefix.as_str())).count() as u64;
            let dropped = others.iter().filter(|path| path.starts_with(prefix.as_str())).count() as u64;
            rules.collateral_per_saved_path.is_none_or(|allowed| dropped <= allowed * (covered - 1))
        })
        .collect();
    prefixes.truncate(12);
    let mut least = stale.len();
    for choice in 0_u32..1 << prefixes.len() {
        let chosen: Vec<&String> = prefixes
            .iter()
            .enumerate()
            .filter(|(index, _)| choice & (1 << index) != 0)
            .map(|(_, prefix)| prefix)
            .collect();
        if chosen.len() > rules.max_wildcards {
            continue;
        }
        let exact = stale
            .iter()
            .filter(|path| !chosen.iter().any(|prefix| path.starts_with(prefix.as_str())))
            .count();
        least = least.min(chosen.len() + exact);
    }
    least
}

proptest! {
    #[test]
    fn every_stale_path_is_covered_and_the_stated_collateral_is_all_that_is_dropped(
        stale in small_paths(14), others in small_paths(14), max_wildcards in 0_usize..4,
        allowed in prop_oneof![Just(None), (0_u64..3).prop_map(Some)],
    ) {
        let others: BTreeSet<String> = others.difference(&stale).cloned().collect();
        let rules = CoverRules { max_wildcards, collateral_per_saved_path: allowed };
        let paths = |paths: &BTreeSet<String>| paths.iter().cloned().collect();
        let cover = cover(&paths(&stale), &paths(&others), rules);
        for path in &stale {
            prop_assert!(cover.items.iter().any(|item| matches(item, path)), "{path} in {cover:?}");
        }
        let dropped = others.iter().filter(|path| cover.items.iter().any(|item| matches(item, path))).count();
        prop_assert_eq!(dropped as u64, cover.collateral);
        prop_assert!(cover.wildcards.len() <= max_wildcards);
        prop_assert!(cover.items.is_sorted());
        if allowed == Some(0) {
            prop_assert_eq!(cover.collateral, 0);
        }
    }

    #[test]
    fn no_other_choice_has_fewer_items(
        stale in small_paths(7), others in small_paths(7), max_wildcards in 0_usize..4,
        allowed in prop_oneof![Just(None), (0_u64..3).prop_map(Some)],
    ) {
        let others: BTreeSet<String> = others.difference(&stale).cloned().collect();
        let rules = CoverRules { max_wildcards, collateral_per_saved_path: allowed };
        let paths = |paths: &BTreeSet<String>| paths.iter().cloned().collect();
        let found = cover(&paths(&stale), &paths(&others), rules).items.len();
        let least = least_items(&stale, &others, rules);
        prop_assert!(found <= least, "{found} items, and {least} are enough");
    }

    #[test]
    fn with_tags_every_stale_copy_is_dropped_and_no_unchanged_one_by_a_tag(
        pages in proptest::collection::btree_map("[ab]{1,2}(/[ab]{1,2}){0,2}\\.html", (0_u8..6, any::<bool>()), 1..16),
    ) {
        let objects: BTreeMap<ObjectKey, (ObjectHeaders, bool)> = pages
            .iter()
            .map(|(name, (bundle, is_changed))| {
                let metadata = [(cache_tags::METADATA_NAME.to_owned(), format!("uses:{bundle},all"))].into();
                (key(name), (ObjectHeaders { metadata, ..ObjectHeaders::default() }, *is_changed))
            })
            .collect();
        let tree: BTreeSet<&ObjectKey> = objects.keys().collect();
        let changed: BTreeMap<ObjectKey, ChangeKind> = objects
            .iter()
            .filter(|(_, (_, is_changed))| *is_changed)
            .map(|(key, _)| (key.clone(), ChangeKind::Updated))
            .collect();
        let live = objects.iter().map(|(key, (headers, _))| (key, headers));
        let tagged = cache_tags::covering_tags(live, |key| changed.contains_key(key));
        let mapping = ViewerMapping::default();
        let release = id();
        let plan_with = |tagged: &[Tagged<'_>]| {
            let change = Change { changed: &changed, before: &tree, tree: &tree, tagged, occasion: occasion(&release, "1", DueAfter::Commit) };
            plan_for("E1", &mapping, UrlStyle::Clean, change)
        };
        let planned = plan_with(&tagged);
        for (key, (headers, is_changed)) in &objects {
            let by_tag = cache_tags::tags(headers).any(|tag| planned.items.contains(&format!("#{tag}")));
            prop_assert!(!by_tag || *is_changed, "{key} is dropped by {:?}", planned.items);
            for path in viewer_paths(&format!("/{key}"), UrlStyle::Clean) {
                let by_path = planned.items.iter().any(|item| matches(item, &path));
                prop_assert!(!*is_changed || by_tag || by_path, "{path} stays in spite of {:?}", planned.items);
            }
        }
        prop_assert!(planned.items.len() <= plan_with(&[]).items.len().max(1));
    }

    #[test]
    fn every_encoded_path_can_be_read_back_and_is_visible_ascii(path in "/\\PC{0,40}") {
        let encoded = encode(&path);
        prop_assert_eq!(decode(&encoded), path);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    /// The aliases are said anew, for `viewer_paths` is what is tested.
    #[test]
    fn every_alias_of_a_changed_page_is_covered(folder in "([a-c]{1,2}/){0,2}", is_index in any::<bool>()) {
        let page = if is_index { format!("{folder}index.html") } else { format!("{folder}about.html") };
        let planned = plan(&[(&page, ChangeKind::Updated)], &["c.html", "a/c/index.html"], &ViewerMapping::default());
        let aliases = match (is_index, folder.strip_suffix('/')) {
            (true, None) => vec!["/".to_owned()],
            (true, Some(name)) => vec![format!("/{name}"), format!("/{name}/")],
            (false, _) => vec![format!("/{folder}about"), format!("/{folder}about/")],
        };
        for path in aliases.into_iter().chain([format!("/{page}")]) {
            prop_assert!(planned.items.iter().any(|item| matches(item, &path)), "{path} in {:?}", planned.items);
        }
    }
}
