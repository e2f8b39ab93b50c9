//! Cache behaviors beside the default one: what they hide, and whether they show pages as the default one does.

use std::collections::BTreeSet;

use super::*;

/// Another behavior for these paths, as the default one is but for a change.
fn path_behavior(facts: &mut Facts, pattern: &str, change: impl FnOnce(&mut BehaviorSetup)) {
    let mut own = behavior();
    change(&mut own);
    let target = PathTarget::Bucket(Box::new(own));
    setup(facts).path_behaviors.push(PathBehavior { pattern: pattern.into(), target });
}

fn leads_elsewhere(facts: &mut Facts, pattern: &str) {
    let target = PathTarget::Elsewhere { host: "lb.example.com".into() };
    setup(facts).path_behaviors.push(PathBehavior { pattern: pattern.into(), target });
}

fn told_of_behaviors(facts: &Facts, expected: &Expected) -> String {
    let findings = examine(facts, expected);
    findings.into_iter().find(|finding| finding.check == "behaviors").expect("it is checked").what
}

#[test]
fn what_leads_elsewhere_is_a_warning_where_it_hides_files_of_the_release() {
    let hides = |patterns: &[&str]| {
        let (mut facts, expected) = good();
        patterns.iter().for_each(|pattern| leads_elsewhere(&mut facts, pattern));
        (found(&facts, &expected), told_of_behaviors(&facts, &expected))
    };
    for pattern in ["/api/*", "/doc", "/Docs/*", "*.png", "style.css.map", "/docs/???"] {
        assert_eq!(hides(&[pattern]).0, Vec::<String>::new(), "{pattern}");
    }
    for (pattern, words) in [
        ("/docs/*", "nobody sees `docs/a.html` and one other file"),
        ("docs/*", "`docs/a.html`"),
        ("/docs/?", "nobody sees `docs/a.html` and one other file"),
        ("/docs/b", "`docs/b.html` of"),
        ("*.css", "`style.css` of"),
        ("/about*", "`about/index.html` of"),
        ("*", "`index.html` and 4 other files"),
    ] {
        let (found, what) = hides(&[pattern]);
        assert_eq!(found, ["warning behaviors"], "{pattern}");
        assert!(what.contains(words) && what.contains("lb.example.com"), "{pattern}: {what}");
    }
    // The first that fits decides.
    let (found, what) = hides(&["/docs/a*", "/docs/*"]);
    assert_eq!(found, ["warning behaviors"; 2], "{what}");
    assert!(what.contains("`/docs/a*` leads to lb.example.com: nobody sees `docs/a.html` of"), "{what}");
}

