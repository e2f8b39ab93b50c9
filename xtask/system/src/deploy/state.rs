//! The bucket of the state: makes it, and keeps the records, the pointer to the current one, and the lock in it, each
//! written on a condition. Terraform's own state lies beside them and is Terraform's.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::types as s3;
use serde::Serialize;

use super::ending::Backup;
use super::failure::Failure;
use super::plan::Presence;
use super::record::{self, Pointer, Record, SCHEMA};
use super::settings::Settings;

/// Under the environment's name.
const RELEASES: &str = "releases";
const POINTER: &str = "current.json";
const LOCK: &str = "deploy-lock.json";
const BACKUPS: &str = "backups.json";

/// The part of the state's bucket that is one environment's.
#[derive(Clone, Debug)]
pub struct State {
    client: Client,
    bucket: String,
    region: String,
    name: String,
}

/// An object's document and the ETag that a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    pub value: T,
    pub e_tag: String,
}

/// What a write needs to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    Absent,
    Unchanged(&'a str),
}

/// Whether a conditional write was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Done {
        e_tag: String,
    },
    /// Somebody else was quicker.
    Lost,
}

impl State {
    pub fn new(config: &SdkConfig, settings: &Settings) -> Self {
        Self {
            client: Client::new(config),
            bucket: settings.state_bucket.clone(),
            region: settings.region.clone(),
            name: settings.name.clone(),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// Whether the bucket is there.
    ///
    /// # Errors
    /// When it is somebody else's, or cannot be asked for.
    pub async fn presence(&self) -> Result<Presence> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(Presence::Present),
            Err(error) if error.as_service_error().is_some_and(HeadBucketError::is_not_found) => {
                Ok(Presence::Missing)
            }
            Err(error) => {
                Err(Failure::aws(format!("cannot look at the state's bucket `{}`", self.bucket), &error))
            }
        }
    }

