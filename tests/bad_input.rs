//! What people get wrong, and what goes wrong around them: each ends with the documented exit code, one message, one
//! hint, and a bucket in which nothing has changed.

mod support;

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use sitepush::local::control::faults::{Fault as CloudFrontFault, Operation};
use sitepush::local::faults::Rule;
use sitepush::local::s3::Snapshot;
use support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site, program};

const REFUSED: i32 = 3;
const PART_WAY: i32 = 1;
const ENVIRONMENT: i32 = 5;
const USAGE: i32 = 64;

/// A published site, and what the bucket held then.
struct Published {
    cloud: Cloud,
    site: Site,
    before: Snapshot,
}

impl Published {
    fn new() -> Self {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        Self::with(cloud, site)
    }

    fn with(cloud: Cloud, site: Site) -> Self {
        let before = cloud.store().snapshot(BUCKET);
        Self { cloud, site, before }
    }

    /// Pushes, which must be refused with this code and these words, and change nothing.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, words: &[&str]) -> Answer {
        let answer = self.cloud.push(&self.site, arguments).explains(code, words);
        self.is_untouched();
        answer
    }

    #[track_caller]
    fn is_untouched(&self) {
        assert_eq!(self.cloud.store().snapshot(BUCKET), self.before);
    }
}

fn fresh(site: Site) -> Published {
    Published::with(Cloud::new(), site)
}

mod the_folder {
    use super::*;

    #[test]
    fn a_missing_folder_is_named() {
        let published = Published::new();
        let answer = published.cloud.on_target("push", &["no-such-folder"]);
        answer.explains(USAGE, &["there is no folder", "no-such-folder`", "run the build first"]);
        published.is_untouched();
    }

    #[test]
    fn a_file_is_not_taken_for_a_folder() {
        let published = Published::new();
        let file = published.site.path().join("index.html");
        let answer = published.cloud.on_target("push", &[file.to_str().expect("a plain path")]);
        answer.explains(USAGE, &["index.html` is a file, and a folder is needed"]);
        published.is_untouched();
    }

    #[test]
    fn no_folder_at_all_is_told_from_a_wrong_one() {
        let published = Published::new();
        published.cloud.on_target("push", &[]).explains(USAGE, &["no folder is named"]);
    }

    #[test]
    fn an_empty_folder_never_empties_the_site() {
        let published = Published::new();
        let empty = Site::new();
        for more in [&[][..], &["--allow-shrink"]] {
            published.cloud.push(&empty, more).explains(REFUSED, &["the build is empty"]);
        }
        // Nor does one in which nothing is to be published.
        empty
            .write(".DS_Store", "x")
            .write("app.js.map", "{}")
            .write("_headers", "/*\n  Cache-Control: no-store\n");
        published.cloud.push(&empty, &[]).explains(REFUSED, &["the build is empty"]);
        published.is_untouched();
    }

    #[test]
    fn a_build_that_lost_most_of_its_pages_is_refused_unless_that_is_said() {
        let cloud = Cloud::new();
        let site = Site::small();
        for number in 0..20 {
            site.write(&format!("blog/{number}.html"), format!("post {number}"));
        }
        cloud.push(&site, &[]).success();
        let published = Published::with(cloud, site);
        for number in 0..15 {
            published.site.remove(&format!("blog/{number}.html"));
        }
        published.refuses(&[], REFUSED, &["lacks 15 of the 23 live pages", "--allow-shrink"]);
        published.cloud.push(&published.site, &["--allow-shrink"]).success();
        assert!(!published.cloud.site_keys().contains(&"blog/3.html".to_owned()));
    }

    #[test]
    fn a_build_whose_pages_moved_or_were_renamed_has_lost_none() {
        let cloud = Cloud::new();
        let site = Site::small();
        for number in 0..20 {
            site.write(&format!("blog/{number}.html"), format!("post {number}"));
        }
        cloud.push(&site, &[]).success();
        for number in 0..10 {
            site.remove(&format!("blog/{number}.html"));
            site.write(&format!("blog/{number}/index.html"), format!("post {number} by another generator"));
            site.rename(&format!("blog/{}.html", number + 10), &format!("archive/{}.html", number + 10));
        }
        cloud.push(&site, &[]).success();
    }

    #[test]
    fn a_build_without_its_root_page_is_refused() {
        let published = Published::new();
        published.site.remove("index.html");
        published.refuses(&[], REFUSED, &["has no `index.html`, but the live release has one"]);
    }

