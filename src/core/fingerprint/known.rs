//! Places and marks that belong to one bundler, where one name is enough.
//!
//! Every rule names the bundler and the file-name pattern that it documents or is built with. Decides from one path.

use super::name::{FoundHash, Name, Position, part_at, readings};
use super::never::without_compression;
use super::shape::Alphabet;

/// Why the hash at `path` (directory without a closing slash, file name) is a bundler's by its place or mark alone.
pub(super) fn reason(directory: &str, file_name: &str, found: &FoundHash<'_>) -> Option<&'static str> {
    by_directory(directory, found).or_else(|| by_mark(directory, file_name, found))
}

/// Whether Turbopack (Next 16.2 and later) named the file: `<hash>.js`, `turbopack-<hash>.js` and
/// `media/name.<hash>.png`, with 13 characters of `0-9a-z_-` whose first is a digit.
///
/// Told apart from the other hashes since this alphabet, without capitals and with both separators, is safe to read
/// in Next's own directories only.
pub(super) fn is_turbopack_name(directory: &str, file_name: &str) -> bool {
    const LENGTH: usize = 13;
    let stem = without_compression(file_name).rsplit_once('.').map_or("", |(stem, _)| stem);
    let Some((label, hash)) = stem.len().checked_sub(LENGTH).and_then(|at| stem.split_at_checked(at)) else {
        return false;
    };
    let of_alphabet =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    (label.is_empty() || label.ends_with(['.', '-']))
        && hash.starts_with(|first: char| first.is_ascii_digit())
        && hash.bytes().all(of_alphabet)
        && hash.bytes().filter(u8::is_ascii_alphabetic).count() >= 3
        && hash.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).count() >= 4
        && ["_next/static/chunks", "_next/static/media"].iter().any(|place| holds(directory, place))
}

