//! What a caller is told when something did not work: a status, a code for programs and a sentence for people.
//!
//! Never tells a caller what a store said; that goes to the log.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;
use tracing::{error, warn};

use crate::observe;

/// An answer that is not what the caller wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

/// The document: `{"error": "The name is empty.", "code": "invalid_name", "request_id": "..."}`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    error: &'a str,
    code: &'a str,
    request_id: String,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The request was understood and what it says is not acceptable.
    pub fn invalid(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    pub fn not_found(message: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The store does not answer, or this instance cannot use it yet.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "The store does not answer at the moment.",
        )
    }

    pub fn timed_out() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", "The request took too long.")
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = observe::current_request_id();
        let document = Document { error: &self.message, code: self.code, request_id };
        let mut response = (self.status, Json(document)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Why a store did not do what it was asked to.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached, is starting, ending or overloaded: the same request may work in a moment.
    #[error("the store cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not take the user or the password: nothing works until the process has others.
    #[error("the store refuses the credentials")]
    CredentialsRefused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refuses the command itself: a mistake in this program.
    #[error("the store refuses the command")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for ApiError {
    fn from(failure: StoreError) -> Self {
        let cause = causes(&failure);
        match failure {
            StoreError::Unavailable(_) => warn!(cause, "the store cannot be used"),
            StoreError::CredentialsRefused(_) => error!(cause, "the store refuses the credentials"),
            StoreError::Broken(_) => {
                error!(cause, "the store refuses a command");
                return internal();
            }
        }
        Self::unavailable()
    }
}

/// The texts of an error and of all that caused it, from the outside in.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn internal() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong on our side.")
}

/// The answer to an address that there is not.
pub(crate) async fn no_such_route() -> ApiError {
    ApiError::not_found("There is nothing at this address.")
}

/// The answer to a method that an address does not have; `allowed` are those that it has.
pub(crate) fn no_such_method(allowed: &[Method]) -> Response {
    let message = "This address does not take this method.";
    let mut response =
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response();
    let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&names.join(",")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// The answer when a handler panicked; the panic itself is in the log already.
pub(crate) fn panicked() -> Response {
    internal().into_response()
}
