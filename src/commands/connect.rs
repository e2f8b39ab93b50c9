//! The edges of one target, ready for use, and their failures in words.

use std::time::Duration;

use crate::edges::aws::{self, Connection};
use crate::edges::call::{CallError, FailureKind, Retry};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::s3::Bucket;
use crate::error::{Class, Error};
use crate::settings::TargetSettings;

/// A target's edges.
pub struct Connected {
    pub bucket: Bucket,
    pub cloudfront: CloudFront,
    pub clock: Clock,
}

/// Connects without asking anybody anything.
pub async fn connect(target: &TargetSettings, retry_limit: Duration) -> Connected {
    let connection = Connection {
        region: target.region.clone(),
        profile: target.profile.clone(),
        endpoint_url: target.endpoint_url.clone(),
        static_keys: target.static_keys.clone(),
    };
    let config = aws::load(&connection).await;
    let clock = Clock::system();
    let retry = Retry::new(retry_limit);
    let bucket = Bucket::new(&config, &target.bucket, target.prefix.clone(), retry.clone(), &clock);
    Connected { bucket, cloudfront: CloudFront::new(&config, retry), clock }
}

/// A failed call as the error that ends a command.
pub fn call_failed(what: impl Into<String>, error: CallError) -> Error {
    let class = if error.is_environment() || error.kind == FailureKind::NotFound {
        Class::Environment
    } else {
        Class::Service
    };
    let hint = match error.code.as_str() {
        "NoSuchBucket" => Some("check the bucket's name and region; sitepush does not create buckets"),
        "NoSuchDistribution" => Some("check the distribution's id and the account in use"),
        _ => error.hint(),
    };
    let result = Error::new(class, what);
    let result = if let Some(hint) = hint { result.with_hint(hint) } else { result };
    result.caused_by(error)
}
