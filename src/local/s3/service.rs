//! The HTTP face of a store: the record of requests, the fault script and the region check round the `s3s` service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, HttpError, S3Error, S3ErrorCode, S3Result, s3_error};

use super::backend::Backend;
use super::operation::Target;
use super::options::Credentials;
use super::store::Store;
use crate::local::faults::{Call, ConnectionReset, Effect, ErrorAnswer};

/// Answers S3 requests from a store. An error from it means that the connection is to be closed unanswered.
#[derive(Clone)]
pub struct S3Service {
    store: Store,
    s3: s3s::service::S3Service,
    requests: Arc<AtomicU64>,
}

/// The service over `store`, for a listener that also serves other APIs; [`super::serve`] is the listener for S3 alone.
pub fn service(store: &Store) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Backend(store.clone()));
    builder.set_auth(OneKeyPair(store.options().credentials.clone()));
    S3Service { store: store.clone(), s3: builder.build(), requests: Arc::default() }
}

impl S3Service {
    /// Answers one request.
    ///
    /// # Errors
    /// When the fault script wants the connection closed without an answer.
    pub async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let target = Target::of(&request);
        let mut response = self.recorded(request, &target, |request| self.act(request), scripted).await?;
        self.add_headers(&mut response, &target);
        Ok(response)
    }

    /// Takes one request of another API on the same port through the record and the fault script: `act` answers it,
    /// and `refuse` makes the script's error answer in the form of that API. `operation` is that API's name for it.
    ///
    /// # Errors
    /// When the fault script wants the connection closed without an answer, or `act` does.
    pub async fn answer_other<A>(
        &self,
        operation: &'static str,
        request: Request<Body>,
        act: impl FnOnce(Request<Body>) -> A,
        refuse: impl FnOnce(&ErrorAnswer) -> Response<Body>,
    ) -> Result<Response<Body>, HttpError>
    where
        A: Future<Output = Result<Response<Body>, HttpError>>,
    {
        let target = Target { operation, bucket: None, key: None };
        self.recorded(request, &target, act, |answer| Ok(refuse(answer))).await
    }

    async fn recorded<A>(
        &self,
        request: Request<Body>,
        target: &Target,
        act: impl FnOnce(Request<Body>) -> A,
        refuse: impl FnOnce(&ErrorAnswer) -> Result<Response<Body>, HttpError>,
    ) -> Result<Response<Body>, HttpError>
    where
        A: Future<Output = Result<Response<Body>, HttpError>>,
    {
        let ticket = self.store.log().begin(&request, target);
        let response = self.through_faults(request, target, act, refuse).await?;
        self.store.log().finish(ticket, response.status().as_u16());
        Ok(response)
    }

    async fn through_faults<A>(
        &self,
        request: Request<Body>,
        target: &Target,
        act: impl FnOnce(Request<Body>) -> A,
        refuse: impl FnOnce(&ErrorAnswer) -> Result<Response<Body>, HttpError>,
    ) -> Result<Response<Body>, HttpError>
    where
        A: Future<Output = Result<Response<Body>, HttpError>>,
    {
        let faults = self.store.faults();
        if faults.is_stopped() {
            return Err(dropped());
        }
        let method = request.method().clone();
        let (bucket, key) = (target.bucket.as_deref(), target.key.as_deref());
        let verdict = faults.judge(&Call { operation: target.operation, method: &method, bucket, key });
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        for gate in &verdict.gates {
            gate.pass().await;
        }
        match verdict.effect {
            Some(Effect::DropBefore) => return Err(dropped()),
            Some(Effect::Answer(answer)) => {
                read_away(request).await?;
                return refuse(&answer);
            }
            Some(Effect::DropAfter) => return act(request).await.and_then(|_| Err(dropped())),
            Some(Effect::ResetAfter) => {
                return act(request).await.and_then(|_| Err(HttpError::new(Box::new(ConnectionReset))));
            }
            Some(Effect::Delay(_) | Effect::Hold(_) | Effect::FailKey { .. }) | None => {}
        }
        let response = act(request).await?;
        if faults.is_stopped() { Err(dropped()) } else { Ok(response) }
    }

    async fn act(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        match self.wrong_region(&request) {
            Some(error) => error.to_http_response().map_err(|error| HttpError::new(Box::new(error))),
            None => self.s3.call(request).await,
        }
    }

    /// A request that is signed for another region is refused before anything else.
    fn wrong_region(&self, request: &Request<Body>) -> Option<S3Error> {
        let authorization = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = authorization.split_once("Credential=")?;
        let scope = credential.split(',').next()?;
        let signed_for = scope.rsplit('/').nth(2)?;
        let region = &self.store.options().region;
        (signed_for != region).then(|| {
            s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region '{signed_for}' is wrong; expecting '{region}'"
            )
        })
    }

    fn add_headers(&self, response: &mut Response<Body>, target: &Target) {
        let headers = response.headers_mut();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request_id = HeaderValue::from_str(&format!("{number:016X}"));
        headers.extend(request_id.ok().map(|id| (http::HeaderName::from_static("x-amz-request-id"), id)));
        headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
        if target.bucket.is_some()
            && (target.key.is_none() || !response.status().is_success())
            && let Ok(region) = HeaderValue::from_str(&self.store.options().region)
        {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for S3Service {
    type Response = Response<Body>;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { service.answer(request.map(Body::from)).await })
    }
}

/// Reads the body of a request that is refused, so that the client is not cut off while it sends.
async fn read_away(request: Request<Body>) -> Result<(), HttpError> {
    let mut body = request.into_body();
    while let Some(chunk) = body.next().await {
        chunk.map_err(HttpError::new)?;
    }
    Ok(())
}

/// The error answer of the script.
fn scripted(answer: &ErrorAnswer) -> Result<Response<Body>, HttpError> {
    let message = match answer.status {
        StatusCode::SERVICE_UNAVAILABLE => "Please reduce your request rate.",
        StatusCode::FORBIDDEN => "Access Denied",
        _ => "The fault script says so.",
    };
    let code = S3ErrorCode::from_bytes(answer.code.as_bytes());
    let mut error = S3Error::with_message(code.unwrap_or(S3ErrorCode::InternalError), message);
    error.set_status_code(answer.status);
    error.to_http_response().map_err(|error| HttpError::new(Box::new(error)))
}

fn dropped() -> HttpError {
    HttpError::new("the fault script closes the connection".into())
}

struct OneKeyPair(Credentials);

#[async_trait::async_trait]
impl S3Auth for OneKeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key_id {
            return Ok(SecretKey::from(self.0.secret_access_key.as_str()));
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}
