//! CopyObject.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::MetadataDirective;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::headers::special_keys;
use crate::support::{BUCKET, plain_site, refusal, versioned_site};

fn source(key: &str) -> String {
    format!("{BUCKET}/{}", utf8_percent_encode(key, NON_ALPHANUMERIC))
}

#[tokio::test]
async fn a_copy_keeps_the_headers_or_replaces_them_all() {
    let site = plain_site().await;
    let put = site.client.put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"hello"));
    let put = put.cache_control("no-cache").content_type("text/css").metadata("m", "1").send().await;
    let e_tag = put.expect("a put").e_tag().map(str::to_owned);
    let copy = |key: &str| site.client.copy_object().bucket(BUCKET).key(key).copy_source(source("a"));

    let kept = copy("kept").cache_control("ignored").send().await.expect("a copy");
    assert_eq!(kept.copy_object_result().and_then(|result| result.e_tag()), e_tag.as_deref());
    let replaced = copy("replaced").metadata_directive(MetadataDirective::Replace).cache_control("max-age=1");
    replaced.send().await.expect("a copy");

    let headers = |key: &str| site.store.object(BUCKET, key).expect("an object").headers;
    assert_eq!(headers("kept"), headers("a"));
    assert_eq!(headers("replaced").cache_control.as_deref(), Some("max-age=1"));
    assert_eq!(headers("replaced").content_type.as_deref(), Some("binary/octet-stream"));
    assert!(headers("replaced").user_metadata.is_empty());
    assert_eq!(site.get("replaced").await, "hello");
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let site = plain_site().await;
    site.put("a", "hello").await;
    let copy = || site.client.copy_object().bucket(BUCKET).key("a").copy_source(source("a"));
    assert_eq!(refusal(copy().send().await), (400, "InvalidRequest".to_owned()));
    let replaced =
        copy().metadata_directive(MetadataDirective::Replace).content_type("text/plain").send().await;
    replaced.expect("new headers on the same bytes");
    let object = site.store.object(BUCKET, "a").expect("an object");
    assert_eq!(
        (object.headers.content_type.as_deref(), &object.bytes[..]),
        (Some("text/plain"), &b"hello"[..])
    );
}

#[tokio::test]
async fn an_earlier_version_is_brought_back_by_a_copy() {
    let site = versioned_site().await;
    site.put("a", "one").await;
    let first = site.store.object(BUCKET, "a").and_then(|object| object.version_id).expect("a version");
    site.put("a", "two").await;
    let copy = |id: &str| {
        let source = format!("{}?versionId={id}", source("a"));
        site.client.copy_object().bucket(BUCKET).key("a").copy_source(source).send()
    };
    let copied = copy(&first).await.expect("a copy");
    assert_eq!(copied.copy_source_version_id(), Some(first.as_str()));
    assert_ne!(copied.version_id(), Some(first.as_str()));
    assert_eq!(site.get("a").await, "one");
    assert_eq!(site.store.versions(BUCKET).len(), 3);
    assert_eq!(refusal(copy("nothing").await), (404, "NoSuchVersion".to_owned()));
}

#[tokio::test]
async fn a_copy_is_conditional_on_its_source_and_on_its_destination() {
    let site = plain_site().await;
    site.put("a", "hello").await;
    let other = "\"00000000000000000000000000000000\"";
    let copy = || site.client.copy_object().bucket(BUCKET).key("b").copy_source(source("a"));
    let failed = (412, "PreconditionFailed".to_owned());
    assert_eq!(refusal(copy().copy_source_if_match(other).send().await), failed);
    assert_eq!(refusal(copy().copy_source_if_none_match("*").send().await), failed);
    assert_eq!(refusal(copy().if_match(other).send().await), (404, "NoSuchKey".to_owned()));
    assert!(site.store.object(BUCKET, "b").is_none());
    copy().if_none_match("*").send().await.expect("nothing was there");
    assert_eq!(refusal(copy().if_none_match("*").send().await), failed);
    assert_eq!(refusal(copy().if_match(other).send().await), failed);
}

#[tokio::test]
async fn the_source_may_have_any_key_and_must_be_there() {
    let site = plain_site().await;
    for key in special_keys() {
        site.put(&key, &key).await;
        let copy =
            site.client.copy_object().bucket(BUCKET).key("copy").copy_source(source(&key)).send().await;
        copy.unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
        assert_eq!(site.get("copy").await, key);
    }
    let copy =
        site.client.copy_object().bucket(BUCKET).key("copy").copy_source(source("nothing")).send().await;
    assert_eq!(refusal(copy), (404, "NoSuchKey".to_owned()));
}
