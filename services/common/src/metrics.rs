//! Measurements in CloudWatch's embedded metric format: lines in the log that CloudWatch turns into metrics.
//!
//! This format and not Prometheus's, because nothing in this system scrapes: the log is already collected, and the
//! alarms and the dashboard are CloudWatch's. One dimension only, the service, since each combination is billed as a
//! metric of its own; what else one may ask for is in the request lines, for Logs Insights.
//!
//! Source: the format's specification in the CloudWatch User Guide. A member holds a number or at most 100 numbers, so a
//! document is written as soon as it has 100 durations: percentiles are exact, and memory is bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::log;

/// A member of a document is an array of at most 100 numbers (the format's specification).
const MAX_VALUES: usize = 100;

type Gauge = Box<dyn Fn() -> f64 + Send + Sync>;
type Sink = Box<dyn Fn(&str) + Send + Sync>;

/// Collects measurements and writes them.
pub struct Metrics {
    namespace: String,
    service: &'static str,
    window: Mutex<Window>,
    gauges: Mutex<BTreeMap<&'static str, Gauge>>,
    sink: Sink,
}

/// What was measured since the last document.
#[derive(Debug, Default)]
struct Window {
    durations_ms: Vec<f64>,
    client_errors: u64,
    server_errors: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// Writes to the log.
    pub fn new(service: &'static str, namespace: &str) -> Self {
        Self::with_sink(service, namespace, Box::new(log::write_line))
    }

    fn with_sink(service: &'static str, namespace: &str, sink: Sink) -> Self {
        Self {
            namespace: namespace.to_owned(),
            service,
            window: Mutex::default(),
            gauges: Mutex::default(),
            sink,
        }
    }

    /// Counts something of the service's own, such as `EntriesAdded`.
    pub fn count(&self, name: &'static str) {
        *self.window().counts.entry(name).or_default() += 1;
    }

    /// Has `read` asked for a value with every document.
    pub fn gauge(&self, name: &'static str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Box::new(read));
    }

    /// Takes in one answered request.
    pub(crate) fn record(&self, status: u16, elapsed: Duration) {
        let mut window = self.window();
        window.durations_ms.push((elapsed.as_secs_f64() * 1e6).round() / 1e3);
        match status {
            400..500 => window.client_errors += 1,
            500.. => window.server_errors += 1,
            _ => {}
        }
        if window.durations_ms.len() == MAX_VALUES {
            let full = std::mem::take(&mut *window);
            drop(window);
            self.write(full);
        }
    }

    /// Writes what there is. Nothing is written for a time without a request.
    pub(crate) fn flush(&self) {
        let window = std::mem::take(&mut *self.window());
        if !window.durations_ms.is_empty() || !window.counts.is_empty() {
            self.write(window);
        }
    }

    /// Writes at every interval, for ever.
    pub(crate) async fn flush_every(self: Arc<Self>, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            self.flush();
        }
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, window: Window) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let requests = window.durations_ms.len();
        let mut members = vec![
            ("Requests", "Count", json!(requests)),
            ("ClientErrors", "Count", json!(window.client_errors)),
            ("ServerErrors", "Count", json!(window.server_errors)),
        ];
        if requests > 0 {
            members.push(("Duration", "Milliseconds", json!(window.durations_ms)));
        }
        members.extend(window.counts.into_iter().map(|(name, count)| (name, "Count", json!(count))));
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        members.extend(gauges.iter().map(|(name, read)| (*name, "Count", json!(read()))));
        drop(gauges);

        let metrics: Vec<_> =
            members.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let mut document = Map::new();
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [["service"]],
                    "Metrics": metrics,
                }],
            }),
        );
        document.insert("service".to_owned(), json!(self.service));
        document.extend(members.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
        (self.sink)(&Value::Object(document).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected() -> (Metrics, Arc<Mutex<Vec<Value>>>) {
        let documents = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&documents);
        let write = move |line: &str| sink.lock().unwrap().push(serde_json::from_str(line).unwrap());
        (Metrics::with_sink("guestbook", "app", Box::new(write)), documents)
    }

    #[test]
    fn a_document_declares_each_member_that_it_has() {
        let (metrics, documents) = collected();
        metrics.gauge("PoolInUse", || 3.0);
        metrics.record(200, Duration::from_micros(1500));
        metrics.record(404, Duration::from_millis(2));
        metrics.record(503, Duration::from_millis(3));
        metrics.count("EntriesAdded");
        metrics.flush();
        let documents = documents.lock().unwrap();
        let [document] = &documents[..] else { panic!("one document: {documents:?}") };
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "app");
        assert_eq!(directive["Dimensions"], json!([["service"]]));
        assert_eq!(document["service"], "guestbook");
        let names: Vec<_> =
            directive["Metrics"].as_array().unwrap().iter().map(|metric| &metric["Name"]).collect();
        let values: Vec<_> = names.iter().map(|name| &document[name.as_str().unwrap()]).collect();
        assert_eq!(
            names,
            ["Requests", "ClientErrors", "ServerErrors", "Duration", "EntriesAdded", "PoolInUse"]
        );
        assert_eq!(
            values,
            [&json!(3), &json!(1), &json!(1), &json!([1.5, 2.0, 3.0]), &json!(1), &json!(3.0)]
        );
        assert!(document["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds");
    }

    #[test]
    fn a_document_never_holds_more_values_than_the_format_takes() {
        let (metrics, documents) = collected();
        for _ in 0..250 {
            metrics.record(200, Duration::from_millis(1));
        }
        metrics.flush();
        let sizes: Vec<_> =
            documents.lock().unwrap().iter().map(|document| document["Requests"].as_u64().unwrap()).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }

    #[test]
    fn silence_is_not_written() {
        let (metrics, documents) = collected();
        metrics.flush();
        assert!(documents.lock().unwrap().is_empty());
    }
}
