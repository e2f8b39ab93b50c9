//! Names of directories that bundlers use, and people, too.
//!
//! They never decide alone: they say how much company a hash needs there.

use super::name::split;

/// Whether one of the segments of `directory` is where bundlers write by default.
pub(super) fn is_output(directory: &str) -> bool {
    const NAMES: [&str; 10] =
        ["assets", "static", "build", "dist", "bundles", "packs", "client", "chunks", "pkg", "_build"];
    directory.split('/').any(|segment| NAMES.contains(&segment))
}

/// Whether `directory` holds one kind of file, as webpack's templates lay them out (`js`, `css`, `media` side by side).
pub(super) fn is_of_one_kind(directory: &str) -> bool {
    const CODE: [&str; 7] = ["js", "css", "wasm", "styles", "scripts", "stylesheets", "javascripts"];
    CODE.contains(&split(directory).1) || is_of_media(directory) || is_of_chunks(directory)
}

/// Whether `directory` holds pictures, fonts and the like.
pub(super) fn is_of_media(directory: &str) -> bool {
    const NAMES: [&str; 15] = [
        "img", "imgs", "images", "image", "fonts", "font", "media", "svg", "png", "jpg", "webp", "ico",
        "woff2", "assets", "_assets",
    ];
    NAMES.contains(&split(directory).1)
}

/// Whether `directory` holds the parts of a bundle that load later.
pub(super) fn is_of_chunks(directory: &str) -> bool {
    ["async", "chunks", "chunk", "workers"].contains(&split(directory).1)
}
