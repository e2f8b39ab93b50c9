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

use super::destroy_tests::{STATE, changing, session};
use super::ending::tests::document;
use super::forward::{apply, kept_images};
use super::plan::Running;
use super::session::Session;
use super::terraform::{Purpose, SavedPlan};

/// What Terraform is given for a deploy.
const PLAN: &str = "plan deploy.tfplan";
const APPLY: &str = "apply deploy.tfplan";

/// Repositories with images, by name; and whether Terraform had applied something already when one of these was deleted.
struct Ecr {
    images: BTreeMap<String, Vec<String>>,
    /// By image, the one that it is a part of: it stays for as long as that one is in any repository.
    parts: BTreeMap<String, String>,
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
            ecr.was_applied |= changing(&ecr.terraform).iter().any(|task| task == APPLY);
            let is_there = |whole: &String| ecr.images.values().flatten().any(|digest| digest == whole);
            let stays = |digest: &String| ecr.parts.get(digest).is_some_and(is_there);
            let asked_for = request["imageIds"].as_array().expect("a list");
            let (stay, go): (Vec<&String>, Vec<&String>) = ecr.images[repository]
                .iter()
                .filter(|digest| asked_for.contains(&id(digest)))
                .partition(|digest| stays(digest));
            let failure = |digest: &&String| {
                json!({"imageId": id(digest), "failureCode": "ImageReferencedByManifestList",
                    "failureReason": format!("{digest} is a part of another")})
            };
            let answer = json!({"failures": stay.iter().map(failure).collect::<Vec<_>>()});
            let go: Vec<String> = go.into_iter().cloned().collect();
            ecr.images.get_mut(repository).expect("it is there").retain(|digest| !go.contains(digest));
            answer.to_string()
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

/// A deploy that takes the service greeter away and leaves guestbook.
struct Stage {
    ecr: Shared,
    session: Session,
    folder: tempfile::TempDir,
    _target: Target,
}

impl Stage {
    /// `greeter` is what the repository that goes holds.
    async fn new(greeter: &[&str], parts: &[(&str, &str)]) -> Self {
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
            ("staging/greeter".to_owned(), images(greeter)),
            ("staging/guestbook".to_owned(), images(&["sha256:c"])),
        ];
        let parts = parts.iter().map(|(part, whole)| ((*part).to_owned(), (*whole).to_owned())).collect();
        let terraform = folder.path().to_owned();
        let ecr = Ecr { images: repositories.into(), parts, terraform, was_applied: false };
        let ecr = Arc::new(Mutex::new(ecr));
        let session = with_ecr(session(&target, folder.path()).await, &ecr).await;
        Self { ecr, session, folder, _target: target }
    }

    async fn plan(&self) -> SavedPlan {
        let Session { terraform, stop, .. } = &self.session;
        let saved = terraform.plan("deploy", Purpose::Apply, &BTreeMap::new(), stop).await;
        saved.expect("it is planned")
    }

    /// What Terraform was given, but for what only looks.
    fn asked(&self) -> Vec<String> {
        changing(self.folder.path())
    }
}

#[tokio::test]
async fn the_repository_of_a_service_that_is_taken_away_is_emptied_before_terraform_deletes_it() {
    // `sha256:part` is refused while the image for several systems is there, which goes in the same call.
    let stage = Stage::new(&["sha256:part", "sha256:a", "sha256:b"], &[("sha256:part", "sha256:b")]).await;
    let saved = stage.plan().await;
    assert_eq!(
        stage.ecr.lock().expect("nobody panics").images["staging/greeter"].len(),
        3,
        "planning deletes"
    );
    apply(&stage.session, &saved).await.expect("nothing is in the way");

    assert_eq!(stage.asked(), [PLAN, APPLY], "what was planned is applied, and nothing else");
    let ecr = stage.ecr.lock().expect("nobody panics");
    assert_eq!(ecr.images["staging/greeter"], [""; 0]);
    assert_eq!(ecr.images["staging/guestbook"], ["sha256:c"]);
    assert!(!ecr.was_applied, "Terraform came first, and would have been refused");
}

#[tokio::test]
async fn an_image_that_ecr_does_not_let_go_ends_the_deploy_before_terraform_is_asked() {
    let stage = Stage::new(&["sha256:part", "sha256:a"], &[("sha256:part", "sha256:c")]).await;
    let saved = stage.plan().await;
    let error = apply(&stage.session, &saved).await.expect_err("one stays");
    let expected = "cannot empty the repository `staging/greeter`: sha256:part is a part of another";
    assert_eq!(error.to_string(), expected);
    assert_eq!(stage.asked(), [PLAN]);
    assert_eq!(stage.ecr.lock().expect("nobody panics").images["staging/greeter"], ["sha256:part"]);
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
