//! `destroy`: empties what Terraform does not delete while it holds something, has Terraform delete the rest, and forgets the
//! records. Backups stay unless they are to go, too: the database's last snapshot and automated backups, and the cache's last
//! snapshot. The state's bucket with its earlier versions stays.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_ecr::operation::list_images::ListImagesError;
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_s3::types as s3;
use serde::Serialize;

use super::backups::Noted;
use super::ending::{self, Backup, Backups, Ending, Left};
use super::failure::Failure;
use super::plan::Presence;
use super::session::Session;
use super::terraform::{Purpose, SavedPlan};
use super::{forget, process, view};

/// S3 DeleteObjects takes at most 1000 keys per request.
const KEYS_A_CALL: i32 = 1000;

/// What became of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Destroyed {
    pub environment: String,
    pub is_destroyed: bool,
    /// Backups that are left on purpose.
    pub left: Vec<Left>,
    pub deleted_backups: Vec<Backup>,
}

/// Takes the environment away, and its backups where these are to go, too.
///
/// # Errors
/// When the name was not given, somebody else is at it, or AWS keeps something: the same command goes on from there.
pub async fn destroy(session: &Session, confirmed: Option<&str>, backups: Backups) -> Result<Destroyed> {
    let Session { settings, state, ui, .. } = session;
    let environment = settings.environment.clone();
    if state.presence().await? == Presence::Missing {
        ui.text(&format!("nothing to do: `{environment}` was never deployed"));
        let (left, deleted_backups) = (Vec::new(), Vec::new());
        return Ok(Destroyed { environment, is_destroyed: true, left, deleted_backups });
    }
    agree(session, confirmed, backups)?;
    let held = session.lock("destroy", "").await?;
    let done = under_lock(session, &held, backups).await;
    let given_back = held.give_back().await;
    let destroyed = done?;
    given_back?;
    Ok(destroyed)
}

fn agree(session: &Session, confirmed: Option<&str>, backups: Backups) -> Result<()> {
    let name = &session.settings.environment;
    match confirmed {
        Some(given) if given == name => Ok(()),
        Some(given) => {
            let failure =
                Failure::refused(format!("`--confirm {given}` is not the name of the environment, `{name}`"));
            Err(failure.hint("nothing was changed").into())
        }
        None => {
            let backups = match backups {
                Backups::Keep => ". Backups stay, and are named.",
                Backups::Delete => ", and the backups of both. Nothing brings their data back.",
            };
            session.ui.text(&format!(
                "This deletes `{name}` in the account {}: site, services, database, cache{backups}",
                session.settings.account_id
            ));
            session.ui.ask("Type the environment's name:", name, &format!("--confirm {name}"))
        }
    }
}

async fn under_lock(session: &Session, held: &super::held::Held, policy: Backups) -> Result<Destroyed> {
    let Session { terraform, stop, ui, state, settings, .. } = session;
    terraform.init(stop).await?;
    session.clear_left_lock(held).await?;
    let first = plan_end(session).await?;
    let place = format!("{}/{}", settings.state_bucket, settings.name);
    let mut noted = Noted::take(state, &first.ending.backups).await?;
    ui.text(&ending::render(&noted.backups, policy, &place));
    empty(session, &first.ending).await?;
    if let Err(error) = delete(session, &first.saved).await {
        again(session, error).await?;
    }
    session.unless_lost()?;
    ui.step("record: forgetting the releases");
    for record in state.records().await? {
        state.forget(&record.id).await?;
    }
    state.forget_pointer().await?;
    let environment = settings.environment.clone();
    let mut deleted_backups = Vec::new();
    if policy == Backups::Delete {
        let deletion = noted.delete_all(session).await?;
        deletion.all_went(&environment)?;
        deleted_backups = deletion.deleted;
    }
    let mut text = format!("\n{environment} is gone\n{}", ending::render_left(&noted.backups, &place));
    for backup in &deleted_backups {
        let _ = writeln!(text, "deleted: {}", backup.what());
    }
    ui.text(&text);
    let left = noted.backups.iter().map(Backup::left).collect();
    Ok(Destroyed { environment, is_destroyed: true, left, deleted_backups })
}

/// A plan of the end that nothing is in the way of.
struct End {
    saved: SavedPlan,
    ending: Ending,
}

async fn plan_end(session: &Session) -> Result<End> {
    let Session { terraform, stop, ui, settings, .. } = session;
    ui.step("infrastructure: planning the end");
    let saved = terraform.plan("destroy", Purpose::Destroy, &BTreeMap::new(), stop).await?;
    ui.text(&format!("infrastructure of {}: {}", settings.environment, view::counted(&saved.changes)));
    ui.text(&format!("  the whole plan is in {}\n", saved.text_file.display()));
    let ending = Ending::parse(&saved.document);
    // Terraform would learn of it when half of the environment is gone.
    ending.guard()?;
    process::unless_stopped(stop)?;
    Ok(End { saved, ending })
}

