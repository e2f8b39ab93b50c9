//! Where an emulator departs from what AWS documents: each departure by name, so that its end is noticed.
//!
//! Each links what AWS documents, as docs/emulators.md does.

use std::collections::BTreeMap;

use aws_sdk_cloudfront::types::{DistributionConfig, InvalidationBatch, Paths};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use sha2::{Digest as _, Sha256};

use crate::conditions::Unmet;
use crate::emulator::{ACCESS_KEY_ID, Emulator};
use crate::meddler::{Meddler, Meddling};
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

/// S3 validates an upload before it stores it:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
#[test]
fn moto_stores_what_a_checksum_contradicts() {
    assert!(takes_a_wrong_checksum(&Emulator::moto()));
}

#[test]
fn ministack_refuses_what_a_checksum_contradicts() {
    assert!(!takes_a_wrong_checksum(&Emulator::ministack()));
}

/// S3 answers 412 when the source is not the one that `x-amz-copy-source-if-match` says:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
#[test]
fn moto_copies_a_source_that_moved() {
    assert!(Unmet::CopyOfAnother.is_carried_out(&Emulator::moto()));
}

/// What a HEAD that asks for checksums tells of `key`.
fn digest_told(emulator: &Emulator, key: &str) -> Option<String> {
    let request = emulator.s3.head_object().bucket(BUCKET).key(key).checksum_mode(ChecksumMode::Enabled);
    emulator.runtime.block_on(request.send()).expect("it is there").checksum_sha256
}

/// A push of one new file, the answer to whose write is lost.
fn push_without_an_answer(emulator: &Emulator, site: &Site) -> Answer {
    emulator.push(site, &[]).success();
    site.write("promo.html", "ours");
    let meddler = Meddler::start(&emulator.url, Meddling::LoseAnswer("PUT /example-site/promo.html "));
    let mut command = emulator.push_command(site, &[]);
    let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
    assert!(meddler.count() > 1, "the write was not repeated");
    assert_eq!(emulator.writes("promo.html"), 1, "it was written once");
    Answer::from_output(&output)
}

#[test]
fn ministack_tells_the_digest_of_a_write_so_that_one_without_an_answer_is_known_for_our_own() {
    let (emulator, site) = (Emulator::ministack(), Site::small());
    push_without_an_answer(&emulator, &site).success();
    let digest = Sha256::digest("ours");
    assert_eq!(digest_told(&emulator, "promo.html"), Some(aws_smithy_types::base64::encode(digest)));
    let before = emulator.history();
    emulator.push(&site, &["--verify-remote"]).success();
    assert_eq!(emulator.history(), before, "the record knows what is there");
}

/// S3 tells the checksum that an object was written with, whether or not its algorithm was named besides:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
#[test]
fn moto_forgets_a_digest_whose_algorithm_is_not_named_besides() {
    let (emulator, site) = (Emulator::moto(), Site::small());
    // The ETag tells whose it is.
    push_without_an_answer(&emulator, &site).success();
    assert_eq!(digest_told(&emulator, "promo.html"), None);
    emulator.assert_is_published(&site, "");
}

/// S3 answers `InvalidAccessKeyId`:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[test]
fn moto_knows_every_stranger() {
    assert!(takes_credentials(&Emulator::moto(), "AKIAIOSFODNN7EXAMPLE", "a-secret"));
}

#[test]
fn ministack_refuses_strangers_and_the_program_says_what_to_do() {
    assert!(!takes_credentials(&Emulator::ministack(), "AKIAIOSFODNN7EXAMPLE", "a-secret"));
}

/// S3 answers `SignatureDoesNotMatch`:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[test]
fn neither_verifies_a_signature() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        assert!(takes_credentials(&emulator, ACCESS_KEY_ID, "not-the-secret"), "{:?}", emulator.kind);
    }
}

/// Pushes an edited style sheet, with the page that refers to it, through a proxy that damages its bytes.
fn push_damaged(emulator: &Emulator, site: &Site) -> Answer {
    emulator.push(site, &[]).success();
    site.write("style.css", "body { color: white }").write("index.html", "refers to the new style");
    let meddler = Meddler::start(&emulator.url, Meddling::Replace("color: white", "color: wh1te"));
    let mut command = emulator.push_command(site, &["--retry-seconds", "1"]);
    let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
    assert!(meddler.count() > 0, "nothing was damaged");
    Answer::from_output(&output)
}

#[test]
fn bytes_damaged_on_the_way_to_ministack_never_go_live() {
    let (emulator, site) = (Emulator::ministack(), Site::small());
    let answer = push_damaged(&emulator, &site);
    assert_ne!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(emulator.body("style.css"), "body { color: black }");
    assert!(
        emulator.body("index.html").contains("app-DRXg7gsA"),
        "the page went live before its style sheet"
    );
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
}

#[test]
fn a_part_damaged_on_the_way_to_ministack_never_goes_live() {
    let (emulator, site) = (Emulator::ministack(), Site::small());
    let mut film = vec![7; 17 << 20];
    film[16 << 20..][..12].copy_from_slice(b"color: white");
    site.write("film.mp4", &film);
    let meddler = Meddler::start(&emulator.url, Meddling::Replace("color: white", "color: wh1te"));
    let mut command = emulator.push_command(&site, &["--retry-seconds", "1"]);
    let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
    assert!(meddler.count() > 0, "nothing was damaged");
    let answer = Answer::from_output(&output);
    assert_ne!(answer.code, 0, "{}", answer.stderr);
    assert!(!emulator.site_keys().contains(&"film.mp4".to_owned()));
    assert!(!emulator.site_keys().contains(&"index.html".to_owned()), "a page went live before its film");
    emulator.push(&site, &[]).success();
    emulator.assert_is_published(&site, "");
}

