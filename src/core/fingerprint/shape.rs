//! What one part of a file name looks like: a hash of which alphabet, or something that people write.
//!
//! Decides from the characters alone. Knows nothing of positions, folders or other files.

/// The smallest of the alphabets in use that a hash fits in. The rules ask for company of the same alphabet, since
/// a lone hexadecimal name among base64url ones was not made by the bundler that made the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alphabet {
    /// `0-9a-f`: webpack, Rspack, Parcel, Hugo, Next, mdBook, Sprockets, Propshaft, Django.
    Hex,
    /// `0-9a-z`: base36, and the base32 of Bun.
    Lower,
    /// With capitals: the base64url of Rollup and Rolldown, and so of Vite, base62, and the base32 of esbuild. One
    /// alphabet, since Angular writes some files with esbuild and some with Rolldown.
    Mixed,
}

impl Alphabet {
    /// Whether every character of `part` is of the alphabet.
    pub fn holds(self, part: &str) -> bool {
        part.bytes().all(|byte| match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Lower => matches!(byte, b'0'..=b'9' | b'a'..=b'z'),
            Self::Mixed => is_base64url(byte),
        })
    }
}

/// Shorter parts are never taken for a hash: too many words, sizes and versions fit.
const MIN_LENGTH: usize = 6;

/// A SHA-512 in hexadecimal.
const MAX_LENGTH: usize = 128;

/// The alphabet of `part` when it looks like a hash, or none when it is too short, too long, or something that
/// people write: a word, a number, a date, a size, a keyboard pattern.
pub(super) fn alphabet_of_hash(part: &str) -> Option<Alphabet> {
    alphabet_but_for_words(part).filter(|_| !is_word_like(part))
}

/// The same, but words are let pass.
pub(super) fn alphabet_but_for_words(part: &str) -> Option<Alphabet> {
    if !(MIN_LENGTH..=MAX_LENGTH).contains(&part.len()) || !part.bytes().all(is_base64url) {
        return None;
    }
    let alphabet = smallest_alphabet(part);
    let has_digit = part.bytes().any(|b| b.is_ascii_digit());
    let has_letter = part.bytes().any(|b| b.is_ascii_alphabetic());
    // One in five of the base64url hashes has no digit; only at the lengths in common use are they worth the doubt.
    let needs_digit = alphabet != Alphabet::Mixed || ![7, 8, 10].contains(&part.len());
    let written = !has_letter
        || (needs_digit && !has_digit)
        || is_size(part)
        || starts_with_date(part)
        || is_hand_typed(part);
    (!written).then_some(alphabet)
}

