//! A CloudFront key value store in memory: what the edge function reads and the data API writes.
//!
//! Decides the store's limits and its ETag. Never knows what the values mean.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A key has at most 512 bytes (CloudFront Developer Guide, "Quotas on key value stores").
pub const MAX_KEY_BYTES: usize = 512;
/// A value has at most 1 KB (same source).
pub const MAX_VALUE_BYTES: usize = 1024;
/// A store has at most 5 MB, keys and values together (same source).
pub const MAX_STORE_BYTES: usize = 5 * 1024 * 1024;

/// A key value store. Clones share their contents, so a write through one is seen by all.
#[derive(Clone, Debug, Default)]
pub struct KeyValueStore {
    state: Arc<RwLock<State>>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, String>,
    size_bytes: usize,
    version: u64,
}

/// One change in an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put { key: String, value: String },
    Delete { key: String },
}

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSummary {
    pub e_tag: String,
    pub item_count: usize,
    pub total_size_bytes: usize,
}

/// Why an update was refused. Nothing of a refused update is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the store has changed: its ETag is `{current}`")]
    Stale { current: String },
    #[error("the key `{0}` does not exist")]
    NoSuchKey(String),
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes, and this one has {0}")]
    BadKey(usize),
    #[error("the value of `{key}` has {length_bytes} bytes, and a store takes at most {MAX_VALUE_BYTES}")]
    ValueTooLong { key: String, length_bytes: usize },
    #[error("the store would have {0} bytes, and it holds at most {MAX_STORE_BYTES}")]
    StoreFull(usize),
}

impl KeyValueStore {
    /// A new, empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<String> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).entries.get(key).cloned()
    }

    /// All entries, sorted by key.
    pub fn list(&self) -> Vec<(String, String)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The ETag and the sizes.
    pub fn summary(&self) -> StoreSummary {
        self.state.read().unwrap_or_else(PoisonError::into_inner).summary()
    }

    /// Makes all `changes`, in order, or none; `if_match` is the ETag that the store must still have.
    ///
    /// # Errors
    /// When the ETag is stale, a deleted key is absent, or a limit is passed.
    pub fn update(&self, if_match: &str, changes: &[Change]) -> Result<StoreSummary, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if if_match != state.e_tag() {
            return Err(StoreError::Stale { current: state.e_tag() });
        }
        let mut entries = state.entries.clone();
        for change in changes {
            apply(&mut entries, change)?;
        }
        let size_bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size_bytes > MAX_STORE_BYTES {
            return Err(StoreError::StoreFull(size_bytes));
        }
        let version = state.version + 1;
        *state = State { entries, size_bytes, version };
        Ok(state.summary())
    }

    /// Sets one key, whatever the ETag is now; for setting a scene.
    ///
    /// # Errors
    /// When a limit is passed.
    pub fn put(&self, key: &str, value: &str) -> Result<StoreSummary, StoreError> {
        let change = Change::Put { key: key.to_owned(), value: value.to_owned() };
        loop {
            match self.update(&self.summary().e_tag, std::slice::from_ref(&change)) {
                Err(StoreError::Stale { .. }) => {}
                done => return done,
            }
        }
    }
}

impl State {
    fn e_tag(&self) -> String {
        format!("KV{:011X}", self.version)
    }

    fn summary(&self) -> StoreSummary {
        StoreSummary {
            e_tag: self.e_tag(),
            item_count: self.entries.len(),
            total_size_bytes: self.size_bytes,
        }
    }
}

fn apply(entries: &mut BTreeMap<String, String>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Put { key, .. } if key.is_empty() || key.len() > MAX_KEY_BYTES => {
            Err(StoreError::BadKey(key.len()))
        }
        Change::Put { key, value } if value.len() > MAX_VALUE_BYTES => {
            Err(StoreError::ValueTooLong { key: key.clone(), length_bytes: value.len() })
        }
        Change::Put { key, value } => {
            entries.insert(key.clone(), value.clone());
            Ok(())
        }
        Change::Delete { key } => {
            entries.remove(key).map(|_| ()).ok_or_else(|| StoreError::NoSuchKey(key.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.into(), value: value.into() }
    }

    #[test]
    fn a_write_needs_the_current_e_tag() {
        let store = KeyValueStore::new();
        let before = store.summary().e_tag;
        store.update(&before, &[put("release", "a")]).expect("the tag is current");
        let lost = store.update(&before, &[put("release", "b")]);
        assert!(matches!(lost, Err(StoreError::Stale { .. })));
        assert_eq!(store.get("release").as_deref(), Some("a"));
    }

    #[test]
    fn a_refused_update_changes_nothing() {
        let store = KeyValueStore::new();
        let tag = store.summary().e_tag;
        let changes = [put("a", "1"), Change::Delete { key: "absent".into() }];
        assert_eq!(store.update(&tag, &changes), Err(StoreError::NoSuchKey("absent".into())));
        assert_eq!(store.list(), []);
        assert_eq!(store.summary().e_tag, tag);
    }

    #[test]
    fn the_limits_are_cloudfronts() {
        let store = KeyValueStore::new();
        assert!(store.put(&"k".repeat(512), &"v".repeat(1024)).is_ok());
        assert_eq!(store.put(&"k".repeat(513), ""), Err(StoreError::BadKey(513)));
        assert_eq!(store.put("", ""), Err(StoreError::BadKey(0)));
        assert!(matches!(store.put("k", &"v".repeat(1025)), Err(StoreError::ValueTooLong { .. })));
        assert_eq!(store.summary().total_size_bytes, 1536);
    }
}
