//! Values of our own formats, of every shape that their types allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use sitepush::core::diff::{Action, Change, Reason};
use sitepush::core::digest::Sha256Digest;
use sitepush::core::e_tag::ETag;
use sitepush::core::edge_settings::EdgeSettings;
use sitepush::core::headers::ObjectHeaders;
use sitepush::core::key::{KeyPrefix, ObjectKey};
use sitepush::core::lock::{LockRecord, LockState, ProcessIdentity, Settlement};
use sitepush::core::manifest::parts::Parts;
use sitepush::core::manifest::{
    Capabilities, DistributionFacts, DueAfter, Manifest, OwedInvalidation, StaleObject, StoredObject,
};
use sitepush::core::object_class::ObjectClass;
use sitepush::core::plan::{Base, Cost, Plan, PlannedEdgeSettings, PlannedInvalidation, Purpose};
use sitepush::core::release::{Commit, Origin, ReleaseId, ReleaseSummary};
use sitepush::core::retired::RetiredNames;
use sitepush::execute::push::Intent;

/// Any text that a name, a message or a header may be, and some that break quoting.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", "[\"\\\\\n\t\u{0}\u{7f}\u{2028}{}\\[\\]:,]{0,6}", Just(String::new())]
}

fn e_tags() -> impl Strategy<Value = ETag> {
    prop_oneof![texts().boxed(), "[0-9a-f]{32}(-[1-9])?".boxed()].prop_map(ETag::from)
}

fn keys() -> impl Strategy<Value = ObjectKey> {
    let segment =
        prop_oneof!["[a-z0-9-]{1,6}(\\.[a-z]{1,4})?", "[^/\\pC.][^/\\pC]{0,5}", Just("..a".to_owned())];
    vec(segment, 1..4).prop_map(|segments| ObjectKey::new(segments.join("/")).expect("no bad segment"))
}

/// The whole range of times that can be written, to the nanosecond.
fn times() -> impl Strategy<Value = Timestamp> {
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    prop_oneof![Just(1_764_177_350..=1_764_177_351_i64), Just(range)]
        .prop_flat_map(|range| (range, 0_i32..1_000_000_000))
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond.max(0)).unwrap_or(Timestamp::MAX))
}

fn release_ids() -> impl Strategy<Value = ReleaseId> {
    "[0-9]{8}T[0-9]{6}Z-[0-9a-z]{1,9}(-[1-9])?".prop_map(|text| ReleaseId::try_from(text).expect("an id"))
}

fn commits() -> impl Strategy<Value = Commit> {
    ("[0-9a-f]{40}|[0-9a-f]{64}", times(), any::<bool>()).prop_map(|(hash, time, dirty)| Commit {
        hash,
        time,
        dirty,
    })
}

fn digests() -> impl Strategy<Value = Sha256Digest> {
    any::<[u8; 32]>().prop_map(Sha256Digest)
}

fn classes() -> impl Strategy<Value = ObjectClass> {
    use ObjectClass::{Fingerprinted, Other, Page, RootPage, ServiceWorker};
    proptest::sample::select(vec![Fingerprinted, Other, Page, RootPage, ServiceWorker])
}

fn headers() -> impl Strategy<Value = ObjectHeaders> {
    let one = || of(texts());
    (one(), one(), one(), one(), one(), btree_map("[a-z-]{1,6}", texts(), 0..3)).prop_map(
        |(cache_control, content_type, content_encoding, content_disposition, content_language, metadata)| {
            ObjectHeaders {
                cache_control,
                content_type,
                content_encoding,
                content_disposition,
                content_language,
                metadata,
            }
        },
    )
}

fn releases() -> impl Strategy<Value = ReleaseSummary> {
    let origin = prop_oneof![Just(Origin::Push), release_ids().prop_map(|to| Origin::Rollback { to })];
    (release_ids(), times(), origin, of(commits()), of(texts()), of(texts()), any::<u64>(), any::<u64>())
        .prop_map(|(id, time, origin, commit, author, message, object_count, size_bytes)| ReleaseSummary {
            id,
            time,
            origin,
            commit,
            author,
            message,
            object_count,
            size_bytes,
        })
}

