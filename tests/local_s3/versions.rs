//! Versions and delete markers.

use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, VersioningConfiguration};
use sitepush::local::s3::{StoreOptions, Versioning};

use crate::support::{BUCKET, Site, plain_site, refusal, site, versioned_site};

async fn set_versioning(site: &Site, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    let put = site.client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(configuration);
    put.send().await.expect("versioning");
}

async fn versioning(site: &Site) -> Option<BucketVersioningStatus> {
    let get = site.client.get_bucket_versioning().bucket(BUCKET).send().await;
    get.expect("a status").status().cloned()
}

fn identifier(key: &str) -> ObjectIdentifier {
    ObjectIdentifier::builder().key(key).build().expect("an identifier")
}

#[tokio::test]
async fn earlier_versions_stay_readable_and_a_delete_hides_them() {
    let site = versioned_site().await;
    site.put("a", "one").await;
    let first = site.store.object(BUCKET, "a").and_then(|object| object.version_id).expect("a version");
    site.put("a", "two").await;
    let deleted = site.client.delete_object().bucket(BUCKET).key("a").send().await.expect("a delete");
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id().expect("the marker's id").to_owned();

    let get = site.client.get_object().bucket(BUCKET).key("a").send().await;
    let raw = get.as_ref().expect_err("hidden").raw_response().expect("an answer");
    assert_eq!(raw.headers().get("x-amz-delete-marker"), Some("true"));
    assert_eq!(refusal(get), (404, "NoSuchKey".to_owned()));
    let get =
        site.client.get_object().bucket(BUCKET).key("a").version_id(&first).send().await.expect("a get");
    assert_eq!(get.version_id(), Some(first.as_str()));
    assert_eq!(&get.body.collect().await.expect("a body").into_bytes()[..], b"one");
    let get = site.client.get_object().bucket(BUCKET).key("a").version_id(&marker).send().await;
    assert_eq!(refusal(get), (405, "MethodNotAllowed".to_owned()));

    let delete = site.client.delete_object().bucket(BUCKET).key("a").version_id(&marker).send().await;
    assert_eq!(delete.expect("a delete").delete_marker(), Some(true));
    assert_eq!(site.get("a").await, "two");
}

#[tokio::test]
async fn versions_are_listed_newest_first_in_pages() {
    let site =
        site(StoreOptions { versioning: Versioning::On, list_page_size: 2, ..StoreOptions::default() }).await;
    for key in ["a", "b", "a", "a"] {
        site.put(key, "x").await;
    }
    site.client.delete_object().bucket(BUCKET).key("b").send().await.expect("a delete");
    let (mut listed, mut markers) = (Vec::new(), Vec::new());
    let (mut key, mut version) = (None, None);
    loop {
        let list = site.client.list_object_versions().bucket(BUCKET);
        let page = list.set_key_marker(key).set_version_id_marker(version).send().await.expect("a page");
        listed.extend(page.versions().iter().map(|v| (v.key().map(str::to_owned), v.is_latest())));
        markers.extend(page.delete_markers().iter().map(|m| (m.key().map(str::to_owned), m.is_latest())));
        if page.is_truncated() != Some(true) {
            break;
        }
        key = page.next_key_marker().map(str::to_owned);
        version = page.next_version_id_marker().map(str::to_owned);
    }
    let entry = |key: &str, latest| (Some(key.to_owned()), Some(latest));
    assert_eq!(listed, [entry("a", true), entry("a", false), entry("a", false), entry("b", false)]);
    assert_eq!(markers, [entry("b", true)]);
}

#[tokio::test]
async fn versioning_is_turned_on_and_suspended() {
    let site = plain_site().await;
    assert_eq!(versioning(&site).await, None);
    site.put("a", "null").await;
    set_versioning(&site, BucketVersioningStatus::Enabled).await;
    assert_eq!(versioning(&site).await, Some(BucketVersioningStatus::Enabled));
    site.put("a", "kept").await;
    set_versioning(&site, BucketVersioningStatus::Suspended).await;
    site.put("a", "null again").await;
    let ids: Vec<_> = site.store.versions(BUCKET).into_iter().map(|version| version.version_id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], "null");
    let kept =
        site.client.get_object().bucket(BUCKET).key("a").version_id(&ids[1]).send().await.expect("a get");
    assert_eq!(&kept.body.collect().await.expect("a body").into_bytes()[..], b"kept");
    site.client.delete_object().bucket(BUCKET).key("a").send().await.expect("a delete");
    let versions = site.store.versions(BUCKET);
    assert_eq!(versions.len(), 2);
    assert!(versions[0].is_delete_marker && versions[0].version_id == "null");
}

#[tokio::test]
async fn an_endpoint_without_versions_says_so() {
    let site = site(StoreOptions { versioning: Versioning::Unsupported, ..StoreOptions::default() }).await;
    site.put("a", "hello").await;
    let refused = (501, "NotImplemented".to_owned());
    assert_eq!(refusal(site.client.get_bucket_versioning().bucket(BUCKET).send().await), refused);
    assert_eq!(refusal(site.client.list_object_versions().bucket(BUCKET).send().await), refused);
    let get = site.client.get_object().bucket(BUCKET).key("a").version_id("null").send().await;
    assert_eq!(refusal(get), refused);
    let head = site.client.head_object().bucket(BUCKET).key("a").send().await.expect("a head");
    assert_eq!(head.version_id(), None);
}

#[tokio::test]
async fn a_batch_deletes_at_most_a_thousand_keys() {
    let site = versioned_site().await;
    site.put("a", "x").await;
    let batch = |count: usize| {
        let keys =
            (0..count).map(|number| identifier(&number.to_string())).chain([identifier("a")]).collect();
        let delete = Delete::builder().set_objects(Some(keys)).build().expect("a batch");
        site.client.delete_objects().bucket(BUCKET).delete(delete).send()
    };
    assert_eq!(refusal(batch(1000).await), (400, "MalformedXML".to_owned()));
    assert_eq!(site.get("a").await, "x");
    let deleted = batch(999).await.expect("a batch");
    assert_eq!(deleted.deleted().len(), 1000);
    assert!(deleted.deleted().iter().all(|done| done.delete_marker() == Some(true)));
    assert!(site.store.keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_quiet_batch_reports_errors_only() {
    let site = plain_site().await;
    site.put("a", "x").await;
    let delete = Delete::builder().objects(identifier("a")).quiet(true).build().expect("a batch");
    let deleted = site.client.delete_objects().bucket(BUCKET).delete(delete).send().await.expect("a batch");
    assert!(deleted.deleted().is_empty() && deleted.errors().is_empty());
    assert!(site.store.keys(BUCKET).is_empty());
}
