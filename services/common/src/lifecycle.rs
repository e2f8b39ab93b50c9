//! Where a process is in its life: serving, draining, or giving up.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Shared by the server, the health checks and whatever runs in the background.
#[derive(Debug, Default)]
pub struct Lifecycle {
    draining: AtomicBool,
    gave_up: AtomicBool,
    give_up: Notify,
}

impl Lifecycle {
    /// Ends the process: what is wrong cannot mend itself. The caller has logged why.
    pub fn give_up(&self) {
        self.gave_up.store(true, Ordering::Relaxed);
        // Keeps the permit for a server that does not listen yet.
        self.give_up.notify_one();
    }

    /// Whether the process is to end; new requests are better sent elsewhere.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.gave_up.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn given_up(&self) {
        self.give_up.notified().await;
    }
}
