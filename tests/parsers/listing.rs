//! Answers to ListObjectsV2: corpus, campaigns, and listings that do not end or do not begin.

use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sitepush::core::inventory::Listing;
use sitepush::core::key::ObjectKey;
use sitepush::edges::call::CallError;

use crate::campaign::{damaged, extent_in, play, watch};
use crate::corpus;
use crate::server::{Endpoint, Scripted};

const PARSER: &str = "listing";

/// Of answers in XML.
pub const DICTIONARY: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "&",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&lol;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
    "\"",
    "'",
    "=",
    "%",
    "%2",
    "%FF",
    "%00",
    "%2F",
    "+",
    "\0",
    "\u{feff}",
    "\u{fffe}",
    "\u{1f600}",
    "<Contents>",
    "</Contents>",
    "<Key>",
    "</Key>",
    "<Key/>",
    "<Size>-1</Size>",
    "<Size>99999999999999999999</Size>",
    "<ETag/>",
    "<LastModified>0</LastModified>",
    "<IsTruncated>true</IsTruncated>",
    "<NextContinuationToken>t</NextContinuationToken>",
    "<NextContinuationToken/>",
    "<KeyCount>7</KeyCount>",
    "<EncodingType>url</EncodingType>",
    "<Error>",
    "</Error>",
    "<Code>SlowDown</Code>",
    "<Message>",
    "</Message>",
    "</ListBucketResult>",
    "<a>",
    "<a b='c' b='d'>",
    " xmlns:x=\"y\"",
];

fn shown((listing, odd): &(Listing, u64)) -> String {
    format!("{} objects, {odd} odd: {listing:?}", listing.len())
}

/// The kind, then the message, which must be what people can be shown.
pub fn explained(error: &CallError) -> String {
    let is_one_line = !error.message.is_empty() && !error.message.chars().any(char::is_control);
    assert!(is_one_line, "not one line of text: {error:?}");
    assert!(error.message.chars().count() < 2000, "too long to be read: {error:?}");
    format!("{:?}: {}", error.kind, error.message)
}

fn listed(endpoint: &Endpoint, pages: Vec<Scripted>) -> Result<(Listing, u64), CallError> {
    let listed = endpoint.answering(pages, endpoint.bucket.list_objects())?;
    Ok((listed.objects, listed.odd_keys))
}

#[test]
fn each_listing_is_taken_or_refused_as_stated() {
    let endpoint = Endpoint::start();
    corpus::outcomes_are_as_stated(PARSER, |sample| {
        let result = listed(&endpoint, vec![Scripted::new(200, sample.bytes.clone())]);
        result.as_ref().map(shown).map_err(explained)
    });
}

fn page(keys: &[&str], token: Option<&str>) -> Scripted {
    let objects: String = keys
        .iter()
        .map(|key| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-26T17:15:50.000Z</LastModified><ETag>e</ETag>\
                 <Size>1</Size></Contents>"
            )
        })
        .collect();
    let more = token.map(|token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
    Scripted::new(
        200,
        format!(
            "<ListBucketResult><KeyCount>{}</KeyCount><IsTruncated>{}</IsTruncated>{}{objects}</ListBucketResult>",
            keys.len(),
            more.is_some(),
            more.unwrap_or_default()
        ),
    )
}

#[test]
fn a_listing_that_begins_again_is_given_up() {
    let endpoint = Endpoint::start();
    let error =
        listed(&endpoint, vec![page(&["a"], Some("1")), page(&["b"], Some("1"))]).expect_err("endless");
    assert!(explained(&error).contains("does not come to an end"), "{error:?}");
    assert!(endpoint.requests() <= 3, "{} requests", endpoint.requests());
}

#[test]
fn a_listing_that_goes_round_in_a_circle_is_given_up() {
    let endpoint = Endpoint::start();
    let circle = ["1", "2", "3"].map(|token| page(&["a"], Some(token)));
    let pages = circle.iter().cloned().cycle().take(600).collect();
    let error = listed(&endpoint, pages).expect_err("endless");
    assert!(explained(&error).contains("does not come to an end"), "{error:?}");
    // And not because the last of these pages is answered again.
    assert!(endpoint.requests() <= 200, "{} requests", endpoint.requests());
}

#[test]
fn an_empty_page_in_the_middle_is_no_end() {
    let endpoint = Endpoint::start();
    let pages = vec![page(&["a"], Some("1")), page(&[], Some("2")), page(&["b"], None)];
    let (listing, _) = listed(&endpoint, pages).expect("a listing");
    assert_eq!(listing.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a", "b"]);
}

fn is_read_or_explained(endpoint: &Endpoint, body: &[u8]) -> TestCaseResult {
    // Where there is more to come, the last page ends it.
    let pages = vec![Scripted::new(200, body), page(&["z"], None)];
    match listed(endpoint, pages) {
        Ok((listing, odd)) => {
            // The last page has one object.
            let written = String::from_utf8_lossy(body).matches("Contents").count() + 1;
            prop_assert!(listing.len() + usize::try_from(odd).expect("few") <= written);
            prop_assert!(listing.keys().all(|key| !key.as_str().starts_with(".sitepush/")), "{listing:?}");
        }
        Err(error) => {
            explained(&error);
        }
    }
    Ok(())
}

/// Names as S3 holds them and `encoding-type=url` writes them.
fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%20", "+")
        .replace("%2F", "/")
}

#[test]
fn damaged_listings_are_read_or_explained() {
    let endpoint = Endpoint::start();
    play(extent_in(file!(), "damaged", 150), damaged(PARSER, DICTIONARY), |input| {
        watch(&input, || is_read_or_explained(&endpoint, &input.0))
    });
}

#[test]
fn a_listing_that_is_cut_anywhere_is_not_taken_for_whole() {
    let endpoint = Endpoint::start();
    let whole = page(&["a/b.css"], None).body;
    assert!(listed(&endpoint, vec![Scripted::new(200, whole.clone())]).is_ok());
    for end in 0..whole.len() {
        let result = listed(&endpoint, vec![Scripted::new(200, &whole[..end])]);
        assert!(result.is_err(), "{}", String::from_utf8_lossy(&whole[..end]));
    }
}

#[test]
fn every_key_arrives_as_it_is_encoded_or_not() {
    let endpoint = Endpoint::start();
    let keys = btree_set("[a-zA-Z0-9 +%&<>\"'~!*()/;é漢\u{1f600}]{1,12}", 1..5);
    play(extent_in(file!(), "keys", 60), (keys, any::<bool>()), |(keys, is_encoded)| {
        let escaped = |key: &String| key.replace('&', "&amp;").replace('<', "&lt;");
        let names: Vec<String> =
            keys.iter().map(|key| if is_encoded { encoded(key) } else { escaped(key) }).collect();
        let mut answer = page(&names.iter().map(String::as_str).collect::<Vec<_>>(), None);
        if is_encoded {
            let body = String::from_utf8(answer.body).expect("text");
            let mark = "<EncodingType>url</EncodingType><IsTruncated>";
            answer.body = body.replace("<IsTruncated>", mark).into_bytes();
        }
        let (listing, odd) = listed(&endpoint, vec![answer]).expect("a listing");
        // All that a build can have, and the others are counted.
        let possible = keys.iter().filter_map(|key| ObjectKey::new(key.as_str()).ok());
        prop_assert_eq!(listing.keys().cloned().collect::<BTreeSet<_>>(), possible.collect::<BTreeSet<_>>());
        prop_assert_eq!(listing.len() + usize::try_from(odd).expect("few"), keys.len());
        Ok(())
    });
}
