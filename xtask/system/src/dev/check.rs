//! Uses the application through its one address, as visitors do, and says what is not as it should be.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::json;

use super::application::Application;
use super::http::Http;

const ENTRIES: &str = "/api/guestbook/entries";
const VIEWS: &str = "/api/counter/views";

/// The page whose views are counted here.
const PAGE: &str = "/dev-check/";

/// One promise and whether it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    /// None when it is kept.
    pub problem: Option<String>,
}

/// Goes through all of it; one that fails does not hide the next. The entry that it signs is removed again.
pub async fn check(application: &Application) -> Vec<Check> {
    let http = Http::new(application.address());
    let mut checks = Vec::new();
    let mut note = |name: &str, outcome: Result<()>| {
        let problem = outcome.err().map(|error| format!("{error:#}"));
        checks.push(Check { name: name.to_owned(), problem });
    };
    note("the front page is the one that was built", front_page(application, &http).await);
    note("an unknown page is the page for it", unknown_page(application, &http).await);
    note("a path of no service is the load balancer's own 404", unknown_service(&http).await);
    for service in application.services() {
        let name = &service.name;
        for path in &service.description.paths {
            note(&format!("{name} is asked for {path}"), answers(&http, path).await);
        }
    }
    note("the guestbook takes an entry, lists it, and has it removed", guestbook(application, &http).await);
    note("the counter counts", counter(&http).await);
    checks
}

async fn front_page(application: &Application, http: &Http) -> Result<()> {
    let answer = http.get("/").await?;
    ensure!(answer.status == 200, "it answered {}", answer.describe());
    let built =
        fs::read(application.site_folder().join("index.html")).context("the build has no index.html")?;
    ensure!(answer.body == built, "it has other bytes than the build's index.html");
    Ok(())
}

async fn unknown_page(application: &Application, http: &Http) -> Result<()> {
    let answer = http.get("/no/such/page").await?;
    ensure!(answer.status == 404, "it answered {}", answer.describe());
    let built = fs::read(application.site_folder().join("404.html")).context("the build has no 404.html")?;
    ensure!(answer.body == built, "it has other bytes than the build's 404.html");
    Ok(())
}

async fn unknown_service(http: &Http) -> Result<()> {
    let answer = http.get("/api/nothing").await?;
    let is_own = answer.status == 404 && answer.json()["error"]["code"] == "not_found";
    ensure!(is_own, "it answered {}", answer.describe());
    Ok(())
}

/// Whether a service, not the load balancer, answers at a path of its.
async fn answers(http: &Http, pattern: &str) -> Result<()> {
    let path = pattern.replace(['*', '?'], "x");
    let answer = http.get(&path).await?;
    let is_balancer = answer.headers.get("server").is_some_and(|server| server == "awselb/2.0");
    ensure!(!is_balancer && answer.status < 500, "{path} answered {}", answer.describe());
    Ok(())
}

async fn guestbook(application: &Application, http: &Http) -> Result<()> {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let message = format!("Signed by `cargo xtask dev --check`, {moment}.");
    let answer = http.post(ENTRIES, &json!({"name": "dev --check", "message": message})).await?;
    ensure!(answer.status == 201, "signing answered {}", answer.describe());
    let id = answer.json()["id"].as_str().context("the entry has no id")?.to_owned();
    let is_listed = async || -> Result<bool> {
        let answer = http.get(ENTRIES).await?;
        ensure!(answer.status == 200, "listing answered {}", answer.describe());
        let list = answer.json();
        let entries = list["entries"].as_array().context("the list has no entries")?;
        Ok(entries.iter().any(|entry| entry["message"] == message.as_str()))
    };
    ensure!(is_listed().await?, "the entry is not in the list");
    let token = application.secret("guestbook", "MODERATION_TOKEN").context("the guestbook has no token")?;
    let answer = http.delete(&format!("/api/guestbook/moderation/entries/{id}"), token).await?;
    ensure!(answer.status == 204, "removing it answered {}", answer.describe());
    ensure!(!is_listed().await?, "the entry is still in the list");
    Ok(())
}

async fn counter(http: &Http) -> Result<()> {
    let view = async || -> Result<u64> {
        let answer = http.post(VIEWS, &json!({"page": PAGE})).await?;
        ensure!(answer.status == 200, "counting answered {}", answer.describe());
        answer.json()["count"].as_u64().context("the answer has no count")
    };
    let (first, second) = (view().await?, view().await?);
    ensure!(second > first, "after one more view the count went from {first} to {second}");
    let answer = http.get(&format!("{VIEWS}?page={PAGE}")).await?;
    let read = answer.json()["count"].as_u64();
    ensure!(read >= Some(second), "reading it answered {}", answer.describe());
    Ok(())
}
