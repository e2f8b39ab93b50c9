//! One change to one object, and a stage of many.
//!
//! Decides whether a write that was not answered has happened, and when a stage is left before its end. Never decides what is
//! changed or in which order (the plan does), and never deletes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::core::desired::Desired;
use crate::core::diff::{Action, Change, Reason};
use crate::core::digest::Sha256Digest;
use crate::core::event::{Event, EventSink};
use crate::core::headers::ObjectHeaders;
use crate::core::inventory::{LocalInventory, Packing};
use crate::core::key::ObjectKey;
use crate::core::outcome::{Failure, Written};
use crate::core::plan::PART_SIZE_BYTES;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::s3::{Body, Bucket, CopySource, PartSource, WriteMode};
use crate::edges::site_dir::{self, FileParts, PartError};

use super::pace::Pace;

/// Files up to this size are read whole and compared with their digest before they are sent.
const SMALL_FILE_BYTES: u64 = 1 << 20;

/// Says that no new work is to be started. Clones share it.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on nothing new is started.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A change with all that carrying it out needs.
struct Job {
    key: ObjectKey,
    action: Action,
    headers: Arc<ObjectHeaders>,
    sha256: Sha256Digest,
    size_bytes: u64,
    mode: WriteMode,
    file: Option<(PathBuf, Packing)>,
}

impl Job {
    fn is_sent_in_parts(&self) -> bool {
        let is_packed = self.file.as_ref().is_some_and(|(_, packing)| *packing == Packing::Gzip);
        self.action == Action::Upload && !is_packed && self.size_bytes > PART_SIZE_BYTES
    }
}

/// A change that was carried out.
pub struct Done {
    pub key: ObjectKey,
    pub written: Written,
    pub action: Action,
    pub size_bytes: u64,
}

/// How a stage ended.
#[derive(Default)]
pub struct StageResult {
    /// In key order.
    pub failures: Vec<(ObjectKey, Failure)>,
    /// Keys that were to be created and where somebody else's object is.
    pub occupied: Vec<ObjectKey>,
    /// Whether the stage was left before its end.
    pub was_stopped: bool,
}

impl StageResult {
    /// Whether everything was done.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && !self.was_stopped
    }
}

/// What all stages of a run share.
pub struct Uploader<'a> {
    pub bucket: Bucket,
    pub pace: Pace,
    pub events: EventSink,
    pub stop: Stop,
    pub desired: Desired<'a>,
    /// Where the files are; none for a rollback.
    pub local: Option<&'a LocalInventory>,
    /// Whether the endpoint honors conditional writes.
    pub has_conditional_writes: bool,
}

