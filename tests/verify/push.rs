//! `push --verify`, and the release that is taken back.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use sitepush::local::control::ControlPlane;

use crate::published::{found, whole_site};
use crate::site::{Reply, RunningSite, Wrong, plain, with, with_body};
use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site};

/// A build whose target says where its site is.
struct Project {
    cloud: Cloud,
    build: Site,
    home: Site,
    site: RunningSite,
}

impl Project {
    /// The site behind the distribution, with this wrong.
    fn new(wrong: Wrong) -> Self {
        let cloud = Cloud::new();
        let site = RunningSite::start(&cloud.target.edge, wrong);
        let project = Self { build: whole_site(), home: Site::new(), site, cloud };
        project.is_at(&project.site.url());
        project
    }

    fn is_at(&self, url: &str) {
        let store_arn = ControlPlane::store_arn(DISTRIBUTION);
        self.home.write(
            "sitepush.toml",
            format!(
                "[targets.a]\nbucket = \"{BUCKET}\"\ndistributions = [\"{DISTRIBUTION}\"]\n\
                 key_value_store = \"{store_arn}\"\nurl = \"{url}\"\n"
            ),
        );
    }

    fn command(&self, more: &[&str]) -> Command {
        let config = self.home.path().join("sitepush.toml");
        let paths = [self.build.path(), &config].map(|path| path.to_str().expect("a plain path").to_owned());
        let mut command = self.cloud.command(&["push", &paths[0], "--config", &paths[1]]);
        command.args(more);
        command
    }

    fn push(&self, more: &[&str]) -> Answer {
        Answer::from_output(&self.command(more).output().expect("the program starts"))
    }
}

/// A style sheet that is wrong, whatever was published.
fn wrong_style() -> Wrong {
    Wrong::changing(|seen, answer| {
        Reply::Answer(if seen.path == "/style.css" { with_body(answer, "wrong") } else { answer })
    })
}

#[test]
fn a_right_site_is_said_to_be_right_after_a_push() {
    let project = Project::new(Wrong::default());
    let answer = project.push(&["--verify"]).success();
    for words in ["committed", "verifying http://", "for at most 60 s", "verdict   right"] {
        assert!(answer.stderr.contains(words), "no `{words}` in {}", answer.stderr);
    }
    project.build.write("style.css", "new");
    let document = project.push(&["--verify", "--json"]).success().json();
    assert_eq!(document["outcome"]["uploaded_count"], 1);
    assert_eq!(document["verification"]["is_right"], true);
    assert_eq!(document["verification"]["release_id"], document["outcome"]["release_id"]);
    assert!(document.get("rollback").is_none());
}

#[test]
fn what_is_wrong_is_asked_for_again_until_it_is_right() {
    let (style, others) =
        (std::sync::Arc::new(AtomicUsize::new(0)), std::sync::Arc::new(AtomicUsize::new(0)));
    let counts = (style.clone(), others.clone());
    let project = Project::new(Wrong::changing(move |seen, answer| {
        let is_style = seen.path == "/style.css";
        let count = if is_style { &counts.0 } else { &counts.1 }.fetch_add(1, Ordering::SeqCst);
        Reply::Answer(if is_style && count < 2 { with_body(answer, "wrong") } else { answer })
    }));
    let document = project.push(&["--verify=30", "--json"]).success().json();
    assert_eq!(found(&document["verification"]), [""; 0]);
    assert_eq!(style.load(Ordering::SeqCst), 3, "it was wrong twice");
    let asked = document["verification"]["request_count"].as_u64().expect("a number");
    assert_eq!(asked, 3 + others.load(Ordering::SeqCst) as u64, "what was right is not asked for again");
}

#[test]
fn a_release_that_comes_right_within_the_stated_time_is_not_taken_back() {
    // Wrong for two looks of the second push: now, and after a second.
    for (time, is_kept) in [("--verify=30", true), ("--verify=1", false)] {
        let wrong_looks = std::sync::Arc::new(AtomicUsize::new(0));
        let left = wrong_looks.clone();
        let project = Project::new(Wrong::changing(move |seen, answer| {
            let is_wrong = seen.path == "/style.css"
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            Reply::Answer(if is_wrong { with_body(answer, "wrong") } else { answer })
        }));
        project.push(&[]).success();
        wrong_looks.store(2, Ordering::SeqCst);
        project.build.write("style.css", "second");
        let document =
            project.push(&[time, "--rollback-on-failure", "--json"]).expect_code(i32::from(!is_kept)).json();
        assert_eq!(document.get("rollback").is_none(), is_kept, "{time}: {document:#}");
        let live = if is_kept { "second" } else { crate::published::OLD_STYLE };
        assert_eq!(project.cloud.body("style.css"), live, "{time}");
        assert_eq!(wrong_looks.load(Ordering::SeqCst), 0, "{time}: it was asked again before that");
    }
}

