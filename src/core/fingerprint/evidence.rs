//! What the names of a whole site say about the bundler that made them.
//!
//! Counts hashes of a kind by directory and over the site. Decides nothing about one file.

use std::collections::{HashMap, HashSet};

use super::folders;
use super::name::{self, FoundHash, Kind, Name, Position, is_code, split};
use super::shape::Alphabet;

/// Hashes that one bundler would make: same place in the name, same alphabet, same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scheme {
    pub position: Position,
    pub alphabet: Alphabet,
    pub length: usize,
}

impl Scheme {
    /// Whether one directory's names may speak for another's. People write commits as hexadecimal after a dash, but
    /// shorter.
    pub fn travels(self) -> bool {
        self.alphabet != Alphabet::Hex || self.position == Position::AfterDot || self.length >= 16
    }
}

impl From<&FoundHash<'_>> for Scheme {
    fn from(found: &FoundHash<'_>) -> Self {
        Self { position: found.position, alphabet: found.alphabet, length: found.hash.len() }
    }
}

/// How many different hashes there are, in all and on code (scripts, styles, WebAssembly).
///
/// Bundlers emit code. A directory of hashed-looking pictures alone is as likely a gallery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub all: usize,
    pub code: usize,
}

/// The evidence of one site.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    by_directory: HashMap<(&'a str, Scheme), Count>,
    /// Directories that prove a scheme by themselves.
    anchors: HashSet<(&'a str, Scheme)>,
    /// The directories that hold anchors.
    anchor_parents: HashSet<(&'a str, Scheme)>,
    anchored_schemes: HashSet<Scheme>,
    by_directory_and_length: HashMap<(&'a str, usize), Count>,
    by_length: HashMap<usize, Count>,
    unhashed: HashMap<&'a str, Count>,
    sized: HashMap<(&'a str, &'a str), usize>,
    with_original: usize,
    originals: HashSet<String>,
    /// Directories with an `index.html`.
    directories_of_pages: HashSet<&'a str>,
    /// Directories (empty, or ending in `/`) at the root of an mdBook.
    mdbooks: HashSet<&'a str>,
    /// Directories (empty, or ending in `/`) at the root of a Gatsby site.
    gatsby_sites: HashSet<&'a str>,
}

impl<'a> Evidence<'a> {
    /// Gathers it from all names, in any order; duplicates are fine.
    pub fn gather(names: &[Name<'a>]) -> Self {
        let mut paths: HashSet<&str> = HashSet::with_capacity(names.len());
        let names: Vec<&Name<'a>> = names.iter().filter(|name| paths.insert(name.path)).collect();
        let mut evidence = Self::default();
        let mut seen: HashSet<(&str, Scheme, &str, bool)> = HashSet::new();
        let mut seen_on_site: HashSet<(Scheme, &str, bool)> = HashSet::new();
        for name in names {
            evidence.note_generator(name, &paths);
            let (directory, code) = (name.directory, name.is_code);
            let found = match &name.kind {
                Kind::Never(_) => continue,
                Kind::Unhashed => {
                    evidence.unhashed.entry(directory).or_default().add(code, true);
                    continue;
                }
                Kind::Hashed(found) => found,
            };
            let scheme = Scheme::from(found);
            evidence.note_original(name, found, &paths);
            if found.sized {
                *evidence.sized.entry((directory, found.hash)).or_default() += 1;
            }
            let new_here = seen.insert((directory, scheme, found.hash, false));
            let new_code_here = code && seen.insert((directory, scheme, found.hash, true));
            evidence.by_directory.entry((directory, scheme)).or_default().add(new_code_here, new_here);
            let new = seen_on_site.insert((scheme, found.hash, false));
            let new_code = code && seen_on_site.insert((scheme, found.hash, true));
            let here = (directory, scheme.length);
            evidence.by_directory_and_length.entry(here).or_default().add(new_code_here, new_here);
            evidence.by_length.entry(scheme.length).or_default().add(new_code, new);
        }
        evidence.forget_originals();
        evidence.find_anchors();
        evidence
    }

    /// Hashes of this scheme in the very directory (no closing slash).
    pub fn in_directory(&self, directory: &str, scheme: Scheme) -> Count {
        self.by_directory.get(&(directory, scheme)).copied().unwrap_or_default()
    }

    /// Hashes of this length in the very directory, whatever stands before them.
    pub fn of_length_in_directory(&self, directory: &str, length: usize) -> Count {
        self.by_directory_and_length.get(&(directory, length)).copied().unwrap_or_default()
    }

    /// Whether the names of the directory prove by themselves that a bundler writes this scheme there.
    pub fn is_anchor(&self, directory: &str, scheme: Scheme) -> bool {
        self.anchors.contains(&(directory, scheme))
    }

    /// Whether the directory that holds `directory` proves the scheme.
    pub fn is_below_anchor(&self, directory: &str, scheme: Scheme) -> bool {
        !directory.is_empty() && self.is_anchor(split(directory).0, scheme)
    }

    /// Whether a directory beside `directory` proves the scheme: `js` for `css` and `img`.
    pub fn is_beside_anchor(&self, directory: &str, scheme: Scheme) -> bool {
        !directory.is_empty() && self.anchor_parents.contains(&(split(directory).0, scheme))
    }

    /// Whether any directory of the site proves the scheme.
    pub fn is_anchored(&self, scheme: Scheme) -> bool {
        self.anchored_schemes.contains(&scheme)
    }

    /// Hashes of this length anywhere, whatever stands before them.
    pub fn of_length(&self, length: usize) -> Count {
        self.by_length.get(&length).copied().unwrap_or_default()
    }

    /// Files of the directory in whose names no hash was found, but for the originals of hashed copies.
    pub fn unhashed_in(&self, directory: &str) -> Count {
        self.unhashed.get(directory).copied().unwrap_or_default()
    }

    /// In how many sizes and formats the directory holds the picture with this hash.
    pub fn sizes_of(&self, directory: &str, hash: &str) -> usize {
        self.sized.get(&(directory, hash)).copied().unwrap_or_default()
    }

    /// How many hashed files lie beside the file they were copied from (`base.27e20196a850.css`, `base.css`).
    pub fn with_original(&self) -> usize {
        self.with_original
    }

    /// Where `path` lies in the mdBooks that hold it (books may lie inside one another), in no order.
    pub fn paths_in_mdbooks<'b>(&self, path: &'b str) -> impl Iterator<Item = &'b str> {
        self.mdbooks.iter().filter_map(move |root| path.strip_prefix(root))
    }

    /// Where `path` lies in the Gatsby sites that hold it, in no order.
    pub fn paths_in_gatsby_sites<'b>(&self, path: &'b str) -> impl Iterator<Item = &'b str> {
        self.gatsby_sites.iter().filter_map(move |root| path.strip_prefix(root))
    }

    /// Finds the directories that prove a scheme: three hashes of it, or two in a bundler's usual directory, or a
    /// `js` with a `css` beside it; at least one of them code. A crowd of unhashed code there speaks against it. A
    /// scheme that does not travel needs three, and a bundler's usual directory or a page beside them.
    fn find_anchors(&mut self) {
        let proving = |((directory, scheme), here): (&(&'a str, Scheme), &Count)| {
            self.proves(directory, *scheme, *here).then_some((*directory, *scheme))
        };
        self.anchors = self.by_directory.iter().filter_map(proving).collect();
        for (directory, scheme) in &self.anchors {
            self.anchored_schemes.insert(*scheme);
            if !directory.is_empty() {
                self.anchor_parents.insert((split(directory).0, *scheme));
            }
        }
    }

    fn proves(&self, directory: &str, scheme: Scheme, here: Count) -> bool {
        let output = folders::is_output(directory);
        // Public files are merged into the bundler's directories, but not the other way round.
        let outnumbered = self.unhashed_in(directory).code > here.all * if output { 3 } else { 1 };
        let enough = if scheme.travels() {
            here.all >= 3 || (here.all >= 2 && output) || self.splits_code(directory, scheme, output)
        } else {
            here.all >= 3 && (output || self.directories_of_pages.contains(directory))
        };
        enough && here.code >= 1 && !outnumbered
    }

    /// Whether `directory` is the `js` or `css` of an output that has hashes of the scheme in both.
    fn splits_code(&self, directory: &str, scheme: Scheme, output: bool) -> bool {
        let (parent, name) = match directory.rsplit_once('/') {
            Some((parent, name)) => (format!("{parent}/"), name),
            None => (String::new(), directory),
        };
        let code_in = |name: &str| self.in_directory(&format!("{parent}{name}"), scheme).code;
        let least_scripts = if output { 1 } else { 2 };
        scheme.travels()
            && matches!(name, "js" | "css")
            && code_in("js") >= least_scripts
            && code_in("css") >= 1
    }

    fn note_generator(&mut self, name: &Name<'a>, paths: &HashSet<&str>) {
        let Name { path, directory, file_name, .. } = *name;
        if let Some(root) = path.strip_suffix("page-data/app-data.json") {
            self.gatsby_sites.insert(root);
        }
        if file_name == "index.html" {
            self.directories_of_pages.insert(directory);
        }
        if let Some(root) = path.strip_suffix("toc.html").filter(|_| file_name == "toc.html") {
            let has = |start: &str| {
                paths.iter().any(|path| {
                    let in_book = path.strip_prefix(root).and_then(|in_book| in_book.strip_prefix(start));
                    in_book.is_some_and(|rest| rest.ends_with(".js"))
                })
            };
            if has("book-") && has("toc-") && has("clipboard-") {
                self.mdbooks.insert(root);
            }
        }
    }

    fn note_original(&mut self, name: &Name<'_>, found: &FoundHash<'_>, paths: &HashSet<&str>) {
        let Some(original) = name::without_hash(name.file_name, found) else { return };
        let directory = name.directory;
        let original = if directory.is_empty() { original } else { format!("{directory}/{original}") };
        if paths.contains(original.as_str()) {
            self.with_original += 1;
            self.originals.insert(original);
        }
    }

    fn forget_originals(&mut self) {
        for original in &self.originals {
            let (directory, file_name) = split(original);
            if let Some(count) = self.unhashed.get_mut(directory) {
                count.all = count.all.saturating_sub(1);
                count.code = count.code.saturating_sub(usize::from(is_code(file_name)));
            }
        }
    }
}

impl Count {
    fn add(&mut self, code: bool, any: bool) {
        self.code += usize::from(code);
        self.all += usize::from(any);
    }
}
