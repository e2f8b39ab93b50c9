//! What the edge remembers: responses by URI, encoding and chosen query parameters.
//!
//! Decides what is fresh and what an invalidation removes. It never evicts what may still be served: a site that is
//! previewed fits into memory; only expired errors are dropped, since anyone can ask for any name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Mutex as AsyncMutex;

use super::compress::Accepts;
use super::invalidation::Item;
use super::origin::OriginResponse;

/// Past so many entries, expired errors are swept out at each insertion.
const SWEEP_ABOVE: usize = 50_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    /// After the edge function: percent-encoded, with the query parameters of the cache policy.
    pub uri: String,
    pub accepts: Accepts,
}

/// A response as it is served.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub response: OriginResponse,
    /// The origin's own ETag, before compression made it weak.
    pub origin_e_tag: Option<String>,
    pub stored_at: SystemTime,
    pub expires_at: SystemTime,
    pub tags: Vec<String>,
    /// Whether the origin answered with an error, whatever status a custom page gave it.
    pub is_error: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<CacheKey, Arc<Entry>>,
    flights: HashMap<CacheKey, Arc<AsyncMutex<()>>>,
    generation: u64,
}

/// Which invalidations had been made when a fetch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Cache {
    /// The entry, fresh or stale.
    pub fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.lock().entries.get(key).cloned()
    }

    pub fn get_fresh(&self, key: &CacheKey, now: SystemTime) -> Option<Arc<Entry>> {
        self.get(key).filter(|entry| now < entry.expires_at)
    }

    /// The turnstile for fetching `key`: one request holds it and asks the origin, the others wait and then find
    /// the answer in the cache.
    pub fn flight(&self, key: &CacheKey) -> Arc<AsyncMutex<()>> {
        Arc::clone(self.lock().flights.entry(key.clone()).or_default())
    }

    /// Forgets the turnstile when nobody else stands at it.
    pub fn land(&self, key: &CacheKey, flight: Arc<AsyncMutex<()>>) {
        let mut state = self.lock();
        // Two holders: the map, and this caller.
        if Arc::strong_count(&flight) <= 2 {
            state.flights.remove(key);
        }
        drop(flight);
    }

    pub fn generation(&self) -> Generation {
        Generation(self.lock().generation)
    }

    /// Keeps `entry`, unless an invalidation came after `since`: what was fetched before it may be what it was to
    /// remove.
    pub fn insert(&self, key: &CacheKey, entry: &Arc<Entry>, since: Generation) {
        let mut state = self.lock();
        if state.generation != since.0 {
            return;
        }
        if state.entries.len() >= SWEEP_ABOVE {
            let now = entry.stored_at;
            state.entries.retain(|_, kept| !kept.is_error || now < kept.expires_at);
        }
        state.entries.insert(key.clone(), Arc::clone(entry));
    }

    /// Drops an entry that may no longer be served, stale or not.
    pub fn remove(&self, key: &CacheKey) {
        self.lock().entries.remove(key);
    }

    /// Removes all that `items` match, and says how many entries that was.
    pub fn invalidate(&self, items: &[Item]) -> usize {
        let mut state = self.lock();
        state.generation += 1;
        let before = state.entries.len();
        state.entries.retain(|key, entry| !items.iter().any(|item| item.matches(&key.uri, &entry.tags)));
        before - state.entries.len()
    }

    /// The URIs in the cache, sorted, each once.
    pub fn uris(&self) -> Vec<String> {
        let mut uris: Vec<_> = self.lock().entries.keys().map(|key| key.uri.clone()).collect();
        uris.sort_unstable();
        uris.dedup();
        uris
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No step under the lock leaves the maps half-changed, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
