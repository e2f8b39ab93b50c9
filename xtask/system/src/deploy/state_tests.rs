//! Records, pointer and lock against an S3 that honors conditions: the one that `sitepush preview` has.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use jiff::{SignedDuration, Timestamp};
use sitepush::local::s3::Store;
use sitepush::local::target::{Target, TargetOptions, store_options};
use tokio_util::sync::CancellationToken;

use super::failure;
use super::held::{self, Held, Pace, Renewing};
use super::lock::{self, Lock};
use super::record::tests::record;
use super::settings::Settings;
use super::settings::tests::settings;
use super::state::{Condition, State, Written};
use crate::class::Class;

const BUCKET: &str = "example-state";

/// A bucket, and the state of an environment in it.
pub(super) async fn state() -> (Target, State) {
    let store = Store::memory(store_options());
    let target = Target::start(&store, TargetOptions::new(BUCKET, "E1")).await.expect("it starts");
    let keys = target.credentials();
    let keys = Credentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "tests");
    let state = state_at(&target.endpoint_url(), target.region(), keys).await;
    (target, state)
}

async fn state_at(endpoint_url: &str, region: &str, keys: Credentials) -> State {
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint_url)
        .credentials_provider(keys)
        .load()
        .await;
    let settings = Settings { region: region.to_owned(), state_bucket: BUCKET.to_owned(), ..settings() };
    State::new(&config, &settings)
}

/// An S3 that has no bucket, and takes every setting of one but `refused`; and what was put there, setting by setting.
async fn taking_settings(refused: &'static str) -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let put = Arc::new(Mutex::new(Vec::new()));
    let log = put.clone();
    let answer = move |request: axum::extract::Request| async move {
        if request.method() == http::Method::HEAD {
            return http::StatusCode::NOT_FOUND;
        }
        let setting = request.uri().query().unwrap_or_default().split(['=', '&']).next();
        let setting = setting.unwrap_or_default().to_owned();
        let is_refused = setting == refused;
        let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.expect("it is sent whole");
        log.lock().expect("nobody panicked").push((setting, String::from_utf8_lossy(&body).into_owned()));
        if is_refused { http::StatusCode::FORBIDDEN } else { http::StatusCode::OK }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, put)
}

#[tokio::test]
async fn the_bucket_is_private_encrypted_over_tls_only_and_then_versioned() {
    let (url, put) = taking_settings("nothing").await;
    let keys = Credentials::new("id", "secret", None, None, "tests");
    state_at(&url, "eu-central-1", keys).await.make_bucket().await.expect("it takes everything");
    let put = put.lock().expect("nobody panicked");
    let settings: Vec<&str> = put.iter().map(|(setting, _)| setting.as_str()).collect();
    // The first makes the bucket.
    assert_eq!(settings, ["", "publicAccessBlock", "encryption", "policy", "versioning"]);
    let has = |setting: &str, text: &str| {
        let (_, body) = put.iter().find(|(name, _)| name == setting).expect("it was put");
        assert!(body.contains(text), "{setting} without {text}: {body}");
    };
    for public in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        has("publicAccessBlock", &format!("<{public}>true</{public}>"));
    }
    has("encryption", "<SSEAlgorithm>AES256</SSEAlgorithm>");
    has("policy", r#""aws:SecureTransport":"false""#);
    has("versioning", "<Status>Enabled</Status>");
}

#[tokio::test]
async fn a_bucket_that_was_left_half_way_has_no_versions() {
    let (url, put) = taking_settings("policy").await;
    let keys = Credentials::new("id", "secret", None, None, "tests");
    let state = state_at(&url, "eu-central-1", keys).await;
    let error = state.make_bucket().await.expect_err("the policy is refused");
    assert!(error.to_string().contains("cannot protect"), "{error}");
    let put = put.lock().expect("nobody panicked");
    let has = |setting: &str| put.iter().any(|(name, _)| name == setting);
    assert!(has("encryption") && has("policy"), "{put:?}");
    assert!(!has("versioning"), "it is taken for a finished one: {put:?}");
}

async fn take(state: &State, lost: &CancellationToken) -> anyhow::Result<Held> {
    held::take(state, "deploy", "c", Pace::default(), lost).await
}

