//! Tells when a folder changes, even where it is removed and made again.
//!
//! The system's watch holds on to the folder that was there when it began: builds that remove their output folder leave
//! it deaf. So it is made anew after each change, and the folder's identity is looked at in between. Reads no file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify_debouncer_full::notify::{Error, ErrorKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

/// Changes are waited for this long to settle: a bundler writes many files.
const SETTLE: Duration = Duration::from_millis(300);
/// How often the folder's identity is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The system cannot watch the folder: it has a limit, for one.
#[derive(Debug, thiserror::Error)]
#[error("the system does not watch the folder")]
pub struct WatchError(#[from] Error);

/// What is there after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    Present,
    Absent,
}

/// A watch over a folder and everything in it.
pub struct FolderWatch {
    folder: PathBuf,
    /// Of the folder that is watched; none while there is none.
    identity: Option<Identity>,
    watcher: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    sender: mpsc::UnboundedSender<()>,
    changes: mpsc::UnboundedReceiver<()>,
}

/// Tells a folder from another one of its name. A number may be given again, a time not.
type Identity = (u64, Option<SystemTime>);

impl FolderWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the system cannot watch the folder.
    pub fn begin(folder: &Path) -> Result<Self, WatchError> {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut watch = Self { folder: folder.to_owned(), identity: None, watcher: None, sender, changes };
        watch.arm()?;
        Ok(watch)
    }

    /// Waits until something has changed and settled. What changes after this has returned is told by the next call.
    ///
    /// # Errors
    /// When the system cannot watch the folder any more.
    pub async fn changed(&mut self) -> Result<FolderState, WatchError> {
        loop {
            let is_told = tokio::select! {
                Some(()) = self.changes.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if !is_told && identity(&self.folder) == self.identity {
                continue;
            }
            self.arm()?;
            while self.changes.try_recv().is_ok() {}
            match (self.identity, identity(&self.folder)) {
                (Some(_), _) => return Ok(FolderState::Present),
                (None, None) => return Ok(FolderState::Absent),
                // It is being made: the next look finds it.
                (None, Some(_)) => {}
            }
        }
    }

    /// Watches the folder that is there now, if there is one.
    fn arm(&mut self) -> Result<(), WatchError> {
        self.watcher = None;
        // Before the watch: a folder that takes this one's place in between is seen as another one.
        self.identity = identity(&self.folder);
        if self.identity.is_none() {
            return Ok(());
        }
        let sender = self.sender.clone();
        let mut watcher = new_debouncer(SETTLE, None, move |result: DebounceEventResult| {
            let is_change = result.is_ok_and(|events| events.iter().any(|event| !event.kind.is_access()));
            if is_change {
                let _ = sender.send(());
            }
        })?;
        match watcher.watch(&self.folder, RecursiveMode::Recursive) {
            Ok(()) => self.watcher = Some(watcher),
            // It, or a part of it, went in between: the next look finds what is there instead.
            Err(error) if is_absence(&error) => self.identity = None,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn is_absence(error: &Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn identity(folder: &Path) -> Option<Identity> {
    let metadata = folder.metadata().ok().filter(std::fs::Metadata::is_dir)?;
    Some((number(&metadata), metadata.created().ok()))
}

#[cfg(unix)]
fn number(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &std::fs::Metadata) -> u64 {
    0
}
