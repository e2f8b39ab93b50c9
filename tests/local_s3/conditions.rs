//! Conditional reads and writes.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use sitepush::local::clock::Clock;
use sitepush::local::s3::{ConditionalWrites, ForeignObject, StoreOptions};

use crate::support::{BUCKET, plain_site, refusal, site, versioned_site};

const OTHER: &str = "\"00000000000000000000000000000000\"";
const E_TAG_OF_HELLO: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

#[tokio::test]
async fn if_none_match_writes_only_where_nothing_is() {
    let site = versioned_site().await;
    let put = |body: &'static str| {
        let put = site.client.put_object().bucket(BUCKET).key("lock").if_none_match("*");
        put.body(ByteStream::from_static(body.as_bytes())).send()
    };
    put("mine").await.expect("the first");
    assert_eq!(refusal(put("yours").await), (412, "PreconditionFailed".to_owned()));
    assert_eq!(site.get("lock").await, "mine");
    site.store.delete_foreign(BUCKET, "lock");
    put("yours").await.expect("a delete marker is nothing");
}

#[tokio::test]
async fn if_match_writes_only_over_what_was_read() {
    let site = plain_site().await;
    let put = |e_tag: &str| site.client.put_object().bucket(BUCKET).key("a").if_match(e_tag).send();
    assert_eq!(refusal(put(E_TAG_OF_HELLO).await), (404, "NoSuchKey".to_owned()));
    site.put("a", "hello").await;
    assert_eq!(refusal(put(OTHER).await), (412, "PreconditionFailed".to_owned()));
    assert_eq!(site.get("a").await, "hello");
    put(E_TAG_OF_HELLO).await.expect("the one that was read");
}

#[tokio::test]
async fn of_many_that_race_for_a_lock_one_wins() {
    let site = plain_site().await;
    let puts = (0..16).map(|number: u32| {
        let put = site.client.put_object().bucket(BUCKET).key("lock").if_none_match("*");
        put.body(ByteStream::from(number.to_string().into_bytes())).send()
    });
    let results = futures::future::join_all(puts).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(lost), (412, "PreconditionFailed".to_owned()));
    }
}

#[tokio::test]
async fn a_condition_other_than_a_star_is_not_implemented() {
    let site = plain_site().await;
    let put = site.client.put_object().bucket(BUCKET).key("a").if_none_match(OTHER).send().await;
    assert_eq!(refusal(put), (501, "NotImplemented".to_owned()));
}

#[tokio::test]
async fn an_endpoint_without_conditions_ignores_or_refuses_them() {
    let ignoring =
        site(StoreOptions { conditional_writes: ConditionalWrites::Ignored, ..StoreOptions::default() })
            .await;
    ignoring.put("a", "hello").await;
    let put = ignoring.client.put_object().bucket(BUCKET).key("a").if_none_match("*").send().await;
    put.expect("the condition is ignored");
    let refusing =
        site(StoreOptions { conditional_writes: ConditionalWrites::Refused, ..StoreOptions::default() })
            .await;
    refusing.put("a", "hello").await;
    let put = refusing.client.put_object().bucket(BUCKET).key("b").if_none_match("*").send().await;
    assert_eq!(refusal(put), (501, "NotImplemented".to_owned()));
}

#[tokio::test]
async fn a_conditional_delete_takes_only_what_was_read() {
    let site = plain_site().await;
    site.put("a", "hello").await;
    let delete = |e_tag: &str| site.client.delete_object().bucket(BUCKET).key("a").if_match(e_tag).send();
    assert_eq!(refusal(delete(OTHER).await), (412, "PreconditionFailed".to_owned()));
    delete(E_TAG_OF_HELLO).await.expect("the one that was read");
    delete(E_TAG_OF_HELLO).await.expect("nothing there is a success");
}

#[tokio::test]
async fn reads_are_conditional_on_e_tags_and_times() {
    let (clock, _hand) = Clock::manual(1_795_428_000);
    let site = site(StoreOptions { clock, ..StoreOptions::default() }).await;
    site.store.put_foreign(BUCKET, "a", ForeignObject::new("hello"));
    let (before, at) = (DateTime::from_secs(1_795_427_999), DateTime::from_secs(1_795_428_000));
    let get = || site.client.get_object().bucket(BUCKET).key("a");
    get().if_match(E_TAG_OF_HELLO).send().await.expect("it matches");
    get().if_none_match(OTHER).send().await.expect("it is another");
    get().if_modified_since(before).send().await.expect("it was modified since");
    get().if_unmodified_since(at).send().await.expect("it was not modified since");
    get().if_match(E_TAG_OF_HELLO).if_unmodified_since(before).send().await.expect("the ETag decides");
    get().if_none_match(OTHER).if_modified_since(at).send().await.expect("the ETag decides");
    let not_modified =
        [get().if_none_match(E_TAG_OF_HELLO), get().if_none_match("*"), get().if_modified_since(at)];
    for get in not_modified {
        assert_eq!(refusal(get.send().await).0, 304);
    }
    for get in [get().if_match(OTHER), get().if_unmodified_since(before)] {
        assert_eq!(refusal(get.send().await), (412, "PreconditionFailed".to_owned()));
    }
    let head = site.client.head_object().bucket(BUCKET).key("a").if_none_match(E_TAG_OF_HELLO).send().await;
    assert_eq!(refusal(head).0, 304);
    let head = site.client.head_object().bucket(BUCKET).key("a").if_match(OTHER).send().await;
    assert_eq!(refusal(head).0, 412);
}