/// Whether `stem` holds a UUID, which names a thing and not its content.
pub(super) fn holds_uuid(stem: &str) -> bool {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    stem.as_bytes().windows(36).any(|window| {
        window.iter().enumerate().all(|(at, byte)| match DASHES.contains(&at) {
            true => matches!(byte, b'-' | b'_'),
            false => byte.is_ascii_hexdigit(),
        })
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn smallest_alphabet(part: &str) -> Alphabet {
    let held = [Alphabet::Hex, Alphabet::Lower].into_iter().find(|alphabet| alphabet.holds(part));
    held.unwrap_or(Alphabet::Mixed)
}

/// `1920x1080`.
fn is_size(part: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    part.split_once(['x', 'X']).is_some_and(|(width, height)| number(width) && number(height))
}

/// `20240115T1200Z`, `2024-01-15`: a year of 1900-2099, a month and a day, and whatever follows.
fn starts_with_date(part: &str) -> bool {
    let digits: Vec<u8> = part.bytes().filter(|&b| b != b'-' && b != b'_').take(8).collect();
    let number = |range: std::ops::Range<usize>| {
        digits
            .get(range)?
            .iter()
            .try_fold(0_u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(4..6), number(6..8)) else {
        return false;
    };
    (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Patterns of a keyboard or a counting hand: `a1b2c3d4`, `12345abc`, `abcabc12`, `aaaa1111`.
///
/// A random hash of 8 hexadecimal digits is taken for one about once in a thousand times.
fn is_hand_typed(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let mut seen = [false; 256];
    let distinct =
        bytes.iter().filter(|byte| !std::mem::replace(&mut seen[usize::from(**byte)], true)).count();
    let few = distinct <= 3 || (bytes.len() <= 12 && distinct * 3 <= bytes.len());
    let period =
        (1..=bytes.len() / 2).any(|period| bytes.iter().skip(period).eq(&bytes[..bytes.len() - period]));
    few || period || counts(bytes)
}

/// Whether the letters among themselves, and the digits among themselves, mostly go up, go down or stand still.
fn counts(bytes: &[u8]) -> bool {
    let steps = |test: fn(&u8) -> bool| {
        let chosen: Vec<i16> = bytes.iter().copied().filter(test).map(i16::from).collect();
        let steps: Vec<i16> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let even = [-1, 0, 1].map(|wanted| steps.iter().filter(|&&step| step == wanted).count());
        (even.into_iter().max().unwrap_or_default(), steps.len())
    };
    let (even_letters, letters) = steps(u8::is_ascii_alphabetic);
    let (even_digits, digits) = steps(u8::is_ascii_digit);
    let all = letters + digits;
    all > 0 && (even_letters + even_digits) * 6 >= all * 5
}

/// Words in any case, with at most one number among or after them: `SemiBold`, `overview`, `iPhone15`, `Web3Auth`.
///
/// About one random hash of 8 characters in 70 is taken for words.
fn is_word_like(part: &str) -> bool {
    let digit_runs = part.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    if digit_runs.filter(|run| run[0].is_ascii_digit()).count() > 1 {
        return false;
    }
    let words = words_of(part);
    let letters: usize = words.iter().map(String::len).sum();
    let pronounceable = || words.iter().all(|word| is_pronounceable(word));
    // Hexadecimal and capitals show no case to cut words by; there, only a word followed by a number will do.
    let shows_case = smallest_alphabet(part) != Alphabet::Hex && part.bytes().any(|b| b.is_ascii_lowercase());
    if !shows_case && (words.len() > 1 || !part.starts_with(|first: char| first.is_ascii_alphabetic())) {
        return false;
    }
    if letters >= 4 && letters * 2 >= part.len() {
        let few = words.len() * 8 <= part.len().max(8) * 3;
        let fragments = words.iter().filter(|word| word.len() < 3 && !is_short_word(word)).count();
        return few
            && fragments <= 1
            && words.iter().all(|word| word.len() < 3 || has_vowel(word) || is_short_word(word))
            && pronounceable();
    }
    // `dec01234` is left to the company it keeps: one hexadecimal hash in 30 has all its letters at one edge.
    letters <= 3 && smallest_alphabet(part) != Alphabet::Hex && is_at_an_edge(part, &words) && pronounceable()
}

pub(super) fn has_vowel(word: &str) -> bool {
    word.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// Words of two letters and acronyms that file names hold; other such groups of letters are fragments of something.
fn is_short_word(word: &str) -> bool {
    const SHORT: [&str; 57] = [
        "ui", "os", "js", "ts", "io", "ai", "id", "tv", "pc", "ip", "db", "vr", "ar", "xl", "us", "uk", "eu",
        "en", "up", "my", "go", "to", "in", "on", "of", "is", "it", "an", "at", "by", "no", "so", "we", "do",
        "me", "or", "ux", "svg", "css", "html", "xml", "http", "sdk", "cdn", "npm", "pdf", "jpg", "png",
        "sql", "gpu", "cpu", "rtl", "ltr", "jsx", "tsx", "mdx", "gl",
    ];
    SHORT.contains(&word)
}

/// `DSC00012`, `12345px`: one short word at an edge of a number.
fn is_at_an_edge(part: &str, words: &[String]) -> bool {
    let lower = part.to_ascii_lowercase();
    matches!(words, [word] if lower.starts_with(word.as_str()) || lower.ends_with(word.as_str()))
}

/// The runs of letters, cut where a word in CamelCase begins, in lower case.
fn words_of(part: &str) -> Vec<String> {
    let bytes = part.as_bytes();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_alphabetic() {
            open = false;
            continue;
        }
        let after_lower = at > 0 && bytes[at - 1].is_ascii_lowercase();
        let before_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let begins = byte.is_ascii_uppercase() && (after_lower || before_lower);
        match words.last_mut() {
            Some(word) if open && !begins => word.push(char::from(byte.to_ascii_lowercase())),
            _ => words.push(char::from(byte.to_ascii_lowercase()).to_string()),
        }
        open = true;
    }
    words
}

/// Whether every two neighboring letters are a pair that English has.
pub(super) fn is_pronounceable(word: &str) -> bool {
    is_short_word(word)
        || word.as_bytes().windows(2).all(|pair| {
            let row = usize::from(pair[0] - b'a');
            FOLLOWERS[row].as_bytes().contains(&pair[1])
        })
}

/// For each letter, those that follow it in at least 8 of the 7,600 words found most widely in English technical
/// text, or in a few names of tools. 91 % of those words have only such pairs; of random strings of 8 letters, 5 %.
#[rustfmt::skip]
const FOLLOWERS: [&str; 26] = [
    "bcdfgiklmnpqrstuvwxy", // a
    "abcdegijlmoprstuy", // b
    "acdehijklmnoprstuy", // c
    "abcdeghijlmnorstuvy", // d
    "abcdefghijklmnopqrstuvwxy", // e
    "acefiloprstuy", // f
    "acefghilmnorstu", // g
    "aeilmnorstuy", // h
    "abcdefgklmnopqrstuvxz", // i
    "aejoqsu", // j
    "adefhilnopstu", // k
    "abcdefgiklmnopstuvy", // l
    "abcdeilmnopsu", // m
    "abcdefghijklmnoprstuvwy", // n
    "abcdefghijklmnoprstuvwxy", // o
    "acdeghiloprstuy", // p
    "u", // q
    "abcdefgiklmnoprstuvwy", // r
    "acdefhiklmnopqrstuvwy", // s
    "abcdefhiklmnoprstuwy", // t
    "abcdefgilmnoprstxz", // u
    "aegiouy", // v
    "aehilnors", // w
    "aceilmpsty", // x
    "aegilmnoprstw", // y
    "aeio", // z
];
