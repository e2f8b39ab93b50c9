//! The guide that adds a service, followed in a copy of this repository: it is built, its own test passes, and it answers.

use std::path::Path;
use std::process::Command;

use service_testkit::Service;
use xtask::guide::Guide;
use xtask::project::Project;

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
    for verb in ["test", "build"] {
        let mut cargo = project.command("cargo");
        cargo.current_dir(copy.path()).args([verb, "--offline", "--workspace", "--bin", guide.service()]);
        succeed(cargo.env("CARGO_TARGET_DIR", target));
    }
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
}

fn write(file: &Path, content: &[u8]) {
    std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("there is room");
    std::fs::write(file, content).expect("there is room");
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
