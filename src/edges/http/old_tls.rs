//! Whether a server takes TLS 1.0 or 1.1.
//!
//! The TLS library here speaks neither, and rightly so. To learn whether a server would, its first answer to a greeting
//! is enough: the greeting is written by hand, and the connection ends before any key is agreed on.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::core::verify::OldTls;

/// TLS 1.1 as it is written on the wire. A server that knows only 1.0 answers with that.
const TLS_1_1: [u8; 2] = [3, 2];
const NEWEST_OLD_MINOR: u8 = 2;

/// Types of records (RFC 4346, section 6.2.1) and of a handshake's messages (section 7.4).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// An alert of this level ends nothing (RFC 4346, section 7.2): some servers remark so that they do not know a name.
const WARNING: u8 = 1;
const MOST_WARNINGS: usize = 4;

/// A server that says nothing to such a greeting is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// What clients of that time offered, elliptic curves first, and word that renegotiation is safe (RFC 5746). Not
/// `TLS_FALLBACK_SCSV`: with it, servers that know newer versions would refuse for that reason.
const CIPHER_SUITES: [u16; 9] = [0xc00a, 0xc009, 0xc014, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0x00ff];

/// Extensions: the server's name (RFC 6066), and curves and their form (RFC 8422): X25519, P-256, P-384; uncompressed.
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: (u16, &[u8]) = (10, &[0, 6, 0, 29, 0, 23, 0, 24]);
const POINT_FORMATS: (u16, &[u8]) = (11, &[1, 0]);

/// Greets the server as somebody who speaks nothing newer than TLS 1.1, and hears whether it would go on.
pub(super) async fn probe(host: &str, port: u16, timeout: Duration) -> OldTls {
    let exchange = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(&client_hello(host)).await?;
        Ok::<_, std::io::Error>(answer(&mut stream).await)
    };
    match tokio::time::timeout(timeout.min(PATIENCE), exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => OldTls::Unknown,
    }
}

/// The greeting, as one record.
///
/// Source: RFC 4346 (TLS 1.1), section 7.4.1.2.
fn client_hello(host: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |(kind, data): (u16, &[u8])| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(with_length(data));
    };
    // An address is no name (RFC 6066, section 3).
    if host.parse::<IpAddr>().is_err() {
        let name = [&[0][..], &with_length(host.as_bytes())].concat();
        add((SERVER_NAME, &with_length(&name)));
    }
    add(SUPPORTED_GROUPS);
    add(POINT_FORMATS);
    let mut body = TLS_1_1.to_vec();
    // Nothing is ever derived from it.
    body.extend([0x5a; 32]);
    // No session to go on with.
    body.push(0);
    let suites: Vec<u8> = CIPHER_SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    body.extend(with_length(&suites));
    // No compression, which is one method.
    body.extend([1, 0]);
    body.extend(with_length(&extensions));
    let message = [&[CLIENT_HELLO, 0][..], &with_length(&body)].concat();
    // Greetings come in records of TLS 1.0, as RFC 5246 advises in appendix E.
    [&[HANDSHAKE, 3, 1][..], &with_length(&message)].concat()
}

/// With two bytes of length before it; everything here is shorter than 64 KB, host names among it.
fn with_length(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("names and greetings are short");
    [&length.to_be_bytes()[..], data].concat()
}

/// What the first records say. Who hangs up has refused.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> OldTls {
    for _ in 0..=MOST_WARNINGS {
        let mut header = [0; 5];
        if stream.read_exact(&mut header).await.is_err() {
            return OldTls::Refused;
        }
        let [kind, major, _, high, low] = header;
        if major != 3 || !matches!(kind, ALERT | HANDSHAKE) {
            return OldTls::Unknown;
        }
        let mut record = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        // A greeting's version is in its first six bytes; a record may hold more messages than the greeting.
        if stream.read_exact(&mut record).await.is_err() {
            return OldTls::Unknown;
        }
        match (kind, record.as_slice()) {
            (ALERT, [WARNING, ..]) => {}
            (ALERT, [_, ..]) => return OldTls::Refused,
            (HANDSHAKE, [SERVER_HELLO, _, _, _, 3, minor, ..]) if *minor <= NEWEST_OLD_MINOR => {
                return OldTls::Accepted;
            }
            _ => return OldTls::Unknown,
        }
    }
    OldTls::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> OldTls {
        let mut bytes = bytes;
        answer(&mut bytes).await
    }

    /// A record with this content.
    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 2][..], &with_length(content)].concat()
    }

    fn server_hello(minor: u8) -> Vec<u8> {
        record(HANDSHAKE, &[SERVER_HELLO, 0, 0, 70, 3, minor, 1, 2, 3])
    }

    #[tokio::test]
    async fn a_greeting_of_an_old_version_is_told_from_a_refusal_and_from_noise() {
        assert_eq!(heard(&server_hello(1)).await, OldTls::Accepted);
        assert_eq!(heard(&server_hello(2)).await, OldTls::Accepted);
        assert_eq!(heard(&server_hello(3)).await, OldTls::Unknown, "nobody asked for TLS 1.2");
        // `protocol_version`, and a server that hangs up.
        assert_eq!(heard(&record(ALERT, &[2, 70])).await, OldTls::Refused);
        assert_eq!(heard(&[]).await, OldTls::Refused);
        assert_eq!(heard(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, OldTls::Unknown);
        assert_eq!(heard(&server_hello(2)[..9]).await, OldTls::Unknown, "cut");
        // `unrecognized_name` as a remark.
        let remark = record(ALERT, &[WARNING, 112]);
        assert_eq!(heard(&[remark.clone(), server_hello(2)].concat()).await, OldTls::Accepted);
        assert_eq!(heard(&remark.repeat(50)).await, OldTls::Unknown);
    }

    #[test]
    fn a_name_is_sent_and_an_address_is_not() {
        let named = client_hello("www.example.com");
        assert!(named.windows(15).any(|bytes| bytes == b"www.example.com"));
        let at_address = client_hello("127.0.0.1");
        assert!(!at_address.windows(9).any(|bytes| bytes == b"127.0.0.1"));
        for greeting in [named, at_address] {
            assert_eq!(usize::from(u16::from_be_bytes([greeting[3], greeting[4]])), greeting.len() - 5);
            assert_eq!(usize::from(u16::from_be_bytes([greeting[7], greeting[8]])), greeting.len() - 9);
        }
    }
}
