//! A made site as metadata: names, digests and answers, the same each time. No bytes behind them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use jiff::Timestamp;
use sitepush::core::build::{ClassifiedBuild, UnclassifiedFile, classify};
use sitepush::core::cache_rules::{CacheRules, EdgeCaching};
use sitepush::core::commit::{self, CommitInput};
use sitepush::core::diff::{Action, RetentionRules};
use sitepush::core::digest::Sha256Digest;
use sitepush::core::fingerprint::{self, Verdict};
use sitepush::core::guard::{self, Limits};
use sitepush::core::invalidation::UrlStyle;
use sitepush::core::inventory::{Packing, RemoteState};
use sitepush::core::key::{KeyPrefix, ObjectKey};
use sitepush::core::lock::Settlement;
use sitepush::core::manifest::{Capabilities, DistributionFacts, Manifest};
use sitepush::core::outcome::Written;
use sitepush::core::plan::{Plan, Purpose};
use sitepush::core::planning::{self, Planned, PlanningInput, ReleaseDraft};

const DISTRIBUTION: &str = "E1EXAMPLE";

/// How many pages an edit changes, however large the site is.
const EDITED_PAGES: usize = 100;

/// What was done to the site since the live release.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Everything: there is no release yet.
    First,
    Nothing,
    /// [`EDITED_PAGES`] of them.
    Pages,
    /// Another script, to which every page refers.
    Bundle,
}

impl Change {
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "first" => Self::First,
            "again" => Self::Nothing,
            "pages" => Self::Pages,
            "bundle" => Self::Bundle,
            other => bail!("there is no change `{other}`; there are first, again, pages, bundle"),
        })
    }
}

/// The keys of a site of `files` files: a script, and as many pages as images.
pub fn names(files: usize, change: Change) -> Vec<ObjectKey> {
    let key = |text: String| ObjectKey::new(text).expect("a made name is a key");
    let script = if change == Change::Bundle { "new script" } else { "script" };
    let pages = (files - 1) / 2;
    let mut names = vec![key(format!("assets/app-{}.js", letters(number_of(script), 8)))];
    names.extend((0..files - 1 - pages).map(|at| key(format!("assets/image-{}.png", letters(at as u64, 8)))));
    names.push(ObjectKey::root_page());
    names.extend((1..pages).map(|at| key(format!("pages/{at}/index.html"))));
    names.sort_unstable();
    names
}

/// What the names say, as the scan finds out.
pub fn verdicts(names: &[ObjectKey]) -> Vec<Verdict> {
    fingerprint::classify(names.iter().map(ObjectKey::as_str))
}

/// What a scan of the changed site would find.
pub fn scanned(names: Vec<ObjectKey>, verdicts: Vec<Verdict>, change: Change) -> Vec<UnclassifiedFile> {
    let between_edits = (names.len() / 2).div_ceil(EDITED_PAGES).max(1);
    let mut pages = 0;
    let mut file = |(key, verdict): (ObjectKey, Verdict)| {
        pages += usize::from(key.is_page());
        let is_changed = key.is_page()
            && match change {
                Change::First | Change::Nothing => false,
                Change::Pages => pages % between_edits == 0,
                Change::Bundle => true,
            };
        UnclassifiedFile {
            path: None,
            size_bytes: 1300 + number_of(key.as_str()) % 5000,
            sha256: digest(&key, is_changed),
            packing: Packing::AsIs,
            first_bytes: Box::default(),
            key,
            verdict,
        }
    };
    names.into_iter().zip(verdicts).map(&mut file).collect()
}

/// The scan's files with their headers, as a push of them decides.
pub fn classified(files: Vec<UnclassifiedFile>, live: Option<&Manifest>) -> ClassifiedBuild {
    let rules = CacheRules::new(&[], None, EdgeCaching::Invalidated).expect("no rule is no mistake").0;
    classify(files, &rules, live)
}

/// A planned push and the state that it was planned against.
pub struct Push {
    pub planned: Planned,
    remote: RemoteState,
}

