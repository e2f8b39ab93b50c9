//! sitepush.toml: corpus, campaigns, and the places that its errors name.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sitepush::core::cache_rules::{CacheRules, EdgeCaching, Seen};
use sitepush::core::fingerprint::{Naming, Verdict};
use sitepush::core::key::ObjectKey;
use sitepush::error::Class;
use sitepush::settings::config::Config;
use sitepush::settings::config_error::{ConfigError, parse};
use sitepush::settings::config_file;

use crate::campaign::{damaged, extent, watch};
use crate::corpus;

const PARSER: &str = "config";

const DICTIONARY: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "#",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\u{1f600}",
    "\\u0000",
    "\\U0010FFFF",
    "\\",
    "[site]\n",
    "[targets.x]\n",
    "[[rules]]\n",
    "match = ",
    "directory = ",
    "headers = { ",
    "max_delete_percent = ",
    "concurrency = 0\n",
    "concurrency",
    "default_target = ",
    "true",
    "-1",
    "0x",
    "1e999",
    "inf",
    "nan",
    "9223372036854775808",
    "1979-05-27T07:32:00Z",
    "**",
    "[!",
    "{a,b}",
    "`",
];

#[test]
fn each_configuration_is_taken_or_refused_as_stated() {
    corpus::outcomes_are_as_stated(PARSER, |sample| {
        let path = corpus::folder(PARSER).join(&sample.name);
        config_file::load(Some(&path)).map(|loaded| format!("{:?}", loaded.config)).map_err(|error| {
            assert_eq!(error.class, Class::Usage);
            error.render()
        })
    });
}

/// What must hold of any text.
fn is_read_or_explained(text: &str) -> TestCaseResult {
    match parse(text, "f") {
        Ok(config) => {
            prop_assert_eq!(parse(text, "f"), Ok(config.clone()), "the same text, another value");
            is_usable(&config)
        }
        Err(error) => points_into(&error, text),
    }
}

/// The rules of what was accepted compile or are refused, and give headers that HTTP can carry.
fn is_usable(config: &Config) -> TestCaseResult {
    let Ok((rules, _)) = CacheRules::new(&config.rules(), None, EdgeCaching::Invalidated) else {
        return Ok(());
    };
    let hashed = Verdict { naming: Naming::Hashed, ..Verdict::default() };
    for name in ["index.html", "downloads/a.pdf", "assets/app-DRXg7gsA.js"] {
        let key = ObjectKey::new(name).expect("a key");
        let headers = rules.classify(&key, Seen::default(), hashed, false).headers;
        for value in [&headers.cache_control, &headers.content_type, &headers.content_disposition] {
            let can_be_sent = value.as_deref().is_none_or(|value| http::HeaderValue::from_str(value).is_ok());
            prop_assert!(can_be_sent, "{headers:?}");
        }
    }
    Ok(())
}

/// A mistake has words, and a place that is in the text.
fn points_into(error: &ConfigError, text: &str) -> TestCaseResult {
    let drawing = error.to_string();
    prop_assert!(!error.problem.trim().is_empty(), "no words: {error:?}");
    prop_assert_eq!(error.problem.lines().count(), 1, "{:?}", error);
    let line = text.split('\n').nth(error.line - 1);
    prop_assert!(line.is_some(), "line {} of {:?}", error.line, text);
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    let line: String = line.unwrap_or_default().trim_end_matches('\r').chars().map(shown).collect();
    prop_assert_eq!(&error.source_line, &line, "{:?}", text);
    prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1, "{error:?} in {line:?}");
    prop_assert!(drawing.ends_with('^') && drawing.lines().count() == 4, "{drawing}");
    Ok(())
}

/// Lines that are right wherever they stand between others of their kind.
fn filler() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        Just(String::new()),
        "#[ -~]{0,20}",
        Just("# max_delete_percent concurrency sitemap \u{1f600}".to_owned())
    ];
    proptest::collection::vec(line, 0..6)
}

proptest! {
    #![proptest_config(extent(300))]

    #[test]
    fn a_damaged_configuration_is_read_or_its_mistake_shown_in_its_place(input in damaged(PARSER, DICTIONARY)) {
        let text = input.text();
        watch(&input, || is_read_or_explained(&text))?;
    }

    #[test]
    fn a_mistake_is_shown_on_its_own_line_and_column(
        before in filler(),
        after in filler(),
        indent in " {0,4}",
        (table, mistake, offset) in prop_oneof![
            Just(("[site]", "sitemap = 1", 0)),
            Just(("[site]", "directory = 7", 12)),
            Just(("[limits]", "max_delete_percent = 101", 0)),
            Just(("[limits]", "max_delete_percent = -5", 21)),
            Just(("[push]", "concurrency = 0", 0)),
            Just(("[push]", "concurrency = \"64\"", 14)),
            Just(("[retention]", "keep_days = 1.5", 12)),
            Just(("[targets.x]", "bucket = [\"b\"]", 9)),
        ],
    ) {
        let lines: Vec<String> = before
            .iter()
            .cloned()
            .chain([table.to_owned(), format!("{indent}{mistake}")])
            .chain(after)
            .collect();
        let error = parse(&lines.join("\n"), "f").expect_err("a mistake");
        prop_assert_eq!((error.line, error.column), (before.len() + 2, indent.len() + offset + 1), "{}", error);
    }
}
