//! The tasks of the whole application, as modules: what `cargo xtask deploy` and its like are made of.

#![allow(clippy::disallowed_methods, reason = "the walls are the product's; a task runner is all edges")]

pub mod deploy;
