//! Carries out plans: a plan and the edges in, an outcome out. Never prints, never decides what to do.

pub mod addresses;
pub mod doctor;
pub mod domain;
pub mod invalidate;
pub mod lock;
pub mod observe;
pub mod pace;
pub mod prune_unknown;
pub mod push;
pub mod record;
pub mod upload;
pub mod verify;
