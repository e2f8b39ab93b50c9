//! The settings of one distribution.

use super::facts::{
    BehaviorSetup, Caching, DistributionSetup, ErrorResponse, Expected, Facts, FunctionFacts,
    InvalidationCount, OriginAccess, Reading, SiteBehavior,
};
use super::{Finding, Notes, Subject, behaviors, caching, response_headers};
use crate::core::cache_tags;
use crate::core::invalidation::UrlStyle;

/// An error that is kept longer hides a page that has come meanwhile.
const HARMLESS_ERROR_TTL_SECONDS: i64 = 60;

/// Whether it could be a distribution's id, and not its address.
fn is_id(text: &str) -> bool {
    text.starts_with('E') && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

pub(super) fn examine(
    id: &str,
    reading: &Reading<DistributionSetup>,
    facts: &Facts,
    expected: &Expected,
) -> Vec<Finding> {
    let mut notes = Notes::new(Subject::Distribution, Some(id));
    let setup = match notes.read("enabled", reading) {
        Some(Some(setup)) => setup,
        Some(None) => {
            notes.problem(
                "enabled",
                format!("there is no distribution `{id}`"),
                if is_id(id) {
                    "check its id and the account in use".to_owned()
                } else {
                    "name it by its id: an id looks like `E1EXAMPLE`, and `aws cloudfront list-distributions` tells it"
                        .to_owned()
                },
            );
            return notes.findings;
        }
        None => return notes.findings,
    };
    if !setup.is_enabled {
        notes.problem("enabled", "it is disabled: nobody is answered", "enable the distribution");
    } else if setup.is_deployed {
        notes.ok("enabled", format!("{} is enabled", setup.domain_name));
    } else {
        notes.ok("enabled", format!("{} is enabled; its last change is on its way", setup.domain_name));
    }
    let site = setup.site_behavior(&expected.bucket, &expected.prefix);
    origin(&mut notes, site, expected);
    root_object(&mut notes, setup, site, expected);
    if let Some(policy) = notes.read("origin-request", &site.setup.origin_request) {
        notes.judged("origin-request", caching::origin_request(site.setup, policy));
    }
    caching(&mut notes, site.setup);
    http_versions(&mut notes, setup);
    notes.judged("https", caching::https(site.setup));
    if site.setup.wants_signatures {
        notes.warning(
            "visitors",
            "only signed addresses and cookies are answered (trusted key groups or signers); all others get 403",
            "take them out of the cache behavior, unless the site is for some visitors alone",
        );
    } else {
        notes.ok("visitors", "everybody is answered");
    }
    response_headers(&mut notes, site.setup);
    error_pages(&mut notes, &setup.error_responses);
    function(&mut notes, site.setup, facts, expected);
    behaviors::examine(&mut notes, (setup, site), facts, expected);
    match setup.cache_tag_header.as_deref() {
        Some(name) if !name.eq_ignore_ascii_case(cache_tags::HEADER_NAME) => notes.warning(
            "cache-tags",
            format!("cache tags are read from `{name}`, which sitepush does not write"),
            format!("name the header `{}`, or turn cache tags off", cache_tags::HEADER_NAME),
        ),
        Some(_) => notes.ok("cache-tags", "cache tags are read"),
        None => notes.ok("cache-tags", "no cache tags: pages are invalidated by their paths"),
    }
    if let Some(count) = notes.read("invalidations", &setup.invalidations_in_progress) {
        match count.copied().unwrap_or_default() {
            InvalidationCount { count: 0, .. } => notes.ok("invalidations", "none is in progress"),
            InvalidationCount { count, is_all: true } => {
                notes.ok("invalidations", format!("{count} in progress"));
            }
            InvalidationCount { count, is_all: false } => {
                notes.ok("invalidations", format!("at least {count} in progress"));
            }
        }
    }
    notes.findings
}

fn origin(notes: &mut Notes, site: SiteBehavior<'_>, expected: &Expected) {
    let origin = site.setup.origin.as_ref();
    let Some(origin) = origin.filter(|origin| origin.is_of(&expected.bucket)) else {
        let found = origin.map_or("nothing", |origin| origin.domain_name.as_str());
        return notes.problem(
            "origin",
            format!("its default behavior shows `{found}`, not the bucket {}", expected.bucket),
            "lead a cache behavior to the bucket, or name the other distribution",
        );
    };
    if origin.domain_name.contains(".s3-website") {
        return notes.problem(
            "origin",
            "it shows the bucket's website endpoint, which wants a public bucket and speaks no TLS",
            "use the bucket's regional domain name with an origin access control",
        );
    }
    if origin.leads_to(&expected.prefix) {
        let at = site.pattern.map(|pattern| format!(" at `{pattern}`")).unwrap_or_default();
        notes.ok("origin", format!("it shows {}{}{at}", expected.bucket, origin.path));
    } else {
        notes.problem(
            "origin",
            format!("its origin path `{}` does not lead to `{}`", origin.path, expected.prefix.as_str()),
            "make the origin path the target's prefix, or a part of it",
        );
    }
    origin_access(notes, &origin.access);
}

fn origin_access(notes: &mut Notes, access: &OriginAccess) {
    let check = "origin-access";
    let remedy = "give the origin an origin access control that always signs";
    match access {
        OriginAccess::None => notes.problem(
            check,
            "requests to the bucket are not signed: only a public bucket would answer",
            remedy,
        ),
        OriginAccess::Identity { .. } => {
            notes.warning(check, "it reads by an origin access identity, which AWS has replaced", remedy);
        }
        OriginAccess::Control(reading) => match notes.read(check, reading) {
            Some(Some(control)) if control.origin_type != "s3" => notes.problem(
                check,
                format!("its origin access control is for `{}`", control.origin_type),
                "give the origin an origin access control of the type `s3`",
            ),
            Some(Some(control)) if control.signing_behavior == "never" => {
                notes.problem(check, "its origin access control never signs", remedy);
            }
            Some(Some(control)) if control.signing_behavior != "always" => notes.warning(
                check,
                format!("its origin access control signs by `{}`", control.signing_behavior),
                remedy,
            ),
            Some(Some(_)) => notes.ok(check, "requests to the bucket are signed"),
            Some(None) => notes.problem(check, "its origin access control is gone", remedy),
            None => {}
        },
    }
}

fn root_object(notes: &mut Notes, setup: &DistributionSetup, site: SiteBehavior<'_>, expected: &Expected) {
    if let Some(pattern) = site.pattern {
        return notes.ok("root-object", format!("`/` is not the site's, which has `{pattern}`"));
    }
    match setup.default_root_object.as_str() {
        "index.html" => notes.ok("root-object", "`/` is index.html"),
        // `fileFor` in edge_function.js.
        "" if site.setup.function.known().is_some_and(|function| is_current(function, expected)) => {
            notes.ok("root-object", "`/` is index.html, by the edge function");
        }
        "" => notes.problem("root-object", "`/` is no page", "set the default root object to index.html"),
        other => notes.problem(
            "root-object",
            format!("`/` is `{other}`, and sitepush publishes index.html"),
            "set the default root object to index.html",
        ),
    }
}

fn caching(notes: &mut Notes, behavior: &BehaviorSetup) {
    let policy = match notes.read("cache-policy", &behavior.caching) {
        Some(Some(Caching::Policy(policy))) => policy,
        Some(Some(Caching::Legacy)) => {
            return notes.warning(
                "cache-policy",
                "it has the settings of before there were cache policies",
                "give it a cache policy with a least time of 0",
            );
        }
        Some(None) => {
            return notes.problem(
                "cache-policy",
                "its cache policy is gone",
                "give the cache behavior a cache policy with a least time of 0",
            );
        }
        None => return,
    };
    notes.judged("cache-policy", caching::times(policy));
    notes.judged("cache-key", caching::key(policy));
    notes.judged("compression", caching::compression(behavior, policy));
}

fn response_headers(notes: &mut Notes, behavior: &BehaviorSetup) {
    let Some(policy) = notes.read("response-headers", &behavior.response_headers) else { return };
    match policy.map(response_headers::harm) {
        Some(harm) if !harm.is_empty() => notes.all_judged("response-headers", harm),
        _ => notes.ok("response-headers", "visitors get the headers of the objects"),
    }
    notes.ok("security-headers", response_headers::security(policy));
}

fn http_versions(notes: &mut Notes, setup: &DistributionSetup) {
    match setup.http_version.to_ascii_lowercase().as_str() {
        "http2and3" => notes.ok("http-versions", "HTTP/2 and HTTP/3 are spoken"),
        found => notes.warning(
            "http-versions",
            format!("HTTP/2 and HTTP/3 are not both spoken (`{found}`)"),
            "set the HTTP version to http2and3",
        ),
    }
}

fn error_pages(notes: &mut Notes, responses: &[ErrorResponse]) {
    let of_missing = || responses.iter().filter(|response| matches!(response.error_code, 403 | 404));
    let lying = of_missing().find(|response| {
        response.response_code.as_deref().is_some_and(|code| code.starts_with('2') || code.starts_with('3'))
    });
    if let Some(response) = lying {
        return notes.problem(
            "error-pages",
            format!(
                "{} is answered as {} with `{}`: a script or picture that is missing becomes a page",
                response.error_code,
                response.response_code.as_deref().unwrap_or_default(),
                response.page.as_deref().unwrap_or_default()
            ),
            "take the error response out; for a single-page application, `single_page` and the edge function",
        );
    }
    match of_missing().find(|response| response.min_ttl_seconds > HARMLESS_ERROR_TTL_SECONDS) {
        Some(response) => notes.warning(
            "error-pages",
            format!(
                "{} is kept for {} s, though the page may have come",
                response.error_code, response.min_ttl_seconds
            ),
            "set the least time of the error response to 10 seconds",
        ),
        None => notes.ok("error-pages", "what is missing is said to be missing"),
    }
}

fn function(notes: &mut Notes, behavior: &BehaviorSetup, facts: &Facts, expected: &Expected) {
    let Some(function) = notes.read("function", &behavior.function) else { return };
    let remedy = "install what `sitepush edge-function` prints, and publish it";
    let Some(function) = function else {
        match (&expected.store_arn, expected.routing.url_style) {
            (Some(_), _) => notes.problem(
                "function",
                "no function answers viewer requests, so nothing reads the key value store",
                remedy,
            ),
            (None, UrlStyle::Clean) => notes.warning(
                "function",
                "no function finds the page of a clean path such as `/about`",
                format!("{remedy}; or set `site.clean_urls = false`"),
            ),
            (None, UrlStyle::Exact) => notes.ok("function", "none is needed"),
        }
        return;
    };
    code(notes, function, expected, remedy);
    // What was never published reads no store, whichever it is to read.
    if function.code != Reading::Absent {
        store(notes, function, expected);
        store_entry(notes, facts);
    }
}

fn code(notes: &mut Notes, function: &FunctionFacts, expected: &Expected, remedy: &str) {
    let Some(found) = notes.read("function", &function.code) else { return };
    let name = &function.name;
    match found {
        None => notes.problem("function", format!("`{name}` was never published"), "publish the function"),
        Some(_) if is_current(function, expected) => {
            notes.ok("function", format!("`{name}` is this sitepush's"));
        }
        Some(_) if expected.store_arn.is_some() => {
            notes.problem(
                "function",
                format!("`{name}` has other code than this sitepush's function"),
                remedy,
            );
        }
        Some(_) => notes.warning(
            "function",
            format!("`{name}` is not sitepush's: what it does with paths is not known"),
            remedy,
        ),
    }
}

/// Whether it runs this program's code.
fn is_current(function: &FunctionFacts, expected: &Expected) -> bool {
    function.code.known().is_some_and(|code| code.trim() == expected.function_code.trim())
}

fn store(notes: &mut Notes, function: &FunctionFacts, expected: &Expected) {
    let Some(arns) = notes.read("store", &function.store_arns) else { return };
    let arns = arns.map(Vec::as_slice).unwrap_or_default();
    match &expected.store_arn {
        Some(wanted) if arns.contains(wanted) => notes.ok("store", "the function reads the target's store"),
        Some(wanted) => notes.problem(
            "store",
            format!("the function does not read the store `{wanted}`"),
            "associate the store with the function, and publish it",
        ),
        None => match arns.first() {
            Some(arn) => notes.warning(
                "store",
                format!("the function reads a store that no push writes: `{arn}`"),
                "name the store as the target's `key_value_store`",
            ),
            None => notes.ok("store", "no store is named, and none is read"),
        },
    }
}

fn store_entry(notes: &mut Notes, facts: &Facts) {
    let (Some(found), Some(wanted)) = (&facts.state.store.found, &facts.state.store.wanted) else { return };
    let Some(found) = notes.read("store-entry", found) else { return };
    if found == Some(wanted) {
        notes.ok("store-entry", "the store says where the pages are");
    } else {
        let what =
            if found.is_none() { "says nothing of the live release" } else { "speaks of another release" };
        notes.problem("store-entry", format!("the store {what}"), "run `sitepush push --verify-remote`");
    }
}
