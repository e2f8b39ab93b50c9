//! Forgets old releases: their records, and the images in the registry that no kept release has, those of deploys included that
//! failed before there was a record.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::batch_delete_image::BatchDeleteImageError;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageFailure, ImageFailureCode, ImageIdentifier, TagStatus};
use jiff::Timestamp;

use super::failure::Failure;
use super::record::{self, Record};
use super::state::State;

/// ECR BatchDeleteImage takes at most 100 images. Source: the ECR API reference.
pub(super) const IMAGES_A_CALL: usize = 100;

/// An image with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tagged {
    digest: String,
    tags: Vec<String>,
    pushed: Timestamp,
}

/// Forgets what is older than the kept releases. `repository_urls` are those of the services that there are, by service.
///
/// # Errors
/// When AWS refuses. What was not forgotten is found again by the next run.
pub async fn old_releases(
    state: &State,
    ecr: &Client,
    current_id: &str,
    repository_urls: &BTreeMap<String, String>,
) -> Result<()> {
    let records = state.records().await?;
    let forgotten = record::forget(&records, current_id);
    let kept: Vec<&Record> =
        records.iter().filter(|record| !forgotten.record_ids.contains(&record.id)).collect();
    let mut unneeded: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for image in forgotten.images.values().flatten() {
        if let Some((repository, digest)) = parts(image) {
            unneeded.entry(repository).or_default().insert(digest.to_owned());
        }
    }
    for url in repository_urls.values() {
        let Some((_, repository)) = url.split_once('/') else { continue };
        let there = tagged(ecr, repository).await?;
        unneeded.entry(repository).or_default().extend(of_no_release(&there, repository, &kept));
    }
    for (repository, digests) in &unneeded {
        delete(ecr, repository, digests).await?;
    }
    // Last: a record is what says which images to delete.
    for id in &forgotten.record_ids {
        state.forget(id).await?;
    }
    Ok(())
}

/// The images of `repository` that no kept release has, and that were there before the oldest of these: of deploys that failed.
/// Newer ones may be of one that is run again. Only what has commits for tags was pushed by a deploy. Pure.
fn of_no_release(there: &[Tagged], repository: &str, kept: &[&Record]) -> Vec<String> {
    let Some(oldest) = kept.iter().map(|record| record.time).min() else { return Vec::new() };
    let images = kept.iter().flat_map(|record| record.images.values());
    let needed: BTreeSet<&str> = images
        .filter_map(|image| parts(image))
        .filter(|(of, _)| *of == repository)
        .map(|(_, digest)| digest)
        .collect();
    let is_commit = |tag: &String| tag.len() == 40 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_unneeded = |image: &&Tagged| {
        image.pushed < oldest && !needed.contains(image.digest.as_str()) && image.tags.iter().all(is_commit)
    };
    there.iter().filter(is_unneeded).map(|image| image.digest.clone()).collect()
}

/// Repository and digest of `HOST/REPOSITORY@DIGEST`.
fn parts(image: &str) -> Option<(&str, &str)> {
    image.split_once('/').and_then(|(_, rest)| rest.split_once('@'))
}

/// The images of a repository that have a tag. One without is expired by the repository's own rule, or is a part of another.
async fn tagged(ecr: &Client, repository: &str) -> Result<Vec<Tagged>> {
    let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
    let mut pages = ecr.describe_images().repository_name(repository).filter(filter).into_paginator().send();
    let mut images = Vec::new();
    while let Some(page) = pages.next().await {
        let doing = || format!("cannot list the images of `{repository}`");
        let page = page.map_err(|error| Failure::aws(doing(), &error))?;
        images.extend(page.image_details().iter().filter_map(|image| {
            let pushed = image.image_pushed_at()?.to_millis().ok()?;
            Some(Tagged {
                digest: image.image_digest()?.to_owned(),
                tags: image.image_tags().to_vec(),
                pushed: Timestamp::from_millisecond(pushed).ok()?,
            })
        }));
    }
    Ok(images)
}

