//! Rust source as the rules need it: words and marks with their lines, no comments, no literals.
//!
//! Knows just enough of the grammar to say which inline module a token stands in and whether that is test code.

/// One word (identifier, keyword or number) or one mark (`::`, or a single character).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    /// From 1.
    pub line: usize,
    /// How many inline modules (`mod name { ... }`) are open here.
    pub inline_modules: usize,
    /// Whether it stands in an item that is compiled for tests only.
    pub is_test: bool,
}

/// Splits `source` into tokens. Source that does not parse gives some tokens too; the compiler is the one to complain.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = split(source);
    mark_modules(&mut tokens);
    mark_tests(&mut tokens);
    tokens
}

fn split(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (length, is_token) = measure(rest, first);
        let text = &rest[..length];
        if is_token {
            tokens.push(Token { text, line, inline_modules: 0, is_test: false });
        }
        line += text.matches('\n').count();
        at += length;
    }
    tokens
}

/// The length in bytes of what `rest` begins with, and whether that is a token.
fn measure(rest: &str, first: char) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = raw_string(rest) {
        return (length, false);
    }
    if let Some(quoted) =
        rest.strip_prefix('"').or_else(|| rest.strip_prefix("b\"").or(rest.strip_prefix("c\"")))
    {
        return (rest.len() - quoted.len() + closing_quote(quoted, '"'), false);
    }
    if first == '\'' {
        return (character_or_lifetime(rest), false);
    }
    if first == '_' || first.is_alphanumeric() {
        let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        return (end, true);
    }
    if rest.starts_with("::") {
        return (2, true);
    }
    (first.len_utf8(), !first.is_whitespace())
}

/// Block comments nest in Rust.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let after = ["br", "cr", "r"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |found| start + found + end.len()))
}

/// The offset past the closing quote, or the whole text when there is none.
fn closing_quote(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `'a'` and `'\n'` are characters; `'a` is a lifetime, of which only the mark is passed over.
fn character_or_lifetime(rest: &str) -> usize {
    let mut characters = rest[1..].chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => 1 + closing_quote(&rest[1..], '\''),
        (Some(character), Some('\'')) => 2 + character.len_utf8(),
        _ => 1,
    }
}

fn mark_modules(tokens: &mut [Token<'_>]) {
    let mut braces: Vec<bool> = Vec::new();
    for at in 0..tokens.len() {
        let opens_module = at >= 2 && tokens[at - 2].text == "mod" && tokens[at].text == "{";
        match tokens[at].text {
            "{" => braces.push(opens_module),
            "}" => drop(braces.pop()),
            _ => {}
        }
        tokens[at].inline_modules = braces.iter().filter(|is_module| **is_module).count();
    }
}

/// Marks what follows `#[cfg(test)]` up to the end of that item.
fn mark_tests(tokens: &mut [Token<'_>]) {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut at = 0;
    while at < tokens.len() {
        let found = tokens[at..].iter().map(|token| token.text).take(ATTRIBUTE.len()).eq(ATTRIBUTE);
        let length = if found { ATTRIBUTE.len() + item_length(&tokens[at + ATTRIBUTE.len()..]) } else { 1 };
        for token in &mut tokens[at..at + length] {
            token.is_test = found;
        }
        at += length;
    }
}

/// The length of the item that starts here: up to its `;` or to the brace that closes it.
pub fn item_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                // A use list closes its brace before its semicolon.
                let goes_on = tokens.get(at + 1).is_some_and(|next| next.text == ";");
                if depth == 0 && token.text == "}" && !goes_on {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_passed_over() {
        let source = r###"a // crate::b
            /* c /* d */ e */ f "g \" h" r#"i " j"# b"k" 'l' '\'' '"' m<'n>"###;
        assert_eq!(texts(source), ["a", "f", "m", "<", "n", ">"]);
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let found = tokens("a\n\"b\n\n\"\nc");
        assert_eq!(
            found.iter().map(|token| (token.text, token.line)).collect::<Vec<_>>(),
            [("a", 1), ("c", 5)]
        );
    }

    #[test]
    fn the_inline_module_and_the_test_item_end_where_they_end() {
        let found = tokens("a; #[cfg(test)] mod tests { b; fn c() {} } d;");
        let of = |text| found.iter().find(|token| token.text == text).expect("it is there");
        assert_eq!((of("a").inline_modules, of("a").is_test), (0, false));
        assert_eq!((of("b").inline_modules, of("b").is_test), (1, true));
        assert_eq!((of("c").inline_modules, of("c").is_test), (1, true));
        assert_eq!((of("d").inline_modules, of("d").is_test), (0, false));
    }

    #[test]
    fn a_test_only_import_ends_at_its_semicolon() {
        let found = tokens("#[cfg(test)] use a::{b, c}; d");
        assert!(found.iter().all(|token| token.is_test != (token.text == "d")));
    }
}
