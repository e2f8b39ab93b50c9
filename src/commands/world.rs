//! What is there: the live manifest, the lock, and the bucket itself where their word is not enough.

use jiff::Timestamp;

use crate::core::build::UnclassifiedFile;
use crate::core::inventory::{Listing, LocalInventory, Orphans, RemoteState};
use crate::core::key::ObjectKey;
use crate::core::lock::{self, FoundLock, LockDecision, Settlement};
use crate::core::manifest::Manifest;
use crate::core::manifest::parts::Split;
use crate::core::release::{ReleaseId, ReleaseSummary};
use crate::edges::call::CallError;
use crate::edges::process;
use crate::edges::s3::Bucket;
use crate::error::{Class, Error};
use crate::execute::lock as lock_file;
use crate::execute::observe::{self, Adoption, Observation};
use crate::execute::push::{INTENT_FILE, Intent, MANIFEST_FILE};
use crate::execute::record::{self, RecordError};

use super::connect::{Connected, call_failed};

/// The live manifest as read.
pub struct LiveManifest {
    pub manifest: Manifest,
    pub e_tag: String,
    /// By the service's clock.
    pub committed_at: Option<Timestamp>,
}

/// The target's recorded state.
pub struct World {
    pub live: Option<LiveManifest>,
    pub lock: Option<FoundLock>,
}

/// What the first two requests tell: the lock, and the record without what is in parts.
pub struct FirstLook {
    record: Option<record::Found>,
    pub lock: Option<FoundLock>,
}

/// Reads of manifest and lock that do not fit together are repeated this often: a push ended in between.
const READ_ATTEMPTS: usize = 3;

impl FirstLook {
    /// Reads the record's first file and the lock, both at once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(bucket: &Bucket) -> Result<Self, Error> {
        for _ in 1..READ_ATTEMPTS {
            let look = Self::read_once(bucket).await?;
            if look.fits_together() {
                return Ok(look);
            }
        }
        Self::read_once(bucket).await
    }

    async fn read_once(bucket: &Bucket) -> Result<Self, Error> {
        let (record, lock) = tokio::join!(record::find(bucket, MANIFEST_FILE), lock_file::read(bucket));
        let record = record.map_err(|error| unreadable(bucket, error))?;
        let lock = lock.map_err(|error| unreadable(bucket, error.into()))?;
        Ok(Self { record, lock })
    }

    /// Whether a free lock speaks of the record that was read.
    fn fits_together(&self) -> bool {
        match (&self.lock, &self.record) {
            (Some(lock), Some(record)) => {
                lock.record.state != lock::LockState::Free
                    || lock.record.settlement.manifest_e_tag.as_deref() == Some(&record.e_tag)
            }
            _ => true,
        }
    }

    /// Why the bucket must be compared first, or none.
    ///
    /// # Errors
    /// When somebody is at work.
    pub fn recovery(&self, now: Timestamp) -> Result<Option<String>, Error> {
        recovery(self.lock.as_ref(), now)
    }

    /// The releases, newest first: the live one, and those that are kept.
    pub fn history(&self) -> &[ReleaseSummary] {
        self.record.as_ref().map(|record| record.root.history()).unwrap_or_default()
    }

    /// Reads all of the record.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub async fn whole(self, bucket: &Bucket) -> Result<World, Error> {
        let Self { record, lock } = self;
        let Some(record::Found { root, e_tag, written_at }) = record else {
            return Ok(World { live: None, lock });
        };
        let manifest = record::whole(bucket, root).await.map_err(|error| unreadable(bucket, error))?;
        Ok(World { live: Some(LiveManifest { manifest, e_tag, committed_at: written_at }), lock })
    }

    /// Reads the parts of the record that list anything but what the build has. For the others, [`World::settle`] must be
    /// called before their headers are looked at.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub async fn beside_build(
        self,
        bucket: &Bucket,
        files: &[UnclassifiedFile],
        split: Split,
    ) -> Result<World, Error> {
        let Self { record, lock } = self;
        let Some(record::Found { root, e_tag, written_at }) = record else {
            return Ok(World { live: None, lock });
        };
        let held = root.held_by(files, split);
        let others = root.parts().iter().enumerate().filter(|(position, _)| !held.contains_key(position));
        let read = record::read(bucket, others).await.map_err(|error| unreadable(bucket, error))?;
        let manifest = root.beside_build(&read, &held, files);
        let manifest = manifest.map_err(|error| unreadable(bucket, error.into()))?;
        Ok(World { live: Some(LiveManifest { manifest, e_tag, committed_at: written_at }), lock })
    }
}

fn unreadable(bucket: &Bucket, error: RecordError) -> Error {
    match error {
        RecordError::Call(error) => {
            call_failed(format!("cannot read the state of bucket `{}`", bucket.name()), error)
        }
        RecordError::Content(error) => {
            Error::new(Class::Refused, format!("cannot use `.sitepush/{MANIFEST_FILE}`"))
                .with_hint(error.hint())
                .caused_by(error)
        }
    }
}

