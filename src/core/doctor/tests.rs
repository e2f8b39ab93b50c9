//! Each check both ways: nothing is found in a good set-up, and one change of it is found as one thing.

mod behaviors;
mod bucket;
mod names;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::core::domain::certificate::{Certificate, CertificateStatus, Issuance, KeyAlgorithm};
use crate::core::domain::distribution::{ProtocolFloor, ViewerCertificate};
use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;
use crate::core::edge_settings::{Routing, TrailingSlash};
use crate::core::invalidation::UrlStyle;
use crate::core::key::{KeyPrefix, ObjectKey};

const STORE: &str = "arn:aws:cloudfront::123456789012:key-value-store/1";
const ARN: &str = "arn:aws:cloudfront::123456789012:distribution/E1";

fn now() -> Timestamp {
    "2026-11-27T00:00:00Z".parse().expect("a time")
}

fn name(text: &str) -> DnsName {
    DnsName::parse(text).expect("a name")
}

fn records(texts: &[&str]) -> DnsAnswer {
    DnsAnswer::Records(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn policy() -> Value {
    let service = json!({ "Service": "cloudfront.amazonaws.com" });
    let ours = json!({ "StringEquals": { "AWS:SourceArn": ARN } });
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": service, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*", "Condition": ours },
        { "Effect": "Allow", "Principal": service, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::site", "Condition": ours },
        { "Effect": "Deny", "Principal": service, "Action": "s3:GetObject",
          "Resource": ["arn:aws:s3:::site/.sitepush/*", "arn:aws:s3:::site/*/.sitepush/*"] },
        { "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"],
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ]})
}

fn certificate() -> Certificate {
    Certificate {
        arn: "arn:aws:acm:us-east-1:123456789012:certificate/1".into(),
        names: BTreeSet::from([name("example.com"), name("*.example.com")]),
        status: CertificateStatus::Issued,
        key_algorithm: KeyAlgorithm::Rsa2048,
        issuance: Issuance::Amazon,
        is_validated_by_dns: true,
        validations: Vec::new(),
        not_before: None,
        not_after: Some("2027-06-01T00:00:00Z".parse().expect("a time")),
        in_use_by: Vec::new(),
        failure: None,
        requested_for: None,
    }
}

fn behavior() -> BehaviorSetup {
    let control = OriginAccessControl { origin_type: "s3".into(), signing_behavior: "always".into() };
    BehaviorSetup {
        origin: Some(OriginSetup {
            domain_name: "site.s3.eu-west-1.amazonaws.com".into(),
            path: String::new(),
            access: OriginAccess::Control(Reading::Known(control)),
        }),
        compresses: true,
        viewer_protocol: "redirect-to-https".into(),
        caching: Reading::Known(Caching::Policy(CachePolicy {
            name: "site".into(),
            min_ttl_seconds: 0,
            max_ttl_seconds: 31_536_000,
            accepts_gzip: true,
            accepts_brotli: true,
            key: CacheKey { headers: "none".into(), cookies: "none".into(), query: "none".into() },
            forwards_host: false,
        })),
        origin_request: Reading::Known(OriginRequest { name: "cors".into(), forwards_host: false }),
        wants_signatures: false,
        function: Reading::Known(FunctionFacts {
            name: "routing".into(),
            code: Reading::Known("code\n".into()),
            store_arns: Reading::Known(vec![STORE.into()]),
        }),
        response_headers: Reading::Known(ResponseHeaders { name: "careful".into(), ..Default::default() }),
    }
}

fn distribution() -> DistributionSetup {
    DistributionSetup {
        arn: ARN.into(),
        domain_name: "d1.cloudfront.net".into(),
        is_enabled: true,
        is_deployed: true,
        default_root_object: "index.html".into(),
        http_version: "http2and3".into(),
        aliases: vec![name("www.example.com")],
        certificate: ViewerCertificate::Acm {
            arn: certificate().arn,
            is_sni: true,
            floor: ProtocolFloor::recommended(),
        },
        default_behavior: behavior(),
        path_behaviors: Vec::new(),
        error_responses: Vec::new(),
        cache_tag_header: Some("x-amz-meta-cache-tag".into()),
        invalidations_in_progress: Reading::Known(InvalidationCount { count: 0, is_all: true }),
    }
}

