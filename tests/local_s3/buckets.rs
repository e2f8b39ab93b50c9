//! Buckets themselves.

use aws_sdk_s3::types::BucketLocationConstraint;
use sitepush::local::s3::{Store, StoreOptions};

use crate::support::{BUCKET, refusal, serve_site};

#[tokio::test]
async fn buckets_are_made_found_listed_and_removed_when_empty() {
    let store = Store::memory(StoreOptions { region: "us-east-1".to_owned(), ..StoreOptions::default() });
    let site = serve_site(store).await;
    let client = &site.client;
    client.create_bucket().bucket("one").send().await.expect("a bucket");
    client.put_object().bucket("one").key("kept").send().await.expect("a put");
    client.create_bucket().bucket("one").send().await.expect("making it again is no error in us-east-1");
    client.delete_object().bucket("one").key("kept").send().await.expect("a delete");
    let head = client.head_bucket().bucket("one").send().await.expect("the bucket");
    assert_eq!(head.bucket_region(), Some("us-east-1"));
    let list = client.list_buckets().send().await.expect("a listing");
    assert_eq!(list.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(), ["one"]);
    let location = client.get_bucket_location().bucket("one").send().await.expect("a location");
    // AWS sends an empty element for us-east-1, which the SDK takes for a region without a name.
    assert_eq!(location.location_constraint().map_or("", |region| region.as_str()), "");
    client.put_object().bucket("one").key("a").send().await.expect("a put");
    let delete = client.delete_bucket().bucket("one").send().await;
    assert_eq!(refusal(delete), (409, "BucketNotEmpty".to_owned()));
    client.delete_object().bucket("one").key("a").send().await.expect("a delete");
    client.delete_bucket().bucket("one").send().await.expect("an empty bucket goes");
    let head = client.head_bucket().bucket("one").send().await;
    assert!(head.expect_err("no bucket").into_service_error().is_not_found());
}

#[tokio::test]
async fn a_bucket_elsewhere_has_a_location_and_is_made_once() {
    let store = Store::memory(StoreOptions { region: "eu-west-1".to_owned(), ..StoreOptions::default() });
    store.create_bucket(BUCKET);
    let site = serve_site(store).await;
    let location = site.client.get_bucket_location().bucket(BUCKET).send().await.expect("a location");
    assert_eq!(location.location_constraint().map(BucketLocationConstraint::as_str), Some("eu-west-1"));
    let head = site.client.head_bucket().bucket(BUCKET).send().await.expect("the bucket");
    assert_eq!(head.bucket_region(), Some("eu-west-1"));
    let again = site.client.create_bucket().bucket(BUCKET).send().await;
    assert_eq!(refusal(again), (409, "BucketAlreadyOwnedByYou".to_owned()));
}