    #[test]
    fn a_link_to_nowhere_is_named_and_can_be_left_out() {
        let published = fresh(Site::small());
        symlink("gone.html", published.site.path().join("about/old.html")).expect("links can be made");
        published.refuses(&[], USAGE, &["`about/old.html`", "leads nowhere"]);
        ignoring(&published, "about/old.html").success();
    }

    #[test]
    fn a_link_out_of_the_folder_publishes_nothing_from_there() {
        let outside = Site::new();
        outside.write("private.txt", "not for the world");
        let published = fresh(Site::small());
        symlink(outside.path().join("private.txt"), published.site.path().join("style2.css"))
            .expect("a link");
        published.refuses(&[], USAGE, &["`style2.css` leads out of the folder", "site.ignore"]);
        ignoring(&published, "style2.css").success();
        assert!(!published.cloud.site_keys().contains(&"style2.css".to_owned()));
    }

    #[test]
    fn a_linked_folder_outside_is_not_entered() {
        let outside = Site::new();
        outside.write("private.txt", "not for the world");
        let published = fresh(Site::small());
        symlink(outside.path(), published.site.path().join("data")).expect("a link");
        published.refuses(&[], USAGE, &["`data` leads out of the folder"]);
        ignoring(&published, "data").success();
        assert_eq!(published.cloud.site_keys().len(), 6);
    }

    #[test]
    fn links_in_a_loop_end() {
        let published = fresh(Site::small());
        symlink("..", published.site.path().join("about/up")).expect("a link");
        published.refuses(&[], USAGE, &["`about/up` leads into itself"]);
        std::fs::remove_file(published.site.path().join("about/up")).expect("the link is there");
        symlink("self.html", published.site.path().join("self.html")).expect("a link");
        published.refuses(&[], USAGE, &["`self.html` leads into itself"]);
    }

    #[test]
    fn links_inside_the_folder_are_followed() {
        let cloud = Cloud::new();
        let site = Site::small();
        symlink("style.css", site.path().join("theme.css")).expect("a link");
        symlink("about", site.path().join("ueber")).expect("a link");
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("theme.css"), "body { color: black }");
        assert_eq!(cloud.body("ueber/index.html"), cloud.body("about/index.html"));
    }

    #[test]
    fn a_pipe_or_socket_in_the_build_is_named_and_never_waited_for() {
        let published = fresh(Site::small());
        let pipe = published.site.path().join("live.html");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let started = Instant::now();
        published.refuses(&[], USAGE, &["`live.html` is neither a file nor a folder"]);
        assert!(started.elapsed() < Duration::from_secs(20));
        std::fs::remove_file(&pipe).expect("the pipe is there");
        let _socket =
            std::os::unix::net::UnixListener::bind(published.site.path().join("dev.sock")).expect("binds");
        published.refuses(&[], USAGE, &["`dev.sock` is neither a file nor a folder"]);
    }

    #[test]
    fn a_file_or_folder_that_may_not_be_read_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        for name in ["style.css", "about"] {
            let published = Published::new();
            published.site.write("index.html", "new");
            let path = published.site.path().join(name);
            let set_mode = |mode| {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
                    .expect("they are ours");
            };
            set_mode(0o000);
            let site = published.site.path().to_str().expect("a plain path");
            let command = published.cloud.command(&["push", site, "--bucket", BUCKET]);
            let is_above_permissions = std::fs::File::open(&path).is_ok();
            let mut command = if is_above_permissions { bound_by_permissions(&command) } else { command };
            let output = command.output().expect("the program starts");
            // So that the folder can be removed.
            set_mode(0o755);
            let answer = Answer::from_output(&output);
            answer.explains(USAGE, &[&format!("{name}`"), "ermission denied", "check its permissions"]);
            published.is_untouched();
        }
    }

    /// The same program without the power to read what it may not, which root has (in most containers, say).
    fn bound_by_permissions(command: &Command) -> Command {
        const POWERS: &str = "-dac_override,-dac_read_search";
        // Part of util-linux. Where it is missing the program does not start, and the test fails.
        let mut bound = Command::new("setpriv");
        bound.arg(format!("--bounding-set={POWERS}")).arg(format!("--inh-caps={POWERS}"));
        bound.arg(command.get_program()).args(command.get_args());
        bound.env_clear().stdin(std::process::Stdio::null());
        bound.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bound.current_dir(command.get_current_dir().expect("it has one"));
        bound
    }

    /// Pushes with a configuration that ignores `pattern`.
    fn ignoring(published: &Published, pattern: &str) -> Answer {
        let folder = Site::new();
        folder.write("sitepush.toml", format!("[site]\nignore = [\"{pattern}\"]\n"));
        let config = folder.path().join("sitepush.toml");
        published.cloud.push(&published.site, &["--config", config.to_str().expect("a plain path")])
    }
}

