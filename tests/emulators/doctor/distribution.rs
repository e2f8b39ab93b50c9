//! Distributions that are not as they ought to be.

use aws_sdk_cloudfront::types as cf;

use super::Break;
use super::place::{Place, World, error_response, function_association};

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// Gives the default cache behavior another cache policy.
fn with_policy(world: &World, place: &Place, id: &str) {
    world.update_behavior(place, |behavior| behavior.cache_policy_id = Some(id.to_owned()));
}

fn with_access_control(world: &World, place: &Place, id: &str) {
    world.update_origin(place, |origin| origin.origin_access_control_id = Some(id.to_owned()));
}

fn with_identity(world: &World, place: &mut Place) {
    world.update_origin(place, |origin| {
        origin.origin_access_control_id = None;
        let identity = "origin-access-identity/cloudfront/E1";
        origin.s3_origin_config =
            Some(cf::S3OriginConfig::builder().origin_access_identity(identity).build());
    });
}

fn with_function(world: &World, place: &Place, arn: &str) {
    world.update_behavior(place, |behavior| behavior.function_associations = Some(function_association(arn)));
}

/// The managed policy that turns the cache off.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

pub const CASES: &[Break] = &[
    // Without the distribution, nothing says whom the bucket's policy lets in.
    case("no such distribution", &["problem enabled"], |_, place| place.distribution = "ENONE".into()),
    case("disabled", &["problem enabled"], |world, place| {
        world.update(place, |config| config.enabled = false);
    }),
    case("another bucket", &["problem origin"], |world, place| {
        world.update_origin(place, |origin| origin.domain_name = "other.s3.us-east-1.amazonaws.com".into());
    }),
    case("a bucket with a longer name", &["problem origin"], |world, place| {
        let name = format!("{}2.s3.us-east-1.amazonaws.com", place.bucket);
        world.update_origin(place, |origin| origin.domain_name = name.clone());
    }),
    case("the website endpoint", &["problem origin"], |world, place| {
        let name = format!("{}.s3-website-us-east-1.amazonaws.com", place.bucket);
        world.update_origin(place, |origin| origin.domain_name = name.clone());
    }),
    case("another folder", &["problem origin"], |world, place| {
        world.update_origin(place, |origin| origin.origin_path = Some("/docs".into()));
    }),
    case("unsigned", &["problem origin-access"], |world, place| {
        world.update_origin(place, |origin| origin.origin_access_control_id = None);
    }),
    case("an origin access identity", &["warning origin-access"], |world, place| {
        with_identity(world, place);
        let mut policy = place.policy();
        let user = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1";
        for statement in &mut policy["Statement"].as_array_mut().expect("a list")[..3] {
            statement["Principal"] = serde_json::json!({ "AWS": user });
            statement.as_object_mut().expect("an object").remove("Condition");
        }
        world.set_policy(place, &policy);
    }),
    case(
        "an origin access identity where the service may read",
        &["problem policy", "warning policy-listing", "warning origin-access"],
        with_identity,
    ),
    case("it never signs", &["problem origin-access"], |world, place| {
        with_access_control(world, place, &world.access_control(&place.name, "s3", "never"));
    }),
    case("it signs unless the visitor does", &["warning origin-access"], |world, place| {
        with_access_control(world, place, &world.access_control(&place.name, "s3", "no-override"));
    }),
    case("it signs for another service", &["problem origin-access"], |world, place| {
        with_access_control(world, place, &world.access_control(&place.name, "mediastore", "always"));
    }),
    case("no root object, and the function", &[], |world, place| {
        world.update(place, |config| config.default_root_object = None);
    }),
    case("no root object, and no function", &["problem root-object", "problem function"], |world, place| {
        world.update(place, |config| {
            config.default_root_object = None;
            config.default_cache_behavior.as_mut().expect("there is one").function_associations = None;
        });
    }),
    case("another root object", &["problem root-object"], |world, place| {
        world.update(place, |config| config.default_root_object = Some("home.html".into()));
    }),
    case("another bucket for when this one fails", &[], |world, place| {
        let member = |id: &str| cf::OriginGroupMember::builder().origin_id(id).build().expect("complete");
        let members = cf::OriginGroupMembers::builder().quantity(2).items(member("bucket"));
        let members = members.items(member("standby")).build().expect("complete");
        let codes = cf::StatusCodes::builder().quantity(1).items(503).build().expect("complete");
        let group = cf::OriginGroup::builder()
            .id("both")
            .members(members)
            .failover_criteria(cf::OriginGroupFailoverCriteria::builder().status_codes(codes).build())
            .build()
            .expect("complete");
        world.update(place, |config| {
            let origins = config.origins.as_mut().expect("there are some");
            let mut standby = origins.items[0].clone();
            standby.id = "standby".into();
            standby.domain_name = "standby.s3.eu-west-1.amazonaws.com".into();
            // Not in the group's order.
            origins.items.insert(0, standby);
            origins.quantity = 2;
            let groups = cf::OriginGroups::builder().quantity(1).items(group.clone()).build();
            config.origin_groups = Some(groups.expect("complete"));
            config.default_cache_behavior.as_mut().expect("there is one").target_origin_id = "both".into();
        });
    }),
    case("not compressed", &["warning compression"], |world, place| {
        world.update_behavior(place, |behavior| behavior.compress = Some(false));
    }),
    case("HTTP/2 alone", &["warning http-versions"], |world, place| {
        world.update(place, |config| config.http_version = Some(cf::HttpVersion::Http2));
    }),
    case("HTTP/1.1 alone", &["warning http-versions"], |world, place| {
        world.update(place, |config| config.http_version = Some(cf::HttpVersion::Http11));
    }),
    case("without encryption", &["problem https"], |world, place| {
        world.update_behavior(place, |behavior| {
            behavior.viewer_protocol_policy = cf::ViewerProtocolPolicy::AllowAll;
        });
    }),
    case("kept for an hour at least", &["problem cache-policy"], |world, place| {
        let id = world.cache_policy(&place.name, |config| config.min_ttl = 3600, |_| {});
        with_policy(world, place, &id);
    }),
    case("kept for a minute at most", &["warning cache-policy"], |world, place| {
        let id = world.cache_policy(&place.name, |config| config.max_ttl = Some(60), |_| {});
        with_policy(world, place, &id);
    }),
    case("the cache is off", &["warning cache-policy", "warning compression"], |world, place| {
        with_policy(world, place, CACHING_DISABLED);
    }),
    case("a copy for each cookie", &["warning cache-key"], |world, place| {
        let all = cf::CachePolicyCookiesConfig::builder().cookie_behavior("all".into()).build();
        let all = all.expect("complete");
        let id = world.cache_policy(&place.name, |_| {}, |key| key.cookies_config = Some(all.clone()));
        with_policy(world, place, &id);
    }),
    case("a copy for each query", &["warning cache-key"], |world, place| {
        let all = cf::CachePolicyQueryStringsConfig::builder().query_string_behavior("all".into()).build();
        let all = all.expect("complete");
        let id = world.cache_policy(&place.name, |_| {}, |key| key.query_strings_config = Some(all.clone()));
        with_policy(world, place, &id);
    }),
    case("neither Brotli nor gzip", &["warning compression"], |world, place| {
        let id = world.cache_policy(
            &place.name,
            |_| {},
            |key| {
                key.enable_accept_encoding_gzip = false;
                key.enable_accept_encoding_brotli = Some(false);
            },
        );
        with_policy(world, place, &id);
    }),
    case("no Brotli", &["warning compression"], |world, place| {
        let id =
            world.cache_policy(&place.name, |_| {}, |key| key.enable_accept_encoding_brotli = Some(false));
        with_policy(world, place, &id);
    }),
    case("the bucket is asked by the visitor's Host", &["problem origin-request"], |world, place| {
        let id = world.origin_request(&place.name, "allViewer", &[]);
        world.update_behavior(place, |behavior| behavior.origin_request_policy_id = Some(id.clone()));
    }),
    case(
        "all of the visitor's headers but one that is not Host",
        &["problem origin-request"],
        |world, place| {
            let id = world.origin_request(&place.name, "allExcept", &["Cookie"]);
            world.update_behavior(place, |behavior| behavior.origin_request_policy_id = Some(id.clone()));
        },
    ),
    case("all of the visitor's headers but Host", &[], |world, place| {
        let id = world.origin_request(&place.name, "allExcept", &["host"]);
        world.update_behavior(place, |behavior| behavior.origin_request_policy_id = Some(id.clone()));
    }),
    case("a copy for each Host", &["problem origin-request", "warning cache-key"], |world, place| {
        let host = cf::Headers::builder().quantity(1).items("Host").build().expect("complete");
        let host = cf::CachePolicyHeadersConfig::builder().header_behavior("whitelist".into()).headers(host);
        let host = host.build().expect("complete");
        let id = world.cache_policy(&place.name, |_| {}, |key| key.headers_config = Some(host.clone()));
        with_policy(world, place, &id);
    }),
    case("for signed addresses alone", &["warning visitors"], |world, place| {
        let groups = cf::TrustedKeyGroups::builder().enabled(true).quantity(1).items("a-key-group").build();
        let groups = groups.expect("complete");
        world.update_behavior(place, |behavior| behavior.trusted_key_groups = Some(groups.clone()));
    }),
    case("404 is answered as 200", &["problem error-pages"], |world, place| {
        world.update(place, |config| {
            config.custom_error_responses = Some(error_response(404, Some("200"), 10));
        });
    }),
    case("403 is answered as 200", &["problem error-pages"], |world, place| {
        world.update(place, |config| {
            config.custom_error_responses = Some(error_response(403, Some("200"), 10));
        });
    }),
    case("404 is kept for an hour", &["warning error-pages"], |world, place| {
        world.update(place, |config| {
            config.custom_error_responses = Some(error_response(404, Some("404"), 3600));
        });
    }),
    case("no function", &["problem function"], |world, place| {
        world.update_behavior(place, |behavior| behavior.function_associations = None);
    }),
    case("an old function", &["problem function"], |world, place| {
        let arn = world.function(&place.name, "function handler(event) {}", Some(&world.store_arn), true);
        with_function(world, place, &arn);
    }),
    case("another function, and no store is named", &["warning function"], |world, place| {
        place.store_arn.clear();
        let arn = world.function(&place.name, "function handler(event) {}", None, true);
        with_function(world, place, &arn);
    }),
    case("no function, and no store is named", &["warning function"], |world, place| {
        place.store_arn.clear();
        world.update_behavior(place, |behavior| behavior.function_associations = None);
    }),
    case("the function reads a store that is not named", &["warning store"], |_, place| {
        place.store_arn.clear();
    }),
    case("a function that was never published", &["problem function"], |world, place| {
        let code = include_str!("../../../src/edge_function.js");
        let arn = world.function(&place.name, code, Some(&world.store_arn), false);
        with_function(world, place, &arn);
    }),
    case("no distribution is named", &["warning distribution"], |_, place| place.distribution.clear()),
    case("cache tags are read from another header", &["warning cache-tags"], |world, place| {
        let tags = cf::CacheTagConfig::builder().header_name("Cache-Tag").build().expect("complete");
        world.update(place, |config| config.cache_tag_config = Some(tags.clone()));
    }),
    case("a function without the store", &["problem store"], |world, place| {
        let arn = world.function(&place.name, include_str!("../../../src/edge_function.js"), None, true);
        with_function(world, place, &arn);
    }),
    case("a function with another store", &["problem store"], |world, place| {
        let other = world.store(&place.name);
        let arn =
            world.function(&place.name, include_str!("../../../src/edge_function.js"), Some(&other), true);
        with_function(world, place, &arn);
    }),
];
