//! Of which commit an image is, as its own labels say it.

use anyhow::{Context, Result};

use super::manifest::ConfigFile;
use super::unpack::open;

/// Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md>.
const REVISION: &str = "org.opencontainers.image.revision";

/// The commit of an image that is named as `HOST/REPOSITORY@sha256:…`; none when its labels name none. Only documents are
/// fetched, no layer.
///
/// # Errors
/// When the image is not there, is not what its digests say, or the registry does not answer.
pub async fn revision(image: &str) -> Result<Option<String>> {
    let (from, manifest) = open(image).await?;
    let config = from.blob(&manifest.config).await?;
    let config: ConfigFile =
        serde_json::from_slice(&config).with_context(|| format!("`{image}` has no configuration"))?;
    Ok(config.config.labels.get(REVISION).cloned())
}
