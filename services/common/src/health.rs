//! `/healthz` and `/readyz`: whether the process is worth keeping, and whether it is worth sending requests to.
//!
//! Load balancers look at the first: a store that is down is not mended by replacing the processes in front of it. One that is
//! being migrated holds up the rollout that brought the migration.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Serialize;

use crate::error::{ApiError, StoreError};
use crate::lifecycle::Lifecycle;

/// What a service keeps its data in.
pub trait Store: Clone + Send + Sync + 'static {
    /// Asks the store something that it can only answer when it works.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the store refused the user or the password the last time that somebody connected. Does not ask.
    fn credentials_refused(&self) -> bool;

    /// Whether the store is being brought to what this version needs, or that has yet to begin. Does not ask. Not so while
    /// the store is not reached at all: nobody knows then how long that lasts, and a new process would not mend it.
    fn is_migrating(&self) -> bool {
        false
    }
}

/// Who answers, from which commit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Identity {
    pub service: &'static str,
    pub commit: String,
}

/// The answer of both checks when all is well.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    #[serde(flatten)]
    identity: Identity,
}

/// 200 while the process can do its work without being started again.
///
/// A password that was changed is the one failure of a store that only a new process mends, since it gets the new one
/// with its environment.
///
/// An instance that migrates cannot answer any request yet. Called alive, it would have a rollout go on and end the instances
/// of before, which can.
pub(crate) async fn healthz<S: Store>(
    State(store): State<S>,
    Extension(identity): Extension<Identity>,
) -> Result<Json<Health>, ApiError> {
    if store.credentials_refused() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "credentials_refused",
            "The store refuses this instance's credentials.",
        ));
    }
    if store.is_migrating() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "migrating",
            "The store is being migrated to what this instance needs.",
        ));
    }
    Ok(Json(Health { status: "alive", identity }))
}

/// 200 while the store answers and the process is not ending.
pub(crate) async fn readyz<S: Store>(
    State(store): State<S>,
    Extension(identity): Extension<Identity>,
    Extension(lifecycle): Extension<Arc<Lifecycle>>,
) -> Result<Json<Health>, ApiError> {
    if lifecycle.is_draining() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "This instance is ending."));
    }
    store.check().await?;
    Ok(Json(Health { status: "ready", identity }))
}
