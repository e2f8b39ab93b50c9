//! Who may import whom inside `src/`: the one table, and the reading of paths that it is held against.
//!
//! The compiler has no walls between the modules of one crate; this is where they stand.

use super::tokens::{Token, tokens};

/// A line and what is wrong with it.
pub type Found = (usize, String);

/// What one top-level module may use of the rest of the crate.
struct Row {
    module: &'static str,
    /// Prefixes of paths: `core` takes in `core::key`.
    may_import: &'static [&'static str],
}

/// `lib` and `main` put the parts together and may use them all.
const TABLE: &[Row] = &[
    Row { module: "core", may_import: &[] },
    Row { module: "edges", may_import: &["core"] },
    Row { module: "execute", may_import: &["core", "edges"] },
    Row { module: "local", may_import: &["core::key"] },
    Row { module: "ui", may_import: &["core", "error", "exit_code"] },
    Row { module: "cli", may_import: &[] },
    Row { module: "settings", may_import: &["core", "cli", "error", "exit_code"] },
    Row {
        module: "commands",
        may_import: &["core", "edges", "execute", "local", "ui", "settings", "cli", "error", "exit_code"],
    },
    Row { module: "error", may_import: &["core", "edges", "execute", "local", "exit_code"] },
    Row { module: "exit_code", may_import: &["error"] },
];

/// What all edges to AWS stand on: the connection, one call with its retries, the service's time, the documents that it
/// answers. They touch no system of their own that another edge could be confused with.
const EDGE_GROUND: &[&str] = &["aws", "call", "clock", "connections", "credentials", "put", "xml"];

/// What tests of any module may use besides: the embedded server.
const TESTS_MAY_IMPORT: &str = "local";

/// Paths outside the crate that would let effects into `core`.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
];

/// Checks one file; anything but a Rust file under `src/` has no findings.
pub fn check(file: &str, text: &str) -> Vec<Found> {
    let Some(module_path) = module_path(file) else { return Vec::new() };
    let module = module_path[0].as_str();
    if matches!(module, "lib" | "main") {
        return Vec::new();
    }
    let Some(row) = TABLE.iter().find(|row| row.module == module) else {
        return vec![(
            1,
            format!("`{module}` is not in the table of who may import whom; give it a row there"),
        )];
    };
    let is_declaring = file.ends_with("/mod.rs");
    let tokens = tokens(text);
    let mut found = Vec::new();
    for path in paths(&tokens) {
        let target = resolve(&module_path, &path);
        let message = match &target {
            Target::Inside(segments) => inside(row, &module_path, segments, path.is_test, is_declaring),
            Target::Outside(segments) if !path.is_test => outside(module, segments),
            Target::Outside(_) => None,
        };
        found.extend(message.map(|message| (path.line, message)));
    }
    if module == "core" {
        let words = tokens.iter().filter(|token| token.text == "async" && !token.is_test);
        found.extend(
            words.map(|token| (token.line, "`core` is not async; effects belong to an edge".to_owned())),
        );
    }
    found.dedup();
    found
}

/// `src/edges/s3.rs` is `edges::s3`, `src/edges/mod.rs` is `edges`.
fn module_path(file: &str) -> Option<Vec<String>> {
    let inner = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    Some(inner.split('/').map(str::to_owned).collect())
}

/// Judges a path inside the crate.
fn inside(row: &Row, own: &[String], target: &[String], is_test: bool, is_declaring: bool) -> Option<String> {
    let module = row.module;
    let first = target.first()?;
    if first == module {
        let is_sibling = target.len() > 1
            && own.len() > 1
            && target[1] != own[1]
            && !EDGE_GROUND.contains(&target[1].as_str());
        return (module == "edges" && is_sibling && !is_declaring).then(|| {
            format!(
                "the edge `{}` may not import the edge `{}`; what both need is a `core` type",
                own[1], target[1]
            )
        });
    }
    if is_test && first == TESTS_MAY_IMPORT {
        return None;
    }
    // A path to an item at the root of the crate crosses no wall that the table knows.
    if TABLE.iter().all(|row| row.module != *first) {
        return None;
    }
    let is_allowed = |allowed: &&str| {
        let mut wanted = allowed.split("::");
        let matched = wanted.by_ref().zip(target).take_while(|(wanted, found)| wanted == found).count();
        matched == allowed.split("::").count()
    };
    if row.may_import.iter().any(is_allowed) {
        return None;
    }
    let allowed = match row.may_import {
        [] => "nothing else of the crate".to_owned(),
        list => list.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let shown = if row.may_import.iter().any(|allowed| allowed.starts_with(first.as_str())) {
        target.iter().take(2).cloned().collect::<Vec<_>>().join("::")
    } else {
        first.clone()
    };
    Some(format!("`{module}` may not import `{shown}`; it may import {allowed}"))
}

/// Judges a path to another crate.
fn outside(module: &str, target: &[String]) -> Option<String> {
    let path = target.join("::");
    let is_sdk = target[0].starts_with("aws_");
    if is_sdk && module != "edges" {
        return Some(format!("`{module}` may not use `{}`; SDK types stop at the edge", target[0]));
    }
    let impure = IMPURE.iter().find(|impure| path == **impure || path.starts_with(&format!("{impure}::")))?;
    (module == "core").then(|| format!("`core` may not use `{impure}`; effects belong to an edge"))
}

/// A path in the source, as written: `["super", "s3", "Client"]`.
struct WrittenPath<'a> {
    segments: Vec<&'a str>,
    line: usize,
    inline_modules: usize,
    is_test: bool,
}

