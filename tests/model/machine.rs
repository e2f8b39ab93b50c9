//! The model: what the bucket must hold and the edge must answer, carried along step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use sitepush::local::s3::{ForeignObject, Snapshot};

use crate::build::{self, Build, File, Files};
use crate::run::{Check, Ran, run, site_part};
use crate::step::{Act, Edit, Keep, PLANTS, Setup, Step, Trouble};
use crate::support::{BUCKET, Cloud, Site, idle_parts, record_in, records_in_parts, wrong_records};

const MANIFEST: &str = ".sitepush/manifest.json.gz";
const LOCK: &str = ".sitepush/lock.json";

/// What a browser encodes in a path.
const IN_PATHS: AsciiSet = CONTROLS.add(b' ');

/// A release as the model remembers it.
struct Release {
    id: String,
    files: Files,
}

/// A file that left the build and that open pages may ask for.
struct Kept {
    /// The last release that had it.
    release: String,
    bytes: Vec<u8>,
    /// Whether a release was made by whose rule it goes, even if a run after it would keep more.
    is_due: bool,
}

/// The program's world, and what the model expects of it.
pub struct Machine {
    cloud: Cloud,
    setup: Setup,
    build: Build,
    /// Newest first.
    releases: Vec<Release>,
    kept: BTreeMap<String, Kept>,
    /// What was kept and is gone: somebody may still have it.
    retired: BTreeMap<String, Vec<u8>>,
    /// Objects that somebody else put at free keys: theirs until a release lists the key, though a push that came to no
    /// release may have written its own bytes there.
    strangers: BTreeMap<String, Vec<u8>>,
    /// Keys of ours that somebody changed, and that sitepush has not looked at since.
    doubtful: BTreeSet<String>,
    /// Keys that runs created which came to no release.
    written_in_vain: BTreeSet<String>,
    /// Those of them that somebody deleted before the next release: caches may have what lay there, and are told nothing
    /// before a release changes what a release has put there.
    forgotten: BTreeSet<String>,
    demoted: BTreeSet<String>,
    /// Paths that somebody was told are not there, and rightly so: the edge remembers that for 10 seconds, and a key
    /// that is created meanwhile is not worth an invalidation.
    missed: Mutex<BTreeSet<String>>,
    /// Whether old versions may be gone.
    lost_versions: bool,
    /// Whether the last run ended well.
    is_settled: bool,
}

/// A command as the model sees it.
struct Order<'a> {
    arguments: Vec<String>,
    trouble: Trouble,
    /// What is to be live after it, if that changes.
    wanted: Option<&'a Files>,
    keep: Keep,
    /// Whether the bucket is compared in any case.
    compares: bool,
}

type Verdict = Result<(), String>;

impl Machine {
    pub fn new(setup: Setup) -> Self {
        let cloud = match setup {
            Setup::Usual => Cloud::new(),
            Setup::Parts(from) => Cloud::without_tags().configured(&records_in_parts(from)),
            Setup::PartsAndTags(from) => Cloud::new().configured(&records_in_parts(from)),
        };
        Self {
            cloud,
            setup,
            build: Build::new(),
            releases: Vec::new(),
            kept: BTreeMap::new(),
            retired: BTreeMap::new(),
            strangers: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            written_in_vain: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            demoted: BTreeSet::new(),
            missed: Mutex::default(),
            lost_versions: false,
            is_settled: true,
        }
    }

    /// Plays a history to its end, and then lets the dust settle.
    pub fn play(&mut self, history: &[Step]) -> Verdict {
        for (number, step) in history.iter().enumerate() {
            let told = |problem: String| format!("step {} ({step:?}): {problem}", number + 1);
            self.step(step).map_err(told)?;
        }
        self.settle().map_err(|problem| format!("when the dust had settled: {problem}"))
    }