mod names {
    use super::*;

    #[test]
    fn a_name_that_is_not_utf_8_is_refused() {
        let published = fresh(Site::small());
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.html");
        std::fs::write(published.site.path().join(name), "x").expect("the file system takes any bytes");
        published.refuses(&[], USAGE, &["is not UTF-8"]);
    }

    #[test]
    fn a_newline_in_a_name_is_refused_and_does_not_break_the_message() {
        let published = fresh(Site::small());
        published.site.write("two\nlines.html", "x");
        published.refuses(&[], USAGE, &["two\\nlines.html", "control character"]);
    }

    #[test]
    fn odd_names_arrive_as_they_are_and_their_caches_are_dropped() {
        let names = [
            "with space.html",
            "hash#tag.html",
            "what?.html",
            "100%.html",
            "50%25.html",
            "a+b.html",
            "a&b=c;d.html",
            "quote'\"q.html",
            "\u{1f600}.html",
            "caf\u{e9}.html",
            "br[a]ck{e}t.html",
            "back\\slash.html",
            "tilde~.html",
            "star*.html",
            "dir with space/index.html",
        ];
        let cloud = Cloud::new();
        let site = Site::small();
        for name in names {
            site.write(name, name);
        }
        cloud.push(&site, &[]).success();
        for name in names {
            assert_eq!(cloud.body(name), name);
            site.write(name, format!("{name} again"));
        }
        let expected = cloud.site_keys();
        cloud.push(&site, &["--verify-remote"]).success();
        for name in names {
            assert_eq!(cloud.body(name), format!("{name} again"));
        }
        assert_eq!(cloud.site_keys(), expected);
        let again = cloud.push(&site, &["--verify-remote"]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
        for name in names.iter().filter(|name| **name != "dir with space/index.html") {
            site.remove(name);
        }
        cloud.push(&site, &["--allow-shrink"]).success();
        assert_eq!(cloud.site_keys().len(), 7);
        cloud.on_target("rollback", &[]).success();
        assert_eq!(cloud.site_keys(), expected);
    }

    #[test]
    fn equal_bytes_are_copied_from_and_to_odd_names() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("a+b c%#?\u{1f600}.txt", "the bytes");
        cloud.push(&site, &[]).success();
        site.write("d+e f%#?\u{e9}.txt", "the bytes");
        let answer = cloud.push(&site, &["--json"]).success().json();
        assert_eq!(answer["outcome"]["copied_count"], 1);
        assert_eq!(cloud.body("d+e f%#?\u{e9}.txt"), "the bytes");
    }

    #[test]
    fn decomposed_names_become_composed_keys() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("cafe\u{301}.html", "one");
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("caf\u{e9}.html"), "one");
        let again = cloud.push(&site, &[]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    }

    #[test]
    fn two_spellings_of_one_name_are_refused() {
        let published = fresh(Site::small());
        published.site.write("cafe\u{301}.html", "one").write("caf\u{e9}.html", "two");
        published.refuses(&[], USAGE, &["have the same name in normalized Unicode", "remove one of the two"]);
    }

    #[test]
    fn names_that_differ_only_in_case_are_published_and_mentioned() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("Style.css", "other");
        let answer = cloud.push(&site, &[]).success();
        assert!(
            answer.stderr.contains("`Style.css` and `style.css` differ only in case"),
            "{}",
            answer.stderr
        );
        assert_eq!(cloud.body("Style.css"), "other");
        assert_eq!(cloud.body("style.css"), "body { color: black }");
    }

    /// A key of exactly this many bytes, in segments that file systems take.
    fn long_name(length: usize) -> String {
        let mut name = format!("{}/", "d".repeat(200)).repeat(6);
        name.truncate(length - 6);
        if name.ends_with('/') {
            name.pop();
            name.push('d');
        }
        name + "e.html"
    }

    #[test]
    fn the_longest_key_fits_and_one_byte_more_does_not() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write(&long_name(1024), "long");
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body(&long_name(1024)), "long");

        let published = fresh(Site::small());
        published.site.write(&long_name(1025), "too long");
        published.refuses(&[], USAGE, &["1025 bytes long", "1024", "rename the file"]);
    }

    #[test]
    fn the_prefix_counts_in_the_length_of_a_key() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write(&long_name(1019), "long");
        cloud.push(&site, &["--prefix", "site"]).success();
        assert_eq!(cloud.body(&format!("site/{}", long_name(1019))), "long");

        let published = fresh(Site::small());
        published.site.write(&long_name(1020), "too long");
        published.refuses(&["--prefix", "site"], USAGE, &["1025 bytes long", "rename the file"]);
    }

    #[test]
    fn a_prefix_leaves_room_for_keys_of_our_own() {
        let published = fresh(Site::small());
        let prefix = "p".repeat(1010);
        published.refuses(&["--prefix", &prefix], USAGE, &["cannot be a prefix"]);
        for prefix in ["a//b", "a/../b", ".", "site/.sitepush", ".sitepush"] {
            published.refuses(&["--prefix", prefix], USAGE, &["cannot be a prefix"]);
        }
    }
}

