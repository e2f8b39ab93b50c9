//! Tasks from real images: pulled by digest, unpacked, and run with the image's root as their own and not as root.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use system::cluster::RegistryImages;
use system::rollout::Outcome;
use tar::{Builder, Header};

use super::stage::{CLUSTER, Stage, Version, get, options};

const USER: u32 = 65532;

/// Writes an image layout that holds the tiny service, and returns the image's digest.
fn write_layout(folder: &Path) -> String {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let blob = |bytes: &[u8], media_type: &str| -> Value {
        let hash = const_hex::encode(Sha256::digest(bytes));
        fs::write(blobs.join(&hash), bytes).expect("it is written");
        json!({ "mediaType": media_type, "digest": format!("sha256:{hash}"), "size": bytes.len() })
    };
    let layer = blob(&layer(), "application/vnd.oci.image.layer.v1.tar");
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/tiny-service"],
            "Env": ["VERSION=of the image"],
        },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = blob(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer] });
    let manifest = blob(manifest.to_string().as_bytes(), manifest_type);
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), index.to_string()).expect("it is written");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("it is written");
    manifest["digest"].as_str().expect("it has one").to_owned()
}

/// The program, the libraries that it is linked to, and a file that only the image's user may read.
fn layer() -> Vec<u8> {
    let program = env!("CARGO_BIN_EXE_tiny-service");
    let linked = Command::new("ldd").arg(program).output().expect("ldd runs");
    let linked = String::from_utf8(linked.stdout).expect("paths are text");
    let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
    let mut files: Vec<(String, Vec<u8>, u32)> =
        libraries.map(|path| (path.to_owned(), fs::read(path).expect("a library"), 0o755)).collect();
    files.push(("/tiny-service".to_owned(), fs::read(program).expect("the program"), 0o755));
    files.push(("/motd".to_owned(), b"from the image".to_vec(), 0o400));
    let mut archive = Builder::new(Vec::new());
    for (path, bytes, mode) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len().try_into().expect("it is short"));
        header.set_mode(mode);
        header.set_uid(USER.into());
        header.set_gid(USER.into());
        archive.append_data(&mut header, path.trim_start_matches('/'), &bytes[..]).expect("it fits");
    }
    archive.into_inner().expect("it is whole")
}

#[tokio::test]
async fn an_image_runs_with_its_own_root_and_user_and_is_told_when_it_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = folder.path().join("layout");
    let digest = write_layout(&layout);
    let layout = layout.to_str().expect("it is text").to_owned();
    let known = format!("registry.example/guestbook@{digest}");
    let address_of = {
        let known = known.clone();
        move |name: &str| {
            if name == known { layout.clone() } else { name.replace("registry.example", "127.0.0.1:9") }
        }
    };
    let images = Arc::new(RegistryImages::new(folder.path().join("unpacked"), address_of));
    let stage = Stage::with_images(images).await;
    stage.ecs.create_cluster().cluster_name(CLUSTER).send().await.expect("a cluster is made");

    let one = stage.register(&Version { image: &known, ..Version::healthy("one") }).await;
    stage.create_service(&one).await;
    let (outcome, events) = stage.watch(&one, &options()).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?} after {events:#?}");
    // The task definition's environment is stronger than the image's.
    stage.assert_runs(&one, "one").await;
    if rustix::process::geteuid().is_root() {
        assert_eq!(get(stage.router.address(), "/motd").await, Ok("from the image".to_owned()));
    }

    let missing = format!("registry.example/guestbook@sha256:{}", "0".repeat(64));
    let bad = stage.register(&Version { image: &missing, ..Version::healthy("two") }).await;
    let failure = stage.fail_and_go_back(&bad, &one, &options()).await;
    assert!(failure.reason.starts_with("CannotPullContainerError: "), "{failure:?}");
    assert!(failure.reason.contains(&missing), "{failure:?}");
    stage.cluster.stop().await;
}
