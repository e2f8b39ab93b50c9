//! What is asked for, and in which order.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::core::digest::Sha256Digest;
use crate::core::headers::ObjectHeaders;
use crate::core::key::KeyPrefix;
use crate::core::manifest::Capabilities;
use crate::core::manifest::parts::Parts;
use crate::core::object_class::ObjectClass;
use crate::core::release::{Origin, ReleaseId, ReleaseSummary};
use crate::core::retired::RetiredNames;

const CLEAN: Routing =
    Routing { url_style: UrlStyle::Clean, trailing_slash: TrailingSlash::Keep, is_single_page: false };

/// A release of files, each with the number that its bytes are made of.
fn release(second: i64, files: &[(&str, u8)]) -> Manifest {
    let time = Timestamp::from_second(1_700_000_000 + second).expect("in range");
    let object = |content: u8| StoredObject {
        size_bytes: 10,
        sha256: Sha256Digest([content; 32]),
        e_tag: "e".into(),
        version_id: None,
        headers: Arc::new(ObjectHeaders::default()),
        class: ObjectClass::Other,
    };
    let key = |name: &str| ObjectKey::new(name).expect("a key");
    Manifest {
        release: ReleaseSummary {
            id: ReleaseId::derive(time, None),
            time,
            origin: Origin::Push,
            commit: None,
            author: None,
            message: None,
            object_count: files.len() as u64,
            size_bytes: 10,
        },
        objects: files.iter().map(|(name, content)| (key(name), Arc::new(object(*content)))).collect(),
        stale: BTreeMap::new(),
        demoted: BTreeMap::new(),
        retired: RetiredNames::default(),
        history: Vec::new(),
        owed: Vec::new(),
        distributions: BTreeMap::new(),
        edge_settings: None,
        capabilities: Capabilities { conditional_writes: true, versioning: true },
        unseen_since: None,
        parts: Parts::default(),
        written_by: String::new(),
    }
}

fn planned(files: &[(&str, u8)], routing: Routing) -> VerifyPlan {
    plan(&VerifyInput {
        site: SiteUrl::parse("http://127.0.0.1:1").expect("an address"),
        manifest: &release(1, files),
        before: None,
        gone: &BTreeSet::new(),
        mapping: &ViewerMapping::default(),
        routing,
        coverage: Coverage::All,
        live_instead: None,
    })
}

/// `/about/`, or `/about -> /about/` where a redirect is expected.
fn of_objects(plan: &VerifyPlan) -> Vec<String> {
    let shown = plan.checks.iter().filter_map(|check| match &check.expected {
        Expected::Object(_) if check.key.is_some() => Some(check.path.clone()),
        Expected::Redirect(to) => Some(format!("{} -> {to}", check.path)),
        _ => None,
    });
    shown.collect()
}

fn missing(plan: &VerifyPlan) -> Vec<&str> {
    let missing = plan.checks.iter().filter(|check| matches!(check.expected, Expected::Missing(_)));
    missing.map(|check| check.path.as_str()).collect()
}

#[test]
fn every_address_of_a_page_is_asked_for_and_the_root_comes_first() {
    let files = [("about/index.html", 1), ("caf\u{e9} x.html", 2), ("index.html", 3), ("a.js", 4)];
    assert_eq!(
        of_objects(&planned(&files, CLEAN)),
        [
            "/",
            "/index.html",
            "/about/",
            "/about",
            "/about/index.html",
            "/caf%C3%A9%20x",
            "/caf%C3%A9%20x/",
            "/caf%C3%A9%20x.html",
            "/a.js"
        ]
    );
    let exact = Routing { url_style: UrlStyle::Exact, ..CLEAN };
    assert_eq!(
        of_objects(&planned(&files, exact)),
        ["/", "/index.html", "/about/index.html", "/caf%C3%A9%20x.html", "/a.js"]
    );
    let application = Routing { is_single_page: true, ..CLEAN };
    assert_eq!(of_objects(&planned(&files[..1], application)), ["/about/index.html"]);
}

