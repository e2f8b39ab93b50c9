//! Multipart uploads that are under way. They live in memory only, in the folder form too.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::checksum::{Algorithm, Checksums};
use super::object::ObjectHeaders;

/// The uploads under way, by upload id.
#[derive(Default)]
pub struct Uploads {
    pub started: u64,
    pub by_id: HashMap<String, Upload>,
}

#[derive(Clone)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub headers: Arc<ObjectHeaders>,
    pub algorithm: Option<Algorithm>,
    /// Whether the checksum of the whole is made of those of the parts.
    pub composite: bool,
    pub initiated: Timestamp,
    pub parts: BTreeMap<i32, Part>,
}

#[derive(Clone)]
pub struct Part {
    pub bytes: Bytes,
    pub md5: [u8; 16],
    pub checksums: Checksums,
    pub last_modified: Timestamp,
}

impl Part {
    /// Without quotes.
    pub fn e_tag(&self) -> String {
        const_hex::encode(self.md5)
    }
}
