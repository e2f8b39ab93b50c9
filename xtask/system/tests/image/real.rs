//! The images of this repository's own services, which `cargo xtask test --only images` builds before the tests.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use service_testkit::{free_port, wait_until};
use system::image::ImageConfig;

use crate::checkout::{read, text};
use crate::container::{Running, Way, unpacked};
use crate::registry::Registry;

/// The folder with the images.
const IMAGES: &str = "SITEPUSH_IMAGES";

/// The layout of a service's image.
fn layout(service: &str) -> PathBuf {
    let folder = std::env::var_os(IMAGES).expect("run this as `cargo xtask test --only images`");
    Path::new(&folder).join(service)
}

/// What a service has to be told, besides where to listen.
const SERVICES: &[(&str, &[(&str, &str)])] = &[
    ("counter", &[("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1")]),
    (
        "guestbook",
        &[
            ("DATABASE_HOST", "127.0.0.1"),
            ("DATABASE_PORT", "1"),
            ("DATABASE_NAME", "guestbook"),
            ("DATABASE_USER", "app"),
            ("DATABASE_PASSWORD", "secret"),
            // Read at start: without the bundle in the image, it would not get as far as this test wants.
            ("DATABASE_CA_FILE", "/etc/ssl/certs/rds.pem"),
        ],
    ),
];

/// Each is pushed with other people's tools, pulled, and run as ECS would, in each way that the machine has; the store is not there, which a service bears.
#[test]
fn the_services_start_from_their_images_and_end_when_told() {
    // By the ways whose process is the program itself, which is told to end.
    let ways: Vec<Way> = Way::all().into_iter().filter(|way| *way != Way::Crun).collect();
    let registry = Registry::start();
    for (service, settings) in SERVICES {
        let folder = layout(service);
        let index = read(&folder.join("index.json"));
        let entry = &index["manifests"][0];
        let tag = text(&entry["annotations"], "org.opencontainers.image.ref.name");
        let to = format!("docker://127.0.0.1:{}/example/{service}:{tag}", registry.port);
        registry.copy(&format!("oci:{}:{tag}", folder.display()), &to);
        let image = format!("127.0.0.1:{}/example/{service}@{}", registry.port, text(entry, "digest"));
        for way in &ways {
            let root = tempfile::tempdir().expect("a folder");
            let config = unpacked(&image, root.path()).expect("it is there");
            starts_and_ends(*way, service, &config, root.path(), settings, tag);
        }
    }
}

/// It is alive and says its `commit`, and ends well.
fn starts_and_ends(
    way: Way,
    service: &str,
    config: &ImageConfig,
    root: &Path,
    settings: &[(&str, &str)],
    commit: &str,
) {
    let address = format!("127.0.0.1:{}", free_port());
    let own = [("LISTEN_ADDRESS", address.as_str()), ("DRAIN_DELAY_SECONDS", "0")];
    let mut prepared = way.prepare(config, root, &[&own, settings].concat());
    let mut process = Running(prepared.command.stdout(Stdio::piped()).spawn().expect("it can be run"));
    let lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let is_whole = |line: &String| assert!(!line.contains("CA bundle"), "a certificate is of no use: {line}");
    let mut lines = lines.inspect(is_whole);
    let listens = lines.find(|line| line.contains("listening"));
    assert!(listens.is_some(), "{service} ended, by {way:?}: {:?}", process.0.wait());
    // One that migrates is not alive, and the guestbook may be about to until it has found that there is no store.
    let body = wait_until("it is alive", || {
        let answer = xtask::http::get(&format!("http://{address}"), "/healthz").expect("an answer");
        (answer.status == 200).then_some(answer.body)
    });
    let health: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(health["commit"], commit, "{health}");
    // Its first process is the program itself: no shell stands between it and ECS's signal.
    let told = Command::new("kill").arg(process.0.id().to_string()).status().expect("it can be run");
    assert!(told.success());
    for line in lines {
        println!("{line}");
    }
    assert_eq!(process.0.wait().expect("it ends").code(), Some(0), "{service} did not end well, by {way:?}");
}

#[test]
fn the_guestbook_brings_the_authorities_of_rds_and_neither_has_anything_that_is_not_needed() {
    let files = |service: &str| {
        let root = tempfile::tempdir().expect("a folder");
        let config = unpacked(layout(service).to_str().expect("UTF-8"), root.path()).expect("it is there");
        assert_eq!(config.user_ids(), Some((65532, 65532)));
        let mut files = Vec::new();
        list(root.path(), root.path(), &mut files);
        files.sort();
        files
    };
    assert_eq!(files("counter"), ["counter", "etc/group", "etc/passwd"]);
    assert_eq!(files("guestbook"), ["etc/group", "etc/passwd", "etc/ssl/certs/rds.pem", "guestbook"]);
}

/// The names of places on the machine that builds would make the bytes another machine's. The test of the small service shows that they
/// are the same from two folders; these two have C, and crates of a registry, which lie under Cargo's home.
#[test]
fn no_path_of_this_machine_is_in_the_programs() {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = variable("HOME").expect("somebody builds");
    let cargo_home = variable("CARGO_HOME").unwrap_or_else(|| format!("{home}/.cargo"));
    let project = xtask::project::Project::find().expect("cargo runs the tests");
    let checkout = project.path("").canonicalize().expect("it is there");
    let target = project.target();
    let places = [
        cargo_home,
        variable("RUSTUP_HOME").unwrap_or_else(|| format!("{home}/.rustup")),
        checkout.display().to_string(),
        target.display().to_string(),
        home,
    ];
    let places = places.map(|place| format!("{}/", place.trim_end_matches('/')));
    // Of a user whose home is `/`, every program has paths.
    assert!(places.iter().all(|place| place.len() > 1), "nothing can be told from {places:?}");
    for (service, _) in SERVICES {
        let root = tempfile::tempdir().expect("a folder");
        unpacked(layout(service).to_str().expect("UTF-8"), root.path()).expect("it is there");
        let program = std::fs::read(root.path().join(service)).expect("it is the program");
        let has = |text: &str| program.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(has("/cargo/registry/src/"), "{service} has no path of a crate, so that this proves nothing");
        let found: Vec<&String> = places.iter().filter(|place| has(place)).collect();
        assert!(found.is_empty(), "{service} has names of folders of this machine: {found:?}");
    }
}

fn list(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).expect("it is inside").display().to_string());
        }
    }
}
