//! Names of files that a key cannot be, or only with care.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// What a browser may encode in a path: all but the unreserved characters of RFC 3986.
const IN_PATHS: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    let published = fresh(Site::small());
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.html");
    std::fs::write(published.site.path().join(name), "x").expect("the file system takes any bytes");
    published.refuses(&[], USAGE, &["is not UTF-8"]);
}

#[test]
fn a_newline_in_a_name_is_refused_and_does_not_break_the_message() {
    let published = fresh(Site::small());
    published.site.write("two\nlines.html", "x");
    published.refuses(&[], USAGE, &["two\\nlines.html", "control character"]);
}

#[test]
fn odd_names_arrive_as_they_are_and_their_caches_are_dropped() {
    let names = [
        "with space.html",
        "hash#tag.html",
        "what?.html",
        "100%.html",
        "50%25.html",
        "a+b.html",
        "a&b=c;d.html",
        "quote'\"q.html",
        "\u{1f600}.html",
        "caf\u{e9}.html",
        // There is no one character for these two.
        "x\u{302}.html",
        "br[a]ck{e}t.html",
        "back\\slash.html",
        "tilde~.html",
        "star*.html",
        "dir with space/index.html",
    ];
    let cloud = Cloud::new();
    let site = Site::small();
    for name in names {
        site.write(name, name);
    }
    cloud.push(&site, &[]).success();
    let path = |name: &str| format!("/{}", utf8_percent_encode(name, &IN_PATHS));
    for name in names {
        assert_eq!(cloud.body(name), name);
        assert_eq!(cloud.visit(&path(name)), (200, name.to_owned()));
        site.write(name, format!("{name} again"));
    }
    let expected = cloud.site_keys();
    cloud.push(&site, &["--verify-remote"]).success();
    for name in names {
        assert_eq!(cloud.body(name), format!("{name} again"));
        assert_eq!(cloud.visit(&path(name)), (200, format!("{name} again")), "visitors of `{name}`");
    }
    assert_eq!(cloud.site_keys(), expected);
    let again = cloud.push(&site, &["--verify-remote"]).success();
    assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    for name in names.iter().filter(|name| **name != "dir with space/index.html") {
        site.remove(name);
    }
    cloud.push(&site, &["--allow-shrink"]).success();
    assert_eq!(cloud.site_keys().len(), 7);
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.site_keys(), expected);
}

#[test]
fn equal_bytes_are_copied_from_and_to_odd_names() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("a+b c%#?\u{1f600}.txt", "the bytes");
    cloud.push(&site, &[]).success();
    site.write("d+e f%#?\u{e9}.txt", "the bytes");
    let answer = cloud.push(&site, &["--json"]).success().json();
    assert_eq!(answer["outcome"]["copied_count"], 1);
    assert_eq!(cloud.body("d+e f%#?\u{e9}.txt"), "the bytes");
}

#[test]
fn decomposed_names_become_composed_keys() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("cafe\u{301}.html", "one");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("caf\u{e9}.html"), "one");
    let again = cloud.push(&site, &[]).success();
    assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
}

#[test]
fn two_spellings_of_one_name_are_refused() {
    let published = fresh(Site::small());
    published.site.write("cafe\u{301}.html", "one").write("caf\u{e9}.html", "two");
    published.refuses(&[], USAGE, &["have the same name in normalized Unicode", "remove one of the two"]);
}

#[test]
fn names_that_differ_only_in_case_are_published_and_mentioned() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write("Style.css", "other");
    let answer = cloud.push(&site, &[]).success();
    assert!(answer.stderr.contains("`Style.css` and `style.css` differ only in case"), "{}", answer.stderr);
    assert_eq!(cloud.body("Style.css"), "other");
    assert_eq!(cloud.body("style.css"), "body { color: black }");
}

/// A key of exactly this many bytes, in segments that file systems take.
fn long_name(length: usize) -> String {
    long_name_of('d', length)
}

/// The same, made of this character as far as it goes.
fn long_name_of(character: char, length: usize) -> String {
    const END: &str = "e.html";
    let segment: String = std::iter::repeat_n(character, 200 / character.len_utf8()).collect();
    let mut name = format!("{segment}/").repeat(6);
    name.truncate(name.floor_char_boundary(length - END.len()));
    name += &"d".repeat(length - END.len() - name.len());
    if name.ends_with('/') {
        name.pop();
        name.push('d');
    }
    name + END
}

#[test]
fn the_longest_key_fits_and_one_byte_more_does_not() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write(&long_name(1024), "long");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body(&long_name(1024)), "long");

    let published = fresh(Site::small());
    published.site.write(&long_name(1025), "too long");
    published.refuses(&[], USAGE, &["1025 bytes long", "1024", "rename the file"]);
}

#[test]
fn the_length_of_a_key_is_counted_in_bytes_and_not_in_characters() {
    let cloud = Cloud::new();
    let site = Site::small();
    let name = long_name_of('\u{e9}', 1024);
    assert!(name.chars().count() < 600);
    site.write(&name, "long");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body(&name), "long");

    let published = fresh(Site::small());
    published.site.write(&long_name_of('\u{e9}', 1026), "too long");
    published.refuses(&[], USAGE, &["1026 bytes long", "1024", "rename the file"]);
}

#[test]
fn the_prefix_counts_in_the_length_of_a_key() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write(&long_name(1019), "long");
    cloud.push(&site, &["--prefix", "site"]).success();
    assert_eq!(cloud.body(&format!("site/{}", long_name(1019))), "long");

    let published = fresh(Site::small());
    published.site.write(&long_name(1020), "too long");
    published.refuses(&["--prefix", "site"], USAGE, &["1025 bytes long", "rename the file"]);
}

#[test]
fn a_prefix_leaves_room_for_keys_of_our_own() {
    let published = fresh(Site::small());
    let prefix = "p".repeat(1010);
    published.refuses(&["--prefix", &prefix], USAGE, &["cannot be a prefix"]);
    for prefix in ["a//b", "a/../b", ".", "site/.sitepush", ".sitepush"] {
        published.refuses(&["--prefix", prefix], USAGE, &["cannot be a prefix"]);
    }
}
