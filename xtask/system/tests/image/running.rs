//! Images that are pulled, unpacked and run.

use std::fs;

use crate::checkout::{Checkout, text};
use crate::container::{Way, unpacked};
use crate::registry::Registry;

#[test]
fn the_program_runs_as_its_user_on_a_root_that_it_cannot_write() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let image = checkout.push(&registry.address());
    for way in Way::all() {
        let root = tempfile::tempdir().expect("a folder");
        let config = unpacked(text(&image, "reference"), root.path()).expect("it is there");
        let output = way.prepare(&config, root.path(), &[]).command.output().expect("it can be run");
        let told = String::from_utf8_lossy(&output.stdout);
        let wanted = format!(
            "user 65532 group 65532\nwriting Err(ReadOnlyFilesystem)\nreplacing itself Err(ReadOnlyFilesystem)\n\
             commit {}\ncertificates authorities\n\nmade in /src/target/x86_64-unknown-linux-gnu/image/build/library-",
            checkout.head()
        );
        assert!(told.starts_with(&wanted), "{way:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn nothing_is_in_the_image_but_the_program_and_what_it_reads() {
    let checkout = Checkout::make("app");
    let image = checkout.build();
    let root = tempfile::tempdir().expect("a folder");
    unpacked(text(&image, "layout"), root.path()).expect("it is there");
    let mut names: Vec<_> = fs::read_dir(root.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["app", "etc"], "something else is in the image");
}

#[test]
fn a_layout_is_unpacked_as_what_is_pulled_is() {
    let checkout = Checkout::make("app");
    let image = checkout.build();
    let root = tempfile::tempdir().expect("a folder");
    let config = unpacked(text(&image, "layout"), root.path()).expect("it is there");
    assert_eq!(config.command(), ["/app"]);
    let passwd = fs::read_to_string(root.path().join("etc/passwd")).expect("a file");
    assert!(passwd.contains("\napp:x:65532:65532:"), "{passwd}");
    let again = unpacked(text(&image, "layout"), root.path()).expect_err("something is there");
    assert!(again.contains("is not empty"), "{again}");
}

/// A registry whose disk has gone bad, or that somebody got into.
#[test]
fn an_image_that_is_not_what_its_digest_says_is_not_unpacked() {
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let image = checkout.push(&registry.address());
    let manifest = crate::checkout::blob(text(&image, "layout"), text(&image, "digest"));
    for digest in
        [text(&manifest["layers"][0], "digest"), text(&manifest["config"], "digest"), text(&image, "digest")]
    {
        let file = registry.blob(digest);
        let bytes = fs::read(&file).expect("it is stored there");
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&file, changed).expect("it is ours");
        let root = tempfile::tempdir().expect("a folder");
        let error = unpacked(text(&image, "reference"), root.path()).expect_err("it was changed");
        assert!(error.contains("sha256:"), "{error}");
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 0, "nothing of it was unpacked");
        fs::write(&file, bytes).expect("it is ours");
    }
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let registry = Registry::start();
    let root = tempfile::tempdir().expect("a folder");
    let image = format!("127.0.0.1:{}/example/app@sha256:{}", registry.port, "0".repeat(64));
    let error = unpacked(&image, root.path()).expect_err("nothing was pushed");
    assert!(error.contains(&format!("there is no `{image}`")), "{error}");
}
