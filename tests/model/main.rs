//! Random histories of a site against a simple model of what must be live: pushes, edits, kills, faults, rollbacks,
//! prunes and strangers in the bucket, in any order.
//!
//! A history that fails is shrunk and printed as the steps that lead there; pasted into [`found`], it stays a test.

#[path = "../support/mod.rs"]
mod support;

mod build;
mod found;
mod machine;
mod run;
mod step;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use machine::Machine;
use step::{Mix, Step, setups, steps};

/// Histories of each mix, and steps in one: a few hundred steps by default, thousands where time is given.
fn extent() -> (u32, usize) {
    if is_thorough() { (150, 24) } else { (6, 12) }
}

fn is_thorough() -> bool {
    std::env::var_os("SITEPUSH_THOROUGH").is_some()
}

/// Plays random histories. They are the same ones each time, so that a change is judged by what it changes; the
/// thorough run draws new ones.
fn play(mix: Mix) {
    let (cases, length) = extent();
    let config = Config { cases, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    let random = if is_thorough() {
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed())
    } else {
        TestRng::deterministic_rng(RngAlgorithm::ChaCha)
    };
    let mut runner = TestRunner::new_with_rng(config, random);
    let histories = (setups(), vec(steps(mix), 1..=length));
    let result = runner.run(&histories, |(setup, history)| {
        Machine::new(setup).play(&history).map_err(proptest::test_runner::TestCaseError::fail)
    });
    if let Err(TestError::Fail(reason, (setup, history))) = result {
        panic!("{reason}\nafter these steps, {setup:?}:\n{}", listing(&history));
    }
    result.expect("no history is rejected");
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system has random numbers");
    seed
}

fn listing(history: &[Step]) -> String {
    history.iter().map(|step| format!("    {step:?},\n")).collect()
}

#[test]
fn whatever_happens_in_calm_weather_the_live_release_is_what_visitors_get() {
    play(Mix::Calm);
}

#[test]
fn whatever_kills_a_run_the_next_one_ends_what_it_began() {
    play(Mix::Killed);
}

#[test]
fn whatever_fails_nothing_is_lost_and_every_debt_is_paid() {
    play(Mix::Failing);
}

#[test]
fn whatever_strangers_do_their_objects_stay_and_ours_come_back() {
    play(Mix::Strangers);
}

#[test]
fn whatever_comes_together_every_promise_is_kept() {
    play(Mix::Everything);
}
