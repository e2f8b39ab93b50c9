//! What is in the bucket and what CloudFront was asked, as the AWS SDK sees it.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::emulator::Emulator;
use crate::support::{BUCKET, Site};

impl Emulator {
    /// All keys, state included, with their sizes.
    pub fn all_keys(&self) -> BTreeMap<String, i64> {
        let mut pages = self.s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
        let mut keys = BTreeMap::new();
        while let Some(page) = self.runtime.block_on(pages.next()) {
            for object in page.expect("a listing").contents() {
                keys.insert(object.key().expect("a key").to_owned(), object.size().unwrap_or(-1));
            }
        }
        keys
    }

    /// Keys of the bucket without sitepush's own state.
    pub fn site_keys(&self) -> Vec<String> {
        self.all_keys().into_keys().filter(|key| !key.starts_with(".sitepush/")).collect()
    }

    pub fn get(&self, key: &str) -> (GetObjectOutput, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = self.s3.get_object().bucket(BUCKET).key(key).send().await;
            let mut answer = answer.unwrap_or_else(|error| panic!("no `{key}`: {error:?}"));
            let body = std::mem::take(&mut answer.body).collect().await.expect("a whole body");
            (answer, body.to_vec())
        })
    }

    pub fn body(&self, key: &str) -> String {
        String::from_utf8_lossy(&self.get(key).1).into_owned()
    }

    pub fn cache_control(&self, key: &str) -> String {
        self.get(key).0.cache_control.unwrap_or_default()
    }

    /// What somebody else writes, without any header of ours.
    pub fn put_foreign(&self, key: &str, body: &str) {
        let request = self.s3.put_object().bucket(BUCKET).key(key).body(body.as_bytes().to_vec().into());
        self.runtime.block_on(request.send()).expect("objects can be written");
    }

    /// Every version and delete marker there ever was: each write and each deletion adds one.
    pub fn history(&self) -> Vec<(String, String)> {
        let request = self.s3.list_object_versions().bucket(BUCKET);
        let listed = self.runtime.block_on(request.send()).expect("a listing of versions");
        assert_ne!(listed.is_truncated(), Some(true), "the tests stay below one page");
        let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let all = versions.chain(markers);
        let mut all: Vec<_> =
            all.map(|(key, id)| (key.unwrap_or("").to_owned(), id.unwrap_or("").to_owned())).collect();
        all.sort();
        all
    }

    /// How many versions of a key there are, and how often it was deleted.
    pub fn writes(&self, key: &str) -> usize {
        self.history().iter().filter(|(name, _)| name == key).count()
    }

    /// The items of all invalidations so far, sorted; the order of the invalidations is the emulator's.
    pub fn invalidated(&self) -> Vec<Vec<String>> {
        self.invalidations().into_iter().map(|(_, items)| items).collect()
    }

    /// The items of those with different caller references, in the order of the items: for CloudFront, two of one
    /// reference are one. Moto does not know that (see `lies`).
    pub fn invalidated_once(&self) -> Vec<Vec<String>> {
        let different: BTreeMap<String, Vec<String>> = self.invalidations().into_iter().collect();
        let mut items: Vec<_> = different.into_values().collect();
        items.sort();
        items
    }

    /// The caller reference of each invalidation so far, and its items, sorted.
    fn invalidations(&self) -> Vec<(String, Vec<String>)> {
        self.runtime.block_on(async {
            let id = &self.distribution;
            let listed = self.cloudfront.list_invalidations().distribution_id(id).send().await;
            let listed = listed.expect("a listing").invalidation_list.map(|list| list.items);
            let mut all = Vec::new();
            for summary in listed.flatten().unwrap_or_default() {
                let request = self.cloudfront.get_invalidation().distribution_id(id).id(summary.id);
                let found = request.send().await.expect("it is there").invalidation.expect("it is there");
                let batch = found.invalidation_batch.expect("a batch");
                let mut items = batch.paths.expect("paths").items.unwrap_or_default();
                items.sort();
                all.push((batch.caller_reference, items));
            }
            all
        })
    }

    /// Compares the objects of a build with what `inspect` announces.
    #[track_caller]
    pub fn assert_is_published(&self, site: &Site, prefix: &str) {
        self.assert_is_as_announced(&inspect(self, site, ""), prefix);
    }

    /// Every body's SHA-256, every header, and no metadata besides. Other objects may be there.
    #[track_caller]
    pub fn assert_is_as_announced(&self, announced: &Value, prefix: &str) {
        let files = announced["files"].as_array().expect("a list");
        assert!(!files.is_empty());
        for file in files {
            let key = format!("{prefix}{}", file["key"].as_str().expect("a key"));
            let (object, body) = self.get(&key);
            assert_eq!(
                const_hex::encode(Sha256::digest(&body)),
                file["sha256"].as_str().expect("a digest"),
                "{key}"
            );
            let headers = [
                ("cache_control", object.cache_control()),
                ("content_type", object.content_type()),
                ("content_encoding", object.content_encoding()),
                ("content_disposition", object.content_disposition()),
                ("content_language", object.content_language()),
            ];
            for (name, stored) in headers {
                let announced = file["headers"][name].as_str();
                assert_eq!(stored, announced, "{name} of {key}");
            }
            let stored: BTreeMap<_, _> = object.metadata.unwrap_or_default().into_iter().collect();
            let announced = file["headers"]["metadata"].as_object().cloned().unwrap_or_default();
            assert_eq!(serde_json::json!(stored), Value::Object(announced), "metadata of {key}");
        }
    }
}

/// A configuration file that names this target and ends with `rules`.
pub fn configuration(emulator: &Emulator, rules: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a temporary file");
    let id = &emulator.distribution;
    let text = format!("[targets.production]\nbucket = \"{BUCKET}\"\ndistributions = [\"{id}\"]\n{rules}");
    std::fs::write(file.path(), text).expect("files can be written");
    file
}

/// What the program announces for this target.
pub fn inspect(emulator: &Emulator, site: &Site, rules: &str) -> Value {
    let configuration = configuration(emulator, rules);
    let [folder, configuration] =
        [site.path(), configuration.path()].map(|path| path.to_str().expect("a plain path"));
    emulator.run(&["inspect", folder, "--config", configuration, "--json"]).success().json()
}
