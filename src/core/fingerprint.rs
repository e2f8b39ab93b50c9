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
mod writing;

use evidence::{Evidence, Scheme};
use name::{FoundHash, Kind, Name, Position, split};
use shape::Alphabet;

/// How far a name may be trusted to change with the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// It stays when the content changes.
    #[default]
    Lasting,
    /// It has the shape of a hashed name, but a person may have given it, too.
    HashLike,
    /// It changes whenever the content does.
    Hashed,
}

/// What a name says of its file, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub naming: Naming,
    /// A phrase for people: no capital at the start, no period at the end.
    pub reason: &'static str,
}

impl Verdict {
    /// Whether calling the file immutable is safe.
    pub fn is_fingerprinted(self) -> bool {
        self.naming == Naming::Hashed
    }
}

const LONE: &str = "a name like a hashed one, without others like it";

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
        let (found, is_usual) = match &name.kind {
            Kind::Never(reason) => return Verdict { naming: Naming::Lasting, reason },
            Kind::Unusual(found) => (found.as_ref(), false),
            Kind::Unhashed => (None, true),
            Kind::Hashed(found) => (Some(found), true),
        };
        let hashed = self.reason_to_trust(name, found);
        let (naming, reason) = match hashed {
            Some(reason) if is_usual => (Naming::Hashed, reason),
            Some(_) => (
                Naming::HashLike,
                "a hashed name, but not on a kind of file that bundlers fingerprint as a rule",
            ),
            None if self.may_be_hashed(name) => {
                (Naming::HashLike, "the shape of a hashed name, but it may be a person's")
            }
            None if !is_usual => (Naming::Lasting, "a kind of file that bundlers do not fingerprint"),
            // A site may have one bundle: nobody's company, and open pages ask for it all the same.
            None if found.is_some() && name.is_code => (Naming::HashLike, LONE),
            None if found.is_some() => (Naming::Lasting, LONE),
            None => (Naming::Lasting, "no hash in the name"),
        };
        Verdict { naming, reason }
    }

    /// Why the name is a bundler's, or none when that is not certain.
    fn reason_to_trust(&self, name: &Name<'_>, found: Option<&FoundHash<'_>>) -> Option<&'static str> {
        let (directory, file_name) = (name.directory, name.file_name);
        let by_place = self.reason_by_gatsby_directory(name.path).or_else(|| {
            let is_turbopack = known::is_turbopack_name(directory, file_name);
            is_turbopack.then_some("a hash in Next's own directory (Turbopack)")
        });
        let by_hash = |found| {
            known::reason(directory, file_name, found)
                .or_else(|| self.reason_by_generator(name.path, found))
                .or_else(|| self.reason_by_length(name, found))
                .or_else(|| self.reason_by_company(name, found))
                .or_else(|| self.reason_by_sizes(directory, found))
                .or_else(|| self.reason_by_original(found))
        };
        by_place
            .or_else(|| found.and_then(by_hash))
            .or_else(|| known::reason_in_own_directory(name))
            .or_else(|| self.reason_on_second_look(name))
    }

    /// Whether open pages may ask for the file by a hash in its name: a part of it has the position, the length and the
    /// alphabet of a scheme that the neighbors show, and only looks like a word, a number or a size.
    fn may_be_hashed(&self, name: &Name<'_>) -> bool {
        let fits = |scheme: &Scheme| {
            scheme.part_of(name.file_name).is_some() && self.evidence.may_hold(name.directory, *scheme)
        };
        !known::is_of_next(name.directory) && self.evidence.schemes().iter().any(fits)
            || self.is_of_mdbook(name.path) && MDBOOK.part_of(name.file_name).is_some()
    }

    /// A second look at what a rule for lone names took for writing, in a directory that proves hashes in base64url. One in
    /// a hundred of these has small letters and digits only, and as many read like words.
    fn reason_on_second_look(&self, name: &Name<'_>) -> Option<&'static str> {
        if known::is_of_next(name.directory) {
            return None;
        }
        let is_random = |part: &str| match shape::alphabet_but_for_words(part) {
            Some(Alphabet::Mixed) if part.bytes().any(|b| b.is_ascii_uppercase()) => {
                if name.is_code {
                    writing::is_unlikely_on_code(part)
                } else {
                    writing::is_unlikely(part)
                }
            }
            Some(Alphabet::Mixed | Alphabet::Lower) => {
                writing::changes_often(part) || (name.is_code && writing::is_unlikely_in_lower_case(part))
            }
            _ => false,
        };
        let fits = |scheme: &Scheme| {
            scheme.alphabet == Alphabet::Mixed
                && scheme.part_of(name.file_name).is_some_and(is_random)
                && self.evidence.is_anchor(name.directory, *scheme)
        };
        let is_found = self.evidence.schemes().iter().any(fits);
        is_found.then_some("one of several names in the directory with a hash of the same kind")
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
        (Scheme::from(found) == MDBOOK && self.is_of_mdbook(path))
            .then_some("an 8-character hash in a directory of mdBook's")
    }

    fn is_of_mdbook(&self, path: &str) -> bool {
        let is_own =
            |in_book: &str| ["css/", "fonts/", "theme/"].iter().any(|place| in_book.starts_with(place));
        self.evidence.paths_in_mdbooks(path).any(is_own)
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
        if !scheme.is_judged_by_company() || known::is_of_next(directory) || self.is_written(name, found) {
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

    /// Whether a person may have named this picture, font or the like so: bundlers' directories hold public files, too.
    fn is_written(&self, name: &Name<'_>, found: &FoundHash<'_>) -> bool {
        if name.is_code || found.alphabet == Alphabet::Hex {
            return false;
        }
        if found.alphabet == Alphabet::Lower {
            return writing::holds_long_number(found.hash);
        }
        if self.evidence.is_base32(Scheme::from(found)) {
            return !writing::is_base32(found.hash);
        }
        writing::is_likely(found.hash) || self.evidence.is_written_label(name.directory, found.label)
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

/// How mdBook names its files.
const MDBOOK: Scheme = Scheme { position: Position::AfterDash, alphabet: Alphabet::Hex, length: 8 };

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
