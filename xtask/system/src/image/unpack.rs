//! Takes an image apart: its root file system into a folder, as a container would see it. For running one without a container.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use oci_client::RegistryOperation;
use sha2::{Digest, Sha256};
use tar::Archive;

use super::error::ImageError;
use super::layout::Layout;
use super::manifest::{ConfigFile, Descriptor, ImageConfig, Manifest};
use super::registry::{Connection, Registry};

/// What a layer says of a file that it takes away, and of a folder of which it takes everything.
/// Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts>.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Where an image is read from.
pub(super) enum From {
    Layout(Layout),
    Registry(Connection),
}

impl From {
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        match self {
            Self::Layout(layout) => layout.blob(descriptor),
            Self::Registry(connection) => connection.blob(&descriptor.digest).await,
        }
    }
}

/// Unpacks an image into `folder`, which has to be empty or not there, and returns how it is to be run.
///
/// `image` is the folder of a layout, or `HOST/REPOSITORY@sha256:…`. Every digest on the way is checked. Files belong to whom the
/// image says when root unpacks it, and else to whoever does.
///
/// # Errors
/// When the image is not there or is not what its digests say, or holds a path that would lead out of the folder.
pub async fn unpack(image: &str, folder: &Path) -> Result<ImageConfig> {
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_empty, "{} is not empty", folder.display());
    let (from, manifest) = open(image).await?;
    let config = from.blob(&manifest.config).await?;
    let config: ConfigFile =
        serde_json::from_slice(&config).with_context(|| format!("`{image}` has no configuration"))?;
    let layers = &config.rootfs.diff_ids;
    ensure!(
        layers.len() == manifest.layers.len(),
        "`{image}` tells of {} layers and has {}",
        layers.len(),
        manifest.layers.len()
    );
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (descriptor, diff_id) in manifest.layers.iter().zip(layers) {
        let bytes = decompress(&descriptor.media_type, from.blob(descriptor).await?)?;
        let found = format!("sha256:{}", const_hex::encode(Sha256::digest(&bytes)));
        ensure!(found == *diff_id, "a layer of `{image}` is not what its configuration says");
        apply(&bytes, folder).with_context(|| format!("cannot unpack `{image}`"))?;
    }
    Ok(config.config)
}

/// Where `image` is, and its manifest.
pub(super) async fn open(image: &str) -> Result<(From, Manifest)> {
    if Layout::is_at(Path::new(image)) {
        let layout = Layout::read(Path::new(image))?;
        let manifest = layout.manifest.clone();
        return Ok((From::Layout(layout), manifest));
    }
    let (registry, service, digest) = parse(image)?;
    let connection = registry.connect(service, RegistryOperation::Pull).await?;
    let manifest = connection.manifest(digest).await?;
    let manifest = serde_json::from_slice(&manifest)
        .with_context(|| format!("`{image}` has no manifest of one image"))?;
    Ok((From::Registry(connection), manifest))
}

/// The parts of `HOST/PREFIX/SERVICE@DIGEST`.
fn parse(image: &str) -> Result<(Registry, &str, &str)> {
    let refuse = |why| ImageError::Address { given: image.to_owned(), why };
    let (name, digest) =
        image.split_once('@').ok_or_else(|| refuse("it has no digest, and a tag may mean anything"))?;
    let (parent, service) = name.rsplit_once('/').ok_or_else(|| refuse("it has no repository"))?;
    Ok((Registry::parse(parent)?, service, digest))
}

fn decompress(media_type: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if media_type.ends_with("tar") {
        return Ok(bytes);
    }
    ensure!(media_type.ends_with("gzip"), "a layer is packed as `{media_type}`, which is not known here");
    let mut archive = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut archive).context("a layer is not whole")?;
    Ok(archive)
}

/// Puts one layer over what is there.
fn apply(archive: &[u8], folder: &Path) -> Result<()> {
    let mut archive = Archive::new(archive);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            take_away(
                folder,
                path.parent().unwrap_or(Path::new("")),
                if name == OPAQUE { None } else { Some(gone) },
            )?;
        } else if !entry.unpack_in(folder)? {
            bail!("`{}` would lead out of the folder", path.display());
        }
    }
    Ok(())
}

/// Removes a name from a folder of the layers below, or everything in it.
fn take_away(root: &Path, parent: &Path, name: Option<&str>) -> Result<()> {
    let is_inside = parent.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    ensure!(is_inside, "`{}` would lead out of the folder", parent.display());
    let parent = root.join(parent);
    let Ok(real) = parent.canonicalize() else { return Ok(()) };
    ensure!(real.starts_with(root.canonicalize()?), "`{}` leads out of the folder", parent.display());
    for entry in fs::read_dir(&real)? {
        let entry = entry?;
        if name.is_some_and(|name| entry.file_name() != name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tar::{Builder, EntryType, Header};

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(content.len() as u64);
            // As somebody with bad intent writes it: the library would refuse `..`.
            header.as_gnu_mut().expect("it is one").name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, content.as_bytes()).expect("packed");
        }
        archive.into_inner().expect("ended")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_later_layer_changes_and_takes_away() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        apply(&archive(&[("a", "1"), ("b", "1"), ("all/c", "1"), ("all/d", "1")]), root).expect("the first");
        apply(&archive(&[("a", "2"), (".wh.b", ""), ("all/.wh..wh..opq", ""), ("all/e", "2")]), root)
            .expect("the second");
        assert_eq!(names(root), ["a", "all"]);
        assert_eq!(names(&root.join("all")), ["e"]);
        assert_eq!(fs::read_to_string(root.join("a")).expect("a file"), "2");
    }

    #[test]
    fn nothing_outside_of_the_folder_is_written_or_removed() {
        let outer = tempfile::tempdir().expect("a folder");
        let root = outer.path().join("root");
        fs::create_dir(&root).expect("a folder");
        fs::write(outer.path().join("kept"), "").expect("a file");
        assert!(apply(&archive(&[("../new", "x")]), &root).is_err());
        assert!(apply(&archive(&[("../.wh.kept", "")]), &root).is_err());
        std::os::unix::fs::symlink("..", root.join("up")).expect("a link");
        assert!(apply(&archive(&[("up/.wh.kept", "")]), &root).is_err());
        assert!(apply(&archive(&[("up/new", "x")]), &root).is_err());
        assert_eq!(names(outer.path()), ["kept", "root"]);
    }

    #[test]
    fn an_image_is_asked_for_by_its_digest() {
        let (registry, service, digest) = parse("127.0.0.1:5000/a/b/app@sha256:1").expect("it is one");
        assert_eq!((registry.repository(service).as_str(), digest), ("a/b/app", "sha256:1"));
        for bad in ["127.0.0.1:5000/a/app:tag", "app@sha256:1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
