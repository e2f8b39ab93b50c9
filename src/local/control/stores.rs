//! The data API of key value stores (CloudFront KeyValueStore, 2022-07-26): JSON, with ETags against lost updates.

use bytes::Bytes;
use http::{Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Refusal, json as respond, with_header};
use super::faults::Operation;
use crate::local::edge::store::{Change, KeyValueStore, StoreError, StoreSummary};

/// UpdateKeys takes at most 50 keys, and ListKeys gives at most 50 a page (API reference).
const MAX_KEYS: usize = 50;

/// A call, as far as its path tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub operation: Operation,
    /// Decoded.
    pub store_arn: String,
    /// Decoded; empty where the call is not about one key.
    pub key: String,
}

/// None for what is no call of this API.
pub(super) fn route(method: &Method, path: &str) -> Option<Call> {
    let segments: Vec<_> = path.strip_prefix("/key-value-stores/")?.split('/').collect();
    let (operation, key) = match (method.as_str(), segments.as_slice()) {
        ("GET", [_]) => (Operation::DescribeKeyValueStore, ""),
        ("GET", [_, "keys"]) => (Operation::ListKeys, ""),
        ("POST", [_, "keys"]) => (Operation::UpdateKeys, ""),
        ("GET", [_, "keys", key]) => (Operation::GetKey, *key),
        ("PUT", [_, "keys", key]) => (Operation::PutKey, *key),
        ("DELETE", [_, "keys", key]) => (Operation::DeleteKey, *key),
        _ => return None,
    };
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some(Call { operation, store_arn: decode(segments[0])?, key: decode(key)? })
}

/// Carries out `call` on the store it names.
pub(super) fn answer(
    call: &Call,
    store: &KeyValueStore,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, Refusal> {
    match call.operation {
        Operation::ListKeys => list(store, request.uri().query().unwrap_or_default()),
        Operation::GetKey => {
            let value = store.get(&call.key).ok_or_else(|| missing(&call.key))?;
            let summary = store.summary();
            Ok(respond(200, &merged(json!({ "Key": call.key, "Value": value }), &summary)))
        }
        Operation::PutKey => {
            let body: PutBody = parse(request.body())?;
            update(store, request, &[Change::Put { key: call.key.clone(), value: body.value }])
        }
        Operation::DeleteKey => update(store, request, &[Change::Delete { key: call.key.clone() }]),
        Operation::UpdateKeys => update(store, request, &changes(request.body())?),
        _ => {
            let summary = store.summary();
            let described = json!({
                "KvsARN": call.store_arn,
                "Created": 0,
                "LastModified": 0,
                "Status": "READY",
            });
            Ok(with_header(respond(200, &merged(described, &summary)), "etag", &summary.e_tag))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutBody {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateBody {
    #[serde(default)]
    puts: Vec<PutItem>,
    #[serde(default)]
    deletes: Vec<DeleteItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutItem {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteItem {
    key: String,
}

fn changes(body: &[u8]) -> Result<Vec<Change>, Refusal> {
    let body: UpdateBody = parse(body)?;
    let puts = body.puts.into_iter().map(|item| Change::Put { key: item.key, value: item.value });
    let deletes = body.deletes.into_iter().map(|item| Change::Delete { key: item.key });
    let changes: Vec<_> = puts.chain(deletes).collect();
    match changes.len() {
        0 => Err(invalid("an update names at least one key")),
        1..=MAX_KEYS => Ok(changes),
        count => Err(invalid(&format!("an update takes at most {MAX_KEYS} keys, and this one has {count}"))),
    }
}

fn update(
    store: &KeyValueStore,
    request: &Request<Bytes>,
    changes: &[Change],
) -> Result<Response<Bytes>, Refusal> {
    let if_match = request.headers().get("if-match").and_then(|value| value.to_str().ok());
    let if_match = if_match.ok_or_else(|| invalid("the header If-Match is missing"))?;
    let summary = store.update(if_match, changes).map_err(|error| refused(&error))?;
    Ok(with_header(respond(200, &merged(json!({}), &summary)), "etag", &summary.e_tag))
}

fn list(store: &KeyValueStore, query: &str) -> Result<Response<Bytes>, Refusal> {
    let parameter = |name: &str| {
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v))
    };
    let number = |name: &str, default: usize| match parameter(name) {
        Some(text) => text.parse::<usize>().map_err(|_| invalid(&format!("{name} is no number"))),
        None => Ok(default),
    };
    let page = number("MaxResults", 10)?.clamp(1, MAX_KEYS);
    let start = number("NextToken", 0)?;
    let all = store.list();
    let items: Vec<_> =
        all.iter().skip(start).take(page).map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let next = start + items.len();
    let mut told = json!({ "Items": items });
    if next < all.len() {
        told["NextToken"] = json!(next.to_string());
    }
    Ok(respond(200, &told))
}

fn merged(mut told: Value, summary: &StoreSummary) -> Value {
    told["ItemCount"] = json!(summary.item_count);
    told["TotalSizeInBytes"] = json!(summary.total_size_bytes);
    told
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

fn missing(key: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", format!("The key `{key}` does not exist."))
}

fn refused(error: &StoreError) -> Refusal {
    match error {
        StoreError::Stale { .. } => Refusal::new(409, "ConflictException", error.to_string()),
        StoreError::NoSuchKey(key) => missing(key),
        StoreError::StoreFull(_) => Refusal::new(402, "ServiceQuotaExceededException", error.to_string()),
        StoreError::BadKey(_) | StoreError::ValueTooLong { .. } => invalid(&error.to_string()),
    }
}