/// Why the bucket must be compared first, by what lies there as the lock; or none.
///
/// # Errors
/// When somebody is at work.
pub fn recovery(lock: Option<&FoundLock>, now: Timestamp) -> Result<Option<String>, Error> {
    match lock::decide(lock, now, process::is_gone) {
        LockDecision::Clean => Ok(None),
        LockDecision::Recover { reason } => Ok(Some(reason)),
        LockDecision::Busy { holder, started, expires } => Err(Error::new(
            Class::Conflict,
            format!(
                "{} (process {}) is changing this target since {}",
                holder.owner,
                holder.process_id,
                started.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
        )
        .with_hint(format!(
            "wait for it; a run that died loses its lock at {}, or at once by `sitepush unlock --force`",
            expires.strftime("%Y-%m-%d %H:%M:%S UTC")
        ))),
    }
}

impl World {
    /// Reads the lock and all of the record: two requests at once, and as many as the record has parts.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(bucket: &Bucket) -> Result<Self, Error> {
        FirstLook::read(bucket).await?.whole(bucket).await
    }

    /// Takes the build's word for the parts of the record that were not read, where it wants just what they list, and
    /// reads the others. Returns whether any was.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub async fn settle(&mut self, bucket: &Bucket, build: &LocalInventory) -> Result<bool, Error> {
        let Some(live) = &mut self.live else { return Ok(false) };
        let manifest = &mut live.manifest;
        let positions = manifest.settle(&build.files);
        let read = record::read_rest(bucket, manifest, &positions).await;
        read.map_err(|error| unreadable(bucket, error))?;
        Ok(!positions.is_empty())
    }

    pub fn manifest(&self) -> Option<&Manifest> {
        self.live.as_ref().map(|live| &live.manifest)
    }

    /// What was settled of the live manifest.
    pub fn settlement(&self) -> Settlement {
        let e_tag = self.live.as_ref().map(|live| live.e_tag.as_str());
        self.lock.as_ref().map(|lock| lock.record.settlement.of(e_tag)).unwrap_or_default()
    }

    /// Why the bucket must be compared first, or none.
    ///
    /// # Errors
    /// When somebody is at work.
    pub fn recovery(&self, now: Timestamp) -> Result<Option<String>, Error> {
        recovery(self.lock.as_ref(), now)
    }

    /// Whether the key is recorded as published and not as deleted since.
    pub fn answers_for(&self, key: &ObjectKey) -> bool {
        let is_pruned = self.settlement().is_pruned;
        self.manifest().is_some_and(|manifest| manifest.answers_for(key, is_pruned))
    }

    /// The state by the manifest's word.
    pub fn recorded_state(&self) -> RemoteState {
        let is_pruned = self.settlement().is_pruned;
        self.manifest().map(|manifest| RemoteState::from_manifest(manifest, is_pruned)).unwrap_or_default()
    }
}

/// How well the state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrutiny {
    /// The manifest's word is taken.
    Trust,
    /// The bucket is listed and compared.
    Compare,
}

/// The state of the target: by the manifest's word, or compared with the bucket when the last run did not end, when
/// there is no manifest, or when asked to.
///
/// # Errors
/// When the bucket cannot be listed.
pub async fn remote_state(
    connected: &Connected,
    world: &World,
    local: Option<&LocalInventory>,
    is_recovery: bool,
    scrutiny: Scrutiny,
) -> Result<RemoteState, Error> {
    let mut remote = world.recorded_state();
    let must_look = is_recovery || world.live.is_none() || scrutiny == Scrutiny::Compare;
    if !must_look {
        return Ok(remote);
    }
    let bucket = &connected.bucket;
    let failed = |error| call_failed(format!("cannot look into bucket `{}`", bucket.name()), error);
    let committed_at = world.live.as_ref().and_then(|live| live.committed_at);
    let Observation { listing, seen_headers, parts, releases, .. } =
        observe::observe(bucket, world.manifest(), committed_at).await.map_err(failed)?;
    remote.correct(&listing, &seen_headers);
    let live = world.manifest();
    // A release that the live record does not know of may be brought back by its own, which needs its parts.
    let is_known = |release: &ReleaseId| live.is_some_and(|live| live.knows_of(release));
    if releases.iter().all(is_known) {
        remote.listed_parts = parts;
    }
    remote.renews_record = live.is_some_and(|live| is_recovery || remote.has_idle_parts(live));
    if is_recovery {
        remote.orphans = read_orphans(connected, world, &listing).await.map_err(failed)?;
    }
    if let Some(local) = local {
        let adoption = if is_recovery { Adoption::Fingerprinted } else { Adoption::Everything };
        observe::adopt(bucket, local, &listing, adoption, &mut remote).await.map_err(failed)?;
    }
    remote.mark_strangers(&listing);
    Ok(remote)
}

/// What the unfinished run created.
async fn read_orphans(connected: &Connected, world: &World, listing: &Listing) -> Result<Orphans, CallError> {
    let found = world.lock.as_ref().filter(|found| found.unfinished_releases().next().is_some());
    let Some(found) = found else { return Ok(Orphans::default()) };
    let Some(file) = connected.bucket.get_state(INTENT_FILE).await? else { return Ok(Orphans::default()) };
    let is_unfinished = |intent: &Intent| found.unfinished_releases().any(|id| *id == intent.release_id);
    let orphans = Intent::decode(&file.bytes).filter(is_unfinished).zip(file.last_modified);
    Ok(orphans.map(|(intent, written_at)| intent.orphans(written_at, listing)).unwrap_or_default())
}