impl Uploader<'_> {
    /// Carries out the changes of one stage, many at once, and hands on each that is done. One failing does not keep the
    /// others from being tried, unless it says that all will fail.
    pub async fn run_stage(
        &self,
        changes: impl Iterator<Item = &Change>,
        note: &mut impl FnMut(Done),
    ) -> StageResult {
        let mut result = StageResult::default();
        let mut running = JoinSet::new();
        for change in changes {
            let place = self.pace.place().await;
            while let Some(ended) = running.try_join_next() {
                self.take(ended, note, &mut result);
            }
            if self.stop.is_requested() || result.was_stopped || has_fatal(&result) {
                result.was_stopped = true;
                break;
            }
            let job = self.job(change);
            let bucket = self.bucket.clone();
            let events = self.events.clone();
            running.spawn(async move {
                let _place = place;
                let done = carry_out(&bucket, &job, &events).await;
                (job, done)
            });
        }
        while let Some(ended) = running.join_next().await {
            self.take(ended, note, &mut result);
        }
        result.failures.sort_by(|a, b| a.0.cmp(&b.0));
        result
    }

    fn job(&self, change: &Change) -> Job {
        let wanted = self.desired.get(&change.key).expect("only wanted objects are written");
        let file = self.local.and_then(|local| {
            let file = local.files.get(&change.key)?;
            Some((file.path_in(&local.folder, &change.key), file.packing))
        });
        // A key that is new to the record may hold somebody else's object, and caches a copy of it.
        let is_new = change.reason == Reason::New && self.has_conditional_writes;
        Job {
            key: change.key.clone(),
            action: change.action.clone(),
            headers: Arc::clone(wanted.headers),
            sha256: wanted.sha256,
            size_bytes: wanted.size_bytes,
            mode: if is_new { WriteMode::CreateOnly } else { WriteMode::Overwrite },
            file,
        }
    }

    fn take(
        &self,
        ended: Result<(Job, Result<Written, CallError>), tokio::task::JoinError>,
        note: &mut impl FnMut(Done),
        result: &mut StageResult,
    ) {
        let (job, answer) = ended.expect("a job neither panics nor is cancelled");
        match answer {
            Ok(written) => {
                let told = if job.is_sent_in_parts() { job.size_bytes } else { 0 };
                (self.events)(Event::ItemDone { bytes: job.size_bytes - told });
                note(Done { key: job.key, written, action: job.action, size_bytes: job.size_bytes });
            }
            Err(error) if error.kind == FailureKind::GivenUp => result.was_stopped = true,
            Err(error) => {
                (self.events)(Event::ItemFailed);
                if error.kind == FailureKind::Occupied {
                    result.occupied.push(job.key.clone());
                }
                let failure = failure(format!("cannot {} `{}`", verb(&job.action), job.key), &error);
                result.failures.push((job.key, failure));
            }
        }
    }
}

/// A failure of `what` by one call.
pub fn failure(what: String, error: &CallError) -> Failure {
    Failure {
        what,
        causes: vec![error.to_string()],
        hint: error.hint(),
        is_environment: error.is_environment(),
    }
}

fn has_fatal(result: &StageResult) -> bool {
    result.failures.iter().any(|(_, failure)| failure.is_environment)
}

fn verb(action: &Action) -> &'static str {
    match action {
        Action::Upload => "upload",
        Action::Copy { .. } => "copy",
        Action::Restore { .. } => "restore",
        Action::UpdateHeaders { .. } => "update the headers of",
        Action::Delete => "delete",
    }
}

async fn carry_out(bucket: &Bucket, job: &Job, events: &EventSink) -> Result<Written, CallError> {
    let creates = job.mode == WriteMode::CreateOnly;
    // Not every endpoint holds a copy to a condition.
    if creates && job.action != Action::Upload {
        match occupant(bucket, job).await? {
            Occupant::Nobody => {}
            Occupant::Same(written) => return Ok(written),
            Occupant::Other => return Err(occupied()),
        }
    }
    match write(bucket, job, events).await {
        // The answer to a write of our own may have been lost, and the write sent again: what is there decides.
        Err(error) if creates && error.kind == FailureKind::PreconditionFailed => {
            match occupant(bucket, job).await? {
                Occupant::Same(written) => Ok(written),
                Occupant::Other => Err(occupied()),
                Occupant::Nobody => Err(error),
            }
        }
        other => other,
    }
}

/// What was found where an object was to be created.
enum Occupant {
    Nobody,
    /// Exactly what was to be written.
    Same(Written),
    Other,
}

/// Who stands under the job's key: by the digest that the service keeps, else by size and MD5 where the ETag is one, and by
/// the headers.
async fn occupant(bucket: &Bucket, job: &Job) -> Result<Occupant, CallError> {
    let Some((head, digest)) = bucket.head_with_digest(&job.key).await? else { return Ok(Occupant::Nobody) };
    let has_bytes = match digest {
        Some(digest) => digest == job.sha256.to_base64(),
        None => job.file.as_ref().is_some_and(|(path, packing)| {
            head.size_bytes == job.size_bytes
                && head
                    .e_tag
                    .md5()
                    .is_some_and(|told| site_dir::md5(path, *packing).is_ok_and(|md5| md5 == told))
        }),
    };
    if has_bytes && head.headers == *job.headers {
        return Ok(Occupant::Same(Written::new(head.e_tag, head.version_id)));
    }
    Ok(Occupant::Other)
}

