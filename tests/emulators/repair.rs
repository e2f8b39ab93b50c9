//! Objects that are not what sitepush put there.

use crate::emulator::Emulator;
use crate::support::{BUCKET, Site};

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

/// With a file that is sent by one request, with one that is sent in parts, and with one that gets the bytes of another.
pub fn a_strangers_object_under_the_name_of_a_new_file_is_found_and_then_taken(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    let copied = b"body { color: black }".to_vec();
    for (key, ours) in
        [("promo.html", b"ours".to_vec()), ("promo.bin", vec![7; 17 << 20]), ("promo.css", copied)]
    {
        emulator.put_foreign(key, "theirs");
        site.write(key, &ours);
        let invalidated = emulator.invalidated();
        let words = [key, "somebody else's object is there", "run the command again"];
        emulator.push(&site, &[]).explains(1, &words);
        assert_eq!((emulator.body(key).as_str(), emulator.writes(key)), ("theirs", 1));
        assert_eq!(emulator.invalidated(), invalidated, "nothing of `{key}` has changed");
        emulator.push(&site, &[]).success();
        assert!(emulator.get(key).1 == ours, "`{key}` is ours now");
        // Visitors had been shown the stranger's.
        let invalidated = emulator.invalidated().len() - invalidated.len();
        let is_named = emulator.invalidated().iter().flatten().any(|item| item.starts_with("/promo"));
        assert!(invalidated == 1 && is_named, "`{key}`: {:?}", emulator.invalidated());
    }
    let open = emulator.runtime.block_on(emulator.s3.list_multipart_uploads().bucket(BUCKET).send());
    assert_eq!(open.expect("a listing").uploads().len(), 0, "no parts are left of the one that was refused");
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
