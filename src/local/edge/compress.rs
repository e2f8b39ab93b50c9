//! Compression at the edge, within CloudFront's limits.
//!
//! Source: CloudFront Developer Guide, "Serve compressed files".

use std::io::Write;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::origin::OriginResponse;

/// CloudFront compresses bodies of 1,000 to 10,000,000 bytes.
const COMPRESSIBLE_BYTES: std::ops::RangeInclusive<usize> = 1_000..=10_000_000;

/// What the edge keeps of `Accept-Encoding`, and so a part of the cache key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Accepts {
    Neither,
    Gzip,
    Brotli,
    Both,
}

impl Accepts {
    /// Reads the header's values; an encoding with `q=0` is refused, every other weight counts alike.
    pub fn normalize(headers: &HeaderMap) -> Self {
        let values = headers.get_all(http::header::ACCEPT_ENCODING);
        let named = |name: &str| {
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
                |item| {
                    let mut parts = item.split(';').map(str::trim);
                    let is_named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
                    is_named && !parts.any(is_zero_weight)
                },
            )
        };
        match (named("gzip"), named("br")) {
            (false, false) => Self::Neither,
            (true, false) => Self::Gzip,
            (false, true) => Self::Brotli,
            (true, true) => Self::Both,
        }
    }
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter.strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|q| q == 0.0)
}

/// Compresses the response where CloudFront would; the ETag becomes weak, because the bytes are others.
pub(super) fn compress(response: &mut OriginResponse, accepts: Accepts) {
    let status_fits =
        matches!(response.status, StatusCode::OK | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    if !status_fits
        || accepts == Accepts::Neither
        || !COMPRESSIBLE_BYTES.contains(&response.body.len())
        || response.headers.contains_key(CONTENT_ENCODING)
        || !is_compressible(&response.headers)
    {
        return;
    }
    let (coding, body) = match accepts {
        Accepts::Gzip => ("gzip", gzip(&response.body)),
        _ => ("br", brotli(&response.body)),
    };
    let Ok(body) = body else { return };
    response.body = body;
    response.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    response.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(weak) = response.headers.get(ETAG).and_then(weaken) {
        response.headers.insert(ETAG, weak);
    }
}

fn weaken(e_tag: &HeaderValue) -> Option<HeaderValue> {
    let text = e_tag.to_str().ok()?;
    if text.starts_with("W/") { None } else { HeaderValue::try_from(format!("W/{text}")).ok() }
}

fn is_compressible(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    CONTENT_TYPES.contains(&essence.as_str())
}

fn gzip(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}

fn brotli(body: &[u8]) -> std::io::Result<Bytes> {
    // Quality 5 is where a CDN stands: a quarter of the time of 9 for a few percent more.
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(body)?;
    Ok(encoder.into_inner().into())
}

/// The types that CloudFront compresses (same source). A web manifest is not among them.
const CONTENT_TYPES: &[&str] = &[
    "application/dash+xml",
    "application/eot",
    "application/font",
    "application/font-sfnt",
    "application/javascript",
    "application/json",
    "application/opentype",
    "application/otf",
    "application/pdf",
    "application/pkcs7-mime",
    "application/protobuf",
    "application/rss+xml",
    "application/truetype",
    "application/ttf",
    "application/vnd.apple.mpegurl",
    "application/vnd.mapbox-vector-tile",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "application/x-font-opentype",
    "application/x-font-truetype",
    "application/x-font-ttf",
    "application/x-httpd-cgi",
    "application/x-javascript",
    "application/x-mpegurl",
    "application/x-opentype",
    "application/x-otf",
    "application/x-perl",
    "application/x-ttf",
    "font/eot",
    "font/opentype",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/js",
    "text/plain",
    "text/richtext",
    "text/tab-separated-values",
    "text/xml",
    "text/x-component",
    "text/x-java-source",
    "text/x-script",
    "vnd.apple.mpegurl",
];

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn response(content_type: &'static str, length: usize) -> OriginResponse {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(ETAG, HeaderValue::from_static("\"abc\""));
        OriginResponse { status: StatusCode::OK, headers, body: Bytes::from(vec![b'a'; length]) }
    }

    fn coding(mut response: OriginResponse, accepts: Accepts) -> Option<String> {
        compress(&mut response, accepts);
        response.headers.get(CONTENT_ENCODING).map(|value| value.to_str().expect("ASCII").to_owned())
    }

    #[test]
    fn the_encodings_a_viewer_takes_are_normalized() {
        for (text, expected) in [
            ("gzip, deflate, br, zstd", Accepts::Both),
            ("BR", Accepts::Brotli),
            ("gzip;q=0.5", Accepts::Gzip),
            ("gzip;q=0, br; q=0.0", Accepts::Neither),
            ("x-gzip", Accepts::Neither),
            ("identity", Accepts::Neither),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            assert_eq!(Accepts::normalize(&headers), expected, "{text}");
        }
    }

    #[test]
    fn only_bodies_within_the_limits_are_compressed() {
        for (length, expected) in [(999, None), (1_000, Some("gzip")), (10_000_001, None)] {
            let told = coding(response("text/css", length), Accepts::Gzip);
            assert_eq!(told.as_deref(), expected, "{length}");
        }
        assert!(COMPRESSIBLE_BYTES.contains(&10_000_000));
        assert_eq!(coding(response("image/png", 2_000), Accepts::Both), None);
        assert_eq!(coding(response("application/manifest+json", 2_000), Accepts::Both), None);
        assert_eq!(coding(response("Text/HTML; charset=utf-8", 2_000), Accepts::Both).as_deref(), Some("br"));
    }

    #[test]
    fn a_body_encoded_at_the_origin_is_left_alone() {
        let mut encoded = response("text/css", 2_000);
        encoded.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        compress(&mut encoded, Accepts::Both);
        assert_eq!(encoded.body.len(), 2_000);
        assert_eq!(encoded.headers[ETAG], "\"abc\"");
    }

    #[test]
    fn a_compressed_body_decodes_to_the_original_and_its_e_tag_is_weak() {
        for accepts in [Accepts::Gzip, Accepts::Brotli] {
            let mut compressed = response("text/css", 5_000);
            compress(&mut compressed, accepts);
            let mut body = Vec::new();
            let read = match accepts {
                Accepts::Gzip => flate2::read::GzDecoder::new(&compressed.body[..]).read_to_end(&mut body),
                _ => brotli::Decompressor::new(&compressed.body[..], 4096).read_to_end(&mut body),
            };
            read.expect("a whole stream");
            assert_eq!(body, vec![b'a'; 5_000]);
            assert_eq!(compressed.headers[ETAG], "W/\"abc\"");
            assert_eq!(compressed.headers[VARY], "Accept-Encoding");
        }
    }
}
