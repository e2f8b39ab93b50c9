//! The time: this machine's, and the service's as its answers tell it.
//!
//! Of what publishes, the only place that asks the system for it. Never decides what is too old or too far off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The time by which leases are judged: the service's, as far as an answer has told it, else this machine's.
///
/// Two machines that push to one target may have clocks minutes apart; the service has one.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Milliseconds to add to this machine's time; [`NOT_TOLD`] until an answer has told.
    offset_milliseconds: Arc<AtomicI64>,
    /// Set in tests: time stands still.
    fixed: Option<Timestamp>,
}

const NOT_TOLD: i64 = i64::MIN;

impl Clock {
    /// This machine's clock, until an answer corrects it.
    pub fn system() -> Self {
        Self { offset_milliseconds: Arc::new(AtomicI64::new(NOT_TOLD)), fixed: None }
    }

    /// A clock that stands still, for tests.
    pub fn fixed(time: Timestamp) -> Self {
        Self { offset_milliseconds: Arc::new(AtomicI64::new(NOT_TOLD)), fixed: Some(time) }
    }

    /// Now, by this machine: for what people read.
    #[expect(clippy::disallowed_methods, reason = "this is where the time is asked")]
    pub fn local_now(&self) -> Timestamp {
        self.fixed.unwrap_or_else(Timestamp::now)
    }

    /// Now, by the service.
    pub fn service_now(&self) -> Timestamp {
        let offset = self.offset().unwrap_or_default();
        self.local_now().checked_add(offset).unwrap_or_else(|_| self.local_now())
    }

    /// The service's time less this machine's; none before an answer has told it.
    pub fn offset(&self) -> Option<SignedDuration> {
        let milliseconds = self.offset_milliseconds.load(Ordering::Relaxed);
        (milliseconds != NOT_TOLD).then(|| SignedDuration::from_millis(milliseconds))
    }

    /// Learns from an answer's `Date` header (IMF-fixdate). Differences under two seconds are the header's own grain.
    pub fn learn(&self, date: &str) {
        let Ok(time) = jiff::fmt::rfc2822::parse(date) else { return };
        let offset = time.timestamp().duration_since(self.local_now()).as_millis();
        let offset = i64::try_from(offset).unwrap_or(0);
        let offset = if offset.abs() < 2000 { 0 } else { offset };
        self.offset_milliseconds.store(offset, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_corrects_a_wrong_clock() {
        let clock = Clock::fixed("2026-11-23T10:00:00Z".parse().expect("a time"));
        assert_eq!((clock.offset(), clock.service_now()), (None, clock.local_now()));
        clock.learn("Mon, 23 Nov 2026 10:05:00 GMT");
        assert_eq!(clock.offset(), Some(SignedDuration::from_mins(5)));
        assert_eq!(clock.service_now().to_string(), "2026-11-23T10:05:00Z");
        assert_eq!(clock.local_now().to_string(), "2026-11-23T10:00:00Z");
        clock.learn("Mon, 23 Nov 2026 10:00:01 GMT");
        assert_eq!(clock.service_now(), clock.local_now());
        clock.learn("nonsense");
        assert_eq!(clock.service_now(), clock.local_now());
    }
}