mod the_content {
    use super::*;

    #[test]
    fn files_without_a_byte_are_published_kept_and_brought_back() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write(".well-known/empty", "").write("empty.html", "").write("empty.css", "");
        cloud.push(&site, &[]).success();
        for key in [".well-known/empty", "empty.html", "empty.css"] {
            assert_eq!(cloud.body(key), "");
        }
        let again = cloud.push(&site, &["--verify-remote"]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
        site.write("empty.html", "not any more");
        cloud.push(&site, &[]).success();
        cloud.on_target("rollback", &[]).success();
        assert_eq!(cloud.body("empty.html"), "");
    }

    #[test]
    fn secrets_stop_a_push_and_are_not_repeated() {
        // Put together here, so that this file is not itself a finding.
        let access_key = format!("{}{}", "AKIA", "QWERTYUIOPASDF12");
        let private_key = format!("-----BEGIN {} KEY-----\nMIIsecret\n", "RSA PRIVATE");
        for (name, content, word) in [
            (".env", "PASSWORD=hunter2", "`.env`"),
            ("config/.env.production", "PASSWORD=hunter2", "`config/.env.production`"),
            ("keys/server.pem", private_key.as_str(), "a private key in `keys/server.pem`"),
            ("app.js", access_key.as_str(), "an AWS access key id in `app.js`"),
        ] {
            let published = Published::new();
            published.site.write(name, content);
            let answer = published.refuses(&[], REFUSED, &[word, "site.allow_secrets"]);
            for secret in ["hunter2", "MIIsecret", access_key.as_str()] {
                assert!(
                    !answer.stderr.contains(secret) && !answer.stdout.contains(secret),
                    "{}",
                    answer.stderr
                );
            }
            let plan =
                published.cloud.on_target("plan", &[published.site.path().to_str().expect("a plain path")]);
            plan.explains(REFUSED, &[word]);
        }
    }

    #[test]
    fn a_false_alarm_can_be_allowed_by_name() {
        let cloud = Cloud::new();
        let site = Site::small();
        let access_key = format!("{}{}", "AKIA", "QWERTYUIOPASDF12");
        site.write("docs/keys.html", &access_key).write("docs/other.html", &access_key);
        let folder = Site::new();
        folder.write("sitepush.toml", "[site]\nallow_secrets = [\"docs/keys.html\"]\n");
        let config = folder.path().join("sitepush.toml");
        let config = config.to_str().expect("a plain path");
        cloud.push(&site, &["--config", config]).explains(REFUSED, &["`docs/other.html`"]);
        site.remove("docs/other.html");
        cloud.push(&site, &["--config", config]).success();
        assert_eq!(cloud.body("docs/keys.html"), access_key);
    }
}

mod the_account {
    use super::*;

    #[test]
    fn a_wrong_bucket_is_named() {
        let cloud = Cloud::new();
        let site = Site::small();
        let site = site.path().to_str().expect("a plain path");
        let answer = cloud.run(&["push", site, "--bucket", "no-such-bucket"]);
        answer.explains(
            ENVIRONMENT,
            &["bucket `no-such-bucket`", "NoSuchBucket", "check the bucket's name and region"],
        );
        for name in ["", "a", "s3://example-site", "example-site/folder"] {
            cloud.run(&["push", site, "--bucket", name]).explains(USAGE, &["bucket"]);
        }
        cloud.run(&["push", site, "--bucket", "Not_A_Bucket"]).explains(USAGE, &["InvalidBucketName"]);
    }

    #[test]
    fn a_wrong_region_is_told_with_the_right_one_and_the_flag() {
        let published = Published::new();
        let site = published.site.path().to_str().expect("a plain path");
        let mut command = published.cloud.command(&["push", site, "--bucket", BUCKET]);
        let output = command.env("AWS_REGION", "eu-west-1").output().expect("the program starts");
        let words =
            ["AuthorizationHeaderMalformed", "eu-west-1", "the bucket is in us-east-1", "pass", "`--region`"];
        Answer::from_output(&output).explains(ENVIRONMENT, &words);
        published.is_untouched();
        // And the flag wins over the environment.
        let mut command =
            published.cloud.command(&["push", site, "--bucket", BUCKET, "--region", "us-east-1"]);
        let output = command.env("AWS_REGION", "eu-west-1").output().expect("the program starts");
        Answer::from_output(&output).success();
    }

