//! ListObjectsV2, ListObjects and ListObjectVersions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::backend::Answer;
use super::bucket_api::require_versioning;
use super::change::find;
use super::listing::{ListedVersion, Marker, Query, page_of_objects, page_of_versions};
use super::object::{ObjectRecord, Version, api_time};
use super::options::LIST_PAGE_SIZE;
use super::store::Store;

/// What `encoding-type=url` leaves alone.
const KEPT: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

pub fn list_objects_v2(store: &Store, input: ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let marker = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => Marker::from_token(token)
            .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
        (None, Some(key)) => Marker::AfterKey(key.clone()),
        (None, None) => Marker::Start,
    };
    let limit = limit(store, input.max_keys)?;
    let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), present(input.delimiter.clone()));
    let state = store.read_state();
    let bucket = find(&state, &input.bucket)?;
    let page = page_of_objects(
        &bucket.keys,
        Query { prefix: &prefix, delimiter: delimiter.as_deref(), limit },
        &marker,
    );
    let contents: Vec<_> =
        page.objects.iter().map(|(key, version, object)| encoding.object(key, version, object)).collect();
    let common_prefixes = encoding.common_prefixes(&page.common_prefixes);
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(Marker::to_token),
        continuation_token: input.continuation_token,
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        prefix: Some(encoding.text(&prefix)),
        delimiter: delimiter.map(|text| encoding.text(&text)),
        start_after: input.start_after.map(|text| encoding.text(&text)),
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    }))
}

pub fn list_objects(store: &Store, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), present(input.delimiter.clone()));
    let marker = marker_of(input.marker.clone(), delimiter.as_deref(), &prefix);
    let limit = limit(store, input.max_keys)?;
    let state = store.read_state();
    let bucket = find(&state, &input.bucket)?;
    let page = page_of_objects(
        &bucket.keys,
        Query { prefix: &prefix, delimiter: delimiter.as_deref(), limit },
        &marker,
    );
    let contents =
        page.objects.iter().map(|(key, version, object)| encoding.object(key, version, object)).collect();
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(page.next.is_some()),
        // ListObjects: returned only with a delimiter; without one the last key of the page is the next marker.
        next_marker: page
            .next
            .as_ref()
            .filter(|_| delimiter.is_some())
            .map(|next| encoding.text(next.text())),
        marker: Some(encoding.text(&input.marker.unwrap_or_default())),
        contents: Some(contents),
        common_prefixes: Some(encoding.common_prefixes(&page.common_prefixes)),
        prefix: Some(encoding.text(&prefix)),
        delimiter: delimiter.map(|text| encoding.text(&text)),
        encoding_type: input.encoding_type,
        ..ListObjectsOutput::default()
    }))
}

pub fn list_object_versions(
    store: &Store,
    input: ListObjectVersionsInput,
) -> Answer<ListObjectVersionsOutput> {
    require_versioning(store)?;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), present(input.delimiter.clone()));
    let marker = match (present(input.key_marker.clone()), present(input.version_id_marker.clone())) {
        (Some(key), Some(id)) => Marker::AfterVersion(key, id),
        (key, _) => marker_of(key, delimiter.as_deref(), &prefix),
    };
    let limit = limit(store, input.max_keys)?;
    let state = store.read_state();
    let bucket = find(&state, &input.bucket)?;
    let page = page_of_versions(
        &bucket.keys,
        Query { prefix: &prefix, delimiter: delimiter.as_deref(), limit },
        &marker,
    );
    let versions = page.versions.iter().filter_map(|listed| encoding.version(listed)).collect();
    let is_marker = |listed: &&ListedVersion<'_>| listed.version.is_delete_marker();
    let delete_markers =
        page.versions.iter().filter(is_marker).map(|listed| encoding.delete_marker(listed)).collect();
    let next_version_id_marker = match &page.next {
        Some(Marker::AfterVersion(_, id)) => Some(id.clone()),
        _ => None,
    };
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_ref().map(|next| encoding.text(next.text())),
        next_version_id_marker,
        key_marker: Some(encoding.text(&input.key_marker.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        versions: Some(versions),
        delete_markers: Some(delete_markers),
        common_prefixes: Some(encoding.common_prefixes(&page.common_prefixes)),
        prefix: Some(encoding.text(&prefix)),
        delimiter: delimiter.map(|text| encoding.text(&text)),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    }))
}

/// How keys are written in an answer.
#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    fn of(asked: Option<&EncodingType>) -> Self {
        if asked.is_some_and(|encoding| encoding.as_str() == EncodingType::URL) {
            Self::Url
        } else {
            Self::Plain
        }
    }

    fn text(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => percent_encode(text.as_bytes(), &KEPT).to_string().replace(' ', "+"),
        }
    }

    fn common_prefixes(self, prefixes: &[String]) -> Vec<CommonPrefix> {
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect()
    }

    fn object(self, key: &str, version: &Version, object: &ObjectRecord) -> Object {
        Object {
            key: Some(self.text(key)),
            e_tag: Some(object.e_tag()),
            size: i64::try_from(object.size_bytes).ok(),
            last_modified: Some(api_time(version.last_modified)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        }
    }

    fn version(self, listed: &ListedVersion<'_>) -> Option<ObjectVersion> {
        let object = listed.version.object.as_ref()?;
        Some(ObjectVersion {
            key: Some(self.text(listed.key)),
            version_id: Some(listed.version.id.clone()),
            is_latest: Some(listed.is_latest),
            e_tag: Some(object.e_tag()),
            size: i64::try_from(object.size_bytes).ok(),
            last_modified: Some(api_time(listed.version.last_modified)),
            storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
            ..ObjectVersion::default()
        })
    }

    fn delete_marker(self, listed: &ListedVersion<'_>) -> DeleteMarkerEntry {
        DeleteMarkerEntry {
            key: Some(self.text(listed.key)),
            version_id: Some(listed.version.id.clone()),
            is_latest: Some(listed.is_latest),
            last_modified: Some(api_time(listed.version.last_modified)),
            ..DeleteMarkerEntry::default()
        }
    }
}

/// A marker given as text: a common prefix that an earlier page ended with, or a key.
fn marker_of(text: Option<String>, delimiter: Option<&str>, prefix: &str) -> Marker {
    let Some(text) = present(text) else { return Marker::Start };
    let folded =
        text.strip_prefix(prefix).zip(delimiter).is_some_and(|(rest, delimiter)| rest.ends_with(delimiter));
    if folded { Marker::AfterPrefix(text) } else { Marker::AfterKey(text) }
}

/// An empty parameter is the same as none.
fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn limit(store: &Store, max_keys: Option<i32>) -> S3Result<usize> {
    let asked = usize::try_from(max_keys.unwrap_or(i32::MAX));
    let asked = asked.map_err(|_| {
        s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647")
    })?;
    Ok(asked.min(store.options().list_page_size).min(LIST_PAGE_SIZE))
}