fn occupied() -> CallError {
    CallError::local(FailureKind::Occupied, "somebody else's object is there, which no push has seen so far")
}

async fn write(bucket: &Bucket, job: &Job, events: &EventSink) -> Result<Written, CallError> {
    let copied = match &job.action {
        Action::Upload => return upload(bucket, job, events).await,
        Action::Copy { from, e_tag } => {
            let source = CopySource { key: from, version_id: None, e_tag: Some(e_tag) };
            bucket.copy_object(source, &job.key, &job.headers).await
        }
        Action::UpdateHeaders { e_tag } => {
            let source = CopySource { key: &job.key, version_id: None, e_tag: Some(e_tag) };
            bucket.copy_object(source, &job.key, &job.headers).await
        }
        Action::Restore { version_id } => {
            let source = CopySource { key: &job.key, version_id: Some(version_id), e_tag: None };
            bucket.copy_object(source, &job.key, &job.headers).await
        }
        Action::Delete => unreachable!("deletes are carried out in batches"),
    };
    match copied {
        // The source is not what the manifest says: the file is here, so send it.
        Err(error)
            if job.file.is_some()
                && matches!(error.kind, FailureKind::PreconditionFailed | FailureKind::NotFound) =>
        {
            upload(bucket, job, &nobody()).await
        }
        other => other,
    }
}

/// For what is told as a whole when it is done.
fn nobody() -> EventSink {
    Arc::new(|_| {})
}

async fn upload(bucket: &Bucket, job: &Job, events: &EventSink) -> Result<Written, CallError> {
    let (path, packing) = job.file.as_ref().expect("an upload has a file");
    if *packing == Packing::Gzip || job.size_bytes <= SMALL_FILE_BYTES {
        let bytes = site_dir::read_stored(path, *packing).map_err(|error| unreadable(&error))?;
        if Sha256Digest::of(&bytes) != job.sha256 {
            return Err(changed());
        }
        let body = Body::Bytes(Bytes::from(bytes));
        return bucket.put_object(&job.key, &body, job.sha256, &job.headers, job.mode).await;
    }
    if job.size_bytes <= PART_SIZE_BYTES {
        let body = Body::File { path, size_bytes: job.size_bytes };
        let sent = bucket.put_object(&job.key, &body, job.sha256, &job.headers, job.mode).await;
        return match sent {
            Err(error) if error.kind == FailureKind::DamagedBody => Err(changed()),
            other => other,
        };
    }
    let parts = FileParts::open(path, job.size_bytes, job.sha256, PART_SIZE_BYTES);
    let parts = parts.map_err(|error| unreadable(&error))?;
    let parts = ToldParts { parts, events, on_its_way: 0 };
    bucket.put_object_multipart(&job.key, parts, &job.headers, job.mode).await
}

/// Parts that are told when they have arrived: that is when the next one is asked for.
struct ToldParts<'a> {
    parts: FileParts,
    events: &'a EventSink,
    on_its_way: u64,
}

impl PartSource for ToldParts<'_> {
    fn next_part(&mut self) -> Result<Option<Bytes>, CallError> {
        if self.on_its_way > 0 {
            (self.events)(Event::PartDone { bytes: self.on_its_way });
        }
        let part = self.parts.next_part().map_err(|error| match error {
            PartError::Unreadable(error) => unreadable(&error),
            PartError::Changed => changed(),
        })?;
        self.on_its_way = part.as_ref().map_or(0, |part| part.len() as u64);
        Ok(part)
    }
}

fn unreadable(error: &std::io::Error) -> CallError {
    CallError::local(FailureKind::Other, format!("the file cannot be read: {error}"))
}

fn changed() -> CallError {
    CallError::local(FailureKind::DamagedBody, "the file was changed after it was hashed")
}
