//! What somebody meets who begins with the README alone: each of these was found by one who did.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Answer, BUCKET, Cloud, Site, program};

const REFUSED: i32 = 3;
const USAGE: i32 = 64;

/// The site's folder for the command line.
fn folder(site: &Site) -> &str {
    site.path().to_str().expect("a plain path")
}

/// A configuration in a folder of its own, and its path.
fn configured(text: &str) -> (Site, String) {
    let site = Site::new();
    site.write("sitepush.toml", text);
    let path = site.path().join("sitepush.toml").to_str().expect("a plain path").to_owned();
    (site, path)
}

mod files {
    use super::*;

    fn headers(cloud: &Cloud, key: &str) -> (Option<String>, Option<String>) {
        let headers = cloud.store().object(BUCKET, key).expect("it is published").headers;
        (headers.content_type.clone(), headers.content_encoding.clone())
    }

    #[test]
    fn a_compressed_file_is_served_as_the_file_that_it_is_unless_the_build_has_its_plain_form() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("data.csv.gz", "packed").write("prices.json.gz", "packed");
        site.write("all.json", "{}").write("all.json.gz", "packed");
        cloud.push(&site, &[]).success();
        let gzip = (Some("application/gzip".to_owned()), None);
        assert_eq!(headers(&cloud, "data.csv.gz"), gzip);
        assert_eq!(headers(&cloud, "prices.json.gz"), gzip);
        let form = (Some("application/json".to_owned()), Some("gzip".to_owned()));
        assert_eq!(headers(&cloud, "all.json.gz"), form);
        let shown = cloud.run(&["inspect", folder(&site)]).success().stdout;
        assert!(shown.contains("application/json, gzip"), "{shown}");
    }

    #[test]
    fn identity_takes_away_the_encoding_that_a_name_suggests() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("all.json", "{}").write("all.json.gz", "packed");
        let rule = "[[rules]]\nmatch = \"*.gz\"\nheaders = { content-encoding = \"identity\" }\n";
        let (_configuration, config) = configured(rule);
        cloud.push(&site, &["--config", &config]).success();
        assert_eq!(headers(&cloud, "all.json.gz"), (Some("application/gzip".to_owned()), None));
    }

    #[test]
    fn packed_source_maps_are_source_maps() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("assets/app.js.map", "{}").write("assets/app.js.map.gz", "packed");
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.site_keys().len(), 6, "{:?}", cloud.site_keys());
    }

    #[test]
    fn redirects_that_are_not_honored_are_told_once() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("_redirects", "/old /new 301\n");
        let told = |answer: Answer| {
            let all = answer.success();
            (all.stdout + &all.stderr).matches("`_redirects` is not read yet").count()
        };
        assert_eq!(told(cloud.run(&["inspect", folder(&site)])), 1);
        assert_eq!(told(cloud.push(&site, &[])), 1);
    }
}

mod rules {
    use super::*;

    #[test]
    fn a_leading_slash_in_a_pattern_means_nothing() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("drafts/new.html", "not yet");
        let (_configuration, config) = configured(
            "[site]\nignore = [\"/drafts/**\"]\n[[rules]]\nmatch = \"/style.css\"\ncache_control = \"no-store\"\n",
        );
        cloud.push(&site, &["--config", &config]).success();
        assert_eq!(cloud.cache_control("style.css"), "no-store");
        assert!(!cloud.site_keys().contains(&"drafts/new.html".to_owned()));
    }

    #[test]
    fn a_rule_that_hits_no_file_is_told_by_inspect_plan_and_push() {
        let cloud = Cloud::new();
        let site = Site::small();
        let (_configuration, config) =
            configured("[[rules]]\nmatch = \"*.pfd\"\ncache_control = \"no-store\"\n");
        let arguments = [folder(&site), "--config", &config];
        for command in ["inspect", "plan", "push"] {
            let answer = match command {
                "inspect" => cloud.run(&[&["inspect"], &arguments[..]].concat()),
                _ => cloud.on_target(command, &arguments),
            };
            let answer = answer.success();
            let all = answer.stdout + &answer.stderr;
            assert!(all.contains("rule 1 (`*.pfd`) matches no file of the build"), "{command}:\n{all}");
        }
    }
}

mod texts {
    use super::*;

    #[test]
    fn paths_to_invalidate_keep_their_query_and_addresses_are_refused() {
        let cloud = Cloud::new();
        let invalidate = |path: &str| cloud.on_target("invalidate", &[path]);
        invalidate("/x?a=1").success();
        assert_eq!(cloud.invalidated(), [["/x?a=1"]]);
        let words = ["`https://example.org/x` is an address", "write `/x`"];
        invalidate("https://example.org/x").explains(USAGE, &words);
        assert_eq!(cloud.invalidated().len(), 1);
    }

    #[test]
    fn a_message_of_many_lines_is_one_line_in_the_list_and_whole_for_programs() {
        let cloud = Cloud::new();
        let message = "Say that we moved\n\nFrom the old house\nto the new one";
        cloud.push(&Site::small(), &["--message", message]).success();
        let list = cloud.on_target("releases", &[]).success().stdout;
        assert_eq!(list.lines().count(), 1, "{list}");
        assert!(list.ends_with("Say that we moved\n"), "{list}");
        let releases = cloud.on_target("releases", &["--json"]).success().json();
        assert_eq!(releases[0]["message"], message);
    }

