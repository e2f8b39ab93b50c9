//! Troubles on order: which requests fail, how, and how often.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error answer with this status and code; the request is not carried out.
    Answer { status: u16, code: &'static str },
    /// The connection is closed before anything happens.
    DropBefore,
    /// The request is carried out and the connection closed without an answer.
    DropAfter,
    /// The answer takes this much longer.
    Delay(Duration),
}

impl Fault {
    /// S3's request to send less.
    pub const SLOW_DOWN: Self = Self::Answer { status: 503, code: "SlowDown" };
    /// No permission.
    pub const ACCESS_DENIED: Self = Self::Answer { status: 403, code: "AccessDenied" };
}

/// Which requests a fault strikes.
#[derive(Clone, Debug)]
pub struct FaultRule {
    pub fault: Fault,
    /// `PUT`, `GET`...; none for any.
    pub method: Option<&'static str>,
    /// The request's path, decoded, contains this; empty for any.
    pub path_part: String,
    /// Matching requests that pass first.
    pub after: u64,
    /// How many are struck; none for all that follow.
    pub times: Option<u64>,
    /// Of those, this share in percent, chosen by a fixed sequence.
    pub percent: u8,
}

impl FaultRule {
    /// Strikes every request.
    pub fn new(fault: Fault) -> Self {
        Self { fault, method: None, path_part: String::new(), after: 0, times: None, percent: 100 }
    }

    #[must_use]
    pub fn method(self, method: &'static str) -> Self {
        Self { method: Some(method), ..self }
    }

    #[must_use]
    pub fn path(self, part: &str) -> Self {
        Self { path_part: part.to_owned(), ..self }
    }

    #[must_use]
    pub fn after(self, requests: u64) -> Self {
        Self { after: requests, ..self }
    }

    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        Self { percent, ..self }
    }
}

/// The faults of a server. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rules: Vec<(FaultRule, u64)>,
    /// Keys that DeleteObjects refuses one by one.
    undeletable: Vec<String>,
    sequence: u64,
}

impl Faults {
    /// Adds a rule; all rules that match a request strike it, in the order of their adding.
    pub fn add(&self, rule: FaultRule) {
        self.lock().rules.push((rule, 0));
    }

    /// Makes DeleteObjects answer this bucket key with an error of its own.
    pub fn refuse_delete(&self, key: &str) {
        self.lock().undeletable.push(key.to_owned());
    }

    /// Takes everything back.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.rules.clear();
        state.undeletable.clear();
    }

    pub(super) fn is_undeletable(&self, key: &str) -> bool {
        self.lock().undeletable.iter().any(|refused| refused == key)
    }

    /// What strikes this request.
    pub(super) fn strike(&self, method: &str, path: &str) -> Vec<Fault> {
        let mut state = self.lock();
        let State { rules, sequence, .. } = &mut *state;
        let mut struck = Vec::new();
        for (rule, seen) in rules {
            if rule.method.is_some_and(|wanted| wanted != method) || !path.contains(&rule.path_part) {
                continue;
            }
            *seen += 1;
            let is_due = *seen > rule.after && rule.times.is_none_or(|times| *seen <= rule.after + times);
            if is_due && (rule.percent >= 100 || draw(sequence) < u64::from(rule.percent)) {
                struck.push(rule.fault.clone());
            }
        }
        struck
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while the faults are locked")
    }
}

/// The next number of a fixed sequence, from 0 to 99 (SplitMix64).
fn draw(sequence: &mut u64) -> u64 {
    *sequence = sequence.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *sequence;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_what_it_names_as_often_as_it_says() {
        let faults = Faults::default();
        faults.add(FaultRule::new(Fault::SLOW_DOWN).method("PUT").path("index").after(1).times(2));
        let struck = |method, path| !faults.strike(method, path).is_empty();
        assert!(!struck("GET", "/b/index.html"));
        assert!(!struck("PUT", "/b/index.html"));
        assert!(struck("PUT", "/b/index.html"));
        assert!(!struck("PUT", "/b/app.js"));
        assert!(struck("PUT", "/b/index.html"));
        assert!(!struck("PUT", "/b/index.html"));
    }

    #[test]
    fn a_share_is_about_what_it_says_and_the_same_each_time() {
        let count = || {
            let faults = Faults::default();
            faults.add(FaultRule::new(Fault::DropAfter).percent(30));
            (0..1000).filter(|_| !faults.strike("PUT", "/").is_empty()).count()
        };
        assert!((250..350).contains(&count()));
        assert_eq!(count(), count());
    }
}
