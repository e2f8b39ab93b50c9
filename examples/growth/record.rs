//! A record on the disk, read as a push reads it from the bucket: the first file, and the parts that it needs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use sitepush::core::build::{ClassifiedBuild, UnclassifiedFile};
use sitepush::core::manifest::parts::{Part, Split};
use sitepush::core::manifest::{Encoded, Manifest, Root};

const ROOT: &str = "manifest.json.gz";

/// Files of a record, and their bytes.
#[derive(Clone, Copy, Default)]
pub struct Traffic {
    bytes: usize,
    files: usize,
}

impl Traffic {
    fn with(self, bytes: &[u8]) -> Self {
        Self { bytes: self.bytes + bytes.len(), files: self.files + 1 }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.bytes, self.files)
    }
}

/// What is written of a record.
pub fn traffic_of(encoded: &Encoded) -> Traffic {
    let parts = encoded.new_parts.iter().map(|(_, bytes)| bytes);
    parts.fold(Traffic::default().with(&encoded.root), |traffic, bytes| traffic.with(bytes))
}

/// Writes the files of a record.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path, encoded: Encoded) -> Result<()> {
    std::fs::create_dir_all(folder.join("parts"))?;
    std::fs::write(folder.join(ROOT), encoded.root)?;
    for (name, bytes) in encoded.new_parts {
        std::fs::write(folder.join(name.file()), bytes)?;
    }
    Ok(())
}

/// The files of a record.
pub struct Record {
    folder: PathBuf,
    read: Cell<Traffic>,
}

impl Record {
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: Cell::default() }
    }

    /// What was read so far.
    pub fn read(&self) -> Traffic {
        self.read.get()
    }

    /// The record with the parts of which the build has other names or bytes.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn beside_build(&self, files: &[UnclassifiedFile]) -> Result<Manifest> {
        let root = Root::decode(&self.file(ROOT)?)?;
        let held = root.held_by(files, Split::default());
        let parts = root.parts().iter().enumerate();
        let others = parts.filter(|(position, _)| !held.contains_key(position));
        let others = others.map(|(position, part)| Ok((position, self.part(part)?)));
        let read: BTreeMap<usize, Bytes> = others.collect::<Result<_>>()?;
        Ok(root.beside_build(&read, &held, files)?)
    }

    /// Reads the parts that list other headers than the build wants.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn settle(&self, live: &mut Manifest, build: &ClassifiedBuild) -> Result<()> {
        for position in live.settle(&build.inventory.files) {
            let bytes = self.part(&live.parts.list[position])?;
            live.read_part(position, &bytes)?;
        }
        Ok(())
    }

    fn part(&self, part: &Part) -> Result<Bytes> {
        Ok(self.file(&part.name.file())?.into())
    }

    fn file(&self, name: &str) -> Result<Vec<u8>> {
        let bytes = std::fs::read(self.folder.join(name))?;
        self.read.set(self.read.get().with(&bytes));
        Ok(bytes)
    }
}