fn stored() -> impl Strategy<Value = Arc<StoredObject>> {
    (any::<u64>(), digests(), e_tags(), of(texts()), headers(), classes()).prop_map(
        |(size_bytes, sha256, e_tag, version_id, headers, class)| {
            Arc::new(StoredObject {
                size_bytes,
                sha256,
                e_tag,
                version_id: version_id.map(Into::into),
                headers: Arc::new(headers),
                class,
            })
        },
    )
}

fn stale() -> impl Strategy<Value = StaleObject> {
    (stored(), release_ids(), times(), any::<bool>(), any::<bool>()).prop_map(
        |(object, last_release, left_at, is_due, has_drifted)| StaleObject {
            object,
            last_release,
            left_at,
            is_due,
            has_drifted,
        },
    )
}

fn owed() -> impl Strategy<Value = OwedInvalidation> {
    let due_after = proptest::sample::select(DueAfter::ALL.to_vec());
    (texts(), texts(), vec(texts(), 0..3), due_after).prop_map(
        |(distribution_id, caller_reference, items, due_after)| OwedInvalidation {
            distribution_id,
            caller_reference,
            items,
            due_after,
        },
    )
}

fn distributions() -> impl Strategy<Value = BTreeMap<String, DistributionFacts>> {
    let facts = (texts(), texts(), any::<bool>(), times()).prop_map(
        |(domain_name, origin_path, has_cache_tags, checked_at)| DistributionFacts {
            domain_name,
            origin_path,
            has_cache_tags,
            checked_at,
        },
    );
    btree_map(texts(), facts, 0..3)
}

fn edge_settings() -> impl Strategy<Value = EdgeSettings> {
    (texts(), texts()).prop_map(|(store_arn, value)| EdgeSettings { store_arn, value })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    any::<(bool, bool)>()
        .prop_map(|(conditional_writes, versioning)| Capabilities { conditional_writes, versioning })
}

fn retired() -> impl Strategy<Value = RetiredNames> {
    let gone = vec((keys(), any::<[u8; 32]>().prop_map(Sha256Digest)), 0..3);
    gone.prop_map(|gone| RetiredNames::default().with(gone.iter().map(|(key, sha256)| (key, *sha256))))
}

pub fn manifests() -> impl Strategy<Value = Manifest> {
    let lists = (btree_map(keys(), stored(), 0..5), btree_map(keys(), stale(), 0..3));
    let rest = (
        btree_map(keys(), release_ids(), 0..3),
        retired(),
        vec(releases(), 0..3),
        vec(owed(), 0..3),
        distributions(),
        of(edge_settings()),
        capabilities(),
        of(times()),
        texts(),
    );
    (releases(), lists, rest).prop_map(|(release, (objects, stale), rest)| {
        let (
            demoted,
            retired,
            history,
            owed,
            distributions,
            edge_settings,
            capabilities,
            unseen_since,
            written_by,
        ) = rest;
        Manifest {
            release,
            objects,
            stale,
            demoted,
            retired,
            history,
            owed,
            distributions,
            edge_settings,
            capabilities,
            unseen_since,
            parts: Parts::default(),
            written_by,
        }
    })
}

pub fn lock_records() -> impl Strategy<Value = LockRecord> {
    let holder = (texts(), any::<u32>(), texts(), texts()).prop_map(|(owner, process_id, machine, nonce)| {
        ProcessIdentity { owner, process_id, machine, nonce }
    });
    let held = (holder, of(release_ids()), of(release_ids()), of(texts()), times(), times()).prop_map(
        |(holder, release_id, unfinished, commit, started, expires)| LockState::Held {
            holder,
            release_id,
            unfinished,
            commit,
            started,
            expires,
        },
    );
    let unfinished = (times(), of(release_ids()), of(release_ids()))
        .prop_map(|(since, release_id, unfinished)| LockState::Unfinished { since, release_id, unfinished });
    let settlement = (of(texts()), vec(texts(), 0..3), any::<bool>(), any::<bool>()).prop_map(
        |(manifest_e_tag, paid, is_pruned, has_edge_settings)| Settlement {
            manifest_e_tag,
            paid,
            is_pruned,
            has_edge_settings,
        },
    );
    (prop_oneof![Just(LockState::Free), held, unfinished], settlement)
        .prop_map(|(state, settlement)| LockRecord::new(state, settlement))
}