/// Writes somebody else's lock over the one that is there, as who finds it dead does it.
async fn take_over(state: &State) -> Lock {
    let theirs = dead("elsewhere");
    loop {
        let found = state.lock().await.expect("it can be read").expect("it is held");
        let written = state.put_lock(&theirs, Condition::Unchanged(&found.e_tag)).await;
        if matches!(written.expect("it can be written"), Written::Done { .. }) {
            return theirs;
        }
    }
}

/// A lock of a process that has ended, on this machine or elsewhere.
fn dead(host: &str) -> Lock {
    let now = Timestamp::now();
    Lock {
        schema: 1,
        owner: "ada".to_owned(),
        host: host.to_owned(),
        // Beyond what Linux gives (proc(5), pid_max).
        process_id: 1 << 23,
        process_start: Some(1),
        task: "deploy".to_owned(),
        commit: "a".repeat(40),
        started: now,
        renewed: now,
    }
}

#[tokio::test]
async fn a_release_is_current_once_it_is_written_and_earlier_ones_stay() {
    let (_target, state) = state().await;
    assert_eq!(state.current().await.expect("it can be read"), None);
    let (first, second) = (record(0, "a"), record(1, "b"));
    state.commit(&first, None).await.expect("nothing was there");
    let current = state.current().await.expect("it can be read").expect("there is one");
    assert_eq!(current.value, first);
    state.commit(&second, Some(&current.e_tag)).await.expect("nobody was quicker");
    assert_eq!(
        state.current().await.expect("it can be read").map(|current| current.value),
        Some(second.clone())
    );
    assert_eq!(state.records().await.expect("they can be read"), [first.clone(), second]);
    state.forget(&first.id).await.expect("it can be deleted");
    assert_eq!(state.records().await.expect("they can be read").len(), 1);
}

#[tokio::test]
async fn of_two_releases_over_the_same_one_the_second_is_told_that_it_lost() {
    let (_target, state) = state().await;
    state.commit(&record(0, "a"), None).await.expect("nothing was there");
    let read = state.current().await.expect("it can be read").expect("there is one").e_tag;
    state.commit(&record(1, "b"), Some(&read)).await.expect("the first of the two");
    let error = state.commit(&record(2, "c"), Some(&read)).await.expect_err("the second");
    assert_eq!(failure::class(&error), Class::Conflict);
    let current = state.current().await.expect("it can be read").expect("there is one");
    assert_eq!(current.value, record(1, "b"));
    let error = state.commit(&record(3, "d"), None).await.expect_err("a first release where there is one");
    assert_eq!(failure::class(&error), Class::Conflict);
}

#[tokio::test]
async fn a_run_that_was_killed_before_the_pointer_is_finished_by_the_same_release() {
    let (_target, state) = state().await;
    let release = record(0, "a");
    state.commit(&release, None).await.expect("nothing was there");
    state.forget_pointer().await.expect("as if it had never come to that");
    state.commit(&release, None).await.expect("the record is the same");
    assert_eq!(state.current().await.expect("it can be read").map(|current| current.value), Some(release));
}

#[tokio::test]
async fn the_lock_keeps_the_second_out_until_it_is_given_back() {
    let (_target, state) = state().await;
    let lost = CancellationToken::new();
    let held = take(&state, &lost).await.expect("it is free");
    assert_eq!(held.taken_over, None);
    let error = take(&state, &lost).await.expect_err("it is held");
    assert_eq!(failure::class(&error), Class::Conflict);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    held.give_back().await.expect("it can be deleted");
    let again = take(&state, &lost).await.expect("it is free again");
    again.give_back().await.expect("it can be deleted");
}

#[tokio::test]
async fn the_lock_of_a_dead_process_is_taken_over_and_told() {
    let (_target, state) = state().await;
    let lost = CancellationToken::new();
    state.put_lock(&dead(&lock::host()), Condition::Absent).await.expect("nothing was there");
    let held = take(&state, &lost).await.expect("its process has ended");
    let (found, reason) = held.taken_over.clone().expect("one was there");
    assert_eq!(found.owner, "ada");
    assert!(reason.contains("has ended"), "{reason}");
    held.give_back().await.expect("it can be deleted");
    state.put_lock(&dead("elsewhere"), Condition::Absent).await.expect("nothing was there");
    let error = take(&state, &lost).await.expect_err("who knows whether it lives");
    assert_eq!(failure::class(&error), Class::Conflict);
    let found = state.lock().await.expect("it can be read").expect("it is there");
    let old = Timestamp::now() - SignedDuration::from_mins(6);
    let silent = Lock { renewed: old, ..dead("elsewhere") };
    let written =
        state.put_lock(&silent, Condition::Unchanged(&found.e_tag)).await.expect("it can be written");
    assert!(matches!(written, Written::Done { .. }));
    take(&state, &lost).await.expect("it was silent for too long");
}

