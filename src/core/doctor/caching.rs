//! How a cache behavior asks for answers, keeps them, and tells copies apart: the same rules for the default one and others.

use super::Judgment;
use super::facts::{BehaviorSetup, CachePolicy, Caching, OriginRequest};

/// What sitepush lets caches keep: a year.
const YEAR_SECONDS: i64 = 31_536_000;

/// CloudFront's managed policies for caching have a least time of one second, which does no harm.
///
/// Source: "Use managed cache policies", CloudFront Developer Guide.
const HARMLESS_MIN_TTL_SECONDS: i64 = 1;

/// Whether it keeps answers as the objects say; what is right about it, or what is not.
pub(super) fn times(policy: &CachePolicy) -> Result<String, Judgment> {
    let name = &policy.name;
    if policy.min_ttl_seconds > HARMLESS_MIN_TTL_SECONDS {
        return Err(Judgment::problem(
            format!(
                "`{name}` keeps everything {} s at least, whatever the objects say",
                policy.min_ttl_seconds
            ),
            "set the policy's least time (MinTTL) to 0",
        ));
    }
    if policy.max_ttl_seconds <= 0 {
        return Err(Judgment::warning(
            format!("`{name}` turns the cache off: every visit asks the bucket"),
            format!("use a policy with a longest time (MaxTTL) of {YEAR_SECONDS}"),
        ));
    }
    if policy.max_ttl_seconds < YEAR_SECONDS {
        return Err(Judgment::warning(
            format!("`{name}` keeps nothing longer than {} s", policy.max_ttl_seconds),
            format!("set the policy's longest time (MaxTTL) to {YEAR_SECONDS}"),
        ));
    }
    Ok(format!("`{name}` does as the objects say"))
}

/// Whether path and encoding alone make another copy.
pub(super) fn key(policy: &CachePolicy) -> Result<String, Judgment> {
    let key = [
        ("headers", &policy.key.headers),
        ("cookies", &policy.key.cookies),
        ("query strings", &policy.key.query),
    ];
    let parts: Vec<&str> =
        key.into_iter().filter(|(_, value)| value.as_str() != "none").map(|(part, _)| part).collect();
    if parts.is_empty() {
        return Ok("path and encoding alone make a copy".to_owned());
    }
    Err(Judgment::warning(
        format!("`{}` keeps a copy of each page for all different {}", policy.name, parts.join(", ")),
        "take them out of the policy's cache key",
    ))
}

/// Whether text is compressed.
pub(super) fn compression(behavior: &BehaviorSetup, policy: &CachePolicy) -> Result<String, Judgment> {
    let name = &policy.name;
    Err(match (behavior.compresses, policy.accepts_gzip, policy.accepts_brotli) {
        (true, true, true) => return Ok("text is compressed, by Brotli or gzip".to_owned()),
        (false, _, _) => {
            Judgment::warning("text is sent as it is", "turn on compression of the cache behavior")
        }
        (true, false, false) => Judgment::warning(
            format!("text is sent as it is, for `{name}` has neither encoding in its key"),
            "turn on Brotli and gzip in the cache policy",
        ),
        (true, _, _) => Judgment::warning(
            format!("text is compressed in one way only by `{name}`"),
            "turn on Brotli and gzip in the cache policy",
        ),
    })
}

/// Whether the bucket is asked by its own name: S3 takes the `Host` of a request for a bucket's, and the signature is for the
/// origin's. Both the origin request policy and the cache policy may send the visitor's.
///
/// Source: "Virtual hosting of general purpose buckets", S3 User Guide; "Control origin requests with a policy", CloudFront
/// Developer Guide.
pub(super) fn origin_request(
    behavior: &BehaviorSetup,
    policy: Option<&OriginRequest>,
) -> Result<String, Judgment> {
    let sends = policy.filter(|policy| policy.forwards_host).map(|policy| &policy.name);
    let sends = sends.or_else(|| match behavior.caching.known() {
        Some(Caching::Policy(policy)) if policy.forwards_host => Some(&policy.name),
        _ => None,
    });
    match sends {
        Some(name) => Err(Judgment::problem(
            format!(
                "`{name}` has S3 asked by the visitor's `Host`, which is no bucket's name and not what was signed: nothing is found"
            ),
            format!("take `Host` out of `{name}`, or take another policy (CORS-S3Origin, or none)"),
        )),
        None => Ok("the bucket is asked by its own name".to_owned()),
    }
}

/// Whether visitors come by HTTPS.
pub(super) fn https(behavior: &BehaviorSetup) -> Result<String, Judgment> {
    match behavior.viewer_protocol.as_str() {
        "redirect-to-https" | "https-only" => Ok("visitors come by HTTPS".to_owned()),
        _ => Err(Judgment::problem(
            "visitors may read the site without encryption",
            "set the viewer protocol policy to redirect-to-https",
        )),
    }
}
