//! The headers stored with an object: what a viewer gets besides the bytes.
//!
//! Decides which headers S3 can carry and how they are compared. Never decides their values (see `cache_rules`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The headers of one object, as S3 stores them. Compared by value: equal headers need no request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectHeaders {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// User metadata without the `x-amz-meta-` prefix, names in lower case; at most 2 KB in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
