//! What a push leaves in the bucket.

use std::io::Read as _;

use crate::emulator::Emulator;
use crate::observe::{configuration, inspect};
use crate::support::{BUCKET, Site};

pub fn a_first_push_publishes_every_byte_and_header(emulator: &Emulator) {
    let site = Site::small();
    site.write("_headers", "/style.css\n  Content-Disposition: inline\n  Content-Language: en\n");
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
    assert_eq!(emulator.site_keys().len(), 6);
    assert_eq!(emulator.cache_control("assets/app-DRXg7gsA.js"), "public, max-age=31536000, immutable");
    let (style, _) = emulator.get("style.css");
    assert_eq!(style.content_disposition(), Some("inline"));
}

/// Names and values that a store could spell in another way, on an upload of one part and on one of many.
fn metadata(owner: &str) -> String {
    let headers = format!("{{ X-Amz-Meta-Owner = \"{owner}\", \"x-amz-meta-build_id-2\" = \"17, 18\" }}");
    format!(
        "[[rules]]\nmatch = \"style.css\"\ncompress = \"gzip\"\nheaders = {headers}\n\
         [[rules]]\nmatch = \"film.mp4\"\nheaders = {headers}\n"
    )
}

pub fn metadata_and_encodings_arrive_as_announced_and_change_without_the_body(emulator: &Emulator) {
    let site = Site::small();
    let style = "body { color: black }\n".repeat(100);
    site.write("style.css", &style)
        .write("script.js.br", "as if compressed")
        .write("film.mp4", vec![7; 17 << 20]);
    let folder = site.path().to_str().expect("a plain path");
    let push = |rules: &str| {
        let configuration = configuration(emulator, rules);
        let path = configuration.path().to_str().expect("a plain path");
        emulator.run(&["push", folder, "--config", path, "--json"]).success().json()
    };
    push(&metadata("Web Team"));
    emulator.assert_is_as_announced(&inspect(emulator, &site, &metadata("Web Team")), "");
    assert_eq!(emulator.get("script.js.br").0.content_encoding(), Some("br"));
    for owner in ["Web Team", "someone (else)"] {
        let answer = push(&metadata(owner));
        let updates = if owner == "Web Team" { 0 } else { 2 };
        assert_eq!(answer["outcome"]["header_update_count"], updates);
        assert_eq!(answer["outcome"]["uploaded_count"], 0);
        for key in ["style.css", "film.mp4"] {
            let metadata = emulator.get(key).0.metadata.expect("metadata");
            let found = ["owner", "build_id-2"].map(|name| metadata.get(name).map(String::as_str));
            assert_eq!(found, [Some(owner), Some("17, 18")], "{key}");
        }
        let (object, body) = emulator.get("style.css");
        assert_eq!(object.content_encoding(), Some("gzip"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, style);
    }
    emulator.assert_is_as_announced(&inspect(emulator, &site, &metadata("someone (else)")), "");
}

pub fn the_same_build_again_writes_nothing(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    let (before, invalidated) = (emulator.history(), emulator.invalidated());
    let again = emulator.push(&site, &[]).success();
    assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    assert_eq!(emulator.history(), before);
    assert_eq!(emulator.invalidated(), invalidated);
}

pub fn an_edit_writes_the_edited_file_and_no_other(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    let before = emulator.history();
    site.write("style.css", "body { color: white }");
    emulator.push(&site, &[]).success();
    let mut new = emulator.history();
    new.retain(|version| !version.0.starts_with(".sitepush/") && !before.contains(version));
    let keys: Vec<_> = new.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["style.css"]);
    emulator.assert_is_published(&site, "");
}

pub fn a_new_bundle_keeps_the_old_one_for_open_pages(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    site.remove("assets/app-DRXg7gsA.js").write("assets/app-B7bbbQ2x.js", "console.log(3)");
    site.write("index.html", "<script src=\"/assets/app-B7bbbQ2x.js\"></script>");
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
    assert_eq!(emulator.body("assets/app-DRXg7gsA.js"), "console.log(1)");
    assert_eq!(emulator.writes("assets/photo-D0KLVOtM.png"), 1);
}

