//! Other builds in the place of those that run, while visitors go on asking.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use system::dev::Application;

use crate::support::{agent, folder, start, wait_until};

/// Asks until it is told to stop; every answer has to be a good one.
struct Visitors {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
}

impl Visitors {
    fn of(site: &str) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let asks: [(&str, &str); 4] = [
            ("GET", "/"),
            ("GET", "/api/guestbook/entries"),
            ("GET", "/api/counter/summary"),
            ("POST", "/api/counter/views"),
        ];
        let visitor = |(method, path): (&'static str, &'static str)| {
            let (stop, answered, url) = (Arc::clone(&stop), Arc::clone(&answered), format!("{site}{path}"));
            std::thread::spawn(move || {
                let agent = agent();
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = match method {
                        "GET" => agent.get(&url).call(),
                        _ => agent
                            .post(&url)
                            .header("content-type", "application/json")
                            .send(r#"{"page":"/"}"#),
                    };
                    match answer {
                        Ok(mut answer) if answer.status() == 200 => {
                            answer.body_mut().read_to_vec().expect("the body is whole");
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(answer) => failed.push(format!("{method} {url}: {}", answer.status())),
                        Err(error) => failed.push(format!("{method} {url}: {error}")),
                    }
                }
                failed
            })
        };
        let threads = asks.into_iter().map(visitor).collect();
        Self { stop, answered, threads }
    }

    /// Waits until so many more requests were answered.
    async fn more(&self, count: usize) {
        let before = self.answered.load(Ordering::Relaxed);
        let is_enough = async || self.answered.load(Ordering::Relaxed) >= before + count;
        wait_until("visitors are answered", is_enough).await;
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
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
    let visitors = Visitors::of(&site);
    visitors.more(40).await;

    // Services first, then the site; and back in the other order, as a deployment does it.
    let mut processes = Vec::new();
    for service in ["guestbook", "counter"] {
        processes.push(application.process(service));
        application.replace(service, &program(&application, service)).await.expect("it is replaced");
    }
    fs::write(&page, first.replace("<title>", "<title>second ")).unwrap();
    front_page_says(&site, "<title>second ").await;
    visitors.more(40).await;

    fs::write(&page, &first).unwrap();
    wait_until("the first page is back", async || {
        let mut answer = agent().get(format!("{site}/")).call().expect("there is an answer");
        answer.body_mut().read_to_string().expect("it is text") == first
    })
    .await;
    for service in ["guestbook", "counter"] {
        processes.push(application.process(service));
        application.replace(service, &program(&application, service)).await.expect("it is replaced");
    }
    visitors.more(40).await;
    processes.dedup();
    assert_eq!(processes.len(), 4, "each replacement is another process: {processes:?}");
    let failed = visitors.end();
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
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