#[test]
fn closing_slashes_redirect_as_the_site_wants_them() {
    let files = [("a/index.html", 1), ("b.html", 2)];
    for (trailing_slash, expected) in [
        (TrailingSlash::Auto, ["/a/", "/a -> /a/", "/b", "/b/ -> /b"]),
        (TrailingSlash::Add, ["/a/", "/a -> /a/", "/b -> /b/", "/b/"]),
        (TrailingSlash::Remove, ["/a/ -> /a", "/a", "/b", "/b/ -> /b"]),
        (TrailingSlash::Keep, ["/a/", "/a", "/b", "/b/"]),
    ] {
        let mut shown = of_objects(&planned(&files, Routing { trailing_slash, ..CLEAN }));
        shown.retain(|path| !path.ends_with(".html"));
        assert_eq!(shown, expected, "{trailing_slash:?}");
    }
}

#[test]
fn an_address_that_two_pages_share_or_that_ends_as_a_file_is_not_asked_for() {
    let files = [("a.html", 1), ("a/index.html", 2), ("v.js/index.html", 3), ("v1.2/index.html", 4)];
    assert_eq!(
        of_objects(&planned(&files, CLEAN)),
        ["/a.html", "/a/index.html", "/v.js/", "/v.js/index.html", "/v1.2/", "/v1.2", "/v1.2/index.html"]
    );
    assert_eq!(of_objects(&planned(&[("404.html", 1)], CLEAN)), ["/404.html"]);
}

#[test]
fn made_up_names_other_spellings_and_our_own_state_are_asked_for() {
    let asked = planned(&[("index.html", 1), ("a.js", 2)], CLEAN);
    let id = asked.release_id.as_str();
    assert_eq!(
        missing(&asked),
        [format!("/sitepush-verify-{id}").as_str(), &format!("/sitepush-verify-{id}.js"), "/INDEX.HTML"]
    );
    let denied: Vec<_> = asked.checks.iter().filter(|check| check.expected == Expected::Denied).collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].path, "/.sitepush/manifest.json.gz");
    assert!(asked.checks.iter().all(|check| check.manner != Manner::PlainHttp), "it is http already");
    // An unknown address may redirect before it is a 404.
    let slashes = Routing { trailing_slash: TrailingSlash::Auto, ..CLEAN };
    let directories = [("index.html", 1), ("a/index.html", 2)];
    assert!(missing(&planned(&directories, slashes))[0].ends_with('/'));
    let files = [("index.html", 1), ("a.html", 2)];
    assert!(!missing(&planned(&files, slashes))[0].ends_with('/'));
}

#[test]
fn in_an_application_of_one_page_unknown_addresses_are_that_page_and_files_are_missing() {
    let plan = planned(&[("index.html", 7)], Routing { is_single_page: true, ..CLEAN });
    let made_up = plan.checks.iter().find(|check| check.path.starts_with("/sitepush-verify-"));
    let made_up = made_up.expect("it is asked for");
    assert_eq!(made_up.manner, Manner::Navigation);
    assert!(matches!(&made_up.expected, Expected::Object(object) if object.sha256.0[0] == 7));
    assert!(missing(&plan)[0].ends_with(".js"));
}

#[test]
fn paths_are_those_of_viewers_and_https_is_asked_without_tls_too() {
    let mapping =
        ViewerMapping { prefix: KeyPrefix::new("docs").expect("a prefix"), origin_path: String::new() };
    let plan = plan(&VerifyInput {
        site: SiteUrl::of_domain("d.example"),
        manifest: &release(1, &[("index.html", 1), ("404.html", 2)]),
        before: None,
        gone: &BTreeSet::new(),
        mapping: &mapping,
        routing: CLEAN,
        coverage: Coverage::All,
        live_instead: None,
    });
    assert_eq!(of_objects(&plan), ["/docs/", "/docs", "/docs/index.html", "/docs/404.html"]);
    assert!(plan.checks.iter().any(|check| check.path == "/docs/.sitepush/manifest.json.gz"));
    assert_eq!(plan.checks.last().map(|check| check.manner), Some(Manner::PlainHttp));
    // The distribution looks for its error page elsewhere.
    let made_up = plan.checks.iter().find_map(|check| match &check.expected {
        Expected::Missing(Missing::MadeUp { error_page }) => Some(*error_page),
        _ => None,
    });
    assert_eq!(made_up, Some(None));
}

