//! Whether a part that passes for a hash of capitals, small letters and digits may yet be a person's: a model, an
//! article number, a brand.
//!
//! Decides from the characters alone, and only in doubt: scripts and styles beside hashed ones are the bundler's, but
//! pictures and fonts are put there by hand, too. The shares of random hashes were counted over 200,000 of them.

use super::shape::{has_vowel, is_pronounceable};

/// What a part is made of: how many of its characters stand in runs that people write.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    /// In words of three letters or more that begin with a capital, or the part: `Pro`, `Body`.
    words: usize,
    /// In numbers of two digits or more.
    numbers: usize,
    /// In the longest of those words.
    longest_word: usize,
    /// In three or four capitals: `RTX`.
    acronyms: usize,
}

/// Whether a picture of this name needs more than company: `RTX4090T`, `XPS13Pro`, `2024Q3v2`. So do 3 % of the random
/// base64url hashes.
pub(super) fn is_likely(hash: &str) -> bool {
    if holds_year(hash) {
        return true;
    }
    let Runs { words, longest_word, numbers, acronyms } = runs(hash);
    let is_numbered = words >= 3 && numbers >= 2 && words + numbers >= 5;
    let is_spelled = words >= 7 || longest_word >= 5 || numbers >= 5;
    let is_abbreviated = words >= 3 && acronyms >= 3 && words + acronyms + numbers >= 8;
    !holds_symbol(hash) && (is_numbered || is_spelled || is_abbreviated || is_shouted(hash))
}

/// Whether a person may have written it, when others beside it may be theirs as well: `EOSR6Mk2`, `ModelS3P`. So are
/// 15 % of the random base64url hashes.
pub(super) fn is_possible(hash: &str) -> bool {
    let runs = runs(hash);
    let all = runs.words + runs.numbers + runs.acronyms;
    let is_spelled = runs.words >= 3 || runs.numbers >= 3 || all >= 5;
    is_likely(hash) || (!holds_symbol(hash) && is_spelled)
}

/// Whether nothing in it is as long as a word or a number that a person would write.
pub(super) fn is_unlikely(hash: &str) -> bool {
    let runs = runs(hash);
    let is_bare = runs.words == 0 && runs.numbers < 3 && runs.acronyms == 0 && !is_shouted(hash);
    is_bare || (holds_symbol(hash) && is_unlikely_on_code(hash))
}

/// The same of a script or style, in whose names articles and models are rare, and words the rule.
pub(super) fn is_unlikely_on_code(hash: &str) -> bool {
    let runs = runs(hash);
    runs.longest_word < 4 && runs.words < 6 && runs.numbers < 4 && !is_shouted(hash)
}

