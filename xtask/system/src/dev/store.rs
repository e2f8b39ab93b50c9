//! The stores of a run: started, recorded, started again when they die, and described to the services.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::{JoinHandle, spawn_blocking};

use super::environment::Variables;
use super::log::Log;
use super::record::{POSTGRES, Record};
use crate::services::Store;
use crate::stores::Stores;

const REDIS: &str = "redis";
const LOOK: Duration = Duration::from_secs(1);

/// The stores, kept running until they are ended.
#[derive(Debug)]
pub(super) struct KeptStores {
    stores: Arc<Mutex<Option<Stores>>>,
    watcher: JoinHandle<()>,
    record: Arc<Record>,
    pub variables: BTreeMap<Store, Variables>,
}

impl KeptStores {
    /// Starts both on what `folder` holds.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn start(folder: &Path, record: &Arc<Record>, log: &Arc<Log>) -> Result<Self> {
        let folder = folder.to_owned();
        let stores =
            spawn_blocking(move || Stores::start(&folder)).await.context("starting the stores")??;
        let variables = BTreeMap::from([
            (Store::Database, owned(stores.postgres.variables())),
            (Store::Cache, owned(stores.redis.variables())),
        ]);
        note(&stores, record);
        let stores = Arc::new(Mutex::new(Some(stores)));
        let watcher = tokio::spawn(watch(Arc::clone(&stores), Arc::clone(record), Arc::clone(log)));
        Ok(Self { stores, watcher, record: Arc::clone(record), variables })
    }

    /// Ends both.
    pub async fn end(self) {
        self.watcher.abort();
        let stores = Arc::clone(&self.stores);
        // Dropping them waits for their ends.
        let take = move || {
            let taken = stores.lock().unwrap_or_else(PoisonError::into_inner).take()?;
            let processes = [taken.postgres.process_id(), taken.redis.process_id()];
            drop(taken);
            Some(processes)
        };
        let ended = spawn_blocking(take).await.ok().flatten();
        for process in ended.into_iter().flatten().flatten() {
            self.record.remove(process);
        }
    }
}

impl Drop for KeptStores {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

fn owned(variables: Vec<(&'static str, String)>) -> Variables {
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn note(stores: &Stores, record: &Record) {
    let processes = [(POSTGRES, stores.postgres.process_id()), (REDIS, stores.redis.process_id())];
    for (name, process) in processes {
        if let Some(process) = process
            && record.processes().iter().all(|known| known.process != process)
        {
            // A record that cannot be written helps nobody later, and hurts nobody now.
            let _ = record.add(name, process);
        }
    }
}

/// Looks after both, and starts again what has ended.
async fn watch(stores: Arc<Mutex<Option<Stores>>>, record: Arc<Record>, log: Arc<Log>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let (stores, record, log) = (Arc::clone(&stores), Arc::clone(&record), Arc::clone(&log));
        let look = move || {
            let mut guard = stores.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stores) = guard.as_mut() else { return };
            if !stores.postgres.is_running() {
                restart(&log, "PostgreSQL", stores.postgres.process_id(), &record, || {
                    stores.postgres.try_resume()
                });
            }
            if !stores.redis.is_running() {
                restart(&log, "Redis", stores.redis.process_id(), &record, || stores.redis.try_resume());
            }
            note(stores, &record);
        };
        let _ = spawn_blocking(look).await;
    }
}

fn restart<E: std::fmt::Display>(
    log: &Log,
    name: &str,
    process: Option<u32>,
    record: &Record,
    resume: impl FnOnce() -> Result<(), E>,
) {
    if let Some(process) = process {
        record.remove(process);
    }
    log.say(&format!("{name} ENDED UNEXPECTEDLY and is started again"));
    if let Err(error) = resume() {
        log.say(&format!("{name} does not start: {error}"));
    }
}
