//! Files that are never immutable, whatever their name looks like.
//!
//! Decides from the key alone, before any hash is looked for. Errs on the side of saying "never": that costs the
//! viewer a revalidation, and nothing else.

/// File endings that bundlers emit under hashed names. What is not here is not called immutable.
const ASSET_EXTENSIONS: [&str; 48] = [
    "js", "mjs", "cjs", "css", "wasm", "json", // code and data
    "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp", "jxl", "tiff", "heic", // images
    "woff", "woff2", "ttf", "otf", "eot", // fonts
    "mp4", "webm", "ogv", "mov", "m4v", "mp3", "ogg", "oga", "wav", "m4a", "flac", "aac", "opus",
    "vtt", // media
    "glb", "gltf", "bin", "hdr", "ktx2", "basis", "obj", "frag", "vert", "glsl",
    "wgsl", // models and shaders
];

/// Directories whose files are named by people, by visitors, or by a hash that is not one of the content.
///
/// Sphinx names `_downloads/<md5>/` and pictures in `_images/` after the source; Zola's `processed_images/` carry a
/// hash of the path and the options; Gatsby's `page-data/` and Nuxt's `builds/` have fixed or build-unique names.
const UNHASHED_DIRECTORIES: [&str; 21] = [
    "upload",
    "uploads",
    "uploaded",
    "download",
    "downloads",
    "attachment",
    "attachments",
    "files",
    "avatars",
    "thumbs",
    "thumbnails",
    "user-content",
    "usercontent",
    "_downloads",
    "_images",
    "_sources",
    "processed_images",
    "page-data",
    "builds",
    "releases",
    "archive",
];

/// Why the file at `path` can never be immutable, or none when its name may be looked at.
pub(super) fn reason(path: &str) -> Option<&'static str> {
    let (directory, file_name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = file_name.to_ascii_lowercase();
    if path.starts_with(".well-known/") {
        return Some("a well-known file");
    }
    if path.split('/').any(|segment| segment.starts_with('.')) {
        return Some("a dot file");
    }
    if has_ending(&name, &["map"]) {
        return Some("a source map");
    }
    if !name.contains('.') {
        return Some("a name without an ending");
    }
    if has_ending(&name, &["html", "htm", "xhtml"]) {
        return Some("a page");
    }
    if is_service_worker(file_name) {
        return Some("a service worker");
    }
    if is_manifest(&name) {
        return Some("a name that is asked for as it is");
    }
    if name.starts_with("searcher-") {
        // mdBook hashes its search script before it writes the index's name into it, so the bytes change under it.
        return Some("a name that mdBook keeps over other content");
    }
    let is_unhashed =
        |segment: &str| UNHASHED_DIRECTORIES.iter().any(|name| segment.eq_ignore_ascii_case(name));
    directory.split('/').any(is_unhashed).then_some("a directory whose names are not content hashes")
}

/// Whether bundlers fingerprint files of this kind as a rule. The others are not called immutable.
pub(super) fn is_asset(file_name: &str) -> bool {
    let ending = without_compression(file_name).rsplit_once('.').map_or("", |(_, ending)| ending);
    ASSET_EXTENSIONS.iter().any(|asset| ending.eq_ignore_ascii_case(asset))
}

/// `app.js.br` and `app.js.gz` are as immutable as `app.js`.
pub(super) fn without_compression(file_name: &str) -> &str {
    [".gz", ".br", ".zst"].iter().find_map(|ending| file_name.strip_suffix(ending)).unwrap_or(file_name)
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let inner = without_compression(name);
    inner.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

/// Service workers are looked up under a fixed address (`sw.js`, `ngsw-worker.js`, `firebase-messaging-sw.js`, ...);
/// one that got a hash by mistake must still not be kept.
fn is_service_worker(file_name: &str) -> bool {
    let squeezed: String =
        file_name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let has_word = |word: &str| file_name.split(['-', '.', '_']).any(|part| part == word);
    squeezed.contains("serviceworker")
        || squeezed.starts_with("onesignalsdk")
        || squeezed.starts_with("registersw")
        || has_word("sw")
        || has_word("SW")
        || has_word("ngsw")
}

/// Lists that a client reads under a fixed name to find the hashed files, and small files that say what is current.
///
/// Some bundlers hash a few of these (Remix's `manifest-<hash>.js`); they are small, and left alone all the same.
fn is_manifest(name: &str) -> bool {
    let words = [
        "manifest",
        "buildmanifest",
        "ssgmanifest",
        "middlewaremanifest",
        "latest",
        "version",
        "robots",
        "sitemap",
    ];
    name.split(['-', '.', '_']).any(|part| words.contains(&part)) || name.contains("manifest.")
}
