//! One run of the program with its trouble, watched at every mutation.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, StatusCode};
use sitepush::local::faults::{Effect, Rule};
use sitepush::local::s3::Snapshot;

use crate::step::Trouble;
use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION};

/// What came of a run.
pub struct Ran {
    /// None for one that was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What was wrong after single mutations.
    pub wrong: Vec<String>,
    /// Changes of the bucket, and invalidations.
    pub mutations: u64,
}

/// What must hold after every mutation: the problems of a snapshot.
pub type Check = Box<dyn Fn(&Snapshot) -> Vec<String> + Send + Sync>;

/// Runs `sitepush ARGUMENTS` on the target.
pub fn run(
    cloud: &Cloud,
    arguments: &[&str],
    trouble: Trouble,
    check: Check,
    visit: &(dyn Fn() + Sync),
) -> Ran {
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let process = Arc::new(AtomicU32::new(0));
    let mutations = Arc::new(AtomicU64::new(0));
    let (sink, victim, count) = (Arc::clone(&wrong), Arc::clone(&process), Arc::clone(&mutations));
    cloud.store().on_mutation(move |view, mutation| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let problems = check(&view.snapshot(BUCKET)).into_iter();
        let key = mutation.key.clone().unwrap_or_default();
        let problems = problems.map(|problem| format!("after mutation {number} (`{key}`): {problem}"));
        sink.lock().expect("not poisoned").extend(problems);
        befall(trouble, number, &victim);
    });
    let (victim, count) = (Arc::clone(&process), Arc::clone(&mutations));
    cloud.target.control.on_invalidation(move |_, _| {
        befall(trouble, count.fetch_add(1, Ordering::SeqCst) + 1, &victim);
    });
    make(cloud, trouble);
    let target = ["--bucket", BUCKET, "--distribution", DISTRIBUTION];
    let mut command = cloud.command(&[arguments, &target].concat());
    if matches!(trouble, Trouble::Kill(_)) {
        // Then no other request is on its way when the process dies.
        command.args(["--concurrency", "1"]);
    }
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    process.store(child.id(), Ordering::SeqCst);
    let output = match trouble {
        Trouble::Visitors => wait_among_visitors(child, visit),
        _ => child.wait_with_output().expect("it ends"),
    };
    cloud.wait_until_hung_up();
    cloud.store().on_mutation(|_, _| {});
    cloud.target.control.on_invalidation(|_, _| {});
    cloud.faults().clear();
    let answer = Answer::from_output(&output);
    let wrong = std::mem::take(&mut *wrong.lock().expect("not poisoned"));
    let mutations = mutations.load(Ordering::SeqCst);
    Ran { code: output.status.code(), stdout: answer.stdout, stderr: answer.stderr, wrong, mutations }
}

/// What befalls the program at its mutation of this number, an invalidation being one.
fn befall(trouble: Trouble, number: u64, process: &AtomicU32) {
    match trouble {
        Trouble::Kill(at) | Trouble::KillAmongOthers(at) if at == number => signal(process, "-9"),
        Trouble::Interrupt(at) if at == number => signal(process, "-2"),
        _ => {}
    }
}

fn make(cloud: &Cloud, trouble: Trouble) {
    let put = |rule: Rule| rule.method(Method::PUT);
    match trouble {
        Trouble::None
        | Trouble::Visitors
        | Trouble::Kill(_)
        | Trouble::KillAmongOthers(_)
        | Trouble::Interrupt(_) => {}
        Trouble::RefusedPut(after) => {
            let refused = Rule::answer(StatusCode::BAD_REQUEST, "InvalidRequest");
            cloud.faults().add(put(refused).after(after).times(1));
        }
        Trouble::LostAnswer(after) => {
            cloud.faults().add(put(Rule::new(Effect::DropAfter)).after(after).times(1));
        }
        Trouble::SlowDown(seed) => cloud.faults().add(Rule::slow_down().share(20, seed)),
        Trouble::RefusedInvalidation => {
            cloud.faults().add(Rule::access_denied().operation("CreateInvalidation").times(1));
        }
        Trouble::RefusedDeletes => {
            cloud.faults().add(Rule::new(Effect::FailKey { code: "AccessDenied".to_owned() }));
        }
    }
}

/// Waits for the end while somebody visits the site again and again.
fn wait_among_visitors(child: Child, visit: &(dyn Fn() + Sync)) -> Output {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                visit();
            }
        });
        let output = child.wait_with_output().expect("it ends");
        is_over.store(true, Ordering::SeqCst);
        output
    })
}

fn signal(process: &AtomicU32, name: &str) {
    while process.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let id = process.load(Ordering::SeqCst).to_string();
    let sent = Command::new("kill").args([name, &id]).status().expect("`kill` runs");
    assert!(sent.success());
}

/// The keys of a listing that are not sitepush's own.
pub fn site_part(snapshot: &Snapshot) -> BTreeMap<&str, &[u8]> {
    let site = snapshot.iter().filter(|(key, _)| !key.starts_with(".sitepush/"));
    site.map(|(key, bytes)| (key.as_str(), &bytes[..])).collect()
}
