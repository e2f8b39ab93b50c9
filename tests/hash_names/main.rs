//! How often the rules err, in numbers: on random hashes in the alphabets of the tools, and on names that people give
//! to files, beside the names of a build.

mod tools;

use sitepush::core::fingerprint::{self, Naming, Verdict};

use tools::{Random, TOOLS, Tool};

const BUILDS: usize = 500;

/// The share of a tool's names, in parts per 100,000, whose verdict is one of `wrong`.
fn share(tool: &Tool, wrong: &[Naming]) -> usize {
    let mut random = Random(7);
    let (mut all, mut found) = (0, 0);
    for _ in 0..BUILDS {
        let mut names = tool.build(&mut random);
        let count = names.len();
        names.extend(["index.html", "favicon.svg"].map(str::to_owned));
        let verdicts = classify(&names);
        all += count;
        found += verdicts[..count].iter().filter(|verdict| wrong.contains(&verdict.naming)).count();
    }
    found * 100_000 / all
}

fn classify(names: &[String]) -> Vec<Verdict> {
    fingerprint::classify(names.iter().map(String::as_str))
}

#[test]
fn few_random_hashes_are_taken_for_writing() {
    for tool in &TOOLS {
        let missed = share(tool, &[Naming::HashLike, Naming::Lasting]);
        assert!(missed <= tool.most_missed * 1_000, "{}: {missed} of 100,000 are not immutable", tool.name);
    }
}

#[test]
fn next_to_no_hashed_file_is_deleted_while_open_pages_may_ask_for_it() {
    for tool in &TOOLS {
        let missed = share(tool, &[Naming::Lasting]);
        // Where a build has five files, there is little company to tell a hash by.
        let most = if tool.name == "vite, small" { 120 } else { 99 };
        assert!(missed <= most, "{}: {missed} of 100,000 are not kept", tool.name);
    }
}

/// The names of `fixtures/lookalikes.txt` that are called immutable when they lie, one at a time, in the directory
/// of the tool's scripts.
fn taken_beside(tool: &Tool) -> Vec<String> {
    let build = tool.build(&mut Random(11));
    let directory = build[0].rsplit_once('/').map_or("", |(directory, _)| directory);
    let human = include_str!("../fixtures/lookalikes.txt").lines().filter(|line| !line.starts_with('#'));
    let is_taken = |name: &&str| {
        let mut names = build.clone();
        names.push(format!("{directory}/{name}").trim_start_matches('/').to_owned());
        classify(&names).last().is_some_and(|verdict| verdict.is_fingerprinted())
    };
    human.filter(is_taken).map(str::to_owned).collect()
}

#[test]
fn few_names_by_people_are_called_immutable() {
    // Into a directory of a tool's own nobody else puts a file.
    for tool in TOOLS.iter().filter(|tool| !tool.has_own_directory()) {
        let taken = taken_beside(tool);
        // Of 223. Those that are left have nothing that tells them from a hash: `4uLU6hMC`.
        let most = if tool.has_capitals() { 14 } else { 0 };
        assert!(taken.len() <= most, "{}: {taken:#?}", tool.name);
    }
}