    #[test]
    fn a_redirect_to_another_region_is_told_with_the_right_flag() {
        let published = Published::new();
        published.cloud.faults().add(Rule::answer(StatusCode::MOVED_PERMANENTLY, "PermanentRedirect"));
        published.refuses(&[], ENVIRONMENT, &["PermanentRedirect", "`--region`"]);
    }

    #[test]
    fn a_missing_permission_stops_a_push_before_it_changes_anything() {
        for (method, suffix) in
            [(Method::GET, ""), (Method::GET, "lock.json"), (Method::PUT, "lock.json"), (Method::PUT, "")]
        {
            let published = Published::new();
            published.site.write("style.css", "body { color: green }");
            let action = if method == Method::GET { "`s3:GetObject`" } else { "`s3:PutObject`" };
            let rule = Rule::access_denied().method(method);
            let rule = if suffix.is_empty() { rule } else { rule.key_suffix(suffix) };
            published.cloud.faults().add(rule);
            published.refuses(&[], ENVIRONMENT, &["AccessDenied", action]);
            published.cloud.faults().clear();
            published.cloud.push(&published.site, &[]).success();
            assert_eq!(published.cloud.body("style.css"), "body { color: green }");
        }
    }

    #[test]
    fn uploads_that_are_not_permitted_are_told_once_and_the_site_stays() {
        let published = Published::new();
        for number in 0..30 {
            published.site.write(&format!("{number}.css"), format!("{number}"));
        }
        published.site.write("index.html", "new");
        published.cloud.faults().add(Rule::access_denied().method(Method::PUT).key_suffix(".css"));
        published
            .cloud
            .push(&published.site, &[])
            .explains(ENVIRONMENT, &["cannot upload", "AccessDenied", "`s3:PutObject`"]);
        assert_eq!(published.cloud.site_keys().len(), 6);
        assert_eq!(published.cloud.body("index.html").as_bytes(), published.before["index.html"]);
        published.cloud.faults().clear();
        published.cloud.push(&published.site, &[]).success();
        assert_eq!(published.cloud.site_keys().len(), 36);
    }

    #[test]
    fn wrong_keys_are_told_and_not_shown() {
        let published = Published::new();
        for (name, value) in
            [("AWS_SECRET_ACCESS_KEY", "wrong-secret-value"), ("AWS_ACCESS_KEY_ID", "AKIDUNKNOWNACCESSKEY")]
        {
            let mut command =
                published.cloud.command(&["push", published.site.path().to_str().expect("plain")]);
            let output =
                command.args(["--bucket", BUCKET]).env(name, value).output().expect("the program starts");
            let answer = Answer::from_output(&output).explains(ENVIRONMENT, &["sign in", "AWS_PROFILE"]);
            assert!(!answer.stderr.contains(value), "{}", answer.stderr);
            published.is_untouched();
        }
    }

    #[test]
    fn no_credentials_at_all_are_told_at_once() {
        let published = Published::new();
        let mut command = program();
        command
            .args(["push", published.site.path().to_str().expect("a plain path"), "--bucket", BUCKET])
            .args(["--endpoint-url", &published.cloud.target.endpoint_url()]);
        let started = Instant::now();
        let answer = Answer::from_output(&command.output().expect("the program starts"));
        answer.explains(
            ENVIRONMENT,
            &["cannot read the state of bucket", "no credentials were found", "AWS_ACCESS_KEY_ID", "sign in"],
        );
        assert!(started.elapsed() < Duration::from_secs(20));
        published.is_untouched();
    }

    #[test]
    fn a_profile_that_is_not_there_is_named() {
        let published = Published::new();
        // Keys of another account may lie in the environment: they are not a substitute.
        let site = published.site.path().to_str().expect("a plain path");
        let mut command = published.cloud.command(&["push", site, "--bucket", BUCKET, "--profile", "nobody"]);
        let answer = Answer::from_output(&command.output().expect("the program starts"));
        answer
            .explains(ENVIRONMENT, &["`nobody` gives no credentials: it is not in ~/.aws/config", "sign in"]);
        published.is_untouched();
    }

