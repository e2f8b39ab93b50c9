//! Mistakes in `sitepush.toml` and `_headers`.

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
    configured("[[rules]]\nmatch = \"*\"\nheaders = { \"x-amz-meta-a b\" = \"c\" }\n", &["x-amz-meta-a b"]);
    let long = "m".repeat(2100);
    configured(&format!("[[rules]]\nmatch = \"*\"\nheaders = {{ \"x-amz-meta-a\" = \"{long}\" }}\n"), &["2"]);
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
