//! The routes under `/api/counter/`, and what each of them takes and answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use serde::Deserialize;
use service_common::{Api, ApiError, JsonBody, Metrics, QueryPart, Store, StoreError};

use crate::page::Page;
use crate::views::{PageCount, Summary, Views};

const OPENAPI: &str = include_str!("../openapi.json");

/// What the handlers work with.
#[derive(Clone)]
pub struct Counter {
    pub views: Arc<Views>,
    pub metrics: Arc<Metrics>,
}

impl Store for Counter {
    async fn check(&self) -> Result<(), StoreError> {
        self.views.check().await
    }

    fn credentials_refused(&self) -> bool {
        self.views.credentials_refused()
    }
}

/// All that there is, each of it in `openapi.json` too.
pub fn api() -> Api<Counter> {
    Api::new("/api/counter/openapi.json", OPENAPI)
        .on(Method::GET, "/api/counter/views", read)
        .on(Method::POST, "/api/counter/views", add)
        .on(Method::GET, "/api/counter/summary", summary)
}

/// The page, in a query and in a body.
#[derive(Debug, Deserialize)]
struct View {
    page: String,
}

async fn read(
    State(counter): State<Counter>,
    QueryPart(view): QueryPart<View>,
) -> Result<Json<PageCount>, ApiError> {
    let page = Page::parse(&view.page)?;
    let count = counter.views.count(&page).await?;
    Ok(Json(PageCount { page: view.page, count }))
}

async fn add(
    State(counter): State<Counter>,
    JsonBody(view): JsonBody<View>,
) -> Result<Json<PageCount>, ApiError> {
    let page = Page::parse(&view.page)?;
    let count = counter.views.add(&page).await?;
    let count = count.ok_or_else(|| ApiError::invalid("too_many_pages", "No more pages are counted."))?;
    counter.metrics.count("Views");
    Ok(Json(PageCount { page: view.page, count }))
}

async fn summary(State(counter): State<Counter>) -> Result<Json<Summary>, ApiError> {
    Ok(Json(counter.views.summary().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_routes_and_no_others() {
        assert_eq!(service_testkit::documented_routes(OPENAPI), api().routes());
    }

    #[test]
    fn errors_look_the_same_in_both_services() {
        let error = |text: &str| -> serde_json::Value {
            let document: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            document["components"]["schemas"]["Error"].clone()
        };
        assert!(error(OPENAPI).is_object());
        assert_eq!(error(OPENAPI), error(include_str!("../../guestbook/openapi.json")));
    }
}