enum Target {
    /// Segments from the root of the crate.
    Inside(Vec<String>),
    /// Segments that begin with a crate's name, or with a local name that nothing here cares about. Never empty.
    Outside(Vec<String>),
}

fn resolve(own: &[String], path: &WrittenPath<'_>) -> Target {
    let owned = |segments: &[&str]| segments.iter().map(|segment| (*segment).to_owned()).collect::<Vec<_>>();
    match path.segments[0] {
        "crate" => Target::Inside(owned(&path.segments[1..])),
        "super" | "self" => {
            let supers = path.segments.iter().filter(|segment| **segment == "super").count();
            let rest = path.segments.iter().position(|segment| !matches!(*segment, "super" | "self"));
            // Inline modules are passed through first; their own names do not matter to any rule.
            let kept = own.len().saturating_sub(supers.saturating_sub(path.inline_modules));
            let mut segments = own[..kept].to_vec();
            segments.extend(owned(rest.map_or(&[], |rest| &path.segments[rest..])));
            Target::Inside(segments)
        }
        _ => Target::Outside(owned(&path.segments)),
    }
}

/// Every path with at least two segments, the branches of a use tree each on its own.
fn paths<'a>(tokens: &[Token<'a>]) -> Vec<WrittenPath<'a>> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts_path = is_word(tokens[at].text)
            && tokens.get(at + 1).is_some_and(|next| next.text == "::")
            && (at == 0 || tokens[at - 1].text != "::");
        at = if starts_path { tree(tokens, at, &[], &mut paths) } else { at + 1 };
    }
    paths
}

