//! The ETag of a stored object, as a value. A token for conditions and a hint, never proof of content.

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// An ETag without its quotes, written as its text.
///
/// Most are an MD5, of which a site of many thousand files has many thousand: such a one is kept in its 16 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct ETag(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// 32 lower-case hex digits.
    Md5([u8; 16]),
    /// Anything else, upper-case digits too: it has to come out as it went in.
    Text(Box<str>),
    /// It stands in a part of the record that was not read.
    Unread,
}

impl ETag {
    /// Of an object whose part of the record was not read. Never written anywhere, and equal to itself alone.
    pub fn unread() -> Self {
        Self(Form::Unread)
    }

    pub fn is_unread(&self) -> bool {
        self.0 == Form::Unread
    }

    /// The digest, where the text can be one. Whether it is the MD5 of the bytes is another question: that of an
    /// object which is encrypted with a key of KMS looks the same (S3 API Reference, Object).
    pub fn md5(&self) -> Option<[u8; 16]> {
        match self.0 {
            Form::Md5(digest) => Some(digest),
            Form::Text(_) | Form::Unread => None,
        }
    }

    /// Whether there is none: some services leave it out of an answer.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Form::Text(text) if text.is_empty())
    }
}

impl From<&str> for ETag {
    fn from(text: &str) -> Self {
        let is_lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let mut digest = [0; 16];
        let is_md5 = text.len() == 32
            && text.as_bytes().iter().all(is_lower)
            && const_hex::decode_to_slice(text, &mut digest).is_ok();
        Self(if is_md5 { Form::Md5(digest) } else { Form::Text(text.into()) })
    }
}

impl From<String> for ETag {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Md5(digest) => f.write_str(const_hex::Buffer::<16>::new().format(digest)),
            Form::Text(text) => f.write_str(text),
            Form::Unread => f.write_str("(not read)"),
        }
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl Serialize for ETag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Md5(digest) => serializer.serialize_str(const_hex::Buffer::<16>::new().format(digest)),
            Form::Text(text) => serializer.serialize_str(text),
            Form::Unread => Err(serde::ser::Error::custom("an ETag that was not read cannot be written")),
        }
    }
}

impl<'de> Deserialize<'de> for ETag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ETag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ETag")
            }

            fn visit_str<E>(self, text: &str) -> Result<ETag, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_text_it_comes_out_as_it_went_in(text in "[0-9a-f]{32}|[0-9A-Fa-f]{30,34}|[0-9a-f]{32}-[0-9]|.{0,40}") {
            let e_tag = ETag::from(text.as_str());
            prop_assert_eq!(e_tag.to_string(), text.clone());
            let json = serde_json::to_string(&e_tag).expect("a text");
            prop_assert_eq!(&json, &serde_json::to_string(&text).expect("a text"));
            prop_assert_eq!(serde_json::from_str::<ETag>(&json).expect("it was written so"), e_tag);
        }
    }

    #[test]
    fn only_what_can_be_an_md5_is_taken_for_one() {
        let md5 = |text: &str| ETag::from(text).md5();
        assert_eq!(md5("000102030405060708090a0b0c0d0e0f"), Some(std::array::from_fn(|place| place as u8)));
        for other in [
            "",
            "000102030405060708090A0B0C0D0E0F",
            "0x0102030405060708090a0b0c0d0e0f",
            "d41d8cd98f00b204e9800998ecf8427e-2",
        ] {
            assert_eq!(md5(other), None, "{other}");
        }
        assert!(ETag::from("").is_empty() && !ETag::from("a").is_empty());
    }
}