fn good() -> (Facts, Expected) {
    let facts = Facts {
        identity: IdentityFacts {
            caller: Reading::Known(CallerIdentity {
                account: "123456789012".into(),
                arn: "arn:aws:iam::1:user/a".into(),
            }),
            refusal: None,
            expires: None,
            clock_skew: Some(SignedDuration::ZERO),
            now: now(),
        },
        bucket: BucketFacts {
            region: Reading::Known("eu-west-1".into()),
            elsewhere: None,
            refusal: None,
            public_access_block: Reading::Known(PublicAccessBlock {
                blocks_public_acls: true,
                ignores_public_acls: true,
                blocks_public_policy: true,
                restricts_public_buckets: true,
            }),
            object_ownership: Reading::Known("BucketOwnerEnforced".into()),
            versioning: Reading::Known(Versioning::Enabled),
            encryption: Reading::Known(Encryption::S3),
            policy: Reading::Known(policy().to_string()),
            lifecycle: Reading::Known(vec![LifecycleRule {
                id: "forget".into(),
                is_enabled: true,
                noncurrent_days: Some(90),
                aborts_uploads: true,
                ..LifecycleRule::default()
            }]),
        },
        distributions: BTreeMap::from([("E1".to_owned(), Reading::Known(distribution()))]),
        aliases: BTreeMap::from([(
            name("www.example.com"),
            AliasFacts {
                distribution_id: "E1".into(),
                certificate: Reading::Known(certificate()),
                addresses: AddressAnswers {
                    v4: records(&["192.0.2.1", "192.0.2.2"]),
                    v6: records(&["2001:db8:1::1"]),
                },
                distribution_addresses: AddressAnswers {
                    v4: records(&["192.0.2.2"]),
                    v6: records(&["2001:db8:2::1", "2001:db8:2::2"]),
                },
                closer: None,
                asked_zone: None,
            },
        )]),
        state: StateFacts {
            release: Reading::Known("20261127T000000Z-1a2b3c4".into()),
            live_keys: ["index.html", "about/index.html", "docs/a.html", "docs/b.html", "style.css"]
                .map(|key| ObjectKey::new(key).expect("a key"))
                .to_vec(),
            damage: None,
            release_count: 3,
            live_bytes: 10_000_000_000,
            kept_bytes: 0,
            kept_count: 0,
            lock: LockFacts::Free,
            debt_count: 0,
            store: StoreFacts { wanted: Some("{}".into()), found: Some(Reading::Known("{}".into())) },
        },
    };
    let expected = Expected {
        bucket: "site".into(),
        prefix: KeyPrefix::default(),
        site_host: Some("www.example.com".into()),
        domains: vec![name("www.example.com")],
        store_arn: Some(STORE.into()),
        routing: Routing {
            url_style: UrlStyle::Clean,
            trailing_slash: TrailingSlash::Keep,
            is_single_page: false,
        },
        function_code: "code".into(),
        now: now(),
    };
    (facts, expected)
}

/// What is not ok, as `STATUS CHECK`.
fn found(facts: &Facts, expected: &Expected) -> Vec<String> {
    let findings = examine(facts, expected).into_iter().filter(|finding| finding.status != Status::Ok);
    let shown = |finding: Finding| {
        assert!(finding.remedy.is_some(), "no remedy: {finding:?}");
        let status = serde_json::to_value(finding.status).expect("a text");
        format!("{} {}", status.as_str().expect("a text"), finding.check)
    };
    findings.map(shown).collect()
}

type Change = fn(&mut Facts, &mut Expected);

fn setup(facts: &mut Facts) -> &mut DistributionSetup {
    match facts.distributions.get_mut("E1") {
        Some(Reading::Known(setup)) => setup,
        other => panic!("{other:?}"),
    }
}