#[test]
fn bytes_damaged_on_the_way_to_moto_go_live() {
    let (emulator, site) = (Emulator::moto(), Site::small());
    push_damaged(&emulator, &site).success();
    assert_eq!(emulator.body("style.css"), "body { color: wh1te }");
    // The ETag that moto gave the damaged bytes is what the record has: nothing differs from it.
    let status = emulator.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["drift"], serde_json::json!([]));
}

/// `x-amz-checksum-type` tells whether a checksum is one of parts:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
#[test]
fn moto_gives_a_copy_the_checksum_of_parts_that_it_does_not_have() {
    let (emulator, site) = (Emulator::moto(), Site::small());
    site.write("film.mp4", vec![7; 17 << 20]);
    let checksum = || {
        let request = emulator.s3.get_object().bucket(BUCKET).key("film.mp4");
        let request = request.checksum_mode(ChecksumMode::Enabled);
        let object = emulator.runtime.block_on(request.send()).expect("it is there");
        (object.checksum_sha256.expect("a checksum"), object.checksum_type)
    };
    emulator.push(&site, &[]).success();
    let (of_parts, kind) = checksum();
    assert_eq!((of_parts.ends_with("-2"), kind), (true, Some(ChecksumType::Composite)));
    site.write("_headers", "/film.mp4\n  Content-Language: en\n");
    emulator.push(&site, &[]).success();
    // The value of before, and nothing that says that it is no checksum of the body.
    assert_eq!(checksum(), (of_parts.trim_end_matches("-2").to_owned(), None));
}

/// The status is `Completed`:
/// <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_Invalidation.html>
#[test]
fn moto_says_completed_in_capitals_and_the_program_does_not_wait_for_ever() {
    let emulator = Emulator::moto();
    let request = emulator.cloudfront.list_invalidations().distribution_id(&emulator.distribution);
    let by_hand = ["invalidate", "/a", "--wait", "--json", "--distribution", &emulator.distribution];
    emulator.run(&by_hand).success();
    let listed = emulator.runtime.block_on(request.send()).expect("a listing").invalidation_list;
    assert_eq!(listed.expect("a list").items()[0].status(), "COMPLETED");
}

/// How many invalidations two requests with one caller reference and the same paths make.
fn made_by_one_reference(emulator: &Emulator) -> usize {
    let paths = Paths::builder().quantity(1).items("/a").build().expect("complete");
    let batch = InvalidationBatch::builder().caller_reference("one").paths(paths).build().expect("complete");
    for _ in 0..2 {
        let request = emulator.cloudfront.create_invalidation().distribution_id(&emulator.distribution);
        let made = emulator.runtime.block_on(request.invalidation_batch(batch.clone()).send());
        made.expect("the paths are valid");
    }
    emulator.invalidated().len()
}

/// The second is the first:
/// <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html>
#[test]
fn moto_makes_two_invalidations_of_one_caller_reference() {
    assert_eq!(made_by_one_reference(&Emulator::moto()), 2);
    assert_eq!(made_by_one_reference(&Emulator::ministack()), 1);
}

/// The document is a `VersioningConfiguration`:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
#[test]
fn moto_says_in_another_document_than_s3_whether_there_are_versions() {
    let emulator = Emulator::moto();
    let asked = emulator.runtime.block_on(emulator.s3.get_bucket_versioning().bucket(BUCKET).send());
    let error = asked.expect_err("the SDK cannot read it");
    assert!(error.raw_response().expect("an answer").status().is_success());
    let site = Site::small();
    let plan = emulator.on_target("plan", &[site.path().to_str().expect("a plain path")]).success();
    let told = format!("{}{}", plan.stdout, plan.stderr);
    assert!(told.contains("does not say whether the bucket keeps versions"), "{told}");
}

/// Whether a distribution is changed by somebody who read it before another did.
fn takes_a_stale_change(emulator: &Emulator) -> bool {
    let id = &emulator.distribution;
    let read = || {
        let request = emulator.cloudfront.get_distribution_config().id(id);
        emulator.runtime.block_on(request.send()).expect("it is there")
    };
    let write = |config: &DistributionConfig, e_tag: &Option<String>, comment: &str| {
        let mut config = config.clone();
        config.comment = comment.to_owned();
        let request = emulator.cloudfront.update_distribution().id(id).distribution_config(config);
        let answer = emulator.runtime.block_on(request.set_if_match(e_tag.clone()).send());
        answer.map_or_else(|error| error.raw_response().expect("an answer").status().as_u16(), |_| 200)
    };
    let before = read();
    let config = before.distribution_config.expect("a configuration");
    assert_eq!(write(&config, &before.e_tag, "the first"), 200);
    let status = write(&config, &before.e_tag, "the late one");
    let comment = read().distribution_config.expect("a configuration").comment;
    match status {
        200 => assert_eq!(comment, "the late one"),
        _ => assert_eq!((status, comment.as_str()), (412, "the first")),
    }
    status == 200
}

/// An `If-Match` that is not the current ETag is answered with 412, `PreconditionFailed`:
/// <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_UpdateDistribution.html>
#[test]
fn moto_takes_a_stale_if_match_at_cloudfront() {
    assert!(takes_a_stale_change(&Emulator::moto()));
}

#[test]
fn ministack_refuses_a_stale_if_match_at_cloudfront() {
    assert!(!takes_a_stale_change(&Emulator::ministack()));
}
