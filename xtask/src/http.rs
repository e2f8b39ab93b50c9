//! One HTTP/1.1 GET over a plain socket: enough to compare bytes with a server on this machine, and free of
//! dependencies. Never follows, never decompresses, never retries.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const LIMIT: Duration = Duration::from_secs(10);

/// An answer, its body as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Asks `site_url` (such as `http://127.0.0.1:4173`, no path) for a path that starts with `/`, percent-encoded.
///
/// # Errors
/// When there is no connection or the answer is not whole.
pub fn get(site_url: &str, path: &str) -> Result<Answer> {
    let authority =
        site_url.strip_prefix("http://").with_context(|| format!("`{site_url}` is not plain HTTP"))?;
    let exchange = || -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {authority}\r\naccept-encoding: identity\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    exchange().and_then(|bytes| parse(&bytes)).with_context(|| format!("GET {site_url}{path}"))
}

/// The path of a key: each byte that is not plain in a URL is percent-encoded.
pub fn path_of(key: &str) -> String {
    let mut path = String::from("/");
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                path.push(byte.into());
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no end of headers")?;
    let head = str::from_utf8(&bytes[..end]).context("the headers are not text")?;
    let body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.context("the answer has no status")?;
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| {
        headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Ok(Answer { status, body: unchunk(body)? });
    }
    if let Some(length) = header("content-length")
        && length.parse() != Ok(body.len())
    {
        bail!("the body has {} bytes where {length} were announced", body.len());
    }
    Ok(Answer { status, body: body.to_vec() })
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").context("a chunk has no size")?;
        let size = str::from_utf8(&rest[..end])?.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("a chunk's size is no number")?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size).context("a chunk is cut off")?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).context("a chunk is cut off")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_known_length_is_read() {
        let answer = parse(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").expect("it is whole");
        assert_eq!(answer, Answer { status: 404, body: b"no".to_vec() });
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(parse(bytes).expect("it is whole").body, b"abc0123456789");
    }

    #[test]
    fn a_body_that_is_cut_off_is_an_error() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_err());
    }

    #[test]
    fn keys_are_encoded_byte_by_byte() {
        assert_eq!(path_of("a b/\u{e9}+~.html"), "/a%20b/%C3%A9%2B~.html");
    }
}