fn default_behavior(facts: &mut Facts) -> &mut BehaviorSetup {
    &mut setup(facts).default_behavior
}

fn cache_policy(facts: &mut Facts) -> &mut CachePolicy {
    match &mut default_behavior(facts).caching {
        Reading::Known(Caching::Policy(policy)) => policy,
        other => panic!("{other:?}"),
    }
}

fn function(facts: &mut Facts) -> &mut FunctionFacts {
    match &mut default_behavior(facts).function {
        Reading::Known(function) => function,
        other => panic!("{other:?}"),
    }
}

fn alias(facts: &mut Facts) -> &mut AliasFacts {
    facts.aliases.values_mut().next().expect("there is one")
}

fn response_headers(facts: &mut Facts) -> &mut ResponseHeaders {
    match &mut default_behavior(facts).response_headers {
        Reading::Known(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn adds(facts: &mut Facts, name: &str, value: &str, overrides: bool) {
    let added = AddedHeader { value: value.into(), overrides };
    response_headers(facts).added.insert(name.into(), added);
}

fn removes(facts: &mut Facts, names: &[&str]) {
    response_headers(facts).removed.extend(names.iter().map(|name| (*name).to_owned()));
}

fn public_access_block(facts: &mut Facts) -> &mut PublicAccessBlock {
    match &mut facts.bucket.public_access_block {
        Reading::Known(block) => block,
        other => panic!("{other:?}"),
    }
}

fn rule(facts: &mut Facts) -> &mut LifecycleRule {
    match &mut facts.bucket.lifecycle {
        Reading::Known(rules) => &mut rules[0],
        other => panic!("{other:?}"),
    }
}

fn all_viewer() -> Reading<OriginRequest> {
    Reading::Known(OriginRequest { name: "Managed-AllViewer".into(), forwards_host: true })
}

fn kms(key: Option<&str>) -> Reading<Encryption> {
    Reading::Known(Encryption::Kms { key: key.map(str::to_owned) })
}

fn denied<T>() -> Reading<T> {
    Reading::Denied { action: "s3:Something".into() }
}

fn certified(facts: &mut Facts, change: impl Fn(&mut Certificate)) {
    let mut certificate = certificate();
    change(&mut certificate);
    alias(facts).certificate = Reading::Known(certificate);
}

#[test]
fn nothing_is_found_in_a_good_set_up() {
    let (facts, expected) = good();
    assert_eq!(found(&facts, &expected), Vec::<String>::new());
    let (mut facts, expected) = good();
    facts.state.release = Reading::Absent;
    assert_eq!(found(&facts, &expected), Vec::<String>::new(), "before the first push");
    let (mut facts, expected) = good();
    alias(&mut facts).addresses.v6 = DnsAnswer::NoRecords;
    assert_eq!(found(&facts, &expected), Vec::<String>::new(), "a name by IPv4 alone");
}

#[test]
fn one_change_is_found_as_one_thing() {
    let cases: &[(&str, Change)] = &[
        ("problem credentials", |f, _| f.identity.caller = Reading::Absent),
        ("unknown credentials", |f, _| f.identity.caller = Reading::Unsupported),
        ("problem expiry", |f, _| f.identity.expires = Some(now())),
        ("warning expiry", |f, _| f.identity.expires = Some(now() + SignedDuration::from_mins(14))),
        ("unknown clock", |f, _| f.identity.clock_skew = None),
        ("problem clock", |f, _| f.identity.clock_skew = Some(SignedDuration::from_mins(-15))),
        ("warning clock", |f, _| f.identity.clock_skew = Some(SignedDuration::from_mins(8))),
        ("warning bucket", |f, _| f.bucket.region = denied()),
        ("problem bucket", |f, _| f.bucket.elsewhere = Some("the bucket is in eu-west-2".into())),
        ("warning public-access", |f, _| f.bucket.public_access_block = Reading::Absent),
        ("warning public-access", |f, _| f.bucket.public_access_block = denied()),
        ("warning acls", |f, _| f.bucket.object_ownership = Reading::Absent),
        ("problem versioning", |f, _| f.bucket.versioning = Reading::Known(Versioning::NeverEnabled)),
        ("problem versioning", |f, _| f.bucket.versioning = Reading::Known(Versioning::Suspended)),
        ("unknown versioning", |f, _| f.bucket.versioning = Reading::Unsupported),
        ("warning encryption", |f, _| f.bucket.encryption = Reading::Absent),
        ("problem encryption", |f, _| f.bucket.encryption = kms(None)),
        ("problem encryption", |f, _| {
            f.bucket.encryption = kms(Some("arn:aws:kms:eu-west-1:123456789012:alias/aws/s3"));
        }),
        ("warning encryption", |f, _| f.bucket.encryption = kms(Some("alias/site"))),
        ("warning encryption", |f, _| f.bucket.encryption = Reading::Known(Encryption::Other("x".into()))),
        ("problem policy", |f, _| f.bucket.policy = Reading::Absent),
        ("unknown policy", |f, _| f.bucket.policy = Reading::Known("{".into())),
        ("warning policy", |f, _| f.bucket.policy = denied()),
        ("warning lifecycle", |f, _| f.bucket.lifecycle = Reading::Absent),
        ("warning lifecycle", |f, _| rule(f).is_enabled = false),
        ("warning lifecycle", |f, _| rule(f).prefix = "old/".into()),
        ("warning lifecycle", |f, _| rule(f).noncurrent_days = Some(6)),
        ("warning lifecycle", |f, _| {
            rule(f).noncurrent_days = Some(1);
            rule(f).noncurrent_versions_kept = 4;
        }),
        ("warning lifecycle", |f, _| rule(f).aborts_uploads = false),
        ("problem lifecycle", |f, _| rule(f).deletes_current = true),
        ("problem lifecycle", |f, _| rule(f).archives_current = Some("GLACIER".into())),
        ("warning lifecycle", |f, _| rule(f).archives_noncurrent = Some("DEEP_ARCHIVE".into())),
        ("warning lifecycle", |f, _| {
            rule(f).deletes_current = true;
            rule(f).goes_by_size = true;
        }),
        // It bounds the life of some versions only.
        ("warning lifecycle", |f, _| rule(f).goes_by_size = true),
        ("problem enabled", |f, _| setup(f).is_enabled = false),
        ("problem origin", |f, _| default_behavior(f).origin = None),
        ("problem root-object", |f, _| setup(f).default_root_object = "home.html".into()),
        ("problem cache-policy", |f, _| cache_policy(f).min_ttl_seconds = 2),
        ("warning cache-policy", |f, _| cache_policy(f).max_ttl_seconds = 0),
        ("warning cache-policy", |f, _| cache_policy(f).max_ttl_seconds = 86_400),
        ("warning cache-policy", |f, _| default_behavior(f).caching = Reading::Known(Caching::Legacy)),
        ("problem cache-policy", |f, _| default_behavior(f).caching = Reading::Absent),
        ("warning cache-key", |f, _| cache_policy(f).key.headers = "whitelist".into()),
        ("warning compression", |f, _| default_behavior(f).compresses = false),
        ("warning compression", |f, _| cache_policy(f).accepts_brotli = false),
        ("warning response-headers", |f, _| default_behavior(f).response_headers = denied()),
        ("problem response-headers", |f, _| adds(f, "cache-control", "max-age=60", true)),
        ("warning response-headers", |f, _| adds(f, "cache-control", "no-store", true)),
        ("problem response-headers", |f, _| adds(f, "content-type", "text/html", true)),
        ("problem response-headers", |f, _| removes(f, &["cache-control"])),
        ("problem response-headers", |f, _| adds(f, "content-disposition", "attachment", true)),
        ("problem response-headers", |f, _| removes(f, &["content-type"])),
        ("warning response-headers", |f, _| removes(f, &["content-disposition"])),
        ("warning response-headers", |f, _| removes(f, &["etag", "last-modified"])),
        ("problem origin-request", |f, _| default_behavior(f).origin_request = all_viewer()),
        ("warning origin-request", |f, _| default_behavior(f).origin_request = denied()),
        ("problem origin-request", |f, _| cache_policy(f).forwards_host = true),
        ("warning visitors", |f, _| default_behavior(f).wants_signatures = true),
        ("warning http-versions", |f, _| setup(f).http_version = "http2".into()),
        ("problem https", |f, _| default_behavior(f).viewer_protocol = "allow-all".into()),
        ("problem function", |f, _| default_behavior(f).function = Reading::Absent),
        ("problem function", |f, _| {
            function(f).code = Reading::Absent;
            function(f).store_arns = Reading::Absent;
        }),
        ("problem function", |f, _| function(f).code = Reading::Known("older".into())),
        ("problem store", |f, _| function(f).store_arns = Reading::Known(Vec::new())),
        ("problem store-entry", |f, _| f.state.store.found = Some(Reading::Absent)),
        ("problem store-entry", |f, _| {
            f.state.store.found = Some(Reading::Known("{\"pages\":\"html\"}".into()));
        }),
        ("warning cache-tags", |f, _| setup(f).cache_tag_header = Some("cache-tag".into())),
        ("warning invalidations", |f, _| setup(f).invalidations_in_progress = denied()),
        ("problem aliases", |_, e| e.site_host = Some("example.org".into())),
        ("problem aliases", |_, e| e.domains.push(name("example.com"))),
        ("warning tls", |f, _| {
            let floor = ProtocolFloor("TLSv1".into());
            setup(f).certificate = ViewerCertificate::Acm { arn: certificate().arn, is_sni: true, floor };
        }),
        ("problem certificate", |f, _| setup(f).certificate = ViewerCertificate::CloudFronts),
        ("warning certificate", |f, _| {
            setup(f).certificate = ViewerCertificate::Iam { id: "ASCAEXAMPLE".into() };
        }),
        ("problem certificate", |f, _| alias(f).certificate = Reading::Absent),
        ("problem certificate", |f, _| {
            certified(f, |found| found.names = BTreeSet::from([name("example.com")]));
        }),
        ("problem certificate", |f, _| certified(f, |found| found.status = CertificateStatus::Revoked)),
        ("problem certificate-end", |f, _| certified(f, |found| found.not_after = Some(now()))),
        ("warning certificate-end", |f, _| {
            certified(f, |found| found.not_after = Some(now() + SignedDuration::from_hours(24 * 29)));
        }),
        ("problem certificate-end", |f, _| {
            certified(f, |found| found.not_after = Some(now() + SignedDuration::from_hours(24 * 6)));
        }),
        ("problem dns", |f, _| alias(f).addresses.v4 = DnsAnswer::NoSuchName),
        ("problem dns", |f, _| alias(f).addresses.v4 = DnsAnswer::Failed("SERVFAIL".into())),
        ("warning dns", |f, _| alias(f).addresses.v4 = records(&["198.51.100.1"])),
        ("unknown dns", |f, _| alias(f).addresses.v4 = DnsAnswer::NoAnswer("timed out".into())),
        ("warning dns", |f, _| alias(f).addresses.v4 = DnsAnswer::NoRecords),
        ("problem dns", |f, _| {
            alias(f).addresses = AddressAnswers { v4: DnsAnswer::NoRecords, v6: DnsAnswer::NoRecords };
        }),
        ("warning dns", |f, _| alias(f).addresses.v6 = records(&["2001:db9::1"])),
        ("warning dns", |f, _| alias(f).distribution_addresses.v6 = DnsAnswer::NoRecords),
        ("unknown dns", |f, _| alias(f).addresses.v6 = DnsAnswer::Failed("SERVFAIL".into())),
        ("unknown dns", |f, _| {
            alias(f).distribution_addresses.v6 = DnsAnswer::NoAnswer("timed out".into());
        }),
        ("problem record", |f, _| {
            f.state.damage = Some(Damage { what: "it is cut".into(), remedy: "mend it".into() });
        }),
        ("problem record", |f, _| f.state.release = denied()),
        ("warning lock", |f, _| {
            f.state.lock = LockFacts::Unfinished { why: "a run was not finished".into() }
        }),
        ("warning lock", |f, _| f.state.lock = LockFacts::Held { holder: "ann@laptop".into(), until: now() }),
        ("warning debts", |f, _| f.state.debt_count = 1),
    ];
    for (wanted, change) in cases {
        let (mut facts, mut expected) = good();
        change(&mut facts, &mut expected);
        assert_eq!(found(&facts, &expected), [*wanted]);
    }
}

#[test]
fn error_pages_lie_with_200_and_with_a_redirect_and_not_with_their_own_code() {
    let with = |code: i32, response: Option<&str>, min_ttl_seconds: i64| {
        let (mut facts, expected) = good();
        let response_code = response.map(str::to_owned);
        let page = Some("/404.html".to_owned());
        setup(&mut facts).error_responses =
            vec![ErrorResponse { error_code: code, response_code, page, min_ttl_seconds }];
        found(&facts, &expected)
    };
    for code in [403, 404] {
        assert_eq!(with(code, Some("200"), 10), ["problem error-pages"]);
        assert_eq!(with(code, Some("302"), 10), ["problem error-pages"]);
        assert_eq!(with(code, Some("404"), 61), ["warning error-pages"]);
        assert_eq!(with(code, Some("404"), 60), Vec::<String>::new());
        assert_eq!(with(code, None, 10), Vec::<String>::new());
    }
    assert_eq!(
        with(503, Some("200"), 10),
        Vec::<String>::new(),
        "what fails is no matter of what is missing"
    );
}

#[test]
fn headers_that_only_fill_a_gap_are_no_harm_and_those_for_careful_browsers_are_told() {
    let (mut facts, expected) = good();
    adds(&mut facts, "cache-control", "max-age=60", false);
    adds(&mut facts, "x-frame-options", "DENY", true);
    removes(&mut facts, &["x-amz-version-id", "etag"]);
    assert_eq!(found(&facts, &expected), Vec::<String>::new(), "every object has a Cache-Control");
    let told = |facts: &Facts| {
        let findings = examine(facts, &expected);
        findings.into_iter().find(|finding| finding.check == "security-headers").expect("it is told").what
    };
    let text = told(&facts);
    assert!(text.starts_with("`x-frame-options` added; there are `strict-transport-security`"), "{text}");
    default_behavior(&mut facts).response_headers = Reading::Absent;
    assert_eq!(found(&facts, &expected), Vec::<String>::new());
    assert!(told(&facts).starts_with("none is added"), "{}", told(&facts));
    // What is taken away and put back is replaced.
    let (mut facts, expected) = good();
    adds(&mut facts, "cache-control", "no-store", false);
    removes(&mut facts, &["cache-control"]);
    assert_eq!(found(&facts, &expected), ["warning response-headers"]);
}

#[test]
fn credentials_that_s3_refuses_are_told_alone_though_nobody_knows_whose_they_are() {
    let (mut facts, expected) = good();
    facts.identity.caller = Reading::Unsupported;
    facts.bucket.refusal = Some("SignatureDoesNotMatch".into());
    facts.bucket.versioning = Reading::Failed { why: "SignatureDoesNotMatch".into() };
    let findings = examine(&facts, &expected);
    assert_eq!(findings[0].what, "there are none that are valid: SignatureDoesNotMatch");
    assert_eq!(found(&facts, &expected), ["problem credentials"]);
}

#[test]
fn what_follows_from_a_missing_bucket_is_not_told_beside_it() {
    for change in [
        |facts: &mut Facts| facts.bucket.region = Reading::Absent,
        |facts: &mut Facts| facts.bucket.elsewhere = Some("the bucket is in eu-west-2".into()),
    ] {
        let (mut facts, expected) = good();
        change(&mut facts);
        facts.state.release = Reading::Failed { why: "NoSuchBucket".into() };
        assert_eq!(found(&facts, &expected), ["problem bucket"]);
    }
}

#[test]
fn a_target_without_a_distribution_is_told_what_was_not_looked_at() {
    let (mut facts, expected) = good();
    facts.distributions.clear();
    facts.aliases.clear();
    assert!(found(&facts, &expected).contains(&"warning distribution".to_owned()));
}

#[test]
fn what_is_no_id_of_a_distribution_is_told_what_one_looks_like() {
    let remedy = |id: &str| {
        let (mut facts, expected) = good();
        facts.distributions = BTreeMap::from([(id.to_owned(), Reading::Absent)]);
        let findings = examine(&facts, &expected);
        let found = findings.into_iter().find(|found| found.check == "enabled").expect("it is told");
        found.remedy.expect("a remedy")
    };
    assert!(remedy("https://d111111abcdef8.cloudfront.net").contains("an id looks like `E1EXAMPLE`"));
    assert!(!remedy("E1EXAMPLE").contains("looks like"));
}

#[test]
fn bad_credentials_and_a_bad_clock_are_told_alone_and_why() {
    let (mut facts, expected) = good();
    facts.identity.caller = Reading::Absent;
    facts.identity.refusal = Some("ExpiredToken: it has expired".into());
    facts.bucket.versioning = Reading::Known(Versioning::NeverEnabled);
    let findings = examine(&facts, &expected);
    assert!(findings.iter().all(|finding| finding.subject == Subject::Identity), "{findings:?}");
    assert_eq!(findings[0].what, "there are none that are valid: ExpiredToken: it has expired");
    facts.identity.caller = Reading::Failed { why: "RequestExpired".into() };
    facts.identity.clock_skew = Some(SignedDuration::from_mins(-16));
    assert_eq!(found(&facts, &expected), ["unknown credentials", "problem clock"]);
    // Who is answered all the same is told everything.
    let (mut facts, expected) = good();
    facts.identity.clock_skew = Some(SignedDuration::from_mins(16));
    facts.bucket.versioning = Reading::Known(Versioning::NeverEnabled);
    assert_eq!(found(&facts, &expected), ["problem clock", "problem versioning"]);
}

#[test]
fn what_is_needed_of_a_function_depends_on_the_settings() {
    let (mut facts, mut expected) = good();
    expected.store_arn = None;
    assert_eq!(found(&facts, &expected), ["warning store"], "nobody writes what it reads");
    default_behavior(&mut facts).function = Reading::Absent;
    assert_eq!(found(&facts, &expected), ["warning function"], "clean paths find no page");
    expected.routing.url_style = UrlStyle::Exact;
    assert_eq!(found(&facts, &expected), Vec::<String>::new());
}

#[test]
fn the_edge_function_finds_the_root_page_too() {
    let without_root_object = |change: fn(&mut Facts)| {
        let (mut facts, expected) = good();
        setup(&mut facts).default_root_object = String::new();
        change(&mut facts);
        found(&facts, &expected)
    };
    assert_eq!(without_root_object(|_| {}), Vec::<String>::new());
    let no_page = ["problem root-object", "problem function"];
    assert_eq!(without_root_object(|f| function(f).code = Reading::Known("older".into())), no_page);
    assert_eq!(without_root_object(|f| function(f).code = Reading::Absent), no_page);
    assert_eq!(without_root_object(|f| default_behavior(f).function = Reading::Absent), no_page);
}

#[test]
fn an_origin_shows_the_bucket_and_the_folder_that_the_target_is_in() {
    let with = |domain_name: &str, path: &str, prefix: &str| {
        let (mut facts, mut expected) = good();
        let origin = default_behavior(&mut facts).origin.as_mut().expect("there is one");
        origin.domain_name = domain_name.to_owned();
        origin.path = path.to_owned();
        expected.prefix = KeyPrefix::new(prefix).expect("a prefix");
        found(&facts, &expected)
    };
    let none = Vec::<String>::new();
    assert_eq!(with("site.s3.eu-west-1.amazonaws.com", "", ""), none);
    assert_eq!(with("site.s3.amazonaws.com", "/docs", "docs"), none);
    assert_eq!(with("site.s3-eu-west-1.amazonaws.com", "/docs", "docs/v2"), none);
    for (domain, path, prefix) in [
        ("site.s3.amazonaws.com", "/docs", ""),
        ("site.s3.amazonaws.com", "/docs", "docs2"),
        ("site2.s3.amazonaws.com", "", ""),
        ("site.s3-website-eu-west-1.amazonaws.com", "", ""),
        ("site.example.com", "", ""),
    ] {
        assert_eq!(with(domain, path, prefix), ["problem origin"], "{domain}{path}");
    }
}

#[test]
fn access_to_the_bucket_is_signed_always() {
    let with = |access: OriginAccess| {
        let (mut facts, expected) = good();
        default_behavior(&mut facts).origin.as_mut().expect("there is one").access = access;
        found(&facts, &expected)
    };
    let control = |origin_type: &str, signing_behavior: &str| {
        let (origin_type, signing_behavior) = (origin_type.to_owned(), signing_behavior.to_owned());
        OriginAccess::Control(Reading::Known(OriginAccessControl { origin_type, signing_behavior }))
    };
    assert_eq!(with(OriginAccess::None), ["problem origin-access"]);
    assert_eq!(with(control("s3", "never")), ["problem origin-access"]);
    assert_eq!(with(control("s3", "no-override")), ["warning origin-access"]);
    assert_eq!(with(control("lambda", "always")), ["problem origin-access"]);
    assert_eq!(with(OriginAccess::Control(Reading::Absent)), ["problem origin-access"]);
}

#[test]
fn a_bucket_or_distribution_that_is_not_there_is_one_finding_of_its_own() {
    let (mut facts, expected) = good();
    facts.bucket.region = Reading::Absent;
    assert_eq!(found(&facts, &expected), ["problem bucket"]);
    let (mut facts, mut expected) = good();
    facts.distributions.insert("E1".into(), Reading::Absent);
    facts.aliases.clear();
    expected.site_host = None;
    expected.domains.clear();
    facts.state.store.found = None;
    assert_eq!(found(&facts, &expected), ["problem enabled"]);
}

#[test]
fn what_is_only_told_is_told_with_its_numbers() {
    let (mut facts, expected) = good();
    let told = |facts: &Facts, check: &str| {
        let findings = examine(facts, &expected);
        let finding = findings.into_iter().find(|finding| finding.check == check).expect("it is told");
        assert_eq!(finding.status, Status::Ok);
        finding.what
    };
    assert_eq!(told(&facts, "invalidations"), "none is in progress");
    for (count, is_all, words) in [(2, true, "2 in progress"), (1000, false, "at least 1000 in progress")] {
        setup(&mut facts).invalidations_in_progress = Reading::Known(InvalidationCount { count, is_all });
        assert_eq!(told(&facts, "invalidations"), words);
    }
    // At 0.023 dollars a month for a gigabyte.
    let state = &mut facts.state;
    (state.live_bytes, state.kept_bytes, state.kept_count) = (100_000_000_000, 10_000_000_000, 7);
    assert_eq!(
        told(&facts, "releases"),
        "3 on record; the live files cost about $2.3000 a month, 7 kept for open pages $0.2300 a month"
    );
    facts.identity.expires = Some("2026-11-27T00:30:00Z".parse().expect("a time"));
    assert_eq!(told(&facts, "expiry"), "the credentials end 2026-11-27 00:30 UTC");
    assert_eq!(told(&facts, "cache-tags"), "cache tags are read");
    setup(&mut facts).cache_tag_header = None;
    assert_eq!(told(&facts, "cache-tags"), "no cache tags: pages are invalidated by their paths");
}

#[test]
fn a_missing_permission_is_named_by_its_action() {
    let (mut facts, expected) = good();
    facts.bucket.versioning = Reading::Denied { action: "s3:GetBucketVersioning".into() };
    let findings = examine(&facts, &expected);
    let finding = findings.iter().find(|finding| finding.check == "versioning").expect("it is checked");
    assert_eq!(finding.status, Status::Warning);
    assert!(finding.what.contains("`s3:GetBucketVersioning`"), "{}", finding.what);
}
