//! Listings and their pages.

use aws_sdk_s3::types::EncodingType;
use sitepush::local::s3::{ForeignObject, StoreOptions};

use crate::support::{BUCKET, Site, plain_site, refusal, site};

fn fill(site: &Site, keys: &[&str]) {
    for key in keys {
        site.store.put_foreign(BUCKET, key, ForeignObject::new((*key).to_owned()));
    }
}

#[tokio::test]
async fn a_listing_tells_key_size_e_tag_and_time() {
    let site = plain_site().await;
    site.put("a", "hello").await;
    let list = site.client.list_objects_v2().bucket(BUCKET).send().await.expect("a listing");
    let [object] = list.contents() else { panic!("{list:?}") };
    assert_eq!((object.key(), object.size()), (Some("a"), Some(5)));
    assert_eq!(object.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let head = site.client.head_object().bucket(BUCKET).key("a").send().await.expect("a head");
    assert_eq!(object.last_modified(), head.last_modified());
    assert_eq!((list.key_count(), list.is_truncated()), (Some(1), Some(false)));
}

#[tokio::test]
async fn a_page_holds_a_thousand_keys_and_says_that_there_are_more() {
    let site = plain_site().await;
    let keys: Vec<_> = (0..2001).map(|number| format!("{number:04}")).collect();
    fill(&site, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut pages = site.client.list_objects_v2().bucket(BUCKET).into_paginator().send();
    let (mut sizes, mut listed) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        sizes.push(page.contents().len());
        listed.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
    }
    assert_eq!(sizes, [1000, 1000, 1]);
    assert_eq!(listed, keys);
}

#[tokio::test]
async fn pages_of_one_add_up_with_prefix_delimiter_and_start() {
    let site = site(StoreOptions { list_page_size: 1, ..StoreOptions::default() }).await;
    fill(&site, &["a", "site/b", "site/c/d", "site/c/e", "site/f", "site2/g"]);
    let walk = async |prefix: &str, delimiter: Option<&str>, start_after: Option<&str>| {
        let list = site.client.list_objects_v2().bucket(BUCKET).prefix(prefix);
        let list =
            list.set_delimiter(delimiter.map(str::to_owned)).set_start_after(start_after.map(str::to_owned));
        let mut pages = list.into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("a page");
            assert_eq!(page.contents().len() + page.common_prefixes().len(), 1);
            items.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            items.extend(
                page.common_prefixes().iter().filter_map(|common| common.prefix().map(str::to_owned)),
            );
        }
        items
    };
    assert_eq!(walk("site/", None, None).await, ["site/b", "site/c/d", "site/c/e", "site/f"]);
    assert_eq!(walk("", Some("/"), None).await, ["a", "site/", "site2/"]);
    assert_eq!(walk("site/", Some("/"), None).await, ["site/b", "site/c/", "site/f"]);
    assert_eq!(walk("", None, Some("site/c/d")).await, ["site/c/e", "site/f", "site2/g"]);
}

#[tokio::test]
async fn keys_are_encoded_when_the_client_asks_for_it() {
    let site = plain_site().await;
    fill(&site, &["a b+c/é\n(3).png"]);
    let list = site.client.list_objects_v2().bucket(BUCKET).prefix("a b").encoding_type(EncodingType::Url);
    let list = list.send().await.expect("a listing");
    assert_eq!(list.contents()[0].key(), Some("a+b%2Bc/%C3%A9%0A%283%29.png"));
    assert_eq!(list.prefix(), Some("a+b"));
}

#[tokio::test]
async fn the_older_listing_goes_by_markers() {
    let site = site(StoreOptions { list_page_size: 2, ..StoreOptions::default() }).await;
    fill(&site, &["a", "b/c", "b/d", "e", "f"]);
    let list = |marker: Option<String>| {
        site.client.list_objects().bucket(BUCKET).delimiter("/").set_marker(marker).send()
    };
    let first = list(None).await.expect("a page");
    assert_eq!((first.is_truncated(), first.next_marker()), (Some(true), Some("b/")));
    let second = list(first.next_marker().map(str::to_owned)).await.expect("a page");
    let keys: Vec<_> = second.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!((keys, second.is_truncated()), (vec!["e", "f"], Some(false)));
    let plain = site.client.list_objects().bucket(BUCKET).send().await.expect("a page");
    assert_eq!((plain.is_truncated(), plain.next_marker()), (Some(true), None));
}

#[tokio::test]
async fn nonsense_is_refused() {
    let site = plain_site().await;
    let list = site.client.list_objects_v2().bucket(BUCKET).continuation_token("?").send().await;
    assert_eq!(refusal(list), (400, "InvalidArgument".to_owned()));
    let list = site.client.list_objects_v2().bucket(BUCKET).max_keys(-1).send().await;
    assert_eq!(refusal(list), (400, "InvalidArgument".to_owned()));
    let list = site.client.list_objects_v2().bucket("no-such-bucket").send().await;
    assert_eq!(refusal(list), (404, "NoSuchBucket".to_owned()));
}
