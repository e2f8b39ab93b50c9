//! Where a task's program comes from.

use std::path::PathBuf;

use async_trait::async_trait;

/// An image that lies unpacked on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackedImage {
    /// Its root file system; none for a program that is run where it is.
    pub root: Option<PathBuf>,
    /// Program and arguments, as within the root; never empty.
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// User and group, in numbers; none is whoever runs the cluster.
    pub user: Option<(u32, u32)>,
}

/// Gets images. The cluster asks again for every task: an implementation keeps what it has.
#[async_trait]
pub trait ImageSource: Send + Sync {
    /// Gets the image that a task definition names, such as `registry/name@sha256:...`.
    ///
    /// # Errors
    /// When there is none, in one sentence for `CannotPullContainerError`.
    async fn fetch(&self, reference: &str) -> Result<UnpackedImage, String>;
}
