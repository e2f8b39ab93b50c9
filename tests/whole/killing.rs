//! Kills the program (SIGKILL) at a mutation of its choice.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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
    /// Mutations that the bucket saw, those included that were on their way.
    pub mutations: u64,
}

/// Runs a command to its end and counts its mutations.
pub fn mutations_of(cloud: &Cloud, command: &[&str]) -> u64 {
    let ran = killed_at(cloud, command, u64::MAX, Flow::OneByOne);
    assert!(!ran.was_killed);
    ran.mutations
}

/// Starts a command and kills its process when its `k`-th mutation has happened and is not yet answered. Returns when
/// the server has dealt with all that was on its way.
pub fn killed_at(cloud: &Cloud, command: &[&str], k: u64, flow: Flow) -> Killed {
    let process = Arc::new(AtomicU32::new(0));
    let count = Arc::new(AtomicU64::new(0));
    let (victim, mutations) = (Arc::clone(&process), Arc::clone(&count));
    cloud.store().on_mutation(move |_, _| {
        if mutations.fetch_add(1, Ordering::SeqCst) + 1 == k {
            kill(&victim);
        }
    });
    let mut child = start(cloud, command, flow);
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().expect("it ends");
    cloud.wait_until_hung_up();
    cloud.store().on_mutation(|_, _| {});
    let mutations = count.load(Ordering::SeqCst);
    let was_killed = mutations >= k;
    assert_eq!(status.code().is_none(), was_killed, "killed exactly when the mutation came: {status}");
    Killed { was_killed, mutations }
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

/// Plays a scene with a kill at one mutation after another: at all `mutations` of the run where time is given, else at
/// the first and the last ones, where the run is what no other is, and at each `stride`-th between.
#[track_caller]
pub fn at_each_mutation(mutations: u64, stride: u64, mut play: impl FnMut(u64) -> Killed) {
    let is_chosen = |k: &u64| is_thorough() || *k <= 2 || *k + 6 > mutations || k.is_multiple_of(stride);
    let points: Vec<u64> = (1..=mutations).filter(is_chosen).collect();
    let killed = points.iter().filter(|k| play(**k).was_killed).count();
    // A run that was slow renews its lock, and so has a mutation that another has not.
    assert!(killed >= 8 && killed + 1 >= points.len(), "{killed} kills of {points:?}");
}
