//! The fault script and the mutation hook, as a client meets them.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use sitepush::local::faults::{Effect, Gate, Rule};
use sitepush::local::s3::MutationKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{BUCKET, Site, config, plain_site, refusal, was_dropped};

fn batch(keys: &[&str]) -> Delete {
    let named = |key: &&str| ObjectIdentifier::builder().key(*key).build().expect("an identifier");
    Delete::builder().set_objects(Some(keys.iter().map(named).collect())).build().expect("a batch")
}

async fn put(site: &Site, key: &str) -> Result<(), (u16, String)> {
    let put = site.client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(vec![b'x'; 100_000]));
    let result = put.send().await;
    if result.is_ok() { Ok(()) } else { Err(refusal(result)) }
}

#[tokio::test]
async fn slow_down_twice_then_fine_is_survived_by_a_retrying_client() {
    let site = plain_site().await;
    site.store.faults().add(Rule::slow_down().operation("PutObject").times(2));
    let credentials = &site.store.options().credentials;
    let config = config(&site.server, &credentials.access_key_id, &credentials.secret_access_key);
    let retry = RetryConfig::standard().with_initial_backoff(Duration::ZERO);
    let client = aws_sdk_s3::Client::from_conf(config.retry_config(retry).build());
    client.put_object().bucket(BUCKET).key("a").send().await.expect("the third try");
    let statuses: Vec<_> = site.store.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), Some(200)]);
}

#[tokio::test]
async fn errors_are_those_of_the_script_and_change_nothing() {
    let site = plain_site().await;
    let faults = site.store.faults();
    faults.add(Rule::slow_down().key("slow"));
    faults.add(Rule::access_denied().key("denied"));
    faults.add(Rule::internal_error().key("broken"));
    faults.add(Rule::answer(http::StatusCode::CONFLICT, "ConditionalRequestConflict").key("conflict"));
    for (key, status, code) in [
        ("slow", 503, "SlowDown"),
        ("denied", 403, "AccessDenied"),
        ("broken", 500, "InternalError"),
        ("conflict", 409, "ConditionalRequestConflict"),
    ] {
        assert_eq!(put(&site, key).await, Err((status, code.to_owned())));
    }
    assert_eq!(put(&site, "fine").await, Ok(()));
    assert_eq!(site.store.keys(BUCKET), ["fine"]);
}

#[tokio::test]
async fn a_connection_is_dropped_before_or_after_the_call_acts() {
    let site = plain_site().await;
    site.store.faults().add(Rule::new(Effect::DropBefore).key("before"));
    site.store.faults().add(Rule::new(Effect::DropAfter).key("after"));
    for key in ["before", "after"] {
        assert!(was_dropped(site.client.put_object().bucket(BUCKET).key(key).send().await));
    }
    assert_eq!(site.store.keys(BUCKET), ["after"]);
    assert!(site.store.requests().iter().all(|request| request.status.is_none()));
}

/// What the client's socket says: a connection that was closed in order would end, with nothing to read.
#[tokio::test]
async fn a_connection_is_reset_where_the_script_says_so_and_closed_elsewhere() {
    let site = plain_site().await;
    site.store.faults().add(Rule::new(Effect::DropAfter).key("closed"));
    site.store.faults().add(Rule::new(Effect::ResetAfter).key("reset"));
    let read = async |key: &str| {
        let mut stream = tokio::net::TcpStream::connect(site.server.address).await.expect("it listens");
        let request = format!("GET /{BUCKET}/{key} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is read");
        stream.read_to_end(&mut Vec::new()).await.map_err(|error| error.kind())
    };
    assert_eq!(read("closed").await, Ok(0));
    assert_eq!(read("reset").await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_call_acts_before_its_connection_is_reset() {
    let site = plain_site().await;
    site.store.faults().add(Rule::new(Effect::ResetAfter));
    assert!(was_dropped(site.client.put_object().bucket(BUCKET).key("reset").send().await));
    assert_eq!(site.store.keys(BUCKET), ["reset"]);
    assert!(site.store.requests().iter().all(|request| request.status.is_none()));
}

#[tokio::test]
async fn a_call_is_held_until_the_gate_is_opened() {
    let site = plain_site().await;
    let gate = Gate::closed();
    site.store.faults().add(Rule::new(Effect::Hold(gate.clone())).key("held"));
    let held = tokio::spawn(site.client.put_object().bucket(BUCKET).key("held").send());
    while site.store.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    site.put("other", "x").await;
    assert_eq!(site.store.keys(BUCKET), ["other"]);
    gate.open();
    held.await.expect("it ends").expect("it is answered");
    assert_eq!(site.store.keys(BUCKET), ["held", "other"]);
}

#[tokio::test]
async fn one_key_of_a_batch_fails_and_the_others_go() {
    let site = plain_site().await;
    for key in ["a", "b", "c"] {
        site.put(key, "x").await;
    }
    let rule = Rule::new(Effect::FailKey { code: "AccessDenied".to_owned() });
    site.store.faults().add(rule.key("b").times(1));
    let delete = || site.client.delete_objects().bucket(BUCKET).delete(batch(&["a", "b", "c"])).send();
    let deleted = delete().await.expect("an answer");
    let [error] = deleted.errors() else { panic!("{deleted:?}") };
    assert_eq!((error.key(), error.code()), (Some("b"), Some("AccessDenied")));
    assert_eq!(site.store.keys(BUCKET), ["b"]);
    delete().await.expect("an answer");
    assert!(site.store.keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_stop_comes_in_the_middle_of_a_batch() {
    let site = plain_site().await;
    for key in ["a", "b", "c"] {
        site.put(key, "x").await;
    }
    site.store.faults().stop_after_mutations(2);
    let delete = site.client.delete_objects().bucket(BUCKET).delete(batch(&["a", "b", "c"])).send().await;
    assert!(was_dropped(delete));
    assert!(was_dropped(site.client.list_objects_v2().bucket(BUCKET).send().await));
    assert_eq!(site.store.keys(BUCKET), ["c"]);
    site.store.faults().resume();
    assert_eq!(site.get("c").await, "x");
}

#[tokio::test]
async fn the_hook_sees_the_bucket_after_every_single_mutation() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (site, notes) = (plain_site().await, Arc::clone(&seen));
    site.store.on_mutation(move |view, mutation| {
        let entry = (mutation.number, mutation.kind, mutation.key.clone(), view.keys(BUCKET).len());
        notes.lock().expect("notes").push(entry);
    });
    site.put("a", "x").await;
    site.put("b", "x").await;
    site.get("b").await;
    let delete = site.client.delete_objects().bucket(BUCKET).delete(batch(&["a", "none", "b"])).send().await;
    delete.expect("a batch");
    // The first was the making of the bucket.
    let key = |key: &str| Some(key.to_owned());
    let expected = [
        (2, MutationKind::ObjectWritten, key("a"), 1),
        (3, MutationKind::ObjectWritten, key("b"), 2),
        (4, MutationKind::VersionRemoved, key("a"), 1),
        (5, MutationKind::VersionRemoved, key("b"), 0),
    ];
    assert_eq!(*seen.lock().expect("notes"), expected);
}
