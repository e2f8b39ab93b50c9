//! Cache tags: names that pages carry, so that one invalidation item drops all pages that refer to a file.
//!
//! Decides which tags a page has and which tags of what was live name changed objects only. Pure: it is given the
//! page's bytes. A reference that it does not see costs an item more in some invalidation, never a stale page:
//! what is covered is decided by the tags that the live objects were stored with.
//!
//! Source: CloudFront Developer Guide, "Invalidating content by cache tags".

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::build::ClassifiedBuild;
use super::headers::ObjectHeaders;
use super::inventory::LocalFile;
use super::key::{KeyPrefix, ObjectKey};
use super::manifest::Manifest;
use super::object_class::ObjectClass;

/// The metadata that carries the tags, separated by commas.
pub const METADATA_NAME: &str = "cache-tag";

/// The header that an S3 origin makes of it, to be named in the distribution's `CacheTagConfig`.
pub const HEADER_NAME: &str = "x-amz-meta-cache-tag";

/// CloudFront reads this many tags of an object.
const MAX_TAGS: usize = 50;

/// A tag has at most this many characters.
const MAX_TAG_CHARACTERS: usize = 256;

/// Tags take at most this much of an object's metadata (2 KB in all), so that the user's has room.
const MAX_VALUE_BYTES: usize = 1_024;

/// What a tag of ours begins with: others are the user's, from `_headers` or a rule.
const USES: &str = "uses:";

/// The files of a build whose names change with their content, or may, found by their names in the text of a page.
pub struct References<'a> {
    by_name: HashMap<&'a str, Vec<&'a ObjectKey>>,
    prefix: &'a KeyPrefix,
}

impl<'a> References<'a> {
    /// Of the build's fingerprinted files and those that look like them: a page changes when such a name does.
    pub fn new(files: &'a BTreeMap<ObjectKey, LocalFile>, prefix: &'a KeyPrefix) -> Self {
        let mut by_name: HashMap<&str, Vec<&ObjectKey>> = HashMap::new();
        for (key, _) in files.iter().filter(|(_, file)| file.class.outlives_the_build()) {
            by_name.entry(file_name(key.as_str())).or_default().push(key);
        }
        Self { by_name, prefix }
    }

    /// Whether there is nothing that a page could refer to.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The tags of a page: scripts and style sheets first, each kind in the order of the page, as many as fit.
    pub fn tags_of(&self, page: &[u8]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for token in page.split(|byte| !is_part_of_a_path(*byte)) {
            let Some(key) = std::str::from_utf8(token).ok().and_then(|token| self.resolve(token)) else {
                continue;
            };
            let Some(tag) = self.tag(key).filter(|_| seen.insert(key)) else { continue };
            let is_code = matches!(key.extension().as_deref(), Some("js" | "mjs" | "css"));
            if is_code { first.push(tag) } else { others.push(tag) }
        }
        let mut room = MAX_VALUE_BYTES;
        let fitting = first.into_iter().chain(others).take(MAX_TAGS);
        fitting
            .take_while(|tag| {
                let fits = tag.len() < room;
                room = room.saturating_sub(tag.len() + 1);
                fits
            })
            .collect()
    }

    /// The file that a path in a page means: by its name, and by its folder where several have the name.
    fn resolve(&self, token: &str) -> Option<&'a ObjectKey> {
        let keys = self.by_name.get(file_name(token))?;
        match keys.as_slice() {
            [one] => Some(one),
            several => several.iter().copied().find(|key| {
                let path = token.trim_start_matches(['.', '/']);
                path == key.as_str() || path.ends_with(&format!("/{key}"))
            }),
        }
    }

    /// Tags are compared without case, and sites of other prefixes may stand behind the same distribution.
    fn tag(&self, key: &ObjectKey) -> Option<String> {
        let tag = format!("{USES}{}", self.prefix.bucket_key(key)).to_ascii_lowercase();
        let is_tag = tag.len() <= MAX_TAG_CHARACTERS
            && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' && byte != b'*');
        is_tag.then_some(tag)
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_part_of_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"/._-~@+$!".contains(&byte)
}

/// The tags in an object's metadata, in lower case.
pub fn tags(headers: &ObjectHeaders) -> impl Iterator<Item = String> + '_ {
    let value = headers.metadata.get(METADATA_NAME).map(String::as_str).unwrap_or_default();
    value.split(',').map(|tag| tag.trim().to_ascii_lowercase()).filter(|tag| !tag.is_empty())
}

