//! Answers to DeleteObjects, and error answers to calls of the SDK and to our own PutObject.

use bytes::Bytes;
use proptest::prelude::*;
use sitepush::core::key::ObjectKey;
use sitepush::edges::call::{CallError, FailureKind};

use crate::campaign::{damaged, extent_in, play, watch};
use crate::corpus;
use crate::listing::{DICTIONARY, explained};
use crate::server::{Endpoint, Scripted};

/// The keys that are deleted: which stayed, or why the call as a whole failed.
fn deleted(endpoint: &Endpoint, body: &[u8]) -> Result<Vec<(ObjectKey, CallError)>, CallError> {
    let keys = ["a.css", "b/c.html"].map(|key| ObjectKey::new(key).expect("a key"));
    let keys: Vec<&ObjectKey> = keys.iter().collect();
    endpoint.answering(vec![Scripted::new(200, body)], endpoint.bucket.delete_objects(&keys))
}

fn shown(stayed: &[(ObjectKey, CallError)]) -> String {
    if stayed.is_empty() {
        return "none stayed".to_owned();
    }
    stayed.iter().map(|(key, error)| format!("{:?} {}\n", key.as_str(), explained(error))).collect()
}

#[test]
fn each_answer_to_a_delete_is_taken_or_refused_as_stated() {
    let endpoint = Endpoint::start();
    corpus::outcomes_are_as_stated("deletes", |sample| {
        deleted(&endpoint, &sample.bytes).map(|stayed| shown(&stayed)).map_err(|error| explained(&error))
    });
}

/// The error of a call of the SDK's and the error of a PutObject that are answered with this.
fn refused(endpoint: &Endpoint, answer: &Scripted) -> (CallError, CallError) {
    let answers = || vec![answer.clone()];
    let listed = endpoint.answering(answers(), endpoint.bucket.list_objects()).expect_err("an error answer");
    let put = endpoint.bucket.put_state("lock.json", Bytes::new(), None);
    (listed, endpoint.answering(answers(), put).expect_err("an error answer"))
}

fn status_of(name: &str) -> u16 {
    name[..3].parse().expect("a status stands before the name")
}

#[test]
fn each_error_answer_is_understood_as_stated_whichever_way_it_comes() {
    let endpoint = Endpoint::start();
    for is_put in [false, true] {
        corpus::outcomes_are_as_stated("errors", |sample| {
            let answer = Scripted::new(status_of(&sample.name), sample.bytes.clone());
            let (listed, put) = refused(&endpoint, &answer);
            Err::<String, _>(explained(if is_put { &put } else { &listed }))
        });
    }
}

#[test]
fn an_error_keeps_its_request_id_and_the_buckets_region() {
    let endpoint = Endpoint::start();
    let body = "<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>";
    let answer = Scripted::new(301, body)
        .with("x-amz-request-id", "4442587FB7D0A2F9")
        .with("x-amz-bucket-region", "eu-west-1");
    let (listed, put) = refused(&endpoint, &answer);
    let expected =
        "WrongRegion: PermanentRedirect: Elsewhere (the bucket is in eu-west-1) (request 4442587FB7D0A2F9)";
    assert_eq!([explained(&listed), explained(&put)], [expected, expected]);
}

#[test]
fn a_date_from_before_1970_stops_nothing() {
    let endpoint = Endpoint::start();
    let old = Scripted::new(200, "").with("etag", "\"e\"").with("date", "Mon, 01 Jan 1900 00:00:00 GMT");
    for _ in 0..2 {
        let put = endpoint.bucket.put_state("lock.json", Bytes::new(), None);
        assert_eq!(endpoint.answering(vec![old.clone()], put).expect("it is written"), "e");
    }
}

#[test]
fn a_state_file_that_is_said_to_be_beyond_all_bounds_is_not_read() {
    let endpoint = Endpoint::start();
    let get = || endpoint.bucket.get_state("manifest.json.gz");
    let sensible = Scripted::new(200, vec![b'x'; 3 << 20]);
    let read = endpoint.answering(vec![sensible], get()).expect("it is read").expect("it is there");
    assert_eq!(read.bytes.len(), 3 << 20);
    let error = endpoint.answering(vec![Scripted::claiming(1 << 40)], get()).expect_err("a terabyte");
    assert_eq!(error.kind, FailureKind::UnreadableState);
    assert!(explained(&error).contains("it has more than 536870912 bytes"), "{error}");
}

#[test]
fn damaged_answers_to_a_delete_are_read_or_explained() {
    let endpoint = Endpoint::start();
    play(extent_in(file!(), "deletes", 120), damaged("deletes", DICTIONARY), |input| {
        match watch(&input, || deleted(&endpoint, &input.0)) {
            Ok(stayed) => {
                let is_counted = input.text().matches("<Error").count() >= stayed.len();
                prop_assert!(is_counted && !shown(&stayed).is_empty());
            }
            Err(error) => prop_assert!(!explained(&error).is_empty()),
        }
        Ok(())
    });
}

#[test]
fn an_answer_to_a_delete_that_is_cut_anywhere_is_not_taken_for_whole() {
    let endpoint = Endpoint::start();
    let whole = b"<DeleteResult><Error><Key>a.css</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    assert_eq!(deleted(&endpoint, whole).map(|stayed| stayed.len()).ok(), Some(1));
    for end in 0..whole.len() {
        let cut = &whole[..end];
        assert!(deleted(&endpoint, cut).is_err(), "{}", String::from_utf8_lossy(cut));
    }
}

#[test]
fn damaged_errors_are_explained_in_one_line() {
    let endpoint = Endpoint::start();
    let inputs = (damaged("errors", DICTIONARY), 400_u16..600);
    play(extent_in(file!(), "errors", 100), inputs, |(input, status)| {
        let answer = Scripted::new(status, input.0.clone());
        let (listed, put) = watch(&input, || refused(&endpoint, &answer));
        prop_assert!(!explained(&listed).is_empty() && !explained(&put).is_empty());
        Ok(())
    });
}

#[test]
fn both_ways_understand_a_well_formed_error_alike() {
    let endpoint = Endpoint::start();
    let codes = proptest::sample::select(vec!["AccessDenied", "SlowDown", "NoSuchKey", "X.y", ""]);
    let inputs = (codes, "[ -%'-;=-~é]{0,20}", 400_u16..600);
    play(extent_in(file!(), "alike", 60), inputs, |(code, message, status)| {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let (listed, put) = refused(&endpoint, &Scripted::new(status, body));
        prop_assert_eq!(explained(&listed), explained(&put));
        prop_assert!(listed.kind == put.kind && listed.kind != FailureKind::UnreadableState);
        Ok(())
    });
}
