//! From a kept response to what one viewer gets: conditional requests, ranges, HEAD.
//!
//! Decides by the viewer's headers alone; never asks the cache or the origin.

use std::ops::Range;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::http_date;
use super::origin::OriginResponse;

/// The answer to one request for `kept`.
pub(super) fn render(kept: &OriginResponse, method: &Method, viewer: &HeaderMap) -> Response<Bytes> {
    let mut answer = if kept.status == StatusCode::OK && is_unchanged(&kept.headers, viewer) {
        not_modified(kept)
    } else if kept.status == StatusCode::OK && *method == Method::GET && range_counts(&kept.headers, viewer) {
        ranged(kept, viewer)
    } else {
        whole(kept)
    };
    if *method == Method::HEAD {
        *answer.body_mut() = Bytes::new();
    }
    answer
}

/// RFC 9110, section 13.2.2: `If-Modified-Since` counts only without `If-None-Match`.
fn is_unchanged(kept: &HeaderMap, viewer: &HeaderMap) -> bool {
    let e_tag = text(kept, &ETAG);
    if viewer.contains_key(IF_NONE_MATCH) {
        let wanted = viewer.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return e_tag.is_some_and(|e_tag| {
            let opaque = e_tag.trim_start_matches("W/");
            wanted
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_start_matches("W/") == opaque)
        });
    }
    let since = text(viewer, &IF_MODIFIED_SINCE).and_then(http_date::parse);
    let modified = text(kept, &LAST_MODIFIED).and_then(http_date::parse);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

fn not_modified(kept: &OriginResponse) -> Response<Bytes> {
    let mut headers = kept.headers.clone();
    // A 304 describes the copy that the viewer has; these describe a body, and there is none.
    for name in [CONTENT_TYPE, CONTENT_LENGTH, http::header::CONTENT_ENCODING, ACCEPT_RANGES] {
        headers.remove(name);
    }
    respond(StatusCode::NOT_MODIFIED, headers, Bytes::new())
}

fn whole(kept: &OriginResponse) -> Response<Bytes> {
    let mut headers = kept.headers.clone();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(kept.body.len()));
    respond(kept.status, headers, kept.body.clone())
}

/// `If-Range` asks for the part only of the very copy that the viewer began with: strong comparison.
fn range_counts(kept: &HeaderMap, viewer: &HeaderMap) -> bool {
    if !viewer.contains_key(RANGE) {
        return false;
    }
    let Some(condition) = text(viewer, &IF_RANGE) else {
        return !viewer.contains_key(IF_RANGE);
    };
    if condition.starts_with('"') {
        return text(kept, &ETAG) == Some(condition);
    }
    let modified = text(kept, &LAST_MODIFIED).and_then(http_date::parse);
    modified.is_some() && modified == http_date::parse(condition)
}

fn ranged(kept: &OriginResponse, viewer: &HeaderMap) -> Response<Bytes> {
    let length = kept.body.len();
    let (status, told, body) = match range(text(viewer, &RANGE).unwrap_or_default(), length) {
        Asked::Everything => return whole(kept),
        Asked::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{length}"), Bytes::new()),
        Asked::Part(part) => {
            let told = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            (StatusCode::PARTIAL_CONTENT, told, kept.body.slice(part))
        }
    };
    let mut headers = kept.headers.clone();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(told) = HeaderValue::try_from(told) {
        headers.insert(CONTENT_RANGE, told);
    }
    respond(status, headers, body)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// No range that is understood: several ranges at once (S3 does not serve them), another unit, nonsense.
    Everything,
    /// A range beyond the end.
    Nothing,
    Part(Range<usize>),
}

