//! Names that promised too much: what a release must not call immutable when it goes live again.
//!
//! A build's names are judged in [`super::build`], where its files are classified; a record's objects were classified
//! when the release was made, and what came after it counts too.

use std::sync::Arc;

use super::cache_rules;
use super::key::ObjectKey;
use super::manifest::{Manifest, StoredObject};
use super::object_class::ObjectClass;
use super::retired::Lookup;

/// Takes the immutability of objects in `record` whose names were found to come with other bytes: before, by `live`, or
/// only now, because what is live or kept under the name, or was deleted, is another. Returns the latter, in key order.
pub fn demote(record: &mut Manifest, live: &Manifest) -> Vec<ObjectKey> {
    let mut newly_demoted = Vec::new();
    let retired = live.retired.lookup();
    for (key, object) in &mut record.objects {
        if !live.demoted.contains_key(key) {
            if !has_other_bytes(key, object, live, &retired) {
                continue;
            }
            newly_demoted.push(key.clone());
        }
        let object = Arc::make_mut(object);
        if object.headers.is_immutable() {
            let mut headers = (*object.headers).clone();
            headers.cache_control = Some(cache_rules::REVALIDATE.to_owned());
            object.headers = Arc::new(headers);
        }
        if object.class.outlives_the_build() {
            object.class = ObjectClass::Other;
        }
    }
    newly_demoted
}

/// Whether the name was not to change with its content, in the one release or the other, and does.
fn has_other_bytes(key: &ObjectKey, object: &StoredObject, live: &Manifest, retired: &Lookup) -> bool {
    let kept = || live.stale.get(key).map(|stale| &stale.object);
    match live.objects.get(key).or_else(kept) {
        Some(there) => (there.is_lasting() || object.is_lasting()) && there.sha256 != object.sha256,
        None => retired.has_other_bytes(key, object.sha256),
    }
}
