//! Other builds in the place of those that run, while visitors go on asking.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use system::dev::Application;

use crate::support::{agent, folder, start, wait_until};
use crate::visitors::Visitors;

/// Waits until each of them was answered so many times more.
async fn more(visitors: &Visitors, count: usize) {
    let before = visitors.answered();
    wait_until("each visitor is answered", async || visitors.has_answered(&before, count)).await;
}

/// Replaces each service by another process of the same program; the processes that ran until then are added to `processes`.
async fn replace_each(application: &Application, processes: &mut Vec<u32>) {
    for service in ["guestbook", "counter"] {
        processes.push(application.process(service).expect("it runs"));
        application.replace(service, &program(application, service)).await.expect("it is replaced");
    }
}

fn program(application: &Application, service: &str) -> PathBuf {
    let process = application.process(service).expect("it runs");
    fs::read_link(format!("/proc/{process}/exe")).expect("it is ours")
}

async fn front_page_says(site: &str, text: &str) {
    wait_until(&format!("the front page says {text}"), async || {
        let mut answer = agent().get(format!("{site}/")).call().expect("there is an answer");
        answer.body_mut().read_to_string().expect("it is text").contains(text)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_and_a_rollback_fail_no_request() {
    let folder = folder();
    let application = start(folder.path()).await.expect("it starts");
    let site = application.address().to_owned();
    let page = application.site_folder().join("index.html");
    let first = fs::read_to_string(&page).unwrap();
    let visitors = Visitors::of(&site, Duration::ZERO, |_| ());
    more(&visitors, 10).await;

    // Services first, then the site; and back in the other order, as a deployment does it.
    let mut processes = Vec::new();
    replace_each(&application, &mut processes).await;
    fs::write(&page, first.replace("<title>", "<title>second ")).unwrap();
    front_page_says(&site, "<title>second ").await;
    more(&visitors, 10).await;
    visitors.end("a deploy");

    let visitors = Visitors::of(&site, Duration::ZERO, |_| ());
    more(&visitors, 10).await;
    fs::write(&page, &first).unwrap();
    wait_until("the first page is back", async || {
        let mut answer = agent().get(format!("{site}/")).call().expect("there is an answer");
        answer.body_mut().read_to_string().expect("it is text") == first
    })
    .await;
    replace_each(&application, &mut processes).await;
    more(&visitors, 10).await;
    visitors.end("a rollback");

    processes.extend(["guestbook", "counter"].map(|service| application.process(service).expect("it runs")));
    let different: BTreeSet<u32> = processes.iter().copied().collect();
    assert_eq!(different.len(), 6, "each replacement is another process: {processes:?}");
    application.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_does_not_start_takes_nobodys_place() {
    let folder = folder();
    let application = start(folder.path()).await.expect("it starts");
    let before = application.process("counter");
    let bad = PathBuf::from("/bin/false");
    let error = application.replace("counter", &bad).await.expect_err("it is no service");
    assert!(format!("{error:#}").contains("it ended with exit status: 1"), "{error:#}");
    assert_eq!(application.process("counter"), before);
    let mut answer = agent().get(format!("{}/api/counter/summary", application.address())).call().unwrap();
    let summary: Value = serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap();
    assert_eq!(summary["total"], 0);
    application.stop().await;
}
