//! The management side of the embedded CDN: CloudFront's REST-XML API (2020-05-31) as far as a publisher calls it,
//! and the key value store's data API. Knows nothing of the tool that calls it.

pub mod answer;
pub mod faults;
pub mod ledger;
pub mod plane;
pub mod stores;
pub mod xml;

pub use faults::{Fault, Operation};
pub use ledger::{InvalidationRecord, InvalidationStatus};
pub use plane::ControlPlane;