    /// Makes the bucket: private, versioned, encrypted, over TLS only. Each setting is put again, so that a bucket that
    /// was left half-way is finished.
    ///
    /// # Errors
    /// When its name is taken, or AWS refuses a setting.
    pub async fn make_bucket(&self) -> Result<()> {
        let bucket = &self.bucket;
        let doing = |what: &str| format!("cannot {what} the state's bucket `{bucket}`");
        if self.presence().await? == Presence::Missing {
            // us-east-1 is what S3 takes when nothing is said, and refuses to be told.
            let place = (self.region != "us-east-1").then(|| {
                let region = s3::BucketLocationConstraint::from(self.region.as_str());
                s3::CreateBucketConfiguration::builder().location_constraint(region).build()
            });
            let request = self.client.create_bucket().bucket(bucket).set_create_bucket_configuration(place);
            request.send().await.map_err(|error| Failure::aws(doing("make"), &error))?;
        }
        let block = s3::PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let request =
            self.client.put_public_access_block().bucket(bucket).public_access_block_configuration(block);
        request.send().await.map_err(|error| Failure::aws(doing("close"), &error))?;
        let by_default = s3::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(s3::ServerSideEncryption::Aes256)
            .build()
            .context("all is given")?;
        let rule = s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default)
            .build();
        let encryption =
            s3::ServerSideEncryptionConfiguration::builder().rules(rule).build().context("all is given")?;
        let request = self
            .client
            .put_bucket_encryption()
            .bucket(bucket)
            .server_side_encryption_configuration(encryption);
        request.send().await.map_err(|error| Failure::aws(doing("encrypt"), &error))?;
        let request = self.client.put_bucket_policy().bucket(bucket).policy(tls_only(bucket, &self.region));
        request.send().await.map_err(|error| Failure::aws(doing("protect"), &error))?;
        // Last: a bucket with versions is taken for a finished one.
        let versioning =
            s3::VersioningConfiguration::builder().status(s3::BucketVersioningStatus::Enabled).build();
        let request = self.client.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning);
        request.send().await.map_err(|error| Failure::aws(doing("version"), &error))?;
        Ok(())
    }

    /// Whether the bucket says that earlier versions of the state are kept. An emulator that answers with another document than
    /// S3 does not say so.
    ///
    /// # Errors
    /// When the bucket cannot be asked.
    pub async fn is_versioned(&self) -> Result<bool> {
        match self.client.get_bucket_versioning().bucket(&self.bucket).send().await {
            Ok(answer) => Ok(answer.status() == Some(&s3::BucketVersioningStatus::Enabled)),
            Err(error) if error.raw_response().is_some_and(|response| response.status().is_success()) => {
                Ok(false)
            }
            Err(error) => Err(Failure::aws(
                format!("cannot look at the versions in the state's bucket `{}`", self.bucket),
                &error,
            )),
        }
    }

    /// The bytes of an object; none when it is not there.
    async fn get(&self, name: &str) -> Result<Option<Tagged<Vec<u8>>>> {
        let key = self.key(name);
        match self.client.get_object().bucket(&self.bucket).key(&key).send().await {
            Ok(object) => {
                let e_tag = object.e_tag().unwrap_or_default().to_owned();
                let body = object.body.collect().await.with_context(|| format!("cannot read `{key}`"))?;
                Ok(Some(Tagged { value: body.to_vec(), e_tag }))
            }
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(Failure::aws(format!("cannot read `{key}` in `{}`", self.bucket), &error)),
        }
    }

    async fn put<T: Serialize>(&self, name: &str, value: &T, condition: Condition<'_>) -> Result<Written> {
        let key = self.key(name);
        let body = serde_json::to_vec_pretty(value).with_context(|| format!("cannot write `{key}`"))?;
        let request =
            self.client.put_object().bucket(&self.bucket).key(&key).content_type("application/json");
        let request = request.body(body.into());
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(e_tag) => request.if_match(e_tag),
        };
        match request.send().await {
            Ok(answer) => Ok(Written::Done { e_tag: answer.e_tag().unwrap_or_default().to_owned() }),
            Err(error) if is_lost(error.code()) => Ok(Written::Lost),
            Err(error) => Err(Failure::aws(format!("cannot write `{key}` in `{}`", self.bucket), &error)),
        }
    }

    /// The lock that is there, as JSON of whatever schema.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn lock(&self) -> Result<Option<Tagged<super::lock::Lock>>> {
        let Some(found) = self.get(LOCK).await? else { return Ok(None) };
        let value = record::decode(&found.value)
            .with_context(|| Failure::conflict(format!("cannot read the lock `{}`", self.key(LOCK))))?;
        Ok(Some(Tagged { value, e_tag: found.e_tag }))
    }

    /// Writes the lock.
    ///
    /// # Errors
    /// When S3 refuses for another reason than the condition.
    pub async fn put_lock(&self, lock: &super::lock::Lock, condition: Condition<'_>) -> Result<Written> {
        self.put(LOCK, lock, condition).await
    }

    /// Deletes the lock, unless it is another by now than the one that was read with `e_tag`. Whether it was deleted.
    ///
    /// # Errors
    /// When S3 refuses for another reason.
    pub async fn delete_lock(&self, e_tag: &str) -> Result<bool> {
        let key = self.key(LOCK);
        let request = self.client.delete_object().bucket(&self.bucket).key(&key).if_match(e_tag);
        match request.send().await {
            Ok(_) => Ok(true),
            // By the same call, whose answer did not come and which was made again.
            Err(error) if error.code() == Some("NoSuchKey") => Ok(true),
            Err(error) if is_lost(error.code()) => Ok(false),
            Err(error) => Err(Failure::aws(format!("cannot delete `{key}`"), &error)),
        }
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let key = self.key(name);
        let request = self.client.delete_object().bucket(&self.bucket).key(&key);
        request.send().await.map_err(|error| Failure::aws(format!("cannot delete `{key}`"), &error))?;
        Ok(())
    }

    /// The pointer to the current record.
    ///
    /// # Errors
    /// When it cannot be read, or is newer than this program.
    pub async fn pointer(&self) -> Result<Option<Tagged<Pointer>>> {
        let Some(found) = self.get(POINTER).await? else { return Ok(None) };
        let value =
            record::decode(&found.value).with_context(|| format!("cannot use `{}`", self.key(POINTER)))?;
        Ok(Some(Tagged { value, e_tag: found.e_tag }))
    }

    /// The record of the release that runs.
    ///
    /// # Errors
    /// When it cannot be read, or the pointer leads nowhere.
    pub async fn current(&self) -> Result<Option<Tagged<Record>>> {
        let Some(pointer) = self.pointer().await? else { return Ok(None) };
        let record = self.record(&pointer.value.id).await?;
        let record = record.with_context(|| {
            format!("`{}` names the release {}, which is not there", self.key(POINTER), pointer.value.id)
        })?;
        Ok(Some(Tagged { value: record, e_tag: pointer.e_tag }))
    }

    async fn record(&self, id: &str) -> Result<Option<Record>> {
        let name = format!("{RELEASES}/{id}.json");
        let Some(found) = self.get(&name).await? else { return Ok(None) };
        Ok(Some(record::decode(&found.value).with_context(|| format!("cannot use `{}`", self.key(&name)))?))
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// When they cannot be listed, or one cannot be read.
    pub async fn records(&self) -> Result<Vec<Record>> {
        let prefix = self.key(&format!("{RELEASES}/"));
        let mut pages =
            self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix).into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::aws(format!("cannot list `{prefix}`"), &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            let names = keys.filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(".json"));
            ids.extend(names.map(str::to_owned));
        }
        ids.sort();
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.record(&id).await?);
        }
        Ok(records)
    }

    /// Writes a record and then has the pointer lead to it, if the pointer is still what `replaces` was read with.
    ///
    /// # Errors
    /// When somebody else wrote a release in the meantime: then theirs is the current one.
    pub async fn commit(&self, record: &Record, replaces: Option<&str>) -> Result<()> {
        let name = format!("{RELEASES}/{}.json", record.id);
        let lost = || {
            let failure =
                Failure::conflict(format!("somebody else released `{}` in the meantime", self.name));
            anyhow::Error::from(failure.hint("look at `cargo xtask status` before you deploy again"))
        };
        if self.put(&name, record, Condition::Absent).await? == Written::Lost {
            // The same id of the same second: a run that was cut off before it wrote the pointer, or somebody else.
            let there = self.record(&record.id).await?;
            if there.as_ref() != Some(record) {
                return Err(lost());
            }
        }
        let pointer = Pointer { schema: SCHEMA, id: record.id.clone() };
        let condition = replaces.map_or(Condition::Absent, Condition::Unchanged);
        match self.put(POINTER, &pointer, condition).await? {
            Written::Done { .. } => Ok(()),
            Written::Lost => Err(lost()),
        }
    }

    /// Deletes the record `id`.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn forget(&self, id: &str) -> Result<()> {
        self.delete(&format!("{RELEASES}/{id}.json")).await
    }

    /// Deletes the pointer: there is no current release any more.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn forget_pointer(&self) -> Result<()> {
        self.delete(POINTER).await
    }

    /// The backups that the last end of the environment left, as it was noted when that began.
    ///
    /// # Errors
    /// When the note cannot be read.
    pub async fn backups(&self) -> Result<Option<Tagged<Vec<Backup>>>> {
        let Some(found) = self.get(BACKUPS).await? else { return Ok(None) };
        let value = serde_json::from_slice(&found.value)
            .with_context(|| format!("cannot use `{}`", self.key(BACKUPS)))?;
        Ok(Some(Tagged { value, e_tag: found.e_tag }))
    }

    /// Notes which backups are left, and gives the note's ETag.
    ///
    /// # Errors
    /// When S3 refuses, or somebody else wrote one in the meantime.
    pub async fn note_backups(&self, backups: &[Backup], replaces: Option<&str>) -> Result<String> {
        let condition = replaces.map_or(Condition::Absent, Condition::Unchanged);
        match self.put(BACKUPS, &backups, condition).await? {
            Written::Done { e_tag } => Ok(e_tag),
            Written::Lost => {
                let what = format!("somebody else takes `{}` away at the same time", self.name);
                Err(Failure::conflict(what).into())
            }
        }
    }

    /// Forgets what an earlier end left: the environment is made anew, and its next end is about that.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn forget_backups(&self) -> Result<()> {
        if self.get(BACKUPS).await?.is_some() { self.delete(BACKUPS).await } else { Ok(()) }
    }

    /// The document of Terraform's own lock, as it lies beside the state; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn terraform_lock(&self) -> Result<Option<serde_json::Value>> {
        let Some(found) = self.get("terraform.tfstate.tflock").await? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&found.value).context("Terraform's lock is not JSON")?))
    }
}

/// Whether a conditional call was not done because of its condition: 412 when the object is another, 404 when it is gone, 409
/// when two writes met. Source: S3 User Guide, "Conditional requests".
fn is_lost(code: Option<&str>) -> bool {
    matches!(code, Some("PreconditionFailed" | "NoSuchKey" | "ConditionalRequestConflict"))
}

/// The partition of AWS that a region is in. Source: "Amazon Resource Names (ARNs)" of the IAM User Guide.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn tls_only(bucket: &str, region: &str) -> String {
    let arn = format!("arn:{}:s3:::{bucket}", partition(region));
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "EncryptedConnectionsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [&arn, format!("{arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_bucket_in_the_partition_of_its_region() {
        for (region, arn) in [
            ("eu-central-1", "arn:aws:s3:::state"),
            ("us-gov-west-1", "arn:aws-us-gov:s3:::state"),
            ("cn-north-1", "arn:aws-cn:s3:::state"),
        ] {
            let policy: serde_json::Value = serde_json::from_str(&tls_only("state", region)).expect("JSON");
            assert_eq!(policy["Statement"][0]["Resource"], serde_json::json!([arn, format!("{arn}/*")]));
        }
    }
}
