//! The images of tasks: named after ECR's host, fetched from the registry that stands in for it, unpacked once each.

use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::cluster::{ImageSource, UnpackedImage};
use crate::image::{self, ImageConfig};

/// Images unpacked in a folder, by digest.
#[derive(Debug)]
pub struct Unpacked {
    folder: PathBuf,
    /// Without a closing slash.
    registry_url: String,
    /// Two tasks of an image unpack it once.
    unpacking: Mutex<()>,
}

impl Unpacked {
    pub fn new(folder: PathBuf, registry_url: String) -> Self {
        Self { folder, registry_url, unpacking: Mutex::new(()) }
    }
}

#[async_trait]
impl ImageSource for Unpacked {
    async fn fetch(&self, reference: &str) -> Result<UnpackedImage, String> {
        let (name, digest) = split(reference).ok_or_else(|| format!("`{reference}` names no digest"))?;
        let _alone = self.unpacking.lock().await;
        let folder = self.folder.join(digest.replace(':', "-"));
        let (root, config) = (folder.join("root"), folder.join("config.json"));
        if let Ok(text) = std::fs::read(&config) {
            let config: ImageConfig = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            return unpacked(root, &config);
        }
        // An earlier attempt that was cut off.
        let _ = std::fs::remove_dir_all(&folder);
        let host = self.registry_url.trim_start_matches("http://");
        let from = format!("{host}/{name}@{digest}");
        let (to, runtime) = (root.clone(), tokio::runtime::Handle::current());
        // It unpacks files one after another, which blocks.
        let unpacking =
            tokio::task::spawn_blocking(move || runtime.block_on(image::unpack(&from, &to))).await;
        let unpacked_config = unpacking
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("{reference}: {error:#}"))?;
        let text = serde_json::to_vec(&unpacked_config).map_err(|error| error.to_string())?;
        std::fs::write(&config, text).map_err(|error| error.to_string())?;
        unpacked(root, &unpacked_config)
    }
}

/// `sitepush-staging/counter` and `sha256:...` of a reference under ECR's host.
fn split(reference: &str) -> Option<(&str, &str)> {
    reference.split_once('/')?.1.split_once('@')
}

fn unpacked(root: PathBuf, config: &ImageConfig) -> Result<UnpackedImage, String> {
    let user = match config.user.split_once(':') {
        None if config.user.is_empty() => None,
        None => config.user.parse().ok().map(|user| (user, user)),
        Some((user, group)) => user.parse().ok().zip(group.parse().ok()),
    };
    let pairs = config.env.iter().filter_map(|pair| pair.split_once('='));
    Ok(UnpackedImage {
        root: Some(root),
        command: config.command().into_iter().map(str::to_owned).collect(),
        environment: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_stays_and_the_host_goes() {
        let reference = "1.dkr.ecr.eu-central-1.amazonaws.com/sitepush-staging/counter@sha256:ab";
        assert_eq!(split(reference), Some(("sitepush-staging/counter", "sha256:ab")));
        assert_eq!(split("host/name:tag"), None);
    }
}
