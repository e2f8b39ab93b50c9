//! The SHA-256 of an object's stored bytes, as a value.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// SHA-256 of the bytes that S3 stores (after compression at upload). Written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

/// The text is neither 64 hex digits nor 44 characters of base64, as the case may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256")]
pub struct DigestError(String);

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Base64, as `x-amz-checksum-sha256` carries it.
    pub fn to_base64(self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }
}

impl Sha256Digest {
    /// Reads what [`Self::to_base64`] wrote.
    ///
    /// # Errors
    /// When it is anything but 32 bytes in base64.
    pub fn from_base64(text: &str) -> Result<Self, DigestError> {
        use base64::Engine as _;
        let unreadable = || DigestError(text.to_owned());
        // One byte more than a digest has: the decoder wants room for what 44 characters could say.
        let mut bytes = [0; 33];
        let length = base64::engine::general_purpose::STANDARD.decode_slice(text, &mut bytes);
        match (length, bytes.first_chunk()) {
            (Ok(32), Some(digest)) => Ok(Self(*digest)),
            _ => Err(unreadable()),
        }
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(const_hex::Buffer::<32>::new().format(&self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut digest = [0; 32];
        // A prefix of `0x` would be taken too.
        match const_hex::decode_to_slice(text, &mut digest) {
            Ok(()) if text.len() == 64 => Ok(Self(digest)),
            _ => Err(DigestError(text.to_owned())),
        }
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(const_hex::Buffer::<32>::new().format(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Sha256Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-256 in hex")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sha256Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
