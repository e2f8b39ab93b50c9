//! The application on this machine, with real PostgreSQL, real Redis and the real programs: started, used, hurt, replaced and
//! ended. `cargo xtask test --only dev` runs these.

mod ending;
mod failing;
mod guide;
mod looking;
mod replacing;
mod support;
#[path = "../visitors/asking.rs"]
mod visitors;
