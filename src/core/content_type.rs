//! Which content type a file is served with: by a fixed table, never the operating system's.

use super::key::ObjectKey;

/// What sites are made of; what `mime_guess` has no entry for, or one that browsers or CloudFront's list of compressible
/// types dislike.
///
/// Source: the IANA registry, the HTML standard (text/javascript), and "File types that CloudFront compresses" of the
/// CloudFront guide.
const KNOWN: &[(&str, &str)] = &[
    ("apk", "application/vnd.android.package-archive"),
    ("atom", "application/atom+xml"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("cjs", "text/javascript"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("dat", "application/octet-stream"),
    ("eot", "application/vnd.ms-fontobject"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("json5", "application/json5"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pagefind", "application/octet-stream"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("svg", "image/svg+xml"),
    ("svgz", "image/svg+xml"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("vtt", "text/vtt"),
    ("wasm", "application/wasm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// Names whose type their extension does not tell.
const BY_NAME: &[(&str, &str)] = &[
    (".well-known/apple-app-site-association", "application/json"),
    ("apple-app-site-association", "application/json"),
    ("CNAME", "text/plain; charset=utf-8"),
    ("LICENSE", "text/plain; charset=utf-8"),
];

/// The content type of a key; `first_bytes` are looked at only when the name has no extension.
pub fn derive(key: &ObjectKey, first_bytes: &[u8]) -> String {
    if let Some((_, content_type)) = BY_NAME.iter().find(|(name, _)| *name == key.as_str()) {
        return (*content_type).to_owned();
    }
    match key.extension() {
        Some(extension) => with_charset(&of_extension(&extension)),
        None => with_charset(sniff(first_bytes)),
    }
}

fn of_extension(extension: &str) -> String {
    if let Ok(index) = KNOWN.binary_search_by_key(&extension, |(name, _)| name) {
        return KNOWN[index].1.to_owned();
    }
    mime_guess::from_ext(extension).first_or_octet_stream().essence_str().to_owned()
}

/// Text is UTF-8 unless somebody says otherwise; JSON, manifests and SVG say so themselves.
fn with_charset(content_type: &str) -> String {
    if content_type.starts_with("text/") {
        [content_type, "; charset=utf-8"].concat()
    } else {
        content_type.to_owned()
    }
}

/// Tells pages, data and pictures by how they begin; other text is plain text, the rest bytes.
///
/// Source: the patterns of the WHATWG MIME Sniffing Standard for these types.
fn sniff(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    let begins =
        |text: &str| start.len() >= text.len() && start[..text.len()].eq_ignore_ascii_case(text.as_bytes());
    match bytes {
        _ if begins("<!doctype html") || begins("<html") => "text/html",
        _ if begins("<?xml") => "application/xml",
        _ if begins("<svg") => "image/svg+xml",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [0x1F, 0x8B, ..] => "application/gzip",
        [b'P', b'K', 3, 4, ..] => "application/zip",
        [0, b'a', b's', b'm', ..] => "application/wasm",
        _ if matches!(start.first(), Some(b'{' | b'[')) && is_text(bytes) => "application/json",
        _ if !bytes.is_empty() && is_text(bytes) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// UTF-8 without control characters; the last character may have been cut.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => bytes,
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Err(_) => return false,
    };
    !whole.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x0C | 0x1B))
}

/// Whether a body of this type gains from compression and CloudFront compresses it.
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json"
                | "application/xml"
                | "application/wasm"
                | "application/javascript"
                | "application/vnd.ms-fontobject"
                | "font/otf"
                | "font/ttf"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(KNOWN.is_sorted_by_key(|(extension, _)| *extension));
    }

    #[test]
    fn types_follow_the_table() {
        for (name, content_type) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/app.3f9c2e.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("style.CSS", "text/css; charset=utf-8"),
            ("data.json", "application/json"),
            ("site.webmanifest", "application/manifest+json"),
            ("inter.woff2", "font/woff2"),
            ("add.wasm", "application/wasm"),
            ("photo.avif", "image/avif"),
            ("logo.svg", "image/svg+xml"),
            ("favicon.ico", "image/vnd.microsoft.icon"),
            ("feed.xml", "application/xml"),
            ("robots.txt", "text/plain; charset=utf-8"),
            ("unknown.zzz", "application/octet-stream"),
            (".well-known/apple-app-site-association", "application/json"),
        ] {
            assert_eq!(derive(&ObjectKey::new(name).expect("a key"), b""), content_type, "{name}");
        }
    }

    #[test]
    fn names_without_extension_are_told_by_their_first_bytes() {
        let sniffed = |bytes: &[u8]| derive(&ObjectKey::new("about").expect("a key"), bytes);
        assert_eq!(sniffed(b"\n <!DOCTYPE html><title>x"), "text/html; charset=utf-8");
        assert_eq!(sniffed(b"{\"a\":1}"), "application/json");
        assert_eq!(sniffed(b"plain words"), "text/plain; charset=utf-8");
        assert_eq!(
            sniffed("caf\u{e9}".as_bytes().split_last().expect("bytes").1),
            "text/plain; charset=utf-8"
        );
        assert_eq!(sniffed(b"\x89PNG\r\n"), "image/png");
        assert_eq!(sniffed(&[0, 1, 2]), "application/octet-stream");
        assert_eq!(sniffed(b""), "application/octet-stream");
    }
}
