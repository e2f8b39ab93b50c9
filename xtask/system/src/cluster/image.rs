//! Where a task's program comes from.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::image::{ImageConfig, unpack};

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

/// Images of a registry, unpacked into folders by their digests, each once.
pub struct RegistryImages {
    folder: PathBuf,
    address_of: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// One image at a time: two tasks of one service start together.
    turn: Mutex<()>,
}

impl RegistryImages {
    /// Keeps images in `folder`. `address_of` says where an image really is: a task definition names a registry of AWS.
    pub fn new(folder: PathBuf, address_of: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { folder, address_of: Box::new(address_of), turn: Mutex::new(()) }
    }

    async fn unpacked(&self, reference: &str) -> Result<UnpackedImage> {
        let (_, digest) = reference.rsplit_once('@').context("the image is not named by its digest")?;
        let place = self.folder.join(digest.replace(':', "-"));
        let (root, config_file) = (place.join("root"), place.join("config.json"));
        let _turn = self.turn.lock().await;
        // The file is written last: a folder without it is one that was not finished.
        if !fs::exists(&config_file)? {
            if fs::exists(&place)? {
                fs::remove_dir_all(&place).with_context(|| format!("cannot remove `{}`", place.display()))?;
            }
            let address = (self.address_of)(reference);
            // Unpacking keeps a processor busy, and tasks are to be looked after meanwhile.
            let (handle, root) = (Handle::current(), root.clone());
            let unpacking = spawn_blocking(move || handle.block_on(unpack(&address, &root)));
            let config = unpacking.await.context("the image was not unpacked")??;
            fs::write(&config_file, serde_json::to_vec(&config)?)
                .with_context(|| format!("cannot write `{}`", config_file.display()))?;
        }
        let config: ImageConfig = serde_json::from_slice(&fs::read(&config_file)?)
            .with_context(|| format!("`{}` is not an image's configuration", config_file.display()))?;
        let command: Vec<String> = config.command().into_iter().map(ToOwned::to_owned).collect();
        ensure!(!command.is_empty(), "the image says of no program that it is to be run");
        let user = match config.user.as_str() {
            "" => None,
            named => Some(config.user_ids().with_context(|| format!("the user `{named}` is not a number"))?),
        };
        let pairs = config.env.iter().filter_map(|pair| pair.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(UnpackedImage { root: Some(root), command, environment, user })
    }
}

#[async_trait]
impl ImageSource for RegistryImages {
    async fn fetch(&self, reference: &str) -> Result<UnpackedImage, String> {
        let unpacked = self.unpacked(reference).await;
        // What ECS says begins so, and names the image.
        unpacked.map_err(|error| {
            format!(
                "pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {error:#}"
            )
        })
    }
}
