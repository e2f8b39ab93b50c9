//! What `cargo xtask image` builds, without a registry.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::checkout::{Checkout, blob, read, text};

/// Every kind of thing that differs between two machines and may not matter: the folder, the target folder, what a shell has
/// set, and the file modes that a umask leaves.
#[test]
fn an_image_is_the_same_from_every_folder() {
    let (one, other) = (Checkout::make("one"), Checkout::make("another folder with a longer name"));
    let overlay = other.root.join("services/app/image/etc/ssl/certs/rds.pem");
    fs::set_permissions(&overlay, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let variables = [
        ("CARGO_TARGET_DIR", elsewhere.path().to_str().expect("UTF-8")),
        ("RUSTFLAGS", "-Cdebuginfo=2"),
        ("CFLAGS", "-g"),
        ("CARGO_PROFILE_IMAGE_OPT_LEVEL", "0"),
    ];
    let (one, other) = (one.build(), other.image_with(&["--json"], &variables).images()[0].clone());
    assert_eq!(text(&one, "digest"), text(&other, "digest"));
    let lists = [&one, &other].map(|image| fs::read_to_string(text(image, "sbom")).expect("a list"));
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn the_image_holds_one_static_program_and_says_where_it_comes_from() {
    let checkout = Checkout::make("app");
    let image = checkout.build();
    assert_eq!((text(&image, "service"), &image["reference"]), ("app", &serde_json::Value::Null));
    let layout = text(&image, "layout");
    let index = read(&Path::new(layout).join("index.json"));
    let name = &index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"];
    assert_eq!(*name, checkout.head());
    let manifest = blob(layout, text(&image, "digest"));
    let config = blob(layout, text(&manifest["config"], "digest"));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/app"]));
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], checkout.head());
    assert_eq!(config["created"], "2026-11-26T12:00:00Z");
    let program =
        fs::read(checkout.root.join("target/x86_64-unknown-linux-gnu/image/app")).expect("a program");
    assert!(!names_a_loader(&program), "it is not static");
    let folder = checkout.root.to_str().expect("UTF-8").as_bytes();
    assert!(!program.windows(folder.len()).any(|window| window == folder), "it holds the folder's name");
}

/// Whether a program for 64 bits has a header of type `PT_INTERP`, which names the loader that finds its libraries.
/// Source: the ELF specification's tables of the file header and the program header.
fn names_a_loader(program: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, length: usize| {
        let bytes = program[at..at + length].iter().rev();
        bytes.fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (start, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|header| number(start + header * size, 4) == PT_INTERP as usize)
}

#[test]
fn the_list_of_contents_names_the_library_and_the_image() {
    let checkout = Checkout::make("app");
    let image = checkout.build();
    let list = read(Path::new(text(&image, "sbom")));
    assert_eq!(list["components"][0]["purl"], "pkg:cargo/library@0.0.0");
    assert_eq!(list["components"][0]["licenses"][0]["expression"], "MIT");
    let of_image = format!("sha256:{}", text(&list["metadata"]["component"]["hashes"][0], "content"));
    assert_eq!(of_image, text(&image, "digest"));
}

#[test]
fn people_get_a_line_for_each_image() {
    let checkout = Checkout::make("app");
    let answer = checkout.image(&["app"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let digest = checkout.build()["digest"].as_str().map(str::to_owned).expect("a digest");
    let (start, end) = answer.stdout.split_once(" MB  ").expect("a size");
    assert!(start.starts_with("app  "), "{}", answer.stdout);
    assert_eq!(end, format!("{digest}  in target/xtask/images/app\n"));
}

#[test]
fn what_is_not_committed_makes_another_image_with_another_name() {
    let checkout = Checkout::make("app");
    let clean = checkout.build();
    // Git does not know this file, and the image gets it.
    checkout.write("services/app/image/etc/more", "");
    let dirty = checkout.build();
    assert_ne!(text(&clean, "digest"), text(&dirty, "digest"));
    let index = read(&Path::new(text(&dirty, "layout")).join("index.json"));
    let name = &index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"];
    assert_eq!(*name, format!("{}-dirty", checkout.head()));
}

#[test]
fn what_makes_no_sense_ends_with_64_before_anything_is_built() {
    let checkout = Checkout::make("app");
    for (arguments, part) in [
        (&["ap"][..], "error: there is no service `ap` in `services/`\nhint: there are app\n"),
        (&["library"], "error: there is no service `library` in `services/`\nhint: there are app\n"),
        (&["--push"], "error: `--push` needs to know where to\nhint: name the registry with `--registry`\n"),
        (&["--push", "--registry", "http://10.0.0.1/x"], "hint: use `https://10.0.0.1`\n"),
        (&["--pull"], "unexpected argument '--pull'"),
    ] {
        let answer = checkout.image(arguments);
        assert_eq!(answer.code, Some(64), "{}", answer.stderr);
        assert!(answer.stderr.contains(part), "{}", answer.stderr);
    }
    assert!(!checkout.root.join("target").exists());
}

#[test]
fn a_dockerfile_without_docker_is_an_error_with_the_way_out() {
    let checkout = Checkout::make("app");
    checkout.write_dockerfile("other");
    let tools = tempfile::tempdir().expect("a folder");
    for tool in ["cargo", "rustc", "git"] {
        let path = std::env::var_os("PATH").expect("a path");
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
        std::os::unix::fs::symlink(found.expect("it is here"), tools.path().join(tool)).expect("a link");
    }
    let answer = checkout.image_with(&["other"], &[("PATH", tools.path().to_str().expect("UTF-8"))]);
    assert_eq!(answer.code, Some(5), "{}", answer.stderr);
    assert!(answer.stderr.contains("hint: install Docker with buildx"), "{}", answer.stderr);
}

/// No Docker is asked: what stands in for it leaves the layout that it was told to leave, and what it was told.
#[test]
fn what_docker_leaves_is_taken_as_the_image() {
    let checkout = Checkout::make("app");
    let app = checkout.build();
    checkout.write_dockerfile("other");
    let tools = tempfile::tempdir().expect("a folder");
    let docker = tools.path().join("docker");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" > docker.said\nfor word; do case $word in --output=*) to=${word##*dest=};; esac; done\n\
                  cp -r target/xtask/images/app/. \"$to\"\n";
    fs::write(&docker, script).expect("a script");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").expect("a path"));
    let other = checkout.image_with(&["other", "--json"], &[("PATH", &path)]).images()[0].clone();
    assert_eq!(text(&other, "digest"), text(&app, "digest"));
    assert_eq!(other["sbom"], serde_json::Value::Null);
    let said = fs::read_to_string(checkout.root.join("docker.said")).expect("it was run");
    assert!(said.starts_with("buildx\nbuild\n") && said.ends_with("services/other\n"), "{said}");
}
