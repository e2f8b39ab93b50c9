//! How an embedded S3 server is set up: which of AWS's abilities it has, who may use it, and by which clock.

use std::time::UNIX_EPOCH;

use jiff::Timestamp;

use crate::local::clock::Clock;

/// S3 lists at most 1,000 keys a page (ListObjectsV2, `MaxKeys`).
pub const LIST_PAGE_SIZE: usize = 1000;

/// Every part but the last is at least 5 MiB (S3 User Guide, "Multipart upload limits").
pub const MIN_PART_SIZE_BYTES: usize = 5 * 1024 * 1024;

/// Everything that can differ between two embedded servers.
#[derive(Clone)]
pub struct StoreOptions {
    pub versioning: Versioning,
    pub conditional_writes: ConditionalWrites,
    /// The most keys on one page of a listing; tests use 1.
    pub list_page_size: usize,
    /// Smaller parts than this are refused, but for the last one.
    pub min_part_size_bytes: usize,
    pub credentials: Credentials,
    pub region: String,
    pub clock: Clock,
    pub request_log: RequestLogging,
}

/// Whether new buckets keep versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// Off until `PutBucketVersioning` turns it on.
    Off,
    /// On from the start.
    On,
    /// The endpoint does not know versions: the calls answer `NotImplemented`.
    Unsupported,
}

/// What becomes of `If-Match` and `If-None-Match` on writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalWrites {
    Honored,
    /// `If-None-Match` is honored, `If-Match` is not: the write goes through.
    IfMatchIgnored,
    /// As endpoints do that do not know them: the write goes through.
    Ignored,
    /// The write is answered `NotImplemented`.
    Refused,
}

/// The one key pair that may use the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Whether requests are recorded; benchmarks do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestLogging {
    On,
    Off,
}

impl StoreOptions {
    /// The time without its fraction of a second, as S3 keeps `Last-Modified`; before 1970 it is 1970.
    pub(super) fn now(&self) -> Timestamp {
        let since_epoch = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            versioning: Versioning::Off,
            conditional_writes: ConditionalWrites::Honored,
            list_page_size: LIST_PAGE_SIZE,
            min_part_size_bytes: MIN_PART_SIZE_BYTES,
            credentials: Credentials::default(),
            region: "us-east-1".to_owned(),
            clock: Clock::default(),
            request_log: RequestLogging::On,
        }
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            access_key_id: "local-access-key".to_owned(),
            secret_access_key: "local-secret-access-key".to_owned(),
        }
    }
}
