//! Wrong buckets, regions, credentials, clocks, distributions, and endpoints that are not there.

use super::*;

#[test]
fn a_wrong_bucket_is_named() {
    let published = Published::edited();
    published.site.write("style.css", "new");
    let site = published.site.path().to_str().expect("a plain path");
    let refuses = |name: &str, code: i32, words: &[&str]| {
        let arguments = ["push", site, "--bucket", name, "--distribution", DISTRIBUTION];
        published.cloud.run(&arguments).explains(code, words);
        published.is_untouched();
    };
    let words = ["bucket `no-such-bucket`", "NoSuchBucket", "check the bucket's name and region"];
    refuses("no-such-bucket", ENVIRONMENT, &words);
    for name in ["", "a", "s3://example-site", "example-site/folder"] {
        refuses(name, USAGE, &["bucket"]);
    }
    refuses("Not_A_Bucket", USAGE, &["InvalidBucketName"]);
}

#[test]
fn a_wrong_region_is_told_with_the_right_one_and_the_flag() {
    let published = Published::edited();
    let site = published.site.path().to_str().expect("a plain path");
    let mut command = published.cloud.command(&["push", site, "--bucket", BUCKET]);
    let output = command.env("AWS_REGION", "eu-west-1").output().expect("the program starts");
    let words =
        ["AuthorizationHeaderMalformed", "eu-west-1", "the bucket is in us-east-1", "pass", "`--region`"];
    Answer::from_output(&output).explains(ENVIRONMENT, &words);
    published.is_untouched();
    // And the flag wins over the environment.
    let mut command = published.cloud.command(&["push", site, "--bucket", BUCKET, "--region", "us-east-1"]);
    let output = command.env("AWS_REGION", "eu-west-1").output().expect("the program starts");
    Answer::from_output(&output).success();
}

#[test]
fn a_redirect_to_another_region_is_told_with_the_right_flag() {
    let published = Published::edited();
    published.cloud.faults().add(Rule::answer(StatusCode::MOVED_PERMANENTLY, "PermanentRedirect"));
    published.refuses(&[], ENVIRONMENT, &["PermanentRedirect", "`--region`"]);
}

#[test]
fn a_missing_permission_stops_a_push_before_it_changes_anything() {
    for (method, suffix) in
        [(Method::GET, ""), (Method::GET, "lock.json"), (Method::PUT, "lock.json"), (Method::PUT, "")]
    {
        let published = Published::edited();
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
    assert_eq!(published.cloud.body("index.html").as_bytes(), published.before.objects["index.html"]);
    published.cloud.faults().clear();
    published.cloud.push(&published.site, &[]).success();
    assert_eq!(published.cloud.site_keys().len(), 36);
}

#[test]
fn wrong_keys_are_told_and_not_shown() {
    let published = Published::edited();
    for (name, value) in
        [("AWS_SECRET_ACCESS_KEY", "wrong-secret-value"), ("AWS_ACCESS_KEY_ID", "AKIDUNKNOWNACCESSKEY")]
    {
        let mut command = published.cloud.command(&["push", published.site.path().to_str().expect("plain")]);
        let output =
            command.args(["--bucket", BUCKET]).env(name, value).output().expect("the program starts");
        let answer = Answer::from_output(&output).explains(ENVIRONMENT, &["sign in", "AWS_PROFILE"]);
        assert!(!answer.stderr.contains(value), "{}", answer.stderr);
        published.is_untouched();
    }
}

#[test]
fn a_program_that_gives_credentials_is_run_once_however_many_files_there_are() {
    let cloud = Cloud::new();
    let site = Site::small();
    for number in 0..40 {
        site.write(&format!("{number}.css"), format!("{number}"));
    }
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| home.path().join(name).to_str().expect("a plain path").to_owned();
    let keys = cloud.target.credentials();
    let given = serde_json::json!({
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Expiration": "2999-01-01T00:00:00Z",
    });
    std::fs::write(path("given.json"), given.to_string()).expect("it is written");
    let script = format!("echo run >> {}; cat {}", path("runs"), path("given.json"));
    std::fs::write(path("give.sh"), script).expect("it is written");
    let profile = format!("[default]\ncredential_process = sh {}\n", path("give.sh"));
    std::fs::write(path("config"), profile).expect("it is written");
    let mut command =
        cloud.command(&["push", site.path().to_str().expect("a plain path"), "--bucket", BUCKET]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.env("AWS_CONFIG_FILE", path("config")).output().expect("the program starts");
    Answer::from_output(&output).success();
    assert_eq!(cloud.site_keys().len(), 46);
    assert_eq!(std::fs::read_to_string(path("runs")).expect("it ran"), "run\n");
}

#[test]
fn no_credentials_at_all_are_told_at_once() {
    let published = Published::edited();
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
    let published = Published::edited();
    // Keys of another account may lie in the environment: they are not a substitute.
    let site = published.site.path().to_str().expect("a plain path");
    let mut command = published.cloud.command(&["push", site, "--bucket", BUCKET, "--profile", "nobody"]);
    let answer = Answer::from_output(&command.output().expect("the program starts"));
    answer.explains(ENVIRONMENT, &["`nobody` gives no credentials: it is not in ~/.aws/config", "sign in"]);
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
        let published = Published::edited();
        published.cloud.faults().add(Rule::answer(status, code));
        published.refuses(&[], ENVIRONMENT, &[code, words]);
    }
}

#[test]
fn credentials_that_expire_during_a_push_leave_the_live_site_to_the_next_one() {
    let published = Published::edited();
    let style = published.cloud.body("style.css");
    let expired = Rule::answer(StatusCode::BAD_REQUEST, "ExpiredToken");
    published.cloud.faults().add(expired.method(Method::PUT).key_suffix("style.css"));
    let answer = published.cloud.push(&published.site, &[]);
    answer.explains(ENVIRONMENT, &["cannot upload `style.css`", "ExpiredToken", "sign in"]);
    assert_eq!(published.cloud.body("style.css"), style);
    published.cloud.faults().clear();
    published.cloud.push(&published.site, &[]).success();
    assert_eq!(published.cloud.body("style.css"), "edited");
    assert_eq!(published.cloud.body("more.css"), "more");
}

#[test]
fn an_unknown_distribution_is_found_before_anything_changes() {
    let published = Published::edited();
    published.site.write("style.css", "new");
    let site = published.site.path().to_str().expect("a plain path");
    let answer = published.cloud.run(&["push", site, "--bucket", BUCKET, "--distribution", "E2UNKNOWN"]);
    answer.explains(ENVIRONMENT, &["cannot read distribution `E2UNKNOWN`", "check the distribution's id"]);
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
    let published = Published::edited();
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
    let published = Published::edited();
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
    let published = Published::edited();
    // RFC 6761: no name under `invalid` ever resolves.
    let words = ["cannot read the state of bucket", "no connection to http://no.invalid", "`--endpoint-url`"];
    published.refuses(&["--endpoint-url", "http://no.invalid"], ENVIRONMENT, &words);
}

/// That it ends is what is shown: the runner of the tests waits three minutes.
#[test]
fn an_endpoint_that_takes_connections_and_never_answers_is_given_up() {
    let published = Published::edited();
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
