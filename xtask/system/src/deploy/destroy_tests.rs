//! `destroy` against an S3 that keeps versions, with a Terraform that a script plays: what it empties, and when.

use std::fs;
use std::path::Path;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use serde_json::{Value, json};
use sitepush::local::s3::{ForeignObject, Store};
use sitepush::local::target::{Target, TargetOptions, store_options};
use tokio_util::sync::CancellationToken;
use xtask::project::Project;

use super::destroy::Destroyed;
use super::destroy::destroy as destroy_with;
use super::ending::Backups;
use super::ending::tests::document;
use super::failure;
use super::session::Session;
use super::settings::Settings;
use super::settings::tests::settings;
use super::state::State;
use super::terraform::Terraform;
use super::ui::{Answer, Ui};
use crate::class::Class;

pub(super) const STATE: &str = "sitepush-state-1-eu-central-1";
const SITE: &str = "sitepush-staging-site-1";

/// An environment of one bucket with one object in it.
pub(super) struct Stage {
    pub target: Target,
    pub session: Session,
    pub folder: tempfile::TempDir,
}

impl Stage {
    /// `plan` is what Terraform plans for the end.
    pub async fn new(plan: &Value) -> Self {
        let store = Store::memory(store_options());
        let target = Target::start(&store, TargetOptions::new(STATE, "E1")).await.expect("it starts");
        store.create_bucket(SITE);
        let folder = tempfile::tempdir().expect("a folder");
        let stage = Self { session: session(&target, folder.path()).await, target, folder };
        stage.plans(plan);
        stage.put("index.html");
        stage
    }

    /// Has Terraform plan this for the end from now on.
    pub fn plans(&self, plan: &Value) {
        fs::write(self.folder.path().join("plan.json"), plan.to_string()).expect("it is written");
    }

    fn put(&self, key: &str) {
        self.target.store.put_foreign(SITE, key, ForeignObject::new("<html>"));
    }

    /// How many versions the site's bucket has.
    fn versions(&self) -> usize {
        self.target.store.versions(SITE).len()
    }

    /// What Terraform was given, see [`changing`].
    pub fn asked(&self) -> Vec<String> {
        changing(self.folder.path())
    }
}

/// The plans that Terraform was to save or to apply in `folder`, but for what only looks, such as `apply destroy.tfplan`.
pub(super) fn changing(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("asked")).unwrap_or_default();
    let file = |path: &str| {
        let file = Path::new(path).strip_prefix(folder);
        file.unwrap_or_else(|_| panic!("that is no plan that was saved: {path:?}")).display().to_string()
    };
    let task = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "plan" => {
                let saved = words.iter().find_map(|word| word.strip_prefix("-out=")).unwrap_or_default();
                let end = if words.contains(&"-destroy") { " -destroy" } else { "" };
                Some(format!("plan{end} {}", file(saved)))
            }
            "apply" => Some(format!("apply {}", file(words.last().copied().unwrap_or_default()))),
            _ => None,
        }
    };
    text.lines().filter_map(task).collect()
}

/// What Terraform is given for an end.
pub(super) const PLAN: &str = "plan -destroy destroy.tfplan";
pub(super) const APPLY: &str = "apply destroy.tfplan";

pub(super) async fn session(target: &Target, folder: &Path) -> Session {
    let keys = target.credentials();
    let keys = Credentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "tests");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(target.region().to_owned()))
        .endpoint_url(target.endpoint_url())
        .credentials_provider(keys)
        .load()
        .await;
    let settings = Settings {
        environment: "staging".to_owned(),
        folder: folder.to_owned(),
        scratch: folder.to_owned(),
        account_id: "1".to_owned(),
        region: target.region().to_owned(),
        state_bucket: STATE.to_owned(),
        ..settings()
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deploy/terraform_played.sh");
    Session {
        project: Project::find().expect("cargo runs the tests"),
        state: State::new(&config, &settings),
        terraform: Terraform::new(&settings).played_by(script),
        settings,
        config,
        ui: Ui::default(),
        stop: CancellationToken::new(),
        lost: CancellationToken::new(),
    }
}

async fn destroy(session: &Session, confirmed: Option<&str>) -> anyhow::Result<Destroyed> {
    destroy_with(session, confirmed, Backups::Keep).await
}

fn bucket() -> (&'static str, Value) {
    ("module.site.aws_s3_bucket.this", json!({"bucket": SITE}))
}

#[tokio::test]
async fn what_terraform_deletes_is_emptied_first() {
    let stage = Stage::new(&document(&[bucket()])).await;
    stage.target.store.create_bucket("sitepush-staging-site-2");
    stage.target.store.put_foreign("sitepush-staging-site-2", "of-others", ForeignObject::new("x"));
    destroy(&stage.session, Some("staging")).await.expect("nothing is in the way");
    assert_eq!(stage.versions(), 0);
    assert_eq!(stage.asked(), [PLAN, APPLY]);
    assert_eq!(stage.target.store.keys("sitepush-staging-site-2"), ["of-others"]);
}

