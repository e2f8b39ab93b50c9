//! Images in a real registry, and what others see of them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use system::image::{BuiltImage, Source, digest_to_run};

use crate::checkout::{Checkout, blob, text};
use crate::registry::Registry;

#[test]
fn what_is_pushed_is_what_others_pull() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let image = checkout.push(&registry.address());
    let digest = text(&image, "digest");
    let pinned = format!("127.0.0.1:{}/example/app@{digest}", registry.port);
    assert_eq!((text(&image, "reference"), &image["pushed"]), (pinned.as_str(), &json!(true)));
    let seen =
        registry.inspect(&format!("example/app:{}", checkout.head())).expect("it is there under its commit");
    assert_eq!(text(&seen, "Digest"), digest);
    assert_eq!(seen["RepoTags"], json!([checkout.head()]));
    assert_eq!(seen["Labels"]["org.opencontainers.image.title"], "app");
    assert_eq!((text(&seen, "Architecture"), text(&seen, "Os")), ("amd64", "linux"));
    let pulled = tempfile::tempdir().expect("a folder");
    let layout = pulled.path().join("app");
    registry.copy(&format!("docker://{pinned}"), &format!("oci:{}", layout.display()));
    let layout = layout.to_str().expect("UTF-8");
    let manifest = blob(layout, digest);
    assert_eq!(manifest, blob(text(&image, "layout"), digest));
    let layer = text(&manifest["layers"][0], "digest").replace(':', "/");
    let layers = [layout, text(&image, "layout")].map(|layout| Path::new(layout).join("blobs").join(&layer));
    assert_eq!(std::fs::read(&layers[0]).expect("pulled"), std::fs::read(&layers[1]).expect("pushed"));
}

#[tokio::test]
async fn an_image_in_a_registry_says_of_which_commit_it_is() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let image = checkout.push(&registry.address());
    let pinned = text(&image, "reference");
    let commit = system::image::revision(pinned).await.expect("it is there");
    assert_eq!(commit, Some(checkout.head()));
    let digest = text(&image, "digest");
    let elsewhere = pinned.replace(digest, &format!("sha256:{}", "0".repeat(64)));
    let error = system::image::revision(&elsewhere).await.expect_err("there is no such image");
    assert!(format!("{error:#}").contains("sha256:0000"), "{error:#}");
}

/// The layout on this machine is one that others read too.
#[test]
fn the_layout_is_taken_by_other_tools() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let image = checkout.build();
    let to = format!("docker://127.0.0.1:{}/example/app:copied", registry.port);
    registry.copy(&format!("oci:{}:{}", text(&image, "layout"), checkout.head()), &to);
    let seen = registry.inspect("example/app:copied").expect("it is there");
    assert_eq!(text(&seen, "Digest"), text(&image, "digest"));
}

#[test]
fn a_second_push_sends_nothing() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let first = checkout.push(&registry.address());
    assert_eq!(registry.uploads(), (2, 1), "a configuration and a layer, and the manifest");
    let second = checkout.push(&registry.address());
    assert_eq!(second["pushed"], false);
    assert_eq!(text(&first, "reference"), text(&second, "reference"));
    assert_eq!(registry.uploads(), (2, 1));
    let table = checkout.image(&["--push", "--registry", &registry.address()]).stdout;
    assert!(table.contains(&format!("already there: {}", text(&first, "reference"))), "{table}");
}

#[test]
fn a_commit_that_leaves_the_program_as_it_was_sends_no_layer() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let first = checkout.push(&registry.address());
    checkout.write("README.md", "");
    checkout.git(&["add", "README.md"]);
    checkout.commit("The second");
    let second = checkout.push(&registry.address());
    assert_ne!(text(&first, "digest"), text(&second, "digest"));
    assert_eq!(registry.uploads(), (3, 2), "one configuration and one manifest more");
}

#[test]
fn a_tag_that_is_another_images_is_left_alone() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let first = checkout.push(&registry.address());
    let earlier = checkout.head();
    checkout.commit("The second");
    // Somebody else was here first, with another image.
    let repository = format!("docker://127.0.0.1:{}/example/app", registry.port);
    registry.copy(&format!("{repository}:{earlier}"), &format!("{repository}:{}", checkout.head()));
    let answer = checkout.image(&["--push", "--registry", &registry.address(), "--json"]);
    assert_eq!(answer.code, Some(3), "{}", answer.stderr);
    assert!(answer.stderr.contains("hint: by its labels, what is there is no image of"), "{}", answer.stderr);
    let there = text(&first, "digest");
    let part =
        format!("caused by: `example/app:{}` is there already, with the digest {there},", checkout.head());
    assert!(answer.stderr.contains(&part), "{}", answer.stderr);
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).expect("stdout is one document");
    assert_eq!((&document["exit_code"], &document["error"]["class"]), (&json!(3), &json!("refused")));
    let seen = registry.inspect(&format!("example/app:{}", checkout.head())).expect("it is still there");
    assert_eq!(text(&seen, "Digest"), there);
}