#[test]
fn a_wrong_release_stays_live_unless_it_is_to_be_taken_back() {
    let project = Project::new(wrong_style());
    project.push(&[]).success();
    project.build.write("style.css", "second");
    let answer = project.push(&["--verify=1"]).expect_code(1);
    for words in ["`/style.css` has other bytes than the release", "`sitepush rollback` takes it back"] {
        assert!(answer.stderr.contains(words), "no `{words}` in {}", answer.stderr);
    }
    assert_eq!(project.cloud.body("style.css"), "second");
}

#[test]
fn a_wrong_release_is_taken_back() {
    let project = Project::new(wrong_style());
    let first = project.push(&["--json"]).success().json();
    project.build.write("style.css", "second").write("new.html", "new");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(found(&document["verification"]), ["problem bytes /style.css"]);
    assert_eq!(document["rollback"]["outcome"]["ending"], "done");
    assert_eq!(document["rollback"]["plan"]["to"], first["outcome"]["release_id"]);
    assert_eq!(project.cloud.body("style.css"), crate::published::OLD_STYLE);
    assert!(!project.cloud.site_keys().contains(&"new.html".to_owned()));

    project.build.write("style.css", "third");
    let answer = project.push(&["--verify=1", "--rollback-on-failure"]).expect_code(1);
    assert!(answer.stderr.contains(": 1 of its answers are wrong"), "{}", answer.stderr);
    assert!(answer.stderr.contains("was wrong and was taken back"), "{}", answer.stderr);
    assert_eq!(project.cloud.body("style.css"), crate::published::OLD_STYLE);
}

#[test]
fn there_may_be_nothing_to_go_back_to() {
    let project = Project::new(wrong_style());
    let answer = project.push(&["--verify=1", "--rollback-on-failure"]).expect_code(1);
    assert!(answer.stderr.contains("there is no release before this one"), "{}", answer.stderr);
    // This run published nothing, so there is nothing of it to take back.
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(document["outcome"]["ending"], "nothing-to-do");
    assert!(document.get("rollback").is_none(), "{document:#}");
    assert_eq!(project.cloud.body("style.css"), crate::published::OLD_STYLE);
}

#[test]
fn what_no_other_release_would_mend_takes_none_back() {
    let project = Project::new(Wrong::changing(|seen, answer| {
        Reply::Answer(if seen.path.starts_with("/.sitepush/") {
            plain(200, "text/plain", "open")
        } else {
            answer
        })
    }));
    project.push(&[]).success();
    project.build.write("style.css", "second");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(found(&document["verification"]), ["problem state-readable /.sitepush/manifest.json.gz"]);
    assert!(document.get("rollback").is_none());
    assert_eq!(project.cloud.body("style.css"), "second");

    // Who cannot ask does not know that it is wrong.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    project.is_at(&format!("http://{}", listener.local_addr().expect("an address")));
    drop(listener);
    project.build.write("style.css", "third");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(document["verification"], serde_json::Value::Null);
    assert_eq!(document["verification_error"]["error"]["class"], "environment");
    assert!(document.get("rollback").is_none());
    assert_eq!(project.cloud.body("style.css"), "third");
}

/// What a release that is right by itself looks like behind a distribution that is not.
#[track_caller]
fn is_kept(wrong: Wrong, site_settings: &str, expected: &[&str]) {
    let project = Project::new(wrong);
    let config = project.home.path().join("sitepush.toml");
    let text = std::fs::read_to_string(&config).expect("it is there") + site_settings;
    std::fs::write(&config, text).expect("it can be written");
    project.push(&[]).success();
    project.build.write("style.css", "second").write("new.html", "<h1>new</h1>");
    let answer = project.push(&["--verify=1", "--rollback-on-failure"]).expect_code(1);
    assert!(answer.stderr.contains("the one before would have the same faults"), "{}", answer.stderr);
    assert_eq!(project.cloud.body("style.css"), "second");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    let found = found(&document["verification"]);
    for finding in expected {
        assert!(found.contains(&(*finding).to_owned()), "no `{finding}` in {found:?}");
    }
}