    #[test]
    fn a_profile_that_was_asked_for_wins_over_keys_in_the_environment() {
        let cloud = Cloud::new();
        let site = Site::small();
        let folder = Site::new();
        let own = cloud.target.credentials();
        let profiles = format!(
            "[site]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            own.access_key_id, own.secret_access_key
        );
        folder.write("credentials", profiles);
        let mut command = cloud.command(&["push", site.path().to_str().expect("a plain path")]);
        command
            .args(["--bucket", BUCKET, "--profile", "site"])
            .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("credentials"))
            .env("AWS_ACCESS_KEY_ID", "AKIDSOMEBODYELSE")
            .env("AWS_SECRET_ACCESS_KEY", "of-another-account");
        Answer::from_output(&command.output().expect("the program starts")).success();
        assert_eq!(cloud.site_keys().len(), 6);
    }

    #[test]
    fn expired_credentials_and_a_wrong_clock_are_told_apart() {
        for (status, code, words) in [
            (StatusCode::BAD_REQUEST, "ExpiredToken", "sign in"),
            (StatusCode::FORBIDDEN, "ExpiredToken", "sign in"),
            (StatusCode::FORBIDDEN, "RequestTimeTooSkewed", "set this machine's clock"),
        ] {
            let published = Published::new();
            published.cloud.faults().add(Rule::answer(status, code));
            published.refuses(&[], ENVIRONMENT, &[code, words]);
        }
    }

    #[test]
    fn an_unknown_distribution_is_found_before_anything_changes() {
        let published = Published::new();
        published.site.write("style.css", "new");
        let site = published.site.path().to_str().expect("a plain path");
        let answer = published.cloud.run(&["push", site, "--bucket", BUCKET, "--distribution", "E2UNKNOWN"]);
        answer
            .explains(ENVIRONMENT, &["cannot read distribution `E2UNKNOWN`", "check the distribution's id"]);
        published.is_untouched();
        let answer = published.cloud.run(&["invalidate", "/", "--distribution", "E2UNKNOWN"]);
        answer.explains(ENVIRONMENT, &["E2UNKNOWN"]);
    }

    #[test]
    fn a_distribution_that_may_not_be_read_is_found_before_anything_changes() {
        let published = fresh(Site::small());
        let control = &published.cloud.target.control;
        control.fail(Some(Operation::GetDistribution), CloudFrontFault::AccessDenied, 1);
        published.refuses(&[], ENVIRONMENT, &["cannot read distribution", DISTRIBUTION, "AccessDenied"]);
    }

    #[test]
    fn an_invalidation_that_may_not_be_made_is_owed() {
        let published = Published::new();
        published.site.write("style.css", "new");
        let control = &published.cloud.target.control;
        control.fail(Some(Operation::CreateInvalidation), CloudFrontFault::AccessDenied, 1);
        let answer = published.cloud.push(&published.site, &[]);
        answer.explains(PART_WAY, &["cannot invalidate", "AccessDenied"]);
        assert_eq!(published.cloud.body("style.css"), "new");
        published.cloud.push(&published.site, &[]).success();
        assert_eq!(published.cloud.invalidated(), [["/style.css"]]);
    }

    #[test]
    fn an_endpoint_that_is_not_there_is_given_up_within_seconds() {
        let published = Published::new();
        // Bound and let go: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|bound| bound.local_addr())
            .expect("a port")
            .port();
        let started = Instant::now();
        let endpoint_url = format!("http://127.0.0.1:{port}");
        published.refuses(
            &["--endpoint-url", &endpoint_url],
            ENVIRONMENT,
            &[
                "cannot read the state of bucket",
                &format!("no connection to {endpoint_url}"),
                "onnection refused",
                "check the network and `--endpoint-url`",
            ],
        );
        assert!(started.elapsed() < Duration::from_secs(15));
        published.refuses(&["--endpoint-url", "not a url"], USAGE, &["`not a url`"]);
    }

    #[test]
    fn an_endpoint_whose_name_nobody_knows_is_named() {
        let published = Published::new();
        // RFC 6761: no name under `invalid` ever resolves.
        let words =
            ["cannot read the state of bucket", "no connection to http://no.invalid", "`--endpoint-url`"];
        published.refuses(&["--endpoint-url", "http://no.invalid"], ENVIRONMENT, &words);
    }

    /// That it ends is what is shown: the runner of the tests waits three minutes.
    #[test]
    fn an_endpoint_that_takes_connections_and_never_answers_is_given_up() {
        let published = Published::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint_url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
        published.refuses(
            &["--endpoint-url", &endpoint_url, "--retry-seconds", "1"],
            ENVIRONMENT,
            &[
                "cannot read the state of bucket",
                &format!("no connection to {endpoint_url}: no answer within 15 s"),
                "check the network and `--endpoint-url`",
            ],
        );
    }
}

mod the_state {
    use super::*;

