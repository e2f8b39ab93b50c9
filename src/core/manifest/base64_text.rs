//! A digest in a record: as S3 writes it, in 44 bytes instead of 64.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use crate::core::digest::Sha256Digest;

pub fn serialize<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
    digest.to_base64().serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Sha256Digest;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a SHA-256 in base64")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Sha256Digest, E> {
            Sha256Digest::from_base64(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text)
}
