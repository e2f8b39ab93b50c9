//! Where an emulator departs from what AWS documents: each departure by name, so that its end is noticed.
//!
//! docs/emulators.md links the documented behavior of each.

use aws_sdk_s3::primitives::ByteStream;

use crate::emulator::{Emulator, Kind};
use crate::support::{BUCKET, Site};

/// Whether the emulator stores a body that its SHA-256 contradicts.
fn takes_a_wrong_checksum(emulator: &Emulator) -> bool {
    let request = emulator.s3.put_object().bucket(BUCKET).key("file").body(ByteStream::from_static(b"one"));
    let request = request.checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    emulator.runtime.block_on(request.send()).is_ok()
}

/// Whether the emulator lets a stranger's signature in.
fn takes_wrong_credentials(emulator: &Emulator) -> bool {
    let site = Site::small();
    let mut command = emulator.push_command(&site, &["--retry-seconds", "1"]);
    let output = command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret").output().expect("the program starts");
    match output.status.code() {
        Some(0) => true,
        Some(5) => {
            assert_eq!(emulator.site_keys(), Vec::<String>::new());
            false
        }
        code => panic!("{:?}: {code:?}: {}", emulator.kind, String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn moto_stores_what_a_checksum_contradicts() {
    let emulator = Emulator::moto();
    assert_eq!(emulator.kind, Kind::Moto);
    assert!(takes_a_wrong_checksum(&emulator));
}

#[test]
fn ministack_refuses_what_a_checksum_contradicts() {
    assert!(!takes_a_wrong_checksum(&Emulator::ministack()));
}

#[test]
fn moto_verifies_no_signature() {
    assert!(takes_wrong_credentials(&Emulator::moto()));
}

#[test]
fn wrong_credentials_are_refused_by_ministack_and_named_by_the_program() {
    assert!(!takes_wrong_credentials(&Emulator::ministack()));
}
