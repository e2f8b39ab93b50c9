//! `cargo xtask tidy`: rules about the sources and their features that the compiler does not know.

mod features;
mod shape;
mod task;
mod tokens;
mod walls;
mod words;

pub use task::{check, run};
