//! What people and programs read. Builds texts from values, and prints them.

pub mod doctor_view;
pub mod domain_progress;
pub mod domain_view;
pub mod human;
pub mod inspect_view;
pub mod outcome_view;
pub mod plan_view;
pub mod progress;
pub mod release_view;
pub mod terminal;
pub mod verify_view;
