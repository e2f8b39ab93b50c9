//! Carries out a push, a rollback or a prune: lock, stages, commit, invalidation, prune, unlock.
//!
//! Whatever ends a run early leaves the site whole: pages are written after what they refer to, and nothing is
//! deleted before the pages that used it are gone from the bucket and from the caches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::commit::{CommitInput, forgotten_parts, forgotten_releases, next_manifest};
use crate::core::desired::Desired;
use crate::core::diff::{Action, Change, Reason};
use crate::core::edge_settings::{self, EdgeSettings};
use crate::core::event::{Event, EventSink};
use crate::core::inventory::{Drift, Listing, LocalInventory, Orphans, RemoteState};
use crate::core::key::ObjectKey;
use crate::core::lock::{FoundLock, LockState, ProcessIdentity, Settlement};
use crate::core::manifest::parts::{PartName, Parts, Split};
use crate::core::manifest::{
    Capabilities, DistributionFacts, DueAfter, Manifest, OwedInvalidation, StaleObject, UnreadError,
};
use crate::core::object_class::ObjectClass;
use crate::core::outcome::{Ending, Failure, Outcome, Written};
use crate::core::plan::{DELETE_BATCH_KEYS, Phase, Plan, Purpose};
use crate::core::release::ReleaseId;
use crate::edges::call::{AttemptReport, CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::key_value_store::KeyValueStores;
use crate::edges::s3::{Bucket, Condition};

use super::invalidate::{self, Completion};
use super::lock::{Lock, LockRequest, TakeError};
use super::pace::Pace;
use super::record;
use super::upload::{Done, Stop, Uploader, failure};

/// The live manifest's name under the state prefix.
pub const MANIFEST_FILE: &str = "manifest.json.gz";

/// Names the keys that a push is about to create, so that the next run knows whose they are if this one dies.
pub const INTENT_FILE: &str = "intent.json";

/// The keys that a push creates, and those of which nothing else will tell that it wrote over them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    pub release_id: ReleaseId,
    pub creates: BTreeSet<ObjectKey>,
    /// Hashed names under which other bytes or headers lie, and that this push or an unfinished one before it writes over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overwrites: BTreeSet<ObjectKey>,
    /// What an unfinished push before this one created.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inherited: BTreeSet<ObjectKey>,
    /// When that one's intent was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_since: Option<Timestamp>,
    /// When this intent was written first, if it was written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Timestamp>,
}

impl Intent {
    /// JSON, as it lies in the bucket.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an intent has only string keys")
    }

    /// Reads what [`Intent::encode`] wrote. One that cannot be read was not ours to begin with: then nothing is known to
    /// be an orphan, and nothing goes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The objects in `listing` that the push made. What is older than the intent (`written_at`) is somebody else's: the
    /// push did not come to write over it.
    pub fn orphans(self, written_at: Timestamp, listing: &Listing) -> Orphans {
        let written_at = self.declared_at.unwrap_or(written_at);
        let since = self.inherited_since.unwrap_or(written_at);
        let is_made_since = |key: &ObjectKey, time: Timestamp| {
            listing.get(key).is_some_and(|listed| listed.last_modified >= time)
        };
        let created = self.creates.into_iter().filter(|key| is_made_since(key, written_at));
        let inherited = self.inherited.into_iter().filter(|key| is_made_since(key, since));
        let overwritten = self.overwrites.into_iter().filter(|key| listing.contains_key(key));
        Orphans {
            keys: created.chain(inherited).collect(),
            overwritten: overwritten.collect(),
            since: Some(since),
            release_id: Some(self.release_id),
        }
    }
}