/// Directories into which nothing is put but by the bundler.
fn by_directory(directory: &str, found: &FoundHash<'_>) -> Option<&'static str> {
    let length = found.hash.len();
    let hex = found.alphabet == Alphabet::Hex;
    // Turbopack's development names (`name_8df7605f._.js`) hash the path, so `_` is left out everywhere.
    let position = found.position != Position::AfterUnderscore;
    let rollup = position && length == 8 && !(hex && found.position != Position::AfterDot);
    let inside = |place: &str| holds(directory, place);
    if [
        "_next/static/chunks",
        "_next/static/css",
        "_next/static/media",
        "_next/static/runtime",
        "_next/static/wasm",
    ]
    .iter()
    .any(|place| inside(place))
    {
        // Next: `[name]-[contenthash].js` of 16 to 20, `[contenthash].css`, `media/[name].[hash:8].[ext]`.
        return (position && hex && length >= 8).then_some("a hash in Next's own directory");
    }
    if inside("_app/immutable") {
        // SvelteKit: `[name].[hash].js`, `[hash].js`; its adapters serve the directory as immutable.
        return (position && length >= 8).then_some("a hash in SvelteKit's own directory");
    }
    if inside("_astro") {
        // Astro: `_astro/[name].[hash].[ext]`.
        return rollup.then_some("a hash in Astro's own directory");
    }
    if inside("_nuxt") {
        // Nuxt 3 and 4: `[hash].js`, `[name].[hash].[ext]`. Nuxt 2: `[contenthash:7].js`.
        let nuxt_2 = position && hex && length == 7;
        return (rollup || nuxt_2).then_some("a hash in Nuxt's own directory");
    }
    if inside("static/media") {
        // Create React App: `static/media/[name].[hash].[ext]`, 20 or, for SVG, 32.
        let dotted = found.position == Position::AfterDot;
        return (dotted && hex && matches!(length, 20 | 32))
            .then_some("a hash in Create React App's own directory");
    }
    if inside("_expo/static") {
        // Expo (Metro): `entry-<md5>.js`.
        return (hex && length == 32).then_some("a hash in Expo's own directory");
    }
    if inside("static.files") {
        // rustdoc: `name-<8, before 1.89 16>.ext`.
        let dashed = found.position == Position::AfterDash;
        return (dashed && hex && matches!(length, 8 | 16)).then_some("a hash in rustdoc's own directory");
    }
    if inside("_observablehq") || inside("_import") || inside("_file") {
        // Observable Framework: `name.<sha256, first 8>.ext`.
        let dotted = found.position == Position::AfterDot;
        return (dotted && hex && length == 8).then_some("a hash in Observable Framework's own directory");
    }
    None
}

/// Whether a part of the name stands where the owner of the directory puts its hashes, has their length and is of their
/// alphabet, whatever else it looks like.
///
/// Only for directories into which the generator writes nothing else, and which it tells servers to cache for good:
/// SvelteKit's adapters serve `_app/immutable`, Astro's `_astro`, Nuxt `_nuxt` and Next `_next/static` as immutable, and
/// rustdoc documents `static.files` for it. Turbopack's older names, which hash a path, stand after an underscore.
pub(super) fn reason_in_own_directory(name: &Name<'_>) -> Option<&'static str> {
    use Position::{AfterDash, AfterDot, WholeStem};
    if !name.directory.contains(['_', '.']) {
        return None;
    }
    let has = |alphabet: Alphabet, length: usize, positions: &[Position]| {
        readings(name.file_name).any(|stem| {
            let part = |position: &Position| part_at(stem, *position, length);
            positions.iter().filter_map(part).any(|part| alphabet.holds(part))
        })
    };
    let inside = |place: &str| holds(name.directory, place);
    let is_hashed_whole = || has(Alphabet::Mixed, 8, &[WholeStem]) && !has(Alphabet::Hex, 8, &[WholeStem]);
    if inside("_app/immutable") && has(Alphabet::Mixed, 8, &[AfterDot, AfterDash, WholeStem]) {
        return Some("a hash in SvelteKit's own directory");
    }
    if inside("_astro") && has(Alphabet::Mixed, 8, &[AfterDot]) {
        return Some("a hash in Astro's own directory");
    }
    if inside("_nuxt")
        && !inside("_nuxt/static")
        && (has(Alphabet::Mixed, 8, &[AfterDot]) || is_hashed_whole())
    {
        return Some("a hash in Nuxt's own directory");
    }
    let is_of_next = (inside("_next/static/media") && has(Alphabet::Hex, 8, &[AfterDot]))
        || (["_next/static/chunks", "_next/static/css"].into_iter().any(inside)
            && [16, 20].iter().any(|length| has(Alphabet::Hex, *length, &[AfterDot, AfterDash, WholeStem])));
    if is_of_next {
        return Some("a hash in Next's own directory");
    }
    (inside("static.files") && has(Alphabet::Hex, 8, &[AfterDash]))
        .then_some("a hash in rustdoc's own directory")
}

/// Names with a part that only one tool writes.
fn by_mark(directory: &str, file_name: &str, found: &FoundHash<'_>) -> Option<&'static str> {
    let length = found.hash.len();
    let hex = found.alphabet == Alphabet::Hex;
    if found.label == "workbox" && file_name == format!("workbox-{}.js", found.hash) && hex && length == 8 {
        return Some("a hash in the name of Workbox's runtime");
    }
    // Hugo: `name_hu_<xxhash>.ext` (15 when the first digit was 0); before 0.138 `name_hu<md5>_<size>_<options>.ext`.
    if found.label.ends_with("_hu") && found.position == Position::AfterUnderscore && hex && length >= 14 {
        return Some("a hash that Hugo gave a processed image");
    }
    // Qwik: `build/q-<base64url>.js`.
    let in_build = directory == "build" || directory.ends_with("/build");
    if in_build
        && found.label == "q"
        && file_name.starts_with("q-")
        && length == 8
        && file_name.ends_with(".js")
    {
        return Some("a hash in Qwik's own directory");
    }
    // Material for MkDocs: `assets/javascripts/bundle.<8>.min.js`, `assets/stylesheets/main.<8>.min.css`.
    let material = (holds(directory, "assets/javascripts") || holds(directory, "assets/stylesheets"))
        && (file_name.ends_with(".min.js") || file_name.ends_with(".min.css"));
    if material && found.position == Position::AfterDot && hex && length == 8 {
        return Some("a hash in the place where Material for MkDocs puts it");
    }
    None
}

/// Whether the directory is Next's: what the rules here do not know of it is not hashed by content.
pub(super) fn is_of_next(directory: &str) -> bool {
    holds(directory, "_next")
}

/// Whether `place` (whole segments) is `directory` or lies above it, at any depth: sites may have a base path.
fn holds(directory: &str, place: &str) -> bool {
    let is_start = |at: usize| at == 0 || directory.as_bytes()[at - 1] == b'/';
    let is_here = |at: usize| {
        let after = directory.get(at..).and_then(|rest| rest.strip_prefix(place));
        after.is_some_and(|after| after.is_empty() || after.starts_with('/'))
    };
    (0..(directory.len() + 1).saturating_sub(place.len())).any(|at| is_start(at) && is_here(at))
}
