//! What the names of a whole site say about the bundler that made them.
//!
//! Counts hashes of a kind by directory and over the site. Decides nothing about one file.

use hashbrown::{HashMap, HashSet};

use super::folders;
use super::name::{self, FoundHash, Kind, Name, Position, is_code, split};
use super::shape::Alphabet;
use super::writing;

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

    /// Whether company proves anything. Below 8 characters only what is documented: webpack's `[contenthash:6]` and
    /// `:7` after a dot, and the 7 of Symfony's AssetMapper, in base64url.
    pub fn is_judged_by_company(self) -> bool {
        match self.alphabet {
            Alphabet::Hex => self.length >= 8 || self.position == Position::AfterDot,
            Alphabet::Mixed => self.length >= 7,
            Alphabet::Lower => self.length >= 8,
        }
    }

    /// What stands in the file's name where the scheme puts its hash, in the scheme's alphabet: a hash, or something
    /// that only looks like one.
    pub fn part_of(self, file_name: &str) -> Option<&str> {
        let part = |stem| name::part_at(stem, self.position, self.length);
        name::readings(file_name).filter_map(part).find(|part| self.alphabet.holds(part))
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
    /// Those of `all` that are on other files and read as if a person had written them.
    pub written: usize,
}

/// Hashes of a scheme on code, and how many of them are in esbuild's base32.
#[derive(Clone, Copy, Debug, Default)]
struct Base32Share {
    code: usize,
    base32: usize,
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
    /// Directories in which a bundler may write the scheme: the anchors, and those with less to show for it.
    haunts: HashSet<(&'a str, Scheme)>,
    /// The directories that hold them.
    haunt_parents: HashSet<(&'a str, Scheme)>,
    /// The schemes of all haunts, each once.
    schemes: Vec<Scheme>,
    base32: HashMap<Scheme, Base32Share>,
    /// Labels (with their directory) under which a person seems to have numbered pictures.
    written_labels: HashSet<(&'a str, &'a str)>,
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
        for name in &names {
            evidence.note_generator(name, &paths);
            let (directory, code) = (name.directory, name.is_code);
            let found = match &name.kind {
                Kind::Never(_) | Kind::Unusual(_) => continue,
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
            let count = evidence.by_directory.entry((directory, scheme)).or_default();
            count.add(new_code_here, new_here);
            if scheme.alphabet == Alphabet::Mixed {
                count.written += usize::from(new_here && !code && writing::is_likely(found.hash));
                if new_code_here {
                    evidence.base32.entry(scheme).or_default().add(found.hash);
                }
            }
            let new = seen_on_site.insert((scheme, found.hash, false));
            let new_code = code && seen_on_site.insert((scheme, found.hash, true));
            let here = (directory, scheme.length);
            evidence.by_directory_and_length.entry(here).or_default().add(new_code_here, new_here);
            evidence.by_length.entry(scheme.length).or_default().add(new_code, new);
        }
        evidence.forget_originals();
        evidence.find_anchors();
        evidence.find_haunts();
        evidence.find_written_labels(&names);
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

    /// Whether a hash of the scheme may stand in a name in `directory`, as far as its neighbors tell.
    pub fn may_hold(&self, directory: &str, scheme: Scheme) -> bool {
        if self.haunts.contains(&(directory, scheme)) {
            return true;
        }
        if !scheme.travels() || !(folders::is_output(directory) || folders::is_of_one_kind(directory)) {
            return false;
        }
        let parent = split(directory).0;
        let is_near =
            self.haunts.contains(&(parent, scheme)) || self.haunt_parents.contains(&(parent, scheme));
        (is_near && folders::is_output(parent))
            || (self.in_directory(directory, scheme).all >= 1 && self.schemes.contains(&scheme))
    }

    /// The schemes that the site's names show, each once.
    pub fn schemes(&self) -> &[Scheme] {
        &self.schemes
    }

    /// Whether hashes of the scheme come from esbuild, or so many of them that it is at work besides another bundler:
    /// one in 20, where one in 250 of the base64url ones is base32, too.
    pub fn is_base32(&self, scheme: Scheme) -> bool {
        let share = self.base32.get(&scheme).copied().unwrap_or_default();
        share.base32 >= 2 && share.base32 * 20 >= share.code
    }

    /// Whether a person seems to have numbered the pictures of this label: several, all as one would write them, and
    /// no code.
    pub fn is_written_label(&self, directory: &str, label: &str) -> bool {
        self.written_labels.contains(&(directory, label))
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
        // What a person may have written is no company for a single file of code.
        let all = if here.code >= 2 { here.all } else { here.all - here.written };
        let enough = if scheme.travels() {
            all >= 3 || (all >= 2 && output) || self.splits_code(directory, scheme, output)
        } else {
            all >= 3 && (output || self.directories_of_pages.contains(directory))
        };
        enough && here.code >= 1 && !outnumbered && !self.is_overshadowed(directory, scheme, here)
    }

    /// Whether the names in small letters are but those of a bundler that writes capitals, too, or of nobody's.
    fn is_overshadowed(&self, directory: &str, scheme: Scheme, here: Count) -> bool {
        let of_capitals = Scheme { alphabet: Alphabet::Mixed, ..scheme };
        scheme.alphabet == Alphabet::Lower
            && self.in_directory(directory, of_capitals).code >= here.code.max(1)
    }

    /// Finds where less than proof will do: in a bundler's usual directory one hash on code, or two beside code in which
    /// none was found; elsewhere two, one of them on code.
    fn find_haunts(&mut self) {
        let may_be = |((directory, scheme), here): (&(&'a str, Scheme), &Count)| {
            let is_shown = if folders::is_output(directory) {
                here.code >= 1 || (here.all >= 2 && self.unhashed_in(directory).code >= 1)
            } else {
                here.code >= 1 && here.all >= 2
            };
            (is_shown && scheme.travels() && scheme.is_judged_by_company()).then_some((*directory, *scheme))
        };
        self.haunts =
            self.by_directory.iter().filter_map(may_be).chain(self.anchors.iter().copied()).collect();
        let schemes: HashSet<Scheme> = self.haunts.iter().map(|(_, scheme)| *scheme).collect();
        self.schemes = schemes.into_iter().collect();
        let inside = self.haunts.iter().filter(|(directory, _)| !directory.is_empty());
        self.haunt_parents = inside.map(|(directory, scheme)| (split(directory).0, *scheme)).collect();
    }

    fn find_written_labels(&mut self, names: &[&Name<'a>]) {
        let mut groups: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
        let hashed = || {
            names.iter().filter_map(|name| match &name.kind {
                Kind::Hashed(found) if found.alphabet == Alphabet::Mixed => Some((*name, found)),
                _ => None,
            })
        };
        let is_written =
            |name: &Name<'_>, found: &FoundHash<'_>| !name.is_code && writing::is_possible(found.hash);
        for (name, found) in hashed().filter(|(name, found)| is_written(name, found)) {
            groups.entry((name.directory, found.label)).or_default().insert(found.hash);
        }
        let is_sure = |hashes: &HashSet<&str>| hashes.iter().any(|hash| writing::is_likely(hash));
        groups.retain(|_, hashes| hashes.len() >= 3 || (hashes.len() == 2 && is_sure(hashes)));
        if groups.is_empty() {
            return;
        }
        for (name, found) in hashed().filter(|(name, found)| !is_written(name, found)) {
            groups.remove(&(name.directory, found.label));
        }
        self.written_labels = groups.into_keys().collect();
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

impl Base32Share {
    fn add(&mut self, hash: &str) {
        self.code += 1;
        self.base32 += usize::from(writing::is_base32(hash));
    }
}

impl Count {
    fn add(&mut self, code: bool, any: bool) {
        self.code += usize::from(code);
        self.all += usize::from(any);
    }
}