#[test]
fn a_registry_with_a_password_takes_the_images_of_who_has_it() {
    let (registry, checkout) = (Registry::start_with_password(), Checkout::make("app"));
    let address = registry.address();
    let push = |variables: &[(&str, &str)]| {
        checkout.image_with(&["--push", "--registry", &address, "--json"], variables)
    };
    let with = |password| [("SITEPUSH_REGISTRY_USER", "AWS"), ("SITEPUSH_REGISTRY_PASSWORD", password)];
    let name = format!("example/app:{}", checkout.head());
    for refused in [push(&[]), push(&with("another word"))] {
        assert_eq!(refused.code, Some(5), "{}", refused.stderr);
        assert!(refused.stderr.contains("wants a log-in, or another one"), "{}", refused.stderr);
        assert!(refused.stderr.contains("SITEPUSH_REGISTRY_PASSWORD"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("another word"), "{}", refused.stderr);
        assert!(!checkout.root.join("target/xtask/images/app").exists(), "it was built to be refused");
    }
    let half = push(&[("SITEPUSH_REGISTRY_USER", "AWS")]);
    assert_eq!(half.code, Some(64), "{}", half.stderr);
    assert!(half.stderr.contains("`SITEPUSH_REGISTRY_PASSWORD` is not"), "{}", half.stderr);
    assert_eq!(registry.uploads(), (0, 0));
    assert!(!registry.gives(&name, "AWS:a word"));

    let pushed = push(&with("a word")).images()[0].clone();
    assert_eq!(pushed["pushed"], true);
    assert!(registry.gives(&name, "AWS:a word") && !registry.gives(&name, "AWS:another word"));
    let again = push(&with("a word")).images()[0].clone();
    assert_eq!((&again["pushed"], &again["digest"]), (&json!(false), &pushed["digest"]));
}

/// Another machine, or the same one after an update, has another compiler: what it builds of a commit has another digest.
#[tokio::test]
async fn a_commit_that_was_built_with_other_tools_is_what_was_pushed_first() {
    let registry = Registry::start();
    let (first, second) = (Checkout::make("first"), Checkout::make("second"));
    assert_eq!(first.head(), second.head());
    let wrapper = second.root.join("target/other-compiler");
    second.write("target/other-compiler", "#!/bin/sh\nexec \"$@\" -Copt-level=0\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&wrapper, executable).expect("it is ours");
    let other_tools = [("RUSTC_WRAPPER", wrapper.to_str().expect("UTF-8"))];
    let other = second.image_with(&["--json"], &other_tools).images()[0].clone();
    let (service, layout) = ("app".to_owned(), PathBuf::from(text(&other, "layout")));
    let other =
        BuiltImage { service, digest: text(&other, "digest").to_owned(), layout, size_bytes: 0, sbom: None };
    let there = system::image::Registry::parse(&registry.address()).expect("an address");
    let source =
        |commit: String| Source { commit, changed: Vec::new(), time: Timestamp::UNIX_EPOCH, url: None };

    // Before there is anything, a deploy runs its own.
    let wanted = digest_to_run(&other, &there, &source(second.head())).await.expect("it answers");
    assert_eq!(wanted, other.digest);
    let pushed = first.push(&registry.address());
    let digest = text(&pushed, "digest");
    assert_ne!(digest, other.digest);
    let wanted = digest_to_run(&other, &there, &source(second.head())).await.expect("it answers");
    assert_eq!(wanted, digest);

    let again = second.image_with(&["--push", "--registry", &registry.address(), "--json"], &other_tools);
    let again = again.images()[0].clone();
    assert_eq!((text(&again, "digest"), text(&again, "reference")), (digest, text(&pushed, "reference")));
    assert_eq!((&again["pushed"], &again["is_other_build"]), (&json!(false), &json!(true)));
    assert_eq!(registry.uploads(), (2, 1), "nothing is sent");
    let table = second.image_with(&["--push", "--registry", &registry.address()], &other_tools).stdout;
    assert!(table.contains("already there, built of this commit with other tools: 127.0.0.1:"), "{table}");
}

#[test]
fn a_tree_that_differs_from_its_commit_is_not_pushed() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    checkout.write("services/app/image/etc/ssl/certs/rds.pem", "others\n");
    let answer = checkout.image(&["--push", "--registry", &registry.address()]);
    assert_eq!(answer.code, Some(3), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("hint: commit or stash `services/app/image/etc/ssl/certs/rds.pem`"),
        "{}",
        answer.stderr
    );
    assert!(!checkout.root.join("target").exists(), "it was refused before the build");
    assert_eq!(registry.uploads(), (0, 0));
}
