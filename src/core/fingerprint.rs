//! Is this file name content-addressed, so that calling the file `immutable` for a year is safe?
//!
//! Decides from names alone. A hash in a name is not enough: people name files after commits, uploads and ids, too.
//! What counts is that a bundler put it there, which shows in a directory or mark that belongs to one bundler
//! (`known`), in a hash too long to have another source, or in company: other names in the same directory with a
//! hash of the same length and alphabet in the same place (`evidence`). In doubt the answer is no: a miss costs a
//! revalidation, a false yes breaks a site for a year. Never reads files, and never sees content: a name that lies
//! (the same hash over other bytes) is caught by history, elsewhere.

mod evidence;
mod folders;
mod known;
mod name;
mod never;
mod shape;

use evidence::{Evidence, Scheme};
use name::{FoundHash, Kind, Name, Position, split};
use shape::Alphabet;

/// Whether a file is fingerprinted, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The name changes whenever the content does.
    pub fingerprinted: bool,
    /// A phrase for people: no capital at the start, no period at the end.
    pub reason: &'static str,
}

/// Judges the names of a site in one another's company. The verdicts come in the order of `paths`, the keys of the site
/// relative to the target's prefix; that order never matters to them, and duplicates are fine.
pub fn classify<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Verdict> {
    let names: Vec<Name<'a>> = paths.into_iter().map(Name::parse).collect();
    let site = SiteNames { evidence: Evidence::gather(&names) };
    names.iter().map(|name| site.classify(name)).collect()
}

/// What all names of a site say together.
struct SiteNames<'a> {
    evidence: Evidence<'a>,
}

