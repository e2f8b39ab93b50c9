//! Images of the services: built without a daemon, the same from the same source, pushed to a registry and pinned by digest.
//!
//! ```text
//! services/* ─► Service ─┬─► program (Cargo, static) ─► root file system ─► layer ─┬─► layout ─► registry ─► pinned image
//!                        └─► Dockerfile (`docker buildx`) ──────────────────────────┘
//! commit ───► Source ──► tag, labels, every time stamp
//! ```

mod build;
mod dockerfile;
mod ecr;
mod error;
mod layer;
mod layout;
mod manifest;
mod program;
mod push;
mod registry;
mod report;
mod retry;
mod revision;
mod root;
mod sbom;
mod services;
mod source;
mod task;
mod unpack;

pub use build::{BuiltImage, build};
pub use error::ImageError;
pub use manifest::ImageConfig;
pub use push::{Arrival, PinnedImage, digest_to_run, push};
pub use registry::Registry;
pub use revision::revision;
pub use services::{Kind, Service, services};
pub use source::Source;
pub use task::{Arguments, run};
pub use unpack::unpack;
