//! The routes under `/api/guestbook/`, and what each of them takes and answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use service_common::{Api, ApiError, JsonBody, Metrics, QueryPart, Store, StoreError};

use crate::database::{Database, Schema};
use crate::entries::{self, Entry, Listed, ModeratedEntry, Page};
use crate::moderator::Moderator;
use crate::text;

const OPENAPI: &str = include_str!("../openapi.json");

/// How many entries a page has unless the caller says otherwise, and at most.
const DEFAULT_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;

/// What the handlers work with.
#[derive(Clone)]
pub struct Guestbook {
    pub database: Database,
    pub moderation_token: Option<Arc<str>>,
    pub metrics: Arc<Metrics>,
}

impl Store for Guestbook {
    async fn check(&self) -> Result<(), StoreError> {
        self.database.query("SELECT 1", &[]).await.map(drop)
    }

    fn credentials_refused(&self) -> bool {
        self.database.credentials_refused()
    }

    fn is_migrating(&self) -> bool {
        self.database.schema() == Schema::Migrating
    }
}

/// All that there is, each of it in `openapi.json` too.
pub fn api() -> Api<Guestbook> {
    Api::new("/api/guestbook/openapi.json", OPENAPI)
        .on(Method::GET, "/api/guestbook/entries", list)
        .on(Method::POST, "/api/guestbook/entries", add)
        .on(Method::GET, "/api/guestbook/moderation/entries", list_all)
        .on(Method::PATCH, "/api/guestbook/moderation/entries/{id}", moderate)
        .on(Method::DELETE, "/api/guestbook/moderation/entries/{id}", delete)
}

#[derive(Debug, Deserialize)]
struct PageQuery {
    limit: Option<u16>,
    before: Option<i64>,
}

impl PageQuery {
    /// The id to list before and the number of entries.
    fn bounds(&self) -> Result<(i64, u16), ApiError> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let message = format!("The limit is not from 1 to {MAX_LIMIT}.");
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_query", message));
        }
        Ok((self.before.unwrap_or(i64::MAX), limit))
    }
}

#[derive(Debug, Deserialize)]
struct NewEntry {
    name: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Moderation {
    hidden: bool,
}

/// The id in a path. What is no id names no entry, so it is answered like one that is gone.
struct EntryId(i64);

impl<S: Send + Sync> FromRequestParts<S> for EntryId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await.ok();
        path.and_then(|Path(id)| id.parse().ok()).map(Self).ok_or_else(no_such_entry)
    }
}

async fn list(
    State(guestbook): State<Guestbook>,
    QueryPart(query): QueryPart<PageQuery>,
) -> Result<Json<Page<Entry>>, ApiError> {
    let (before, limit) = query.bounds()?;
    let page = entries::list(&guestbook.database, Listed::Shown, before, limit).await?;
    let entries = page.entries.into_iter().map(|moderated| moderated.entry).collect();
    Ok(Json(Page { entries, next_before: page.next_before }))
}

async fn add(
    State(guestbook): State<Guestbook>,
    JsonBody(new): JsonBody<NewEntry>,
) -> Result<(StatusCode, Json<Entry>), ApiError> {
    let (name, message) = (text::clean_name(&new.name)?, text::clean_message(&new.message)?);
    let entry = entries::add(&guestbook.database, &name, &message).await?;
    guestbook.metrics.count("EntriesAdded");
    Ok((StatusCode::CREATED, Json(entry)))
}

async fn list_all(
    _: Moderator,
    State(guestbook): State<Guestbook>,
    QueryPart(query): QueryPart<PageQuery>,
) -> Result<Json<Page<ModeratedEntry>>, ApiError> {
    let (before, limit) = query.bounds()?;
    Ok(Json(entries::list(&guestbook.database, Listed::All, before, limit).await?))
}

async fn moderate(
    _: Moderator,
    State(guestbook): State<Guestbook>,
    EntryId(id): EntryId,
    JsonBody(moderation): JsonBody<Moderation>,
) -> Result<Json<ModeratedEntry>, ApiError> {
    let entry = entries::set_hidden(&guestbook.database, id, moderation.hidden).await?;
    tracing::info!(id, hidden = moderation.hidden, found = entry.is_some(), "moderated an entry");
    entry.map(Json).ok_or_else(no_such_entry)
}

async fn delete(
    _: Moderator,
    State(guestbook): State<Guestbook>,
    EntryId(id): EntryId,
) -> Result<StatusCode, ApiError> {
    let found = entries::delete(&guestbook.database, id).await?;
    tracing::info!(id, found, "deleted an entry");
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_entry()) }
}

fn no_such_entry() -> ApiError {
    ApiError::not_found("There is no such entry.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_routes_and_no_others() {
        assert_eq!(service_testkit::documented_routes(OPENAPI), api().routes());
    }
}