/// What is carried out, and against what it was planned.
pub struct Work<'a> {
    pub plan: &'a Plan,
    pub stale: &'a BTreeMap<ObjectKey, StaleObject>,
    pub desired: Desired<'a>,
    pub remote: &'a RemoteState,
    pub previous: Option<&'a Manifest>,
    /// When that was committed, by the service's clock.
    pub committed_at: Option<Timestamp>,
    pub found_lock: Option<&'a FoundLock>,
    /// Why the bucket was compared with the manifest first, if it was.
    pub took_over: Option<String>,
    pub local: Option<&'a LocalInventory>,
    pub newly_demoted: &'a [ObjectKey],
    pub distributions: BTreeMap<String, DistributionFacts>,
    /// What the edge function's store says while the release is live; none where the target names no store.
    pub edge_settings: Option<EdgeSettings>,
    /// What the bucket said of versions; none when it does not tell.
    pub versioning: Option<bool>,
}

/// The edges and manners of a run.
pub struct Tools {
    pub bucket: Bucket,
    pub cloudfront: CloudFront,
    pub stores: KeyValueStores,
    pub clock: Clock,
    pub identity: ProcessIdentity,
    pub events: EventSink,
    pub stop: Stop,
    pub max_concurrency: usize,
    pub completion: Completion,
    /// How the release's record is kept.
    pub split: Split,
}

/// Why nothing was done, or no more could be.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("another run changed the target while this one was planned")]
    Raced,
    #[error("cannot take the lock `.sitepush/lock.json`")]
    Lock(#[source] CallError),
}

/// Carries out the plan.
///
/// # Errors
/// When the lock cannot be taken: nothing has been changed. All that happens later is in the outcome.
pub async fn push(work: Work<'_>, tools: &Tools) -> Result<Outcome, ExecuteError> {
    let started = Instant::now();
    let request = LockRequest {
        found: work.found_lock,
        identity: tools.identity.clone(),
        release_id: Some(work.plan.release.id.clone()),
        unfinished: work.remote.orphans.release_id.clone(),
        commit: work.plan.release.commit.as_ref().map(|commit| commit.hash.clone()),
        probe: work.previous.is_none(),
    };
    let lock = match Lock::take(&tools.bucket, &tools.clock, request).await {
        Ok(lock) => lock,
        Err(TakeError::Raced) => return Err(ExecuteError::Raced),
        Err(TakeError::Call(error)) => return Err(ExecuteError::Lock(error)),
    };
    (tools.events)(Event::Locked { took_over: work.took_over.clone() });
    let mut run = Run::new(&work, tools, &lock);
    let ending = run.all_stages().await;
    let (mut outcome, settlement, is_dirty, intent_of) = run.finish(&ending);
    let state = if is_dirty {
        LockState::Unfinished {
            since: tools.clock.service_now(),
            release_id: intent_of,
            unfinished: work.remote.orphans.release_id.clone(),
        }
    } else {
        LockState::Free
    };
    let was_taken = lock.is_taken();
    let ended = lock.end(state, settlement).await;
    let is_taken = ended.as_ref().is_err_and(|error| error.kind == FailureKind::PreconditionFailed);
    if was_taken || is_taken {
        if outcome.failures.is_empty() {
            outcome.failures.push(lost_lock());
        }
        outcome.ending = Ending::PartWay;
    } else if let Err(error) = ended {
        let text = format!("the lock could not be given back ({error}); it runs out by itself");
        outcome.warnings.push(text);
    }
    outcome.requests = tools.bucket.retry().requests();
    outcome.elapsed_milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(outcome)
}

fn lost_lock() -> Failure {
    Failure {
        what: "the lock was taken over or could not be renewed, so this run stopped".into(),
        causes: Vec::new(),
        hint: Some(
            "see who is at work with `sitepush status`, and run the command again when nobody is".into(),
        ),
        is_environment: false,
    }
}

