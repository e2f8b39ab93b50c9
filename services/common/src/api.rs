//! The routes of a service and what every one of them is wrapped in.
//!
//! The routes are kept as a list too, so that a test can hold the service's OpenAPI document against it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::handler::Handler;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::error::{self, ApiError};
use crate::extract::BodyLimits;
use crate::health::{self, Identity, Store};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::observe::{self, Observer};
use crate::settings::CommonSettings;
use crate::unread;

/// How long a browser may remember that it may ask.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// The routes of a service.
pub struct Api<S> {
    paths: BTreeMap<&'static str, (Vec<Method>, MethodRouter<S>)>,
}

/// What the routes of a service are wrapped in.
#[derive(Clone)]
pub struct Frame {
    pub service: &'static str,
    pub settings: CommonSettings,
    pub metrics: Arc<Metrics>,
    pub lifecycle: Arc<Lifecycle>,
}

impl Frame {
    /// Runs something beside the requests that the service cannot do without: a panic in it ends the process.
    pub fn spawn_vital(&self, work: impl Future<Output = ()> + Send + 'static) {
        let lifecycle = Arc::clone(&self.lifecycle);
        let task = tokio::spawn(work);
        tokio::spawn(async move {
            if task.await.is_err() {
                lifecycle.give_up();
            }
        });
    }
}

impl<S: Store> Api<S> {
    /// The health checks, and the OpenAPI document at its own path.
    pub fn new(openapi_path: &'static str, openapi: &'static str) -> Self {
        let document = move || async move { ([(CONTENT_TYPE, "application/json")], openapi) };
        Self { paths: BTreeMap::new() }
            .on(Method::GET, "/healthz", health::healthz::<S>)
            .on(Method::GET, "/readyz", health::readyz::<S>)
            .on(Method::GET, openapi_path, document)
    }

    /// Adds a route.
    ///
    /// # Panics
    /// When the path has the method already, or the method is none that a route can have.
    pub fn on<H, T>(mut self, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("routes have standard methods");
        let (methods, router) = self.paths.remove(path).unwrap_or_default();
        let methods = [methods, vec![method]].concat();
        self.paths.insert(path, (methods, router.on(filter, handler)));
        self
    }

    /// Every method and path, as in `GET /healthz`, sorted.
    pub fn routes(&self) -> Vec<String> {
        let of_path = |(path, (methods, _)): (&&str, &(Vec<Method>, MethodRouter<S>))| -> Vec<String> {
            methods.iter().map(|method| format!("{method} {path}")).collect()
        };
        let mut routes: Vec<_> = self.paths.iter().flat_map(of_path).collect();
        routes.sort();
        routes
    }

    /// The whole service, ready to be served.
    pub fn into_router(self, store: S, frame: &Frame) -> Router {
        let mut router = Router::new();
        for (path, (methods, handlers)) in self.paths {
            let refuse = move || async move { error::no_such_method(&methods) };
            router = router.route(path, handlers.fallback(refuse));
        }
        let identity = Identity { service: frame.service, commit: frame.settings.commit.clone() };
        let observer =
            Observer { metrics: Arc::clone(&frame.metrics), lifecycle: Arc::clone(&frame.lifecycle) };
        let limits = &frame.settings.limits;
        // The last layer is the outermost. CORS and the observer see the answers of all the others, the refusals too.
        let mut router = router
            .fallback(error::no_such_route)
            .with_state(store)
            .layer(Extension(identity))
            .layer(Extension(Arc::clone(&frame.lifecycle)))
            .layer(DefaultBodyLimit::max(limits.body_bytes))
            .layer(Extension(BodyLimits { bytes: limits.body_bytes, time: limits.body }))
            .layer(middleware::from_fn_with_state(limits.request, limit_time))
            .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| error::panicked()))
            .layer(middleware::map_response(add_headers));
        if let Some(origin) = &frame.settings.site_origin {
            router = router.layer(cors(origin.clone()));
        }
        router
            .layer(middleware::from_fn_with_state(limits.body_bytes, unread::read))
            .layer(middleware::from_fn_with_state(observer, observe::observe))
    }
}

/// Answers 503 when the handler, the body included, takes longer than it may.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timed_out().into_response(),
    }
}

/// Answers are of the moment: neither browsers nor CloudFront may keep them.
async fn add_headers(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Lets pages of one origin call, with what pages need and nothing else: moderation is not for browsers.
fn cors(origin: HeaderValue) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list([origin]))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .expose_headers([observe::REQUEST_ID])
        .max_age(PREFLIGHT_MAX_AGE)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::error::StoreError;
    use crate::settings::Environment;

    #[derive(Clone)]
    struct NoStore;

    impl Store for NoStore {
        async fn check(&self) -> Result<(), StoreError> {
            Ok(())
        }

        fn credentials_refused(&self) -> bool {
            false
        }
    }

    /// What a service answers that has one route more, `GET /more`.
    async fn answer<H, T>(handler: H, variables: &[(&str, &str)]) -> (StatusCode, Value)
    where
        H: Handler<T, NoStore>,
        T: 'static,
    {
        let settings = CommonSettings::read(&mut Environment::of(variables.iter().copied()));
        let metrics = Arc::new(Metrics::new("test", "test"));
        let frame = Frame { service: "test", settings, metrics, lifecycle: Arc::new(Lifecycle::default()) };
        let api = Api::new("/openapi.json", "{}").on(Method::GET, "/more", handler);
        let request = Request::get("/more").body(Body::empty()).expect("it is a request");
        let response = api.into_router(NoStore, &frame).oneshot(request).await.expect("there is an answer");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1000).await.expect("it has a body");
        (status, serde_json::from_slice(&body).expect("it is JSON"))
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_like_any_mistake_of_ours() {
        async fn panicking() -> StatusCode {
            panic!("a secret")
        }
        let (status, body) = answer(panicking, &[]).await;
        assert_eq!((status, &body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &Value::from("internal")));
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_panic_in_what_the_service_cannot_do_without_ends_it() {
        let settings = CommonSettings::read(&mut Environment::default());
        let metrics = Arc::new(Metrics::new("test", "test"));
        let frame = Frame { service: "test", settings, metrics, lifecycle: Arc::new(Lifecycle::default()) };
        frame.spawn_vital(async {});
        frame.spawn_vital(async { panic!("it cannot go on") });
        frame.lifecycle.given_up().await;
        assert!(frame.lifecycle.has_given_up());
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_takes_too_long_is_not_waited_for() {
        let handler = |seconds| {
            move || async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                "\"done\""
            }
        };
        let limit = [("REQUEST_SECONDS", "7"), ("BODY_SECONDS", "1")];
        assert_eq!(answer(handler(6), &limit).await.0, StatusCode::OK);
        let (status, body) = answer(handler(8), &limit).await;
        assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::from("timed_out")));
    }
}
