//! One port for the management of all local distributions.
//!
//! Decides which call a request is and who may make it (anyone who signs: the signature itself is not checked, for
//! the server is on loopback). Invalidations take effect at once and are reported complete later, by the clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response};

use super::answer::{Refusal, with_header, xml};
use super::faults::{Fault, FaultScript, Operation};
use super::ledger::{Accepted, InvalidationRecord, Ledger, status};
use super::stores;
use super::xml::{Element, InvalidationBatch};
use crate::local::edge::Edge;

const API: &str = "/2020-05-31/";
const ACCOUNT: &str = "000000000000";

/// The control plane of some edges. Cheap to clone; clones are the same plane.
#[derive(Clone)]
pub struct ControlPlane {
    inner: Arc<Inner>,
}

struct Inner {
    edges: BTreeMap<String, Edge>,
    completion: Duration,
    /// The domain name of the bucket that the edges show.
    origin: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledgers: BTreeMap<String, Ledger>,
    faults: FaultScript,
    calls: Vec<Operation>,
    hook: Option<InvalidationHook>,
}

/// Called with the id of the distribution after each invalidation that is made.
type InvalidationHook = Arc<dyn Fn(&str, &InvalidationRecord) + Send + Sync>;

impl ControlPlane {
    /// A plane for `edges`, by distribution id. Invalidations are complete as soon as they are made.
    pub fn new(edges: BTreeMap<String, Edge>) -> Self {
        Self::with_completion(edges, Duration::ZERO)
    }

    /// The same, with invalidations that are in progress for `completion` by their edge's clock.
    pub fn with_completion(edges: BTreeMap<String, Edge>, completion: Duration) -> Self {
        Self::of_bucket(edges, completion, "site")
    }

    /// The same, where the edges show this bucket.
    pub fn of_bucket(edges: BTreeMap<String, Edge>, completion: Duration, bucket: &str) -> Self {
        let origin = format!("{bucket}.s3.amazonaws.com");
        Self { inner: Arc::new(Inner { edges, completion, origin, state: Mutex::default() }) }
    }

    /// Whether a request with this path is for [`Self::handle`]; on a shared port the rest is S3's.
    pub fn takes(path: &str) -> bool {
        path.starts_with(API) || path.starts_with("/key-value-stores/")
    }

    /// The ARN under which the data API knows the key value store of a distribution.
    pub fn store_arn(distribution_id: &str) -> String {
        format!("arn:aws:cloudfront::{ACCOUNT}:key-value-store/{distribution_id}")
    }

    /// Lets the next `times` calls of `operation` (or of any, for none) fail with `fault`, after those already asked
    /// for. A call that fails so has no effect.
    pub fn fail(&self, operation: Option<Operation>, fault: Fault, times: u32) {
        self.inner.lock().faults.add(operation, fault, times);
    }

    /// The invalidations of a distribution, oldest first.
    pub fn invalidations(&self, distribution_id: &str) -> Vec<InvalidationRecord> {
        let state = self.inner.lock();
        state.ledgers.get(distribution_id).map(|ledger| ledger.records().to_vec()).unwrap_or_default()
    }

    /// Calls `hook` with the distribution's id after each invalidation that is made from now on and before it is
    /// answered, in the place of an earlier hook. A request that stands for an earlier invalidation makes none.
    pub fn on_invalidation(&self, hook: impl Fn(&str, &InvalidationRecord) + Send + Sync + 'static) {
        self.inner.lock().hook = Some(Arc::new(hook));
    }

    /// The signed calls so far, failed ones too, in order.
    pub fn calls(&self) -> Vec<Operation> {
        self.inner.lock().calls.clone()
    }

    /// The call that a request is; none for what is no call of these APIs.
    pub fn operation_of(method: &Method, path: &str) -> Option<Operation> {
        let call = stores::route(method, path).map(|call| call.operation);
        call.or_else(|| route(method, path).map(|(operation, ..)| operation))
    }

    /// An error answer in the form of the API that this path is of.
    pub fn refuse(path: &str, status: u16, code: &'static str) -> Response<Bytes> {
        let refusal = Refusal::new(status, code, "The fault script says so.");
        if path.starts_with(API) { refusal.into_xml() } else { refusal.into_json() }
    }

    /// Answers one request, with its body read.
    #[expect(clippy::unused_async, reason = "a service function is async, and its callers should not notice")]
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        if let Some(call) = stores::route(request.method(), path) {
            return self.inner.store_call(&call, &request).unwrap_or_else(Refusal::into_json);
        }
        self.inner.xml_call(&request).unwrap_or_else(Refusal::into_xml)
    }
}

