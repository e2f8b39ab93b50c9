//! What the docs say is so: their examples run, their flags, keys, codes, tests and links exist.

mod support;

#[path = "support/console.rs"]
mod console;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use sitepush::cli::Cli;
use sitepush::core::iam_policy::needs::{COMMANDS as COMMANDS_THAT_ASK, CommandNeeds};
use sitepush::exit_code::ExitCode;
use support::Cloud;

const COMMANDS: [&str; 17] = [
    "init",
    "inspect",
    "plan",
    "push",
    "status",
    "verify",
    "doctor",
    "releases",
    "rollback",
    "prune",
    "invalidate",
    "domain",
    "unlock",
    "preview",
    "iam-policy",
    "schema",
    "edge-function",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README, changelog and everything in `docs`, relative to the root and sorted.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "CHANGELOG.md"].map(PathBuf::from).to_vec();
    for folder in ["docs", "docs/commands"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
        let files = entries.map(|entry| Path::new(folder).join(entry.expect("readable").file_name()));
        pages.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
    }
    pages.sort();
    pages
}

#[test]
fn every_console_example_prints_what_the_page_shows() {
    let is_update = std::env::var_os("SITEPUSH_UPDATE_DOCS").is_some();
    let mut problems = Vec::new();
    for path in pages() {
        let page = read(&path);
        if !page.contains("```console") {
            continue;
        }
        let (result, found) = console::run_page(&page);
        problems.extend(found.iter().map(|problem| format!("{}: {problem}", path.display())));
        if is_update && result != page {
            std::fs::write(root().join(&path), result).expect("pages can be written");
        }
    }
    let advice = "SITEPUSH_UPDATE_DOCS=1 rewrites the pages";
    assert!(problems.is_empty() || is_update, "{}\n{advice}", problems.join("\n\n"));
}

#[test]
fn an_example_that_differs_in_more_than_times_and_ids_is_found() {
    let page = "```console\n$ echo one; echo two\none\ntwo\n$ (exit 3)\n$ echo $?\n3\n```\n";
    assert_eq!(console::run_page(page), (page.to_owned(), Vec::new()));
    let (result, problems) = console::run_page(&page.replace("two\n$", "three\n$"));
    assert_eq!((result.as_str(), problems.len()), (page, 1));
    let live = |id: &str, time: &str| format!("live {id}: 1 uploaded (4 B) in {time}, 9 requests\n");
    let shown = live("20261123T101530Z-1a2b3c4", "0.1 s");
    assert!(console::fits(&shown, &live("20270101T000000Z-5d6e7f8-2", "12 s")));
    assert!(!console::fits(&shown, &live("20270101T000000Z-5d6e7f8", "0.1 s").replace('9', "8")));
    assert!(console::fits("a\n...\nd\n", "a\nb\nc\nd\n"));
    assert!(console::fits("...\nb\n...\n", "a\nb\nc\nd\n"));
    assert!(!console::fits("a\n...\nd\n", "a\nb\nc\n"));
    assert!(!console::fits("a\n...\nx\n...\n", "a\nb\nc\n"));
}

#[test]
fn every_command_has_a_page_and_every_page_a_command() {
    let commands: BTreeSet<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    assert_eq!(commands, COMMANDS.map(str::to_owned).into());
    let index = read("docs/README.md");
    let mut documented = BTreeSet::new();
    for page in pages().iter().filter(|page| page.starts_with("docs/commands")) {
        let name = page.file_stem().expect("a name").to_str().expect("a plain name").to_owned();
        assert!(index.contains(&format!("(commands/{name}.md)")), "docs/README.md does not name {name}");
        documented.insert(name);
    }
    assert_eq!(documented, commands);
}

