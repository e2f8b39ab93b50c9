//! How many requests are in flight: the one place where concurrency is bounded.
//!
//! Grows while answers are quick, doubling until the first trouble and by one a round after it; halves when the
//! service asks to slow down or does not answer. The same rule as TCP's, for the same reason: nobody tells us the
//! limit, and asking for too much is how it is found.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::edges::call::Attempt;

/// Requests in flight at the start.
const FIRST_LIMIT: f64 = 16.0;
/// An answer this many times slower than the quickest says that more in flight would only wait longer...
const SLOW_FACTOR: u32 = 8;
/// ...but answers under this are always quick enough.
const ALWAYS_QUICK: Duration = Duration::from_millis(100);

/// The pace of one run. Clones share it.
#[derive(Clone)]
pub struct Pace {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

struct State {
    limit: f64,
    max_limit: f64,
    in_flight: usize,
    /// Whether trouble was met: from then on the limit grows slowly.
    is_careful: bool,
    /// Answers to ignore before halving again: those of requests that were sent at the old pace.
    grace: usize,
    quickest: Duration,
}

/// A place among the requests in flight; given back when dropped.
pub struct Place {
    pace: Pace,
}

impl Pace {
    /// At most `max_in_flight` (at least 1) requests at once.
    pub fn new(max_in_flight: usize) -> Self {
        let max_limit = max_in_flight.max(1) as f64;
        let state = State {
            limit: FIRST_LIMIT.min(max_limit),
            max_limit,
            in_flight: 0,
            is_careful: false,
            grace: 0,
            quickest: Duration::MAX,
        };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::default() }
    }

    /// Waits for a place.
    pub async fn place(&self) -> Place {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.in_flight < state.whole_limit() {
                    state.in_flight += 1;
                    return Place { pace: self.clone() };
                }
            }
            changed.await;
        }
    }

    /// Learns from one attempt.
    pub fn note(&self, attempt: Attempt, elapsed: Duration) {
        let mut state = self.lock();
        match attempt {
            Attempt::Answered => state.grow(elapsed),
            Attempt::Throttled | Attempt::Lost => state.halve(),
        }
        drop(state);
        self.changed.notify_one();
    }

    /// How many may be in flight now.
    pub fn limit(&self) -> usize {
        self.lock().whole_limit()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while the pace is locked")
    }
}

impl State {
    fn whole_limit(&self) -> usize {
        self.limit as usize
    }

    fn grow(&mut self, elapsed: Duration) {
        self.grace = self.grace.saturating_sub(1);
        self.quickest = self.quickest.min(elapsed);
        let is_quick = elapsed <= ALWAYS_QUICK || elapsed <= self.quickest * SLOW_FACTOR;
        // A pace that is not used up says nothing about what the service would bear.
        let is_used = self.in_flight + 1 >= self.whole_limit();
        if is_quick && is_used {
            let step = if self.is_careful { 1.0 / self.limit } else { 1.0 };
            self.limit = (self.limit + step).min(self.max_limit);
        }
    }

    fn halve(&mut self) {
        self.is_careful = true;
        if self.grace > 0 {
            self.grace -= 1;
            return;
        }
        self.limit = (self.limit / 2.0).max(1.0);
        self.grace = self.in_flight.saturating_sub(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pace.lock().in_flight -= 1;
        self.pace.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);

    async fn fill(pace: &Pace) -> Vec<Place> {
        let mut places = Vec::new();
        while places.len() < pace.limit() {
            places.push(pace.place().await);
        }
        places
    }

    #[tokio::test]
    async fn quick_answers_raise_the_pace_up_to_its_bound() {
        let pace = Pace::new(64);
        for _ in 0..200 {
            let _places = fill(&pace).await;
            pace.note(Attempt::Answered, QUICK);
        }
        assert_eq!(pace.limit(), 64);
    }

    #[tokio::test]
    async fn a_throttle_halves_the_pace_once_for_all_that_was_in_flight() {
        let pace = Pace::new(64);
        let places = fill(&pace).await;
        for _ in 0..places.len() {
            pace.note(Attempt::Throttled, QUICK);
        }
        assert_eq!(pace.limit(), 8);
        drop(places);
        pace.note(Attempt::Throttled, QUICK);
        assert_eq!(pace.limit(), 4);
    }

    #[tokio::test]
    async fn after_a_throttle_the_pace_grows_by_one_a_round() {
        let pace = Pace::new(64);
        pace.note(Attempt::Lost, QUICK);
        let before = pace.limit();
        for _ in 0..=before {
            let _places = fill(&pace).await;
            pace.note(Attempt::Answered, QUICK);
        }
        assert_eq!(pace.limit(), before + 1);
    }

    #[tokio::test]
    async fn slow_answers_do_not_raise_the_pace() {
        let pace = Pace::new(64);
        pace.note(Attempt::Answered, QUICK);
        let _places = fill(&pace).await;
        let before = pace.limit();
        for _ in 0..20 {
            pace.note(Attempt::Answered, Duration::from_secs(3));
        }
        assert_eq!(pace.limit(), before);
    }

    #[tokio::test]
    async fn never_more_in_flight_than_the_limit_and_never_less_than_one() {
        let pace = Pace::new(2);
        let first = pace.place().await;
        let _second = pace.place().await;
        let waiting = pace.place();
        futures::pin_mut!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        drop(first);
        assert!(futures::poll!(waiting.as_mut()).is_ready());
        for _ in 0..50 {
            pace.note(Attempt::Throttled, QUICK);
        }
        assert_eq!(pace.limit(), 1);
    }
}
