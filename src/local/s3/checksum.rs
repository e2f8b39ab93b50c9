//! The checksums of S3: what an upload claims, what its bytes give, and how parts add up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Result, TrailingHeaders, dto, s3_error};
use serde::{Deserialize, Serialize};

/// The checksum algorithms, in the order of preference for reporting.
pub const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Checksums in base64; a composite one ends with `-` and the number of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    pub crc32: Option<String>,
    pub crc32c: Option<String>,
    pub crc64nvme: Option<String>,
    pub sha1: Option<String>,
    pub sha256: Option<String>,
    /// Made of the parts' checksums rather than of the whole object's bytes.
    pub composite: bool,
}

impl Algorithm {
    /// The algorithm by the API's name (`CRC32`).
    pub fn from_name(name: &str) -> Option<Self> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The API's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The checksum of `bytes`, in base64.
    pub fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Crc32 => BASE64.encode(Crc32::checksum(bytes)),
            Self::Crc32c => BASE64.encode(Crc32c::checksum(bytes)),
            Self::Crc64Nvme => BASE64.encode(Crc64Nvme::checksum(bytes)),
            Self::Sha1 => BASE64.encode(Sha1::checksum(bytes)),
            Self::Sha256 => BASE64.encode(Sha256::checksum(bytes)),
        }
    }

    fn header_name(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }
}

impl Checksums {
    /// The checksum by `algorithm`, when there is one.
    pub fn get(&self, algorithm: Algorithm) -> Option<&String> {
        match algorithm {
            Algorithm::Crc32 => self.crc32.as_ref(),
            Algorithm::Crc32c => self.crc32c.as_ref(),
            Algorithm::Crc64Nvme => self.crc64nvme.as_ref(),
            Algorithm::Sha1 => self.sha1.as_ref(),
            Algorithm::Sha256 => self.sha256.as_ref(),
        }
    }

    /// Sets the checksum by `algorithm`.
    pub fn set(&mut self, algorithm: Algorithm, value: String) {
        *match algorithm {
            Algorithm::Crc32 => &mut self.crc32,
            Algorithm::Crc32c => &mut self.crc32c,
            Algorithm::Crc64Nvme => &mut self.crc64nvme,
            Algorithm::Sha1 => &mut self.sha1,
            Algorithm::Sha256 => &mut self.sha256,
        } = Some(value);
    }

    /// The API's word for how these were made; none when there are none.
    pub fn kind(&self) -> Option<dto::ChecksumType> {
        let kind = if self.composite { dto::ChecksumType::COMPOSITE } else { dto::ChecksumType::FULL_OBJECT };
        self.algorithms().next().map(|_| dto::ChecksumType::from_static(kind))
    }

    /// The algorithms there is a checksum by.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        ALGORITHMS.into_iter().filter(|algorithm| self.get(*algorithm).is_some())
    }

    /// Adds what the upload's trailer says.
    ///
    /// # Errors
    /// `MalformedTrailerError` when a checksum was announced for the trailer and did not come.
    pub fn add_trailer(&mut self, headers: &HeaderMap, trailer: Option<&TrailingHeaders>) -> S3Result<()> {
        let Some(announced) = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()) else {
            return Ok(());
        };
        let trailer = trailer.and_then(TrailingHeaders::take).unwrap_or_default();
        for algorithm in ALGORITHMS.into_iter().filter(|algorithm| lists(announced, algorithm.header_name()))
        {
            let value = trailer.get(algorithm.header_name()).and_then(|value| value.to_str().ok());
            match value {
                Some(value) => self.set(algorithm, value.to_owned()),
                None => return Err(malformed_trailer()),
            }
        }
        Ok(())
    }

    /// Compares these claims with `bytes`; what holds is kept. Without a claim, S3 makes a CRC-64/NVME of its own
    /// (S3 User Guide, "Checking object integrity").
    ///
    /// # Errors
    /// `BadDigest` when a claim is wrong.
    pub fn verify(self, bytes: &[u8]) -> S3Result<Self> {
        let mut claimed = false;
        for algorithm in self.algorithms() {
            claimed = true;
            if self.get(algorithm) != Some(&algorithm.of(bytes)) {
                let name = algorithm.name();
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        if claimed { Ok(self) } else { Ok(Self { crc64nvme: Some(Algorithm::Crc64Nvme.of(bytes)), ..self }) }
    }
}

/// The checksum of the parts' checksums, with the number of parts; none when a part lacks one.
pub fn composite<'a>(algorithm: Algorithm, parts: impl Iterator<Item = &'a Checksums>) -> Option<Checksums> {
    let (mut joined, mut count) = (Vec::new(), 0_usize);
    for part in parts {
        joined.extend(BASE64.decode(part.get(algorithm)?).ok()?);
        count += 1;
    }
    let mut checksums = Checksums { composite: true, ..Checksums::default() };
    checksums.set(algorithm, format!("{}-{count}", algorithm.of(&joined)));
    Some(checksums)
}

