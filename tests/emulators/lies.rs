//! Where an emulator departs from what AWS documents: each departure by name, so that its end is noticed.
//!
//! docs/emulators.md links the documented behavior of each.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;

use crate::emulator::{ACCESS_KEY_ID, Emulator};
use crate::support::{Answer, BUCKET, Site};

/// Whether the emulator stores a body that its SHA-256 contradicts.
fn takes_a_wrong_checksum(emulator: &Emulator) -> bool {
    let request = emulator.s3.put_object().bucket(BUCKET).key("file").body(ByteStream::from_static(b"one"));
    let request = request.checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    emulator.runtime.block_on(request.send()).is_ok()
}

/// Whether the emulator takes what somebody signed with this pair of keys.
fn takes_credentials(emulator: &Emulator, id: &str, secret: &str) -> bool {
    let site = Site::small();
    let mut command = emulator.push_command(&site, &["--retry-seconds", "1"]);
    command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
    let answer = Answer::from_output(&command.output().expect("the program starts"));
    if answer.code == 0 {
        return true;
    }
    answer.explains(5, &["aws sso login"]);
    assert_eq!(emulator.all_keys(), BTreeMap::new());
    false
}

#[test]
fn moto_stores_what_a_checksum_contradicts() {
    assert!(takes_a_wrong_checksum(&Emulator::moto()));
}

#[test]
fn ministack_refuses_what_a_checksum_contradicts() {
    assert!(!takes_a_wrong_checksum(&Emulator::ministack()));
}

#[test]
fn moto_knows_every_stranger() {
    assert!(takes_credentials(&Emulator::moto(), "AKIAIOSFODNN7EXAMPLE", "a-secret"));
}

#[test]
fn ministack_refuses_strangers_and_the_program_says_what_to_do() {
    assert!(!takes_credentials(&Emulator::ministack(), "AKIAIOSFODNN7EXAMPLE", "a-secret"));
}

#[test]
fn neither_verifies_a_signature() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        assert!(takes_credentials(&emulator, ACCESS_KEY_ID, "not-the-secret"), "{:?}", emulator.kind);
    }
}
