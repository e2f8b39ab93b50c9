//! Has the edge do what the emulator's CloudFront was asked for: invalidations, and the entries of the key value store. So the
//! chain is whole: `sitepush` speaks with CloudFront's API, and the edge hears of it from there.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cloudfront::Client;
use serde_json::Value;
use sitepush::local::edge::invalidation::Item;
use sitepush::local::edge::store::Change;
use sitepush::local::edge::{Edge, KeyValueStore};

use super::tree::DOMAIN;

/// How long after it was asked for a thing is done at most. A push waits for its invalidation no shorter.
const POLL: Duration = Duration::from_millis(200);

/// Follows the distribution of the site's domain, for ever.
pub async fn follow(client: Client, endpoint: String, edge: Edge, store: KeyValueStore) {
    let mut done = BTreeSet::new();
    let mut distribution = None;
    loop {
        // While Terraform is at it there is no distribution, and after a while there is.
        if let Err(error) = step(&client, &endpoint, &edge, &store, &mut distribution, &mut done).await {
            distribution = None;
            eprintln!("the edge does not hear from CloudFront: {error:#}");
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn step(
    client: &Client,
    endpoint: &str,
    edge: &Edge,
    store: &KeyValueStore,
    distribution: &mut Option<(String, Option<String>)>,
    done: &mut BTreeSet<String>,
) -> Result<()> {
    if distribution.is_none() {
        *distribution = find(client).await?;
    }
    let Some((id, store_arn)) = distribution.clone() else { return Ok(()) };
    // The store first: a page that is fetched anew has to be looked for where it is now.
    if let Some(arn) = store_arn {
        let endpoint = endpoint.to_owned();
        let wanted = tokio::task::spawn_blocking(move || entries(&endpoint, &arn)).await??;
        mirror(store, &wanted)?;
    }
    let listed =
        client.list_invalidations().distribution_id(&id).send().await.context("cannot list invalidations")?;
    let ids = listed.invalidation_list().map_or(&[][..], |list| list.items());
    for summary in ids.iter().rev().filter(|summary| !done.contains(summary.id())).collect::<Vec<_>>() {
        let got = client.get_invalidation().distribution_id(&id).id(summary.id()).send().await;
        let got = got.context("cannot read an invalidation")?;
        let batch = got.invalidation().and_then(|invalidation| invalidation.invalidation_batch());
        let paths = batch.and_then(|batch| batch.paths()).map_or(&[][..], |paths| paths.items());
        let items: Vec<Item> = paths.iter().filter_map(|path| Item::parse(path)).collect();
        edge.invalidate(&items);
        done.insert(summary.id().to_owned());
    }
    Ok(())
}

/// The distribution with the site's name, and the store that its function reads.
async fn find(client: &Client) -> Result<Option<(String, Option<String>)>> {
    let list = client.list_distributions().send().await.context("cannot list the distributions")?;
    let items = list.distribution_list().map_or(&[][..], |list| list.items());
    let is_site = |aliases: Option<&aws_sdk_cloudfront::types::Aliases>| {
        aliases.is_some_and(|aliases| aliases.items().iter().any(|name| name == DOMAIN))
    };
    let Some(found) = items.iter().find(|distribution| is_site(distribution.aliases())) else {
        return Ok(None);
    };
    let stores = client.list_key_value_stores().send().await.context("cannot list the key value stores")?;
    let stores = stores.key_value_store_list().map_or(&[][..], |list| list.items());
    Ok(Some((found.id().to_owned(), stores.first().map(|store| store.arn().to_owned()))))
}

/// All entries of a store. By plain HTTP: the SDK puts the account's id before the host, which is none for an address.
fn entries(endpoint: &str, arn: &str) -> Result<Vec<(String, String)>> {
    let arn = arn.replace(':', "%3A").replace('/', "%2F");
    let scope = "AWS4-HMAC-SHA256 Credential=emulated/20260101/us-east-1/cloudfront-keyvaluestore/aws4_request, SignedHeaders=host, Signature=none";
    let answer =
        ureq::get(format!("{endpoint}/key-value-stores/{arn}/keys")).header("authorization", scope).call();
    let text = answer.context("cannot read the key value store")?.body_mut().read_to_string()?;
    let document: Value =
        serde_json::from_str(&text).context("the key value store's entries are not JSON")?;
    let items = document["Items"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |item: &Value, name: &str| item[name].as_str().map(str::to_owned);
    Ok(items.iter().filter_map(|item| Some((text(item, "Key")?, text(item, "Value")?))).collect())
}

/// Makes the edge's store hold `wanted`, and nothing else.
fn mirror(store: &KeyValueStore, wanted: &[(String, String)]) -> Result<()> {
    let there = store.list();
    let mut changes = Vec::new();
    for (key, value) in wanted.iter().filter(|entry| !there.contains(entry)) {
        changes.push(Change::Put { key: key.clone(), value: value.clone() });
    }
    for (key, _) in there.iter().filter(|(key, _)| !wanted.iter().any(|(wanted, _)| wanted == key)) {
        changes.push(Change::Delete { key: key.clone() });
    }
    if !changes.is_empty() {
        store.update(&store.summary().e_tag, &changes).context("cannot change the edge's store")?;
    }
    Ok(())
}
