//! Kills the program (SIGKILL) at a mutation of its choice: a change of the bucket, or an invalidation.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{BUCKET, Cloud, DISTRIBUTION};

/// How many requests the program makes at a time.
#[derive(Clone, Copy, Debug)]
pub enum Flow {
    /// One: when it dies, no other is on its way.
    OneByOne,
    /// As many as by default.
    Together,
}

/// What there was of a run that was to be killed.
#[derive(Clone, Copy, Debug)]
pub struct Killed {
    /// False when it came to its end before.
    pub was_killed: bool,
    /// Mutations that happened, those included that were on their way.
    pub mutations: u64,
}

/// The mutations of a run that nobody disturbed, counted from 1.
#[derive(Clone, Debug)]
pub struct Course {
    pub mutations: u64,
    /// Which of them were invalidations.
    pub invalidations: Vec<u64>,
}

/// What a mutation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OfBucket,
    Invalidation,
}

/// Runs a command to its end and counts its mutations.
pub fn course_of(cloud: &Cloud, command: &[&str]) -> Course {
    let (was_killed, kinds) = run(cloud, command, usize::MAX, Flow::OneByOne);
    assert!(!was_killed);
    let numbered = (1..).zip(&kinds);
    let invalidations = numbered.filter(|(_, kind)| **kind == Kind::Invalidation).map(|(k, _)| k).collect();
    Course { mutations: kinds.len() as u64, invalidations }
}

/// Starts a command and kills its process when its `k`-th mutation has happened and is not yet answered. Returns when
/// the server has dealt with all that was on its way.
pub fn killed_at(cloud: &Cloud, command: &[&str], k: u64, flow: Flow) -> Killed {
    let k = usize::try_from(k).expect("few");
    let (was_killed, kinds) = run(cloud, command, k, flow);
    Killed { was_killed, mutations: kinds.len() as u64 }
}

fn run(cloud: &Cloud, command: &[&str], k: usize, flow: Flow) -> (bool, Vec<Kind>) {
    let process = Arc::new(AtomicU32::new(0));
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let (victim, sink) = (Arc::clone(&process), Arc::clone(&kinds));
    let happened = move |kind| {
        let mut kinds = sink.lock().expect("not poisoned");
        kinds.push(kind);
        if kinds.len() == k {
            kill(&victim);
        }
    };
    let invalidated = happened.clone();
    cloud.store().on_mutation(move |_, _| happened(Kind::OfBucket));
    cloud.target.control.on_invalidation(move |_, _| invalidated(Kind::Invalidation));
    let mut child = start(cloud, command, flow);
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().expect("it ends");
    cloud.wait_until_hung_up();
    cloud.store().on_mutation(|_, _| {});
    cloud.target.control.on_invalidation(|_, _| {});
    let kinds = std::mem::take(&mut *kinds.lock().expect("not poisoned"));
    let was_killed = kinds.len() >= k;
    assert_eq!(status.code().is_none(), was_killed, "killed exactly when the mutation came: {status}");
    (was_killed, kinds)
}

fn start(cloud: &Cloud, command: &[&str], flow: Flow) -> Child {
    let mut command =
        cloud.command(&[command, &["--bucket", BUCKET, "--distribution", DISTRIBUTION]].concat());
    if let Flow::OneByOne = flow {
        command.args(["--concurrency", "1"]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

fn kill(victim: &AtomicU32) {
    while victim.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let id = victim.load(Ordering::SeqCst).to_string();
    let killed = Command::new("kill").args(["-9", &id]).status().expect("`kill` runs");
    assert!(killed.success());
}

/// Whether all that can be tried is tried.
pub fn is_thorough() -> bool {
    std::env::var_os("SITEPUSH_THOROUGH").is_some()
}

/// Plays a scene with a kill at one mutation after another: at all of the run where time is given, else at the first
/// and the last ones, where the run is what no other is, at each invalidation, and at each `stride`-th between.
#[track_caller]
pub fn at_each_mutation(course: &Course, stride: u64, mut play: impl FnMut(u64) -> Killed) {
    let Course { mutations, invalidations } = course;
    let is_special = |k: &u64| *k <= 2 || *k + 6 > *mutations || invalidations.contains(k);
    let is_chosen = |k: &u64| is_thorough() || is_special(k) || k.is_multiple_of(stride);
    let points: Vec<u64> = (1..=*mutations).filter(is_chosen).collect();
    let killed = points.iter().filter(|k| play(**k).was_killed).count();
    // A run that was slow renews its lock, and so has a mutation that another has not.
    assert!(killed >= 8 && killed + 1 >= points.len(), "{killed} kills of {points:?}");
}
