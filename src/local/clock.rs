//! The time as the edge sees it: the system's, or one that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the edge and its control plane read the time. Clones share one clock.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until [`ManualClock::advance`] moves it.
    Manual(ManualClock),
}

impl Clock {
    /// A clock that starts at `seconds` after the Unix epoch and moves by hand, with its handle.
    pub fn manual(seconds: u64) -> (Self, ManualClock) {
        let clock = ManualClock { milliseconds: Arc::new(AtomicU64::new(seconds * 1000)) };
        (Self::Manual(clock.clone()), clock)
    }

    /// The present time.
    pub fn now(&self) -> SystemTime {
        match self {
            #[allow(clippy::disallowed_methods, reason = "this is where the edge reads the system's clock")]
            Self::System => SystemTime::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// The handle of a clock that moves by hand.
#[derive(Clone, Debug)]
pub struct ManualClock {
    milliseconds: Arc<AtomicU64>,
}

impl ManualClock {
    /// Moves the clock forward; everyone who holds it sees the new time at once.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.milliseconds.fetch_add(by, Ordering::SeqCst);
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }
}
