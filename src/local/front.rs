//! The port that S3 and the management of distributions share, as one endpoint does for a publisher.
//!
//! Decides by the path whose call a request is. Both go through the store's record and fault script.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use s3s::{Body, HttpError};

use super::control::ControlPlane;
use super::s3::{Running, S3Service, Store, listen, service};

/// Serves `store` and `control` on a free port of 127.0.0.1. Must be called in a Tokio runtime.
///
/// # Errors
/// When there is no port to listen on.
pub async fn serve(store: &Store, control: &ControlPlane) -> std::io::Result<Running> {
    let (s3, control) = (service(store), control.clone());
    let both = service_fn(move |request: Request<Incoming>| {
        let (s3, control) = (s3.clone(), control.clone());
        async move { answer(&s3, control, request.map(Body::from)).await }
    });
    listen(both, 0).await
}

async fn answer(
    s3: &S3Service,
    control: ControlPlane,
    request: Request<Body>,
) -> Result<Response<Body>, HttpError> {
    let path = request.uri().path().to_owned();
    if !ControlPlane::takes(&path) {
        return s3.answer(request).await;
    }
    let operation = ControlPlane::operation_of(request.method(), &path);
    let operation = operation.map_or("Unknown", |operation| operation.name());
    let act = |request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(HttpError::new)?.to_bytes();
        Ok(control.handle(Request::from_parts(parts, body)).await.map(Body::from))
    };
    let refuse = |answer: &super::faults::ErrorAnswer| -> Response<Body> {
        let refusal: Response<Bytes> = ControlPlane::refuse(&path, answer.status.as_u16(), answer.code);
        refusal.map(Body::from)
    };
    s3.answer_other(operation, request, act, refuse).await
}
