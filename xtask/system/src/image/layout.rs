//! Images as folders: the OCI image layout, which `skopeo` and others read as `oci:FOLDER`.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md>.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::layer::digest;
use super::manifest::{Descriptor, INDEX, Image, MANIFEST, Manifest};

/// The file that tells such a folder, and what is in it.
const MARK: &str = "oci-layout";
const MARK_CONTENT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// What the index calls an image by; `skopeo` takes it after the folder: `oci:FOLDER:TAG`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    manifests: Vec<Descriptor>,
}

/// The one image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    folder: PathBuf,
    /// Of the manifest, and so of the image.
    pub digest: String,
    pub manifest_bytes: Vec<u8>,
    pub manifest: Manifest,
}

impl Layout {
    /// Whether a folder is a layout.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(MARK).is_file()
    }

    /// Writes an image into `folder`, in place of what is there. The folder is whole at every instant, or not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(folder: &Path, image: &Image, tag: &str) -> Result<Self> {
        let mut entry = Descriptor::of(MANIFEST, &image.manifest);
        entry.annotations = BTreeMap::from([(REF_NAME.to_owned(), tag.to_owned())]);
        let index = Index { schema_version: 2, media_type: INDEX.to_owned(), manifests: vec![entry] };
        let index = serde_json::to_vec(&index).context("cannot write the index")?;
        let fresh = fresh_folder(folder)?;
        let blobs = fresh.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("cannot make {}", blobs.display()))?;
        for blob in [&image.manifest, &image.config, &image.layer.bytes] {
            write(&blobs.join(hash(&digest(blob))?), blob)?;
        }
        write(&fresh.join("index.json"), &index)?;
        write(&fresh.join(MARK), MARK_CONTENT.as_bytes())?;
        replace(&fresh, folder)?;
        Self::read(folder)
    }

    /// Reads the image in `folder`, and holds its manifest against the index.
    ///
    /// # Errors
    /// When there is no layout, or it does not hold exactly one image.
    pub fn read(folder: &Path) -> Result<Self> {
        let name = folder.display();
        let index =
            fs::read(folder.join("index.json")).with_context(|| format!("there is no image in {name}"))?;
        let index: Index =
            serde_json::from_slice(&index).with_context(|| format!("the index in {name} is none"))?;
        let [entry] = &index.manifests[..] else {
            bail!("{name} holds {} images instead of one", index.manifests.len());
        };
        ensure!(
            entry.media_type != INDEX,
            "{name} holds images for several platforms; build one of linux/amd64 alone"
        );
        let manifest_bytes = read_blob(folder, entry)?;
        let manifest = serde_json::from_slice(&manifest_bytes)
            .with_context(|| format!("the manifest in {name} is none"))?;
        Ok(Self { folder: folder.to_owned(), digest: entry.digest.clone(), manifest_bytes, manifest })
    }

    /// Reads bytes that the manifest names.
    ///
    /// # Errors
    /// When they are missing, or are not what their digest says.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        read_blob(&self.folder, descriptor)
    }
}

fn read_blob(folder: &Path, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let file = folder.join("blobs/sha256").join(hash(&descriptor.digest)?);
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(digest(&bytes) == descriptor.digest, "{} was changed: its name is not its hash", file.display());
    Ok(bytes)
}

/// The part of a digest that is a file's name. A digest comes from others: it must not lead anywhere else.
fn hash(digest: &str) -> Result<&str> {
    let hash = digest.strip_prefix("sha256:").unwrap_or_default();
    ensure!(
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "`{digest}` is no SHA-256 digest"
    );
    Ok(hash)
}

/// An empty folder beside `folder`.
pub(super) fn fresh_folder(folder: &Path) -> Result<PathBuf> {
    let fresh = folder.with_extension("new");
    remove(&fresh)?;
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    Ok(fresh)
}

/// Puts `fresh` where `folder` is.
pub(super) fn replace(fresh: &Path, folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::rename(fresh, folder).with_context(|| format!("cannot write {}", folder.display()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::image::layer::Layer;
    use crate::image::root::RootFs;
    use crate::image::source::Source;

    fn image(program: &[u8]) -> Image {
        let source =
            Source { commit: "c".repeat(40), changed: Vec::new(), time: Timestamp::UNIX_EPOCH, url: None };
        let root = RootFs::assemble("app", program.to_vec(), RootFs::default()).expect("nothing collides");
        Image::describe("app", Layer::pack(&root).expect("packed"), &source).expect("described")
    }

    #[test]
    fn what_is_written_is_read_and_replaces_what_was_there() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("app");
        Layout::write(&folder, &image(b"one"), "tag").expect("written");
        let written = Layout::write(&folder, &image(b"two"), "tag").expect("written over it");
        let read = Layout::read(&folder).expect("read");
        assert_eq!(read, written);
        assert_eq!(read.digest, digest(&image(b"two").manifest));
        let layer = read.blob(&read.manifest.layers[0]).expect("it is there");
        assert_eq!(layer, image(b"two").layer.bytes);
        assert_eq!(fs::read_dir(folder.join("blobs/sha256")).expect("a folder").count(), 3);
        assert_eq!(fs::read_dir(parent.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn bytes_that_were_changed_are_not_taken() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("app");
        let layout = Layout::write(&folder, &image(b"one"), "tag").expect("written");
        let layer = &layout.manifest.layers[0];
        fs::write(folder.join("blobs/sha256").join(&layer.digest[7..]), "other bytes").expect("written");
        let error = layout.blob(layer).expect_err("they have another hash");
        assert!(error.to_string().contains("its name is not its hash"), "{error}");
    }

    #[test]
    fn a_digest_leads_nowhere_else() {
        for bad in [
            "",
            "sha256:",
            "sha256:../../x",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &format!("sha256:{}", "/".repeat(64)),
        ] {
            assert!(hash(bad).is_err(), "{bad}");
        }
    }
}