/// A call of the XML API: what is asked, of which distribution, and about which invalidation. Ids are empty where the
/// call names none.
fn route<'a>(method: &Method, path: &'a str) -> Option<(Operation, &'a str, &'a str)> {
    let segments: Vec<_> = path.strip_prefix(API)?.split('/').collect();
    let call = match (method.as_str(), segments.as_slice()) {
        ("GET", ["distribution"]) => (Operation::ListDistributions, "", ""),
        ("GET", ["distribution", id]) => (Operation::GetDistribution, *id, ""),
        ("GET", ["distribution", id, "config"]) => (Operation::GetDistributionConfig, *id, ""),
        ("POST", ["distribution", id, "invalidation"]) => (Operation::CreateInvalidation, *id, ""),
        ("GET", ["distribution", id, "invalidation"]) => (Operation::ListInvalidations, *id, ""),
        ("GET", ["distribution", id, "invalidation", invalidation_id]) => {
            (Operation::GetInvalidation, *id, *invalidation_id)
        }
        _ => return None,
    };
    Some(call)
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every call goes through first: signed, counted, perhaps made to fail.
    fn admit(&self, request: &Request<Bytes>, operation: Operation) -> Result<(), Refusal> {
        if !request.headers().contains_key("authorization") {
            let message = "Request is missing Authentication Token";
            return Err(Refusal::new(403, "MissingAuthenticationToken", message));
        }
        let mut state = self.lock();
        state.calls.push(operation);
        state.faults.take(operation).map_or(Ok(()), Err)
    }

    fn store_call(&self, call: &stores::Call, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
        self.admit(request, call.operation)?;
        let (_, edge) =
            self.edges.iter().find(|(id, _)| ControlPlane::store_arn(id) == call.store_arn).ok_or_else(
                || Refusal::new(404, "ResourceNotFoundException", "The key value store was not found."),
            )?;
        stores::answer(call, &edge.options().store, request)
    }

    fn xml_call(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
        let path = request.uri().path();
        let unknown = || Refusal::new(501, "NotImplemented", format!("no such call: {path}"));
        let (operation, id, invalidation_id) = route(request.method(), path).ok_or_else(unknown)?;
        self.admit(request, operation)?;
        if operation == Operation::ListDistributions {
            return Ok(xml(200, &self.distribution_list()));
        }
        let edge = self.edges.get(id).ok_or_else(|| {
            Refusal::new(404, "NoSuchDistribution", "The specified distribution does not exist.")
        })?;
        match operation {
            Operation::GetDistribution => Ok(tagged(xml(200, &self.distribution(id, edge)))),
            Operation::GetDistributionConfig => Ok(tagged(xml(200, &self.config(id, edge)))),
            Operation::CreateInvalidation => self.create_invalidation(id, edge, request),
            Operation::ListInvalidations => {
                Ok(xml(200, &self.invalidation_list(id, edge, request.uri().query())))
            }
            _ => self.get_invalidation(id, edge, invalidation_id),
        }
    }

    fn create_invalidation(
        &self,
        id: &str,
        edge: &Edge,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, Refusal> {
        let batch = InvalidationBatch::parse(request.body()).ok_or_else(|| {
            Refusal::new(400, "MalformedInput", "The request body is no InvalidationBatch.")
        })?;
        let now = edge.clock().now();
        let accepted =
            self.lock().ledgers.entry(id.to_owned()).or_default().create(batch, now, self.completion)?;
        let record = match accepted {
            Accepted::New(record, items) => {
                edge.invalidate(&items);
                let hook = self.lock().hook.clone();
                if let Some(hook) = hook {
                    hook(id, &record);
                }
                record
            }
            Accepted::Earlier(record) => record,
        };
        let location = format!("{API}distribution/{id}/invalidation/{}", record.id);
        Ok(with_header(xml(201, &self.invalidation(&record, now)), "location", &location))
    }

    fn get_invalidation(&self, id: &str, edge: &Edge, wanted: &str) -> Result<Response<Bytes>, Refusal> {
        let found = self.lock().ledgers.get(id).and_then(|ledger| ledger.find(wanted).cloned());
        let record = found.ok_or_else(|| {
            Refusal::new(404, "NoSuchInvalidation", "The specified invalidation does not exist.")
        })?;
        Ok(xml(200, &self.invalidation(&record, edge.clock().now())))
    }

    fn invalidation(&self, record: &InvalidationRecord, now: SystemTime) -> Element {
        let batch = Element::new("InvalidationBatch")
            .list("Paths", &record.items, |items, path| items.leaf("Path", path))
            .leaf("CallerReference", &record.caller_reference);
        Element::new("Invalidation")
            .leaf("Id", &record.id)
            .leaf("Status", status(record, now, self.completion).as_str())
            .leaf("CreateTime", &timestamp(record.created))
            .child(&batch)
    }

    /// Newest first, as the API lists them; `Marker` is the id of the last one on the page before.
    fn invalidation_list(&self, id: &str, edge: &Edge, query: Option<&str>) -> Element {
        let now = edge.clock().now();
        let parameter = |name: &str| {
            let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let page =
            parameter("MaxItems").and_then(|text| text.parse().ok()).unwrap_or(100_usize).clamp(1, 100);
        let marker = parameter("Marker").unwrap_or_default();
        let state = self.lock();
        let records = state.ledgers.get(id).map(Ledger::records).unwrap_or_default();
        let rest: Vec<_> = records
            .iter()
            .rev()
            .skip_while(|record| !marker.is_empty() && record.id != marker)
            .skip(usize::from(!marker.is_empty()))
            .collect();
        let shown = &rest[..rest.len().min(page)];
        let list = Element::new("InvalidationList")
            .leaf("Marker", &marker)
            .leaf("MaxItems", &page.to_string())
            .leaf("IsTruncated", if shown.len() < rest.len() { "true" } else { "false" });
        let list = match shown.last() {
            Some(last) if shown.len() < rest.len() => list.leaf("NextMarker", &last.id),
            _ => list,
        };
        list.items(shown, |items, record| {
            items.child(
                &Element::new("InvalidationSummary")
                    .leaf("Id", &record.id)
                    .leaf("CreateTime", &timestamp(record.created))
                    .leaf("Status", status(record, now, self.completion).as_str()),
            )
        })
    }

    fn distribution(&self, id: &str, edge: &Edge) -> Element {
        let now = edge.clock().now();
        let open = self.lock().ledgers.get(id).map_or(0, |ledger| ledger.in_progress(now, self.completion));
        identity(Element::new("Distribution"), id)
            .leaf("InProgressInvalidationBatches", &open.to_string())
            .child(&self.config(id, edge))
    }

    fn config(&self, id: &str, edge: &Edge) -> Element {
        let config = Element::new("DistributionConfig").leaf("CallerReference", id);
        let root = edge.options().default_root_object.as_deref().unwrap_or_default();
        settings(config.leaf("DefaultRootObject", root), id, edge, &self.origin)
    }

    fn distribution_list(&self) -> Element {
        let list = Element::new("DistributionList")
            .leaf("Marker", "")
            .leaf("MaxItems", "100")
            .leaf("IsTruncated", "false");
        let edges: Vec<_> = self.edges.iter().collect();
        list.items(&edges, |items, (id, edge)| {
            let summary = identity(Element::new("DistributionSummary"), id);
            items.child(&settings(summary, id, edge, &self.origin))
        })
    }
}

fn identity(element: Element, id: &str) -> Element {
    element
        .leaf("Id", id)
        .leaf("ARN", &format!("arn:aws:cloudfront::{ACCOUNT}:distribution/{id}"))
        .leaf("Status", "Deployed")
        .leaf("LastModifiedTime", "1970-01-01T00:00:00Z")
        .leaf("DomainName", &format!("{}.cloudfront.net", id.to_ascii_lowercase()))
}

/// What a distribution's configuration and its summary have in common.
fn settings(element: Element, id: &str, edge: &Edge, origin: &str) -> Element {
    let options = edge.options();
    let function = format!("arn:aws:cloudfront::{ACCOUNT}:function/sitepush");
    let behavior = Element::new("DefaultCacheBehavior")
        .leaf("TargetOriginId", "site")
        // What they say cannot be asked here: neither is kept as CloudFront keeps it.
        .leaf("CachePolicyId", "local")
        .leaf("ViewerProtocolPolicy", "redirect-to-https")
        .leaf("Compress", if options.cache_policy.compress { "true" } else { "false" })
        .list("FunctionAssociations", &[function], |items, arn| {
            items.child(
                &Element::new("FunctionAssociation")
                    .leaf("FunctionARN", arn)
                    .leaf("EventType", "viewer-request"),
            )
        });
    let element = element
        .list::<String>("Aliases", &[], |items, _| items)
        .list("Origins", &[&options.origin_path], |items, path| {
            let origin = Element::new("Origin").leaf("Id", "site").leaf("DomainName", origin);
            items.child(&origin.leaf("OriginPath", path).leaf("OriginAccessControlId", "local"))
        })
        .child(&behavior)
        .list("CustomErrorResponses", &options.error_pages, |items, page| {
            items.child(
                &Element::new("CustomErrorResponse")
                    .leaf("ErrorCode", &page.status.to_string())
                    .leaf("ResponsePagePath", &page.page)
                    .leaf("ResponseCode", &page.response_status.to_string())
                    .leaf("ErrorCachingMinTTL", &page.ttl.as_secs().to_string()),
            )
        })
        .leaf("Comment", id)
        .leaf("Enabled", "true");
    match &options.cache_tag_header {
        Some(name) => element.child(&Element::new("CacheTagConfig").leaf("HeaderName", name)),
        None => element,
    }
}

fn tagged(response: Response<Bytes>) -> Response<Bytes> {
    with_header(response, "etag", "ELOCAL")
}

/// ISO 8601 in UTC, to the second.
fn timestamp(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
