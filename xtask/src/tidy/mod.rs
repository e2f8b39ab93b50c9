//! `cargo xtask tidy`: rules about the sources that the compiler does not know.

mod shape;
mod task;
mod tokens;
mod walls;
mod words;

pub use task::{check, run};