    #[test]
    fn a_new_key_is_not_counted_as_a_changed_one() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        site.write("style.css", "other").write("new.css", "new");
        let plan = cloud.on_target("plan", &[folder(&site)]).success().stderr;
        assert!(plan.contains("1 changed key is reached by 1 cached path"), "{plan}");
        assert!(plan.contains("1 new key needs none"), "{plan}");
    }

    #[test]
    fn an_empty_build_is_only_refused() {
        let cloud = Cloud::new();
        let empty = Site::new();
        let answer = cloud.push(&empty, &[]).explains(REFUSED, &["the build is empty"]);
        assert!(!answer.stderr.contains("up to date"), "{}", answer.stderr);
        let site = Site::small();
        cloud.push(&site, &[]).success();
        let answer = cloud.push(&empty, &[]).explains(REFUSED, &["the build is empty"]);
        assert!(!answer.stderr.contains("left the build"), "{}", answer.stderr);
        let shown = cloud.run(&["inspect", folder(&empty)]).success().stdout;
        assert!(shown.contains("a push is refused"), "{shown}");
    }

    #[test]
    fn drift_without_end_is_counted_and_named_whole_for_programs() {
        let cloud = Cloud::new();
        let site = Site::small();
        for number in 0..30 {
            site.write(&format!("data/{number:02}.txt"), format!("{number}"));
        }
        cloud.push(&site, &[]).success();
        for number in 0..30 {
            cloud.put_foreign(&format!("data/{number:02}.txt"), "other");
        }
        let status = cloud.on_target("status", &["--verify-remote"]).success().stdout;
        assert_eq!(status.matches("has other bytes").count(), 20, "{status}");
        assert!(status.contains("and 10 more objects"), "{status}");
        let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
        assert_eq!(status["drift"].as_array().map(Vec::len), Some(30));
    }
}

mod programs {
    use super::*;

    #[track_caller]
    fn told(answer: Answer, code: i32, class: &str) -> Value {
        let answer = answer.expect_code(code);
        let document = answer.json();
        assert_eq!(document["error"]["class"], class, "{document:#}");
        assert_eq!(document["exit_code"], code, "{document:#}");
        let message = document["error"]["message"].as_str().expect("text");
        assert!(answer.stderr.contains(message), "{}", answer.stderr);
        document
    }

    #[test]
    fn an_error_is_one_document_too() {
        let cloud = Cloud::new();
        let site = Site::small();
        let missing = told(cloud.on_target("push", &["no-such-folder", "--json"]), USAGE, "usage");
        assert_eq!(missing["error"]["hint"], "run the build first, or name the folder that holds it");
        assert_eq!(missing["error"]["causes"], serde_json::json!([]));
        told(cloud.push(&Site::new(), &["--json"]), REFUSED, "refused");
        let arguments = ["status", "--bucket", "another-bucket", "--json"];
        let denied = told(cloud.run(&arguments), 5, "environment");
        assert!(denied["error"]["causes"][0].as_str().is_some_and(|cause| cause.contains("NoSuchBucket")));
        told(cloud.push(&site, &["--json", "--no-such-flag"]), USAGE, "usage");
    }

    #[test]
    fn a_refused_plan_is_in_the_document_of_its_refusal() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        site.remove("index.html");
        for command in ["plan", "push"] {
            let refused = told(cloud.on_target(command, &[folder(&site), "--json"]), REFUSED, "refused");
            assert_eq!(refused["plan"]["changes"][0]["key"], "index.html", "{command}");
        }
    }
}

mod commits {
    use super::*;

    fn git(site: &Site, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(site.path())
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_build_of_changed_sources_is_not_recorded_as_the_commit_alone() {
        let cloud = Cloud::new();
        let site = Site::new();
        site.write("src/page.md", "hello").write(".gitignore", "dist\n").write("dist/index.html", "hello");
        git(&site, &["init", "-q"]);
        git(&site, &["add", "."]);
        git(&site, &["commit", "-qm", "Say hello"]);
        let dist = site.path().join("dist");
        let push = || cloud.on_target("push", &[dist.to_str().expect("a plain path")]).success();
        push();
        site.write("src/page.md", "goodbye").write("dist/index.html", "goodbye");
        push();
        let releases = cloud.on_target("releases", &["--json"]).success().json();
        assert_eq!(releases[0]["commit"]["dirty"], true, "{releases:#}");
        assert_eq!(releases[1]["commit"]["dirty"], Value::Null, "{releases:#}");
        assert_eq!(releases[0]["commit"]["hash"], releases[1]["commit"]["hash"]);
        let list = cloud.on_target("releases", &[]).success().stdout;
        let marked: Vec<bool> =
            list.lines().map(|line| line.contains("(uncommitted changes) Say hello")).collect();
        assert_eq!(marked, [true, false], "{list}");
    }
}

#[test]
fn the_program_says_what_the_file_may_hold_as_its_hint_promises() {
    let shown = program().args(["init", "--print"]).output().expect("the program starts");
    let shown = Answer::from_output(&shown).success().stdout;
    for key in ["key_value_store", "trailing_slash", "endpoint_url", "default_target", "compress"] {
        assert!(shown.contains(&format!("# {key} = ")), "{key}:\n{shown}");
    }
}
