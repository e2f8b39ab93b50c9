//! What a response headers policy makes of the headers that were stored with the objects.
//!
//! CloudFront applies it to what viewers get; how long CloudFront itself keeps something goes by the object's own header
//! all the same ("Add or remove HTTP headers in CloudFront responses with a policy", CloudFront Developer Guide).

use super::Judgment;
use super::facts::ResponseHeaders;

/// Headers of objects, as sitepush stores them, that decide what a browser makes of the bytes.
const OF_THE_BYTES: [&str; 3] = ["content-type", "content-disposition", "content-language"];

/// The headers that make browsers careful, each with others that do the same.
const SECURITY: [(&str, &[&str]); 4] = [
    ("strict-transport-security", &[]),
    ("x-content-type-options", &[]),
    ("x-frame-options", &["content-security-policy"]),
    ("referrer-policy", &[]),
];

/// What of the policy changes what the objects say.
pub(super) fn harm(policy: &ResponseHeaders) -> Vec<Judgment> {
    let mut found: Vec<Judgment> = cache_control(policy).into_iter().collect();
    for header in OF_THE_BYTES {
        let (name, remedy) = (&policy.name, out_of(policy, header));
        found.extend(match replacement(policy, header) {
            Some(Some(value)) => {
                let what = format!("`{name}` says `{header}: {value}` of every file, whatever it is");
                Some(Judgment::problem(what, remedy))
            }
            Some(None) if header == "content-type" => {
                let what = format!("`{name}` takes `{header}` away: browsers guess what a file is");
                Some(Judgment::problem(what, remedy))
            }
            Some(None) => {
                let what = format!("`{name}` takes `{header}` away, which some objects may have");
                Some(Judgment::warning(what, remedy))
            }
            None => None,
        });
    }
    if policy.removed.contains("etag") && policy.removed.contains("last-modified") {
        found.push(Judgment::warning(
            format!(
                "`{}` takes `etag` and `last-modified` away: a page that has not changed is sent whole at every visit",
                policy.name
            ),
            out_of(policy, "etag"),
        ));
    }
    found
}

/// What the policy makes of our `Cache-Control`, if that does harm.
fn cache_control(policy: &ResponseHeaders) -> Option<Judgment> {
    let name = &policy.name;
    let remedy = out_of(policy, "cache-control");
    Some(match replacement(policy, "cache-control")? {
        None => Judgment::problem(
            format!("`{name}` takes `cache-control` away: browsers guess how long a page may be kept"),
            remedy,
        ),
        Some(value) if browser_keeps_seconds(value) > 0 => Judgment::problem(
            format!(
                "`{name}` says `cache-control: {value}` of every file: browsers keep pages that no invalidation reaches"
            ),
            remedy,
        ),
        Some(value) => Judgment::warning(
            format!(
                "`{name}` says `cache-control: {value}` of every file: browsers ask again for what never changes"
            ),
            remedy,
        ),
    })
}

fn out_of(policy: &ResponseHeaders, header: &str) -> String {
    format!("take `{header}` out of the response headers policy `{}`", policy.name)
}

/// What viewers get instead of the object's header, none where it is taken away; none at all where it stays.
fn replacement<'a>(policy: &'a ResponseHeaders, header: &str) -> Option<Option<&'a str>> {
    let is_removed = policy.removed.contains(header);
    let added = policy.added.get(header).filter(|added| added.overrides || is_removed);
    match added {
        Some(added) => Some(Some(&added.value)),
        None => is_removed.then_some(None),
    }
}

/// For how long a browser uses a copy without asking (RFC 9111, sections 4.2.1 and 5.2.2).
fn browser_keeps_seconds(cache_control: &str) -> u64 {
    let directives: Vec<String> =
        cache_control.split(',').map(|directive| directive.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return 0;
    }
    let max_age = directives.iter().find_map(|directive| directive.strip_prefix("max-age="));
    max_age.and_then(|seconds| seconds.trim_matches('"').parse().ok()).unwrap_or(0)
}

/// What the policy adds of the headers that make browsers careful, and what it does not. A site may do without: that is
/// told and never held against it.
pub(super) fn security(policy: Option<&ResponseHeaders>) -> String {
    let has = |name: &str| policy.is_some_and(|policy| policy.added.contains_key(name));
    let is_given = |(name, others): &&(&str, &[&str])| has(name) || others.iter().any(|other| has(other));
    let names = |found: Vec<&(&str, &[&str])>| {
        found.into_iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let (given, missing): (Vec<_>, Vec<_>) = SECURITY.iter().partition(is_given);
    match (given.is_empty(), missing.is_empty()) {
        (_, true) => "the headers that make browsers careful are added".to_owned(),
        (true, false) => format!("none is added; there are {}", names(missing)),
        (false, false) => format!("{} added; there are {} besides", names(given), names(missing)),
    }
}
