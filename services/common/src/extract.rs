//! Bodies and queries, read under the limits, with the project's own errors where they are not as they should be.

use std::time::Duration;

use axum::Json;
use axum::body::HttpBody as _;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// What a body may take, for those who read one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub bytes: usize,
    pub time: Duration,
}

/// A body that has to be JSON and say that it is.
///
/// A browser asks first before a page of another origin may send that type: so a foreign page can neither sign nor
/// count, whether or not it could read the answer.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limits = request.extensions().get::<BodyLimits>().copied();
        let BodyLimits { bytes, time } =
            limits.unwrap_or(BodyLimits { bytes: usize::MAX, time: Duration::MAX });
        // One that says itself that it is too long need not come first.
        if usize::try_from(request.body().size_hint().lower()).map_or(true, |length| length > bytes) {
            return Err(too_large());
        }
        match tokio::time::timeout(time, Json::from_request(request, state)).await {
            Ok(Ok(Json(value))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(refuse(&rejection)),
            Err(_) => {
                Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body took too long."))
            }
        }
    }
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large.")
}

fn refuse(rejection: &JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "The body has to be JSON and its content type `application/json`.",
        ),
        JsonRejection::JsonDataError(error) => ApiError::invalid("wrong_shape", shape(&error.body_text())),
        JsonRejection::JsonSyntaxError(_) => {
            ApiError::new(StatusCode::BAD_REQUEST, "bad_json", "The body is not JSON.")
        }
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(error))
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            too_large()
        }
        _ => ApiError::new(StatusCode::BAD_REQUEST, "bad_body", "The body could not be read to its end."),
    }
}

/// Which member is wrong, without the name of a Rust type in front.
fn shape(text: &str) -> String {
    let detail = text.split_once(": ").map_or(text, |(_, detail)| detail);
    format!("The body has another shape than it should: {detail}.")
}

/// The query of an address.
#[derive(Debug)]
pub struct QueryPart<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryPart<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                let text = error.body_text();
                let detail = text.split_once(": ").map_or(&*text, |(_, detail)| detail);
                Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "bad_query",
                    format!("The query is wrong: {detail}."),
                ))
            }
            Err(_) => Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_query", "The query is wrong.")),
        }
    }
}