#[test]
fn a_distribution_without_the_edge_function_takes_no_release_back() {
    let missing = || Reply::Answer(plain(404, "text/html", "not here"));
    let no_function = Wrong::changing(move |seen, answer| {
        // Nothing finds a page under an address that is no key.
        let is_key = seen.path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        if is_key || seen.path == "/" { Reply::Answer(answer) } else { missing() }
    });
    is_kept(no_function, "", &["problem not-there /about/", "problem not-there /new"]);

    let no_root =
        Wrong::changing(move |seen, answer| if seen.path == "/" { missing() } else { Reply::Answer(answer) });
    is_kept(no_root, "", &["problem not-there /"]);

    // The function is there, and nobody told it which of two addresses the site wants.
    let no_redirects = Wrong::asking(|request| {
        let path = request.uri().path().to_owned();
        if path == "/about" {
            *request.uri_mut() = "/about/".parse().expect("a path");
        }
    });
    is_kept(no_redirects, "[site]\ntrailing_slash = \"auto\"\n", &["problem no-redirect /about"]);
}

#[test]
fn what_the_release_did_not_change_takes_none_back() {
    let project = Project::new(wrong_style());
    project.push(&[]).success();
    project.build.write("about/index.html", "<h1>About us, anew</h1>");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(found(&document["verification"]), ["problem bytes /style.css"]);
    assert_eq!(document["verification"]["findings"][0]["is_of_release"], false);
    assert!(document.get("rollback").is_none(), "{document:#}");
    assert_eq!(project.cloud.body("about/index.html"), "<h1>About us, anew</h1>");
}

#[test]
fn an_address_of_another_site_takes_no_release_back() {
    let redirecting = Wrong::changing(|seen, _| {
        let to = format!("https://www.example.com{}", seen.path);
        Reply::Answer(with(plain(301, "text/plain", ""), "location", &to))
    });
    is_kept(redirecting, "", &["problem elsewhere /"]);
    let empty = Wrong::changing(|_, _| Reply::Answer(plain(404, "text/html", "nothing")));
    is_kept(empty, "", &["problem elsewhere /"]);
    let other = Wrong::changing(|_, _| Reply::Answer(plain(200, "text/html", "another site")));
    is_kept(other, "", &["problem elsewhere /"]);
}

#[test]
fn who_cannot_say_where_the_site_is_publishes_nothing_that_is_to_be_verified() {
    let cloud = Cloud::new();
    let build = whole_site();
    let folder = build.path().to_str().expect("a plain path");
    let answer = cloud.run(&["push", folder, "--bucket", BUCKET, "--verify"]);
    answer.explains(64, &["nothing says where the site is", "set `url` of the target"]);
    assert!(cloud.site_keys().is_empty());
}

#[test]
fn headers_that_a_policy_puts_there_take_no_release_back() {
    let policy = Wrong::changing(|_, answer| {
        let answer = with(answer, "cache-control", "no-store");
        Reply::Answer(if answer.status() == 200 {
            with(answer, "content-type", "application/octet-stream")
        } else {
            answer
        })
    });
    let expected = [
        "problem cache-control /index.html",
        "problem cache-control /new.html",
        "problem content-type /style.css",
    ];
    is_kept(policy, "", &expected);
}

#[test]
fn headers_of_the_release_before_are_of_the_release() {
    let project = Project::new(Wrong::changing(|seen, answer| {
        let is_old = seen.path == "/style.css";
        Reply::Answer(if is_old { with(answer, "content-language", "de") } else { answer })
    }));
    let config = project.home.path().join("sitepush.toml");
    let text = std::fs::read_to_string(&config).expect("it is there");
    let in_language = |language: &str| {
        let rule =
            format!("[[rules]]\nmatch = \"style.css\"\nheaders = {{ content-language = \"{language}\" }}\n");
        std::fs::write(&config, format!("{text}{rule}")).expect("it can be written");
    };
    in_language("de");
    project.push(&[]).success();
    in_language("en");
    let document = project.push(&["--verify=1", "--rollback-on-failure", "--json"]).expect_code(1).json();
    assert_eq!(found(&document["verification"]), ["problem header /style.css"]);
    assert_eq!(document["verification"]["findings"][0]["is_of_release"], true);
    assert_eq!(document["rollback"]["outcome"]["ending"], "done");
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_verifying_leaves_the_release_live() {
    let project = Project::new(Wrong::changing(|_, _| Reply::Silence));
    project.push(&[]).success();
    project.build.write("style.css", "second");
    let mut command = project.command(&["--verify=600", "--rollback-on-failure"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut text = String::new();
    while !text.contains("verifying http://") {
        assert!(lines.read_line(&mut text).expect("text") > 0, "{text}");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is `kill`").success());
    lines.read_to_string(&mut text).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(text.contains("the release stays live"), "{text}");
    assert_eq!(project.cloud.body("style.css"), "second");
    project.cloud.on_target("status", &[]).success();
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    let project = Project::new(Wrong::default());
    project.push(&["--rollback-on-failure"]).expect_code(64);
    project.push(&["--verify", "--dry-run"]).expect_code(64);
}
