//! Visitors that go on asking while something else is done to what they ask; shared by the tests that measure downtime.

#![expect(clippy::print_stderr, reason = "what was measured is shown")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ureq::Agent;

/// What is asked: the page, each service, and one thing that no load balancer may ask twice.
const ASKS: [(&str, &str); 4] = [
    ("GET", "/"),
    ("GET", "/api/guestbook/entries"),
    ("GET", "/api/counter/summary"),
    ("POST", "/api/counter/views"),
];

/// How long a visitor waits for an answer. CloudFront, too, gives an origin 30 seconds. Source: its Developer Guide, "Response
/// timeout".
const PATIENCE: Duration = Duration::from_secs(30);

/// How many good answers there have to be from each path: of fewer, nothing can be said.
const ENOUGH: usize = 20;

/// Gets each page.
type Look = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// One visitor for each thing that is asked. Every answer has to be a good one.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    /// How many good answers there were, by path.
    answered: BTreeMap<&'static str, Arc<AtomicUsize>>,
    threads: BTreeMap<&'static str, JoinHandle<Asked>>,
}

/// What one visitor was answered.
#[derive(Debug, Default)]
pub struct Asked {
    /// How often it was a good answer.
    pub answered: usize,
    /// What was wrong with the others.
    pub failed: Vec<String>,
    /// The longest that an answer took.
    pub slowest: Duration,
}

impl Visitors {
    /// Asks `site`, with a `pause` after each answer. `look` gets each page.
    pub fn of(site: &str, pause: Duration, look: impl FnMut(&str) + Send + 'static) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent: Agent = config.timeout_global(Some(PATIENCE)).build().into();
        let stop = Arc::new(AtomicBool::new(false));
        let look: Look = Arc::new(Mutex::new(look));
        let (mut answered, mut threads) = (BTreeMap::new(), BTreeMap::new());
        for (method, path) in ASKS {
            let count = Arc::new(AtomicUsize::new(0));
            answered.insert(path, Arc::clone(&count));
            let (stop, look, agent) = (Arc::clone(&stop), Arc::clone(&look), agent.clone());
            let url = format!("{site}{path}");
            let thread = thread::spawn(move || {
                let mut asked = Asked::default();
                while !stop.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    let answer = ask(&agent, method, &url);
                    asked.slowest = asked.slowest.max(started.elapsed());
                    match answer {
                        Ok(body) => {
                            asked.answered += 1;
                            count.fetch_add(1, Ordering::Relaxed);
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
            threads.insert(path, thread);
        }
        Self { stop, answered, threads }
    }

    /// By path, how many good answers there were until now.
    pub fn answered(&self) -> BTreeMap<&'static str, usize> {
        self.answered.iter().map(|(path, count)| (*path, count.load(Ordering::Relaxed))).collect()
    }

    /// Whether each path has given so many good answers more than `before`: one that is silent is not made up for by the others.
    pub fn has_answered(&self, before: &BTreeMap<&'static str, usize>, more: usize) -> bool {
        self.answered().iter().all(|(path, count)| *count >= before[path] + more)
    }

    /// Has them end, and tells how many requests were asked and failed `during` what was done meanwhile.
    ///
    /// # Panics
    /// When one failed, or a path was hardly asked.
    pub fn end(self, during: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let end = |(path, thread): (_, JoinHandle<Asked>)| (path, thread.join().expect("no panic"));
        let asked: BTreeMap<&str, Asked> = self.threads.into_iter().map(end).collect();
        let (mut all, mut all_failed) = (0, Vec::new());
        for (path, asked) in &asked {
            let (count, failed) = (asked.answered + asked.failed.len(), asked.failed.len());
            eprintln!(
                "{during}: {path} asked {count} times, {failed} failed, the slowest took {:?}",
                asked.slowest
            );
            all += count;
            all_failed.extend(&asked.failed);
        }
        eprintln!("{during}: {all} requests asked, {} failed", all_failed.len());
        assert!(all_failed.is_empty(), "{} failed during {during}: {all_failed:#?}", all_failed.len());
        let hardly: Vec<_> = asked.iter().filter(|(_, asked)| asked.answered < ENOUGH).collect();
        assert!(hardly.is_empty(), "hardly anybody asked during {during}: {hardly:?}");
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
