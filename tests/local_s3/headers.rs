//! Stored headers, ranges, and keys of every kind.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use sitepush::local::clock::Clock;
use sitepush::local::s3::StoreOptions;

use crate::support::{BUCKET, plain_site, refusal, site};

#[tokio::test]
async fn an_object_comes_back_with_every_header_it_was_stored_with() {
    let (clock, _hand) = Clock::manual(1_795_428_000);
    let site = site(StoreOptions { clock, ..StoreOptions::default() }).await;
    let put =
        site.client.put_object().bucket(BUCKET).key("a.html").body(ByteStream::from_static(b"<p>hello"));
    let put = put
        .cache_control("public, max-age=0")
        .content_type("text/html; charset=utf-8")
        .content_encoding("gzip")
        .content_disposition("inline")
        .content_language("en")
        .expires(DateTime::from_secs(1_800_000_000))
        .metadata("cache-tag", "bundle-1")
        .metadata("Sha256", "abc");
    let put = put.send().await.expect("a put");
    assert_eq!(put.version_id(), None);

    let got = site.client.get_object().bucket(BUCKET).key("a.html").send().await.expect("a get");
    let head = site.client.head_object().bucket(BUCKET).key("a.html").send().await.expect("a head");
    assert_eq!(head.content_length(), Some(8));
    assert_eq!(head.last_modified(), Some(&DateTime::from_secs(1_795_428_000)));
    assert_eq!(head.e_tag(), put.e_tag());
    for (of_get, of_head, expected) in [
        (got.cache_control(), head.cache_control(), "public, max-age=0"),
        (got.content_type(), head.content_type(), "text/html; charset=utf-8"),
        (got.content_encoding(), head.content_encoding(), "gzip"),
        (got.content_disposition(), head.content_disposition(), "inline"),
        (got.content_language(), head.content_language(), "en"),
        (got.expires_string(), head.expires_string(), "Fri, 15 Jan 2027 08:00:00 GMT"),
    ] {
        assert_eq!((of_get, of_head), (Some(expected), Some(expected)));
    }
    for metadata in [got.metadata(), head.metadata()] {
        let mut pairs: Vec<_> =
            metadata.expect("metadata").iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [("cache-tag", "bundle-1"), ("sha256", "abc")]);
    }
    assert_eq!(&got.body.collect().await.expect("a body").into_bytes()[..], b"<p>hello");
}

#[tokio::test]
async fn an_e_tag_is_the_quoted_md5_and_the_type_has_a_default() {
    let site = plain_site().await;
    site.put("a", "hello").await;
    let head = site.client.head_object().bucket(BUCKET).key("a").send().await.expect("a head");
    assert_eq!(head.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(head.content_type(), Some("application/octet-stream"));
    let object = site.store.object(BUCKET, "a").expect("an object");
    assert_eq!(object.e_tag, "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(object.headers.content_encoding, None);
}

#[tokio::test]
async fn a_range_is_answered_with_its_part() {
    let site = plain_site().await;
    site.put("a", "0123456789").await;
    for (range, part, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let got = site.client.get_object().bucket(BUCKET).key("a").range(range).send().await.expect("a get");
        assert_eq!(got.content_range(), Some(content_range));
        assert_eq!(&got.body.collect().await.expect("a body").into_bytes()[..], part.as_bytes());
        let head =
            site.client.head_object().bucket(BUCKET).key("a").range(range).send().await.expect("a head");
        assert_eq!(head.content_range(), Some(content_range));
    }
    let beyond = site.client.get_object().bucket(BUCKET).key("a").range("bytes=10-").send().await;
    assert_eq!(refusal(beyond), (416, "InvalidRange".to_owned()));
}

/// Keys that clients and servers get wrong.
pub fn special_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a b",
        "a+b",
        "a%b",
        "a%20b",
        "a#b",
        "a?b=c",
        "a&b;c=d",
        "💡/é",
        "e\u{301}",
        "é",
        "a//b",
        "a/",
        "a/./b",
        "a/../b",
        "~a'()*!",
        "a\nb",
        "a\"b\\c",
        "<a>&amp;",
        "a:b@c,d",
        " a ",
        "日本語.html",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(1024));
    keys.push("é".repeat(512));
    keys
}

#[tokio::test]
async fn every_key_is_stored_read_listed_copied_and_deleted_under_its_own_name() {
    let site = plain_site().await;
    for key in special_keys() {
        site.put(&key, &key).await;
        assert_eq!(site.get(&key).await, key, "{key:?}");
    }
    let mut expected = special_keys();
    expected.sort();
    assert_eq!(site.store.keys(BUCKET), expected);

    let list = site.client.list_objects_v2().bucket(BUCKET).send().await.expect("a listing");
    let listed: Vec<_> =
        list.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
    assert_eq!(listed, expected);

    let delete = aws_sdk_s3::types::Delete::builder();
    let named = |key: &String| {
        aws_sdk_s3::types::ObjectIdentifier::builder().key(key).build().expect("an identifier")
    };
    let delete = delete.set_objects(Some(expected.iter().map(named).collect())).build().expect("a batch");
    let deleted = site.client.delete_objects().bucket(BUCKET).delete(delete).send().await.expect("a delete");
    assert_eq!(deleted.deleted().len(), expected.len());
    assert!(site.store.keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_key_of_more_than_1024_bytes_is_refused() {
    let site = plain_site().await;
    let put = site.client.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(refusal(put), (400, "KeyTooLongError".to_owned()));
}

#[tokio::test]
async fn metadata_of_more_than_2_kb_is_refused() {
    let site = plain_site().await;
    let put =
        |length| site.client.put_object().bucket(BUCKET).key("a").metadata("m", "x".repeat(length)).send();
    put(2047).await.expect("a put within the limit");
    assert_eq!(refusal(put(2048).await), (400, "MetadataTooLarge".to_owned()));
}

#[tokio::test]
async fn what_is_not_there_is_said_by_its_code() {
    let site = plain_site().await;
    let get = site.client.get_object().bucket(BUCKET).key("none").send().await;
    assert_eq!(refusal(get), (404, "NoSuchKey".to_owned()));
    let get = site.client.get_object().bucket("no-such-bucket").key("none").send().await;
    assert_eq!(refusal(get), (404, "NoSuchBucket".to_owned()));
    let put = site.client.put_object().bucket("no-such-bucket").key("none").send().await;
    assert_eq!(refusal(put), (404, "NoSuchBucket".to_owned()));
    let head = site.client.head_object().bucket(BUCKET).key("none").send().await;
    assert!(head.expect_err("no object").into_service_error().is_not_found());
    site.client.delete_object().bucket(BUCKET).key("none").send().await.expect("deleting nothing succeeds");
}
