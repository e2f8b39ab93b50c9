//! The script of what goes wrong at the embedded target: errors, dropped connections, delays, and a dead stop.
//!
//! Decides what happens to a call from its operation, method, bucket and key. Never acts by itself: the server asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::sync::Semaphore;

/// The error of a service that wants its connection reset and not merely closed.
#[derive(Debug, thiserror::Error)]
#[error("the fault script resets the connection")]
pub struct ConnectionReset;

/// What is known of a call before it acts.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The API's own name for it: `PutObject`, `DeleteObjects`.
    pub operation: &'a str,
    pub method: &'a Method,
    pub bucket: Option<&'a str>,
    pub key: Option<&'a str>,
}

/// An error answer: the status and the code of its XML body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    pub status: StatusCode,
    pub code: &'static str,
}

/// What befalls a matching call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call does nothing and is answered with this error.
    Answer(ErrorAnswer),
    /// The call does nothing and its connection is closed without an answer.
    DropBefore,
    /// The call acts, and its connection is closed without an answer.
    DropAfter,
    /// The call acts, and its connection is reset: the client gets a TCP RST in the place of an answer.
    ResetAfter,
    /// The call waits this long, then goes on to the next rule.
    Delay(Duration),
    /// The call waits until the gate is opened, then goes on to the next rule.
    Hold(Gate),
    /// Inside `DeleteObjects`: the matching key stays and is reported under this code.
    FailKey { code: String },
}

/// Where calls wait until a test lets them pass. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

/// One line of the script: which calls, how many of them, and what befalls them.
#[derive(Clone, Debug)]
pub struct Rule {
    effect: Effect,
    operation: Option<String>,
    method: Option<Method>,
    key: KeyMatch,
    skip: u64,
    times: u64,
    share: Option<Share>,
}

#[derive(Clone, Debug)]
enum KeyMatch {
    Any,
    Exactly(String),
    StartsWith(String),
    EndsWith(String),
}

/// A share of the matching calls, drawn from a seeded sequence.
#[derive(Clone, Debug)]
struct Share {
    percent: u8,
    state: u64,
}

/// The script. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Script>);

#[derive(Debug)]
struct Script {
    rules: Mutex<Vec<Rule>>,
    /// Whether there are rules at all: spares the lock on every call.
    armed: AtomicBool,
    /// How many mutations are still admitted; [`UNLIMITED`] when there is no such limit.
    mutations_left: AtomicU64,
}

const UNLIMITED: u64 = u64::MAX;

impl Default for Script {
    fn default() -> Self {
        Self {
            rules: Mutex::default(),
            armed: AtomicBool::new(false),
            mutations_left: AtomicU64::new(UNLIMITED),
        }
    }
}

/// What the script says about one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How long to wait before anything else.
    pub delay: Duration,
    /// What to wait for then.
    pub gates: Vec<Gate>,
    /// `Answer`, `DropBefore`, `DropAfter` or `ResetAfter`; none to let the call pass.
    pub effect: Option<Effect>,
}

impl Gate {
    /// A gate that nobody has opened.
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody pass, now and from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Returns when the gate is open.
    pub(in crate::local) async fn pass(&self) {
        // There is never a permit: it ends with the error that the semaphore was closed.
        let _ = self.0.acquire().await;
    }
}

/// Two are equal when they are the same.
impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

