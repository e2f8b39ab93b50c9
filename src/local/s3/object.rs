//! What the store keeps of an object: its bytes, headers, checksums and versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use s3s::dto;
use serde::{Deserialize, Serialize};

use super::checksum::Checksums;

/// The version id of objects written while versioning is off or suspended.
pub const NULL_VERSION: &str = "null";

/// An object as it would be served.
#[derive(Clone, Debug)]
pub struct StoredObject {
    pub bytes: Bytes,
    pub headers: Arc<ObjectHeaders>,
    /// With its quotes.
    pub e_tag: String,
    /// Whole seconds.
    pub last_modified: Timestamp,
    /// None when the bucket has never kept versions.
    pub version_id: Option<String>,
}

/// The headers that are stored with an object and sent with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectHeaders {
    pub cache_control: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    /// An HTTP date.
    pub expires: Option<String>,
    pub website_redirect_location: Option<String>,
    /// Names in lower case, without `x-amz-meta-`.
    pub user_metadata: BTreeMap<String, String>,
}

/// One version of a key, or the marker that hides the earlier ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// [`NULL_VERSION`] or a unique text.
    pub id: String,
    pub last_modified: Timestamp,
    /// None for a delete marker.
    #[serde(with = "shared")]
    pub object: Option<Arc<ObjectRecord>>,
}

/// The content of a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Without quotes.
    pub e_tag: String,
    pub size_bytes: u64,
    #[serde(with = "shared_headers")]
    pub headers: Arc<ObjectHeaders>,
    pub checksums: Checksums,
    pub blob: Blob,
}

/// Where the bytes are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Blob {
    #[serde(skip)]
    Memory(Bytes),
    /// A file in the store's folder, by the SHA-256 of its bytes in hex.
    File(String),
}

impl ObjectRecord {
    /// The ETag as the API sends it.
    pub fn e_tag(&self) -> dto::ETag {
        dto::ETag::Strong(self.e_tag.clone())
    }
}

impl Version {
    /// Whether this is a delete marker.
    pub fn is_delete_marker(&self) -> bool {
        self.object.is_none()
    }
}

impl ObjectHeaders {
    /// What an upload said as S3 keeps it: a missing type becomes the default, and the `aws-chunked` transfer coding is
    /// not stored (PutObject, "Content-Encoding").
    pub fn stored(mut self) -> Self {
        self.content_type.get_or_insert_with(|| "binary/octet-stream".to_owned());
        self.content_encoding = self.content_encoding.and_then(|value| without_aws_chunked(&value));
        self
    }

    /// The size that S3 counts against its limit of 2 KB: names and values of the user's metadata.
    pub fn user_metadata_size_bytes(&self) -> usize {
        self.user_metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The user's metadata as the API sends it.
    pub fn metadata(&self) -> Option<dto::Metadata> {
        let pairs = self.user_metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
        (!self.user_metadata.is_empty()).then(|| pairs.collect())
    }

    /// `Expires` as the API sends it.
    pub fn expires_timestamp(&self) -> Option<dto::Timestamp> {
        dto::Timestamp::parse(dto::TimestampFormat::HttpDate, self.expires.as_deref()?).ok()
    }
}

/// `Expires` as an HTTP date, from what the API parsed.
pub fn http_date(timestamp: &dto::Timestamp) -> Option<String> {
    let mut text = Vec::new();
    timestamp.format(dto::TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// A point in time as the API sends it, to the second; before 1970 it is 1970.
pub fn api_time(time: Timestamp) -> dto::Timestamp {
    let since_epoch = Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default());
    dto::Timestamp::from(SystemTime::UNIX_EPOCH + since_epoch)
}

fn without_aws_chunked(value: &str) -> Option<String> {
    let codings =
        value.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
    let kept = codings.collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

/// Serializes what an optional `Arc` points to.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ObjectRecord;

    pub fn serialize<S: Serializer>(
        value: &Option<Arc<ObjectRecord>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_deref().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<ObjectRecord>>, D::Error> {
        Ok(Option::<ObjectRecord>::deserialize(deserializer)?.map(Arc::new))
    }
}

/// Serializes what an `Arc` points to.
mod shared_headers {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ObjectHeaders;

    pub fn serialize<S: Serializer>(value: &Arc<ObjectHeaders>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<ObjectHeaders>, D::Error> {
        ObjectHeaders::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_coding_is_not_stored() {
        let cases = [
            ("aws-chunked", None),
            ("aws-chunked,gzip", Some("gzip")),
            ("gzip, aws-chunked", Some("gzip")),
            ("br", Some("br")),
            ("", None),
        ];
        for (sent, stored) in cases {
            assert_eq!(without_aws_chunked(sent).as_deref(), stored, "{sent:?}");
        }
    }

    #[test]
    fn an_object_without_a_type_gets_the_default_of_s3() {
        let headers = ObjectHeaders::default().stored();
        assert_eq!(headers.content_type.as_deref(), Some("binary/octet-stream"));
    }
}
