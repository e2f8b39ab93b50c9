//! The corpus: files by parser, and what is said to become of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

const OUTCOMES: &str = "outcomes.toml";

/// One file.
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What becomes of a folder's files: by name, words that the value or the error shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcomes {
    accepted: BTreeMap<String, Vec<String>>,
    refused: BTreeMap<String, Vec<String>>,
}

pub fn folder(parser: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "corpus", parser].iter().collect()
}

/// The files of a parser, by name.
pub fn samples(parser: &str) -> Vec<Sample> {
    let entries = fs::read_dir(folder(parser)).expect("the folder is there");
    let mut samples: Vec<Sample> = entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name").to_str().expect("a plain name").to_owned();
            Sample { name, bytes: fs::read(path).expect("readable") }
        })
        .filter(|sample| sample.name != OUTCOMES)
        .collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    samples
}

fn outcomes(parser: &str) -> Outcomes {
    let text = fs::read_to_string(folder(parser).join(OUTCOMES)).expect("there are outcomes");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{parser}: {error}"))
}

/// Those of a parser's files that can be read, by name.
pub fn samples_that_are_accepted(parser: &str) -> Vec<Sample> {
    let accepted = outcomes(parser).accepted;
    samples(parser).into_iter().filter(|sample| accepted.contains_key(&sample.name)).collect()
}

/// Reads every file by `read`, which gives the value or the error as text, and holds it against the stated outcomes.
pub fn outcomes_are_as_stated(parser: &str, read: impl Fn(&Sample) -> Result<String, String>) {
    let mut stated = outcomes(parser);
    let mut problems = Vec::new();
    for sample in samples(parser) {
        let (words, shown) = match (
            stated.accepted.remove(&sample.name),
            stated.refused.remove(&sample.name),
            read(&sample),
        ) {
            (Some(words), None, Ok(shown)) | (None, Some(words), Err(shown)) => (words, shown),
            (None, None, _) | (Some(_), Some(_), _) => {
                problems.push(format!("{}: one outcome must be stated", sample.name));
                continue;
            }
            (_, _, result) => {
                problems.push(format!("{}: {:.300}", sample.name, format!("{result:?}")));
                continue;
            }
        };
        if words.is_empty() || shown.is_empty() {
            problems.push(format!("{}: nothing is stated or nothing shown: {shown}", sample.name));
        }
        for word in words.iter().filter(|word| !shown.contains(word.as_str())) {
            problems.push(format!("{}: no `{word}` in: {shown}", sample.name));
        }
    }
    problems
        .extend(stated.accepted.keys().chain(stated.refused.keys()).map(|name| format!("{name} is missing")));
    assert!(problems.is_empty(), "{parser}:\n{}", problems.join("\n"));
}

/// An error and its causes on one line each.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n{error}"));
        cause = error.source();
    }
    text
}
