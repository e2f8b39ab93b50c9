//! An S3 server of our own on the `s3s` crate: buckets, versions, conditional writes, multipart uploads, checksums
//! and signatures as AWS documents them, in memory or in a folder.
//!
//! It shares no logic with the code that it is used to check.

#[macro_use]
mod fields;

mod backend;
mod bucket_api;
mod change;
mod checksum;
mod condition;
mod copy_api;
mod delete_api;
mod folder;
mod list_api;
mod listing;
mod multipart_api;
mod object;
mod operation;
mod options;
mod read_api;
mod request_log;
mod server;
mod service;
mod state;
mod store;
mod upload;
mod view;
mod write_api;

pub use object::{ObjectHeaders, StoredObject};
pub use options::{ConditionalWrites, Credentials, RequestLogging, StoreOptions, Versioning};
pub use request_log::RecordedRequest;
pub use server::{Running, listen, serve};
pub use service::{S3Service, service};
pub use store::{ForeignObject, Store, StoreError};
pub use view::{Mutation, MutationHook, MutationKind, Snapshot, StoreView, VersionInfo};
