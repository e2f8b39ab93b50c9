//! Sends an image to a registry, once: what is there is not sent again, and a tag is never moved.

use anyhow::{Result, ensure};
use oci_client::RegistryOperation;
use serde::Serialize;

use super::build::BuiltImage;
use super::error::ImageError;
use super::layout::Layout;
use super::manifest::MANIFEST;
use super::registry::{Connection, Registry};

/// An image in a registry, by the one name that will always mean it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinnedImage {
    pub service: String,
    /// `HOST/REPOSITORY@sha256:…`.
    pub reference: String,
    pub digest: String,
    /// Whether this run brought it there; `false` when it was there already.
    pub pushed: bool,
}

/// What the tag says that there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    Nothing,
    Send,
    /// The tag names another image, with this digest.
    Refuse(String),
}

/// Pushes an image under a tag, unless it is there already.
///
/// # Errors
/// When the tag is another image's, the layout was changed since it was built, or the registry does not take it.
pub async fn push(image: &BuiltImage, registry: &Registry, tag: &str) -> Result<PinnedImage> {
    let layout = Layout::read(&image.layout)?;
    ensure!(
        layout.digest == image.digest,
        "{} holds another image than the one that was built",
        image.layout.display()
    );
    let connection = registry.connect(&image.service, RegistryOperation::Push).await?;
    let refuse = |there| ImageError::TagTaken {
        reference: format!("{}:{tag}", registry.repository(&image.service)),
        there,
        ours: image.digest.clone(),
    };
    let pushed = match plan(connection.digest_of(tag).await?, &image.digest) {
        Plan::Nothing => false,
        Plan::Refuse(there) => return Err(refuse(there).into()),
        Plan::Send => {
            send(&connection, &layout, tag).await?;
            // Another one may have pushed at the same time; the registry has the last word.
            match plan(connection.digest_of(tag).await?, &image.digest) {
                Plan::Refuse(there) => return Err(refuse(there).into()),
                Plan::Nothing | Plan::Send => true,
            }
        }
    };
    Ok(PinnedImage {
        service: image.service.clone(),
        reference: registry.pinned(&image.service, &image.digest),
        digest: image.digest.clone(),
        pushed,
    })
}

fn plan(there: Option<String>, ours: &str) -> Plan {
    match there {
        None => Plan::Send,
        Some(there) if there == ours => Plan::Nothing,
        Some(there) => Plan::Refuse(there),
    }
}

/// What the manifest names goes first, so that it never names what is not there.
async fn send(connection: &Connection, layout: &Layout, tag: &str) -> Result<()> {
    for blob in layout.manifest.blobs() {
        if !connection.has_blob(&blob.digest).await? {
            connection.put_blob(&blob.digest, layout.blob(blob)?).await?;
        }
    }
    let media_type =
        if layout.manifest.media_type.is_empty() { MANIFEST } else { &layout.manifest.media_type };
    let Err(error) = connection.put_manifest(tag, media_type, &layout.manifest_bytes).await else {
        return Ok(());
    };
    // Where tags cannot be moved, a second try is refused after a first one whose answer was lost.
    match connection.digest_of(tag).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_set_once() {
        assert_eq!(plan(None, "sha256:1"), Plan::Send);
        assert_eq!(plan(Some("sha256:1".to_owned()), "sha256:1"), Plan::Nothing);
        assert_eq!(plan(Some("sha256:2".to_owned()), "sha256:1"), Plan::Refuse("sha256:2".to_owned()));
    }
}
