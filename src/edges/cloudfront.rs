//! CloudFront: what a distribution is, and invalidations.
//!
//! Touches the CloudFront API. Never decides what is invalidated.

use aws_config::SdkConfig;
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{CacheTagConfig, InvalidationBatch, Paths};
use jiff::Timestamp;

use crate::core::cache_tags;
use crate::core::iam_policy::operation::Operation;
use crate::core::key::KeyPrefix;
use crate::core::manifest::{DistributionFacts, OwedInvalidation};

use super::aws::{WholeAnswers, place_of};
use super::call::{CallError, FailureKind, Permission, Retry};

mod behaviors;
mod names;
mod settings;

pub use behaviors::{DescribedBehavior, DescribedOrigin};
pub use settings::DescribedDistribution;

/// The CloudFront API. Cloned freely.
#[derive(Clone)]
pub struct CloudFront {
    client: Client,
    retry: Retry,
}

/// An invalidation as CloudFront knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedInvalidation {
    pub id: String,
    pub is_completed: bool,
}

impl CloudFront {
    pub fn new(config: &SdkConfig, retry: &Retry) -> Self {
        let service_config =
            aws_sdk_cloudfront::config::Builder::from(config).interceptor(WholeAnswers).build();
        let retry = retry.to_place(&place_of(config, "CloudFront"));
        Self { client: Client::from_conf(service_config), retry }
    }

    /// The same, but requests are on their way only while `permit` grants it.
    #[must_use]
    pub fn permitted_by(&self, permit: impl Fn() -> Permission + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.permitted_by(permit), ..self.clone() }
    }

    /// The same, but what failed is not tried again once `is_given_up` says so.
    #[must_use]
    pub fn given_up_when(&self, is_given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.given_up_when(is_given_up), ..self.clone() }
    }

    /// What publishing needs to know of a distribution that shows what is under `prefix` of `bucket`.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such distribution.
    pub async fn get_distribution(
        &self,
        distribution_id: &str,
        (bucket, prefix): (&str, &KeyPrefix),
        now: Timestamp,
    ) -> Result<DistributionFacts, CallError> {
        self.retry
            .calling(Operation::GET_DISTRIBUTION)
            .run(distribution_id, || async {
                let output = self
                    .client
                    .get_distribution()
                    .id(distribution_id)
                    .send()
                    .await
                    .map_err(CallError::from)?;
                let distribution = output
                    .distribution
                    .ok_or_else(|| CallError::local(FailureKind::Other, "the answer has no distribution"))?;
                let config = distribution.distribution_config.as_ref();
                let origins =
                    config.and_then(|config| config.origins()).map_or(&[][..], |origins| origins.items());
                let origins: Vec<(&str, &str)> = origins
                    .iter()
                    .map(|origin| (origin.domain_name(), origin.origin_path().unwrap_or_default()))
                    .collect();
                let tag_header =
                    config.and_then(|config| config.cache_tag_config()).map(CacheTagConfig::header_name);
                let has_cache_tags =
                    tag_header.is_some_and(|name| name.eq_ignore_ascii_case(cache_tags::HEADER_NAME));
                Ok(DistributionFacts {
                    domain_name: distribution.domain_name().to_owned(),
                    origin_path: choose_origin_path(&origins, bucket, prefix),
                    has_cache_tags,
                    checked_at: now,
                })
            })
            .await
    }

    /// Makes an invalidation. The same caller reference and items again give the earlier one.
    ///
    /// # Errors
    /// [`FailureKind::Throttled`] while there is no room for more, [`FailureKind::NotFound`] without a distribution.
    pub async fn create_invalidation(
        &self,
        owed: &OwedInvalidation,
    ) -> Result<CreatedInvalidation, CallError> {
        let paths = Paths::builder()
            .quantity(i32::try_from(owed.items.len()).expect("a batch has at most 3,000 items"))
            .set_items(Some(owed.items.clone()))
            .build()
            .expect("the quantity is given");
        let batch = InvalidationBatch::builder()
            .paths(paths)
            .caller_reference(&owed.caller_reference)
            .build()
            .expect("paths and reference are given");
        self.retry
            .calling(Operation::CREATE_INVALIDATION)
            .run(&owed.distribution_id, || async {
                let output = self
                    .client
                    .create_invalidation()
                    .distribution_id(&owed.distribution_id)
                    .invalidation_batch(batch.clone())
                    .send()
                    .await
                    .map_err(CallError::from)?;
                let invalidation = output.invalidation.ok_or_else(|| {
                    CallError::local(FailureKind::Other, "the answer names no invalidation")
                })?;
                Ok(CreatedInvalidation {
                    is_completed: is_completed(invalidation.status()),
                    id: invalidation.id,
                })
            })
            .await
    }

    /// Whether an invalidation has taken effect everywhere.
    ///
    /// # Errors
    /// As any call.
    pub async fn is_invalidation_completed(
        &self,
        distribution_id: &str,
        invalidation_id: &str,
    ) -> Result<bool, CallError> {
        self.retry
            .calling(Operation::GET_INVALIDATION)
            .run(distribution_id, || async {
                let output = self
                    .client
                    .get_invalidation()
                    .distribution_id(distribution_id)
                    .id(invalidation_id)
                    .send()
                    .await
                    .map_err(CallError::from)?;
                Ok(output.invalidation().is_some_and(|invalidation| is_completed(invalidation.status())))
            })
            .await
    }
}

