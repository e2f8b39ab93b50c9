//! `destroy` and the backups that AWS keeps, against a server that has backups of others, too, and speaks as much of the query
//! protocol of RDS and ElastiCache as deleting them takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

use super::destroy::destroy;
use super::destroy_tests::{APPLY, PLAN, Stage};
use super::ending::tests::document;
use super::ending::{Backup, Backups};
use super::failure;
use super::forward;
use super::terraform::Purpose;
use super::ui::Ui;
use crate::class::Class;

const SNAPSHOT: &str = "sitepush-staging-db-made-202611270000";
const RESOURCE: &str = "db-OURS";
const CACHE: &str = "sitepush-staging-cache-made-202611270000";

/// What others have in the same account: another environment, an earlier life of this one, and a snapshot made by hand.
const OTHERS: &[&str] = &[
    "sitepush-production-db-made-202611270000",
    "sitepush-staging-db-made-202601010000",
    "sitepush-staging-db-before-the-big-change",
    "db-THEIRS",
    "sitepush-production-cache-made-202611270000",
];

/// The account's backups by name, and those that nobody may delete.
#[derive(Clone, Default)]
struct Account(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    there: BTreeSet<String>,
    denied: BTreeSet<String>,
    asked: usize,
}

impl Account {
    fn with(names: &[&str]) -> Self {
        let there = OTHERS.iter().chain(names).map(|name| (*name).to_owned()).collect();
        Self(Arc::new(Mutex::new(Kept { there, ..Kept::default() })))
    }

    fn deny(&self, names: &[&str]) {
        self.0.lock().unwrap().denied = names.iter().map(|name| (*name).to_owned()).collect();
    }