/// Gives the build's pages their tags. A page with the bytes of the live one has the live one's references; the
/// others are read by `read`, which gives none when a page cannot be read (its upload will say so).
pub fn tag_pages(
    build: &mut ClassifiedBuild,
    prefix: &KeyPrefix,
    live: Option<&Manifest>,
    read: impl Fn(&ObjectKey, &LocalFile) -> Option<Vec<u8>>,
) {
    let known = |key: &ObjectKey, file: &LocalFile| {
        let object = live?.objects.get(key).filter(|object| object.sha256 == file.sha256)?;
        let has_tags = live?.distributions.values().any(|facts| facts.has_cache_tags);
        has_tags.then(|| tags(&object.headers).filter(|tag| tag.starts_with(USES)).collect())
    };
    let mut tagged: Vec<(ObjectKey, Vec<String>)> = Vec::new();
    let references = References::new(&build.inventory.files, prefix);
    if references.is_empty() {
        return;
    }
    for (key, file) in &build.inventory.files {
        if !matches!(file.class, ObjectClass::Page | ObjectClass::RootPage) {
            continue;
        }
        let found = || read(key, file).map(|page| references.tags_of(&page)).unwrap_or_default();
        let uses = known(key, file).unwrap_or_else(found);
        if !uses.is_empty() {
            tagged.push((key.clone(), uses));
        }
    }
    let mut shared: HashMap<ObjectHeaders, Arc<ObjectHeaders>> = HashMap::new();
    for (key, uses) in tagged {
        let file = build.inventory.files.get_mut(&key).expect("the key was just seen");
        let headers = with_tags(&file.headers, &uses);
        let entry = shared.entry(headers);
        file.headers = Arc::clone(entry.or_insert_with_key(|headers| Arc::new(headers.clone())));
    }
}

/// Takes away what [`tag_pages`] gave.
pub fn untag_pages(build: &mut ClassifiedBuild) {
    for file in build.inventory.files.values_mut() {
        if tags(&file.headers).any(|tag| tag.starts_with(USES)) {
            let mut headers = (*file.headers).clone();
            let value = headers.metadata.remove(METADATA_NAME).unwrap_or_default();
            let users: Vec<String> =
                value.split(',').filter(|tag| !tag.starts_with(USES)).map(str::to_owned).collect();
            file.headers = Arc::new(with_tags(&headers, &users));
        }
    }
}

/// The user's tags, if any, come first.
fn with_tags(headers: &ObjectHeaders, uses: &[String]) -> ObjectHeaders {
    let mut headers = headers.clone();
    if uses.is_empty() {
        return headers;
    }
    let value = headers.metadata.entry(METADATA_NAME.to_owned()).or_default();
    for tag in uses {
        if !value.is_empty() {
            value.push(',');
        }
        value.push_str(tag);
    }
    headers
}

/// A tag and the objects that are cached under it.
pub type Tagged<'a> = (String, BTreeSet<&'a ObjectKey>);