impl Rule {
    /// A rule for every call, without end; narrow it with the methods below.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            operation: None,
            method: None,
            key: KeyMatch::Any,
            skip: 0,
            times: UNLIMITED,
            share: None,
        }
    }

    /// Answers `503 SlowDown`.
    pub fn slow_down() -> Self {
        Self::answer(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
    }

    /// Answers `403 AccessDenied`.
    pub fn access_denied() -> Self {
        Self::answer(StatusCode::FORBIDDEN, "AccessDenied")
    }

    /// Answers `500 InternalError`.
    pub fn internal_error() -> Self {
        Self::answer(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
    }

    /// Answers `status` with `code`.
    pub fn answer(status: StatusCode, code: &'static str) -> Self {
        Self::new(Effect::Answer(ErrorAnswer { status, code }))
    }

    /// Only calls of this operation, by the API's name (`PutObject`).
    #[must_use]
    pub fn operation(mut self, name: &str) -> Self {
        self.operation = Some(name.to_owned());
        self
    }

    /// Only calls with this HTTP method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only calls on exactly this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = KeyMatch::Exactly(key.to_owned());
        self
    }

    /// Only calls on keys that start so.
    #[must_use]
    pub fn key_prefix(mut self, prefix: &str) -> Self {
        self.key = KeyMatch::StartsWith(prefix.to_owned());
        self
    }

    /// Only calls on keys that end so.
    #[must_use]
    pub fn key_suffix(mut self, suffix: &str) -> Self {
        self.key = KeyMatch::EndsWith(suffix.to_owned());
        self
    }

    /// Lets the first `count` matching calls pass.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Befalls `count` matching calls, then no more.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = count;
        self
    }

    /// Befalls about `percent` of the matching calls: always the same ones for the same `seed`.
    #[must_use]
    pub fn share(mut self, percent: u8, seed: u64) -> Self {
        self.share = Some(Share { percent, state: seed });
        self
    }

    fn matches(&self, call: &Call<'_>) -> bool {
        self.operation.as_deref().is_none_or(|name| name == call.operation)
            && self.method.as_ref().is_none_or(|method| method == call.method)
            && match &self.key {
                KeyMatch::Any => true,
                KeyMatch::Exactly(key) => call.key == Some(key),
                KeyMatch::StartsWith(prefix) => call.key.is_some_and(|key| key.starts_with(prefix)),
                KeyMatch::EndsWith(suffix) => call.key.is_some_and(|key| key.ends_with(suffix)),
            }
    }

    /// Counts a matching call and says whether the rule befalls it.
    fn fires(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times == 0 || !self.share.as_mut().is_none_or(Share::draw) {
            return false;
        }
        if self.times != UNLIMITED {
            self.times -= 1;
        }
        true
    }
}

impl Share {
    fn draw(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state) % 100 < u64::from(self.percent)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads neighbors.
pub(in crate::local) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Faults {
    /// Adds a rule after those already there.
    pub fn add(&self, rule: Rule) {
        self.rules().push(rule);
        self.0.armed.store(true, Ordering::SeqCst);
    }

    /// Removes every rule and lifts a stop.
    pub fn clear(&self) {
        self.rules().clear();
        self.0.armed.store(false, Ordering::SeqCst);
        self.resume();
    }

    /// Admits `count` more mutations; then nothing is accepted and every connection is closed unanswered, that of
    /// the last mutation too, as when the client is killed at that instant.
    pub fn stop_after_mutations(&self, count: u64) {
        self.0.mutations_left.store(count, Ordering::SeqCst);
    }

    /// Lifts a stop.
    pub fn resume(&self) {
        self.0.mutations_left.store(UNLIMITED, Ordering::SeqCst);
    }

    /// Whether everything is to be dropped.
    pub fn is_stopped(&self) -> bool {
        self.0.mutations_left.load(Ordering::SeqCst) == 0
    }

    /// Counts a mutation that is about to happen; false when it must not.
    pub(in crate::local) fn admit_mutation(&self) -> bool {
        let count_down = |left| match left {
            0 => None,
            UNLIMITED => Some(UNLIMITED),
            left => Some(left - 1),
        };
        self.0.mutations_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down).is_ok()
    }

    /// What befalls `call`; counts it in every rule that it reaches.
    pub fn judge(&self, call: &Call<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        if !self.0.armed.load(Ordering::SeqCst) {
            return verdict;
        }
        for rule in self.rules().iter_mut() {
            if matches!(rule.effect, Effect::FailKey { .. }) || !rule.matches(call) || !rule.fires() {
                continue;
            }
            match &rule.effect {
                Effect::Delay(delay) => verdict.delay += *delay,
                Effect::Hold(gate) => verdict.gates.push(gate.clone()),
                effect => {
                    verdict.effect = Some(effect.clone());
                    break;
                }
            }
        }
        verdict
    }

