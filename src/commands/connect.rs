//! The edges of one target, ready for use, and their failures in words.

use std::borrow::Cow;
use std::time::Duration;

use crate::edges::aws::{self, Connection};
use crate::edges::call::{CallError, FailureKind, Retry};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::key_value_store::KeyValueStores;
use crate::edges::s3::Bucket;
use crate::error::{Class, Error};
use crate::settings::TargetSettings;

/// A target's edges.
pub struct Connected {
    pub bucket: Bucket,
    pub cloudfront: CloudFront,
    pub stores: KeyValueStores,
    pub clock: Clock,
}

/// How the account of a target is reached.
pub fn connection_to(target: &TargetSettings) -> Connection {
    Connection {
        region: target.region.clone(),
        profile: target.profile.clone(),
        endpoint_url: target.endpoint_url.clone(),
        static_keys: target.static_keys.clone(),
    }
}

/// Connects without asking anybody anything; for commands without a flag for how long calls are sent again.
pub async fn connect(target: &TargetSettings, retry_limit: Duration) -> Connected {
    connect_by(target, Retry::new(retry_limit)).await
}

/// The same for commands whose user can give calls more time.
pub async fn connect_for_as_long(target: &TargetSettings, retry_limit: Duration) -> Connected {
    connect_by(target, Retry::new(retry_limit).limited_by("--retry-seconds")).await
}

async fn connect_by(target: &TargetSettings, retry: Retry) -> Connected {
    let clock = Clock::system();
    let config = aws::load(&connection_to(target), &clock).await;
    let bucket = Bucket::new(&config, &target.bucket, target.prefix.clone(), &retry, &clock);
    let stores = KeyValueStores::new(&config, &retry);
    Connected { bucket, cloudfront: CloudFront::new(&config, &retry), stores, clock }
}

/// A failed call as the error that ends a command.
pub fn call_failed(what: impl Into<String>, error: CallError) -> Error {
    let class = match error.kind {
        _ if error.is_environment() => Class::Environment,
        FailureKind::NotFound => Class::Environment,
        FailureKind::PreconditionFailed => Class::Conflict,
        FailureKind::UnreadableState => Class::Refused,
        _ if error.code == "InvalidBucketName" => Class::Usage,
        _ => Class::Service,
    };
    let own = match error.code.as_str() {
        "NoSuchBucket" => Some("check the bucket's name and region; sitepush does not create buckets"),
        "NoSuchDistribution" => Some("check the distribution's id and the account in use"),
        "InvalidBucketName" => Some("check the bucket's name"),
        "ResourceNotFoundException" => Some("check the ARN of the key value store and the account in use"),
        _ => None,
    };
    let hint = own
        .map(Cow::Borrowed)
        .or_else(|| error.hint())
        .unwrap_or(Cow::Borrowed("check the target's settings and the endpoint, and run the command again"));
    Error::new(class, what).with_hint(hint).caused_by(error)
}
