//! Bodies, hashed as they come: the bytes as sent, and the bytes after their encoding was undone.

use std::io::{self, Write};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};

use crate::core::digest::Sha256Digest;
use crate::core::verify::{Body, Decoded, NoAnswer};

use super::innermost;

/// Reads a body whose answer names `encoding` (lower case; empty where there is none).
pub(super) async fn read(mut incoming: Incoming, encoding: &str, limit_bytes: u64) -> Result<Body, NoAnswer> {
    let mut raw = Hasher::new(limit_bytes);
    let mut decoder = Decoder::new(encoding, limit_bytes);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| NoAnswer::Truncated(innermost(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        raw.write_all(&data).map_err(|_| NoAnswer::TooLong { limit_bytes })?;
        decoder.write(&data);
    }
    let decoded = decoder.finish();
    Ok(Body { size_bytes: raw.size_bytes, sha256: Some(raw.finish()), decoded })
}

/// Counts and hashes what is written, and refuses what is too much.
struct Hasher {
    hash: Sha256,
    size_bytes: u64,
    limit_bytes: u64,
}

impl Hasher {
    fn new(limit_bytes: u64) -> Self {
        Self { hash: Sha256::new(), size_bytes: 0, limit_bytes }
    }

    fn finish(self) -> Sha256Digest {
        Sha256Digest(self.hash.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes > self.limit_bytes {
            return Err(io::Error::other(format!("it unpacks to more than {} bytes", self.limit_bytes)));
        }
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Undoes an encoding on the way. The states of both are large.
enum Decoder {
    /// There is none, or one that was not asked for.
    None,
    Gzip(Box<flate2::write::GzDecoder<Hasher>>),
    Brotli(Box<brotli::DecompressorWriter<Hasher>>),
    Broken(String),
}

impl Decoder {
    fn new(encoding: &str, limit_bytes: u64) -> Self {
        let hasher = Hasher::new(limit_bytes);
        match encoding {
            "gzip" | "x-gzip" => Self::Gzip(Box::new(flate2::write::GzDecoder::new(hasher))),
            "br" => Self::Brotli(Box::new(brotli::DecompressorWriter::new(hasher, 4096))),
            _ => Self::None,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = match self {
            Self::None | Self::Broken(_) => return,
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Brotli(decoder) => decoder.write_all(bytes),
        };
        if let Err(error) = written {
            *self = Self::Broken(error.to_string());
        }
    }

    fn finish(self) -> Option<Decoded> {
        let finished = match self {
            Self::None => return None,
            Self::Broken(cause) => return Some(Decoded::Broken(cause)),
            Self::Gzip(decoder) => decoder.finish().map_err(|error| error.to_string()),
            Self::Brotli(mut decoder) => {
                let closed = decoder.close().map_err(|error| error.to_string());
                closed.and_then(|()| decoder.into_inner().map_err(|_| "the stream is not whole".to_owned()))
            }
        };
        Some(match finished {
            Ok(hasher) => {
                let size_bytes = hasher.size_bytes;
                Decoded::Whole { sha256: hasher.finish(), size_bytes }
            }
            Err(cause) => Decoded::Broken(cause),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
        encoder.write_all(bytes).expect("memory takes it");
        encoder.into_inner()
    }

    /// Decodes what comes in pieces of seven bytes.
    fn decoded(encoding: &str, bytes: &[u8], limit_bytes: u64) -> Option<Decoded> {
        let mut decoder = Decoder::new(encoding, limit_bytes);
        bytes.chunks(7).for_each(|piece| decoder.write(piece));
        decoder.finish()
    }

    #[test]
    fn both_encodings_are_undone_in_pieces() {
        let text = b"one and two and three and four ".repeat(100);
        let whole = Decoded::Whole { sha256: Sha256Digest::of(&text), size_bytes: text.len() as u64 };
        assert_eq!(decoded("gzip", &gzip(&text), 10_000), Some(whole.clone()));
        assert_eq!(decoded("br", &brotli(&text), 10_000), Some(whole));
        assert_eq!(decoded("", &text, 10_000), None);
        assert_eq!(decoded("zstd", &text, 10_000), None);
    }

    #[test]
    fn what_is_cut_or_no_such_encoding_is_broken() {
        let text = b"one and two and three and four ".repeat(100);
        for (encoding, packed) in [("gzip", gzip(&text)), ("br", brotli(&text))] {
            for bytes in [&packed[..packed.len() / 2], &packed[..packed.len() - 1], &text[..], &[]] {
                let decoded = decoded(encoding, bytes, 10_000);
                assert!(matches!(decoded, Some(Decoded::Broken(_))), "{encoding}: {decoded:?}");
            }
        }
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_broken_and_not_unpacked() {
        let zeros = vec![0; 8 << 20];
        for (encoding, packed) in [("gzip", gzip(&zeros)), ("br", brotli(&zeros))] {
            let decoded = decoded(encoding, &packed, 1000);
            assert!(matches!(decoded, Some(Decoded::Broken(_))), "{encoding}: {decoded:?}");
        }
    }
}
