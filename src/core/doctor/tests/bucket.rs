//! Keys that objects are encrypted with, and how long earlier versions stay.

use super::*;

#[test]
fn a_kms_key_is_no_use_to_an_origin_access_identity_and_awss_own_to_no_distribution() {
    let with = |key: Option<&str>, access: Option<OriginAccess>| {
        let (mut facts, expected) = good();
        facts.bucket.encryption = kms(key);
        match access {
            Some(access) => {
                default_behavior(&mut facts).origin.as_mut().expect("there is one").access = access;
            }
            None => facts.distributions.clear(),
        }
        facts.aliases.clear();
        let mut found = found(&facts, &expected);
        found.retain(|text| text.ends_with("encryption"));
        found
    };
    let identity = || Some(OriginAccess::Identity { id: "E2QWRUHAPOMQZL".into() });
    assert_eq!(with(None, None), ["warning encryption"], "nobody is known to show it");
    assert_eq!(with(Some("alias/site"), None), ["warning encryption"]);
    assert_eq!(with(Some("alias/site"), identity()), ["problem encryption"]);
    assert_eq!(with(None, identity()), ["problem encryption"]);
}

#[test]
fn versions_of_one_folder_that_are_soon_gone_shorten_the_way_back() {
    let with_rule = |prefix: &str| {
        let (mut facts, expected) = good();
        let short = LifecycleRule {
            id: "short".into(),
            is_enabled: true,
            prefix: prefix.into(),
            noncurrent_days: Some(1),
            ..LifecycleRule::default()
        };
        match &mut facts.bucket.lifecycle {
            Reading::Known(rules) => rules.push(short),
            other => panic!("{other:?}"),
        }
        found(&facts, &expected)
    };
    assert_eq!(with_rule("assets/"), ["warning lifecycle"]);
    assert_eq!(with_rule(".sitepush/"), Vec::<String>::new(), "no rollback reads earlier records");
}

#[test]
fn versions_that_are_kept_by_their_number_are_a_way_back() {
    let (mut facts, expected) = good();
    rule(&mut facts).noncurrent_days = Some(1);
    rule(&mut facts).noncurrent_versions_kept = 50;
    assert_eq!(found(&facts, &expected), Vec::<String>::new());
    let findings = examine(&facts, &expected);
    let told = findings.iter().find(|finding| finding.check == "lifecycle").expect("it is checked");
    assert_eq!(told.what, "earlier versions are kept for one day, and the last 50 of each file longer");
    // Of two rules, the one that leaves less counts.
    match &mut facts.bucket.lifecycle {
        Reading::Known(rules) => rules.push(LifecycleRule {
            is_enabled: true,
            prefix: "assets/".into(),
            noncurrent_days: Some(6),
            ..LifecycleRule::default()
        }),
        other => panic!("{other:?}"),
    }
    assert_eq!(found(&facts, &expected), ["warning lifecycle"]);
}
