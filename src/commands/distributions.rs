//! What is known of the target's distributions: asked once, kept in the manifest, and asked again before it matters.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::core::manifest::{DistributionFacts, Manifest};
use crate::core::plan::Plan;
use crate::error::Error;
use crate::settings::TargetSettings;

use super::connect::{Connected, call_failed};

/// A push that changes something asks again after this time: somebody may have given the origin another path.
const TRUSTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Cache tags drop nothing on a distribution that has stopped reading them, so they are never used on old knowledge.
const TRUSTED_FOR_TAGS: SignedDuration = SignedDuration::from_secs(60);

/// By id, in the words of the manifest where it has them.
pub type Facts = BTreeMap<String, DistributionFacts>;

/// The facts that a plan begins with.
///
/// # Errors
/// When a distribution that the manifest does not know is not there: found out before anything is changed.
pub async fn known(
    target: &TargetSettings,
    connected: &Connected,
    manifest: Option<&Manifest>,
) -> Result<Facts, Error> {
    let mut facts = Facts::new();
    for id in &target.distributions {
        let known = manifest.and_then(|manifest| manifest.distributions.get(id).cloned());
        let found = match known {
            Some(known) => known,
            None => ask(id, target, connected).await?,
        };
        facts.insert(id.clone(), found);
    }
    Ok(facts)
}

/// The facts asked for anew, if the plan changes something and they are too old for it.
///
/// # Errors
/// When a distribution is not there any more.
pub async fn renewed(
    facts: &Facts,
    plan: &Plan,
    target: &TargetSettings,
    connected: &Connected,
) -> Result<Option<Facts>, Error> {
    if plan.is_empty() {
        return Ok(None);
    }
    let now = connected.clock.service_now();
    if !facts.iter().any(|(id, known)| is_too_old(known, uses_tags(plan, id), now)) {
        return Ok(None);
    }
    let mut renewed = Facts::new();
    for id in facts.keys() {
        renewed.insert(id.clone(), ask(id, target, connected).await?);
    }
    Ok(Some(renewed))
}

fn uses_tags(plan: &Plan, distribution_id: &str) -> bool {
    let ours = plan.invalidations.iter().filter(|planned| planned.distribution_id == distribution_id);
    ours.flat_map(|planned| &planned.items).any(|item| item.starts_with('#'))
}

fn is_too_old(known: &DistributionFacts, uses_tags: bool, now: Timestamp) -> bool {
    let trusted_for = if uses_tags { TRUSTED_FOR_TAGS } else { TRUSTED_FOR };
    now.duration_since(known.checked_at) > trusted_for
}

async fn ask(id: &str, target: &TargetSettings, connected: &Connected) -> Result<DistributionFacts, Error> {
    let now = connected.clock.service_now();
    let found = connected.cloudfront.get_distribution(id, (&target.bucket, &target.prefix), now).await;
    found.map_err(|error| call_failed(format!("cannot read distribution `{id}`"), error))
}