/// Invalidations in a page of the list; CloudFront gives 100 by default.
const LIST_PAGE: i32 = 100;

impl CloudFront {
    /// The paths of all invalidations that were made at or after `since`: one request for each invalidation, for the
    /// list does not say.
    ///
    /// # Errors
    /// As any call.
    pub async fn count_invalidation_paths(
        &self,
        distribution_id: &str,
        since: Timestamp,
    ) -> Result<u64, CallError> {
        let mut paths = 0;
        let mut marker: Option<String> = None;
        loop {
            let output = self
                .retry
                .calling(Operation::LIST_INVALIDATIONS)
                .run(distribution_id, || async {
                    self.client
                        .list_invalidations()
                        .distribution_id(distribution_id)
                        .max_items(LIST_PAGE)
                        .set_marker(marker.clone())
                        .send()
                        .await
                        .map_err(CallError::from)
                })
                .await?;
            let Some(list) = output.invalidation_list() else { return Ok(paths) };
            // Newest first.
            for summary in list.items() {
                if summary.create_time().secs() < since.as_second() {
                    return Ok(paths);
                }
                paths += self.invalidation_paths(distribution_id, summary.id()).await?;
            }
            marker = list.next_marker().filter(|_| list.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Ok(paths);
            }
        }
    }

    async fn invalidation_paths(&self, distribution_id: &str, id: &str) -> Result<u64, CallError> {
        let output = self
            .retry
            .calling(Operation::GET_INVALIDATION)
            .run(distribution_id, || async {
                let request = self.client.get_invalidation().distribution_id(distribution_id).id(id);
                request.send().await.map_err(CallError::from)
            })
            .await?;
        let batch = output.invalidation().and_then(|invalidation| invalidation.invalidation_batch());
        let quantity = batch.and_then(|batch| batch.paths()).map_or(0, Paths::quantity);
        Ok(u64::try_from(quantity).unwrap_or(0))
    }
}

/// CloudFront says `Completed`; some stand-ins say it in capitals.
fn is_completed(status: &str) -> bool {
    status.eq_ignore_ascii_case("completed")
}

/// The path of the origin (domain name and path) that shows the prefix: of the bucket's own, those that lead to the
/// prefix, and of those the one that leads furthest. Else the bucket's first, else the first.
fn choose_origin_path(origins: &[(&str, &str)], bucket: &str, prefix: &KeyPrefix) -> String {
    let host = format!("{bucket}.");
    let ours = || origins.iter().filter(|(domain, _)| domain.starts_with(&host));
    let leads_there = |path: &str| {
        let path = path.trim_matches('/');
        path.is_empty() || prefix.as_str().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    let leading = ours().filter(|(_, path)| leads_there(path)).max_by_key(|(_, path)| path.len());
    let chosen = leading.or_else(|| ours().next()).or(origins.first());
    chosen.map_or("", |(_, path)| path.trim_end_matches('/')).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_origins_in_one_bucket_the_one_that_shows_the_target_counts() {
        let origins = [
            ("api.example.com", "/v1"),
            ("site.s3.eu-west-1.amazonaws.com", "/docs"),
            ("site.s3.eu-west-1.amazonaws.com", "/app"),
            ("site2.s3.amazonaws.com", ""),
        ];
        let path = |bucket: &str, prefix: &str| {
            choose_origin_path(&origins, bucket, &KeyPrefix::new(prefix).expect("a prefix"))
        };
        assert_eq!(path("site", "app"), "/app");
        assert_eq!(path("site", "docs/v2"), "/docs");
        assert_eq!(path("site", "application"), "/docs", "none shows it: the bucket's first");
        assert_eq!(path("site2", "x"), "");
        assert_eq!(path("other", ""), "/v1");
    }
}
