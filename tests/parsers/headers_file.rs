//! `_headers`: corpus, campaigns, and rules that are written out and read back.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sitepush::core::headers::problem_with;
use sitepush::core::headers_file::HeadersFile;
use sitepush::core::key::ObjectKey;
use sitepush::error::Class;
use sitepush::settings::config_file;

use crate::campaign::{damaged, extent, watch};
use crate::corpus;

const PARSER: &str = "headers";

const DICTIONARY: &[&str] = &[
    "/",
    "/*",
    "*",
    "**",
    "/:name",
    ":",
    ": ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "#",
    "!",
    "  ! ",
    "?",
    "[",
    "]",
    "[!",
    "{",
    "}",
    "{,",
    ",",
    "\\",
    "/\n  ",
    "\n/a\n  cache-control: ",
    "max-age=",
    "max-age=99999999999",
    "no-store",
    "immutable",
    "content-type: ",
    "Content-Encoding: gzip\n",
    "x-amz-meta-a: b\n",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "\0",
    "\u{1f600}",
    "https://",
    "..",
];

fn shown(file: &HeadersFile) -> String {
    let rules: Vec<String> = file
        .rules
        .iter()
        .map(|rule| format!("line {}: {:?} {:?}", rule.line, rule.pattern, rule.headers))
        .collect();
    format!("{} rules: {}; unsupported: {:?}", file.rules.len(), rules.join("; "), file.unsupported)
}

#[test]
fn each_headers_file_is_taken_or_refused_as_stated() {
    corpus::outcomes_are_as_stated(PARSER, |sample| {
        let build = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(build.path().join("_headers"), &sample.bytes).expect("files can be written");
        let read = config_file::read_headers_file(build.path()).map_err(|error| {
            assert_eq!(error.class, Class::Usage);
            error.render()
        })?;
        Ok(shown(&read.expect("the file is there")))
    });
}

/// The rules as somebody would write them down.
fn written(rules: &[(String, Vec<(String, String)>)]) -> String {
    let headers = |headers: &[(String, String)]| {
        headers.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect::<String>()
    };
    rules.iter().map(|(pattern, lines)| format!("{pattern}\n{}", headers(lines))).collect()
}

fn rules(file: &HeadersFile) -> Vec<(String, Vec<(String, String)>)> {
    file.rules.iter().map(|rule| (rule.pattern.clone(), rule.headers.clone())).collect()
}

fn is_read_or_explained(text: &str) -> TestCaseResult {
    let lines: Vec<&str> = text.lines().collect();
    match HeadersFile::parse(text) {
        Ok(file) => {
            prop_assert!(file.rules.is_sorted_by(|a, b| a.line < b.line));
            for rule in &file.rules {
                let line = lines.get(rule.line - 1).copied().unwrap_or_default();
                prop_assert!(
                    line.contains(&rule.pattern) && rule.pattern.starts_with('/'),
                    "{line:?} {rule:?}"
                );
                for (name, value) in &rule.headers {
                    prop_assert_eq!(problem_with(name, value), None);
                    prop_assert_eq!(name, &name.to_ascii_lowercase());
                }
                for key in ["index.html", "a/b/c.html", "a/b.html/index.html", "assets/app-DRXg7gsA.js"] {
                    rule.matches(&ObjectKey::new(key).expect("a key"));
                }
            }
            let again = HeadersFile::parse(&written(&rules(&file)));
            prop_assert_eq!(again.as_ref().map(rules), Ok(rules(&file)), "{}", shown(&file));
        }
        Err(error) => {
            prop_assert!((1..=lines.len()).contains(&error.line), "{error} of {} lines", lines.len());
            prop_assert!(!error.problem.is_empty() && error.problem.lines().count() == 1, "{error:?}");
        }
    }
    Ok(())
}

/// What a mistake looks like, and whether it stands under a path.
fn mistakes() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("  no colon here"),
        Just("\t: value"),
        Just("  a b: c"),
        Just("assets/*"),
        Just("  cache-control: max-age=soon"),
        Just("  content-type: caf\u{e9}"),
    ]
}

fn good_rules() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let segment =
        prop_oneof!["[a-z0-9._-]{1,8}", Just("*".to_owned()), ":[a-z]{1,5}", "[a-z]\\*[a-z]", "\\[[a-z]\\]"];
    let pattern = vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")));
    let header = prop_oneof![
        ("cache-control", prop_oneof![Just("no-store".to_owned()), "public, max-age=[1-9][0-9]{0,6}"]),
        ("content-type", "[a-z]{2,8}/[a-z]{2,8}(; charset=utf-8)?".prop_map(String::from)),
        ("content-disposition", "attachment; filename=\"[ -!#-\\[\\]-~]{1,12}\"".prop_map(String::from)),
        ("content-language", "[a-z]{2}(-[A-Z]{2})?".prop_map(String::from)),
    ];
    vec((pattern, vec(header, 0..4)), 0..6)
}

proptest! {
    #![proptest_config(extent(120))]

    #[test]
    fn a_damaged_headers_file_is_read_or_its_mistake_named_by_line(input in damaged(PARSER, DICTIONARY)) {
        let text = input.text();
        watch(&input, || is_read_or_explained(&text))?;
    }
}

proptest! {
    #![proptest_config(extent(30))]

    #[test]
    fn rules_that_are_written_down_are_read_as_they_were(expected in good_rules(), is_windows in any::<bool>()) {
        let text = written(&expected);
        let text = if is_windows { text.replace('\n', "\r\n") } else { text };
        let file = HeadersFile::parse(&text).expect("valid");
        prop_assert_eq!(rules(&file), expected);
        prop_assert!(file.unsupported.is_empty());
    }

    #[test]
    fn a_mistake_in_the_rules_is_named_by_its_line(before in good_rules(), mistake in mistakes(), after in good_rules()) {
        let head = format!("/first\n{}", written(&before));
        let text = format!("{head}{mistake}\n{}", written(&after));
        let error = HeadersFile::parse(&text).expect_err("a mistake");
        prop_assert_eq!(error.line, head.lines().count() + 1, "{}", error);
    }
}