/// A run after the lock was taken.
struct Run<'a> {
    work: &'a Work<'a>,
    tools: &'a Tools,
    lock: &'a Lock,
    /// Where nothing is on its way once the lock may be another's: it must not arrive after that one has begun.
    bucket: Bucket,
    outcome: Outcome,
    /// The answers to writes, until the commit takes them.
    written: BTreeMap<ObjectKey, Written>,
    settlement: Settlement,
    /// Whether objects may differ from what the manifest in the bucket says.
    is_dirty: bool,
    /// Whether parts of records could not be deleted that nothing refers to.
    leaves_parts: bool,
    /// The release whose intent lies in the bucket and still matters.
    intent_of: Option<ReleaseId>,
}

/// Something failed: the outcome says what.
struct Halt;

impl<'a> Run<'a> {
    fn new(work: &'a Work<'a>, tools: &'a Tools, lock: &'a Lock) -> Self {
        let base = work.plan.base.as_ref().map(|base| base.manifest_e_tag.as_str());
        let settlement = work.found_lock.map(|found| found.record.settlement.of(base)).unwrap_or_default();
        let intent_of = work.remote.orphans.release_id.clone();
        // What an earlier run left in doubt stays in doubt until this one has committed.
        let is_dirty = work.took_over.is_some();
        let (outcome, written) = (Outcome::begin(), BTreeMap::new());
        let leaves_parts = false;
        let bucket = tools.bucket.with_retry(tools.bucket.retry().permitted_by(lock.permit()));
        Self { work, tools, lock, bucket, outcome, written, settlement, is_dirty, leaves_parts, intent_of }
    }

    fn finish(mut self, ending: &Result<(), Halt>) -> (Outcome, Settlement, bool, Option<ReleaseId>) {
        self.outcome.ending = match ending {
            Ok(()) => Ending::Done,
            Err(Halt) if self.outcome.failures.is_empty() && self.tools.stop.is_requested() => {
                Ending::Interrupted
            }
            Err(Halt) => Ending::PartWay,
        };
        let leaves_orphans = !self.work.remote.orphans.keys.is_empty() && !self.settlement.is_pruned;
        let is_dirty = self.is_dirty || leaves_orphans || self.leaves_parts;
        (self.outcome, self.settlement, is_dirty, self.intent_of)
    }

    async fn all_stages(&mut self) -> Result<(), Halt> {
        if self.work.took_over.is_some() {
            self.complete_last_release().await?;
        }
        self.declare_intent().await?;
        self.upload_stages().await?;
        if self.work.plan.writes_manifest() {
            self.commit().await?;
        }
        self.is_dirty = false;
        // A page that is fetched again must be fetched by the new settings.
        let told = self.write_edge_settings().await;
        let owed = self.pay_debts(DueAfter::Commit).await;
        told.and(owed)?;
        // The pages that left are gone from the bucket and the caches before the files go that they use; and what is
        // dropped from the caches is gone from the bucket, or it would be fetched again.
        self.prune(Phase::PrunePages).await?;
        self.pay_debts(DueAfter::PrunePages).await?;
        self.prune(Phase::PruneFiles).await?;
        self.settlement.is_pruned = true;
        self.is_dirty = false;
        self.pay_debts(DueAfter::PruneFiles).await
    }

    /// A run that died between its commit and the copy of the record left a live release that has no record.
    async fn complete_last_release(&mut self) -> Result<(), Halt> {
        let (Some(previous), Some(base)) = (self.work.previous, &self.work.plan.base) else { return Ok(()) };
        let to = previous.release.id.record_file();
        let copied = self.bucket.copy_state(MANIFEST_FILE, &base.manifest_e_tag, &to).await;
        copied.map_err(|error| self.fail("cannot complete the record of the live release", &error))
    }

