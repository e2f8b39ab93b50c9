//! placeholder
use serde::{Deserialize, Serialize};
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectClass {
    Fingerprinted,
    Other,
    Page,
    RootPage,
    ServiceWorker,
}
