//! PostgreSQL and Redis on this machine: real servers as child processes on free ports of loopback, whose data is kept in a
//! folder between runs. Each demands a password, which is made once and kept with the data.
//!
//! The servers are those of the services' tests (`services/testkit`); here they get programs, folders and passwords.

mod folders;
mod passwords;
mod servers;

pub use folders::reachable;
pub use passwords::keep as keep_password;
pub use servers::{Programs, Stores, missing_tool};
pub use service_testkit::{Postgres, Redis, StoreError};