/// Tags under which only changed objects are cached: each is an item that drops nothing else.
///
/// `live` are the objects that may be cached; `is_changed` says which of them must not stay so. Chosen greedily, the
/// tag of most objects first; a tag that adds less than two objects is none.
pub fn covering_tags<'a>(
    live: impl Iterator<Item = (&'a ObjectKey, &'a ObjectHeaders)>,
    is_changed: impl Fn(&ObjectKey) -> bool,
) -> Vec<Tagged<'a>> {
    let mut holders: BTreeMap<String, Option<BTreeSet<&ObjectKey>>> = BTreeMap::new();
    for (key, headers) in live {
        let changed = is_changed(key);
        for tag in tags(headers) {
            let entry = holders.entry(tag).or_insert_with(|| Some(BTreeSet::new()));
            match entry {
                Some(keys) if changed => drop(keys.insert(key)),
                _ => *entry = None,
            }
        }
    }
    let mut candidates: Vec<Tagged<'a>> =
        holders.into_iter().filter_map(|(tag, keys)| Some((tag, keys?))).collect();
    let mut covered: BTreeSet<&ObjectKey> = BTreeSet::new();
    let mut chosen = Vec::new();
    loop {
        candidates.retain(|(_, keys)| keys.difference(&covered).nth(1).is_some());
        let best = (0..candidates.len()).max_by_key(|index| {
            let adds = candidates[*index].1.difference(&covered).count();
            (adds, std::cmp::Reverse(*index))
        });
        let Some(best) = best else { return chosen };
        let (tag, keys) = candidates.swap_remove(best);
        covered.extend(&keys);
        chosen.push((tag, keys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digest::Sha256Digest;
    use crate::core::inventory::{Explanation, Packing};

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).expect("a key")
    }

    fn file(class: ObjectClass) -> LocalFile {
        LocalFile {
            path: None,
            size_bytes: 1,
            sha256: Sha256Digest([1; 32]),
            headers: Arc::default(),
            class,
            packing: Packing::AsIs,
            explanation: Arc::new(Explanation { rule: "".into(), reason: "".into() }),
        }
    }

    fn files(names: &[&str]) -> BTreeMap<ObjectKey, LocalFile> {
        names.iter().map(|name| (key(name), file(ObjectClass::Fingerprinted))).collect()
    }

    fn headers(value: &str) -> ObjectHeaders {
        ObjectHeaders {
            metadata: [(METADATA_NAME.to_owned(), value.to_owned())].into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_page_is_tagged_with_the_hashed_files_that_it_refers_to_scripts_first() {
        let files = files(&["assets/app-DRXg7gsA.js", "assets/p-D0KLVOtM.png", "assets/unused-AAAA1111.js"]);
        let prefix = KeyPrefix::new("site").expect("a prefix");
        let page =
            br#"<img srcset="/assets/p-D0KLVOtM.png 2x"><script src='../assets/app-DRXg7gsA.js?x#y'></script>
            <a href="/assets/p-D0KLVOtM.png">again</a> app-DRXg7gsA.json"#;
        let tags = References::new(&files, &prefix).tags_of(page);
        assert_eq!(tags, ["uses:site/assets/app-drxg7gsa.js", "uses:site/assets/p-d0klvotm.png"]);
    }

    #[test]
    fn one_name_in_two_folders_is_told_apart_by_the_folder() {
        let files = files(&["a/app-DRXg7gsA.js", "b/app-DRXg7gsA.js"]);
        let prefix = KeyPrefix::default();
        let references = References::new(&files, &prefix);
        assert_eq!(references.tags_of(b"<script src=\"/b/app-DRXg7gsA.js\">"), ["uses:b/app-drxg7gsa.js"]);
        assert_eq!(references.tags_of(b"https://cdn.example/b/app-DRXg7gsA.js"), ["uses:b/app-drxg7gsa.js"]);
        assert_eq!(references.tags_of(b"app-DRXg7gsA.js"), Vec::<String>::new());
    }

    #[test]
    fn tags_leave_room_for_the_users_metadata() {
        let names: Vec<String> =
            (0..80).map(|number| format!("assets/chunk-name-{number:02}-DRXg7gsA.js")).collect();
        let files = files(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let prefix = KeyPrefix::default();
        let tags = References::new(&files, &prefix).tags_of(names.join(" ").as_bytes());
        assert!(!tags.is_empty() && tags.len() <= MAX_TAGS);
        assert!(tags.join(",").len() <= MAX_VALUE_BYTES);
    }

    #[test]
    fn only_tags_that_no_unchanged_object_carries_are_chosen() {
        let live = [("a", "uses:x,all"), ("b", "USES:X, all"), ("c", "uses:y,all"), ("d", "uses:y,all,lone")];
        let objects: Vec<(ObjectKey, ObjectHeaders)> =
            live.iter().map(|(name, value)| (key(name), headers(value))).collect();
        let chosen = |changed: &[&str]| -> Vec<String> {
            let live = objects.iter().map(|(key, headers)| (key, headers));
            let tagged = covering_tags(live, |key| changed.contains(&key.as_str()));
            tagged.into_iter().map(|(tag, _)| tag).collect()
        };
        assert_eq!(chosen(&["a", "b"]), ["uses:x"]);
        assert_eq!(chosen(&["a", "b", "c"]), ["uses:x"]);
        assert_eq!(chosen(&["a", "b", "c", "d"]), ["all"]);
        assert_eq!(chosen(&["d"]), Vec::<String>::new());
    }

    #[test]
    fn the_users_own_tags_stay_when_ours_come_and_go() {
        let page = LocalFile { headers: Arc::new(headers("Product:1")), ..file(ObjectClass::Page) };
        let mut build = ClassifiedBuild::default();
        build.inventory.files = files(&["app-DRXg7gsA.js"]);
        build.inventory.files.insert(key("index.html"), page);
        let value = |build: &ClassifiedBuild| {
            build.inventory.files[&key("index.html")].headers.metadata[METADATA_NAME].clone()
        };
        tag_pages(&mut build, &KeyPrefix::default(), None, |_, _| Some(b"app-DRXg7gsA.js".to_vec()));
        assert_eq!(value(&build), "Product:1,uses:app-drxg7gsa.js");
        untag_pages(&mut build);
        assert_eq!(value(&build), "Product:1");
    }
}
