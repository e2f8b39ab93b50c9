//! A mistake in sitepush.toml: where it stands, what it is, and the nearest key that would be right.

use std::fmt;

use toml::de::DeTable;
use toml_edit::{Item, TableLike};

use super::config::Config;

/// Why a text is not a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub file_name: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub problem: String,
    /// The line as it stands, spaces in place of what a terminal would not show as one sign.
    pub source_line: String,
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file_name, line, column, problem, source_line, .. } = self;
        let margin = " ".repeat(line.to_string().len());
        let caret = " ".repeat(column - 1);
        write!(
            f,
            "{file_name}:{line}:{column}: {problem}\n{margin} |\n{line} | {source_line}\n{margin} | {caret}^"
        )
    }
}

impl std::error::Error for ConfigError {}

/// Reads a configuration.
///
/// # Errors
/// With the place of the first mistake.
pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|error| from_toml(&error, text, file_name))?;
    if let Some((table, key, problem)) = out_of_range(&config) {
        return Err(at(text, file_name, offset_of(text, table, key).unwrap_or(0), problem, None));
    }
    let rules = config.rules();
    let bad_rule = rules.iter().enumerate().find_map(|(index, rule)| Some((index, rule.check().err()?)));
    match bad_rule {
        None => Ok(config),
        Some((index, error)) => {
            let offset = offset_in_rule(text, index, error.place()).unwrap_or(0);
            Err(at(text, file_name, offset, error.to_string(), error.hint().map(str::to_owned)))
        }
    }
}

/// Where in the text a key of a rule stands, or the rule itself: by its number from 0, the key, and one below that.
fn offset_in_rule(text: &str, index: usize, place: Option<(&str, Option<&str>)>) -> Option<usize> {
    let document = toml_edit::Document::parse(text).ok()?;
    let (rule, whole): (&dyn TableLike, _) = match document.get("rules")? {
        Item::ArrayOfTables(rules) => rules.get(index).map(|rule| (rule as _, rule.span()))?,
        Item::Value(rules) => {
            let rule = rules.as_array()?.get(index)?.as_inline_table()?;
            (rule, rule.span())
        }
        Item::None | Item::Table(_) => return None,
    };
    let whole = whole?.start;
    let Some((name, below)) = place else { return Some(whole) };
    let Some((key, item)) = rule.get_key_value(name) else { return Some(whole) };
    let below = below.and_then(|name| {
        let table = item.as_table_like()?;
        let written = table.iter().map(|(key, _)| key).find(|key| key.eq_ignore_ascii_case(name))?;
        table.key(written)?.span()
    });
    below.or_else(|| key.span()).map(|span| span.start)
}

/// What the types cannot say: a value, by its table and key, and what is wrong with it.
fn out_of_range(config: &Config) -> Option<(&'static str, &'static str, String)> {
    if config.limits.max_delete_percent.is_some_and(|percent| percent > 100) {
        return Some((
            "limits",
            "max_delete_percent",
            "`max_delete_percent` is a share from 0 to 100".into(),
        ));
    }
    if config.push.concurrency == Some(0) {
        return Some(("push", "concurrency", "`concurrency` is at least 1".into()));
    }
    None
}

/// Where a key stands, however it is written: under a heading, dotted, quoted, or in an inline table.
fn offset_of(text: &str, table: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?.into_inner();
    let (_, values) = document.iter().find(|(name, _)| name.get_ref() == table)?;
    let (name, _) = values.get_ref().as_table()?.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(name.span().start)
}

fn from_toml(error: &toml::de::Error, text: &str, file_name: &str) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start);
    let (problem, hint) = explain(error.message());
    at(text, file_name, offset, problem, hint)
}

/// `serde` lists every key that it knows; the nearest is enough.
fn explain(message: &str) -> (String, Option<String>) {
    let unknown = message.strip_prefix("unknown field `");
    let Some((unknown, rest)) = unknown.and_then(|rest| rest.split_once("`, expected ")) else {
        return (message.lines().next().unwrap_or_default().to_owned(), None);
    };
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2);
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    (format!("there is no key `{unknown}`"), Some(hint))
}