#[test]
fn what_left_is_asked_for_unless_another_page_answers_there() {
    let before = release(1, &[("a.html", 1), ("b/index.html", 2), ("c.css", 3)]);
    let gone: BTreeSet<ObjectKey> = before.objects.keys().cloned().collect();
    let plan = plan(&VerifyInput {
        site: SiteUrl::of_domain("d.example"),
        manifest: &release(2, &[("index.html", 9), ("a/index.html", 4)]),
        before: Some(&before),
        gone: &gone,
        mapping: &ViewerMapping::default(),
        routing: CLEAN,
        coverage: Coverage::All,
        live_instead: None,
    });
    let left =
        plan.checks.iter().filter(|check| matches!(&check.expected, Expected::Missing(Missing::Left { .. })));
    let left: Vec<&str> = left.map(|check| check.path.as_str()).collect();
    assert_eq!(left, ["/a.html", "/b/index.html", "/b/", "/b", "/c.css"]);
}

/// The keys of a sample.
fn sampled(manifest: &Manifest, before: Option<&Manifest>, count: usize) -> Vec<String> {
    let chosen = sample::choose(manifest, before, Coverage::Sample(count));
    chosen.objects.iter().map(|(key, _)| key.to_string()).collect()
}

#[test]
fn a_sample_has_what_changed_first_and_something_of_what_did_not() {
    let names: Vec<String> = (0..100).map(|number| format!("p{number}.html")).collect();
    let mut old: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    old.push(("index.html", 1));
    let mut new = old.clone();
    new[7].1 = 2;
    new[8].1 = 2;
    new.push(("new.css", 1));
    let (before, manifest) = (release(1, &old), release(2, &new));
    let sample = sampled(&manifest, Some(&before), 12);
    assert_eq!(sample.len(), 12);
    assert_eq!(sample[0], "index.html");
    let mut changed = sample[1..3].to_vec();
    changed.sort();
    assert_eq!(changed, ["p7.html", "p8.html"]);
    assert_eq!(sample[3], "new.css");
    assert_eq!(sampled(&manifest, Some(&before), 12), sample, "it is the same every time");
    let others = sampled(&release(3, &new), Some(&before), 12);
    assert_ne!(others, sample, "another release looks elsewhere");

    // Everything is new: the first release is asked for as much as there is room for.
    assert_eq!(sampled(&manifest, None, 12).len(), 12);
    let all_changed: Vec<(&str, u8)> = old.iter().map(|(name, _)| (*name, 3)).collect();
    let half: Vec<(&str, u8)> = all_changed
        .iter()
        .zip(&old)
        .enumerate()
        .map(|(index, (new, old))| if index < 50 { *new } else { *old })
        .collect();
    let sample = sampled(&release(2, &half), Some(&before), 12);
    let unchanged = sample.iter().filter(|name| {
        *name != "index.html" && half.iter().any(|(half, content)| half == name && *content == 1)
    });
    assert_eq!(unchanged.count(), 3, "a quarter is what did not change: {sample:?}");
    assert_eq!(sampled(&manifest, Some(&before), 1000).len(), manifest.objects.len());
}

#[test]
fn a_sample_leaves_out_what_is_large_and_says_how_much() {
    let mut manifest = release(1, &[("index.html", 1), ("film.mp4", 2)]);
    let film = ObjectKey::new("film.mp4").expect("a key");
    Arc::make_mut(manifest.objects.get_mut(&film).expect("it is there")).size_bytes = sample::LARGE_BYTES + 1;
    let chosen = sample::choose(&manifest, None, Coverage::Sample(10));
    assert_eq!((chosen.objects.len(), chosen.large_count), (1, 1));
    assert_eq!(sample::choose(&manifest, None, Coverage::All).objects.len(), 2);
}
