//! Which commit is older: an older build does not overwrite a newer one unasked.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Cloud, Site};

const REFUSED: i32 = 3;

fn git(site: &Site, arguments: &[&str]) {
    git_at(site, "2026-01-01T00:00:00Z", arguments);
}

fn git_at(site: &Site, time: &str, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(site.path())
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false", "-c", "advice.detachedHead=false"])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("GIT_AUTHOR_DATE", time)
        .env("GIT_COMMITTER_DATE", time)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A small site under version control, without a commit yet.
fn repository() -> Site {
    let site = Site::small();
    git(&site, &["init", "-q"]);
    site
}

/// Commits this page on a day of January 2026.
fn commit(site: &Site, day: u32, page: &str) {
    site.write("index.html", page);
    git(site, &["add", "-A"]);
    git_at(site, &format!("2026-01-{day:02}T00:00:00Z"), &["commit", "-q", "-m", page]);
}

/// A clone that has but the newest commit of each branch it has, as CI systems make it.
fn shallow_clone(of: &Path, more: &[&str]) -> Site {
    let site = Site::new();
    let url = format!("file://{}", of.to_str().expect("a plain path"));
    git(&site, &[&["clone", "-q", "--depth", "1"], more, &[&url, "."]].concat());
    site
}

/// First, second and third on three days, the second with the branch `old`.
fn three_commits() -> Site {
    let site = repository();
    commit(&site, 1, "first");
    commit(&site, 2, "second");
    git(&site, &["branch", "old"]);
    commit(&site, 3, "third");
    site
}

/// The push must be refused and change nothing, and go through when it is told to.
#[track_caller]
fn is_refused_unless_allowed(cloud: &Cloud, site: &Site, page: &str) {
    let before = cloud.contents();
    let answer = cloud.push(site, &[]);
    answer.explains(REFUSED, &["is newer", "--allow-older-commit", "sitepush rollback"]);
    cloud.is_as_it_was(&before, "refused");
    cloud.push(site, &["--allow-older-commit"]).success();
    assert_eq!(cloud.body("index.html"), page);
}

#[test]
fn an_older_commit_does_not_overwrite_a_newer_one_unasked() {
    let cloud = Cloud::new();
    let site = repository();
    // By ancestry, whatever the clocks said when they were made.
    commit(&site, 2, "first");
    commit(&site, 1, "second");
    cloud.push(&site, &[]).success();
    git(&site, &["checkout", "-q", "HEAD~1"]);
    is_refused_unless_allowed(&cloud, &site, "first");
    git(&site, &["checkout", "-q", "main"]);
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("index.html"), "second");
}

#[test]
fn of_commits_without_a_common_history_the_later_one_is_newer() {
    let cloud = Cloud::new();
    let [one, other] = [repository(), repository()];
    commit(&one, 2, "of one repository");
    commit(&other, 1, "of another, and older");
    cloud.push(&one, &[]).success();
    is_refused_unless_allowed(&cloud, &other, "of another, and older");
    commit(&other, 3, "of another, and newer");
    cloud.push(&one, &[]).success();
    cloud.push(&other, &[]).success();
    assert_eq!(cloud.body("index.html"), "of another, and newer");
}

#[test]
fn a_shallow_clone_tells_an_older_commit_by_its_time() {
    let cloud = Cloud::new();
    let site = three_commits();
    cloud.push(&site, &[]).success();
    let old = shallow_clone(site.path(), &["--branch", "old"]);
    is_refused_unless_allowed(&cloud, &old, "second");
    // It does not know the commit that is live now, the parent of its own.
    let new = shallow_clone(site.path(), &["--branch", "main"]);
    cloud.push(&new, &[]).success();
    assert_eq!(cloud.body("index.html"), "third");
}

/// As where a CI system fetches a little of each branch into a folder that it keeps.
#[test]
fn a_history_that_was_cut_short_is_no_proof_that_a_commit_is_not_older() {
    let cloud = Cloud::new();
    let site = three_commits();
    cloud.push(&site, &[]).success();
    let both = shallow_clone(site.path(), &["--no-single-branch"]);
    git(&both, &["checkout", "-q", "old"]);
    is_refused_unless_allowed(&cloud, &both, "second");
    git(&both, &["checkout", "-q", "main"]);
    cloud.push(&both, &[]).success();
    assert_eq!(cloud.body("index.html"), "third");
}

#[test]
fn the_same_commit_may_be_pushed_again_and_a_newer_one_always() {
    let cloud = Cloud::new();
    let site = repository();
    commit(&site, 1, "first");
    cloud.push(&site, &[]).success();
    site.write("style.css", "built again with another compiler");
    cloud.push(&site, &[]).success();
    commit(&site, 2, "second");
    cloud.push(&site, &[]).success();
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases.as_array().expect("a list").len(), 3);
    assert_eq!(releases[0]["message"], "second");
    assert_eq!(releases[0]["author"], "Ann");
}

#[test]
fn after_a_rollback_the_newer_commit_goes_live_again() {
    let cloud = Cloud::new();
    let site = repository();
    commit(&site, 1, "first");
    cloud.push(&site, &[]).success();
    commit(&site, 2, "second");
    cloud.push(&site, &[]).success();
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.body("index.html"), "first");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("index.html"), "second");
}
