//! What the edge function is to be told, and whether it was.

use crate::core::edge_settings::{self, EdgeSettings, Routing};
use crate::core::key::{ObjectKey, ViewerMapping};
use crate::core::manifest::Manifest;
use crate::core::planning::WantedEdgeSettings;
use crate::error::Error;
use crate::settings::TargetSettings;

use super::connect::{Connected, call_failed};
use super::distributions::Facts;

/// The settings for a site of these keys; none where the target names no store. Paths are those of the target's first
/// distribution.
pub fn wanted<'a>(
    target: &TargetSettings,
    routing: Routing,
    facts: &Facts,
    keys: impl Iterator<Item = &'a ObjectKey>,
) -> Option<EdgeSettings> {
    let store_arn = target.key_value_store.clone()?;
    let first = target.distributions.first().and_then(|id| facts.get(id));
    let origin_path = first.map(|facts| facts.origin_path.clone()).unwrap_or_default();
    let mapping = ViewerMapping { prefix: target.prefix.clone(), origin_path };
    Some(EdgeSettings { store_arn, value: edge_settings::derive(keys, &mapping, routing) })
}

/// The same, with what the store says if it has to be looked at: when asked to, and when the live release does not know
/// the store, so that a wrong one is found before anything is changed.
///
/// # Errors
/// When the store cannot be read.
pub async fn compared(
    wanted: Option<EdgeSettings>,
    connected: &Connected,
    manifest: Option<&Manifest>,
    must_look: bool,
) -> Result<Option<WantedEdgeSettings>, Error> {
    let Some(settings) = wanted else { return Ok(None) };
    let live = manifest.and_then(|manifest| manifest.edge_settings.as_ref());
    let is_known = live.is_some_and(|live| live.store_arn == settings.store_arn);
    if is_known && !must_look {
        return Ok(Some(WantedEdgeSettings { settings, has_drifted: false }));
    }
    let found = connected.stores.get(&settings.store_arn, edge_settings::STORE_KEY).await;
    let found = found.map_err(|error| {
        call_failed(format!("cannot read the key value store `{}`", settings.store_arn), error)
    })?;
    let has_drifted = found.as_ref() != Some(&settings.value);
    Ok(Some(WantedEdgeSettings { settings, has_drifted }))
}
