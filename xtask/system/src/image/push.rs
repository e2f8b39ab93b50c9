//! Sends an image to a registry, once: what is there is not sent again, and a tag is never moved. A commit that somebody else built
//! already, with other tools and so to other bytes, is that image.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use oci_client::RegistryOperation;
use serde::Serialize;

use super::build::BuiltImage;
use super::error::ImageError;
use super::layout::Layout;
use super::manifest::{ConfigFile, MANIFEST, Manifest, identity};
use super::registry::{Connection, Registry};
use super::source::Source;

/// An image in a registry, by the one name that will always mean it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinnedImage {
    pub service: String,
    /// `HOST/REPOSITORY@sha256:…`.
    pub reference: String,
    pub digest: String,
    pub arrival: Arrival,
}

/// How an image came to where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// This run brought it there.
    Pushed,
    /// It was there already.
    Found,
    /// It was there already, and has other bytes than what was built here of the same commit.
    FoundOtherBuild,
}

impl Arrival {
    /// In the words of a report.
    pub fn told(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Found => "already there",
            Self::FoundOtherBuild => "already there, built of this commit with other tools",
        }
    }
}

/// What the tag says that there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    Nothing,
    Send,
    /// The tag names another build of the same commit, with this digest: that is what runs.
    Take(String),
    /// The tag names another image, with this digest.
    Refuse(String),
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct There {
    digest: String,
    /// Empty for what is no image of ours.
    labels: BTreeMap<String, String>,
}

/// The digest that the image of a commit has: of what the registry holds under the commit's tag, if that is an image of the commit,
/// and else of what was built here. Changes nothing.
///
/// # Errors
/// When the tag is another image's, or the registry does not answer.
pub async fn digest_to_run(image: &BuiltImage, registry: &Registry, source: &Source) -> Result<String> {
    let connection = registry.connect(&image.service, RegistryOperation::Pull).await?;
    match plan(there(&connection, image, source).await?, image, source) {
        Plan::Nothing | Plan::Send => Ok(image.digest.clone()),
        Plan::Take(digest) => Ok(digest),
        Plan::Refuse(there) => Err(taken(image, registry, source, there).into()),
    }
}

/// Pushes an image under its commit's tag, unless one of that commit is there already.
///
/// # Errors
/// When the tag is another image's, the layout was changed since it was built, or the registry does not take it.
pub async fn push(image: &BuiltImage, registry: &Registry, source: &Source) -> Result<PinnedImage> {
    let layout = Layout::read(&image.layout)?;
    ensure!(
        layout.digest == image.digest,
        "{} holds another image than the one that was built",
        image.layout.display()
    );
    let connection = registry.connect(&image.service, RegistryOperation::Push).await?;
    let mut plan_now = plan(there(&connection, image, source).await?, image, source);
    let mut arrival = Arrival::Found;
    if plan_now == Plan::Send {
        send(&connection, &layout, &source.tag()).await?;
        arrival = Arrival::Pushed;
        // Another one may have pushed at the same time; the registry has the last word.
        plan_now = plan(there(&connection, image, source).await?, image, source);
    }
    let (digest, arrival) = match plan_now {
        Plan::Nothing | Plan::Send => (image.digest.clone(), arrival),
        Plan::Take(digest) => (digest, Arrival::FoundOtherBuild),
        Plan::Refuse(there) => return Err(taken(image, registry, source, there).into()),
    };
    let reference = registry.pinned(&image.service, &digest);
    Ok(PinnedImage { service: image.service.clone(), reference, digest, arrival })
}

fn plan(there: Option<There>, image: &BuiltImage, source: &Source) -> Plan {
    let Some(there) = there else { return Plan::Send };
    let is_of_commit =
        || identity(&image.service, source).iter().all(|(name, value)| there.labels.get(name) == Some(value));
    if there.digest == image.digest {
        Plan::Nothing
    } else if is_of_commit() {
        Plan::Take(there.digest)
    } else {
        Plan::Refuse(there.digest)
    }
}

fn taken(image: &BuiltImage, registry: &Registry, source: &Source, there: String) -> ImageError {
    let reference = format!("{}:{}", registry.repository(&image.service), source.tag());
    ImageError::TagTaken { reference, there, ours: image.digest.clone() }
}

/// What the commit's tag names. The labels of what was built here need not be asked for.
async fn there(connection: &Connection, image: &BuiltImage, source: &Source) -> Result<Option<There>> {
    let Some(digest) = connection.digest_of(&source.tag()).await? else { return Ok(None) };
    let mut labels = BTreeMap::new();
    if digest != image.digest {
        let manifest = match connection.manifest(&digest).await {
            // What is no manifest of one image, such as an index, is none of ours; some registries do not even give it out.
            Ok(bytes) => serde_json::from_slice::<Manifest>(&bytes).ok(),
            Err(error) if matches!(error.downcast_ref(), Some(ImageError::NotThere { .. })) => None,
            Err(error) => return Err(error),
        };
        if let Some(manifest) = manifest {
            let config: Option<ConfigFile> =
                serde_json::from_slice(&connection.blob(&manifest.config.digest).await?).ok();
            labels = config.map(|config| config.config.labels).unwrap_or_default();
        }
    }
    Ok(Some(There { digest, labels }))
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
    fn a_tag_is_set_once_and_what_it_names_is_taken_if_it_is_of_the_commit() {
        let source = |commit: &str, changed: &[&str]| Source {
            commit: commit.to_owned(),
            changed: changed.iter().map(|file| (*file).to_owned()).collect(),
            time: jiff::Timestamp::UNIX_EPOCH,
            url: None,
        };
        let image = BuiltImage {
            service: "app".to_owned(),
            digest: "sha256:1".to_owned(),
            layout: std::path::PathBuf::new(),
            size_bytes: 0,
            sbom: None,
        };
        let ours = source("a", &[]);
        let there = |digest: &str, labels| Some(There { digest: digest.to_owned(), labels });
        assert_eq!(plan(None, &image, &ours), Plan::Send);
        assert_eq!(plan(there("sha256:1", BTreeMap::new()), &image, &ours), Plan::Nothing);
        // Another clone may have another address, and so another label.
        let elsewhere = Source { url: Some("https://example.com".to_owned()), ..ours.clone() };
        let two = "sha256:2".to_owned();
        for same in [&ours, &elsewhere] {
            let labels = crate::image::manifest::labels("app", same);
            assert_eq!(plan(there(&two, labels), &image, &ours), Plan::Take(two.clone()));
        }
        for (name, other) in
            [("app", source("b", &[])), ("app", source("a", &["x"])), ("web", source("a", &[]))]
        {
            let labels = crate::image::manifest::labels(name, &other);
            assert_eq!(
                plan(there(&two, labels), &image, &ours),
                Plan::Refuse(two.clone()),
                "{name} {other:?}"
            );
        }
        assert_eq!(plan(there(&two, BTreeMap::new()), &image, &ours), Plan::Refuse(two));
    }
}
