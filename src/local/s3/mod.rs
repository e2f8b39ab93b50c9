//! The embedded S3: the `s3s` crate's protocol over a store of our own, because the promises under test (versions,
//! conditional writes, checksums, exact keys) are the store's.
//!
//! It listens on loopback and knows nothing of the tool that it serves.

mod backend;
mod disk;
pub mod faults;
pub mod server;
pub mod store;

pub use faults::{Fault, FaultRule, Faults};
pub use server::{Api, Credentials, RecordedRequest, Running};
pub use store::{Mutation, Store, StoreOptions, StoredObject, Versioning};