pub fn intents() -> impl Strategy<Value = Intent> {
    let names = || btree_set(keys(), 0..4).prop_map(|keys| keys.into_iter().collect::<BTreeSet<_>>());
    (release_ids(), names(), names(), names(), of(times()), of(times())).prop_map(
        |(release_id, creates, overwrites, inherited, inherited_since, declared_at)| Intent {
            release_id,
            creates,
            overwrites,
            inherited,
            inherited_since,
            declared_at,
        },
    )
}

fn changes() -> impl Strategy<Value = Change> {
    let action = prop_oneof![
        Just(Action::Upload),
        (keys(), e_tags()).prop_map(|(from, e_tag)| Action::Copy { from, e_tag }),
        texts().prop_map(|version_id| Action::Restore { version_id }),
        e_tags().prop_map(|e_tag| Action::UpdateHeaders { e_tag }),
        Just(Action::Delete),
    ];
    let reason = prop_oneof![
        Just(Reason::New),
        Just(Reason::BytesChanged),
        vec(texts(), 0..3).prop_map(Reason::HeadersChanged),
        texts().prop_map(Reason::Drifted),
        Just(Reason::Demoted),
        Just(Reason::LeftTheBuild),
        Just(Reason::GraceEnded),
        Just(Reason::StillDue),
        Just(Reason::LeftByUnfinishedPush),
    ];
    (keys(), action, reason, classes(), any::<u64>(), of(digests()), of(headers())).prop_map(
        |(key, action, reason, class, size_bytes, sha256, headers)| Change {
            key,
            action,
            reason,
            class,
            size_bytes,
            sha256,
            headers: headers.map(Arc::new),
        },
    )
}

fn invalidations() -> impl Strategy<Value = PlannedInvalidation> {
    (texts(), vec(texts(), 0..3), vec(owed(), 0..2), any::<u64>(), vec(texts(), 0..2)).prop_map(
        |(distribution_id, items, batches, collateral, explanation)| PlannedInvalidation {
            distribution_id,
            due_after: DueAfter::Commit,
            items,
            batches,
            collateral,
            explanation,
        },
    )
}

fn costs() -> impl Strategy<Value = Cost> {
    any::<[u64; 8]>().prop_map(|number| Cost {
        write_requests: number[0],
        read_requests: number[1],
        delete_requests: number[2],
        store_requests: number[3],
        uploaded_bytes: number[4],
        invalidation_paths: number[5],
        requests_micro_dollars: number[6],
        invalidations_micro_dollars: number[7],
    })
}

pub fn plans() -> impl Strategy<Value = Plan> {
    let purpose = prop_oneof![
        Just(Purpose::Push),
        release_ids().prop_map(|to| Purpose::Rollback { to }),
        Just(Purpose::Prune)
    ];
    let prefix = prop_oneof![Just(String::new()), "[a-z]{1,4}(/[a-z ]{1,4})?"]
        .prop_map(|text| KeyPrefix::new(&text).expect("a prefix"));
    let base =
        (release_ids(), texts()).prop_map(|(release_id, manifest_e_tag)| Base { release_id, manifest_e_tag });
    let settings = (edge_settings(), any::<bool>())
        .prop_map(|(settings, is_owed)| PlannedEdgeSettings { settings, is_owed });
    let head = (purpose, texts(), prefix, releases(), of(base), vec(changes(), 0..5), any::<[u64; 6]>());
    let rest = (
        vec(invalidations(), 0..2),
        vec(owed(), 0..2),
        of(settings),
        vec(keys(), 0..2),
        of(capabilities()),
        vec(texts(), 0..2),
        costs(),
    );
    (head, rest).prop_map(|((purpose, bucket, prefix, release, base, changes, counts), rest)| {
        let (invalidations, debts, edge_settings, unavailable, capabilities, warnings, cost) = rest;
        Plan {
            purpose,
            bucket,
            prefix,
            release,
            base,
            changes,
            unchanged_count: counts[0],
            unchanged_bytes: counts[1],
            kept_count: counts[2],
            kept_bytes: counts[3],
            returned_count: counts[4],
            newly_kept_count: counts[5],
            invalidations,
            debts,
            renews_record: counts[0] % 2 == 1,
            edge_settings,
            unavailable,
            capabilities,
            warnings,
            cost,
        }
    })
}
