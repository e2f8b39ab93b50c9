//! What a deploy does round Terraform, against an ECR and a Terraform that are played.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use sitepush::local::s3::Store;
use sitepush::local::target::{Target, TargetOptions, store_options};
use tokio::net::TcpListener;

use super::destroy_tests::{STATE, session};
use super::ending::tests::document;
use super::forward::{apply, kept_images};
use super::plan::Running;
use super::session::Session;
use super::terraform::Purpose;

/// Repositories with images, by name; and whether Terraform had applied something already when one of these was deleted.
struct Ecr {
    images: BTreeMap<String, Vec<String>>,
    terraform: PathBuf,
    was_applied: bool,
}

type Shared = Arc<Mutex<Ecr>>;

async fn answer(State(ecr): State<Shared>, headers: HeaderMap, body: String) -> String {
    let request: Value = serde_json::from_str(&body).expect("JSON");
    let repository = request["repositoryName"].as_str().expect("a name");
    let mut ecr = ecr.lock().expect("nobody panics");
    let id = |digest: &String| json!({"imageDigest": digest});
    match headers["x-amz-target"].to_str().expect("text").rsplit('.').next() {
        Some("ListImages") => {
            json!({"imageIds": ecr.images[repository].iter().map(id).collect::<Vec<_>>()}).to_string()
        }
        Some("BatchDeleteImage") => {
            let asked = fs::read_to_string(ecr.terraform.join("asked")).unwrap_or_default();
            ecr.was_applied |= asked.lines().any(|task| task == "apply");
            let images = ecr.images.get_mut(repository).expect("it is there");
            images.retain(|digest| !request["imageIds"].as_array().expect("a list").contains(&id(digest)));
            json!({"failures": []}).to_string()
        }
        other => panic!("nothing asks for {other:?}"),
    }
}

/// A session whose AWS is `ecr`.
async fn with_ecr(session: Session, ecr: &Shared) -> Session {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    let router = axum::Router::new().fallback(answer).with_state(Arc::clone(ecr));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = session.config.to_builder().endpoint_url(url).build();
    Session { config, ..session }
}

#[tokio::test]
async fn the_repository_of_a_service_that_is_taken_away_is_emptied_before_terraform_deletes_it() {
    let repository = |service: &str| {
        let address = format!("module.registry.aws_ecr_repository.this[\"{service}\"]");
        (address, json!({"name": format!("staging/{service}")}))
    };
    let (gone, kept) = (repository("greeter"), repository("guestbook"));
    let mut plan = document(&[(&gone.0, gone.1), (&kept.0, kept.1)]);
    plan["resource_changes"][1]["change"]["actions"] = json!(["update"]);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("plan.json"), plan.to_string()).expect("it is written");
    let store = Store::memory(store_options());
    let target = Target::start(&store, TargetOptions::new(STATE, "E1")).await.expect("it starts");
    let images = |digests: &[&str]| digests.iter().map(|digest| (*digest).to_owned()).collect::<Vec<_>>();
    let repositories = [
        ("staging/greeter".to_owned(), images(&["sha256:a", "sha256:b"])),
        ("staging/guestbook".to_owned(), images(&["sha256:c"])),
    ];
    let terraform = folder.path().to_owned();
    let ecr = Arc::new(Mutex::new(Ecr { images: repositories.into(), terraform, was_applied: false }));
    let session = with_ecr(session(&target, folder.path()).await, &ecr).await;

    let saved = session.terraform.plan("deploy", Purpose::Apply, &BTreeMap::new(), &session.stop).await;
    let saved = saved.expect("it is planned");
    assert_eq!(ecr.lock().expect("nobody panics").images["staging/greeter"].len(), 2, "planning deletes");
    apply(&session, &saved).await.expect("nothing is in the way");

    let asked = fs::read_to_string(folder.path().join("asked")).expect("it was asked");
    assert!(asked.lines().any(|task| task == "apply"), "{asked}");
    let ecr = ecr.lock().expect("nobody panics");
    assert_eq!(ecr.images["staging/greeter"], [""; 0]);
    assert_eq!(ecr.images["staging/guestbook"], ["sha256:c"]);
    assert!(!ecr.was_applied, "Terraform came first, and would have been refused");
}

#[test]
fn terraform_is_not_told_of_the_image_of_a_service_that_the_checkout_has_not() {
    let running = |image: Option<&str>| Running { image: image.map(str::to_owned), is_stable: true };
    let found = [
        ("counter".to_owned(), running(None)),
        ("greeter".to_owned(), running(Some("host/greeter@sha256:a"))),
        ("guestbook".to_owned(), running(Some("host/guestbook@sha256:b"))),
    ];
    let services = ["counter".to_owned(), "guestbook".to_owned()];
    let expected = [("guestbook".to_owned(), "host/guestbook@sha256:b".to_owned())];
    assert_eq!(kept_images(&found.into(), &services), expected.into());
}
