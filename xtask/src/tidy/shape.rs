//! The shape of a source file: its heading, its length, and what a `mod.rs` may hold.

use super::tokens::{item_length, tokens};
use super::walls::Found;

/// Past this many lines a file wants a seam, or a reason.
const MAX_LINES: usize = 700;

/// A line that starts with this, followed by the reason, lets a file be longer.
const LONG_FILE_REASON: &str = "// long file:";

/// Where written code ends its name; other files are data or prose.
const CODE: &[&str] = &[".rs", ".ts", ".mjs", ".js", ".css", ".tf", ".sh"];

/// Checks one file.
pub fn check(file: &str, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let is_test_file = file.split('/').any(|segment| segment == "tests");
    if file.ends_with(".rs") {
        found.extend(heading(text));
    }
    if !is_test_file && CODE.iter().any(|extension| file.ends_with(extension)) {
        found.extend(length(file, text));
    }
    if !is_test_file && (file == "mod.rs" || file.ends_with("/mod.rs")) {
        found.extend(logic(text));
    }
    found
}

fn heading(text: &str) -> Option<Found> {
    let says = "a module opens with `//!`: what it decides or touches, and what it must never do";
    (!text.starts_with("//!")).then(|| (1, says.to_owned()))
}

/// Counts up to the unit tests, which may be as long as they need to be.
fn length(file: &str, text: &str) -> Option<Found> {
    let is_reasoned =
        |line: &str| line.strip_prefix(LONG_FILE_REASON).is_some_and(|reason| !reason.trim().is_empty());
    if text.lines().any(is_reasoned) {
        return None;
    }
    let tests =
        if file.ends_with(".rs") { text.lines().position(|line| line == "#[cfg(test)]") } else { None };
    let lines = tests.unwrap_or_else(|| text.lines().count());
    let advice = format!("find a seam, or say why not in a line `{LONG_FILE_REASON} <reason>`");
    (lines > MAX_LINES).then(|| (MAX_LINES + 1, format!("{lines} lines are more than {MAX_LINES}; {advice}")))
}

/// The first item of each kind that is no declaration.
fn logic(text: &str) -> Vec<Found> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let length =
            if tokens[at].text == "#" { attribute_length(&tokens[at..]) } else { item_length(&tokens[at..]) };
        let item = &tokens[at..at + length];
        if tokens[at].text != "#" && !is_declaration(item.iter().map(|token| token.text)) {
            found.push((
                tokens[at].line,
                "`mod.rs` declares modules and re-exports; move this item to a file of its own".to_owned(),
            ));
        }
        at += length;
    }
    found
}

/// `#[...]` or `#![...]`.
fn attribute_length(tokens: &[super::tokens::Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "[" => depth += 1,
            "]" if depth == 1 => return at + 1,
            "]" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Whether an item is `mod x;` or `use ...;`, public or not.
fn is_declaration<'a>(mut words: impl Iterator<Item = &'a str> + Clone) -> bool {
    let has_body = words.clone().any(|word| word == "{");
    let keyword =
        words.find(|word| !matches!(*word, "pub" | "(" | ")" | "crate" | "super" | "in" | "self" | "::"));
    match keyword {
        Some("use") => true,
        Some("mod") => !has_body,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "//! Decides.\n";

    fn lines(file: &str, text: &str) -> Vec<usize> {
        check(file, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_module_without_a_heading_is_found() {
        assert_eq!(lines("src/a.rs", "use x;\n"), [1]);
        assert_eq!(lines("src/a.rs", HEADING), [0; 0]);
        assert_eq!(lines("src/a.css", "a{}"), [0; 0]);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = format!("{HEADING}{}", "x\n".repeat(700));
        assert_eq!(lines("src/a.rs", &long), [701]);
        assert_eq!(lines("frontend/a.css", &long), [701]);
        assert_eq!(lines("tests/a.rs", &long), [0; 0]);
        assert_eq!(lines("data.json", &long), [0; 0]);
        assert_eq!(lines("src/a.rs", &format!("{HEADING}// long file: one table\n{long}")), [0; 0]);
        assert_eq!(lines("src/a.rs", &format!("{HEADING}// long file:\n{long}")), [701]);
    }

    #[test]
    fn unit_tests_do_not_count() {
        let text = format!("{HEADING}{}#[cfg(test)]\n{}", "x\n".repeat(600), "x\n".repeat(600));
        assert_eq!(lines("src/a.rs", &text), [0; 0]);
    }

    #[test]
    fn a_mod_file_declares_and_re_exports() {
        let text = "//! The flow.\n\n#[cfg(test)]\nmod a;\npub mod b;\npub(crate) mod c;\npub use b::{X, Y};\nuse c::Z;\n";
        assert_eq!(lines("src/m/mod.rs", text), [0; 0]);
    }

    #[test]
    fn logic_in_a_mod_file_is_found() {
        for item in
            ["fn f() {}", "pub struct S;", "const N: u8 = 1;", "mod a { fn f() {} }", "impl S { fn f() {} }"]
        {
            let text = format!("{HEADING}mod a;\n#[must_use]\n{item}\nuse a::b;\n");
            assert_eq!(lines("src/m/mod.rs", &text), [4], "{item}");
        }
        assert_eq!(lines("tests/support/mod.rs", &format!("{HEADING}fn f() {{}}\n")), [0; 0]);
    }
}
