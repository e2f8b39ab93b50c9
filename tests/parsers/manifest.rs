//! The manifest: corpus, campaigns on its JSON and on its packed bytes, and values that are written and read back.

use std::cell::Cell;
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sitepush::core::manifest::parts::{Parts, Split};
use sitepush::core::manifest::{Manifest, ManifestError, Root};

use crate::campaign::{Input, damaged_or_retouched, extent, extent_in, play, watch};
use crate::corpus::{self, chain};
use crate::values::manifests;

pub const PARSER: &str = "manifest";

/// Words of the formats of our own that are JSON.
pub const DICTIONARY: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "null",
    "true",
    "-1",
    "1e400",
    "0.5",
    "18446744073709551616",
    "{\"\":",
    "[[",
    "\"schema\":1,",
    "\"schema\":2,",
    "\"schema\":3,",
    "\"parts\":[],",
    "\"objects\":1,",
    "\"headers\":0,",
    "\"headers\":7,",
    "\"kind\":\"rollback\",",
    "\"to\":\"20261126T171550Z-nocommit\",",
    "\"state\":\"held\",",
    "\"class\":\"page\",",
    "\"action\":\"copy\",",
    "\"from\":\"a\",",
    "\"reason\":\"new\",",
    "\"commit\":null,",
    "\"hash\":\"\",",
    "-009999-01-02T01:59:59Z",
    "9999-12-30T22:00:00.999999999Z",
    "1970-01-01T00:00:00+24:00",
    "../",
    "\u{e9}",
    "\u{1f600}",
    "\n",
    "\0",
    "\u{feff}",
];

/// As the bucket holds it.
pub fn packed(json: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

#[test]
fn each_manifest_is_taken_or_refused_as_stated() {
    corpus::outcomes_are_as_stated(PARSER, |sample| {
        let decoded = decode(&packed(&sample.bytes));
        decoded.map(|manifest| format!("{manifest:?}")).map_err(|error| {
            assert!(!error.hint().is_empty());
            chain(&error)
        })
    });
}

/// Counts what could be read.
fn is_read_or_explained(json: &[u8], read: &Cell<usize>) -> TestCaseResult {
    match decode(&packed(json)) {
        Ok(manifest) => {
            read.set(read.get() + 1);
            survives(&manifest)
        }
        Err(error) => {
            prop_assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            match &error {
                ManifestError::Json(_) => names_a_place_of(&chain(&error), json),
                _ => Ok(()),
            }
        }
    }
}

/// Reads a record in one piece.
fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    Root::decode(bytes)?.with_parts(Vec::new())
}

fn in_one_piece(manifest: &Manifest) -> Vec<u8> {
    manifest.encode(Split::NEVER, Some(manifest)).expect("all of it is known").root
}

fn survives(manifest: &Manifest) -> TestCaseResult {
    let encoded = in_one_piece(manifest);
    let again = decode(&encoded).map_err(|error| TestCaseError::fail(chain(&error)))?;
    prop_assert_eq!(&again, manifest);
    prop_assert_eq!(in_one_piece(&again), encoded, "equal manifests give equal bytes");
    Ok(())
}

/// Where serde names a place in a text of lines, it is a place of that text.
pub fn names_a_place_of(error: &str, text: &[u8]) -> TestCaseResult {
    let place = regex_lite::Regex::new(r" at line (\d+) column (\d+)$").expect("a pattern");
    let found = error.lines().last().and_then(|line| place.captures(line));
    let number = |index: usize| found.as_ref().and_then(|found| found[index].parse::<usize>().ok());
    let (Some(line), Some(column)) = (number(1), number(2)) else {
        return Err(TestCaseError::fail(format!("no place in: {error}")));
    };
    let length = text.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).map(<[u8]>::len);
    prop_assert!(length.is_some_and(|length| column <= length + 1), "{error}");
    Ok(())
}

#[test]
fn a_damaged_manifest_is_refused_or_survives_being_written_again() {
    let read = Cell::new(0);
    play(extent_in(file!(), "damaged", 200), damaged_or_retouched(PARSER, DICTIONARY), |input| {
        watch(&input, || is_read_or_explained(&input.0, &read))
    });
    assert!(read.get() >= 10, "only {} survived", read.get());
}

proptest! {
    #![proptest_config(extent(50))]

    #[test]
    fn any_manifest_survives_encode_and_decode(manifest in manifests()) {
        survives(&manifest)?;
    }

    #[test]
    fn any_manifest_survives_in_parts_and_a_damaged_part_is_refused(
        manifest in manifests(),
        from_objects in 0_usize..3,
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let encoded = manifest.encode(Split { from_objects }, None).expect("all of it is known");
        let mut parts: Vec<Bytes> =
            encoded.new_parts.iter().map(|(_, bytes)| bytes.clone().into()).collect();
        let root = || Root::decode(&encoded.root).map_err(|error| TestCaseError::fail(chain(&error)));
        let again = root()?.with_parts(parts.clone());
        let again = again.map_err(|error| TestCaseError::fail(chain(&error)))?;
        prop_assert_eq!(Manifest { parts: Parts::default(), ..again }, manifest);
        if parts.is_empty() {
            return Ok(());
        }
        let damaged = which.index(parts.len());
        let mut bytes = parts[damaged].to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        parts[damaged] = bytes.into();
        let refused = root()?.with_parts(parts).expect_err("its name is of other bytes");
        prop_assert!(matches!(refused, ManifestError::PartDamaged { .. }), "{}", refused);
    }

    #[test]
    fn packed_bytes_that_were_damaged_are_refused_or_read_as_they_were(
        manifest in manifests(),
        flips in proptest::collection::vec((any::<u16>(), 0_u8..8), 0..3),
        cut in proptest::option::of(any::<u16>()),
    ) {
        let whole = in_one_piece(&manifest);
        let mut bytes = whole.clone();
        let at = |share: u16, length: usize| (usize::from(share) * length) >> 16;
        for (share, bit) in flips {
            let at = at(share, bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(at(cut, bytes.len()));
        }
        let input = Input(bytes);
        let decoded = watch(&input, || decode(&input.0));
        // Gzip has a checksum: what passes it is what was written.
        if let Ok(decoded) = decoded {
            prop_assert_eq!(decoded, manifest);
        } else {
            prop_assert_ne!(input.0, whole);
        }
    }
}
