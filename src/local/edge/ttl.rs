//! How long the edge keeps a response: CloudFront's rules, which depart from RFC 9111.
//!
//! Decides from the origin's headers and the cache policy alone: CloudFront ignores the viewer's `Cache-Control`.
//! Source: CloudFront Developer Guide, "Manage how long content stays in the cache (expiration)".

use std::time::{Duration, SystemTime};

use super::http_date;
use super::options::CachePolicy;

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Not even to be stored.
    Never,
    /// Served without asking the origin for so long, then revalidated. May be zero.
    For(Duration),
}

/// The lifetime of a response that the origin gave at `now` with these two headers.
///
/// `s-maxage` wins over `max-age`, and both over `Expires`; with none of them the default TTL applies. `no-store`,
/// `private` and `no-cache` are obeyed only under a minimum TTL of zero; above it the response is kept for the
/// minimum. Values CloudFront cannot read count as absent.
pub fn lifetime(
    cache_control: Option<&str>,
    expires: Option<&str>,
    policy: &CachePolicy,
    now: SystemTime,
) -> Lifetime {
    let told = Directives::parse(cache_control.unwrap_or_default());
    if told.no_store || told.no_cache {
        return match (policy.min_ttl.is_zero(), told.no_store) {
            (true, true) => Lifetime::Never,
            (true, false) => Lifetime::For(Duration::ZERO),
            (false, _) => Lifetime::For(policy.min_ttl),
        };
    }
    let asked = told.s_maxage.or(told.max_age).or_else(|| {
        expires
            .map(|text| http_date::parse(text).and_then(|at| at.duration_since(now).ok()).unwrap_or_default())
    });
    let max_ttl = policy.max_ttl.max(policy.min_ttl);
    Lifetime::For(asked.unwrap_or(policy.default_ttl).clamp(policy.min_ttl, max_ttl))
}

#[derive(Default)]
struct Directives {
    no_cache: bool,
    /// `private` too: the edge is a shared cache.
    no_store: bool,
    max_age: Option<Duration>,
    s_maxage: Option<Duration>,
}

impl Directives {
    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for directive in text.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => found.no_cache = true,
                "no-store" | "private" => found.no_store = true,
                "max-age" => found.max_age = found.max_age.or_else(|| seconds(value)),
                "s-maxage" => found.s_maxage = found.s_maxage.or_else(|| seconds(value)),
                _ => {}
            }
        }
        found
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn policy(min: u64, default: u64, max: u64) -> CachePolicy {
        CachePolicy {
            min_ttl: Duration::from_secs(min),
            default_ttl: Duration::from_secs(default),
            max_ttl: Duration::from_secs(max),
            ..CachePolicy::default()
        }
    }

    fn kept(cache_control: &str, expires: Option<&str>, policy: &CachePolicy) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let cache_control = (!cache_control.is_empty()).then_some(cache_control);
        match lifetime(cache_control, expires, policy, now) {
            Lifetime::Never => None,
            Lifetime::For(time) => Some(time.as_secs()),
        }
    }

    #[test]
    fn the_origin_decides_within_the_policys_bounds() {
        let policy = policy(0, 50, 1000);
        for (cache_control, expected) in [
            ("", Some(50)),
            ("public", Some(50)),
            ("max-age=10", Some(10)),
            ("public, max-age=0, s-maxage=600, must-revalidate", Some(600)),
            ("s-maxage=0, max-age=600", Some(0)),
            ("MAX-AGE=10", Some(10)),
            ("max-age=\"10\"", Some(10)),
            ("max-age=31536000, immutable", Some(1000)),
            ("max-age=-1", Some(50)),
            ("max-age=99999999999999999999999", Some(50)),
            ("no-cache", Some(0)),
            ("no-store", None),
            ("private, max-age=60", None),
            ("no-cache, no-store", None),
        ] {
            assert_eq!(kept(cache_control, None, &policy), expected, "{cache_control}");
        }
    }

    #[test]
    fn a_minimum_overrides_even_no_store() {
        let policy = policy(60, 50, 1000);
        for cache_control in ["no-store", "no-cache", "private", "max-age=0", ""] {
            assert_eq!(kept(cache_control, None, &policy), Some(60), "{cache_control}");
        }
    }

    #[test]
    fn expires_counts_only_without_max_age() {
        let policy = policy(0, 50, 1000);
        let later = http_date::format(UNIX_EPOCH + Duration::from_secs(1_000_030));
        assert_eq!(kept("", Some(&later), &policy), Some(30));
        assert_eq!(kept("max-age=5", Some(&later), &policy), Some(5));
        assert_eq!(kept("", Some("0"), &policy), Some(0));
    }
}
