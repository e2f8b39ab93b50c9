//! Runs the edge function: the very file that is deployed, in an embedded JavaScript engine.
//!
//! Decides how a request becomes the event that CloudFront Functions documents and how the function's answer is
//! read. Never decides anything about routing: that is the file's.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use rquickjs::{Context, Ctx, Function, Module, Promise, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::store::KeyValueStore;
use crate::local::clock::Clock;

/// The edge function as it is deployed.
pub const SOURCE: &str = include_str!("../../edge_function.js");

/// What the `cloudfront` module of the runtime offers, as far as a viewer-request function without a chosen origin
/// can use it. `get` rejects for an absent key, as the real one does.
const CLOUDFRONT_MODULE: &str = r"
const get = globalThis.__kvs_get;
const store = {
  async get(key, options) {
    const text = get(key);
    if (text === undefined || text === null) throw new Error('KeyNotFound: ' + key);
    return options && options.format === 'json' ? JSON.parse(text) : text;
  },
  async exists(key) { return typeof get(key) === 'string'; },
};
export default { kvs() { return store; } };
";

/// The file has no export: its `handler` is found by name. These lines follow it in the same module.
const ENTRY: &str = r"
globalThis.__invoke = async (text, milliseconds) => {
  Date.now = () => milliseconds;
  return JSON.stringify(await handler(JSON.parse(text)));
};
";

/// A viewer's request as the function sees it.
#[derive(Clone, Debug, Default)]
pub struct FunctionRequest {
    pub method: String,
    /// The path as sent: percent-encoded, without the query.
    pub uri: String,
    /// The query as sent, without `?`; may be empty.
    pub query: String,
    /// In the order sent; names in any case.
    pub headers: Vec<(String, String)>,
}

/// What the function decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look up this URI (percent-encoded, starts with `/`) in the cache, then at the origin.
    Forward { uri: String },
    /// Answer this, without cache or origin.
    Respond(FunctionResponse),
}

/// An answer that the function made by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionResponse {
    pub status: u16,
    /// Names in lower case; cookies are here as `set-cookie`.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Why the function gave no verdict. CloudFront answers 503 then (error `FunctionExecutionError`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    #[error("the edge function does not load: {0}")]
    Load(String),
    #[error("the edge function failed: {0}")]
    Run(String),
    #[error("the edge function answered what CloudFront would refuse: {0}")]
    BadAnswer(String),
    #[error("the edge function's thread has ended")]
    Stopped,
}

/// A loaded function. Cheap to clone; clones share one engine, which lives on a thread of its own because it cannot
/// move between threads, and ends with the last clone.
#[derive(Clone, Debug)]
pub struct EdgeFunction {
    jobs: mpsc::Sender<Job>,
}

struct Job {
    event: String,
    answer: oneshot::Sender<Result<Verdict, FunctionError>>,
}

impl EdgeFunction {
    /// Compiles [`SOURCE`] once; it will read `store` and tell the time by `clock`.
    ///
    /// # Errors
    /// When the engine does not start or the file does not compile.
    pub fn load(store: KeyValueStore, clock: Clock) -> Result<Self, FunctionError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (loaded, outcome) = mpsc::channel();
        std::thread::Builder::new()
            .name("edge-function".to_owned())
            .spawn(move || run_engine(store, &clock, &queue, &loaded))
            .map_err(|error| FunctionError::Load(error.to_string()))?;
        outcome.recv().map_err(|_| FunctionError::Stopped)??;
        Ok(Self { jobs })
    }

    /// Runs the function on one request.
    ///
    /// # Errors
    /// When the function throws or its answer has not the documented shape.
    pub async fn run(&self, request: &FunctionRequest) -> Result<Verdict, FunctionError> {
        let (answer, verdict) = oneshot::channel();
        let job = Job { event: event(request).to_string(), answer };
        self.jobs.send(job).map_err(|_| FunctionError::Stopped)?;
        verdict.await.map_err(|_| FunctionError::Stopped)?
    }
}

fn run_engine(
    store: KeyValueStore,
    clock: &Clock,
    queue: &mpsc::Receiver<Job>,
    loaded: &mpsc::Sender<Result<(), FunctionError>>,
) {
    // The runtime must outlive the context, hence two bindings.
    let engine = Runtime::new().and_then(|runtime| Ok((Context::full(&runtime)?, runtime)));
    let (context, _runtime) = match engine {
        Ok(engine) => engine,
        Err(error) => return drop(loaded.send(Err(FunctionError::Load(error.to_string())))),
    };
    let outcome = context
        .with(|ctx| load_modules(&ctx, store).map_err(|error| FunctionError::Load(describe(&ctx, &error))));
    let failed = outcome.is_err();
    if loaded.send(outcome).is_err() || failed {
        return;
    }
    while let Ok(job) = queue.recv() {
        let answer = context.with(|ctx| {
            invoke(&ctx, job.event, clock).map_err(|error| FunctionError::Run(describe(&ctx, &error)))
        });
        // Whoever asked may have gone away meanwhile.
        let _ = job.answer.send(answer.and_then(|text| verdict(&text)));
    }
}

