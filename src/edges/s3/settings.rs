//! The bucket's settings, as they are. Only reads.
//!
//! What is not set is none; S3 answers it with 404 and a code of its own.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ExpirationStatus, LifecycleRule as SdkRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ServerSideEncryption, TransitionStorageClass,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Bucket;
use crate::core::doctor::{Encryption, LifecycleRule, PublicAccessBlock, Versioning};
use crate::core::iam_policy::operation::Operation;
use crate::edges::call::{CallError, FailureKind};

impl Bucket {
    /// The region that the bucket says it is in; empty where the endpoint does not say. None without such a bucket.
    ///
    /// # Errors
    /// [`FailureKind::WrongRegion`] when it was looked for in another one.
    pub async fn get_region(&self) -> Result<Option<String>, CallError> {
        let found = self
            .retry
            .calling(Operation::HEAD_BUCKET)
            .run("bucket", || async {
                self.client.head_bucket().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        match found {
            Ok(output) => Ok(Some(output.bucket_region().unwrap_or_default().to_owned())),
            Err(error) if error.kind == FailureKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// As any call.
    pub async fn get_public_access_block(&self) -> Result<Option<PublicAccessBlock>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_PUBLIC_ACCESS_BLOCK)
            .run("public access block", || async {
                self.client.get_public_access_block().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        let output = set(found)?;
        let block = output.and_then(|output| output.public_access_block_configuration);
        let is_on = |setting: Option<bool>| setting.unwrap_or(false);
        Ok(block.map(|block| PublicAccessBlock {
            blocks_public_acls: is_on(block.block_public_acls()),
            ignores_public_acls: is_on(block.ignore_public_acls()),
            blocks_public_policy: is_on(block.block_public_policy()),
            restricts_public_buckets: is_on(block.restrict_public_buckets()),
        }))
    }

    /// Who owns objects, such as `BucketOwnerEnforced`.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_object_ownership(&self) -> Result<Option<String>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_BUCKET_OWNERSHIP_CONTROLS)
            .run("ownership", || async {
                self.client.get_bucket_ownership_controls().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        let controls = set(found)?.and_then(|output| output.ownership_controls);
        let rule = controls.and_then(|controls| controls.rules.into_iter().next());
        Ok(rule.map(|rule| rule.object_ownership.as_str().to_owned()))
    }

    /// # Errors
    /// As any call; [`FailureKind::Unsupported`] when the answer is no document of S3's.
    pub async fn get_versioning(&self) -> Result<Option<Versioning>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_BUCKET_VERSIONING)
            .run("versioning", || async {
                self.client.get_bucket_versioning().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        Ok(set(found)?.map(|output| match output.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
            None => Versioning::NeverEnabled,
        }))
    }

    /// # Errors
    /// As any call.
    pub async fn get_encryption(&self) -> Result<Option<Encryption>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_BUCKET_ENCRYPTION)
            .run("encryption", || async {
                self.client.get_bucket_encryption().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        let output = set(found)?;
        let rules =
            output.and_then(|output| output.server_side_encryption_configuration).map(|found| found.rules);
        let rule = rules.into_iter().flatten().find_map(|rule| rule.apply_server_side_encryption_by_default);
        Ok(rule.map(|rule| match rule.sse_algorithm() {
            ServerSideEncryption::Aes256 => Encryption::S3,
            ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse => {
                Encryption::Kms { key: rule.kms_master_key_id().map(str::to_owned) }
            }
            other => Encryption::Other(other.as_str().to_owned()),
        }))
    }

    /// The document of the bucket's policy.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_policy(&self) -> Result<Option<String>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_BUCKET_POLICY)
            .run("policy", || async {
                self.client.get_bucket_policy().bucket(&self.name).send().await.map_err(answered)
            })
            .await;
        let policy = set(found)?.and_then(|output| output.policy);
        Ok(policy.filter(|text| !text.trim().is_empty()))
    }

    /// The rules that go by no tags.
    ///
    /// # Errors
    /// As any call.
    pub async fn get_lifecycle(&self) -> Result<Option<Vec<LifecycleRule>>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_BUCKET_LIFECYCLE_CONFIGURATION)
            .run("lifecycle", || async {
                self.client
                    .get_bucket_lifecycle_configuration()
                    .bucket(&self.name)
                    .send()
                    .await
                    .map_err(answered)
            })
            .await;
        let output = set(found)?;
        Ok(output.map(|output| output.rules().iter().filter_map(rule_of).collect()))
    }
}

/// None for a rule that goes by tags: what it hits cannot be told, and sitepush tags nothing.
fn rule_of(rule: &SdkRule) -> Option<LifecycleRule> {
    let filter = rule.filter();
    let both = filter.and_then(|filter| filter.and());
    let has_tag = filter.is_some_and(|filter| filter.tag().is_some());
    if has_tag || both.is_some_and(|both| !both.tags().is_empty()) {
        return None;
    }
    let least = both.map_or(filter.and_then(LifecycleRuleFilter::object_size_greater_than), |both| {
        both.object_size_greater_than()
    });
    let most = both.map_or(filter.and_then(LifecycleRuleFilter::object_size_less_than), |both| {
        both.object_size_less_than()
    });
    #[expect(deprecated, reason = "older rules have their prefix there")]
    let own_prefix = rule.prefix();
    let prefix = filter.and_then(|filter| filter.prefix()).or_else(|| both.and_then(|both| both.prefix()));
    let prefix = prefix.or(own_prefix);
    let expiration = rule.expiration();
    let of_versions = rule.noncurrent_version_expiration();
    let archived = rule.transitions().iter().map(aws_sdk_s3::types::Transition::storage_class);
    let noncurrent = rule.noncurrent_version_transitions().iter();
    let noncurrent = noncurrent.map(aws_sdk_s3::types::NoncurrentVersionTransition::storage_class);
    Some(LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        is_enabled: rule.status() == &ExpirationStatus::Enabled,
        prefix: prefix.unwrap_or_default().to_owned(),
        // Zero days is how some stand-ins write none.
        deletes_current: expiration
            .is_some_and(|found| found.days().is_some_and(|days| days > 0) || found.date().is_some()),
        archives_current: archive(archived),
        noncurrent_days: of_versions.and_then(NoncurrentVersionExpiration::noncurrent_days),
        noncurrent_versions_kept: of_versions
            .and_then(NoncurrentVersionExpiration::newer_noncurrent_versions)
            .unwrap_or(0),
        archives_noncurrent: archive(noncurrent),
        // Zero, again.
        goes_by_size: least.is_some_and(|bytes| bytes > 0) || most.is_some_and(|bytes| bytes > 0),
        aborts_uploads: rule.abort_incomplete_multipart_upload().is_some(),
    })
}

/// The first of these classes from which objects have to be restored before anybody reads them.
///
/// Source: "Understanding S3 storage classes for infrequently accessed objects", S3 User Guide: from Glacier Instant Retrieval
/// they are read at once.
fn archive<'a>(mut classes: impl Iterator<Item = Option<&'a TransitionStorageClass>>) -> Option<String> {
    classes.find_map(|class| match class {
        Some(class @ (TransitionStorageClass::Glacier | TransitionStorageClass::DeepArchive)) => {
            Some(class.as_str().to_owned())
        }
        _ => None,
    })
}

/// An answer; none when the setting is not set. Only a bucket that is not there is an error.
fn set<T>(found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match found {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind == FailureKind::NotFound && error.code != "NoSuchBucket" => Ok(None),
        Err(error) => Err(error),
    }
}

/// A failed call; an answer that is no document of S3's will not be one the next time.
fn answered<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let is_success = error.raw_response().is_some_and(|raw| raw.status().is_success());
    let error = CallError::from(error);
    if is_success { CallError::local(FailureKind::Unsupported, error.message) } else { error }
}