/// The MD5 of `bytes`, compared with the `Content-MD5` header when there is one.
///
/// # Errors
/// `InvalidDigest` when the header is not an MD5 in base64, `BadDigest` when it is another one.
pub fn verified_md5(bytes: &[u8], content_md5: Option<&str>) -> S3Result<[u8; 16]> {
    let md5 = Md5::checksum(bytes);
    let Some(content_md5) = content_md5 else { return Ok(md5) };
    let claimed = BASE64.decode(content_md5).ok().filter(|claimed| claimed.len() == md5.len());
    let claimed =
        claimed.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))?;
    if claimed != md5 {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
    }
    Ok(md5)
}

fn lists(announced: &str, name: &str) -> bool {
    announced.split(',').any(|item| item.trim().eq_ignore_ascii_case(name))
}

fn malformed_trailer() -> s3s::S3Error {
    let code = s3s::S3ErrorCode::Custom("MalformedTrailerError".into());
    let message = "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    let mut error = s3s::S3Error::with_message(code, message);
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_published_check_values() {
        // The check value of a CRC is that of the text `123456789`.
        let check = b"123456789";
        assert_eq!(Algorithm::Crc32.of(check), BASE64.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert_eq!(Algorithm::Crc32c.of(check), BASE64.encode(0xe306_9283_u32.to_be_bytes()));
        assert_eq!(Algorithm::Crc64Nvme.of(check), BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes()));
    }

    #[test]
    fn an_upload_without_a_claim_gets_a_checksum_all_the_same() {
        let checksums = Checksums::default().verify(b"hello").expect("no claim to be wrong");
        assert_eq!(checksums.algorithms().collect::<Vec<_>>(), [Algorithm::Crc64Nvme]);
    }

    #[test]
    fn a_checksum_that_is_announced_and_does_not_come_is_an_error() {
        let announcing = |names: &str| {
            let headers = [("x-amz-trailer".parse().expect("a name"), names.parse().expect("a value"))];
            Checksums::default().add_trailer(&HeaderMap::from_iter(headers), None)
        };
        let error = announcing("x-amz-meta-a, X-Amz-Checksum-Crc32").expect_err("it did not come");
        assert_eq!(error.code().as_str(), "MalformedTrailerError");
        assert!(announcing("x-amz-meta-a").is_ok());
        assert!(Checksums::default().add_trailer(&HeaderMap::new(), None).is_ok());
    }

    #[test]
    fn one_wrong_claim_among_right_ones_is_enough() {
        let mut claims = Checksums::default();
        claims.set(Algorithm::Crc32, Algorithm::Crc32.of(b"hello"));
        assert!(claims.clone().verify(b"hello").is_ok());
        claims.set(Algorithm::Sha256, Algorithm::Sha256.of(b"other"));
        assert_eq!(claims.verify(b"hello").expect_err("wrong").code().as_str(), "BadDigest");
    }

    #[test]
    fn a_content_md5_is_checked_for_form_and_for_truth() {
        let code =
            |claimed| verified_md5(b"hello", Some(claimed)).expect_err("wrong").code().as_str().to_owned();
        assert_eq!(code("not base64!"), "InvalidDigest");
        assert_eq!(code("aGVsbG8="), "InvalidDigest");
        assert_eq!(code("AAAAAAAAAAAAAAAAAAAAAA=="), "BadDigest");
        assert!(verified_md5(b"hello", Some("XUFAKrxLKna5cZ2REBfFkg==")).is_ok());
    }

    #[test]
    fn parts_add_up_only_when_each_has_the_checksum() {
        let mut part = Checksums::default();
        part.set(Algorithm::Crc32, Algorithm::Crc32.of(b"part"));
        let whole = composite(Algorithm::Crc32, [&part, &part].into_iter()).expect("both have it");
        assert!(whole.crc32.is_some_and(|value| value.ends_with("-2")));
        assert!(composite(Algorithm::Sha1, [&part].into_iter()).is_none());
    }
}