async fn delete(session: &Session, saved: &SavedPlan) -> Result<()> {
    let Session { terraform, stop, ui, .. } = session;
    process::unless_stopped(stop)?;
    if saved.changes.is_empty() {
        return Ok(());
    }
    let total = saved.changes.resources.len();
    ui.step(&format!("infrastructure: deleting {total} resources"));
    let progress = *ui;
    let mut on_progress = move |done: usize, address: &str| {
        if done.is_multiple_of(20) || done == total {
            progress.step(&format!("infrastructure: {done} of {total} ({address})"));
        }
    };
    terraform.apply(saved, stop, &mut on_progress).await
}

/// Goes on once after `error`, if something had been written to what was emptied: the load balancer and the distribution
/// deliver their logs until they are deleted, and S3 then does not delete the bucket. What writes is gone by now.
///
/// # Errors
/// With `error` when nothing was written, or the person stops.
async fn again(session: &Session, error: anyhow::Error) -> Result<()> {
    if session.stop.is_cancelled() {
        return Err(error);
    }
    session.ui.warn(&format!("{error:#}"));
    let rest = plan_end(session).await?;
    if empty(session, &rest.ending).await? == 0 {
        return Err(error);
    }
    delete(session, &rest.saved).await
}

/// Empties the buckets and repositories that Terraform is about to delete. The bucket of the state is never one of them. Gives how
/// much there was.
async fn empty(session: &Session, ending: &Ending) -> Result<usize> {
    let mut count = 0;
    for bucket in ending.buckets.iter().filter(|bucket| **bucket != session.settings.state_bucket) {
        count += empty_bucket(session, bucket).await?;
    }
    for repository in &ending.repositories {
        count += empty_repository(&session.config, repository).await?;
    }
    Ok(count)
}

/// Deletes all versions of all objects.
async fn empty_bucket(session: &Session, bucket: &str) -> Result<usize> {
    let client = aws_sdk_s3::Client::new(&session.config);
    let doing = || format!("cannot empty the bucket `{bucket}`");
    let mut count = 0;
    loop {
        process::unless_stopped(&session.stop)?;
        let page = client.list_object_versions().bucket(bucket).max_keys(KEYS_A_CALL).send().await;
        let page = page.map_err(|error| Failure::aws(doing(), &error))?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let object = s3::ObjectIdentifier::builder().set_key(key.map(str::to_owned));
            objects.push(object.set_version_id(version.map(str::to_owned)).build().with_context(doing)?);
        }
        if objects.is_empty() {
            break;
        }
        count += objects.len();
        let delete =
            s3::Delete::builder().set_objects(Some(objects)).quiet(true).build().with_context(doing)?;
        let answer = client.delete_objects().bucket(bucket).delete(delete).send().await;
        let answer = answer.map_err(|error| Failure::aws(doing(), &error))?;
        if let Some(error) = answer.errors().first() {
            let (key, reason) = (error.key().unwrap_or_default(), error.message().unwrap_or_default());
            return Err(Failure::service(format!("{}: `{key}`: {reason}", doing())).into());
        }
    }
    session.ui.step(&format!("{bucket}: emptied of {count} versions"));
    Ok(count)
}

/// Deletes all images, and gives how many there were. A repository that is gone has none.
///
/// ECR refuses a part of an image for several systems for as long as that image is there, so what is left is listed again.
///
/// # Errors
/// When ECR refuses, or deletes none of what is left.
pub async fn empty_repository(config: &SdkConfig, repository: &str) -> Result<usize> {
    let ecr = aws_sdk_ecr::Client::new(config);
    let doing = || format!("cannot empty the repository `{repository}`");
    let mut count = 0;
    loop {
        let ids = images(&ecr, repository).await?;
        let mut deleted = 0;
        let mut refused = None;
        for ids in ids.chunks(forget::IMAGES_A_CALL) {
            let request =
                ecr.batch_delete_image().repository_name(repository).set_image_ids(Some(ids.to_vec()));
            let answer = request.send().await.map_err(|error| Failure::aws(doing(), &error))?;
            deleted += ids.len().saturating_sub(answer.failures().len());
            refused = refused.or_else(|| forget::refusal(answer.failures()));
        }
        count += deleted;
        match refused {
            Some(reason) if deleted == 0 => {
                return Err(Failure::service(format!("{}: {reason}", doing())).into());
            }
            // Nothing was left, or nothing that ECR still has.
            None if deleted == 0 => return Ok(count),
            _ => {}
        }
    }
}

/// All images of a repository. One that an earlier run has deleted has none.
async fn images(ecr: &aws_sdk_ecr::Client, repository: &str) -> Result<Vec<ImageIdentifier>> {
    let mut pages = ecr.list_images().repository_name(repository).into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => ids.extend_from_slice(page.image_ids()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(ListImagesError::is_repository_not_found_exception) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => {
                return Err(Failure::aws(format!("cannot list the images of `{repository}`"), &error));
            }
        }
    }
    Ok(ids)
}