#[test]
fn every_flag_is_in_its_commands_page_and_every_flag_there_exists() {
    for mut command in Cli::command().get_subcommands().cloned() {
        command.build();
        // A command with verbs has one page for all of them.
        let verbs = command.get_subcommands().flat_map(clap::Command::get_arguments);
        let expected: BTreeSet<String> = command
            .get_arguments()
            .chain(verbs)
            .filter(|argument| argument.get_id() != "help")
            .map(|argument| spelled(&argument.to_string(), argument.get_short()))
            .collect();
        let path = format!("docs/commands/{}.md", command.get_name());
        let page = read(&path);
        let documented: BTreeSet<String> = table_cells(&page, "## Arguments and flags").into_iter().collect();
        assert_eq!(documented, expected, "{path}");
    }
}

/// `-t, --target <NAME>`: as in the help text, without its padding and dots.
fn spelled(argument: &str, short: Option<char>) -> String {
    let long = argument.trim_end_matches("...");
    match short.filter(|_| long.starts_with("--")) {
        Some(short) => format!("-{short}, {long}"),
        None => long.to_owned(),
    }
}

/// The codes in the first cells of the tables under a heading.
fn table_cells(page: &str, heading: &str) -> Vec<String> {
    let section = page.split(&format!("{heading}\n")).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(cell, _)| cell.to_owned()).collect()
}

#[test]
fn help_texts_are_as_they_were_read() {
    let cloud = Cloud::new();
    insta::assert_snapshot!("sitepush", cloud.run(&["--help"]).success().stdout);
    for command in COMMANDS {
        insta::assert_snapshot!(command, cloud.run(&[command, "--help"]).success().stdout);
    }
    for verb in ["plan", "apply", "status", "remove"] {
        let help = cloud.run(&["domain", verb, "--help"]).success().stdout;
        insta::assert_snapshot!(format!("domain-{verb}"), help);
    }
}

#[test]
fn the_schema_in_the_docs_is_the_programs() {
    let schema = Cloud::new().run(&["schema"]).success().stdout;
    if std::env::var_os("SITEPUSH_UPDATE_DOCS").is_some() {
        std::fs::write(root().join("docs/sitepush.schema.json"), &schema).expect("docs can be written");
    }
    assert!(read("docs/sitepush.schema.json") == schema, "SITEPUSH_UPDATE_DOCS=1 rewrites it");
}

#[test]
fn every_key_of_the_configuration_is_documented_and_every_documented_key_exists() {
    let schema: serde_json::Value =
        serde_json::from_str(&sitepush::settings::schema::json_schema()).expect("the schema is JSON");
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value["properties"].as_object().expect("an object").keys().cloned().collect()
    };
    let page = read("docs/configuration.md");
    let sections = [
        ("## Top level", &schema),
        ("## `[site]`", &schema["$defs"]["SiteConfig"]),
        ("## `[targets.NAME]`", &schema["$defs"]["TargetConfig"]),
        ("## `[[rules]]`", &schema["$defs"]["RuleConfig"]),
        ("## `[limits]`", &schema["$defs"]["LimitsConfig"]),
        ("## `[retention]`", &schema["$defs"]["RetentionConfig"]),
        ("## `[push]`", &schema["$defs"]["PushConfig"]),
    ];
    for (heading, definition) in sections {
        let documented: BTreeSet<String> = table_cells(&page, heading).into_iter().collect();
        assert_eq!(documented, keys(definition), "{heading}");
    }
}