pub fn a_dropped_page_goes_and_objects_of_others_stay(emulator: &Emulator) {
    let site = Site::small();
    emulator.put_foreign("elsewhere/file", "not ours");
    emulator.push(&site, &[]).success();
    site.remove("about/index.html");
    emulator.push(&site, &[]).success();
    assert!(!emulator.site_keys().contains(&"about/index.html".to_owned()));
    assert_eq!(emulator.body("elsewhere/file"), "not ours");
    assert_eq!(emulator.writes("elsewhere/file"), 1);
    assert_eq!(emulator.site_keys().len(), 6);
}

pub fn a_prefix_is_a_fence(emulator: &Emulator) {
    let site = Site::small();
    emulator.put_foreign("site2/index.html", "a sibling");
    emulator.put_foreign("site-staging/index.html", "a sibling");
    emulator.push(&site, &["--prefix", "site"]).success();
    site.remove("about/index.html");
    emulator.push(&site, &["--prefix", "/site/"]).success();
    emulator.on_target("prune", &["--prefix", "site", "--prune-unknown", "--yes"]).success();
    emulator.assert_is_published(&site, "site/");
    for key in ["site2/index.html", "site-staging/index.html"] {
        assert_eq!(emulator.body(key), "a sibling");
        assert_eq!(emulator.writes(key), 1);
    }
    let strays = emulator.all_keys().into_keys().filter(|key| !key.starts_with("site"));
    assert_eq!(strays.collect::<Vec<_>>(), Vec::<String>::new());
}

pub fn special_keys_arrive_as_they_are(emulator: &Emulator) {
    let site = Site::small();
    let names = [
        "with space.txt",
        "a+b.txt",
        "100%.txt",
        "%41.txt",
        "caf\u{e9}.txt",
        "\u{1f680}/r\u{e9}.txt",
        "q?x=1&y#z.txt",
    ];
    for name in names {
        site.write(name, name);
    }
    // No folder can hold these; somebody else's program can write them.
    let foreign = ["a//b", "/leading", "trailing/"];
    for key in foreign {
        emulator.put_foreign(key, "not ours");
    }
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
    assert_eq!(emulator.site_keys().len(), 6 + names.len() + foreign.len());
    // What was published under such a name can be found again, changed and taken away.
    for name in names {
        site.write(name, format!("{name} again"));
    }
    emulator.push(&site, &["--verify-remote"]).success();
    emulator.assert_is_published(&site, "");
    for name in names {
        site.remove(name);
    }
    emulator.push(&site, &["--allow-shrink"]).success();
    for key in foreign {
        assert_eq!((emulator.body(key).as_str(), emulator.writes(key)), ("not ours", 1), "{key}");
    }
    assert_eq!(emulator.site_keys().len(), 6 + foreign.len());
}

pub fn large_files_go_in_parts_and_arrive_whole(emulator: &Emulator) {
    let site = Site::small();
    let large: Vec<u8> = (0..(17_u32 << 20) / 4).flat_map(u32::to_le_bytes).collect();
    site.write("film.mp4", &large);
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
    let (film, _) = emulator.get("film.mp4");
    let e_tag = film.e_tag().expect("an ETag");
    assert!(e_tag.trim_matches('"').contains('-'), "not sent in parts: {e_tag}");
    let open = emulator.runtime.block_on(emulator.s3.list_multipart_uploads().bucket(BUCKET).send());
    assert_eq!(open.expect("a listing").uploads().len(), 0);
    let before = emulator.writes("film.mp4");
    emulator.push(&site, &["--verify-remote"]).success();
    assert_eq!(emulator.writes("film.mp4"), before);
}

pub fn a_bucket_that_does_not_exist_is_named(emulator: &Emulator) {
    let site = Site::small();
    let folder = site.path().to_str().expect("a plain path");
    let answer = emulator.run(&["push", folder, "--bucket", "no-such-bucket-here"]);
    answer.explains(5, &["no-such-bucket-here"]);
}