impl SiteNames<'_> {
    fn classify(&self, name: &Name<'_>) -> Verdict {
        if let Kind::Never(reason) = name.kind {
            return Verdict { fingerprinted: false, reason };
        }
        if let Some(reason) = self.reason_by_gatsby_directory(name.path) {
            return Verdict { fingerprinted: true, reason };
        }
        let (directory, file_name) = (name.directory, name.file_name);
        if known::is_turbopack_name(directory, file_name) {
            return Verdict { fingerprinted: true, reason: "a hash in Next's own directory (Turbopack)" };
        }
        let Kind::Hashed(found) = &name.kind else {
            return Verdict { fingerprinted: false, reason: "no hash in the name" };
        };
        let reason = known::reason(directory, file_name, found)
            .or_else(|| self.reason_by_generator(name.path, found))
            .or_else(|| self.reason_by_length(name, found))
            .or_else(|| self.reason_by_company(name, found))
            .or_else(|| self.reason_by_sizes(directory, found))
            .or_else(|| self.reason_by_original(found));
        match reason {
            Some(reason) => Verdict { fingerprinted: true, reason },
            None => {
                Verdict { fingerprinted: false, reason: "a name like a hashed one, without others like it" }
            }
        }
    }

    /// Gatsby copies files to `static/<md5 of the content>/...` and serves `static/` as immutable (Gatsby docs,
    /// "Caching Static Sites").
    fn reason_by_gatsby_directory(&self, path: &str) -> Option<&'static str> {
        let is_in_digest = |in_site: &str| {
            let digest = in_site.strip_prefix("static/")?.split_once('/')?.0;
            (digest.len() == 32 && shape::alphabet_of_hash(digest) == Some(Alphabet::Hex)).then_some(())
        };
        let found = self.evidence.paths_in_gatsby_sites(path).any(|in_site| is_in_digest(in_site).is_some());
        found.then_some("a directory that Gatsby names after the content")
    }

    /// mdBook writes `<name>-<sha256, first 8>.<ext>` for its own files and for the additional styles and scripts of
    /// `theme/`, of which there may be one.
    fn reason_by_generator(&self, path: &str, found: &FoundHash<'_>) -> Option<&'static str> {
        let is_digest =
            found.position == Position::AfterDash && found.alphabet == Alphabet::Hex && found.hash.len() == 8;
        let is_own =
            |in_book: &str| ["css/", "fonts/", "theme/"].iter().any(|place| in_book.starts_with(place));
        (is_digest && self.evidence.paths_in_mdbooks(path).any(is_own))
            .then_some("an 8-character hash in a directory of mdBook's")
    }

    /// Long digests have no other source, given a name before them and some company.
    fn reason_by_length(&self, name: &Name<'_>, found: &FoundHash<'_>) -> Option<&'static str> {
        let (directory, code) = (name.directory, name.is_code);
        let length = found.hash.len();
        let named = !matches!(found.position, Position::WholeStem | Position::First);
        if !named || found.alphabet != Alphabet::Hex {
            return None;
        }
        if length >= 64 || (length >= 32 && code) {
            return Some(
                "a digest of 32 characters or more after the name (Hugo, Sprockets, Ember, Phoenix)",
            );
        }
        let company = self.evidence.of_length(length);
        if length >= 32 && company.all >= 2 && (company.code >= 1 || folders::is_output(directory)) {
            return Some("one of several digests of this length (webpack's file-loader, Hugo, Ember)");
        }
        let here = self.evidence.of_length_in_directory(directory, length);
        let outnumbered = self.evidence.unhashed_in(directory).code > here.all;
        if length >= 16 && here.all >= 2 && here.code >= 1 && !outnumbered {
            return Some(
                "one of several hashes of 16 characters or more (webpack, Rspack, Gatsby, Angular, Trunk)",
            );
        }
        None
    }

    /// Shorter hashes need others like them beside them, or in a directory that belongs to the same output.
    fn reason_by_company(&self, name: &Name<'_>, found: &FoundHash<'_>) -> Option<&'static str> {
        let (directory, code) = (name.directory, name.is_code);
        let scheme = Scheme::from(found);
        // Turbopack's older names (`app_8df7605f.js`) keep company, too, but hash the path of the source.
        if !may_be_judged_by_company(scheme) || known::is_of_next(directory) {
            return None;
        }
        if self.evidence.is_anchor(directory, scheme) {
            return Some("one of several names in the directory with a hash of the same kind");
        }
        let output = folders::is_output(directory);
        let is_entry = split(directory).1 == "assets" && ["index", "main", "app"].contains(&found.label);
        if is_entry && scheme.length == 8 && code && is_unmistakable(found.hash) {
            return Some("an entry with 8 characters of base64url in `assets` (Vite)");
        }
        let below_anchor = self.evidence.is_below_anchor(directory, scheme);
        if !scheme.travels() {
            return (below_anchor && split(directory).1 == "controllers")
                .then_some("a hash in the place where Rails puts controllers (Propshaft)");
        }
        let here = self.evidence.in_directory(directory, scheme);
        let unhashed = self.evidence.unhashed_in(directory);
        let crowded = unhashed.code > here.code;
        let usual = output || folders::is_of_one_kind(directory);
        if usual && here.all >= 2 && !crowded && self.evidence.is_anchored(scheme) {
            return Some("a hash of the same kind as in other directories");
        }
        if folders::is_of_one_kind(directory) && !crowded && self.evidence.is_beside_anchor(directory, scheme)
        {
            return Some("a hash of the same kind as in the directories beside it");
        }
        let is_part = folders::is_of_chunks(directory) || (folders::is_of_media(directory) && !code);
        let belongs = is_part || scheme.alphabet == Alphabet::Mixed;
        (below_anchor && folders::is_output(split(directory).0) && belongs && !crowded)
            .then_some("a hash of the same kind as in the directory above it")
    }

    /// eleventy-img: `<sha256 in base64url, first 10>-<width>.<format>`, each picture in several widths or formats.
    fn reason_by_sizes(&self, directory: &str, found: &FoundHash<'_>) -> Option<&'static str> {
        let digest = found.position == Position::WholeStem && found.sized && found.hash.len() == 10;
        (digest && self.evidence.sizes_of(directory, found.hash) >= 2)
            .then_some("a hash that eleventy-img gave a picture in several sizes")
    }

    /// Django's `ManifestStaticFilesStorage` puts `base.27e20196a850.css` (MD5, first 12) beside `base.css`.
    fn reason_by_original(&self, found: &FoundHash<'_>) -> Option<&'static str> {
        let digest =
            found.position == Position::AfterDot && found.alphabet == Alphabet::Hex && found.hash.len() == 12;
        (digest && self.evidence.with_original() >= 2).then_some("a hashed copy beside its original (Django)")
    }
}

/// Below 8 characters only what is documented: webpack's `[contenthash:6]` and `:7` after a dot, and the 7 of
/// Symfony's AssetMapper, in base64url.
fn may_be_judged_by_company(scheme: Scheme) -> bool {
    match scheme.alphabet {
        Alphabet::Hex => scheme.length >= 8 || scheme.position == Position::AfterDot,
        Alphabet::Mixed => scheme.length >= 7,
        Alphabet::Lower => scheme.length >= 8,
    }
}

/// Capitals, small letters and a digit, changing often enough that nobody thought it up.
fn is_unmistakable(hash: &str) -> bool {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let has = |wanted: u8| hash.as_bytes().iter().any(|byte| class(byte) == wanted);
    has(0) && has(1) && has(2) && hash.as_bytes().chunk_by(|a, b| class(a) == class(b)).count() >= 4
}

#[cfg(test)]
mod tests;
