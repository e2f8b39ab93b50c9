//! What the end-to-end tests share: a site in a temporary folder, the embedded target, and the program run against it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use serde_json::Value;
use sitepush::core::manifest::{Manifest, ManifestError, Root};
use sitepush::local::control::InvalidationRecord;
use sitepush::local::edge::EdgeOptions;
use sitepush::local::faults::Faults;
use sitepush::local::s3::{ForeignObject, ObjectHeaders, Snapshot, Store, StoreOptions, VersionInfo};
use sitepush::local::target::{Target, TargetOptions, store_options};
use tempfile::TempDir;

pub const BUCKET: &str = "example-site";
pub const DISTRIBUTION: &str = "E1EXAMPLE";
pub const OTHER_DISTRIBUTION: &str = "E2EXAMPLE";

/// A site's folder that is made and changed file by file.
pub struct Site {
    folder: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A small site: two pages, a script and a picture with hashed names, a style sheet without.
    pub fn small() -> Self {
        let site = Self::new();
        site.write(
            "index.html",
            "<script src=\"/assets/app-DRXg7gsA.js\"></script><a href=\"/about/\">about</a>",
        )
        .write("about/index.html", "<img src=\"/assets/photo-D0KLVOtM.png\"><link href=\"/style.css\">")
        .write("assets/app-DRXg7gsA.js", "console.log(1)")
        .write("assets/more-CzQAN4l5.js", "console.log(2)")
        .write("assets/photo-D0KLVOtM.png", "not really a picture")
        .write("style.css", "body { color: black }");
        site
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders can be made");
        std::fs::write(path, content).expect("files can be written");
        self
    }

    pub fn remove(&self, name: &str) -> &Self {
        std::fs::remove_file(self.path().join(name)).expect("the file is there");
        self
    }

    pub fn rename(&self, from: &str, to: &str) -> &Self {
        let bytes = std::fs::read(self.path().join(from)).expect("the file is there");
        self.remove(from).write(to, bytes)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// What the program answered.
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn from_output(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The document on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}\n{}", self.stdout, self.stderr))
    }

    /// The answer, which must have this exit code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn success(self) -> Self {
        self.expect_code(0)
    }

    /// The answer, which must be a good error: this exit code, one message and one hint with these words in them, and
    /// no credentials.
    #[track_caller]
    pub fn explains(self, code: i32, words: &[&str]) -> Self {
        let answer = self.expect_code(code);
        let lines = |start: &str| answer.stderr.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("error: "), 1, "one message:\n{}", answer.stderr);
        assert_eq!(lines("hint: "), 1, "one hint:\n{}", answer.stderr);
        for word in words {
            assert!(answer.stderr.contains(word), "no `{word}` in:\n{}", answer.stderr);
        }
        for secret in ["local-access-key", "local-secret-access-key"] {
            let is_told = answer.stderr.contains(secret) || answer.stdout.contains(secret);
            assert!(!is_told, "credentials in:\n{}", answer.stderr);
        }
        answer
    }
}

/// All that a publisher can change. It is not equal to what it was when the same was written again.
pub struct Contents {
    pub objects: Snapshot,
    pub headers: BTreeMap<String, Arc<ObjectHeaders>>,
    versions: Vec<VersionInfo>,
    open_uploads: usize,
    /// Of each distribution.
    invalidations: [Vec<InvalidationRecord>; 2],
    edge_settings: Vec<(String, String)>,
}

/// The embedded target with a runtime of its own, so that tests are plain functions.
pub struct Cloud {
    pub target: Target,
    runtime: tokio::runtime::Runtime,
    home: TempDir,
}

impl Cloud {
    pub fn new() -> Self {
        Self::start(store_options(), TargetOptions::new(BUCKET, DISTRIBUTION))
    }

    /// A target whose S3 is set up in another way.
    pub fn with_store(options: StoreOptions) -> Self {
        Self::start(options, TargetOptions::new(BUCKET, DISTRIBUTION))
    }

    /// Two distributions in front of one bucket, with these origin paths: first that of the usual one, then the other's.
    pub fn with_two_distributions(origin_paths: [&str; 2]) -> Self {
        let edges =
            origin_paths.map(|path| EdgeOptions { origin_path: path.to_owned(), ..EdgeOptions::default() });
        let [usual, other] = edges;
        let mut options = TargetOptions { edge: usual, ..TargetOptions::new(BUCKET, DISTRIBUTION) };
        options.other_distributions.insert(OTHER_DISTRIBUTION.to_owned(), other);
        Self::start(store_options(), options)
    }

    /// A target whose invalidations are said to be in progress for this long.
    pub fn with_slow_invalidations(take: Duration) -> Self {
        let target = TargetOptions { invalidations_take: take, ..TargetOptions::new(BUCKET, DISTRIBUTION) };
        Self::start(store_options(), target)
    }