fn at(text: &str, file_name: &str, offset: usize, problem: String, hint: Option<String>) -> ConfigError {
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source_line: String = text[line_start..]
        .split('\n')
        .next()
        .unwrap_or_default()
        .trim_end_matches('\r')
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    // What is missing at a line's end may be placed behind its carriage return, where nobody can look.
    let before_it = before[line_start..].chars().count().min(source_line.chars().count());
    ConfigError {
        file_name: file_name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before_it + 1,
        problem,
        source_line,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mistyped_key_is_shown_where_it_stands_with_the_nearest_right_one() {
        let error =
            parse("[site]\ndirectory = \"dist\"\nsource_map = true\n", "sitepush.toml").expect_err("wrong");
        assert_eq!(
            error.to_string(),
            "sitepush.toml:3:1: there is no key `source_map`\n  |\n3 | source_map = true\n  | ^"
        );
        assert_eq!(error.hint.as_deref(), Some("did you mean `source_maps`?"));
    }

    #[test]
    fn a_key_that_resembles_none_is_answered_with_what_there_is() {
        let error = parse("[limits]\nxyzzyplugh = 1\n", "f").expect_err("wrong");
        assert_eq!(error.hint.as_deref(), Some("known here: max_deletes, max_delete_percent"));
    }

    #[test]
    fn wrong_types_and_broken_syntax_have_a_place_too() {
        let wrong_type = parse("[limits]\nmax_deletes = \"many\"\n", "f").expect_err("wrong");
        assert_eq!((wrong_type.line, wrong_type.column), (2, 15));
        let syntax = parse("[site\n", "f").expect_err("wrong");
        assert_eq!(syntax.line, 1);
        let range = parse("[limits]\nmax_delete_percent = 101\n", "f").expect_err("wrong");
        assert_eq!((range.line, range.column), (2, 1));
    }

    #[test]
    fn a_rule_that_cannot_work_is_shown_where_it_stands() {
        let first = "[[rules]]\nmatch = \"*.css\"\ncache_control = \"no-store\"\n";
        for (rule, line, column, problem) in [
            ("[[rules]]\ncache_control = \"no-store\"\n", 4, 1, "without `match`"),
            ("[[rules]]\nmatch = []\ncache_control = \"no-store\"\n", 4, 1, "without `match`"),
            ("[[rules]]\nmatch = \"*.css\"\n", 4, 1, "sets nothing"),
            ("[[rules]]\nmatch = \"[\"\ncache_control = \"no-store\"\n", 5, 1, "is not a pattern"),
            ("[[rules]]\nmatch = \"*\"\ncontent_type = \"html\"\n", 6, 1, "`content-type`"),
            (
                "[[rules]]\nmatch = \"*\"\n[rules.headers]\nX-Frame-Options = \"DENY\"\n",
                7,
                1,
                "x-frame-options",
            ),
            (
                "[[rules]]\nmatch = \"*\"\nheaders = { cache-control = \"no-store\" }\n",
                6,
                13,
                "use `cache_control`",
            ),
        ] {
            let error = parse(&format!("{first}{rule}"), "f").expect_err("wrong");
            assert!(error.problem.contains(problem), "{rule}: {error}");
            assert_eq!((error.line, error.column), (line, column), "{rule}: {error}");
        }
        let inline = parse("rules = [{ match = \"*\", content_type = \"html\" }]\n", "f").expect_err("wrong");
        assert_eq!((inline.line, inline.column), (1, 25), "{inline}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,300}") {
            if let Err(error) = parse(&text, "f") {
                prop_assert!(error.line >= 1 && error.column >= 1);
                let _ = error.to_string();
            }
        }

        #[test]
        fn broken_toml_is_placed_inside_the_text(
            text in "(\\[[a-z]{1,6}\\]\n|[a-z_]{1,12} = [a-z0-9\"\\[\\]]{1,8}\n){1,6}"
        ) {
            if let Err(error) = parse(&text, "f") {
                prop_assert!(error.line <= text.lines().count() + 1);
            }
        }
    }
}
