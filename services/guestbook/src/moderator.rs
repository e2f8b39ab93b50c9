//! Who may moderate: whoever sends the token.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use service_common::ApiError;
use subtle::ConstantTimeEq;

use crate::routes::Guestbook;

/// Proof that the request came with the token. A handler that moderates takes one.
#[derive(Debug)]
pub struct Moderator(());

impl FromRequestParts<Guestbook> for Moderator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, guestbook: &Guestbook) -> Result<Self, ApiError> {
        let Some(token) = &guestbook.moderation_token else {
            let message = "This guestbook is not moderated: it was given no token.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "moderation_off", message));
        };
        let given =
            parts.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // In constant time, so that an answer's delay does not tell how much of a guess was right.
        if given.is_some_and(|given| bool::from(given.ct_eq(token.as_bytes()))) {
            return Ok(Self(()));
        }
        Err(ApiError::new(StatusCode::UNAUTHORIZED, "not_a_moderator", "This needs the moderators' token."))
    }
}
