//! Which files are the compressed form of another one, made by the build for browsers that unpack it.
//!
//! Pure: goes by names, by company and by what a rule says, never by bytes.

use super::content_type;
use super::key::ObjectKey;

/// No encoding (RFC 9110, section 12.5.3): what a rule says to take away the one that a name suggests.
pub const IDENTITY: &str = "identity";

/// What is of no use to anybody who does not unpack it.
const FOR_BROWSERS: &[&str] = &["js", "mjs", "cjs", "css", "html", "htm", "svg", "wasm", "map"];

/// A file whose name says that it is compressed: the key without that ending, and the encoding.
pub fn compressed(key: &ObjectKey) -> Option<(ObjectKey, &'static str)> {
    let (stem, ending) = key.as_str().rsplit_once('.')?;
    let encoding = match ending {
        "br" => "br",
        "gz" => "gzip",
        "zst" => "zstd",
        _ => return None,
    };
    Some((ObjectKey::new(stem).ok()?, encoding))
}

/// The key that a compressed file may be another form of: `app.js` for `app.js.br`.
pub fn plain_sibling(key: &ObjectKey) -> Option<ObjectKey> {
    compressed(key).map(|(plain, _)| plain)
}

/// The file that this one is the compressed form of, with the encoding: to be shown to browsers as that file.
///
/// Beside its plain sibling it surely is one. Alone, `data.csv.gz` and `sitemap.xml.gz` are files to load as they are;
/// what only a browser reads is not. `archive.tar.gz` is never one.
pub fn precompressed(
    key: &ObjectKey,
    has_plain_sibling: bool,
    told_encoding: Option<&str>,
) -> Option<(ObjectKey, &'static str)> {
    if key.extension().as_deref() == Some("svgz") {
        // A drawing that is compressed and stands for itself.
        return told_encoding.is_none_or(|told| told == "gzip").then(|| (key.clone(), "gzip"));
    }
    let (underlying, encoding) = compressed(key)?;
    let extension = underlying.extension()?;
    let is_form = match told_encoding {
        Some(told) => told == encoding,
        None => has_plain_sibling || FOR_BROWSERS.contains(&extension.as_str()),
    };
    let is_compressible = || content_type::is_compressible(&content_type::derive(&underlying, b""));
    (is_form && is_compressible()).then_some((underlying, encoding))
}