/// Plans the push of `build` over `live`, where there is one, and reads the guards against it.
pub fn planned(build: &ClassifiedBuild, live: Option<&Manifest>) -> Result<Push> {
    let remote = live.map(|live| RemoteState::from_manifest(live, true)).unwrap_or_default();
    let planned = plan(build, &remote, live);
    guard::check(&planned.plan, build.inventory.desired(), live, &Limits::default())?;
    Ok(Push { planned, remote })
}

fn plan(build: &ClassifiedBuild, remote: &RemoteState, live: Option<&Manifest>) -> Planned {
    let second = if live.is_some() { 1_800_003_600 } else { 1_800_000_000 };
    let time = Timestamp::from_second(second).expect("in range");
    planning::plan(&PlanningInput {
        purpose: Purpose::Push,
        bucket: "example-site",
        prefix: &KeyPrefix::default(),
        draft: ReleaseDraft { time, commit: None, author: None, message: None },
        desired: build.inventory.desired(),
        remote,
        live: live.map(|live| (live, "an ETag")),
        settlement: &Settlement { is_pruned: true, ..Settlement::default() },
        retention: RetentionRules::default(),
        distributions: &distributions(),
        edge_settings: None,
        url_style: UrlStyle::Clean,
        newly_demoted: &build.newly_demoted,
        warnings: Vec::new(),
    })
}

/// One distribution that reads no cache tags.
fn distributions() -> BTreeMap<String, DistributionFacts> {
    let facts = DistributionFacts {
        domain_name: "d111111abcdef8.cloudfront.net".into(),
        origin_path: String::new(),
        has_cache_tags: false,
        checked_at: Timestamp::UNIX_EPOCH,
    };
    BTreeMap::from([(DISTRIBUTION.to_owned(), facts)])
}

/// What the bucket would answer to the plan's writes: an MD5 and a version id of the length that S3 gives.
pub fn written(plan: &Plan) -> BTreeMap<ObjectKey, Written> {
    let writes = plan.changes.iter().filter(|change| change.action != Action::Delete);
    writes
        .map(|change| {
            let digest = change.sha256.expect("what is written has a digest");
            let written = Written {
                e_tag: digest.to_string()[..32].chars().rev().collect::<String>().into(),
                version_id: Some(letters(number_of(&digest.to_string()), 32).into()),
            };
            (change.key.clone(), written)
        })
        .collect()
}

/// The manifest that the push would leave behind.
pub fn next_manifest(
    build: &ClassifiedBuild,
    Push { planned, remote }: &Push,
    previous: Option<&Manifest>,
    written: BTreeMap<ObjectKey, Written>,
) -> Manifest {
    let plan = &planned.plan;
    let owed = plan.invalidations.iter().flat_map(|planned| planned.batches.iter().cloned()).collect();
    commit::next_manifest(CommitInput {
        desired: build.inventory.desired(),
        remote,
        stale: &planned.stale,
        written,
        previous,
        committed_at: None,
        release: &plan.release,
        newly_demoted: &build.newly_demoted,
        owed,
        distributions: distributions(),
        edge_settings: None,
        capabilities: Capabilities { conditional_writes: true, versioning: true },
        run: "a run",
    })
}

/// What the first push of the site left behind.
///
/// # Errors
/// When a guard refuses it.
pub fn live_manifest(files: usize) -> Result<Manifest> {
    let names = names(files, Change::First);
    let verdicts = verdicts(&names);
    let build = classified(scanned(names, verdicts, Change::First), None);
    let push = planned(&build, None)?;
    let written = written(&push.planned.plan);
    Ok(next_manifest(&build, &push, None, written))
}

fn digest(key: &ObjectKey, is_changed: bool) -> Sha256Digest {
    let text = format!("{key} {is_changed}");
    Sha256Digest::of(text.as_bytes())
}

/// A number that differs from text to text.
fn number_of(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Letters and digits without a pattern.
fn letters(seed: u64, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed;
    let letter = |_| {
        // SplitMix64: every step is another well-mixed number.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        char::from(ALPHABET[usize::try_from((mixed ^ (mixed >> 31)) % 62).expect("below 62")])
    };
    (0..length).map(letter).collect()
}
