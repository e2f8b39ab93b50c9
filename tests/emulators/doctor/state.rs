//! Runs that left something behind.

use super::Break;
use super::place::{FUNCTION, Place, World, file, function_association};
use crate::meddler::{Meddler, Meddling};

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// A lock that somebody on another machine holds until then.
fn lock(world: &World, place: &Place, expires: &str) {
    let record = serde_json::json!({
        "schema": 1, "state": "held", "release_id": null,
        "holder": { "owner": "ann@laptop", "process_id": 7, "machine": "another", "nonce": "n" },
        "started": "2026-01-01T00:00:00Z", "expires": expires,
    });
    world.put_state(place, "lock.json", record.to_string().as_bytes());
}

/// Has the target a store of its own, which its function reads.
fn with_own_store(world: &World, place: &mut Place) {
    place.store_arn = world.store(&place.name);
    let arn = world.function(&place.name, FUNCTION, Some(&place.store_arn), true);
    world
        .update_behavior(place, |behavior| behavior.function_associations = Some(function_association(&arn)));
}

/// Publishes, and tells a store of it.
fn publish_to(world: &World, place: &Place, store_arn: &str, more: &[&str]) {
    let arguments = [&["--key-value-store", store_arn], more].concat();
    world.push(place, "body {}", &arguments, &world.emulator.url).success();
}

pub const CASES: &[Break] = &[
    case("a release on record, and the store knows it", &[], |world, place| {
        with_own_store(world, place);
        publish_to(world, place, &place.store_arn, &[]);
    }),
    case("the store knows of no release", &["problem store-entry"], |world, place| {
        with_own_store(world, place);
        publish_to(world, place, &world.store(&format!("{}-before", place.name)), &[]);
    }),
    case("the store speaks of another site", &["problem store-entry"], |world, place| {
        with_own_store(world, place);
        publish_to(world, place, &place.store_arn, &[]);
        let other = world.good(&format!("{}-other", place.name));
        let settings = file("[site]\nclean_urls = false\n");
        publish_to(world, &other, &place.store_arn, &["--config", &settings]);
    }),
    case("an invalidation that was denied", &["warning debts"], |world, place| {
        world.publish(place);
        let denying = Meddling::Answer("/invalidation", 403, "AccessDenied");
        let meddler = Meddler::start(&world.emulator.url, denying);
        world.push(place, "body { color: red }", &[], &meddler.url).expect_code(1);
    }),
    case("a run that never ended", &["warning lock"], |world, place| {
        lock(world, place, "2026-01-01T00:01:30Z");
    }),
    case("somebody at work", &["warning lock"], |world, place| lock(world, place, "2099-01-01T00:00:00Z")),
    case("a damaged record", &["problem record"], |world, place| {
        world.put_state(place, "manifest.json.gz", b"not a record");
    }),
];