    /// What is there of `names` and beside what others have.
    fn ours(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        assert!(OTHERS.iter().all(|name| kept.there.contains(*name)), "not ours: {:?}", kept.there);
        kept.there.iter().filter(|name| !OTHERS.contains(&name.as_str())).cloned().collect()
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// Serves it on a free port until the test ends, and gives how to get there.
    async fn serve(&self) -> SdkConfig {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://{address}"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
            .load()
            .await
    }
}

async fn answer(State(account): State<Account>, body: String) -> (StatusCode, String) {
    let of = |name: &str| {
        let mut form = form_urlencoded::parse(body.as_bytes());
        form.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    };
    let action = of("Action").expect("the protocol has it");
    // Source: the errors of each action in the API references of RDS and ElastiCache.
    let (name, missing) = match action.as_str() {
        "DeleteDBSnapshot" => (of("DBSnapshotIdentifier"), "DBSnapshotNotFound"),
        "DeleteDBInstanceAutomatedBackup" => (of("DbiResourceId"), "DBInstanceAutomatedBackupNotFound"),
        "DeleteSnapshot" => (of("SnapshotName"), "SnapshotNotFoundFault"),
        other => panic!("nothing else is asked for: {other}"),
    };
    let name = name.expect("one is named");
    let mut kept = account.0.lock().unwrap();
    kept.asked += 1;
    let refuse = |status, code: &str| {
        let error =
            format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>not this one</Message></Error>");
        (status, format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
    };
    if kept.denied.contains(&name) {
        return refuse(StatusCode::FORBIDDEN, "AccessDenied");
    }
    if !kept.there.remove(&name) {
        return refuse(StatusCode::NOT_FOUND, missing);
    }
    (StatusCode::OK, format!("<{action}Response><{action}Result></{action}Result></{action}Response>"))
}

/// An end that leaves three backups.
fn plan() -> Value {
    let database = json!({"final_snapshot_identifier": SNAPSHOT, "resource_id": RESOURCE,
        "delete_automated_backups": false});
    document(&[
        ("module.database.aws_db_instance.this", database),
        ("module.cache.aws_elasticache_replication_group.this", json!({"final_snapshot_identifier": CACHE})),
    ])
}

/// An environment with this end, in an account that has these backups by then.
async fn stage(names: &[&str]) -> (Stage, Account) {
    let mut stage = Stage::new(&plan()).await;
    let account = Account::with(names);
    stage.session.config = account.serve().await;
    (stage, account)
}

fn all() -> Vec<Backup> {
    vec![
        Backup::DatabaseSnapshot(SNAPSHOT.to_owned()),
        Backup::AutomatedBackups(RESOURCE.to_owned()),
        Backup::CacheSnapshot(CACHE.to_owned()),
    ]
}

#[tokio::test]
async fn backups_that_are_to_go_go_and_nobody_elses() {
    let (stage, account) = stage(&[SNAPSHOT, RESOURCE, CACHE]).await;
    let destroyed = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("they may go");
    assert_eq!((destroyed.deleted_backups, destroyed.left), (all(), Vec::new()));
    assert_eq!(account.ours(), [""; 0]);
    assert_eq!(stage.asked(), [PLAN, APPLY]);
    stage.plans(&document(&[]));
    let again = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("all is done");
    assert_eq!((again.deleted_backups, account.asked()), (Vec::new(), 3));
}

#[tokio::test]
async fn backups_stay_unless_they_are_to_go_and_may_go_later() {
    let (stage, account) = stage(&[SNAPSHOT, RESOURCE, CACHE]).await;
    let destroyed = destroy(&stage.session, Some("staging"), Backups::Keep).await.expect("they may stay");
    let left: Vec<_> = all().iter().map(Backup::left).collect();
    assert_eq!((destroyed.left, destroyed.deleted_backups), (left, Vec::new()));
    assert_eq!((account.ours().len(), account.asked()), (3, 0));

    // Terraform knows nothing more of them.
    stage.plans(&document(&[]));
    let destroyed = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("they may go");
    assert_eq!((destroyed.deleted_backups, destroyed.left), (all(), Vec::new()));
    assert_eq!(account.ours(), [""; 0]);
}

#[tokio::test]
async fn a_run_that_goes_on_knows_what_the_one_before_left() {
    let (stage, account) = stage(&[SNAPSHOT, RESOURCE, CACHE]).await;
    for file in ["fail", "go-on"] {
        std::fs::write(stage.folder.path().join(file), "").expect("it is written");
    }
    destroy(&stage.session, Some("staging"), Backups::Delete).await.expect_err("Terraform fails");
    assert_eq!(account.asked(), 0, "a database that is still there lost its backups");
    // The database is gone, and the cache is still there.
    stage.plans(&document(&[(
        "module.cache.aws_elasticache_replication_group.this",
        json!({"final_snapshot_identifier": CACHE}),
    )]));
    let destroyed = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("they may go");
    assert_eq!(destroyed.deleted_backups, all());
    assert_eq!(account.ours(), [""; 0]);
}

#[tokio::test]
async fn a_backup_that_does_not_go_is_told_with_its_command() {
    let (stage, account) = stage(&[SNAPSHOT, RESOURCE]).await;
    account.deny(&[SNAPSHOT]);
    let error = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect_err("two do not go");
    assert_eq!(failure::class(&error), Class::Environment);
    let (text, hint) = (format!("{error:#}"), failure::hint(&error).expect("there is a way"));
    let words =
        ["staging is gone", "AccessDenied: not this one", "AWS does not know it", "deleted: automated"];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    for backup in [&all()[0], &all()[2]] {
        assert!(hint.contains(&backup.remove()), "{hint}");
    }
    assert_eq!(account.ours(), [SNAPSHOT]);

    // With the right to it, the same command goes on; what is not there is not looked for again.
    account.deny(&[]);
    stage.plans(&document(&[]));
    let destroyed = destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("it may go");
    assert_eq!(destroyed.deleted_backups, all()[..1]);
    assert_eq!(account.ours(), [""; 0]);
}

#[tokio::test]
async fn an_environment_that_is_made_anew_knows_nothing_of_earlier_backups() {
    let (stage, account) = stage(&[SNAPSHOT, RESOURCE, CACHE]).await;
    destroy(&stage.session, Some("staging"), Backups::Keep).await.expect("they may stay");
    let terraform = &stage.session.terraform;
    let images = std::collections::BTreeMap::new();
    let saved = terraform.plan("deploy", Purpose::Apply, &images, &stage.session.stop).await;
    forward::apply(&stage.session, &saved.expect("it is played")).await.expect("it is played");
    stage.plans(&document(&[]));
    let destroyed =
        destroy(&stage.session, Some("staging"), Backups::Delete).await.expect("nothing is there");
    assert_eq!((destroyed.deleted_backups, account.asked()), (Vec::new(), 0));
    assert_eq!(account.ours().len(), 3);
}

#[tokio::test]
async fn without_the_name_no_backup_goes() {
    let (mut stage, account) = stage(&[SNAPSHOT, RESOURCE, CACHE]).await;
    stage.session.ui = Ui::answered_by(|_| Ok(Some("yes\n".to_owned())));
    let error = destroy(&stage.session, None, Backups::Delete).await.expect_err("that is not its name");
    assert_eq!(failure::class(&error), Class::Refused);
    assert_eq!((account.ours().len(), account.asked()), (3, 0));
}
