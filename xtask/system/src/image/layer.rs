//! A root file system as a layer: a tar archive, compressed, the same bytes for the same files.

use std::io::Write;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::root::{Entry, RootFs, Run};

/// A compressed layer and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub bytes: Vec<u8>,
    /// Of the compressed bytes; `sha256:` and 64 hexadecimal digits, as all digests here.
    pub digest: String,
    /// Of the archive before it was compressed.
    pub diff_id: String,
}

impl Layer {
    /// Packs the files: sorted by name, owned by root, at the beginning of time.
    ///
    /// The time is not that of the commit, because then each commit would have a layer of its own, even when nothing in it is new.
    ///
    /// # Errors
    /// When a name is too long for an archive.
    pub fn pack(root: &RootFs) -> Result<Self> {
        let mut archive = Builder::new(Vec::new());
        for (path, entry) in &root.entries {
            let (kind, mode, content): (_, _, &[u8]) = match entry {
                Entry::Folder => (EntryType::Directory, 0o755, &[]),
                Entry::File { content, run: Run::Yes } => (EntryType::Regular, 0o755, content),
                Entry::File { content, run: Run::No } => (EntryType::Regular, 0o644, content),
            };
            let mut header = Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(content.len() as u64);
            let path = if kind == EntryType::Directory { format!("{path}/") } else { path.clone() };
            archive
                .append_data(&mut header, &path, content)
                .with_context(|| format!("cannot pack `{path}`"))?;
        }
        let archive = archive.into_inner().context("cannot end the archive")?;
        let diff_id = digest(&archive);
        // Neither a time nor a file name in the head. Level 9 is the one at which every processor takes the same way.
        let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        compressed.write_all(&archive).context("cannot compress the layer")?;
        let bytes = compressed.finish().context("cannot compress the layer")?;
        Ok(Self { digest: digest(&bytes), diff_id, bytes })
    }
}

/// `sha256:` and the hash in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", const_hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn root() -> RootFs {
        RootFs::assemble("app", b"program".to_vec(), RootFs::default()).expect("nothing collides")
    }

    #[test]
    fn everything_belongs_to_root_and_has_no_time() {
        let layer = Layer::pack(&root()).expect("it can be packed");
        let mut archive = tar::Archive::new(GzDecoder::new(&layer.bytes[..]));
        let mut found = Vec::new();
        for entry in archive.entries().expect("an archive") {
            let entry = entry.expect("an entry");
            let header = entry.header();
            assert_eq!(header.uid().expect("a user") + header.gid().expect("a group"), 0);
            assert_eq!(header.mtime().expect("a time"), 0);
            let path = entry.path().expect("a path").display().to_string();
            found.push((path, header.mode().expect("a mode")));
        }
        let wanted = [("app", 0o755), ("etc/", 0o755), ("etc/group", 0o644), ("etc/passwd", 0o644)];
        assert_eq!(found, wanted.map(|(path, mode)| (path.to_owned(), mode)));
    }

    #[test]
    fn the_two_digests_are_of_the_two_forms() {
        let layer = Layer::pack(&root()).expect("it can be packed");
        let mut archive = Vec::new();
        GzDecoder::new(&layer.bytes[..]).read_to_end(&mut archive).expect("it was compressed");
        assert_eq!(layer.digest, digest(&layer.bytes));
        assert_eq!(layer.diff_id, digest(&archive));
    }

    /// Bytes 4 to 7 of a gzip file are its time, and byte 3 says whether a name follows (RFC 1952).
    #[test]
    fn the_head_of_the_compressed_form_tells_nothing() {
        let layer = Layer::pack(&root()).expect("it can be packed");
        assert_eq!(layer.bytes[3..8], [0; 5]);
    }

    #[test]
    fn another_program_is_another_layer() {
        let other =
            RootFs::assemble("app", b"Program".to_vec(), RootFs::default()).expect("nothing collides");
        assert_ne!(Layer::pack(&root()).expect("packed").digest, Layer::pack(&other).expect("packed").digest);
    }

    /// The hash of no bytes, as every description of SHA-256 has it.
    #[test]
    fn a_digest_is_written_as_registries_do() {
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
