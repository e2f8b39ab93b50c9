//! What happens during a run, as it happens: `execute` says it, `ui` shows it.

use std::time::Duration;

use super::plan::Phase;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A lock was taken; the text says what was taken over, if anything.
    Locked {
        took_over: Option<String>,
    },
    PhaseStarted {
        phase: Phase,
        items: u64,
        bytes: u64,
    },
    /// A part of a large object was sent.
    PartDone {
        bytes: u64,
    },
    /// `bytes` are those that no part has told before.
    ItemDone {
        bytes: u64,
    },
    ItemFailed,
    PhaseDone {
        phase: Phase,
    },
    /// The service asked to slow down, or did not answer: the request is sent again after `delay`.
    Retrying {
        what: String,
        delay: Duration,
    },
    Committed,
    Invalidating {
        distribution_id: String,
        items: u64,
    },
    WaitingForInvalidation {
        distribution_id: String,
    },
    /// What the user should know.
    Warning(String),
}

/// Takes events; called from many tasks at once, so it must be quick and must not block.
pub type EventSink = std::sync::Arc<dyn Fn(Event) + Send + Sync>;
