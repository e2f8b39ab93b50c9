//! The guide that adds a service, followed in a copy of this repository: it is built, its own test passes, it answers, and
//! `dev --check` starts it beside the others.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use service_testkit::Service;
use xtask::guide::Guide;
use xtask::project::Project;

use crate::support::{folder, task};

/// Has Cargo tell of what it built.
const MESSAGES: &[&str] = &["--message-format", "json-render-diagnostics"];

#[test]
fn the_service_of_the_guide_is_built_and_answers_as_its_document_says() {
    let project = Project::find().expect("cargo runs the tests");
    let guide = Guide::read(&project).expect("it is on its page");
    let copy = tempfile::tempdir().expect("there is room for a folder");
    for file in project.files().expect("git lists them") {
        write(&copy.path().join(&file), &std::fs::read(project.path(&file)).expect("it is there"));
    }
    for (path, content) in &guide.files {
        write(&copy.path().join(path), content.as_bytes());
    }
    let manifest = std::fs::read_to_string(project.path("Cargo.toml")).expect("it is there");
    let manifest = guide.add_member(&manifest).expect("it has members");
    write(&copy.path().join("Cargo.toml"), manifest.as_bytes());

    // Into the folder that this test was built into, with the features of the whole workspace: little is built again.
    let target = Path::new(env!("CARGO_BIN_EXE_system")).ancestors().nth(2).expect("target/debug/system");
    let cargo = |verb: &str, more: &[&str]| {
        let mut cargo = project.command("cargo");
        cargo.current_dir(copy.path()).args([verb, "--offline", "--workspace", "--bin", guide.service()]);
        succeed(cargo.args(more).env("CARGO_TARGET_DIR", target))
    };
    cargo("test", &[]);
    let built = cargo("build", MESSAGES);
    let program = target.join("debug").join(guide.service());
    let name = format!("{}/openapi.json", guide.folder);
    let (_, openapi) = guide.files.iter().find(|(path, _)| *path == name).expect("it has a document");
    let variables = [("DRAIN_DELAY_SECONDS", "0")];
    let service = Service::start(program.to_str().expect("UTF-8"), openapi, &variables);
    let site = format!("http://{}", service.http.authority);
    for route in service_testkit::documented_routes(openapi) {
        let path = route.strip_prefix("GET ").expect("it only tells");
        let answer = xtask::http::get(&site, path).expect("it answers");
        assert_eq!(answer.status, 200, "{path}");
        assert!(path != "/api/greeter" || answer.body == b"Hello.\n", "{:?}", answer.body);
    }
    service.signal("TERM");
    assert!(service.wait().status.success());
    beside_the_others(&project, copy.path(), &built);
}

/// The second step of the guide. Cargo would build everything again for the copy, and npm fetch everything: Cargo is played by what was
/// built of the others here, and of the new service (`built`) there, and npm's `ci` by what is installed here.
fn beside_the_others(project: &Project, copy: &Path, built: &str) {
    let mut others = project.command("cargo");
    others.args(["build", "--workspace", "--bin", "sitepush", "--bin", "counter", "--bin", "guestbook"]);
    let others = succeed(others.args(MESSAGES));
    xtask::frontend::install_if_needed(project).expect("npm works");
    let played = tempfile::tempdir().expect("there is room for a folder");
    let messages = played.path().join("messages");
    write(&messages, format!("{others}{built}").as_bytes());
    play(played.path(), "cargo", &format!("exec cat '{}'", messages.display()));
    let installed = project.path("frontend/node_modules");
    let npm = xtask::tools::find("npm").expect("it was found before");
    let install = format!("ln -s '{}' frontend/node_modules; echo added 51 packages", installed.display());
    let others = format!("exec '{}' \"$@\"", npm.display());
    play(played.path(), "npm", &format!("case \"$*\" in *' ci '*) {install} ;; *) {others} ;; esac"));

    let data = folder();
    let mut check = task(data.path(), &["--check"]);
    check.env("CARGO_MANIFEST_DIR", copy.join("xtask/system"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(played.path().to_owned()).chain(std::env::split_paths(&path));
    let output = check.env("PATH", std::env::join_paths(path).expect("they were joined")).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let checks = document["checks"].as_array().expect("a list");
    for name in ["greeter is asked for /api/greeter", "the counter counts"] {
        let check = checks.iter().find(|check| check["name"] == name);
        assert!(check.is_some_and(|check| check["problem"].is_null()), "{name}: {document}");
    }
}

fn write(file: &Path, content: &[u8]) {
    std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("there is room");
    std::fs::write(file, content).expect("there is room");
}

/// Puts a script into `folder` that does what `program` is to do.
fn play(folder: &Path, program: &str, script: &str) {
    let file = folder.join(program);
    write(&file, format!("#!/bin/sh\nset -eu\n{script}\n").as_bytes());
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("it is ours");
}

/// Gives what the command printed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("it can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}