    fn step(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Edit(edit) => {
                self.edit(edit);
                Ok(())
            }
            Step::Push { verify, keep, trouble } => self.push(*verify, *keep, *trouble),
            Step::Rollback { back, trouble } => self.rollback(*back, *trouble),
            Step::Prune { keep, trouble } => self.prune(*keep, *trouble),
            Step::Visit => {
                self.visit_all();
                Ok(())
            }
            Step::Stranger(act) => {
                self.stranger(act);
                Ok(())
            }
            Step::ExpiredLock => {
                self.foreign_lock("2001-01-01T00:00:00Z");
                Ok(())
            }
            Step::HeldLock => self.held_lock(),
            Step::PushNothing => self.push_nothing(),
        }
    }

    fn edit(&mut self, edit: &Edit) {
        let build = &mut self.build;
        match *edit {
            Edit::Page { page, text } => {
                build.pages.entry(page).or_insert((0, 0)).0 = text;
            }
            Edit::Bundle { page, bundle } => {
                build.pages.entry(page).or_insert((0, 0)).1 = bundle;
            }
            Edit::Bundles { bundle } => build.pages.values_mut().for_each(|page| page.1 = bundle),
            Edit::Remove { page } => {
                build.pages.remove(&page);
            }
            Edit::Theme(theme) => build.theme = theme,
            Edit::Style(style) => build.style = style,
            Edit::Copy => build.has_copy ^= true,
            Edit::Worker => build.has_worker ^= true,
            Edit::Picture(picture) => build.picture = picture,
            Edit::Headers(headers) => build.headers = headers,
            Edit::Alter { bundle } => {
                if !build.altered.remove(&bundle) {
                    build.altered.insert(bundle);
                }
            }
        }
    }

    fn push(&mut self, verify: bool, keep: Keep, trouble: Trouble) -> Verdict {
        let (site, wanted) = (self.folder(), self.build.files());
        let mut arguments = vec!["push".to_owned(), path(&site), "--allow-shrink".to_owned()];
        if verify {
            arguments.push("--verify-remote".to_owned());
        }
        if let Keep::Releases(count) = keep {
            let config = Site::new();
            let usual = match self.setup {
                Setup::Usual => String::new(),
                Setup::Parts(from) | Setup::PartsAndTags(from) => records_in_parts(from),
            };
            let retention = format!("[retention]\nkeep_releases = {count}\nkeep_days = 0\n");
            config.write("sitepush.toml", usual + &retention);
            arguments.extend(["--config".to_owned(), format!("{}/sitepush.toml", path(&config))]);
            let order = Order { arguments, trouble, wanted: Some(&wanted), keep, compares: verify };
            return self.command(&order);
        }
        self.command(&Order { arguments, trouble, wanted: Some(&wanted), keep, compares: verify })
    }

    fn rollback(&mut self, back: usize, trouble: Trouble) -> Verdict {
        if self.releases.len() < 2 {
            return Ok(());
        }
        let to = &self.releases[back % self.releases.len()];
        let (arguments, wanted) = (vec!["rollback".to_owned(), to.id.clone()], to.files.clone());
        let order = Order { arguments, trouble, wanted: Some(&wanted), keep: Keep::Default, compares: false };
        self.command(&order)
    }

    fn prune(&mut self, keep: usize, trouble: Trouble) -> Verdict {
        if self.releases.is_empty() {
            return Ok(());
        }
        let count = keep.to_string();
        let arguments = ["prune", "--days", "0", "--keep", &count].map(str::to_owned).to_vec();
        let keep = Keep::Releases(keep);
        self.command(&Order { arguments, trouble, wanted: None, keep, compares: false })
    }

    /// A push of an empty folder is refused and changes nothing.
    fn push_nothing(&mut self) -> Verdict {
        let (site, before) = (Site::new(), self.cloud.store().snapshot(BUCKET));
        let answer = self.cloud.push(&site, &["--allow-shrink"]);
        if answer.code != 3 || self.cloud.store().snapshot(BUCKET) != before {
            return Err(format!("an empty build was not refused: {} {}", answer.code, answer.stderr));
        }
        Ok(())
    }

    /// While another is at work, nothing is done; when it is told to be dead, the next run looks first.
    fn held_lock(&mut self) -> Verdict {
        self.foreign_lock("2999-01-01T00:00:00Z");
        let (site, before) = (self.folder(), self.cloud.store().snapshot(BUCKET));
        let answer = self.cloud.push(&site, &["--allow-shrink"]);
        if answer.code != 4 || self.cloud.store().snapshot(BUCKET) != before {
            return Err(format!("a held lock was not respected: {} {}", answer.code, answer.stderr));
        }
        match self.cloud.on_target("unlock", &["--force"]) {
            answer if answer.code == 0 => Ok(()),
            answer => Err(format!("cannot unlock: {}", answer.stderr)),
        }
    }

    /// Leaves the lock as another machine would that has begun to work.
    fn foreign_lock(&mut self, expires: &str) {
        let found = self.cloud.store().object(BUCKET, LOCK);
        let mut record: Value = match &found {
            Some(object) => serde_json::from_slice(&object.bytes).expect("a lock is JSON"),
            None => serde_json::json!({ "schema": 1 }),
        };
        // What an unfinished run was about to create is still in its intent.
        let release = record.get("release_id").cloned().unwrap_or(Value::Null);
        for name in ["since", "commit"] {
            record.as_object_mut().expect("an object").remove(name);
        }
        record["state"] = "held".into();
        record["holder"] = serde_json::json!({
            "owner": "eve@elsewhere", "process_id": 7, "machine": "another", "nonce": "0123456789abcdef"
        });
        record["release_id"] = release;
        record["started"] = "2001-01-01T00:00:00Z".into();
        record["expires"] = expires.into();
        self.cloud.put_foreign(LOCK, record.to_string());
        self.is_settled = false;
    }

    fn folder(&self) -> Site {
        let site = Site::new();
        for (key, file) in self.build.files() {
            site.write(&key, &file.bytes);
        }
        if let Some(text) = self.build.headers_file() {
            site.write("_headers", text);
        }
        site
    }

    fn stranger(&mut self, act: &Act) {
        let ours: Vec<String> =
            self.cloud.site_keys().into_iter().filter(|key| !self.strangers.contains_key(key)).collect();
        let choose = |number: usize| (!ours.is_empty()).then(|| ours[number % ours.len()].clone());
        let store = self.cloud.store();
        match *act {
            Act::Overwrite(number) => {
                let Some(key) = choose(number) else { return };
                self.cloud.put_foreign(&key, "defaced");
                self.doubtful.insert(key);
            }
            Act::Reheader(number) => {
                let Some(key) = choose(number) else { return };
                let bytes = store.object(BUCKET, &key).expect("it is listed").bytes;
                store.put_foreign(BUCKET, &key, ForeignObject::new(bytes));
                self.doubtful.insert(key);
            }
            Act::Delete(number) => {
                let Some(key) = choose(number) else { return };
                store.delete_foreign(BUCKET, &key);
                if self.written_in_vain.remove(&key) {
                    self.forgotten.insert(key.clone());
                }
                self.doubtful.insert(key);
            }
            Act::Plant(number) => {
                let key = PLANTS[number];
                let is_ours = self.live().is_some_and(|live| live.contains_key(key));
                if store.object(BUCKET, key).is_none() && !is_ours {
                    let bytes = format!("theirs, {number}").into_bytes();
                    self.cloud.put_foreign(key, bytes.clone());
                    self.strangers.insert(key.to_owned(), bytes);
                }
            }
            Act::Expire(number) => {
                let Some(key) = choose(number) else { return };
                store.expire_versions(BUCKET, &key);
                self.lost_versions = true;
            }
        }
    }

    fn live(&self) -> Option<&Files> {
        self.releases.first().map(|release| &release.files)
    }

    /// Runs a command and judges what it did.
    fn command(&mut self, order: &Order<'_>) -> Verdict {
        let compares = order.compares || self.releases.is_empty() || self.lock_state() != "free";
        let before = self.cloud.store().snapshot(BUCKET);
        let protected = self.protected(order);
        let arguments: Vec<&str> = order.arguments.iter().map(String::as_str).chain(["--json"]).collect();
        let check = self.check(order, compares, protected);
        let ran = run(&self.cloud, &arguments, order.trouble, check, &|| self.visit_all());
        if let Some(first) = ran.wrong.first() {
            return Err(format!("{first}\n{}", ran.stderr));
        }
        self.expect_code(order, compares, &ran, &before)?;
        let has_committed = self.note_commit(order)?;
        self.note_vain_writes(has_committed, &before);
        if has_committed && ran.code == Some(5) {
            return Err(format!("a release is live, and the code says that none was made: {}", ran.stderr));
        }
        if before.get(MANIFEST) != self.cloud.store().snapshot(BUCKET).get(MANIFEST) {
            self.note_due(order.keep);
        }
        self.note_strangers();
        self.is_settled = ran.code == Some(0);
        if !self.is_settled {
            let there = self.cloud.store().snapshot(BUCKET);
            self.retire(|key| there.contains_key(key));
            return Ok(());
        }
        self.note_doubts(&ran, compares);
        let prunes = has_committed || order.wanted.is_none();
        self.check_bucket(order.keep, prunes).map_err(|problem| format!("{problem}\n{}", ran.stderr))?;
        self.check_edge()
    }

    /// Whether the exit code is one that the trouble can explain.
    fn expect_code(&self, order: &Order<'_>, compares: bool, ran: &Ran, before: &Snapshot) -> Verdict {
        let mut expected = vec![Some(0)];
        match order.trouble {
            Trouble::None | Trouble::Visitors | Trouble::LostAnswer(_) | Trouble::SlowDown(_) => {}
            Trouble::Kill(at) | Trouble::KillAmongOthers(at) => {
                let was_killed = ran.mutations >= at;
                expected = vec![if was_killed { None } else { Some(0) }];
            }
            Trouble::Interrupt(_) => expected.push(Some(130)),
            Trouble::RefusedPut(_) => expected.extend([Some(1), Some(5)]),
            // 5 where there was nothing else to do, here and below.
            Trouble::RefusedInvalidation => expected.extend([Some(1), Some(5)]),
            Trouble::RefusedDeletes => expected.extend([Some(1), Some(5)]),
        }
        // It does not write over what it sees for the first time; when run again, it looks first.
        let wanted = order.wanted.into_iter().flatten();
        let occupied: Vec<_> = wanted.filter(|(key, _)| self.strangers.contains_key(*key)).collect();
        if !compares && !occupied.is_empty() {
            let has_others_bytes = occupied.iter().any(|(key, file)| self.strangers[*key] != file.bytes);
            match order.trouble {
                Trouble::None | Trouble::Visitors if has_others_bytes => expected = vec![Some(1)],
                // What lies there exactly as it is wanted, headers included, stands in nobody's way.
                _ => expected.push(Some(1)),
            }
        }
        let is_rollback = order.arguments[0] == "rollback";
        let is_refused = ran.code == Some(3) && is_rollback && self.lost_versions;
        // It cannot bring back what it does not know to be gone; when run again, it looks first.
        let is_surprised = ran.code == Some(1) && order.arguments[0] != "push" && !self.doubtful.is_empty();
        if is_refused && self.cloud.store().snapshot(BUCKET) != *before {
            return Err(format!("something was changed by a refused command: {}", ran.stderr));
        }
        if expected.contains(&ran.code) || is_refused || is_surprised {
            return Ok(());
        }
        Err(format!("it ended with {:?}:\n{}", ran.code, ran.stderr))
    }

    /// What must be there at every instant: what open pages may ask for of the live release, and what the rule keeps.
    fn protected(&self, order: &Order<'_>) -> BTreeSet<String> {
        // A release that is being made takes one of the places.
        let places = match order.keep {
            Keep::Default => usize::MAX,
            Keep::Releases(count) if order.wanted.is_some() => count - 1,
            Keep::Releases(count) => count,
        };
        let newest: BTreeSet<&str> =
            self.releases.iter().take(places).map(|release| release.id.as_str()).collect();
        let kept =
            self.kept.iter().filter(|(_, kept)| !kept.is_due && newest.contains(kept.release.as_str()));
        let live = self.releases.iter().take(places.min(1)).flat_map(|release| &release.files);
        let live = live.filter(|(_, file)| file.outlives_the_build());
        let all = kept.map(|(key, _)| key).chain(live.map(|(key, _)| key));
        all.filter(|key| !self.doubtful.contains(*key)).cloned().collect()
    }

    fn check(&self, order: &Order<'_>, compares: bool, protected: BTreeSet<String>) -> Check {
        let strangers = self.strangers.clone();
        let doubtful = self.doubtful.clone();
        let wanted = order.wanted.cloned().unwrap_or_default();
        Box::new(move |snapshot| {
            let mut wrong = wrong_records(snapshot);
            let pages = snapshot.iter().filter(|(key, _)| key.ends_with(".html"));
            for (page, bytes) in pages {
                let missing = build::references(bytes)
                    .into_iter()
                    .filter(|key| !snapshot.contains_key(key) && !doubtful.contains(key));
                wrong.extend(missing.map(|key| format!("`{page}` refers to `{key}`, which is not there")));
            }
            let gone = protected.iter().filter(|key| !snapshot.contains_key(*key));
            wrong.extend(gone.map(|key| format!("`{key}` is gone, and open pages may ask for it")));
            for (key, bytes) in &strangers {
                let there = snapshot.get(key);
                let is_theirs = there.is_some_and(|there| there == bytes);
                // Who has not looked at the bucket writes over nothing that it does not know.
                let is_taken = compares
                    && matches!((there, wanted.get(key)),
                        (Some(there), Some(file)) if *there == file.bytes);
                if !is_theirs && !is_taken {
                    wrong.push(format!("`{key}` belongs to somebody else, and is {there:?}"));
                }
            }
            wrong
        })
    }

    /// Learns from the record whether a release was made.
    fn note_commit(&mut self, order: &Order<'_>) -> Result<bool, String> {
        if self.cloud.store().object(BUCKET, MANIFEST).is_none() {
            return Ok(false);
        }
        let manifest = record_in(&self.cloud.store().snapshot(BUCKET), MANIFEST)?;
        let id = manifest.release.id.to_string();
        if self.releases.first().is_some_and(|live| live.id == id) {
            return Ok(false);
        }
        let Some(wanted) = order.wanted else { return Err(format!("a prune made the release {id}")) };
        let demoted: BTreeSet<String> = manifest.demoted.keys().map(ToString::to_string).collect();
        self.judge_demotions(wanted, &demoted)?;
        self.demoted = demoted;
        let mut files = wanted.clone();
        for (key, file) in &mut files {
            file.is_demoted = self.demoted.contains(key);
        }
        // A rollback brings back the tags of its release.
        if order.arguments[0] == "push" {
            self.tag_pages(&mut files);
        }
        if let Some(before) = self.releases.first() {
            for (key, file) in &before.files {
                if file.outlives_the_build() {
                    let kept = Kept { release: before.id.clone(), bytes: file.bytes.clone(), is_due: false };
                    self.kept.insert(key.clone(), kept);
                }
            }
        }
        self.kept.retain(|key, _| !files.contains_key(key));
        self.releases.insert(0, Release { id, files });
        Ok(true)
    }

    /// Until a release is made, nothing records what a run has created. What a release then changes or takes away is dropped from
    /// the caches, whatever they have.
    fn note_vain_writes(&mut self, has_committed: bool, before: &Snapshot) {
        if !has_committed {
            let there = self.cloud.site_keys().into_iter();
            self.written_in_vain.extend(there.filter(|key| !before.contains_key(key)));
            return;
        }
        self.written_in_vain.clear();
        let [live, earlier, ..] = self.releases.as_slice() else { return };
        self.forgotten.retain(|key| match (live.files.get(key), earlier.files.get(key)) {
            (live, Some(earlier)) => live.is_some_and(|live| live.bytes == earlier.bytes),
            (_, None) => true,
        });
    }

    /// Pages carry the names of the bundles that they refer to and that change with their content. One that has not
    /// changed keeps its tags, whatever became of the bundle.
    fn tag_pages(&self, files: &mut Files) {
        if let Setup::Parts(_) = self.setup {
            return;
        }
        let promises = |key: &String| files.get(key).is_some_and(|file| file.is_hashed && !file.is_demoted);
        let tags_of = |key: &String, page: &File| {
            let live = self.live().and_then(|live| live.get(key)).filter(|live| live.bytes == page.bytes);
            let found = || {
                let bundles = build::references(&page.bytes).into_iter().filter(promises);
                let tags: Vec<String> =
                    bundles.map(|bundle| format!("uses:{}", bundle.to_ascii_lowercase())).collect();
                (!tags.is_empty()).then(|| tags.join(","))
            };
            live.map_or_else(found, |live| live.tags.clone())
        };
        let pages = files.iter().filter(|(key, _)| key.ends_with(".html"));
        let tagged: Vec<_> = pages.map(|(key, page)| (key.clone(), tags_of(key, page))).collect();
        for (key, tags) in tagged {
            files.get_mut(&key).expect("it was just seen").tags = tags;
        }
    }

    /// A hashed name that is there with other bytes is demoted, and nothing else but what was.
    fn judge_demotions(&self, wanted: &Files, demoted: &BTreeSet<String>) -> Verdict {
        let has_other_bytes = |key: &String, file: &File| {
            let live = self.live().and_then(|live| live.get(key)).map(|file| &file.bytes);
            let kept = || self.kept.get(key).map(|kept| &kept.bytes);
            let known = live.or_else(kept).or_else(|| self.retired.get(key));
            known.is_some_and(|bytes| *bytes != file.bytes)
        };
        let new = wanted.iter().filter(|(key, file)| file.is_hashed && has_other_bytes(key, file));
        let expected: BTreeSet<String> = new.map(|(key, _)| key).chain(&self.demoted).cloned().collect();
        if *demoted == expected {
            return Ok(());
        }
        let missing: Vec<_> = expected.difference(demoted).collect();
        let excess: Vec<_> = demoted.difference(&expected).collect();
        Err(format!("not demoted: {missing:?}; demoted without cause: {excess:?}"))
    }

    /// A record was written, by whose rule some of what was kept goes.
    fn note_due(&mut self, keep: Keep) {
        let Keep::Releases(places) = keep else { return };
        let newest: BTreeSet<&str> =
            self.releases.iter().take(places).map(|release| release.id.as_str()).collect();
        let due = self.kept.values_mut().filter(|kept| !newest.contains(kept.release.as_str()));
        due.for_each(|kept| kept.is_due = true);
    }

    /// What was kept is so no longer, but for the keys of which `stays` says so.
    fn retire(&mut self, stays: impl Fn(&str) -> bool) {
        let gone = self.kept.extract_if(.., |key, _| !stays(key));
        self.retired.extend(gone.map(|(key, kept)| (key, kept.bytes)));
    }

    /// What a release has taken over is not theirs any more.
    fn note_strangers(&mut self) {
        let mut there = self.cloud.store().snapshot(BUCKET);
        let live = self.releases.first().map(|release| &release.files);
        self.strangers.retain(|key, bytes| {
            let is_ours = live.is_some_and(|live| live.contains_key(key));
            let found = there.remove(key).filter(|_| !is_ours);
            found.map(|found| *bytes = found.to_vec()).is_some()
        });
    }

    /// After a comparison no doubt is left, but for what is kept and not wanted; else what was written is certain.
    fn note_doubts(&mut self, ran: &Ran, compares: bool) {
        if compares {
            self.doubtful.retain(|key| self.kept.contains_key(key));
        }
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let changes = document["plan"]["changes"].as_array().cloned().unwrap_or_default();
        for change in changes {
            self.doubtful.remove(change["key"].as_str().unwrap_or_default());
        }
    }

    /// What must be true of the bucket after a run that ended well.
    fn check_bucket(&mut self, keep: Keep, prunes: bool) -> Verdict {
        let snapshot = self.cloud.store().snapshot(BUCKET);
        let there = site_part(&snapshot);
        let empty = Files::new();
        for (key, file) in self.live().unwrap_or(&empty) {
            if self.doubtful.contains(key) {
                continue;
            }
            let Some(object) = self.cloud.store().object(BUCKET, key) else {
                return Err(format!("`{key}` is not there"));
            };
            if object.bytes != file.bytes {
                return Err(format!("`{key}` has other bytes: {:?}", object.bytes));
            }
            if !file.allows(&object.headers) {
                return Err(format!("`{key}` has other headers: {:?}, not {file:?}", object.headers));
            }
        }
        self.check_kept(&there, keep, prunes)?;
        let is_known = |key: &str| {
            self.live().is_some_and(|live| live.contains_key(key))
                || self.kept.contains_key(key)
                || self.strangers.contains_key(key)
                || self.doubtful.contains(key)
        };
        let unknown: Vec<_> = there.keys().filter(|key| !is_known(key)).collect();
        if unknown.is_empty() { Ok(()) } else { Err(format!("left behind: {unknown:?}")) }
    }

    /// What open pages may ask for stays after it left the build as long as the rule says, and no longer where it was applied.
    fn check_kept(&mut self, there: &BTreeMap<&str, &[u8]>, keep: Keep, prunes: bool) -> Verdict {
        let places = match keep {
            Keep::Default => usize::MAX,
            Keep::Releases(count) => count,
        };
        let newest: BTreeSet<&str> =
            self.releases.iter().take(places).map(|release| release.id.as_str()).collect();
        for (key, kept) in &self.kept {
            let must_stay = !kept.is_due && newest.contains(kept.release.as_str());
            let is_there = there.contains_key(key.as_str());
            if must_stay && !is_there && !self.doubtful.contains(key) {
                return Err(format!("`{key}` of release {} was to be kept", kept.release));
            }
            if !must_stay && is_there && prunes {
                return Err(format!("`{key}` of release {} was to go", kept.release));
            }
        }
        let doubtful = self.doubtful.clone();
        self.retire(|key| there.contains_key(key) || doubtful.contains(key));
        Ok(())
    }

    /// Every path under which the site can be asked for, with what must be answered.
    fn check_edge(&self) -> Verdict {
        let empty = Files::new();
        let live = self.live().unwrap_or(&empty);
        for key in self.all_keys() {
            let is_left_alone = self.doubtful.contains(&key)
                || self.strangers.contains_key(&key)
                || self.forgotten.contains(&key);
            if is_left_alone || (self.kept.contains_key(&key) && !live.contains_key(&key)) {
                continue;
            }
            for path in build::paths(&key) {
                let (status, body) = self.visit(&path);
                let is_right = match live.get(&key) {
                    Some(_) if status == 404 => self.missed().contains(&path),
                    Some(file) => status == 200 && body.as_bytes() == file.bytes,
                    // What a hashed name promised is right for as long as anybody keeps it.
                    None => status == 404 || (key.starts_with("assets/") && key != build::PICTURE),
                };
                if status == 404 && !live.contains_key(&key) {
                    self.missed().insert(path.clone());
                }
                if !is_right {
                    let expected = live.get(&key).map(|file| String::from_utf8_lossy(&file.bytes));
                    return Err(format!("visitors of `{path}` get {status} `{body}`, not {expected:?}"));
                }
            }
        }
        Ok(())
    }

    /// Keys of all builds that there can be.
    fn all_keys(&self) -> BTreeSet<String> {
        let others = ["style.css", "copy.css", "sw.js", build::PICTURE];
        let names = build::PAGES.iter().chain(&build::THEMES).chain(&others);
        let bundles = (0..build::HASHES.len()).map(build::bundle_key);
        names.map(|name| (*name).to_owned()).chain(bundles).collect()
    }

    fn visit_all(&self) {
        let keys = self.all_keys();
        for (key, path) in
            keys.iter().flat_map(|key| build::paths(key).into_iter().map(move |path| (key, path)))
        {
            let (status, _) = self.visit(&path);
            let is_live = self.live().is_some_and(|live| live.contains_key(key));
            if status == 404 && !is_live {
                self.missed().insert(path);
            }
        }
    }

    fn missed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.missed.lock().expect("not poisoned")
    }

    fn visit(&self, path: &str) -> (u16, String) {
        let answer = self.cloud.visit(&utf8_percent_encode(path, &IN_PATHS).to_string());
        if answer.0 != 404 {
            self.missed().remove(path);
        }
        answer
    }

    fn lock_state(&self) -> String {
        let Some(object) = self.cloud.store().object(BUCKET, LOCK) else { return "free".to_owned() };
        let record: Value = serde_json::from_slice(&object.bytes).expect("a lock is JSON");
        record["state"].as_str().expect("a state").to_owned()
    }

    /// A calm push that looks closely makes everything right, and all that was promised can be had.
    fn settle(&mut self) -> Verdict {
        self.push(true, Keep::Default, Trouble::None)?;
        let status = self.cloud.on_target("status", &["--verify-remote", "--json"]);
        if status.code != 0 {
            return Err(status.stderr);
        }
        let status = status.json();
        let texts = |value: &Value| -> BTreeSet<String> {
            let rows = value.as_array().cloned().unwrap_or_default();
            rows.iter()
                .map(|row| row["key"].as_str().or(row.as_str()).unwrap_or_default().to_owned())
                .collect()
        };
        let is_calm = status["lock"] == "free"
            && status["debts"] == serde_json::json!([])
            && texts(&status["drift"]).is_subset(&self.doubtful)
            && texts(&status["unknown"]) == self.strangers.keys().cloned().collect();
        if !is_calm {
            return Err(format!("{status:#}"));
        }
        let before = self.cloud.store().snapshot(BUCKET);
        self.push(false, Keep::Default, Trouble::None)?;
        if self.cloud.store().snapshot(BUCKET) != before {
            return Err("the same build again changed something".to_owned());
        }
        let records =
            self.releases.iter().map(|release| format!(".sitepush/releases/{}.json.gz", release.id));
        if let Some(missing) = records.into_iter().find(|key| !before.contains_key(key)) {
            return Err(format!("the record `{missing}` is missing"));
        }
        let idle = idle_parts(&before);
        if !idle.is_empty() {
            return Err(format!("no record has these parts: {idle:?}"));
        }
        self.rollback(self.releases.len() - 1, Trouble::None)
    }
}

fn path(site: &Site) -> String {
    site.path().to_str().expect("a plain path").to_owned()
}
