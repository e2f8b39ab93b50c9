//! The `_headers` file of Netlify and Cloudflare Pages: path patterns and the headers under them.
//!
//! Pure. Decides which lines mean something to S3; what it cannot carry is told, not dropped in silence.

use super::headers::problem_with;
use super::key::{MAX_KEY_BYTES, ObjectKey};

/// A parsed `_headers` file.
#[derive(Clone, Debug, Default)]
pub struct HeadersFile {
    /// In the file's order; the first that gives a header wins.
    pub rules: Vec<HeadersRule>,
    /// Headers that objects cannot carry, each once, sorted.
    pub unsupported: Vec<String>,
}

/// One pattern and its headers.
#[derive(Clone, Debug)]
pub struct HeadersRule {
    pub pattern: String,
    /// Of the pattern, from 1.
    pub line: usize,
    /// Lower-case names with their values, in the file's order.
    pub headers: Vec<(String, String)>,
    path: PathPattern,
}

/// Why a `_headers` file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct HeadersFileError {
    pub line: usize,
    pub problem: String,
}

/// Twice the length of the longest key: what is longer matches nothing, and may be too large to be compiled.
const MAX_PATTERN_BYTES: usize = 2 * MAX_KEY_BYTES;

/// The headers that S3 stores with an object.
const CARRIED: &[&str] =
    &["cache-control", "content-type", "content-disposition", "content-language", "content-encoding"];

impl HeadersFile {
    /// Parses the text. A pattern stands at the beginning of a line, its headers are indented below it; `#` begins a
    /// comment line. `*` in a pattern stands for anything, `:name` for one segment. A byte order mark is passed over.
    ///
    /// # Errors
    /// With the line, when a header has no pattern above it or no `name: value`.
    pub fn parse(text: &str) -> Result<Self, HeadersFileError> {
        let mut file = Self::default();
        for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = index + 1;
            let content = raw.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if raw.starts_with([' ', '\t']) {
                file.add_header(line, content)?;
            } else {
                file.rules.push(HeadersRule::new(line, content)?);
            }
        }
        file.unsupported.sort();
        file.unsupported.dedup();
        Ok(file)
    }

    fn add_header(&mut self, line: usize, content: &str) -> Result<(), HeadersFileError> {
        let error = |problem: &str| HeadersFileError { line, problem: problem.to_owned() };
        let rule = self.rules.last_mut().ok_or_else(|| error("a header without a path above it"))?;
        // Cloudflare takes a header off with `! name`: what is not set here need not be taken off.
        if content.starts_with('!') {
            return Ok(());
        }
        let (name, value) =
            content.split_once(':').ok_or_else(|| error("a header is written as `name: value`"))?;
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim().to_owned();
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(error("this is not a header's name"));
        }
        if CARRIED.contains(&name.as_str()) {
            if let Some(problem) = problem_with(&name, &value) {
                return Err(error(&problem));
            }
            rule.headers.push((name, value));
        } else {
            self.unsupported.push(name);
        }
        Ok(())
    }
}

impl HeadersRule {
    fn new(line: usize, pattern: &str) -> Result<Self, HeadersFileError> {
        if !pattern.starts_with('/') {
            let problem = format!("`{pattern}` is not a path: it must start with `/`");
            return Err(HeadersFileError { line, problem });
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            let length = pattern.len();
            let problem =
                format!("a path of {length} bytes is longer than any key; {MAX_PATTERN_BYTES} are allowed");
            return Err(HeadersFileError { line, problem });
        }
        let path = PathPattern::parse(pattern.trim_start_matches('/'));
        Ok(Self { pattern: pattern.to_owned(), line, headers: Vec::new(), path })
    }

    /// Whether the rule speaks of the key: by its own path, or for a page by its clean one.
    pub fn matches(&self, key: &ObjectKey) -> bool {
        let name = key.as_str();
        if self.path.matches(name) {
            return true;
        }
        let clean = match name.strip_suffix("index.html") {
            Some(directory) if directory.is_empty() || directory.ends_with('/') => directory,
            _ => match name.strip_suffix(".html") {
                Some(clean) => clean,
                None => return false,
            },
        };
        self.path.matches(clean) || self.path.matches(clean.trim_end_matches('/'))
    }
}

/// A path with `*` for anything, folders included, wherever it stands, and `:name` for one segment.
///
/// Source: Cloudflare Pages, "Headers" (splats are greedy and match all characters); Netlify, "Custom headers".
#[derive(Clone, Debug)]
struct PathPattern {
    /// What stands between the stars: one more than there are stars.
    blocks: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Segment,
}

impl PathPattern {
    /// `pattern` has no leading `/`.
    fn parse(pattern: &str) -> Self {
        let mut pieces = Vec::new();
        for (index, segment) in pattern.split('/').enumerate() {
            if index > 0 {
                pieces.push(Piece::Text("/".into()));
            }
            pieces.push(if is_placeholder(segment) { Piece::Segment } else { Piece::Text(segment.into()) });
        }
        Self { blocks: cut_at_stars(pieces) }
    }

