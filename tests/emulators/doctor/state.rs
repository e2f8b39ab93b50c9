//! Runs that left something behind.

use super::Break;
use super::place::{Place, World};

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

pub const CASES: &[Break] = &[
    case("a run that never ended", &["warning lock"], |world, place| {
        lock(world, place, "2026-01-01T00:01:30Z");
    }),
    case("somebody at work", &["warning lock"], |world, place| lock(world, place, "2099-01-01T00:00:00Z")),
    case("a damaged record", &["problem record"], |world, place| {
        world.put_state(place, "manifest.json.gz", b"not a record");
    }),
];
