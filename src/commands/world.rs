//! What is there: the live manifest, the lock, and the bucket itself where their word is not enough.

use jiff::Timestamp;

use crate::core::inventory::{Listing, LocalInventory, Orphans, RemoteState};
use crate::core::key::ObjectKey;
use crate::core::lock::{self, FoundLock, LockDecision, Settlement};
use crate::core::manifest::Manifest;
use crate::edges::call::CallError;
use crate::edges::process;
use crate::edges::s3::Bucket;
use crate::error::{Class, Error};
use crate::execute::lock as lock_file;
use crate::execute::observe::{self, Adoption, Observation};
use crate::execute::push::{INTENT_FILE, Intent, MANIFEST_FILE};

use super::connect::{Connected, call_failed};

/// The live manifest as read.
pub struct LiveManifest {
    pub manifest: Manifest,
    pub e_tag: String,
    /// By the service's clock.
    pub committed_at: Option<Timestamp>,
}

/// The target's recorded state: two requests.
pub struct World {
    pub live: Option<LiveManifest>,
    pub lock: Option<FoundLock>,
}

/// Reads of manifest and lock that do not fit together are repeated this often: a push ended in between.
const READ_ATTEMPTS: usize = 3;

impl World {
    /// Reads the manifest and the lock, both at once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(bucket: &Bucket) -> Result<Self, Error> {
        for _ in 1..READ_ATTEMPTS {
            let world = Self::read_once(bucket).await?;
            if world.fits_together() {
                return Ok(world);
            }
        }
        Self::read_once(bucket).await
    }

    async fn read_once(bucket: &Bucket) -> Result<Self, Error> {
        let (manifest, lock) = tokio::join!(bucket.get_state(MANIFEST_FILE), lock_file::read(bucket));
        let unreadable = |error: CallError| {
            call_failed(format!("cannot read the state of bucket `{}`", bucket.name()), error)
        };
        let live = match manifest.map_err(unreadable)? {
            None => None,
            Some(file) => Some(LiveManifest {
                manifest: Manifest::decode(&file.bytes).map_err(|error| {
                    Error::new(Class::Refused, format!("cannot use `.sitepush/{MANIFEST_FILE}`"))
                        .with_hint(error.hint())
                        .caused_by(error)
                })?,
                e_tag: file.e_tag,
                committed_at: file.last_modified,
            }),
        };
        let lock = lock.map_err(unreadable)?;
        Ok(Self { live, lock })
    }

    /// Whether a free lock speaks of the manifest that was read.
    fn fits_together(&self) -> bool {
        match (&self.lock, &self.live) {
            (Some(lock), Some(live)) => {
                lock.record.state != lock::LockState::Free
                    || lock.record.settlement.manifest_e_tag.as_deref() == Some(&live.e_tag)
            }
            _ => true,
        }
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
        match lock::decide(self.lock.as_ref(), now, process::is_gone) {
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
    let Observation { listing, seen_headers, .. } =
        observe::observe(bucket, world.manifest(), committed_at).await.map_err(failed)?;
    remote.correct(&listing, &seen_headers);
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
