//! A small site as a value: its files, what they hold, and how each must be stored.

use std::collections::{BTreeMap, BTreeSet};

use sitepush::local::s3::ObjectHeaders;

/// Hashes that bundles are named by.
pub const HASHES: [&str; 4] = ["DRXg7gsA", "CzQAN4l5", "B7bbbQ2x", "D0KLVOtM"];

/// Pages that a build may have.
pub const PAGES: [&str; 6] = [
    "index.html",
    "about/index.html",
    "guide/index.html",
    "guide/start.html",
    "404.html",
    "über uns/index.html",
];

/// Names that the unhashed style sheet takes in turn.
pub const THEMES: [&str; 3] = ["theme.css", "theme-dark.css", "css/theme.css"];

/// A name of a person's that might be hashed.
pub const PICTURE: &str = "assets/model-RTX4090T.png";

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const AT_THE_EDGE: &str = "public, max-age=0, s-maxage=31536000, must-revalidate";

/// What a build's folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// By their number in [`PAGES`]: which text, and which bundle they refer to.
    pub pages: BTreeMap<usize, (u8, usize)>,
    pub theme: usize,
    pub style: u8,
    pub has_copy: bool,
    pub has_worker: bool,
    /// What the picture shows whose name may be hashed, where there is one.
    pub picture: Option<u8>,
    pub headers: Headers,
    /// Bundles whose bytes are not what their names promise.
    pub altered: BTreeSet<usize>,
}

/// What `_headers` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    None,
    /// On everything.
    Language,
    /// On the style sheet, which the edge then keeps for a minute, and on a page, which it then does not keep.
    Caching,
}

/// A file and how it must be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub bytes: Vec<u8>,
    /// What the rules say, but for demotion.
    pub cache_control: &'static str,
    pub content_type: &'static str,
    pub language: Option<&'static str>,
    /// The cache tags of a page: what it refers to by a name that changes with the content. Known when it is published.
    pub tags: Option<String>,
    /// Whether its name carries a hash of its content.
    pub is_hashed: bool,
    /// Whether its name only looks so: it is kept for open pages, and else like any other.
    pub is_hash_like: bool,
    /// Whether it was found that its name promises too much.
    pub is_demoted: bool,
}

/// By key.
pub type Files = BTreeMap<String, File>;

impl Build {
    pub fn new() -> Self {
        Self {
            pages: BTreeMap::from([(0, (0, 0)), (1, (0, 0)), (4, (0, 1))]),
            theme: 0,
            style: 0,
            has_copy: false,
            has_worker: false,
            picture: None,
            headers: Headers::None,
            altered: BTreeSet::new(),
        }
    }

    /// Everything that is published of it.
    pub fn files(&self) -> Files {
        let mut files = Files::new();
        let mut add = |key: &str, text: String| {
            files.insert(key.to_owned(), self.file(key, text));
        };
        for (number, (text, bundle)) in &self.pages {
            add(PAGES[*number], self.page(*number, *text, *bundle));
            add(&bundle_key(*bundle), self.bundle(*bundle));
        }
        // Two that are always there, so that the folder is a bundler's at any time.
        add("assets/vendor-e3x9OWoK.js", "vendor".to_owned());
        add("assets/runtime-Q7r2bX9z.js", "runtime".to_owned());
        add(THEMES[self.theme], "theme".to_owned());
        add("style.css", self.style_sheet());
        if self.has_copy {
            add("copy.css", self.style_sheet());
        }
        if let Some(text) = self.picture {
            add(PICTURE, format!("picture {text}"));
        }
        if self.has_worker {
            add("sw.js", format!("worker of style {}", self.style));
        }
        files
    }

    /// The text of `_headers`.
    pub fn headers_file(&self) -> Option<&'static str> {
        match self.headers {
            Headers::None => None,
            Headers::Language => Some("/*\n  Content-Language: en\n"),
            Headers::Caching => {
                Some("/style.css\n  Cache-Control: public, max-age=60\n/about\n  Cache-Control: no-store\n")
            }
        }
    }

    fn file(&self, key: &str, text: String) -> File {
        let is_hash_like = key == PICTURE;
        let is_hashed = key.starts_with("assets/") && !is_hash_like;
        let cache_control = match (self.headers, key) {
            (Headers::Caching, "style.css") => "public, max-age=60",
            (Headers::Caching, "about/index.html") => "no-store",
            _ if is_hashed => IMMUTABLE,
            _ => AT_THE_EDGE,
        };
        File {
            bytes: text.into_bytes(),
            cache_control,
            content_type: content_type(key),
            language: (self.headers == Headers::Language).then_some("en"),
            tags: None,
            is_hashed,
            is_hash_like,
            is_demoted: false,
        }
    }

    fn page(&self, number: usize, text: u8, bundle: usize) -> String {
        format!(
            "page {number}, text {text} <script src=\"/{}\"></script><link href=\"/{}\"><link href=\"/style.css\">",
            bundle_key(bundle),
            THEMES[self.theme]
        )
    }

    fn bundle(&self, number: usize) -> String {
        let what = if self.altered.contains(&number) { "other bytes" } else { "bundle" };
        format!("{what} {}", HASHES[number])
    }

    fn style_sheet(&self) -> String {
        format!("style {}", self.style)
    }
}

impl File {
    /// Whether open pages may ask for it after it left the build.
    pub fn outlives_the_build(&self) -> bool {
        self.is_hash_like || (self.is_hashed && !self.is_demoted)
    }

    /// Whether these are all the headers that the file must be stored with, and no other.
    pub fn allows(&self, headers: &ObjectHeaders) -> bool {
        let cache_control = headers.cache_control.as_deref().unwrap_or_default();
        let is_cached_rightly = if self.is_hashed && self.is_demoted {
            !cache_control.contains("immutable") && cache_control.contains("must-revalidate")
        } else {
            cache_control == self.cache_control
        };
        let tags = self.tags.iter().map(|tags| ("cache-tag".to_owned(), tags.clone()));
        let others = ObjectHeaders {
            cache_control: headers.cache_control.clone(),
            content_type: Some(self.content_type.to_owned()),
            content_language: self.language.map(str::to_owned),
            user_metadata: tags.collect(),
            ..ObjectHeaders::default()
        };
        is_cached_rightly && *headers == others
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "png")) => "image/png",
        _ => unreachable!("a build has no `{key}`"),
    }
}

pub fn bundle_key(number: usize) -> String {
    format!("assets/app-{}.js", HASHES[number])
}

/// Keys that a page of [`Build`] refers to.
pub fn references(page: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(page);
    let parts = text.split('"').filter_map(|part| part.strip_prefix('/'));
    parts.map(str::to_owned).collect()
}

/// The paths by which a visitor reaches a key, not encoded.
pub fn paths(key: &str) -> Vec<String> {
    let mut paths = vec![format!("/{key}")];
    if key == "index.html" {
        paths.push("/".to_owned());
    } else if let Some(folder) = key.strip_suffix("/index.html") {
        paths.extend([format!("/{folder}"), format!("/{folder}/")]);
    }
    paths
}
