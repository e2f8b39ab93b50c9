//! Objects that are not what sitepush put there.

use crate::emulator::Emulator;
use crate::support::Site;

pub fn a_bucket_that_something_else_filled_is_adopted(emulator: &Emulator) {
    let site = Site::small();
    emulator.put_foreign("style.css", "body { color: black }");
    emulator.put_foreign("index.html", "somebody else's page");
    emulator.put_foreign("elsewhere/file", "not ours");
    let answer = emulator.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    assert_eq!(answer["outcome"]["uploaded_count"], 5);
    assert_eq!(emulator.body("elsewhere/file"), "not ours");
    emulator.assert_is_published(&site, "");
}

pub fn drift_is_repaired_and_headers_without_their_body(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    emulator.put_foreign("index.html", "defaced");
    emulator.put_foreign("style.css", "body { color: black }");
    let status = emulator.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["drift"].as_array().expect("a list").len(), 2);
    let answer = emulator.push(&site, &["--verify-remote", "--json"]).success().json();
    assert_eq!(answer["outcome"]["uploaded_count"], 1);
    assert_eq!(answer["outcome"]["header_update_count"], 1);
    emulator.assert_is_published(&site, "");
    let status = emulator.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["drift"], serde_json::json!([]));
}
