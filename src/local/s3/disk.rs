//! The folder form: bytes under their digest, and a log of what happened. Whoever is killed while writing loses at most
//! the last line, which was not answered yet.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::store::Attributes;

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder `{}` as a bucket", .path.display())]
pub struct DiskError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// One line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub(super) enum Entry {
    Bucket {
        name: String,
        has_versions: bool,
    },
    Put {
        bucket: String,
        key: String,
        blob: String,
        e_tag: String,
        version_id: String,
        last_modified_seconds: u64,
        attributes: Attributes,
    },
    Delete {
        bucket: String,
        key: String,
        version_id: Option<String>,
        marker: Option<String>,
    },
}

pub(super) struct Disk {
    folder: PathBuf,
    log: File,
}

#[expect(clippy::disallowed_methods, reason = "the folder form of the embedded bucket is files")]
impl Disk {
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>), DiskError> {
        let failed = |source| DiskError { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder.join("blobs")).map_err(failed)?;
        let path = folder.join("log.jsonl");
        let mut entries = Vec::new();
        let mut whole_bytes = 0;
        if path.exists() {
            let mut reader = BufReader::new(File::open(&path).map_err(failed)?);
            let mut line = String::new();
            while reader.read_line(&mut line).map_err(failed)? > 0 {
                let Ok(entry) = serde_json::from_str(&line) else { break };
                whole_bytes += line.len() as u64;
                entries.push(entry);
                line.clear();
            }
        }
        let log = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        log.set_len(whole_bytes).map_err(failed)?;
        Ok((Self { folder: folder.to_owned(), log }, entries))
    }

    /// Keeps bytes and returns the name to read them by.
    pub fn keep(&self, body: &Bytes) -> String {
        let name = hex::encode(Sha256::digest(body));
        let path = self.path(&name);
        if !path.exists() {
            let partial = self.folder.join("blobs").join(format!("{name}.partial"));
            let kept = std::fs::write(&partial, body).and_then(|()| std::fs::rename(&partial, &path));
            kept.expect("the bucket's folder can be written");
        }
        name
    }

    pub fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        let path = self.path(name);
        std::fs::read(&path).map(Bytes::from).map_err(|source| DiskError { path, source })
    }

    pub fn append(&mut self, entry: &Entry) {
        let mut line = serde_json::to_vec(entry).expect("an entry has only string keys");
        line.push(b'\n');
        self.log.write_all(&line).expect("the bucket's folder can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("blobs").join(name)
    }
}
