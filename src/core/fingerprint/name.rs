//! Takes a file name apart: where in it a hash would stand, and what stands there.
//!
//! Decides from one file name. Knows nothing of folders or other files.

use super::never::{self, without_compression};
use super::shape::{self, Alphabet};

/// A path, taken apart once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub path: &'a str,
    /// Empty, or without a closing slash.
    pub directory: &'a str,
    pub file_name: &'a str,
    /// Whether browsers run or apply this file.
    pub is_code: bool,
    pub kind: Kind<'a>,
}

/// What a path says by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// Never immutable, and why; no hash was looked for.
    Never(&'static str),
    /// Never called immutable, since few files of this kind are hashed; but some are: a PDF that a script imports.
    Unusual(Option<FoundHash<'a>>),
    Unhashed,
    Hashed(FoundHash<'a>),
}

impl<'a> Name<'a> {
    pub fn parse(path: &'a str) -> Self {
        let (directory, file_name) = split(path);
        let kind = match never::reason(path) {
            Some(reason) => Kind::Never(reason),
            None if !never::is_asset(file_name) => Kind::Unusual(find_hash(file_name)),
            None => find_hash(file_name).map_or(Kind::Unhashed, Kind::Hashed),
        };
        Self { path, directory, file_name, is_code: is_code(file_name), kind }
    }
}

/// The directory (empty, or without a closing slash) and the last segment.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether browsers run or apply this file.
pub(super) fn is_code(file_name: &str) -> bool {
    let extension = without_compression(file_name).rsplit_once('.').map_or("", |(_, extension)| extension);
    ["js", "mjs", "cjs", "css", "wasm"].iter().any(|code| extension.eq_ignore_ascii_case(code))
}

/// What stands before the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Position {
    /// `app.HASH.js`
    AfterDot,
    /// `app-HASH.js`
    AfterDash,
    /// `app_HASH.js`
    AfterUnderscore,
    /// `HASH.js`
    WholeStem,
    /// `HASH-app.js`, `HASH.app.js`
    First,
}

/// A hash as it stands in a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FoundHash<'a> {
    /// The hash itself: 6 to 128 characters of `0-9A-Za-z_-`.
    pub hash: &'a str,
    /// What stands before it, without the separator; after it, for [`Position::First`]. Empty for the whole stem.
    pub label: &'a str,
    pub position: Position,
    pub alphabet: Alphabet,
    /// Whether an image's width, size or density follows: `HASH-480w.jpg`.
    pub sized: bool,
}

/// The length of the hashes of Rollup, Rolldown and Vite, which alone may hold `-` and `_` after any separator.
const ROLLUP_LENGTH: usize = 8;

/// The length of eleventy-img's hashes, which may hold `-` and `_` as the whole stem.
const ELEVENTY_IMG_LENGTH: usize = 10;

/// The lengths of an MD5 (cargo-leptos), a SHA-1 and a SHA-256 in base64url, which may hold `-` and `_` after a dot.
const LONG_BASE64URL_LENGTHS: [usize; 3] = [22, 27, 43];

/// What bundlers put between the hash and the extension.
const SUFFIXES: [&str; 14] = [
    ".min", ".chunk", ".bundle", ".module", ".lean", ".iframe", ".esm", ".async", ".worker", ".modern",
    ".legacy", "_bg", ".ttf", ".otf",
];

const IMAGE_EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "gif", "webp", "avif", "svg"];

/// The hash in `file_name`, or none. Where several parts look like one, it is the last, which covers the content
/// where the first names a chunk (`0058b4c6.f05bf458.js`).
fn find_hash(file_name: &str) -> Option<FoundHash<'_>> {
    let (stem, extension) = without_compression(file_name).rsplit_once('.')?;
    if shape::holds_uuid(stem) {
        return None;
    }
    let is_image = IMAGE_EXTENSIONS.iter().any(|image| extension.eq_ignore_ascii_case(image));
    let plain = without_suffixes(stem);
    let unsized_stem = if is_image { without_size(plain) } else { plain };
    let sized = unsized_stem.len() != plain.len();
    if let Some(found) = ends_like_a_size(plain, unsized_stem) {
        return Some(found);
    }
    let found = whole_stem(unsized_stem, sized)
        .or_else(|| is_image.then(|| before_a_variant(unsized_stem)).flatten())
        .or_else(|| after_a_separator(unsized_stem))
        .or_else(|| first(unsized_stem))?;
    Some(FoundHash { sized, ..found })
}

/// The file name that the hash was put into (`base.27e20196a850.css` -> `base.css`), for [`Position::AfterDot`] and
/// the like; none where there is no label.
pub(super) fn without_hash(file_name: &str, found: &FoundHash<'_>) -> Option<String> {
    if matches!(found.position, Position::First | Position::WholeStem) {
        return None;
    }
    let rest = file_name.get(found.label.len() + 1 + found.hash.len()..)?;
    Some(format!("{}{rest}", found.label))
}

/// The readings of a file name in which a hash may end: whole, without an image's size, without Astro's variant.
pub(super) fn readings(file_name: &str) -> impl Iterator<Item = &str> {
    let (stem, extension) = without_compression(file_name).rsplit_once('.').unwrap_or_default();
    let plain = without_suffixes(stem);
    let is_image = IMAGE_EXTENSIONS.iter().any(|image| extension.eq_ignore_ascii_case(image));
    let unsized_stem = is_image.then(|| without_size(plain)).filter(|shorter| *shorter != plain);
    let original = is_image.then(|| without_variant(plain)).flatten();
    [Some(plain), unsized_stem, original].into_iter().flatten()
}

