//! What ListObjectsV2 answers: its pages, one after the other, and the objects on them.
//!
//! A listing decides what is taken for missing and what for somebody else's. So what is not wholly there is no listing:
//! it is asked for again, and then it is an error.

use std::borrow::Cow;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};

use crate::core::iam_policy::operation::Operation;
use crate::core::inventory::{ListedObject, Listing};
use crate::core::key::{ObjectKey, STATE_PREFIX};
use crate::core::manifest::parts::PartName;
use crate::core::release::ReleaseId;
use crate::edges::call::{CallError, FailureKind};

use super::{Bucket, timestamp, unquote};

/// Pages in a row that tell nothing new before a listing is given up. S3 may send an empty page in the middle.
const MAX_IDLE_PAGES: u32 = 100;

impl Bucket {
    /// Lists every object of the target.
    ///
    /// # Errors
    /// As any call, and when a page is not whole or the pages do not end.
    pub async fn list_objects(&self) -> Result<Listed, CallError> {
        let mut found = Listed::default();
        let mut token: Option<String> = None;
        let mut idle_pages = 0;
        loop {
            let page = self
                .retry
                .calling(Operation::LIST_OBJECTS_V2)
                .run("list", || self.list_page(token.as_deref()))
                .await?;
            let known = found.count();
            for (bucket_key, object) in page.objects {
                found.add(self.prefix.strip(&bucket_key), object);
            }
            idle_pages = if found.count() > known { 0 } else { idle_pages + 1 };
            let Some(next) = page.next else { return Ok(found) };
            if token.as_ref() == Some(&next) || idle_pages > MAX_IDLE_PAGES {
                let problem = "the listing does not come to an end: its pages begin again";
                return Err(CallError::local(FailureKind::Other, problem));
            }
            token = Some(next);
        }
    }

    async fn list_page(&self, token: Option<&str>) -> Result<Page, CallError> {
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(self.prefix.as_str())
            .set_continuation_token(token.map(str::to_owned))
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(CallError::from)?;
        read(&output).map_err(|problem| CallError::unreadable(200, &problem))
    }
}

/// What a listing told.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub objects: Listing,
    /// Objects whose names no build can have.
    pub odd_keys: u64,
    /// The parts of records, whichever refers to them.
    pub parts: Vec<PartName>,
    /// The releases that are on record.
    pub releases: Vec<ReleaseId>,
    state_files: u64,
}

impl Listed {
    /// Adds an object by its key inside the target; none for one that lies outside.
    fn add(&mut self, key: Option<&str>, object: ListedObject) {
        let Some(key) = key else { return };
        match (key.strip_prefix(STATE_PREFIX), ObjectKey::new(key)) {
            (Some(file), _) => {
                self.state_files += 1;
                self.parts.extend(PartName::of_file(file));
                self.releases.extend(ReleaseId::of_record_file(file));
            }
            (None, Ok(key)) => {
                self.objects.insert(key, object);
            }
            (None, Err(_)) => self.odd_keys += 1,
        }
    }

    fn count(&self) -> u64 {
        self.objects.len() as u64 + self.odd_keys + self.state_files
    }
}

/// One answer.
struct Page {
    /// By the bucket's keys. What is no text has no key.
    objects: Vec<(String, ListedObject)>,
    next: Option<String>,
}

/// Reads one answer, or says what it lacks.
fn read(output: &ListObjectsV2Output) -> Result<Page, String> {
    let contents = output.contents();
    if let Some(count) = output.key_count().and_then(|count| usize::try_from(count).ok())
        && count != contents.len()
    {
        return Err(format!("it counts {count} objects and has {}", contents.len()));
    }
    let next = output.next_continuation_token().filter(|token| !token.is_empty()).map(str::to_owned);
    if next.is_none() && output.is_truncated() == Some(true) {
        return Err("there is more to come, but no token to ask for it".to_owned());
    }
    // Who does not know the parameter does not encode, and does not say that it did.
    let is_encoded = output.encoding_type() == Some(&EncodingType::Url);
    let objects = contents.iter().map(|object| read_object(object, is_encoded)).collect::<Result<_, _>>()?;
    Ok(Page { objects, next })
}

fn read_object(object: &Object, is_encoded: bool) -> Result<(String, ListedObject), String> {
    let written = object.key().filter(|key| !key.is_empty()).ok_or("it has an object without its key")?;
    let lacks = |what: &str| format!("it has `{written}` without its {what}");
    let size = object.size().ok_or_else(|| lacks("size"))?;
    let listed = ListedObject {
        size_bytes: u64::try_from(size).map_err(|_| format!("it has `{written}` with a size of {size}"))?,
        e_tag: unquote(Some(object.e_tag().ok_or_else(|| lacks("ETag"))?)).into(),
        last_modified: object.last_modified().and_then(timestamp).ok_or_else(|| lacks("time"))?,
    };
    let key = if is_encoded { decoded(written) } else { Cow::Borrowed(written) };
    Ok((key.into_owned(), listed))
}

/// Undoes `encoding-type=url`, which writes a space as `+`. Bytes that are no text stay as they are written: such a key
/// has a control character in it, as no build's has.
fn decoded(written: &str) -> Cow<'_, str> {
    let spaced = written.replace('+', "%20");
    match percent_encoding::percent_decode_str(&spaced).decode_utf8() {
        Ok(key) => Cow::Owned(key.into_owned()),
        Err(_) => Cow::Owned(format!("{written}\0")),
    }
}
