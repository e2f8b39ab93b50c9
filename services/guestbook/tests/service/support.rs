//! The service on a database of its own, and a second way into that database.

use serde_json::{Value, json};
use service_testkit::{Answer, Http, Postgres, Service};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_guestbook");
pub const OPENAPI: &str = include_str!("../../openapi.json");
pub const TOKEN: &str = "the-moderators-token";

pub const ENTRIES: &str = "/api/guestbook/entries";
pub const MODERATION: &str = "/api/guestbook/moderation/entries";

/// A database and a service that has migrated it, with some more variables.
pub fn start(variables: &[(&str, &str)]) -> (Postgres, Service) {
    let (postgres, _) = Postgres::start(false);
    let service = service(&postgres, variables);
    service.wait_until_ready();
    (postgres, service)
}

/// A service on a database that is there, not waited for. The variables take the place of those with the same name.
pub fn service(postgres: &Postgres, variables: &[(&str, &str)]) -> Service {
    let database = postgres.variables();
    let mut all: Vec<_> = database.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend([("MODERATION_TOKEN", TOKEN), ("DRAIN_DELAY_SECONDS", "0")]);
    all.extend(variables);
    Service::start(PROGRAM, OPENAPI, &all)
}

pub fn sign(http: &Http, name: &str, message: &str) -> Answer {
    http.post(ENTRIES, &json!({"name": name, "message": message}))
}

/// A request with the moderators' token.
pub fn as_moderator(http: &Http, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    http.send(method, path, &headers, body)
}

/// The messages on the first page.
pub fn messages(http: &Http, path: &str) -> Vec<String> {
    let page = http.get(path);
    assert_eq!(page.status, 200, "{page:?}");
    texts(&page.json, "message")
}

/// One member of every entry of a page.
pub fn texts(page: &Value, member: &str) -> Vec<String> {
    let entries = page["entries"].as_array().expect("a page has entries");
    entries.iter().map(|entry| entry[member].as_str().expect("it is a text").to_owned()).collect()
}

/// A connection of the test's own.
pub struct Sql {
    runtime: Runtime,
    client: Client,
}

impl Sql {
    pub fn connect(postgres: &Postgres) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("there are threads");
        let (client, connection) = runtime
            .block_on(tokio_postgres::connect(&postgres.connection(), NoTls))
            .expect("PostgreSQL is there");
        runtime.spawn(connection);
        Self { runtime, client }
    }

    pub fn run(&self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).expect("the statements are good");
    }

    pub fn rows(&self, statement: &str) -> Vec<Row> {
        self.runtime.block_on(self.client.query(statement, &[])).expect("the statement is good")
    }

    /// The first column of the first row.
    pub fn number(&self, statement: &str) -> i64 {
        self.rows(statement)[0].get(0)
    }
}