/// What stands in `stem` where a hash of this length would, whatever it is: none where there is no room for it.
pub(super) fn part_at(stem: &str, position: Position, length: usize) -> Option<&str> {
    let separator = match position {
        Position::AfterDot => b'.',
        Position::AfterDash => b'-',
        Position::AfterUnderscore => b'_',
        Position::WholeStem => return (stem.len() == length).then_some(stem),
        Position::First => {
            let is_followed = matches!(stem.as_bytes().get(length), Some(b'.' | b'-'));
            return stem.get(..length).filter(|_| is_followed);
        }
    };
    let at = stem.len().checked_sub(length + 1).filter(|at| *at > 0)?;
    stem.get(at + 1..).filter(|_| stem.as_bytes()[at] == separator)
}

fn without_suffixes(mut stem: &str) -> &str {
    while let Some(shorter) =
        SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)).filter(|s| !s.is_empty())
    {
        stem = shorter;
    }
    stem
}

/// Cuts `-480`, `-480w`, `-800x600`, `_800x600` and `@2x` off the end.
fn without_size(stem: &str) -> &str {
    let Some((shorter, size)) = stem.rsplit_once(['-', '_', '@']).filter(|(shorter, _)| !shorter.is_empty())
    else {
        return stem;
    };
    let number = size.trim_end_matches(['w', 'h', 'x']);
    let is_number = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let is_size =
        is_number(number) || number.split_once('x').is_some_and(|(w, h)| is_number(w) && is_number(h));
    if is_size { shorter } else { stem }
}

/// `logo-Bpd14Z_1`: a hash whose end reads like an image's size. It is one when what stands before that end is no
/// word: `photo-Beach2_1` is a photo.
fn ends_like_a_size<'a>(plain: &'a str, unsized_stem: &str) -> Option<FoundHash<'a>> {
    if plain.len() == unsized_stem.len() {
        return None;
    }
    let found = split_before(plain, plain.len().checked_sub(ROLLUP_LENGTH + 1)?)?;
    let before_the_size =
        found.hash.get(..found.hash.len().checked_sub(plain.len() - unsized_stem.len())?)?;
    shape::alphabet_of_hash(before_the_size).map(|_| found)
}

/// `label.HASH`, `label-HASH`, `label_HASH`.
fn after_a_separator(stem: &str) -> Option<FoundHash<'_>> {
    // Rollup's alphabet holds two of the separators, so its length is tried before the last separator is.
    let rollup = stem.len().checked_sub(ROLLUP_LENGTH + 1);
    let long = stem.rfind('.').filter(|dot| LONG_BASE64URL_LENGTHS.contains(&(stem.len() - dot - 1)));
    let last = stem.rfind(['.', '-', '_']);
    [rollup, long, last].into_iter().flatten().find_map(|at| split_before(stem, at))
}

/// Splits at the separator whose byte index is `at`, when it is one and a hash follows it.
fn split_before(stem: &str, at: usize) -> Option<FoundHash<'_>> {
    let position = match stem.as_bytes().get(at)? {
        b'.' => Position::AfterDot,
        b'-' => Position::AfterDash,
        b'_' => Position::AfterUnderscore,
        _ => return None,
    };
    let (label, hash) = (stem.get(..at)?, stem.get(at + 1..)?);
    let found = hash_of(hash)?;
    let underscore_is_ambiguous = position == Position::AfterUnderscore && hash.contains(['-', '_']);
    (!label.is_empty() && !underscore_is_ambiguous).then_some(FoundHash { label, position, ..found })
}

/// `label.HASH_variant`: Astro appends a short hash of the transformation to the file's own.
fn before_a_variant(stem: &str) -> Option<FoundHash<'_>> {
    let rest = without_variant(stem)?;
    split_before(rest, rest.len().checked_sub(ROLLUP_LENGTH + 1)?)
        .filter(|found| found.position == Position::AfterDot)
}

fn without_variant(stem: &str) -> Option<&str> {
    let (rest, variant) = stem.rsplit_once('_')?;
    let is_variant = (4..=7).contains(&variant.len()) && variant.bytes().all(|b| b.is_ascii_alphanumeric());
    is_variant.then_some(rest)
}

fn whole_stem(stem: &str, sized: bool) -> Option<FoundHash<'_>> {
    let found = hash_of(stem)?;
    let may_hold_symbols = stem.len() == ROLLUP_LENGTH || (stem.len() == ELEVENTY_IMG_LENGTH && sized);
    (may_hold_symbols || !stem.contains(['-', '_'])).then_some(found)
}

/// `HASH-label`, `HASH.label`.
fn first(stem: &str) -> Option<FoundHash<'_>> {
    let at = stem.find(['.', '-'])?;
    let found = hash_of(stem.get(..at)?)?;
    Some(FoundHash { label: stem.get(at + 1..)?, position: Position::First, ..found })
}

/// `hash` as the whole stem, when it looks like a hash. With `-` or `_` inside it must have capitals, too, or
/// `ui-kit-2` would do.
fn hash_of(hash: &str) -> Option<FoundHash<'_>> {
    let alphabet = shape::alphabet_of_hash(hash)?;
    let has_symbol = hash.contains(['-', '_']);
    let has_capital = hash.bytes().any(|b| b.is_ascii_uppercase());
    (!has_symbol || has_capital).then_some(FoundHash {
        hash,
        label: "",
        position: Position::WholeStem,
        alphabet,
        sized: false,
    })
}
