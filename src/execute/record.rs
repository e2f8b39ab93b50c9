//! The files of a record: the first one and its parts, read and written.
//!
//! Decides only how many are on their way at once. What they say is the manifest's.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use crate::core::manifest::parts::{Part, PartName};
use crate::core::manifest::{Manifest, ManifestError, Root};
use crate::edges::call::CallError;
use crate::edges::s3::Bucket;

/// Parts on their way at a time. They are some 100 kB each.
const PARTS_IN_FLIGHT: usize = 16;

/// A record's first file.
pub struct Found {
    pub root: Root,
    pub e_tag: String,
    /// When it was written, by the service's clock.
    pub written_at: Option<Timestamp>,
}

/// Why a record cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Content(#[from] ManifestError),
}

/// The first file of the record `file` (a name under the state prefix), or none when it is not there.
///
/// # Errors
/// When it cannot be read.
pub async fn find(bucket: &Bucket, file: &str) -> Result<Option<Found>, RecordError> {
    let Some(file) = bucket.get_state(file).await? else { return Ok(None) };
    let root = Root::decode(&file.bytes)?;
    Ok(Some(Found { root, e_tag: file.e_tag, written_at: file.last_modified }))
}

/// The whole record: all parts are read.
///
/// # Errors
/// When a part cannot be read.
pub async fn whole(bucket: &Bucket, root: Root) -> Result<Manifest, RecordError> {
    let parts = read(bucket, root.parts().iter().enumerate()).await?;
    Ok(root.with_parts(parts.into_values().collect())?)
}

/// Reads the parts of the manifest at these positions that were not read with it.
///
/// # Errors
/// When one cannot be read.
pub async fn read_rest(
    bucket: &Bucket,
    manifest: &mut Manifest,
    positions: &[usize],
) -> Result<(), RecordError> {
    let parts = positions.iter().map(|position| (*position, &manifest.parts.list[*position]));
    for (position, bytes) in read(bucket, parts).await? {
        manifest.read_part(position, &bytes)?;
    }
    Ok(())
}

/// The bytes of these parts, by position.
///
/// # Errors
/// When one is missing or cannot be read.
pub async fn read(
    bucket: &Bucket,
    parts: impl Iterator<Item = (usize, &Part)>,
) -> Result<BTreeMap<usize, Bytes>, RecordError> {
    stream::iter(parts)
        .map(|(position, part)| async move {
            match bucket.get_state(&part.name.file()).await? {
                Some(file) => Ok((position, file.bytes)),
                None => Err(ManifestError::PartMissing { name: part.name.clone() }.into()),
            }
        })
        .buffer_unordered(PARTS_IN_FLIGHT)
        .try_collect()
        .await
}

/// Writes new parts, at most `in_flight` at a time. No record speaks of them yet.
///
/// # Errors
/// As any call.
pub async fn write(
    bucket: &Bucket,
    parts: Vec<(PartName, Vec<u8>)>,
    in_flight: usize,
) -> Result<(), CallError> {
    stream::iter(parts)
        .map(|(name, bytes)| async move { bucket.put_state(&name.file(), Bytes::from(bytes), None).await })
        .buffer_unordered(PARTS_IN_FLIGHT.min(in_flight))
        .try_for_each(|_| async { Ok(()) })
        .await
}