/// A repository that is gone, with the service that it was of, has taken its images along.
async fn delete(ecr: &Client, repository: &str, digests: &BTreeSet<String>) -> Result<()> {
    let ids: Vec<ImageIdentifier> =
        digests.iter().map(|digest| ImageIdentifier::builder().image_digest(digest).build()).collect();
    for ids in ids.chunks(IMAGES_A_CALL) {
        let request = ecr.batch_delete_image().repository_name(repository).set_image_ids(Some(ids.to_vec()));
        let doing = || format!("cannot delete images of `{repository}`");
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(BatchDeleteImageError::is_repository_not_found_exception) =>
            {
                return Ok(());
            }
            Err(error) => return Err(Failure::aws(doing(), &error)),
        };
        if let Some(reason) = refusal(answer.failures()) {
            return Err(Failure::service(format!("{}: {reason}", doing())).into());
        }
    }
    Ok(())
}

/// Why ECR did not delete the first image that it kept. One that it does not have is none: an earlier run may have come further.
pub(super) fn refusal(failures: &[ImageFailure]) -> Option<String> {
    let is_kept = |failure: &&ImageFailure| failure.failure_code() != Some(&ImageFailureCode::ImageNotFound);
    let kept = failures.iter().find(is_kept)?;
    Some(kept.failure_reason().unwrap_or("AWS gives no reason").to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use axum::extract::State as Extract;
    use axum::http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::super::record::KEPT;
    use super::super::record::tests::record;
    use super::super::state_tests::state;
    use super::*;

    fn image(digest: &str, pushed: Timestamp) -> Tagged {
        Tagged { digest: digest.to_owned(), tags: vec!["a".repeat(40)], pushed }
    }

    #[test]
    fn only_an_image_that_is_older_than_all_kept_releases_and_in_none_is_of_no_release() {
        let (first, second) = (record(10, "a"), record(20, "b"));
        let kept = [&second, &first];
        let (before, after) = (record(5, "x").time, record(15, "x").time);
        let found = |there: &[Tagged]| of_no_release(there, "guestbook", &kept);
        assert_eq!(found(&[image("sha256:x", before)]), ["sha256:x"]);
        assert_eq!(found(&[image("sha256:x", after)]), [""; 0], "it may be deployed again");
        assert_eq!(found(&[image("sha256:a", before), image("sha256:b", before)]), [""; 0]);
        let base = Tagged { tags: vec!["a".repeat(40), "base".to_owned()], ..image("sha256:x", before) };
        assert_eq!(found(&[base]), [""; 0], "no deploy gave it that tag");
        assert_eq!(of_no_release(&[image("sha256:a", before)], "counter", &kept), ["sha256:a"]);
        assert_eq!(of_no_release(&[image("sha256:x", before)], "guestbook", &[]), [""; 0]);
    }

    /// The images of one repository, as digests and the seconds at which they were pushed.
    type Images = Arc<Mutex<BTreeMap<String, i64>>>;

    /// As ECR answers to the two calls that forgetting makes; a page has two images, and the guestbook the one repository.
    async fn answer(
        Extract(images): Extract<Images>,
        headers: HeaderMap,
        body: String,
    ) -> (StatusCode, String) {
        let request: Value = serde_json::from_str(&body).expect("JSON");
        if request["repositoryName"] != "guestbook" {
            let refusal = json!({"__type": "RepositoryNotFoundException", "message": "It does not exist."});
            return (StatusCode::BAD_REQUEST, refusal.to_string());
        }
        let mut images = images.lock().expect("nobody panics");
        let target = headers["x-amz-target"].to_str().expect("text");
        if target.ends_with(".DescribeImages") {
            assert_eq!(request["filter"]["tagStatus"], "TAGGED");
            let from = request["nextToken"].as_str().map_or(0, |token| token.parse().expect("a number"));
            let detail = |(digest, pushed): (&String, &i64)| json!({"imageDigest": digest, "imageTags": ["c".repeat(40)], "imagePushedAt": pushed});
            let page: Vec<Value> = images.iter().skip(from).take(2).map(detail).collect();
            let next = (from + 2 < images.len()).then(|| (from + 2).to_string());
            return (StatusCode::OK, json!({"imageDetails": page, "nextToken": next}).to_string());
        }
        assert!(target.ends_with(".BatchDeleteImage"), "{target}");
        let ids = request["imageIds"].as_array().expect("a list").iter();
        let digests = ids.map(|id| id["imageDigest"].as_str().expect("a digest"));
        let unknown: Vec<Value> = digests
            .filter(|digest| images.remove(*digest).is_none())
            .map(|digest| json!({"imageId": {"imageDigest": digest}, "failureCode": "ImageNotFound"}))
            .collect();
        (StatusCode::OK, json!({"failures": unknown}).to_string())
    }

    async fn ecr(images: &Images) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it has one"));
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(images));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(url);
        Client::new(&config.load().await)
    }

    #[tokio::test]
    async fn old_records_go_with_their_images_and_so_do_images_of_no_record() {
        let (_target, state) = state().await;
        let images = Images::default();
        let push = |digest: &str, minute: i64| {
            let pushed = record(minute, "a").time.as_second();
            images.lock().expect("nobody panics").insert(format!("sha256:{digest}"), pushed);
        };
        // Two releases too many. The second has an image that the newest has again, after a revert.
        let mut e_tag = None;
        let count = i64::try_from(KEPT).expect("it is small") + 2;
        let mut records = Vec::new();
        for number in 0..count {
            let letter = if number == count - 1 { 1 } else { number };
            let letter = char::from(b'a' + u8::try_from(letter).expect("it is small")).to_string();
            let release = record(10 * number, &letter);
            state.commit(&release, e_tag.as_deref()).await.expect("nobody else writes");
            e_tag = state.pointer().await.expect("it can be read").map(|pointer| pointer.e_tag);
            push(&letter, 10 * number - 1);
            records.push(release);
        }
        // Deploys that failed, before the oldest release that is kept and after it.
        push("failed-early", 11);
        push("failed-late", 25);
        let before: Vec<String> = images.lock().expect("nobody panics").keys().cloned().collect();

        let ecr = ecr(&images).await;
        let current = &records[records.len() - 1].id;
        let urls = [("guestbook".to_owned(), "host/guestbook".to_owned())].into();
        for _ in 0..2 {
            old_releases(&state, &ecr, current, &urls).await.expect("ECR answers");
            assert_eq!(state.records().await.expect("they can be read"), records[2..]);
            let after: Vec<String> = images.lock().expect("nobody panics").keys().cloned().collect();
            let gone: Vec<&String> = before.iter().filter(|digest| !after.contains(digest)).collect();
            assert_eq!(gone, ["sha256:a", "sha256:failed-early"]);
        }
    }

    #[tokio::test]
    async fn a_release_whose_service_was_taken_away_is_forgotten_with_the_images_that_are_left() {
        let (_target, state) = state().await;
        let images = Images::default();
        let mut e_tag = None;
        let mut records = Vec::new();
        for number in 0..=i64::try_from(KEPT).expect("it is small") {
            let letter = char::from(b'a' + u8::try_from(number).expect("it is small")).to_string();
            let mut release = record(10 * number, &letter);
            images
                .lock()
                .expect("nobody panics")
                .insert(format!("sha256:{letter}"), release.time.as_second() - 60);
            if number == 0 {
                // Before the guestbook in order, so that it is asked for first.
                release.images.insert("away".to_owned(), "host/away@sha256:of-away".to_owned());
            }
            state.commit(&release, e_tag.as_deref()).await.expect("nobody else writes");
            e_tag = state.pointer().await.expect("it can be read").map(|pointer| pointer.e_tag);
            records.push(release);
        }
        let urls = [("guestbook".to_owned(), "host/guestbook".to_owned())].into();
        old_releases(&state, &ecr(&images).await, &records[KEPT].id, &urls)
            .await
            .expect("what is gone is forgotten");
        assert_eq!(state.records().await.expect("they can be read"), records[1..]);
        assert!(!images.lock().expect("nobody panics").contains_key("sha256:a"), "its other image is left");
    }
}
