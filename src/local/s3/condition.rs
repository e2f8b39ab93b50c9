//! Conditional requests: what `If-Match`, `If-None-Match` and their kin say against what is there.

use s3s::{S3ErrorCode, S3Result, dto, s3_error};

use super::object::{ObjectRecord, Version, api_time};

/// The conditions of a write.
#[derive(Clone, Debug, Default)]
pub struct WriteCondition {
    pub if_match: Option<dto::ETagCondition>,
    pub if_none_match: Option<dto::ETagCondition>,
    /// How many deletes the store had seen when the request came in.
    pub deletes_seen: u64,
}

/// The conditions of a read, or of the source of a copy.
#[derive(Clone, Debug, Default)]
pub struct ReadCondition {
    pub if_match: Option<dto::ETagCondition>,
    pub if_none_match: Option<dto::ETagCondition>,
    pub if_modified_since: Option<dto::Timestamp>,
    pub if_unmodified_since: Option<dto::Timestamp>,
}

/// How a read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Send,
    NotModified,
    Failed,
}

impl WriteCondition {
    /// Whether there is any condition at all.
    pub fn is_set(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// Checks the write of a key whose current object is `current`, and which was last deleted as delete number
    /// `deleted_at`.
    ///
    /// # Errors
    /// As PutObject documents: `PreconditionFailed` when the object is there, or is another; `NoSuchKey` for `If-Match`
    /// where nothing is; `ConditionalRequestConflict` when a delete came in between; `NotImplemented` for an
    /// `If-None-Match` other than `*`.
    pub fn check(&self, current: Option<&ObjectRecord>, deleted_at: Option<u64>) -> S3Result<()> {
        if self.if_none_match.as_ref().is_some_and(|condition| !condition.is_any()) {
            return Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that is not implemented"
            ));
        }
        if !self.is_set() {
            return Ok(());
        }
        if deleted_at.is_some_and(|number| number > self.deletes_seen) {
            return Err(s3_error!(
                ConditionalRequestConflict,
                "A conflicting operation occurred during the request."
            ));
        }
        if self.if_none_match.is_some() && current.is_some() {
            return Err(precondition_failed());
        }
        let Some(if_match) = &self.if_match else { return Ok(()) };
        let current = current.ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))?;
        if matches(if_match, current) { Ok(()) } else { Err(precondition_failed()) }
    }
}

impl ReadCondition {
    /// Decides in the order of RFC 9110, section 13.2.2, as GetObject documents it.
    pub fn check(&self, version: &Version, object: &ObjectRecord) -> Reading {
        let modified = api_time(version.last_modified);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, object) => return Reading::Failed,
            (None, Some(time)) if modified > *time => return Reading::Failed,
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, object) => Reading::NotModified,
            (None, Some(time)) if modified <= *time => Reading::NotModified,
            _ => Reading::Send,
        }
    }
}

/// Whether `condition` names `object`.
pub fn matches(condition: &dto::ETagCondition, object: &ObjectRecord) -> bool {
    condition.as_etag().is_none_or(|e_tag| e_tag.value() == object.e_tag)
}

/// The error of a condition that does not hold.
pub fn precondition_failed() -> s3s::S3Error {
    s3s::S3Error::with_message(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::local::s3::checksum::Checksums;
    use crate::local::s3::object::{Blob, ObjectHeaders};

    fn object() -> ObjectRecord {
        ObjectRecord {
            e_tag: "abc".to_owned(),
            size_bytes: 0,
            headers: Arc::new(ObjectHeaders::default()),
            checksums: Checksums::default(),
            blob: Blob::Memory(Bytes::new()),
        }
    }

    fn code(
        condition: &WriteCondition,
        current: Option<&ObjectRecord>,
        deleted_at: Option<u64>,
    ) -> Option<String> {
        condition.check(current, deleted_at).err().map(|error| error.code().as_str().to_owned())
    }

    fn condition(header: &str) -> Option<dto::ETagCondition> {
        Some(header.parse().expect("a condition"))
    }

    #[test]
    fn a_delete_that_comes_in_between_is_a_conflict_for_conditional_writes_only() {
        let create =
            WriteCondition { if_none_match: condition("*"), deletes_seen: 4, ..WriteCondition::default() };
        assert_eq!(code(&create, None, Some(5)).as_deref(), Some("ConditionalRequestConflict"));
        assert_eq!(code(&create, None, Some(4)), None);
        let plain = WriteCondition { deletes_seen: 4, ..WriteCondition::default() };
        assert_eq!(code(&plain, None, Some(5)), None);
    }

    #[test]
    fn an_if_match_wants_this_very_object() {
        let update = |header| WriteCondition { if_match: condition(header), ..WriteCondition::default() };
        assert_eq!(code(&update("\"abc\""), Some(&object()), None), None);
        assert_eq!(code(&update("\"abd\""), Some(&object()), None).as_deref(), Some("PreconditionFailed"));
        assert_eq!(code(&update("\"abc\""), None, None).as_deref(), Some("NoSuchKey"));
    }
}