/// Until Terraform has begun to apply, and is to fail at that.
async fn until_it_applies(folder: &Path) {
    while !folder.join("applying").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_log_that_comes_late_is_deleted_too() {
    let stage = Stage::new(&document(&[bucket()])).await;
    fs::write(stage.folder.path().join("fail"), "").expect("it is written");
    let deliver = async {
        until_it_applies(stage.folder.path()).await;
        stage.put("late.log");
        fs::write(stage.folder.path().join("go-on"), "").expect("it is written");
    };
    let (destroyed, ()) = tokio::join!(destroy(&stage.session, Some("staging")), deliver);
    destroyed.expect("the second time nothing is in the way");
    assert_eq!(stage.versions(), 0);
    assert_eq!(stage.asked(), [PLAN, APPLY, PLAN, APPLY]);
}

#[tokio::test]
async fn what_nothing_was_written_to_is_not_tried_again() {
    let stage = Stage::new(&document(&[bucket()])).await;
    for file in ["fail", "go-on"] {
        fs::write(stage.folder.path().join(file), "").expect("it is written");
    }
    let error = destroy(&stage.session, Some("staging")).await.expect_err("Terraform fails");
    assert!(format!("{error:#}").ends_with("BucketNotEmpty"), "{error:#}");
    assert_eq!(stage.asked(), [PLAN, APPLY, PLAN]);
}

#[tokio::test]
async fn the_state_is_never_emptied() {
    let state = ("aws_s3_bucket.state", json!({"bucket": STATE}));
    let stage = Stage::new(&document(&[bucket(), state])).await;
    let key = "sitepush-staging/terraform.tfstate";
    stage.target.store.put_foreign(STATE, key, ForeignObject::new("{}"));
    destroy(&stage.session, Some("staging")).await.expect("nothing is in the way");
    assert_eq!(stage.target.store.keys(STATE), [key]);
}

#[tokio::test]
async fn only_the_name_of_the_environment_is_a_yes() {
    let mut stage = Stage::new(&document(&[bucket()])).await;
    let others: [(Answer, _); 3] = [
        (|_| Ok(Some("yes\n".to_owned())), None),
        (|_| Ok(Some("production\n".to_owned())), None),
        (|_| Ok(None), Some("say `--confirm staging`")),
    ];
    for (answer, hint) in others {
        stage.session.ui = Ui::answered_by(answer);
        let error = destroy(&stage.session, None).await.expect_err("that is not its name");
        assert_eq!(failure::class(&error), Class::Refused);
        assert_eq!(failure::hint(&error).as_deref(), hint);
    }
    let error = destroy(&stage.session, Some("production")).await.expect_err("that is not its name");
    assert_eq!(failure::class(&error), Class::Refused);
    assert_eq!((stage.versions(), stage.asked()), (1, Vec::new()), "something was done");
    stage.session.ui = Ui::answered_by(|_| Ok(Some("staging\n".to_owned())));
    destroy(&stage.session, None).await.expect("that is its name");
    assert_eq!(stage.versions(), 0);
}

#[tokio::test]
async fn a_protected_environment_is_not_touched() {
    let database = ("module.database.aws_db_instance.this", json!({"deletion_protection": true}));
    let stage = Stage::new(&document(&[bucket(), database])).await;
    let error = destroy(&stage.session, Some("staging")).await.expect_err("AWS would refuse");
    assert_eq!(failure::class(&error), Class::Refused);
    assert!(error.to_string().contains("module.database.aws_db_instance.this"), "{error}");
    assert_eq!(stage.versions(), 1, "the site is gone");
    assert_eq!(stage.asked(), [PLAN]);
    assert!(stage.session.state.lock().await.expect("it can be read").is_none(), "the lock is left");
}

#[tokio::test]
async fn what_must_not_be_destroyed_is_no_failure_of_terraforms() {
    let stage = Stage::new(&document(&[bucket()])).await;
    let complaint = "Error: Instance cannot be destroyed\n\n  on main.tf line 1:\n\nResource aws_s3_bucket.x has \
        lifecycle.prevent_destroy set, but the plan\ncalls for this resource to be destroyed.\n";
    fs::write(stage.folder.path().join("complaint"), complaint).expect("it is written");
    let error = destroy(&stage.session, Some("staging")).await.expect_err("Terraform does not plan it");
    assert_eq!(failure::class(&error), Class::Refused);
    assert!(format!("{error:#}").contains("aws_s3_bucket.x"), "{error:#}");
    assert!(failure::hint(&error).is_some_and(|hint| hint.contains("take its `prevent_destroy` away")));
    assert_eq!((stage.versions(), stage.asked()), (1, vec![PLAN.to_owned()]));
}