fn range(text: &str, length: usize) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|spec| spec.trim().split_once('-')) else {
        return Asked::Everything;
    };
    let last_bound = if last.is_empty() { Some(None) } else { last.parse::<usize>().ok().map(Some) };
    match (first, first.parse::<usize>(), last_bound) {
        ("", _, Some(Some(0))) => Asked::Nothing,
        ("", _, Some(Some(_))) if length == 0 => Asked::Nothing,
        ("", _, Some(Some(suffix))) => Asked::Part(length.saturating_sub(suffix)..length),
        (_, Ok(start), Some(Some(end))) if end < start => Asked::Everything,
        (_, Ok(start), Some(_)) if start >= length => Asked::Nothing,
        (_, Ok(start), Some(end)) => {
            Asked::Part(start..end.map_or(length, |end| end.saturating_add(1).min(length)))
        }
        _ => Asked::Everything,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn respond(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> OriginResponse {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"abc\""));
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("Mon, 23 Nov 2026 18:40:00 GMT"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        OriginResponse { status: StatusCode::OK, headers, body: Bytes::from_static(b"0123456789") }
    }

    fn ask(method: &Method, viewer: &[(&'static str, &'static str)]) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        for (name, value) in viewer {
            headers.append(*name, HeaderValue::from_static(value));
        }
        render(&kept(), method, &headers)
    }

    #[test]
    fn a_copy_that_is_current_is_not_sent_again() {
        for (name, value, status) in [
            ("if-none-match", "\"abc\"", 304),
            ("if-none-match", "W/\"abc\"", 304),
            ("if-none-match", "\"x\", \"abc\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"x\"", 200),
            ("if-modified-since", "Mon, 23 Nov 2026 18:40:00 GMT", 304),
            ("if-modified-since", "Mon, 23 Nov 2026 18:39:59 GMT", 200),
            ("if-modified-since", "yesterday", 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(ask(&method, &[(name, value)]).status(), status, "{name}: {value}");
            }
        }
        let both = [("if-none-match", "\"x\""), ("if-modified-since", "Mon, 23 Nov 2026 18:40:00 GMT")];
        assert_eq!(ask(&Method::GET, &both).status(), 200);
        let unchanged = ask(&Method::GET, &[("if-none-match", "*")]);
        assert_eq!(unchanged.headers()[ETAG], "\"abc\"");
        assert!(unchanged.body().is_empty() && !unchanged.headers().contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn ranges_are_cut_as_asked() {
        for (range, status, body, told) in [
            ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
            ("bytes=7-", 206, "789", "bytes 7-9/10"),
            ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=8-99", 206, "89", "bytes 8-9/10"),
            ("bytes=10-", 416, "", "bytes */10"),
            ("bytes=-0", 416, "", "bytes */10"),
            ("bytes=3-1", 200, "0123456789", ""),
            ("bytes=0-1,3-4", 200, "0123456789", ""),
            ("lines=0-1", 200, "0123456789", ""),
            ("bytes=-", 200, "0123456789", ""),
            ("bytes=0-18446744073709551615", 206, "0123456789", "bytes 0-9/10"),
        ] {
            let answer = ask(&Method::GET, &[("range", range)]);
            let content_range =
                answer.headers().get(CONTENT_RANGE).map_or("", |v| v.to_str().expect("ASCII"));
            assert_eq!(
                (answer.status().as_u16(), &answer.body()[..], content_range),
                (status, body.as_bytes(), told)
            );
        }
    }

    #[test]
    fn a_range_of_another_copy_gets_the_whole() {
        for (condition, status) in [
            ("\"abc\"", 206),
            ("\"x\"", 200),
            ("W/\"abc\"", 200),
            ("Mon, 23 Nov 2026 18:40:00 GMT", 206),
            ("Mon, 23 Nov 2026 18:40:01 GMT", 200),
        ] {
            let answer = ask(&Method::GET, &[("range", "bytes=0-3"), ("if-range", condition)]);
            assert_eq!(answer.status(), status, "{condition}");
        }
    }

    #[test]
    fn head_tells_the_length_without_the_body() {
        let answer = ask(&Method::HEAD, &[("range", "bytes=0-3")]);
        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
        assert_eq!(answer.headers()[CONTENT_LENGTH], "10");
    }
}
