//! Visitors that go on asking while something else is done to what they ask; shared by the tests that measure downtime.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ureq::Agent;

/// What is asked: the page, each service, and one thing that no load balancer may ask twice.
const ASKS: [(&str, &str); 4] = [
    ("GET", "/"),
    ("GET", "/api/guestbook/entries"),
    ("GET", "/api/counter/summary"),
    ("POST", "/api/counter/views"),
];

/// Gets each page.
type Look = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// One visitor for each thing that is asked. Every answer has to be a good one.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: BTreeMap<&'static str, JoinHandle<Asked>>,
}

/// What one visitor was answered.
#[derive(Debug, Default)]
pub struct Asked {
    /// How often it was a good answer.
    pub answered: usize,
    /// What was wrong with the others.
    pub failed: Vec<String>,
}

impl Visitors {
    /// Asks `site` with an agent that takes no status for an error, with a `pause` after each answer. `look` gets each page.
    pub fn of(site: &str, agent: &Agent, pause: Duration, look: impl FnMut(&str) + Send + 'static) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let look: Look = Arc::new(Mutex::new(look));
        let visitor = |(method, path): (&'static str, &'static str)| {
            let (stop, answered, look) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&look));
            let (agent, url) = (agent.clone(), format!("{site}{path}"));
            let thread = thread::spawn(move || {
                let mut asked = Asked::default();
                while !stop.load(Ordering::Relaxed) {
                    match ask(&agent, method, &url) {
                        Ok(body) => {
                            asked.answered += 1;
                            answered.fetch_add(1, Ordering::Relaxed);
                            if path == "/" {
                                (look.lock().expect("nobody panics"))(&body);
                            }
                        }
                        Err(reason) => asked.failed.push(format!("{method} {url}: {reason}")),
                    }
                    thread::sleep(pause);
                }
                asked
            });
            (path, thread)
        };
        let threads = ASKS.into_iter().map(visitor).collect();
        Self { stop, answered, threads }
    }

    /// How many good answers there were until now.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Has them end; by path, what they were answered.
    pub fn end(self) -> BTreeMap<&'static str, Asked> {
        self.stop.store(true, Ordering::Relaxed);
        let end =
            |(path, thread): (&'static str, JoinHandle<Asked>)| (path, thread.join().expect("no panic"));
        self.threads.into_iter().map(end).collect()
    }
}

fn ask(agent: &Agent, method: &str, url: &str) -> Result<String, String> {
    let answer = match method {
        "GET" => agent.get(url).call(),
        _ => agent.post(url).header("content-type", "application/json").send(r#"{"page":"/"}"#),
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(answer.status().to_string());
    }
    answer.body_mut().read_to_string().map_err(|error| error.to_string())
}
