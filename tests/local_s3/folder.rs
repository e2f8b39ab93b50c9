//! The folder form: what was stored is there again after a restart.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::primitives::ByteStream;
use sitepush::local::s3::{Store, StoreOptions, Versioning};

use crate::headers::special_keys;
use crate::support::{BUCKET, Site, serve_site};

async fn open(folder: &Path) -> Site {
    let options = StoreOptions { versioning: Versioning::On, ..StoreOptions::default() };
    serve_site(Store::folder(folder, options).expect("a store")).await
}

async fn close(site: Site) {
    site.server.stop().await;
}

#[tokio::test]
async fn a_reopened_store_has_every_version_header_and_e_tag() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = open(folder.path()).await;
    site.store.create_bucket(BUCKET);
    for key in special_keys() {
        site.put(&key, &key).await;
    }
    let put = site.client.put_object().bucket(BUCKET).key("a b").body(ByteStream::from_static(b"two"));
    let put = put.cache_control("no-cache").content_type("text/html").metadata("m", "1").send().await;
    put.expect("a put");
    site.client.delete_object().bucket(BUCKET).key("a+b").send().await.expect("a delete");
    let (versions, before) =
        (site.store.versions(BUCKET), site.store.object(BUCKET, "a b").expect("an object"));
    close(site).await;

    let site = open(folder.path()).await;
    assert_eq!(site.store.versions(BUCKET), versions);
    let after = site.store.object(BUCKET, "a b").expect("an object");
    assert_eq!(after.headers, before.headers);
    assert_eq!((after.e_tag, after.version_id, after.bytes), (before.e_tag, before.version_id, before.bytes));
    assert_eq!(after.last_modified, before.last_modified);
    for key in special_keys().into_iter().filter(|key| !["a b", "a+b"].contains(&key.as_str())) {
        assert_eq!(site.get(&key).await, key);
    }
    site.put("a b", "three").await;
    assert_eq!(site.store.versions(BUCKET).len(), versions.len() + 1);
}

/// What the hook saw of the bucket: versions, and the bytes that a reader finds.
type Look = (Vec<sitepush::local::s3::VersionInfo>, sitepush::local::s3::Snapshot);

fn look(view: &sitepush::local::s3::StoreView<'_>) -> Look {
    (view.versions(BUCKET), view.snapshot(BUCKET))
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).min_depth(1) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.path().strip_prefix(from).expect("inside"));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).expect("a folder");
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_byte_leaves_the_state_after_some_mutation() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = open(folder.path()).await;
    site.store.create_bucket(BUCKET);
    let looks = Arc::new(Mutex::new(vec![site.store.view(look)]));
    let notes = Arc::clone(&looks);
    site.store.on_mutation(move |view, _| notes.lock().expect("notes").push(look(view)));
    for (key, body) in [("a", "1"), ("b", "2"), ("a", "3"), ("c\n💡", "4"), ("a", "1")] {
        site.put(key, body).await;
    }
    site.client.delete_object().bucket(BUCKET).key("b").send().await.expect("a delete");
    site.store.expire_versions(BUCKET, "a");
    close(site).await;

    let index = folder.path().join("index.jsonl");
    let text = std::fs::read(&index).expect("an index");
    let looks = looks.lock().expect("notes").clone();
    // The header and the making of the bucket are before the first look.
    let lines = |length: usize| text[..length].iter().filter(|byte| **byte == b'\n').count();
    let start =
        text.len() - text.split(|byte| *byte == b'\n').skip(2).map(|line| line.len() + 1).sum::<usize>() + 1;
    assert_eq!(lines(text.len()), looks.len() + 1);
    for length in (start..=text.len()).step_by(17).chain([text.len()]) {
        let killed = tempfile::tempdir().expect("a folder");
        copy_folder(folder.path(), killed.path());
        std::fs::write(killed.path().join("index.jsonl"), &text[..length]).expect("a torn index");
        let store = Store::folder(killed.path(), StoreOptions::default()).expect("a store");
        assert_eq!(store.view(look), looks[lines(length) - 2], "cut to {length} of {} bytes", text.len());
    }
}