    /// Writes down what is about to be created, so that the next run knows whose it is if this one dies. What lies there
    /// already, by whoever's hand, is not created.
    async fn declare_intent(&mut self) -> Result<(), Halt> {
        let is_pruned = self.settlement.is_pruned;
        let remote = self.work.remote;
        let is_there = |key: &ObjectKey| {
            self.work.previous.is_some_and(|manifest| manifest.answers_for(key, is_pruned))
                || remote.objects.contains_key(key)
                || remote.drift.get(key) == Some(&Drift::Foreign)
        };
        let written = self.work.plan.changes.iter().filter(|change| change.action != Action::Delete);
        let creates: BTreeSet<ObjectKey> =
            written.filter(|change| !is_there(&change.key)).map(|change| change.key.clone()).collect();
        // Once written, an object with a hashed name looks as if it had always been there.
        let is_overwritten =
            |change: &&Change| change.class == ObjectClass::Fingerprinted && change.reason != Reason::New;
        let overwritten = self.work.plan.changes.iter().filter(|change| change.action != Action::Delete);
        let overwritten = overwritten.filter(is_overwritten).map(|change| &change.key);
        let overwrites: BTreeSet<ObjectKey> =
            overwritten.chain(&remote.orphans.overwritten).cloned().collect();
        if creates.is_empty() && overwrites.is_empty() && remote.orphans.keys.is_empty() {
            return Ok(());
        }
        let intent = Intent {
            release_id: self.work.plan.release.id.clone(),
            creates,
            overwrites,
            inherited: remote.orphans.keys.clone(),
            inherited_since: remote.orphans.since,
            declared_at: None,
        };
        let written = self.bucket.put_state(INTENT_FILE, Bytes::from(intent.encode()), None).await;
        written.map_err(|error| self.fail("cannot write down what is about to be created", &error))?;
        self.intent_of = Some(intent.release_id);
        Ok(())
    }

    /// What somebody else has put where this run was to create something is not its own, whatever they do to it afterwards: the
    /// next run must not take it for something that this one left behind.
    async fn disown(&mut self, occupied: &[ObjectKey]) {
        if occupied.is_empty() {
            return;
        }
        let bucket = &self.bucket;
        let rewritten = async {
            let Some(file) = bucket.get_state(INTENT_FILE).await? else { return Ok(()) };
            let Some(mut intent) = Intent::decode(&file.bytes) else { return Ok(()) };
            intent.creates.retain(|key| !occupied.contains(key));
            intent.declared_at = intent.declared_at.or(file.last_modified);
            let condition = Condition::Matches(file.e_tag);
            bucket.put_state(INTENT_FILE, Bytes::from(intent.encode()), Some(&condition)).await.map(drop)
        };
        let rewritten: Result<(), CallError> = rewritten.await;
        if let Err(error) = rewritten {
            self.outcome.warnings.push(format!(
                "what is not of this push could not be written down ({error}): if you take it out of the build, the next push may delete it"
            ));
        }
    }

    async fn upload_stages(&mut self) -> Result<(), Halt> {
        let pace = Pace::new(self.tools.max_concurrency);
        let uploader = Uploader {
            bucket: self.bucket.with_retry(self.observed_retry(&pace)),
            pace,
            events: self.tools.events.clone(),
            stop: self.tools.stop.clone(),
            desired: self.work.desired,
            local: self.work.local,
            has_conditional_writes: self.has_conditional_writes(),
        };
        for phase in Phase::ALL.into_iter().filter(|phase| !phase.is_prune()) {
            let items = self.work.plan.phase(phase).count() as u64;
            if items == 0 {
                continue;
            }
            if self.tools.stop.is_requested() {
                self.outcome.failed_phase = Some(phase);
                return Err(Halt);
            }
            let bytes = self.work.plan.phase(phase).map(|change| change.size_bytes).sum();
            (self.tools.events)(Event::PhaseStarted { phase, items, bytes });
            self.is_dirty = true;
            // What is missing is there before anything of the same stage that is written over may refer to it.
            let remote = self.work.remote;
            let is_missing = |change: &&Change| {
                !remote.objects.contains_key(&change.key)
                    && !matches!(remote.drift.get(&change.key), Some(Drift::Foreign | Drift::Bytes))
            };
            let missing = self.work.plan.phase(phase).filter(is_missing);
            let others = self.work.plan.phase(phase).filter(|change| !is_missing(change));
            let (outcome, written) = (&mut self.outcome, &mut self.written);
            let mut note = |done: Done| {
                outcome.count(&done.action, done.size_bytes);
                written.insert(done.key, done.written);
            };
            let mut result = uploader.run_stage(missing, &mut note).await;
            if result.is_whole() {
                result = uploader.run_stage(others, &mut note).await;
            }
            let is_whole = result.is_whole();
            self.outcome.failures.extend(result.failures.into_iter().map(|(_, failure)| failure));
            if !is_whole {
                self.disown(&result.occupied).await;
                self.outcome.failed_phase = Some(phase);
                return Err(Halt);
            }
            (self.tools.events)(Event::PhaseDone { phase });
        }
        if self.tools.stop.is_requested() { Err(Halt) } else { Ok(()) }
    }