    fn start(options: StoreOptions, target: TargetOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let store = Store::memory(options);
        let target = runtime.block_on(Target::start(&store, target)).expect("the target starts");
        Self { target, runtime, home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A target whose usual distribution reads no cache tags; the other one does.
    pub fn without_tags() -> Self {
        let edge = EdgeOptions { cache_tag_header: None, ..EdgeOptions::default() };
        let mut options = TargetOptions { edge, ..TargetOptions::new(BUCKET, DISTRIBUTION) };
        options.other_distributions.insert(OTHER_DISTRIBUTION.to_owned(), EdgeOptions::default());
        Self::start(store_options(), options)
    }

    /// The same bucket behind a distribution that reads cache tags.
    #[must_use]
    pub fn with_tags(mut self) -> Self {
        let options = TargetOptions::new(BUCKET, DISTRIBUTION);
        let store = self.store().clone();
        self.target = self.runtime.block_on(Target::start(&store, options)).expect("the target starts");
        self
    }

    /// From now on, the program finds this text as `sitepush.toml` in its working folder.
    #[must_use]
    pub fn configured(self, text: &str) -> Self {
        std::fs::write(self.home.path().join("sitepush.toml"), text).expect("written");
        self
    }

    /// The record under this key, all of its parts included.
    #[track_caller]
    pub fn record(&self, key: &str) -> Manifest {
        record_in(&self.store().snapshot(BUCKET), key).expect("a record")
    }

    pub fn store(&self) -> &Store {
        &self.target.store
    }

    /// What goes wrong at S3 and at CloudFront.
    pub fn faults(&self) -> &Faults {
        self.target.store.faults()
    }

    /// All that is there now, for [`Self::is_as_it_was`].
    pub fn contents(&self) -> Contents {
        let store = self.store();
        let headers = store.keys(BUCKET).into_iter().map(|key| {
            let object = store.object(BUCKET, &key).expect("it is listed");
            (key, object.headers)
        });
        Contents {
            objects: store.snapshot(BUCKET),
            headers: headers.collect(),
            versions: store.versions(BUCKET),
            open_uploads: store.open_uploads(BUCKET),
            invalidations: [DISTRIBUTION, OTHER_DISTRIBUTION].map(|id| self.target.control.invalidations(id)),
            edge_settings: self.target.edge.options().store.list(),
        }
    }

    /// Nothing was changed, written again or invalidated since `before`.
    #[track_caller]
    pub fn is_as_it_was(&self, before: &Contents, what: &str) {
        let now = self.contents();
        // Keys alone: the bytes may be many.
        let keys = now.objects.keys().chain(before.objects.keys());
        let changed: Vec<_> = keys.filter(|key| now.objects.get(*key) != before.objects.get(*key)).collect();
        assert!(changed.is_empty(), "{what}: the bytes of {changed:?}");
        assert_eq!(now.headers, before.headers, "{what}: their headers");
        assert_eq!(now.versions, before.versions, "{what}: the versions");
        assert_eq!(now.open_uploads, before.open_uploads, "{what}: the uploads that were begun");
        assert_eq!(now.invalidations, before.invalidations, "{what}: the invalidations");
        assert_eq!(now.edge_settings, before.edge_settings, "{what}: the settings of the edge");
    }

    /// Stores an object as somebody else would.
    pub fn put_foreign(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        self.store().put_foreign(BUCKET, key, ForeignObject::new(bytes));
    }

    /// The program with credentials and endpoint of this target, in an empty working folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .current_dir(self.home.path())
            .env("AWS_ACCESS_KEY_ID", &self.target.credentials().access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.target.credentials().secret_access_key)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", self.target.endpoint_url())
            .args(arguments);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::from_output(&self.command(arguments).output().expect("the program starts"))
    }

    /// `COMMAND --bucket ... --distribution ... MORE`.
    pub fn on_target(&self, command: &str, more: &[&str]) -> Answer {
        let mut arguments = vec![command, "--bucket", BUCKET, "--distribution", DISTRIBUTION];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// `push SITE ... MORE`.
    pub fn push(&self, site: &Site, more: &[&str]) -> Answer {
        let mut arguments = vec![site.path().to_str().expect("a plain path")];
        arguments.extend(more);
        self.on_target("push", &arguments)
    }

    /// Waits until the server has dealt with all that a publisher asked for before it died.
    #[track_caller]
    pub fn wait_until_hung_up(&self) {
        let started = Instant::now();
        while self.target.open_connections() > 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "a connection of a dead client stays open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Keys of the bucket without sitepush's own state.
    pub fn site_keys(&self) -> Vec<String> {
        let keys = self.store().keys(BUCKET);
        keys.into_iter().filter(|key| !key.starts_with(".sitepush/")).collect()
    }

    pub fn body(&self, key: &str) -> String {
        let object = self.store().object(BUCKET, key).unwrap_or_else(|| panic!("there is no `{key}`"));
        String::from_utf8_lossy(&object.bytes).into_owned()
    }

    pub fn cache_control(&self, key: &str) -> String {
        let object = self.store().object(BUCKET, key).unwrap_or_else(|| panic!("there is no `{key}`"));
        object.headers.cache_control.clone().unwrap_or_default()
    }

    /// What a visitor gets from the CDN edge, cached or not: status and body, at the end of a redirect if there is one.
    pub fn visit(&self, path: &str) -> (u16, String) {
        match self.redirect(path) {
            (301, location) => self.fetch(&location),
            _ => self.fetch(path),
        }
    }

    fn fetch(&self, path: &str) -> (u16, String) {
        let request = http::Request::get(path).header("host", "localhost");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
        let edge = self.target.edge.clone();
        self.runtime.block_on(async move {
            let answer = edge.handle(request).await;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
            (status, String::from_utf8_lossy(&body).into_owned())
        })
    }

    /// Where a visitor is sent on from a path: status and `Location`, which is empty where there is none.
    pub fn redirect(&self, path: &str) -> (u16, String) {
        let request = http::Request::get(path).header("host", "localhost");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
        let edge = self.target.edge.clone();
        let answer = self.runtime.block_on(async move { edge.handle(request).await });
        let location = answer.headers().get("location").map(|value| value.to_str().expect("text").to_owned());
        (answer.status().as_u16(), location.unwrap_or_default())
    }

    /// The items of all invalidations so far.
    pub fn invalidated(&self) -> Vec<Vec<String>> {
        self.target.control.invalidations(DISTRIBUTION).into_iter().map(|record| record.items).collect()
    }

    /// What was asked of S3 and CloudFront since the last call: `METHOD key` in the order of asking, state files
    /// included, and the call's name where it is about no key.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.store().requests();
        self.store().clear_requests();
        let what = |key: Option<String>, operation: &str| key.unwrap_or_else(|| operation.to_owned());
        requests
            .into_iter()
            .map(|request| format!("{} {}", request.method, what(request.key, request.operation)))
            .collect()
    }
}

/// What must be set for a record of this many objects to be kept in parts.
pub fn records_in_parts(from: usize) -> String {
    format!("[push]\nrecord_parts_from = {from}\n")
}

/// The record under this key, all of its parts included.
///
/// # Errors
/// When one of its files is missing or is not what it was.
pub fn record_in(snapshot: &Snapshot, key: &str) -> Result<Manifest, String> {
    let file = |key: &str| snapshot.get(key).cloned().ok_or_else(|| format!("`{key}` is missing"));
    let told = |error: ManifestError| format!("`{key}`: {error}");
    let root = Root::decode(&file(key)?).map_err(told)?;
    let parts = root.parts().iter().map(|part| file(&format!(".sitepush/{}", part.name.file())));
    let parts = parts.collect::<Result<_, _>>()?;
    root.with_parts(parts).map_err(told)
}

/// What is wrong with the records: each release of the history has one, and each has its parts.
pub fn wrong_records(snapshot: &Snapshot) -> Vec<String> {
    let live = ".sitepush/manifest.json.gz";
    if !snapshot.contains_key(live) {
        return Vec::new();
    }
    let manifest = match record_in(snapshot, live) {
        Ok(manifest) => manifest,
        Err(problem) => return vec![problem],
    };
    // A record is copied after it went live, and until then the live release has none.
    let earlier = manifest.history.iter().filter(|release| release.id != manifest.release.id);
    let records = earlier.map(|release| format!(".sitepush/releases/{}.json.gz", release.id));
    records.filter_map(|key| record_in(snapshot, &key).err()).collect()
}

/// The parts that no record has, and none of a release will take with it.
pub fn idle_parts(snapshot: &Snapshot) -> Vec<String> {
    let is_record = |key: &str| key.starts_with(".sitepush/releases/") || key == ".sitepush/manifest.json.gz";
    let live = record_in(snapshot, ".sitepush/manifest.json.gz");
    // Those of a record that was written again for the same release go with that release.
    let retired = live.iter().flat_map(|live| live.parts.retired.values().flatten());
    let mut known: BTreeSet<String> = retired.map(|name| format!(".sitepush/{}", name.file())).collect();
    for (_, bytes) in snapshot.iter().filter(|(key, _)| is_record(key)) {
        let Ok(root) = Root::decode(bytes) else { continue };
        known.extend(root.parts().iter().map(|part| format!(".sitepush/{}", part.name.file())));
    }
    let there = snapshot.keys().filter(|key| key.starts_with(".sitepush/parts/"));
    there.filter(|key| !known.contains(*key)).cloned().collect()
}

/// The program without anything of the developer's environment that it could read.
pub fn program() -> Command {
    // Where the tests are run as they were built elsewhere, the runner says where the program is.
    let path = std::env::var_os("CARGO_BIN_EXE_sitepush").map(PathBuf::from);
    let mut command = Command::new(path.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sitepush"))));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}