#[test]
fn every_toml_example_is_a_valid_configuration() {
    let mut count = 0;
    for path in pages() {
        let page = read(&path);
        for block in page.split("```toml\n").skip(1) {
            let text = block.split("```").next().expect("it begins");
            if let Err(error) = sitepush::settings::config_error::parse(text, "sitepush.toml") {
                panic!("{}: {error}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 2, "{count} examples");
}

/// Lines to be typed that are not shown with what they print.
#[test]
fn every_command_line_without_its_output_is_one_that_the_program_takes() {
    let mut count = 0;
    for path in pages() {
        let page = read(&path);
        let blocks =
            ["```sh\n", "```yaml\n"].map(|fence| page.split(fence).skip(1).collect::<Vec<_>>()).concat();
        let blocks = blocks.iter().map(|block| block.split("```").next().expect("it begins"));
        for line in blocks.flat_map(str::lines) {
            let line = line.trim().trim_start_matches("- run: ");
            if !line.starts_with("sitepush ") {
                continue;
            }
            let words = shlex::split(line).unwrap_or_else(|| panic!("{}: `{line}`", path.display()));
            let words = words.iter().take_while(|word| ![">", "|", "&&"].contains(&word.as_str()));
            if let Err(error) = Cli::command().try_get_matches_from(words) {
                panic!("{}: `{line}`: {error}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 15, "{count} lines");
}

#[test]
fn every_exit_code_is_documented() {
    let number = |code: ExitCode| match code {
        // A new code fails to compile here: it belongs into the list below and into the page.
        ExitCode::Done
        | ExitCode::PartWay
        | ExitCode::Changes
        | ExitCode::Refused
        | ExitCode::Conflict
        | ExitCode::Environment
        | ExitCode::Usage
        | ExitCode::Interrupted => (code as u8).to_string(),
    };
    let all = [
        ExitCode::Done,
        ExitCode::PartWay,
        ExitCode::Changes,
        ExitCode::Refused,
        ExitCode::Conflict,
        ExitCode::Environment,
        ExitCode::Usage,
        ExitCode::Interrupted,
    ];
    assert_eq!(table_cells(&read("docs/exit-codes.md"), "# Exit codes"), all.map(number));
}

/// The tests by the file that they stand in, relative to the root. What runs as a test by the macro of the emulators'
/// tests counts as one of its module.
fn tests_by_file() -> BTreeMap<PathBuf, BTreeSet<String>> {
    let mut sources = BTreeMap::new();
    for folder in ["src", "tests", "xtask/src"] {
        collect_sources(Path::new(folder), &mut sources);
    }
    let mut tests: BTreeMap<PathBuf, BTreeSet<String>> =
        sources.iter().map(|(file, source)| (file.clone(), tests_in(source))).collect();
    let (_, list) =
        sources[Path::new("tests/emulators/main.rs")].split_once("\npromises! {\n").expect("the list begins");
    let (list, _) = list.split_once("\n}").expect("the list ends");
    for group in list.split(';').filter(|group| !group.trim().is_empty()) {
        let (module, names) = group.split_once(':').expect("a module and its promises");
        let file = PathBuf::from(format!("tests/emulators/{}.rs", module.trim()));
        for name in names.split_whitespace() {
            assert!(sources[&file].contains(&format!("pub fn {name}(")), "{}: no `{name}`", file.display());
            tests.entry(file.clone()).or_default().insert(name.to_owned());
        }
    }
    tests
}

/// The functions of a file that are marked as tests.
fn tests_in(source: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            tests.extend(rest.split_once('(').map(|(name, _)| name.to_owned()));
            is_test = false;
        } else if !line.starts_with('#') && !line.starts_with("//") {
            is_test = false;
        }
    }
    tests
}

fn collect_sources(folder: &Path, sources: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("the folder is there") {
        let path = folder.join(entry.expect("readable").file_name());
        if root().join(&path).is_dir() {
            collect_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = read(&path);
            sources.insert(path, source);
        }
    }
}

/// What stands in backquotes and is named like a test.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        name.matches('_').count() >= 3
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

#[test]
fn a_test_is_a_function_that_is_marked_as_one() {
    let source = "#[test]\n/// Why.\n#[expect(dead_code)]\nfn one() {}\nfn two() {}\n\
                  #[tokio::test(start_paused = true)]\nasync fn three() {}\n#[test]\nconst X: u8 = 1;\nfn four() {}\n";
    assert_eq!(tests_in(source), ["one", "three"].map(str::to_owned).into());
}

#[test]
fn every_test_that_the_promises_name_stands_where_they_say() {
    let tests = tests_by_file();
    let mut named = 0;
    for row in read("docs/promises.md").lines().filter(|line| line.starts_with("| `")) {
        let (names, rest) = row.trim_matches(['|', ' ']).split_once(" | ").expect("two cells");
        let (place, _) = rest.split_once(" | ").unwrap_or((rest, ""));
        // A file, or a folder in one of whose files it is.
        let inside: Vec<_> = tests.iter().filter(|(file, _)| file.starts_with(place)).collect();
        assert!(!inside.is_empty(), "there is no `{place}`: {row}");
        for name in test_names(names) {
            assert!(inside.iter().any(|(_, tests)| tests.contains(name)), "`{place}` has no test `{name}`");
            named += 1;
        }
    }
    assert!(named >= 100, "{named} tests are named");
}

#[test]
fn every_test_that_is_named_anywhere_in_the_docs_exists() {
    let tests: BTreeSet<String> = tests_by_file().into_values().flatten().collect();
    for page in ["docs/promises.md", "docs/emulators.md"] {
        let text = read(page);
        for name in test_names(&text) {
            assert!(tests.contains(name), "{page} names no test: `{name}`");
        }
    }
}

#[test]
fn where_an_emulator_is_wrong_the_test_links_what_aws_documents() {
    let mut sources = BTreeMap::new();
    collect_sources(Path::new("tests/emulators"), &mut sources);
    let page = read("docs/emulators.md");
    let (_, section) = page.split_once("## Where they are wrong").expect("the section begins");
    // Below the names of the columns and the line under them.
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    for row in &rows {
        let (_, link) = row.split_once("](https://").unwrap_or_else(|| panic!("no link: {row}"));
        let (link, _) = link.split_once(')').expect("a link ends");
        let name = test_names(row).next().unwrap_or_else(|| panic!("no test is named: {row}"));
        let comment = |source: &String| {
            let (before, _) = source.split_once(&format!("#[test]\nfn {name}()"))?;
            let comment = before.rsplit("\n\n").next().unwrap_or_default();
            Some(comment.contains(&format!("<https://{link}>")))
        };
        assert!(sources.values().find_map(comment) == Some(true), "`{name}` does not link https://{link}");
    }
    assert!(rows.len() >= 25, "{} departures are named", rows.len());
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pattern = regex_lite::Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    for path in pages() {
        let page = read(&path);
        for found in pattern.captures_iter(&page) {
            let link = found.get(1).expect("the group").as_str();
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = root().join(&path).parent().expect("a folder").to_owned();
            let target = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let anchors = anchors(&std::fs::read_to_string(&target).expect("text"));
                assert!(anchors.contains(anchor), "{}: {link}; there are {anchors:?}", path.display());
            }
        }
    }
}

/// The anchors that GitHub gives to headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                text.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn the_documented_permissions_are_those_of_the_table_that_policies_are_made_of() {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for needs in COMMANDS_THAT_ASK {
        let grants = needs.calls().flat_map(|call| call.operation.grants);
        for grant in grants {
            expected.entry(grant.action.to_owned()).or_default().insert(needs.command.to_owned());
        }
    }
    let page = read("docs/permissions.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let (action, rest) = row.split_once("` | ").expect("a second cell");
        let commands = rest.split(" | ").next().expect("it begins");
        // An action for different purposes stands in several tables.
        let of_action = documented.entry(action.to_owned()).or_default();
        for name in commands.split('`').skip(1).step_by(2) {
            let named = CommandNeeds::named(name);
            assert!(!named.is_empty(), "{action}: `{name}` is no command that asks AWS");
            for needs in named {
                assert!(of_action.insert(needs.command.to_owned()), "{action}: `{name}` stands twice");
            }
        }
    }
    assert_eq!(documented, expected);
}