#[test]
fn a_behavior_for_pages_shows_them_as_the_default_one_does() {
    let with = |pattern: &str, change: fn(&mut BehaviorSetup)| {
        let (mut facts, expected) = good();
        path_behavior(&mut facts, pattern, change);
        found(&facts, &expected)
    };
    let none = Vec::<String>::new();
    let (warning, problem) = (["warning behaviors"], ["problem behaviors"]);
    assert_eq!(with("/docs/*", |_| {}), none);
    assert_eq!(with("/docs/*", |own| own.function = Reading::Absent), problem);
    // A file's own path needs no function, and neither does what the release does not have.
    assert_eq!(with("*.css", |own| own.function = Reading::Absent), none);
    assert_eq!(with("/index.html", |own| own.function = Reading::Absent), none);
    assert_eq!(with("/old/*", |own| own.viewer_protocol = "allow-all".into()), none);
    assert_eq!(with("/docs/*", |own| own.viewer_protocol = "allow-all".into()), problem);
    assert_eq!(with("/docs/*", |own| own.caching = Reading::Absent), problem);
    assert_eq!(with("/docs/*", |own| own.caching = Reading::Known(Caching::Legacy)), warning);
    assert_eq!(with("/docs/*", |own| own.caching = denied()), warning);
    assert_eq!(with("/docs/*", |own| own.compresses = false), warning);
    assert_eq!(with("*.css", |own| own.compresses = false), none, "somebody may have packed it already");
    assert_eq!(with("/docs/*", |own| origin_of(own).access = OriginAccess::None), problem);
    assert_eq!(with("/docs/*", |own| origin_of(own).path = "/elsewhere".into()), warning, "it is hidden");
    assert_eq!(with("/old/*", |own| origin_of(own).path = "/elsewhere".into()), none);
    assert_eq!(with("/docs/*", |own| own.origin_request = all_viewer()), problem);
    assert_eq!(with("/docs/*", |own| own.origin_request = Reading::Absent), none);
    assert_eq!(with("/docs/*", |own| own.wants_signatures = true), none, "a part for some visitors");
    let harmful = |own: &mut BehaviorSetup| {
        let removed = BTreeSet::from(["cache-control".to_owned()]);
        let policy = ResponseHeaders { name: "harmful".into(), removed, ..ResponseHeaders::default() };
        own.response_headers = Reading::Known(policy);
    };
    assert_eq!(with("/docs/*", harmful), problem);
    assert_eq!(with("/docs/*", |own| policy_of(own).min_ttl_seconds = 60), problem);
    assert_eq!(with("/docs/*", |own| policy_of(own).max_ttl_seconds = 0), warning);
    assert_eq!(with("/docs/*", |own| policy_of(own).key.cookies = "all".into()), warning);
    // Another name for the same code is the same function.
    let renamed = |own: &mut BehaviorSetup| match &mut own.function {
        Reading::Known(function) => function.name = "other".into(),
        other => panic!("{other:?}"),
    };
    assert_eq!(with("/docs/*", renamed), none);
    let other = |own: &mut BehaviorSetup| match &mut own.function {
        Reading::Known(function) => {
            function.name = "other".into();
            function.code = Reading::Known("older".into());
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(with("/docs/*", other), problem);
}

#[test]
fn before_the_first_push_a_behavior_is_judged_by_what_it_would_do() {
    let with = |change: fn(&mut BehaviorSetup)| {
        let (mut facts, expected) = good();
        facts.state.release = Reading::Absent;
        facts.state.live_keys.clear();
        path_behavior(&mut facts, "/docs/*", change);
        leads_elsewhere(&mut facts, "/api/*");
        found(&facts, &expected)
    };
    assert_eq!(with(|_| {}), Vec::<String>::new());
    assert_eq!(with(|own| policy_of(own).min_ttl_seconds = 60), ["problem behaviors"]);
    assert_eq!(
        with(|own| own.function = Reading::Absent),
        Vec::<String>::new(),
        "nobody knows of pages there"
    );
}

fn origin_of(behavior: &mut BehaviorSetup) -> &mut OriginSetup {
    behavior.origin.as_mut().expect("there is one")
}

fn policy_of(behavior: &mut BehaviorSetup) -> &mut CachePolicy {
    match &mut behavior.caching {
        Reading::Known(Caching::Policy(policy)) => policy,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_site_may_have_a_part_of_a_distribution() {
    // `/docs/*` of a distribution whose other paths are an application's.
    let with = |pattern: &str, change: fn(&mut BehaviorSetup)| {
        let (mut facts, mut expected) = good();
        expected.prefix = KeyPrefix::new("docs").expect("a prefix");
        path_behavior(&mut facts, pattern, change);
        setup(&mut facts).default_root_object = String::new();
        let default = default_behavior(&mut facts);
        origin_of(default).domain_name = "lb.example.com".into();
        default.function = Reading::Absent;
        default.response_headers = Reading::Absent;
        policy_of(default).max_ttl_seconds = 0;
        (found(&facts, &expected), told_of_behaviors(&facts, &expected))
    };
    assert_eq!(with("/docs/*", |_| {}).0, Vec::<String>::new());
    assert_eq!(with("/docs/*", |own| policy_of(own).max_ttl_seconds = 0).0, ["warning cache-policy"]);
    assert_eq!(with("/docs/*", |own| own.function = Reading::Absent).0, ["problem function"]);
    // What the other behavior does not take in, the application answers.
    let (found, what) = with("/docs/docs/*", |_| {});
    assert_eq!(found, ["warning behaviors"]);
    assert!(
        what.starts_with("the default behavior leads to lb.example.com: nobody sees `index.html` and 2"),
        "{what}"
    );
    // Where no behavior leads to the bucket, the default one is told.
    let (found, _) = with("/docs/*", |own| origin_of(own).domain_name = "other.example.com".into());
    assert!(found.contains(&"problem origin".to_owned()), "{found:?}");
}