    fn gzipped(text: &str) -> Vec<u8> {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    fn with_manifest(bytes: Vec<u8>) -> Published {
        let published = Published::new();
        published.site.write("style.css", "new");
        published.cloud.put_foreign(".sitepush/manifest.json.gz", bytes);
        Published::with(published.cloud, published.site)
    }

    #[test]
    fn a_damaged_manifest_is_not_published_over() {
        for bytes in [
            b"not gzip".to_vec(),
            Vec::new(),
            gzipped("{\"schema\": 1"),
            gzipped("{\"schema\": 1}"),
            gzipped("[]"),
        ] {
            let published = with_manifest(bytes);
            published.refuses(&[], REFUSED, &["`.sitepush/manifest.json.gz`", ".sitepush/releases/"]);
            published.refuses(&["--verify-remote", "--allow-shrink"], REFUSED, &["manifest"]);
        }
    }

    #[test]
    fn a_manifest_of_a_newer_sitepush_is_left_to_it() {
        let published = with_manifest(gzipped("{\"schema\": 99, \"objects\": \"of another shape\"}"));
        published.refuses(&[], REFUSED, &["newer sitepush (format 99", "use the newest sitepush"]);
        for command in ["status", "releases", "rollback", "prune", "unlock"] {
            let answer = published.cloud.run(&[command, "--bucket", BUCKET]);
            answer.explains(REFUSED, &["newer sitepush (format 99"]);
        }
        published.is_untouched();
    }

    #[test]
    fn a_damaged_lock_is_not_taken_for_a_free_one() {
        for text in
            ["", "{", "{\"schema\": 1, \"state\": \"asleep\"}", "{\"schema\": 99, \"state\": \"free\"}"]
        {
            let published = Published::new();
            published.site.write("style.css", "new");
            published.cloud.put_foreign(".sitepush/lock.json", text);
            let published = Published::with(published.cloud, published.site);
            published.refuses(&[], REFUSED, &["`.sitepush/lock.json`"]);
        }
    }

    #[test]
    fn a_saved_plan_that_is_none_is_refused() {
        let published = Published::new();
        published.site.write("plan.json", "{}");
        let plan = published.site.path().join("plan.json");
        let plan = plan.to_str().expect("a plain path");
        published
            .cloud
            .run(&["push", "--plan", plan])
            .explains(USAGE, &["plan.json`", "sitepush plan --out"]);
        published.cloud.run(&["push", "--plan", "nowhere.json"]).explains(USAGE, &["`nowhere.json`"]);
        published.is_untouched();
    }

    #[test]
    fn commands_on_a_bucket_without_a_release_say_so() {
        let published = fresh(Site::small());
        for command in ["rollback", "prune"] {
            published.cloud.on_target(command, &[]).explains(USAGE, &["nothing"]);
        }
        published.is_untouched();
        published.cloud.on_target("status", &[]).success();
        published.cloud.on_target("releases", &[]).success();
    }

    #[test]
    fn a_release_that_is_not_there_is_named() {
        let published = Published::new();
        published
            .cloud
            .on_target("rollback", &["20200101T000000Z-abcdef0"])
            .explains(USAGE, &["20200101T000000Z-abcdef0"]);
        published.is_untouched();
    }
}

mod the_configuration {
    use super::*;

    fn configured(text: &str, words: &[&str]) {
        let published = Published::new();
        let folder = Site::new();
        folder.write("sitepush.toml", text);
        let config = folder.path().join("sitepush.toml");
        published.refuses(&["--config", config.to_str().expect("a plain path")], USAGE, words);
    }

    #[test]
    fn mistakes_in_sitepush_toml_are_shown_where_they_stand() {
        configured(
            "[site]\nsource_map = true\n",
            &["sitepush.toml:2:1", "`source_map`", "did you mean `source_maps`?"],
        );
        configured("[limits]\nmax_deletes = \"many\"\n", &["sitepush.toml:2:15"]);
        configured("[site\n", &["sitepush.toml:1:6"]);
        configured("[limits]\nmax_delete_percent = 300\n", &["sitepush.toml:2:"]);
        configured("[[rules]]\nmatch = \"*.css\"\ncompress = \"zip\"\n", &["sitepush.toml:3:12"]);
        configured("[push]\nconcurrency = 0\n", &["sitepush.toml:2:1"]);
    }