fn load_modules(ctx: &Ctx<'_>, store: KeyValueStore) -> rquickjs::Result<()> {
    let get = Function::new(ctx.clone(), move |key: String| store.get(&key))?;
    ctx.globals().set("__kvs_get", get)?;
    Module::evaluate(ctx.clone(), "cloudfront", CLOUDFRONT_MODULE)?.finish::<()>()?;
    Module::evaluate(ctx.clone(), "edge_function.js", format!("{SOURCE}{ENTRY}"))?.finish::<()>()
}

fn invoke(ctx: &Ctx<'_>, event: String, clock: &Clock) -> rquickjs::Result<String> {
    let milliseconds = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0;
    let function: Function<'_> = ctx.globals().get("__invoke")?;
    let promise: Promise<'_> = function.call((event, milliseconds.floor()))?;
    promise.finish()
}

fn describe(ctx: &Ctx<'_>, error: &rquickjs::Error) -> String {
    if !matches!(error, rquickjs::Error::Exception) {
        return error.to_string();
    }
    let thrown = ctx.catch();
    thrown.as_exception().map_or_else(|| format!("{thrown:?}"), ToString::to_string)
}

/// The event of a viewer request (CloudFront Developer Guide, "Event structure"): names in lower case, a repeated
/// header or query parameter in `multiValue`, cookies apart from the headers.
fn event(request: &FunctionRequest) -> Value {
    let mut headers = Multi::default();
    let mut cookies = Multi::default();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            for pair in value.split(';') {
                let (name, value) = pair.trim().split_once('=').unwrap_or((pair.trim(), ""));
                cookies.add(name, value);
            }
        } else {
            headers.add(&name, value);
        }
    }
    let mut query = Multi::default();
    for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        query.add(name, value);
    }
    json!({
        "version": "1.0",
        "context": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "viewer-request",
            "requestId": "local",
        },
        "viewer": { "ip": "127.0.0.1" },
        "request": {
            "method": request.method,
            "uri": request.uri,
            "querystring": query.into_json(),
            "headers": headers.into_json(),
            "cookies": cookies.into_json(),
        },
    })
}

#[derive(Default)]
struct Multi(Map<String, Value>);

impl Multi {
    fn add(&mut self, name: &str, value: &str) {
        let Some(Value::Object(first)) = self.0.get_mut(name) else {
            self.0.insert(name.to_owned(), json!({ "value": value }));
            return;
        };
        let first_value = first.get("value").cloned().unwrap_or_default();
        let all = first.entry("multiValue").or_insert_with(|| json!([{ "value": first_value }]));
        if let Value::Array(all) = all {
            all.push(json!({ "value": value }));
        }
    }

    fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    uri: Option<String>,
    status_code: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, HeaderValue>,
    #[serde(default)]
    cookies: BTreeMap<String, CookieValue>,
    body: Option<Body>,
}

#[derive(Deserialize, Serialize)]
struct HeaderValue {
    value: String,
}

#[derive(Deserialize, Serialize)]
struct CookieValue {
    value: String,
    #[serde(default)]
    attributes: String,
}

#[derive(Deserialize, Serialize)]
struct Body {
    data: String,
}

/// A `statusCode` makes the answer a response; otherwise it is the request to go on with.
fn verdict(text: &str) -> Result<Verdict, FunctionError> {
    let answer: Answer =
        serde_json::from_str(text).map_err(|error| FunctionError::BadAnswer(error.to_string()))?;
    let Some(status) = answer.status_code else {
        return match answer.uri {
            Some(uri) if uri.starts_with('/') => Ok(Verdict::Forward { uri }),
            uri => Err(FunctionError::BadAnswer(format!("the URI {uri:?}"))),
        };
    };
    let mut headers: Vec<_> = answer.headers.into_iter().map(|(name, header)| (name, header.value)).collect();
    headers.extend(answer.cookies.into_iter().map(|(name, cookie)| {
        let CookieValue { value, attributes } = cookie;
        let end = if attributes.is_empty() { String::new() } else { format!("; {attributes}") };
        ("set-cookie".to_owned(), format!("{name}={value}{end}"))
    }));
    let body = answer.body.map(|body| body.data).unwrap_or_default();
    Ok(Verdict::Respond(FunctionResponse { status, headers, body }))
}

#[cfg(test)]
#[path = "function_tests.rs"]
mod tests;