/// Whether the hash is one of esbuild's, in the base32 of RFC 4648.
pub(super) fn is_base32(hash: &str) -> bool {
    hash.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

/// A year among other characters, but not among digits.
pub(super) fn holds_year(hash: &str) -> bool {
    let mut runs = hash.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    runs.any(|run| run.len() == 4 && matches!(run, [b'1', b'9', ..] | [b'2', b'0', ..]))
}

/// Four digits or more in a row.
pub(super) fn holds_long_number(hash: &str) -> bool {
    let mut runs = hash.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    runs.any(|run| run.len() >= 4 && run[0].is_ascii_digit())
}

/// Whether letters and digits change so often that nobody wrote this lower case on a picture either: `k0u2jx3t`.
pub(super) fn changes_often(hash: &str) -> bool {
    let is_number = |token: &&str| token.starts_with(|first: char| first.is_ascii_digit());
    tokens_of(hash).count() >= 6 && tokens_of(hash).filter(is_number).count() >= 2
}

/// Whether letters and digits change so often, or the letters are so far from a word, that nobody wrote this lower
/// case on a script or style: `n2fwxwd5`, but not `win32x64` or `xml2json`.
pub(super) fn is_unlikely_in_lower_case(hash: &str) -> bool {
    let mut tokens = 0;
    let (mut numbers, mut is_unspeakable) = (0, false);
    for token in tokens_of(hash) {
        tokens += 1;
        numbers += usize::from(token.starts_with(|first: char| first.is_ascii_digit()));
        is_unspeakable |= token.len() >= 4 && is_word(token) && !is_pronounceable(token);
    }
    numbers >= 2 && (tokens >= 5 || is_unspeakable)
}

fn holds_symbol(hash: &str) -> bool {
    hash.contains(['-', '_'])
}

/// Capitals and digits only.
fn is_shouted(hash: &str) -> bool {
    !hash.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn is_word(token: &str) -> bool {
    token.ends_with(|last: char| last.is_ascii_lowercase())
}

fn runs(hash: &str) -> Runs {
    let mut runs = Runs::default();
    let mut is_first = true;
    for token in tokens_of(hash) {
        let length = token.len();
        let begins = is_first || token.starts_with(|first: char| first.is_ascii_uppercase());
        if token.starts_with(|first: char| first.is_ascii_digit()) {
            runs.numbers += if length >= 2 { length } else { 0 };
        } else if is_word(token) {
            let counted = if length >= 3 && begins && is_speakable(token) { length } else { 0 };
            runs.words += counted;
            runs.longest_word = runs.longest_word.max(counted);
        } else if token.starts_with(|first: char| first.is_ascii_uppercase()) {
            runs.acronyms += if matches!(length, 3 | 4) { length } else { 0 };
        }
        is_first = token.starts_with(['-', '_']);
    }
    runs
}

fn is_speakable(word: &str) -> bool {
    let mut lower = [0_u8; 128];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|word| has_vowel(word) && is_pronounceable(word))
}

/// The runs of one kind: words (`Pro`, `gen`), capitals, digits, symbols. The last capital before a small letter begins
/// a word.
fn tokens_of(hash: &str) -> impl Iterator<Item = &str> {
    let mut rest = hash;
    std::iter::from_fn(move || {
        let bytes = rest.as_bytes();
        let kind = |byte: u8| match byte {
            b'0'..=b'9' => 0,
            b'A'..=b'Z' => 1,
            b'a'..=b'z' => 2,
            _ => 3,
        };
        let first = kind(*bytes.first()?);
        let mut length = bytes.iter().take_while(|byte| kind(**byte) == first).count();
        let ends_before_a_small_letter = bytes.get(length).is_some_and(u8::is_ascii_lowercase);
        if first == 1 && ends_before_a_small_letter {
            let small = bytes[length..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
            length = if length == 1 { 1 + small } else { length - 1 };
        }
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_cut_where_people_would() {
        let tokens = |hash| tokens_of(hash).collect::<Vec<_>>();
        assert_eq!(tokens("XPS13Pro"), ["XPS", "13", "Pro"]);
        assert_eq!(tokens("HSBCBank"), ["HSBC", "Bank"]);
        assert_eq!(tokens("a-_B2cD"), ["a", "-_", "B", "2", "c", "D"]);
        assert_eq!(tokens(""), Vec::<&str>::new());
    }

    #[test]
    fn models_and_brands_are_told_from_hashes() {
        for written in ["RTX4090T", "XPS13Pro", "2024Q3v2", "BMWGroup", "GDC24Key", "Ioniq5LR"] {
            assert!(is_likely(written), "{written}");
        }
        for written in ["USB3Gen2", "GLC300e4", "Nord3CE5"] {
            assert!(!is_likely(written) && is_possible(written), "{written}");
        }
        for random in ["DYJeH9Fh", "Bpd14Z_1", "e-x3OWO-", "CTy32RZ2", "D9vtyGgU"] {
            assert!(!is_possible(random), "{random}");
        }
    }

    #[test]
    fn lower_case_is_a_hash_only_where_nobody_would_write_it() {
        assert!(is_unlikely_in_lower_case("n2fwxwd5") && is_unlikely_in_lower_case("k0u2jx3t"));
        assert!(changes_often("k0u2jx3t") && !changes_often("zx98yw76"));
        for written in ["win32x64", "xml2json", "facebook", "h264x265", "es2020v1"] {
            assert!(!is_unlikely_in_lower_case(written), "{written}");
        }
    }
}