    #[test]
    fn rules_that_cannot_work_are_named() {
        configured("[site]\nignore = [\"a[\"]\n", &["`site.ignore`"]);
        configured("[[rules]]\nmatch = \"[\"\ncache_control = \"no-store\"\n", &["sitepush.toml:2:1"]);
        configured("[[rules]]\nmatch = \"*\"\ncache_control = \"max-age=soon\"\n", &["max-age"]);
        configured(
            "[[rules]]\nmatch = \"*\"\nheaders = { \"x-frame-options\" = \"DENY\" }\n",
            &["x-frame-options", "response headers policy"],
        );
        configured(
            "[[rules]]\nmatch = \"*\"\nheaders = { \"cache-control\" = \"no-store\" }\n",
            &["sitepush.toml:3:13", "use `cache_control`"],
        );
        configured("[[rules]]\ncache_control = \"no-store\"\n", &["sitepush.toml:1:1", "without `match`"]);
        configured("[[rules]]\nmatch = \"*.css\"\n", &["sitepush.toml:1:1", "sets nothing"]);
        configured(
            "[[rules]]\nmatch = \"*\"\ncontent_type = \"html\"\n",
            &["sitepush.toml:3:1", "a media type is like `text/html`"],
        );
        configured(
            "default_target = \"live\"\n[targets.production]\nbucket = \"b\"\n",
            &["`live`", "`production`"],
        );
    }

    #[test]
    fn values_that_no_header_can_carry_are_refused_before_anything_is_sent() {
        configured(
            "[[rules]]\nmatch = \"*\"\ncache_control = \"no-store\\r\\nx-evil: 1\"\n",
            &["sitepush.toml:3:1"],
        );
        configured(
            "[[rules]]\nmatch = \"*\"\nheaders = { \"x-amz-meta-a\" = \"line\\nline\" }\n",
            &["sitepush.toml:3:13"],
        );
        configured(
            "[[rules]]\nmatch = \"*\"\nheaders = { \"x-amz-meta-a b\" = \"c\" }\n",
            &["x-amz-meta-a b"],
        );
        let long = "m".repeat(2100);
        configured(
            &format!("[[rules]]\nmatch = \"*\"\nheaders = {{ \"x-amz-meta-a\" = \"{long}\" }}\n"),
            &["2"],
        );
    }

    #[test]
    fn a_configuration_that_is_named_must_be_there() {
        let published = Published::new();
        published.refuses(&["--config", "nowhere.toml"], USAGE, &["nowhere.toml`"]);
    }

    #[test]
    fn a_configuration_that_is_no_text_is_refused() {
        let published = Published::new();
        let folder = Site::new();
        folder.write("sitepush.toml", b"[site]\ndirectory = \"caf\xe9\"\n");
        let config = folder.path().join("sitepush.toml");
        published.refuses(&["--config", config.to_str().expect("a plain path")], USAGE, &["sitepush.toml`"]);
    }

    #[test]
    fn mistakes_in_headers_files_name_their_line() {
        for (text, words) in [
            ("  Cache-Control: no-store\n", "line 1"),
            ("/*\n  nonsense\n", "line 2"),
            ("about\n  Cache-Control: no-store\n", "line 1"),
            ("/*\n  Cache Control: x\n", "line 2"),
            ("/*\n\n  Cache-Control: max-age=soon\n", "line 3"),
        ] {
            let published = Published::new();
            published.site.write("_headers", text);
            published.refuses(&[], USAGE, &["_headers`", words]);
        }
    }

    #[test]
    fn bad_flags_are_usage() {
        let published = Published::new();
        for arguments in [
            &["--no-such-flag"][..],
            &["--retry-seconds", "soon"],
            &["--max-deletes", "-1"],
            &["--concurrency", "0"],
            &["--plan", "p.json"],
        ] {
            let answer = published.cloud.push(&published.site, arguments).expect_code(USAGE);
            let errors = answer.stderr.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!(errors, 1, "{}", answer.stderr);
            assert_eq!(answer.stdout, "");
            published.is_untouched();
        }
        published.cloud.run(&[]).expect_code(USAGE);
        published.cloud.run(&["publish"]).expect_code(USAGE);
        published.cloud.run(&["--version"]).success();
    }

    #[test]
    fn no_bucket_is_told_before_anything_is_read() {
        let published = Published::new();
        let site = published.site.path().to_str().expect("a plain path");
        published.cloud.run(&["push", site]).explains(USAGE, &["no bucket is named", "--bucket"]);
        let folder = Site::new();
        folder.write("own.toml", "[targets.production]\nprefix = \"site\"\n");
        let config = folder.path().join("own.toml");
        let arguments = ["push", site, "--config", config.to_str().expect("a plain path")];
        let words = ["the target `production` in own.toml has no `bucket`", "`[targets.production]`"];
        published.cloud.run(&arguments).explains(USAGE, &words);
        let short = published.cloud.run(&["push", site, "--bucket", "x"]);
        short.explains(USAGE, &["`x` cannot be a bucket's name", "3 to 63 characters"]);
    }
}