    fn observed_retry(&self, pace: &Pace) -> crate::edges::call::Retry {
        let pace = pace.clone();
        let events = self.tools.events.clone();
        let retry = self.bucket.retry().given_up_when(self.is_stopped());
        retry.observed_by(move |report: AttemptReport<'_>| {
            pace.note(report.attempt, report.elapsed);
            if !report.delay.is_zero() {
                events(Event::Retrying { what: report.what.to_owned(), delay: report.delay });
            }
        })
    }

    async fn is_ours_for_sure(&mut self) -> Result<(), Halt> {
        if self.lock.is_ours_for_sure().await {
            return Ok(());
        }
        self.outcome.failures.push(lost_lock());
        Err(Halt)
    }

    async fn commit(&mut self) -> Result<(), Halt> {
        self.is_ours_for_sure().await?;
        let new_debts = self.work.plan.invalidations.iter().flat_map(|planned| planned.batches.iter());
        let debts = self.work.plan.debts.iter().chain(new_debts).chain(self.debts_of_others());
        let owed: Vec<OwedInvalidation> = debts.cloned().collect();
        let capabilities = self.capabilities();
        let next = next_manifest(CommitInput {
            desired: self.work.desired,
            remote: self.work.remote,
            stale: self.work.stale,
            written: std::mem::take(&mut self.written),
            previous: self.work.previous,
            committed_at: self.work.committed_at,
            release: &self.work.plan.release,
            newly_demoted: self.work.newly_demoted,
            owed,
            distributions: self.work.distributions.clone(),
            edge_settings: self.work.edge_settings.clone(),
            capabilities,
            run: &self.tools.identity.nonce,
        });
        let encoded = match next.encode(self.tools.split, self.work.previous) {
            Ok(encoded) => encoded,
            Err(error) => return Err(self.cannot_record(&error)),
        };
        let bytes = Bytes::from(encoded.root);
        // A commit without an answer may have happened, and one without its record is not finished: until then the
        // next run has to look, whatever this one wrote besides.
        self.is_dirty = true;
        if !encoded.new_parts.is_empty() {
            let in_flight = self.tools.max_concurrency;
            if let Err(error) = record::write(&self.bucket, encoded.new_parts, in_flight).await {
                return Err(self.fail("cannot write a part of the release's record", &error));
            }
            // They may have taken long, and another run that took the lock meanwhile may have deleted them.
            self.is_ours_for_sure().await?;
        }
        let condition = match &self.work.plan.base {
            Some(base) => Condition::Matches(base.manifest_e_tag.clone()),
            None => Condition::Absent,
        };
        let e_tag = match self.bucket.put_state(MANIFEST_FILE, bytes.clone(), Some(&condition)).await {
            Ok(e_tag) => e_tag,
            Err(error) => self.committed_all_the_same(&bytes, &error).await?,
        };
        self.settlement = Settlement {
            manifest_e_tag: Some(e_tag.clone()),
            has_edge_settings: self.work.plan.edge_settings.is_none()
                && (self.work.plan.purpose != Purpose::Prune || self.settlement.has_edge_settings),
            ..Settlement::default()
        };
        self.outcome.is_committed = true;
        self.outcome.release_id = self.work.plan.makes_release().then(|| next.release.id.clone());
        (self.tools.events)(Event::Committed);
        let to = next.release.id.record_file();
        if let Err(error) = self.bucket.copy_state(MANIFEST_FILE, &e_tag, &to).await {
            // The manifest is live; the next run sees an unfinished push and completes the record.
            return Err(self.fail("cannot keep the record of the release", &error));
        }
        self.forget(&next, &encoded.parts).await;
        Ok(())
    }

    /// Deletes the records of releases that fell out of the history, and the parts that no record has any more.
    async fn forget(&mut self, next: &Manifest, next_parts: &Parts) {
        let records = forgotten_releases(self.work.previous, next);
        // Without conditional writes, a run that was held up may yet put a record in the place of this one.
        let listed = &self.work.remote.listed_parts;
        let listed = if self.has_conditional_writes() { listed.as_slice() } else { &[] };
        let parts = forgotten_parts(self.work.previous, listed, next_parts);
        // They are found by whoever looks at the bucket.
        self.leaves_parts = !parts.is_empty();
        let files = records.iter().map(ReleaseId::record_file).chain(parts.iter().map(PartName::file));
        match self.bucket.delete_state(&files.collect::<Vec<_>>()).await {
            Ok(()) => self.leaves_parts = false,
            Err(error) => {
                let what =
                    if self.leaves_parts { "; the next run looks at the bucket and tries again" } else { "" };
                let text = format!("records of old releases could not be deleted ({error}){what}");
                self.outcome.warnings.push(text);
            }
        }
    }

    /// The next run looks at the bucket, and so reads all of the record.
    fn cannot_record(&mut self, error: &UnreadError) -> Halt {
        self.is_dirty = true;
        self.outcome.failures.push(Failure {
            what: "cannot write the release's record".into(),
            causes: vec![error.to_string()],
            hint: Some("run the command again: it reads the whole record".into()),
            is_environment: false,
        });
        Halt
    }

    /// What distributions are owed that this run does not name.
    fn debts_of_others(&self) -> impl Iterator<Item = &OwedInvalidation> {
        let owed = self.work.previous.into_iter().flat_map(|manifest| &manifest.owed);
        owed.filter(|owed| {
            !self.work.distributions.contains_key(&owed.distribution_id)
                && !self.settlement.paid.contains(&owed.caller_reference)
        })
    }

    /// A commit whose answer was lost looks like somebody else's when it is sent again: what is there decides.
    async fn committed_all_the_same(&mut self, bytes: &Bytes, error: &CallError) -> Result<String, Halt> {
        let is_conflict = matches!(error.kind, FailureKind::PreconditionFailed | FailureKind::NotFound);
        if is_conflict {
            match self.bucket.get_state(MANIFEST_FILE).await {
                Ok(Some(file)) if file.bytes == *bytes => return Ok(file.e_tag),
                _ => return Err(self.fail("another run committed in between", error)),
            }
        }
        Err(self.fail("cannot commit the release", error))
    }

    fn has_conditional_writes(&self) -> bool {
        let before = self.work.previous.map(|manifest| manifest.capabilities);
        before.map_or(self.lock.is_conditional(), |before| before.conditional_writes)
    }

    fn capabilities(&self) -> Capabilities {
        let has_versions = self.written.values().any(|written| written.version_id.is_some());
        let before = self.work.previous.map(|manifest| manifest.capabilities);
        Capabilities {
            conditional_writes: self.has_conditional_writes(),
            versioning: if self.written.is_empty() {
                self.work.versioning.or(before.map(|before| before.versioning)).unwrap_or(false)
            } else {
                has_versions
            },
        }
    }

    /// Tells the edge function where the pages are now.
    async fn write_edge_settings(&mut self) -> Result<(), Halt> {
        let Some(planned) = &self.work.plan.edge_settings else { return Ok(()) };
        let EdgeSettings { store_arn, value } = &planned.settings;
        let stores = self.tools.stores.given_up_when(self.is_stopped()).permitted_by(self.lock.permit());
        match stores.put(store_arn, edge_settings::STORE_KEY, value).await {
            Ok(()) => {
                self.settlement.has_edge_settings = true;
                self.outcome.has_written_edge_settings = true;
                Ok(())
            }
            Err(error) => Err(self.fail("cannot write the edge function's settings", &error)),
        }
    }

    /// Makes what is owed by now. One distribution failing does not keep the others from their due.
    async fn pay_debts(&mut self, due_after: DueAfter) -> Result<(), Halt> {
        let new_debts = self.work.plan.invalidations.iter().flat_map(|planned| planned.batches.iter());
        let owed = self.work.plan.debts.iter().chain(new_debts);
        let cloudfront = self.tools.cloudfront.given_up_when(self.is_stopped());
        let cloudfront = cloudfront.permitted_by(self.lock.permit());
        let Tools { completion, events, stop, .. } = self.tools;
        let mut result = Ok(());
        for owed in owed.filter(|owed| owed.due_after == due_after) {
            match invalidate::pay(&cloudfront, owed, *completion, events, stop).await {
                Ok(made) => {
                    self.settlement.paid.push(owed.caller_reference.clone());
                    self.outcome.invalidations.push(made);
                }
                Err(error) => {
                    let count = owed.items.len();
                    let items = if count == 1 { "item" } else { "items" };
                    let what =
                        format!("cannot invalidate {count} {items} of distribution {}", owed.distribution_id);
                    result = Err(self.fail(&what, &error));
                }
            }
        }
        result
    }

    /// Deletes what is due in this stage. Only after everything before it has succeeded.
    async fn prune(&mut self, phase: Phase) -> Result<(), Halt> {
        let keys: Vec<&ObjectKey> = self.work.plan.phase(phase).map(|change| &change.key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        self.outcome.failed_phase = Some(phase);
        if self.tools.stop.is_requested() {
            return Err(Halt);
        }
        (self.tools.events)(Event::PhaseStarted { phase, items: keys.len() as u64, bytes: 0 });
        // The record names what goes as long as not all is gone.
        self.is_dirty = true;
        let bucket = self.bucket.with_retry(self.bucket.retry().given_up_when(self.is_stopped()));
        for batch in keys.chunks(DELETE_BATCH_KEYS) {
            match bucket.delete_objects(batch).await {
                Ok(failed) => {
                    self.outcome.deleted_count += (batch.len() - failed.len()) as u64;
                    for (key, error) in failed {
                        self.outcome.failures.push(failure(format!("cannot delete `{key}`"), &error));
                    }
                }
                Err(error) => return Err(self.fail("cannot delete objects", &error)),
            }
        }
        if !self.outcome.failures.is_empty() {
            return Err(Halt);
        }
        self.outcome.failed_phase = None;
        (self.tools.events)(Event::PhaseDone { phase });
        Ok(())
    }

    /// What was given up because the user wants to stop is no failure.
    fn fail(&mut self, what: &str, error: &CallError) -> Halt {
        if error.kind != FailureKind::GivenUp {
            self.outcome.failures.push(failure(what.to_owned(), error));
        }
        Halt
    }

    /// Asks whether the user wants to stop.
    fn is_stopped(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let stop = self.tools.stop.clone();
        move || stop.is_requested()
    }
}

/// How long `--wait` waits for an invalidation by default.
pub const DEFAULT_COMPLETION_LIMIT: Duration = Duration::from_secs(300);