/// Reads the use tree at `at` under `prefix` and returns where it ends.
fn tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    paths: &mut Vec<WrittenPath<'a>>,
) -> usize {
    let mut segments = prefix.to_vec();
    let Some(first) = tokens.get(at) else { return at };
    loop {
        match tokens.get(at).map(|token| token.text) {
            Some("{") => return group(tokens, at, &segments, paths),
            Some(word) if is_word(word) => segments.push(word),
            Some("*") => {}
            _ => break,
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    paths.push(WrittenPath {
        segments,
        line: first.line,
        inline_modules: first.inline_modules,
        is_test: first.is_test,
    });
    at
}

/// Reads `{a, b::c, d as e}` and returns where it ends.
fn group<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    paths: &mut Vec<WrittenPath<'a>>,
) -> usize {
    at += 1;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            "," => at += 1,
            "as" => at += 2,
            _ => {
                let end = tree(tokens, at, prefix, paths);
                // Something that is no use tree after all; do not stand still.
                at = end.max(at + 1);
            }
        }
    }
    at
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, text: &str) -> Vec<String> {
        check(file, text).into_iter().map(|(line, message)| format!("{line}: {message}")).collect()
    }

    #[test]
    fn what_the_table_allows_passes() {
        for (file, text) in [
            ("src/core/plan.rs", "use crate::core::{diff::Changes, key::ObjectKey}; use super::guard;"),
            ("src/edges/s3.rs", "use crate::core::key::ObjectKey; use aws_sdk_s3::Client; use std::fs;"),
            ("src/execute/push.rs", "use crate::{core::plan::Plan, edges::s3::S3};"),
            (
                "src/local/store.rs",
                "use crate::core::key::ObjectKey; use super::edge; use tokio::net::TcpListener;",
            ),
            ("src/ui/plan_view.rs", "use crate::core::plan::Plan; use crate::error::Error;"),
            ("src/settings/push.rs", "use crate::cli::push::PushArgs; use crate::error::Error;"),
            (
                "src/commands/push.rs",
                "use crate::{core, edges, execute, local, ui, settings, error, exit_code};",
            ),
            ("src/main.rs", "use sitepush::cli; use crate::anything;"),
            ("src/edges/mod.rs", "pub mod s3; pub use self::s3::S3; pub use cloudfront::CloudFront;"),
            ("build.rs", "use crate::ui;"),
        ] {
            assert_eq!(messages(file, text), [""; 0], "{file}");
        }
    }

    #[test]
    fn each_wall_stands() {
        for (file, text, expected) in [
            ("src/core/plan.rs", "use crate::edges::s3;", "`core` may not import `edges`"),
            ("src/edges/s3.rs", "use crate::execute::push;", "`edges` may not import `execute`"),
            ("src/execute/push.rs", "use crate::ui::progress;", "`execute` may not import `ui`"),
            ("src/execute/push.rs", "use crate::error::Error;", "`execute` may not import `error`"),
            ("src/local/store.rs", "use crate::core::plan::Plan;", "`local` may not import `core::plan`"),
            ("src/local/store.rs", "use crate::core;", "`local` may not import `core`"),
            ("src/ui/json.rs", "use crate::settings::Push;", "`ui` may not import `settings`"),
            ("src/settings/push.rs", "use crate::edges::clock;", "`settings` may not import `edges`"),
            ("src/cli/push.rs", "use crate::core::key::KeyPrefix;", "`cli` may not import `core`"),
            ("src/commands/push.rs", "use aws_sdk_s3::Client;", "SDK types stop at the edge"),
            ("src/core/plan.rs", "use std::fs::File;", "`core` may not use `std::fs`"),
            (
                "src/core/plan.rs",
                "use std::{fmt, time::SystemTime};",
                "`core` may not use `std::time::SystemTime`",
            ),
            ("src/core/plan.rs", "pub async fn plan() {}", "`core` is not async"),
            ("src/helpers.rs", "", "`helpers` is not in the table"),
        ] {
            let messages = messages(file, text);
            assert_eq!(messages.len(), 1, "{file}: {text}: {messages:?}");
            assert!(messages[0].contains(expected), "{messages:?}");
        }
    }

    #[test]
    fn edges_do_not_import_each_other_however_it_is_written() {
        for text in [
            "use crate::edges::cloudfront::Distribution;",
            "use super::cloudfront::Distribution;",
            "use super::{cloudfront};",
            "fn f() { super::cloudfront::f() }",
            "mod tests { use super::super::cloudfront; }",
        ] {
            let messages = messages("src/edges/s3.rs", text);
            assert_eq!(messages.len(), 1, "{text}");
            assert!(
                messages[0].contains("the edge `s3` may not import the edge `cloudfront`"),
                "{messages:?}"
            );
        }
        assert_eq!(messages("src/edges/s3.rs", "mod tests { use super::cloudfront_of; }"), [""; 0]);
        assert_eq!(
            messages("src/edges/s3/list.rs", "use super::retry::policy; use crate::edges::s3::S3;"),
            [""; 0]
        );
    }

    #[test]
    fn paths_in_the_middle_of_code_count_too() {
        let text = "fn f() {\n    let x = crate::ui::show(1);\n}\n";
        assert_eq!(
            messages("src/core/plan.rs", text),
            ["2: `core` may not import `ui`; it may import nothing else of the crate"]
        );
    }

    #[test]
    fn comments_and_texts_import_nothing() {
        let text = "/// See [`crate::ui::Theme`].\nconst X: &str = \"crate::ui::x\";";
        assert_eq!(messages("src/core/plan.rs", text), [""; 0]);
    }

    #[test]
    fn tests_may_start_the_embedded_server_and_nothing_more() {
        let text = "#[cfg(test)]\nmod tests { use crate::local::Server; use crate::ui::x; }";
        let messages = messages("src/execute/push.rs", text);
        assert_eq!(messages.len(), 1);
        assert!(messages[0].contains("`ui`"), "{messages:?}");
    }

    #[test]
    fn nested_use_trees_are_followed_to_their_ends() {
        let text = "use crate::{\n    core::{key::{self, ObjectKey as Key}, plan::*},\n    ui::{self},\n};";
        assert_eq!(messages("src/edges/s3.rs", text).len(), 1);
        assert!(messages("src/edges/s3.rs", text)[0].starts_with("3: "));
    }
}
