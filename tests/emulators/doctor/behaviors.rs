//! Cache behaviors beside the default one, and policies for the headers of answers.

use super::Break;
use super::place::{Place, World};

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// Gives the default cache behavior a response headers policy.
fn with_headers(world: &World, place: &Place, added: (&str, &str, bool), removed: &[&str]) {
    let id = world.response_headers(&place.name, added, removed);
    world.update_behavior(place, |behavior| behavior.response_headers_policy_id = Some(id.clone()));
}

/// Publishes the site, behind a load balancer for these paths.
fn behind_load_balancer(world: &World, place: &Place, pattern: &str) {
    world.add_load_balancer(place);
    world.add_behavior(place, pattern, |behavior| {
        behavior.target_origin_id = "elsewhere".into();
        behavior.function_associations = None;
    });
    world.publish(place);
}

const FRAMES: (&str, &str, bool) = ("X-Frame-Options", "DENY", true);

/// AWS's own, which adds the headers that make browsers careful.
const SECURITY_HEADERS: &str = "67f7725c-6f97-4210-82d7-5512b31e9d03";

/// AWS's own, which turns the cache off.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

pub const CASES: &[Break] = &[
    case("AWS's security headers", &[], |world, place| {
        world.update_behavior(place, |behavior| {
            behavior.response_headers_policy_id = Some(SECURITY_HEADERS.into());
        });
    }),
    case("a Cache-Control for what has none", &[], |world, place| {
        with_headers(world, place, ("Cache-Control", "max-age=60", false), &["Server"]);
    }),
    case("browsers keep everything", &["problem response-headers"], |world, place| {
        with_headers(world, place, ("Cache-Control", "public, max-age=86400", true), &["Server"]);
    }),
    case("browsers keep nothing", &["warning response-headers"], |world, place| {
        with_headers(world, place, ("cache-control", "no-cache", true), &["Server"]);
    }),
    case("Cache-Control is taken away", &["problem response-headers"], |world, place| {
        with_headers(world, place, FRAMES, &["Server", "Cache-Control"]);
    }),
    case("everything is a page", &["problem response-headers"], |world, place| {
        with_headers(world, place, ("Content-Type", "text/html", true), &["Server"]);
    }),
    case("nothing can be revalidated", &["warning response-headers"], |world, place| {
        with_headers(world, place, FRAMES, &["ETag", "Last-Modified"]);
    }),
    case("a good behavior for some paths", &[], |world, place| world.add_behavior(place, "/docs/*", |_| {})),
    case("some paths are kept for an hour at least", &["problem behaviors"], |world, place| {
        let id = world.cache_policy(&place.name, |config| config.min_ttl = 3600, |_| {});
        world.add_behavior(place, "/docs/*", |behavior| behavior.cache_policy_id = Some(id.clone()));
    }),
    case("some paths are never kept", &["warning behaviors"], |world, place| {
        world.add_behavior(place, "*.html", |behavior| {
            behavior.cache_policy_id = Some(CACHING_DISABLED.into());
        });
    }),
    case("some paths come without encryption", &["problem behaviors"], |world, place| {
        world.add_behavior(place, "/docs/*", |behavior| {
            behavior.viewer_protocol_policy = aws_sdk_cloudfront::types::ViewerProtocolPolicy::AllowAll;
        });
    }),
    case("some paths with other headers", &["problem behaviors"], |world, place| {
        let id = world.response_headers(&place.name, ("Cache-Control", "max-age=60", true), &["Server"]);
        world.add_behavior(place, "/docs/*", |behavior| {
            behavior.response_headers_policy_id = Some(id.clone());
        });
    }),
    case("pages without the function", &["problem behaviors"], |world, place| {
        world.add_behavior(place, "/docs/*", |behavior| behavior.function_associations = None);
        world.publish(place);
    }),
    case("files without the function", &[], |world, place| {
        world.add_behavior(place, "*.css", |behavior| behavior.function_associations = None);
        world.publish(place);
    }),
    case("a site in a part of the distribution", &[], |world, place| {
        world.add_load_balancer(place);
        world.add_behavior(place, "/docs/*", |_| {});
        world.update_behavior(place, |behavior| {
            behavior.target_origin_id = "elsewhere".into();
            behavior.function_associations = None;
        });
        world.update(place, |config| config.default_root_object = None);
        place.more.extend(["--prefix".into(), "docs".into()]);
    }),
    case("an API beside the site", &[], |world, place| behind_load_balancer(world, place, "/v1/*")),
    case("an API before a page of the site", &["warning behaviors"], |world, place| {
        behind_load_balancer(world, place, "/api/*");
    }),
];
