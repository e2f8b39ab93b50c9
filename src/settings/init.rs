//! The sitepush.toml that `sitepush init` suggests.

/// What a look at the folder told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitObservation {
    /// The build's folder as the file should name it.
    pub directory: Option<String>,
    pub file_count: usize,
    pub fingerprinted_count: usize,
    pub has_source_maps: bool,
    pub has_headers_file: bool,
    pub has_service_worker: bool,
}

/// The commented file. Every commented-out setting is valid as it stands once its `# ` is taken away.
pub fn suggest(observed: &InitObservation) -> String {
    let directory = toml::Value::from(observed.directory.as_deref().unwrap_or("dist"));
    let found = findings(observed);
    format!(
        r#"# sitepush publishes the folder below to S3 behind CloudFront.
{found}
# The target that commands work on when `--target` does not name one, where there are several.
# default_target = "production"

[site]
# The folder of the build, relative to this file.
directory = {directory}
# Publish source maps.
# source_maps = false
# Files that are not published. `*` stays inside a segment, `**` does not.
# ignore = ["**/*.psd"]
# Files that only look as if they held secrets.
# allow_secrets = ["docs/example-key.txt"]
# Whether /about stands for about/index.html or about.html at the edge.
# clean_urls = true
# Both /about and /about/ answer. For pages with relative links, one can redirect to the other: "auto" (/about/ for
# about/index.html, /about for about.html), "add" or "remove" (the same for every page).
# trailing_slash = "keep"
# Whether paths that are no file are answered with index.html, for applications that route in the browser.
# single_page = false

[targets.production]
bucket = "my-site"
# The part of the bucket that the site owns.
# prefix = "site"
# region = "eu-central-1"
# profile = "production"
# The endpoint to ask instead of AWS.
# endpoint_url = "https://s3.example.com"
# The CloudFront distributions that serve the bucket: their cached copies are dropped when they change.
# distributions = ["E1234567890ABC"]
# The key value store that the edge function reads (`sitepush edge-function`).
# key_value_store = "arn:aws:cloudfront::123456789012:key-value-store/ID"
# Where visitors find the site, for `sitepush verify`.
# url = "https://www.example.com"
# The names by which visitors find the site, for `sitepush domain`.
# domains = ["example.com", "www.example.com"]
# Profiles of other accounts that have hosted zones for these names.
# zone_profiles = ["dns"]
# Whether `sitepush domain` writes HTTPS records.
# https_records = true

# How files are cached. Names with a content hash are immutable and everything else is revalidated without a rule.
# [[rules]]
# match = "downloads/**"
# cache_control = "public, max-age=3600"
# content_type = "application/octet-stream"
# "gzip" stores text compressed, "none" as it is.
# compress = "none"
# headers = {{ content-disposition = "attachment" }}

# [limits]
# Objects deleted in one run, at most.
# max_deletes = 256
# Refuse a build that lacks more than this share of the live pages and files.
# max_delete_percent = 50

# Hashed files stay for pages that are still open: while one of the newest releases refers to them, or for some days.
# [retention]
# keep_releases = 5
# keep_days = 7

# [push]
# Requests in flight, at most.
# concurrency = 64
# From this many objects on, sitepush keeps its record of them in parts.
# record_parts_from = 50000
"#
    )
}

fn findings(observed: &InitObservation) -> String {
    if observed.directory.is_none() {
        return "# No build was found: set the folder.\n".into();
    }
    let mut text = format!(
        "# Found {} {}, {} with a content hash in the name.\n",
        observed.file_count,
        if observed.file_count == 1 { "file" } else { "files" },
        observed.fingerprinted_count
    );
    if observed.has_source_maps {
        text.push_str("# Source maps were found: they are not published unless `source_maps` says so.\n");
    }
    if observed.has_headers_file {
        text.push_str("# The `_headers` file is read; rules here come before it.\n");
    }
    if observed.has_service_worker {
        text.push_str("# A service worker was found: it is written last and never immutable.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config_error::parse;
    use super::*;

    fn observed() -> InitObservation {
        InitObservation {
            directory: Some("build".into()),
            file_count: 12,
            fingerprinted_count: 5,
            has_source_maps: true,
            has_headers_file: true,
            has_service_worker: true,
        }
    }

    #[test]
    fn the_suggestion_is_a_valid_configuration() {
        let config = parse(&suggest(&observed()), "f").expect("valid");
        assert_eq!(config.site.directory.as_deref(), Some(std::path::Path::new("build")));
        assert_eq!(config.targets["production"].bucket.as_deref(), Some("my-site"));
        parse(&suggest(&InitObservation::default()), "f").expect("valid");
    }

    proptest! {
        #[test]
        fn a_folder_of_any_name_is_written_so_that_it_is_read_as_it_was(name in "\\PC{1,10}|[a-z\"'\\\\#\n]{1,6}") {
            let observed = InitObservation { directory: Some(name.clone()), ..observed() };
            let config = parse(&suggest(&observed), "f").expect("valid");
            prop_assert_eq!(config.site.directory, Some(name.into()));
        }
    }

    #[test]
    fn every_key_of_the_schema_is_shown() {
        let schema: serde_json::Value =
            serde_json::from_str(&super::super::schema::json_schema()).expect("the schema is JSON");
        let definitions = schema["$defs"].as_object().expect("an object");
        let sections =
            definitions.values().chain([&schema]).filter_map(|part| part["properties"].as_object());
        let text = suggest(&observed());
        let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("# ")).collect();
        let mut count = 0;
        for key in sections.flat_map(|properties| properties.keys()) {
            let is_shown = |line: &&&str| {
                line.starts_with(&format!("{key} = "))
                    || line.trim_start_matches('[').starts_with(&format!("{key}]"))
                    || line.starts_with(&format!("[{key}."))
            };
            assert!(lines.iter().any(|line| is_shown(&line)), "`{key}` is not shown:\n{text}");
            count += 1;
        }
        assert!(count > 25, "{count} keys");
    }

    #[test]
    fn every_setting_that_is_commented_out_is_valid_too() {
        let is_setting = |line: &str| line.starts_with('[') || line.split_once(" = ").is_some();
        let text: String = suggest(&observed())
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if is_setting(setting) => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&text, "f").expect("valid");
        assert_eq!(config.rules.len(), 1);
        assert_eq!(config.limits.max_deletes, Some(256));
        assert_eq!(config.retention.keep_releases, Some(5));
        assert_eq!(config.push.concurrency, Some(64));
        assert_eq!(config.targets["production"].distributions, ["E1234567890ABC"]);
    }
}
