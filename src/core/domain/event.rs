//! What happens while names are set up, as it happens.

use super::plan::Step;
use super::waiting::Waiting;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEvent {
    StepBegun(Step),
    StepDone(Step),
    /// As things stand; comes again and again.
    Waiting(Waiting),
    Warning(String),
}

/// Takes events; must be quick and must not block.
pub type DomainEvents = std::sync::Arc<dyn Fn(DomainEvent) + Send + Sync>;
