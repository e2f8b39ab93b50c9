//! What the program makes of the corpus: the documented exit code, one message and one hint, and nothing changed.

use crate::corpus::{Sample, folder, samples};
use crate::manifest::packed;
use crate::support::{Answer, Cloud, DISTRIBUTION, Site, program};

const REFUSED: i32 = 3;
const USAGE: i32 = 64;

/// The files of a parser that are refused.
fn broken(parser: &str) -> Vec<Sample> {
    let text = std::fs::read_to_string(folder(parser).join("outcomes.toml")).expect("there are outcomes");
    let outcomes: toml::Table = toml::from_str(&text).expect("the outcomes are read elsewhere too");
    let refused = outcomes["refused"].as_table().expect("a table");
    samples(parser).into_iter().filter(|sample| refused.contains_key(&sample.name)).collect()
}

/// Those of them that stand for one kind of error each; the whole folder is read elsewhere, without the program.
fn broken_in_kind(parser: &str, names: &[&str]) -> Vec<Sample> {
    let found: Vec<Sample> =
        broken(parser).into_iter().filter(|sample| names.contains(&sample.name.as_str())).collect();
    assert_eq!(found.len(), names.len(), "the corpus has all of {names:?}");
    found
}

const MANIFESTS: &[&str] =
    &["newer-format.json", "cut.json", "header-set-that-is-not-there.json", "key-that-climbs.json"];
const LOCKS: &[&str] = &["newer-format.json", "cut.json", "unknown-state.json"];

fn plain(path: &std::path::Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn a_broken_configuration_ends_with_the_code_for_usage() {
    let site = Site::small();
    for sample in broken("config") {
        let path = folder("config").join(&sample.name);
        let output = program().args(["inspect", plain(site.path()), "--config", plain(&path)]).output();
        Answer::from_output(&output.expect("the program starts")).explains(USAGE, &[&sample.name]);
    }
}

#[test]
fn a_broken_headers_file_ends_with_the_code_for_usage() {
    for sample in broken("headers") {
        let site = Site::small();
        site.write("_headers", &sample.bytes);
        let output = program().args(["inspect", plain(site.path())]).output();
        Answer::from_output(&output.expect("the program starts")).explains(USAGE, &["_headers`"]);
    }
}

#[test]
fn a_broken_plan_ends_with_the_code_for_usage() {
    for sample in broken("plan") {
        let path = folder("plan").join(&sample.name);
        let output = program().args(["push", "--plan", plain(&path)]).output();
        Answer::from_output(&output.expect("the program starts")).explains(USAGE, &[&sample.name]);
    }
}

/// Pushes onto a target whose state file is broken: it is refused, and nothing is changed.
fn is_refused(file: &str, bytes: impl Fn(&Sample) -> Vec<u8>, samples: Vec<Sample>) {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    site.write("index.html", "other");
    for sample in samples {
        cloud.put_foreign(&format!(".sitepush/{file}"), bytes(&sample));
        let before = cloud.contents();
        cloud.push(&site, &[]).explains(REFUSED, &[file]);
        cloud.is_as_it_was(&before, &sample.name);
    }
}

#[test]
fn a_broken_manifest_is_refused_and_nothing_is_changed() {
    is_refused("manifest.json.gz", |sample| packed(&sample.bytes), broken_in_kind("manifest", MANIFESTS));
}

#[test]
fn a_broken_lock_is_refused_and_nothing_is_changed() {
    is_refused("lock.json", |sample| sample.bytes.clone(), broken_in_kind("lock", LOCKS));
}

#[test]
fn a_broken_record_of_a_release_refuses_the_rollback_and_changes_nothing() {
    let cloud = Cloud::new();
    let site = Site::small();
    cloud.push(&site, &[]).success();
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    let id = releases[0]["id"].as_str().expect("an id").to_owned();
    site.write("index.html", "other");
    cloud.push(&site, &[]).success();
    for sample in broken_in_kind("manifest", MANIFESTS) {
        cloud.put_foreign(&format!(".sitepush/releases/{id}.json.gz"), packed(&sample.bytes));
        let before = cloud.contents();
        cloud.on_target("rollback", &[&id]).explains(REFUSED, &[&id]);
        cloud.is_as_it_was(&before, &sample.name);
    }
    assert_eq!(cloud.invalidated().len(), 1, "of the second push: {DISTRIBUTION}");
}