    /// The code under which `key` fails inside a `DeleteObjects` call, when a rule says so.
    pub(in crate::local) fn failing_key(&self, bucket: &str, key: &str) -> Option<String> {
        if !self.0.armed.load(Ordering::SeqCst) {
            return None;
        }
        let call =
            Call { operation: "DeleteObjects", method: &Method::POST, bucket: Some(bucket), key: Some(key) };
        self.rules().iter_mut().find_map(|rule| {
            let Effect::FailKey { code } = rule.effect.clone() else { return None };
            (rule.matches(&call) && rule.fires()).then_some(code)
        })
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: Call<'_> =
        Call { operation: "PutObject", method: &Method::PUT, bucket: Some("site"), key: Some("a/b.html") };

    fn effects(faults: &Faults, calls: usize) -> Vec<bool> {
        (0..calls).map(|_| faults.judge(&PUT).effect.is_some()).collect()
    }

    #[test]
    fn a_rule_befalls_the_calls_it_counts_and_no_others() {
        let faults = Faults::default();
        faults.add(Rule::slow_down().operation("PutObject").key("a/b.html").after(1).times(2));
        assert_eq!(effects(&faults, 5), [false, true, true, false, false]);
    }

    #[test]
    fn a_rule_for_something_else_counts_nothing() {
        let faults = Faults::default();
        faults.add(Rule::slow_down().operation("GetObject").times(1));
        faults.add(Rule::slow_down().method(Method::DELETE).times(1));
        faults.add(Rule::slow_down().key("a/b").times(1));
        faults.add(Rule::slow_down().key_prefix("b/").times(1));
        faults.add(Rule::slow_down().key_suffix("a/b").times(1));
        assert_eq!(effects(&faults, 2), [false, false]);
        let get = Call { operation: "GetObject", method: &Method::GET, ..PUT };
        assert!(faults.judge(&get).effect.is_some());
    }

    #[test]
    fn a_rule_finds_a_key_by_its_whole_its_beginning_or_its_end() {
        for rule in [
            Rule::slow_down().key("a/b.html"),
            Rule::slow_down().key_prefix("a/"),
            Rule::slow_down().key_suffix(".html"),
        ] {
            let faults = Faults::default();
            faults.add(rule);
            assert_eq!(effects(&faults, 1), [true]);
        }
    }

    #[test]
    fn delays_add_up_and_the_first_other_effect_wins() {
        let faults = Faults::default();
        faults.add(Rule::new(Effect::Delay(Duration::from_millis(5))));
        faults.add(Rule::new(Effect::Delay(Duration::from_millis(7))).key_prefix("a/"));
        faults.add(Rule::new(Effect::DropAfter));
        faults.add(Rule::access_denied());
        let verdict = faults.judge(&PUT);
        let (delay, effect) = (Duration::from_millis(12), Some(Effect::DropAfter));
        assert_eq!(verdict, Verdict { delay, effect, ..Verdict::default() });
    }

    #[test]
    fn a_share_is_repeatable_and_about_as_large_as_asked() {
        let run = |seed| {
            let faults = Faults::default();
            faults.add(Rule::slow_down().share(30, seed));
            effects(&faults, 1000)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&hits), "{hits} of 1000");
    }

    #[test]
    fn a_stop_admits_the_counted_mutations_and_no_more() {
        let faults = Faults::default();
        assert!(faults.admit_mutation());
        faults.stop_after_mutations(2);
        assert!(faults.admit_mutation());
        assert!(!faults.is_stopped());
        assert!(faults.admit_mutation());
        assert!(faults.is_stopped());
        assert!(!faults.admit_mutation());
        faults.resume();
        assert!(faults.admit_mutation());
    }

    #[test]
    fn a_failing_key_fails_inside_a_batch_only() {
        let faults = Faults::default();
        faults.add(Rule::new(Effect::FailKey { code: "AccessDenied".to_owned() }).key("a/b.html").times(1));
        assert_eq!(faults.judge(&PUT), Verdict::default());
        assert_eq!(faults.failing_key("site", "other"), None);
        assert_eq!(faults.failing_key("site", "a/b.html").as_deref(), Some("AccessDenied"));
        assert_eq!(faults.failing_key("site", "a/b.html"), None);
    }
}