#[tokio::test]
async fn a_lock_that_somebody_else_has_taken_is_theirs() {
    let (_target, state) = state().await;
    let lost = CancellationToken::new();
    let held = take(&state, &lost).await.expect("it is free");
    let theirs = take_over(&state).await;
    let error = held.give_back().await.expect_err("it is somebody else's");
    assert_eq!(failure::class(&error), Class::Conflict);
    assert!(lost.is_cancelled());
    let there = state.lock().await.expect("it can be read").map(|there| there.value);
    assert_eq!(there, Some(theirs), "it was deleted");
}

#[tokio::test]
async fn a_lock_that_is_lost_is_noticed_while_it_is_renewed() {
    let (_target, state) = state().await;
    let lost = CancellationToken::new();
    let pace = Pace { look: Duration::from_millis(1), renewal: SignedDuration::ZERO, ..Pace::default() };
    let held = held::take(&state, "deploy", "c", pace, &lost).await.expect("it is free");
    let first = state.lock().await.expect("it can be read").expect("it is held").value;
    let renewed = loop {
        let now = state.lock().await.expect("it can be read").expect("it is held").value;
        if now != first {
            break now;
        }
    };
    assert!(renewed.is_of(&first) && renewed.renewed > first.renewed, "{renewed:?}");
    assert!(!lost.is_cancelled());
    let theirs = take_over(&state).await;
    lost.cancelled().await;
    held.give_back().await.expect_err("it is somebody else's");
    assert_eq!(state.lock().await.expect("it can be read").map(|there| there.value), Some(theirs));
}

#[tokio::test]
async fn a_lock_that_cannot_be_renewed_for_too_long_is_lost() {
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("it has one"));
    let state = state_at(&url, "eu-central-1", Credentials::new("id", "key", None, None, "tests")).await;
    let old = Timestamp::now() - SignedDuration::from_mins(6);
    let own = Lock { renewed: old, ..dead("here") };
    let pace = Pace { look: Duration::from_millis(1), limit: Duration::from_millis(50), ..Pace::default() };
    let (lost, ended) = (CancellationToken::new(), CancellationToken::new());
    Renewing { state, own, e_tag: String::new(), pace }.run(ended, lost.clone()).await;
    assert!(lost.is_cancelled());
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_does_not_lose_the_lock() {
    let (_target, state) = state().await;
    let own = dead("here");
    let Written::Done { e_tag } = state.put_lock(&own, Condition::Absent).await.expect("nothing was there")
    else {
        panic!("nothing was there")
    };
    let later = own.renewed + SignedDuration::from_mins(1);
    let unheard = Lock { renewed: later, ..own.clone() };
    state.put_lock(&unheard, Condition::Unchanged(&e_tag)).await.expect("it is the last one");
    let mut renewing = Renewing { state: state.clone(), own, e_tag, pace: Pace::default() };
    let now = later + SignedDuration::from_mins(1);
    assert!(renewing.renew(now).await.expect("S3 is reached"), "what is there is its own");
    assert!(renewing.renew(now).await.expect("S3 is reached"));
    assert_eq!(state.lock().await.expect("it can be read").map(|there| there.value.renewed), Some(now));
    take_over(&state).await;
    assert!(!renewing.renew(now).await.expect("S3 is reached"));
}

#[tokio::test]
async fn a_newer_record_is_refused_by_name() {
    let (target, state) = state().await;
    let release = record(0, "a");
    state.commit(&release, None).await.expect("nothing was there");
    let key = format!("sitepush-staging/releases/{}.json", release.id);
    assert!(target.store.object(BUCKET, &key).is_some(), "{key}");
    let newer = super::record::Record { schema: 2, ..record(1, "b") };
    let read = state.current().await.expect("it can be read").expect("there is one").e_tag;
    state.commit(&newer, Some(&read)).await.expect("it can be written");
    let error = state.current().await.expect_err("this program does not know it");
    assert!(format!("{error:#}").contains("schema 2"), "{error:#}");
}