    /// Each block is looked for where it comes first: the others lose nothing by that.
    fn matches(&self, path: &str) -> bool {
        let (first, others) = self.blocks.split_first().expect("there is a block before the first star");
        let Some(mut at) = length_of(first, path) else { return false };
        let Some((last, middle)) = others.split_last() else { return at == path.len() };
        let starts = |at: usize| (at..=path.len()).filter(|at| path.is_char_boundary(*at));
        for block in middle {
            let found = starts(at).find_map(|at| Some(at + length_of(block, &path[at..])?));
            let Some(end) = found else { return false };
            at = end;
        }
        starts(at).any(|at| length_of(last, &path[at..]) == Some(path.len() - at))
    }
}

fn is_placeholder(segment: &str) -> bool {
    let name = segment.strip_prefix(':').unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn cut_at_stars(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut blocks = vec![Vec::new()];
    for piece in pieces {
        let Piece::Text(text) = &piece else {
            blocks.last_mut().expect("never empty").push(piece);
            continue;
        };
        for (index, part) in text.split('*').enumerate() {
            if index > 0 {
                blocks.push(Vec::new());
            }
            blocks.last_mut().expect("never empty").push(Piece::Text(part.to_owned()));
        }
    }
    blocks
}

/// How much of the beginning of `path` the pieces take in; none when it does not begin so.
fn length_of(pieces: &[Piece], path: &str) -> Option<usize> {
    let rest = pieces.iter().try_fold(path, |rest, piece| match piece {
        Piece::Text(text) => rest.strip_prefix(text.as_str()),
        Piece::Segment => {
            let end = rest.find('/').unwrap_or(rest.len());
            (end > 0).then(|| &rest[end..])
        }
    })?;
    Some(path.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "# cache\n/assets/*\n  Cache-Control: public, max-age=60\n  X-Frame-Options: DENY\n\n/:page/about\n\tContent-Language: en\n/\n  cache-control: no-store\n";

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).expect("a key")
    }

    #[test]
    fn patterns_match_as_on_netlify() {
        let file = HeadersFile::parse(FILE).expect("parses");
        assert!(file.rules[0].matches(&key("assets/a/b.js")));
        assert!(!file.rules[0].matches(&key("assets2/a.js")));
        assert!(file.rules[1].matches(&key("en/about.html")));
        assert!(file.rules[1].matches(&key("en/about/index.html")));
        assert!(!file.rules[1].matches(&key("en/x/about.html")));
        assert!(file.rules[2].matches(&key("index.html")));
        assert_eq!(file.rules[0].headers, [("cache-control".into(), "public, max-age=60".into())]);
        assert_eq!(file.unsupported, ["x-frame-options"]);
    }

    #[test]
    fn a_star_takes_in_anything_wherever_it_stands() {
        let matches = |pattern: &str, name: &str| {
            let file = HeadersFile::parse(&format!("{pattern}\n  cache-control: no-store")).expect("parses");
            file.rules[0].matches(&key(name))
        };
        for (pattern, name) in [
            ("/*.css", "style.css"),
            ("/*.css", "a/b/style.css"),
            ("/fonts/*.woff2", "fonts/inter/latin.woff2"),
            ("/*/img/*-large.png", "de/blog/img/x/a-large.png"),
            ("/:lang/*", "de/x/y.png"),
            ("/a?b[c]{d}", "a?b[c]{d}"),
            ("/*x/:name/end", "xx/x/a/end"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("/*.css", "style.css.map"),
            ("/fonts/*.woff2", "other/fonts/a.woff2"),
            ("/:lang/*", "x.png"),
            ("/*/img/*", "img/a.png"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in [("  a: b", 1), ("/x\n  nonsense", 2), ("x\n", 1), ("/x\n  a b: c", 2)] {
            assert_eq!(HeadersFile::parse(text).expect_err(text).line, line);
        }
    }

    #[test]
    fn a_path_longer_than_any_key_is_refused_and_not_compiled() {
        let error = HeadersFile::parse(&format!("/{}", "*a".repeat(500_000))).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "line 1: a path of 1000001 bytes is longer than any key; 2048 are allowed"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,200}") {
            if let Ok(file) = HeadersFile::parse(&text) {
                for rule in &file.rules {
                    rule.matches(&key("a/b.html"));
                }
            }
        }

        #[test]
        fn a_rule_for_everything_matches_every_key(name in "[a-z]{1,8}(/[a-z.]{1,8}x){0,3}") {
            let file = HeadersFile::parse("/*\n  cache-control: no-store").expect("parses");
            prop_assert!(file.rules[0].matches(&key(&name)));
        }
    }
}
