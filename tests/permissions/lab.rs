//! One command at work on the embedded target, and what IAM would have wanted for what it asked.

use std::collections::BTreeSet;
use std::time::Duration;

use sitepush::core::iam_policy::needs::CommandNeeds;
use sitepush::core::iam_policy::operation::{Operation, Resource};
use sitepush::local::control::ControlPlane;
use sitepush::local::faults::Rule;
use sitepush::local::s3::{ForeignObject, RecordedRequest};

use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site};

pub const PART_WAY: i32 = 1;
pub const ENVIRONMENT: i32 = 5;
pub const USAGE: i32 = 64;

/// A permission that a call needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    pub action: &'static str,
    pub resource: String,
    /// What S3 takes for `s3:prefix`.
    pub names: Option<String>,
}

/// One command under watch, on a target of its own.
pub struct Lab {
    pub cloud: Cloud,
    pub site: Site,
    pub command: &'static str,
    /// Without a slash at its end; may be empty.
    prefix: &'static str,
    pub used: BTreeSet<Used>,
    /// The operation that is refused in the watched runs.
    pub denied: Option<Operation>,
    /// What the run said that failed for it.
    pub refusal: Option<Refusal>,
}

/// A run that failed because it was denied something.
pub struct Refusal {
    pub operation: Operation,
    pub stderr: String,
}

impl Lab {
    pub fn new(command: &'static str, prefix: &'static str) -> Self {
        Self {
            // Invalidations that are not done at once are asked for.
            cloud: Cloud::with_slow_invalidations(Duration::from_millis(1)),
            site: Site::small(),
            command,
            prefix,
            used: BTreeSet::new(),
            denied: None,
            refusal: None,
        }
    }

    pub fn run(&self, command: &str, more: &[&str]) -> Answer {
        let mut arguments = vec![command];
        if ["push", "plan"].contains(&command) {
            arguments.push(self.site.path().to_str().expect("a plain path"));
        }
        arguments.extend(["--bucket", BUCKET, "--prefix", self.prefix]);
        arguments.extend(more);
        self.cloud.run(&arguments)
    }

    /// Runs a command that is not watched.
    #[track_caller]
    pub fn before(&mut self, command: &str, more: &[&str]) -> &mut Self {
        if self.refusal.is_none() {
            self.run(command, more).success();
        }
        self.cloud.store().clear_requests();
        self
    }

    /// Runs the watched command, which must end with this code, and notes what it asked.
    #[track_caller]
    pub fn watch_to(&mut self, code: i32, more: &[&str]) -> &mut Self {
        if self.refusal.is_some() {
            return self;
        }
        if let Some(operation) = self.denied {
            let rule = Rule::access_denied().operation(operation.name);
            // State is copied without versions, and before anything else.
            let is_of_version = operation == Operation::COPY_OBJECT_VERSION;
            self.cloud.faults().add(if is_of_version { rule.key_suffix("style.css") } else { rule });
        }
        let site_keys = self.site_keys();
        let answer = self.run(self.command, more);
        let requests = self.cloud.store().requests();
        self.cloud.store().clear_requests();
        let denied = requests.iter().find(|request| request.status == Some(403));
        if let Some(denied) = denied.filter(|_| answer.code != code) {
            assert!([PART_WAY, ENVIRONMENT].contains(&answer.code), "{}: {}", answer.code, answer.stderr);
            self.refusal = Some(Refusal { operation: self.operation(denied), stderr: answer.stderr });
            return self;
        }
        assert_eq!(answer.code, code, "{:?}\n{}", self.denied, answer.stderr);
        if self.denied.is_some() {
            self.cloud.faults().clear();
        }
        let has_deleted = site_keys.iter().any(|key| !self.site_keys().contains(key));
        for request in &requests {
            self.note(request, has_deleted);
        }
        self
    }

    #[track_caller]
    pub fn watch(&mut self, more: &[&str]) -> &mut Self {
        self.watch_to(0, more)
    }

    /// As if a run had died: its lock is there, and nobody renews it.
    pub fn leave_unfinished(&mut self) -> &mut Self {
        let lock = r#"{"schema":1,"state":"held","holder":{"owner":"ann@build-7","process_id":4711,"machine":"","nonce":"0"},
            "release_id":null,"started":"2026-11-23T10:15:30Z","expires":"2026-11-23T10:17:00Z"}"#;
        self.cloud.put_foreign(&format!("{}.sitepush/lock.json", self.key_prefix()), lock);
        self
    }

    /// Somebody stores the bytes of an object again: nobody knows with which headers, whatever the clock said of the release.
    pub fn store_again(&mut self, name: &str) -> &mut Self {
        let key = format!("{}{name}", self.key_prefix());
        let bytes = self.cloud.store().object(BUCKET, &key).expect("it is there").bytes;
        self.cloud.store().put_foreign(BUCKET, &key, ForeignObject::new(bytes));
        self
    }

    pub fn key_prefix(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    fn site_keys(&self) -> Vec<String> {
        let state = format!("{}.sitepush/", self.key_prefix());
        self.cloud.store().keys(BUCKET).into_iter().filter(|key| !key.starts_with(&state)).collect()
    }

    /// Notes what a request needed. Deletes are one request for many keys, so the bucket tells which they were.
    fn note(&mut self, request: &RecordedRequest, has_deleted: bool) {
        let deleted = if has_deleted { "a-page" } else { ".sitepush/a-record" };
        let deleted = format!("{}{deleted}", self.key_prefix());
        let key = request.key.as_deref().unwrap_or(&deleted);
        let source = request.header("x-amz-copy-source").map(source_key);
        let is_absent = request.status == Some(404);
        let operation = self.operation(request);
        for grant in operation.grants.iter().filter(|grant| grant.resource != Resource::Key) {
            let is_of_source = grant.action.starts_with("s3:GetObject") && source.is_some();
            let key = source.as_deref().filter(|_| is_of_source).unwrap_or(key);
            self.used.insert(Used {
                action: grant.action,
                resource: resource_arn(grant.resource, key),
                names: (grant.resource == Resource::Names).then(|| listed_prefix(request)),
            });
        }
        if is_absent && ["GetObject", "HeadObject"].contains(&request.operation) {
            self.used.insert(Used {
                action: "s3:ListBucket",
                resource: resource_arn(Resource::Names, key),
                names: Some(key.to_owned()),
            });
        }
    }

    /// The operation in the command's entry that a request is.
    fn operation(&self, request: &RecordedRequest) -> Operation {
        let of_source = request.header("x-amz-copy-source").is_some_and(|from| from.contains("versionId"));
        let has_version = of_source || request.query.contains("versionId=");
        let needs = CommandNeeds::find(self.command).expect("a command of the table");
        let named = needs.calls().map(|call| call.operation).find(|operation| {
            let is_of_version =
                [Operation::HEAD_OBJECT_VERSION, Operation::COPY_OBJECT_VERSION].contains(operation);
            operation.name == request.operation
                && is_of_version == has_version
                && *operation != Operation::LEARN_ABSENCE
        });
        named.unwrap_or_else(|| {
            panic!("`{}` asks {} {:?}?{}", self.command, request.operation, request.key, request.query)
        })
    }
}

fn resource_arn(resource: Resource, key: &str) -> String {
    match resource {
        Resource::Objects => format!("arn:aws:s3:::{BUCKET}/{key}"),
        Resource::Names | Resource::Bucket => format!("arn:aws:s3:::{BUCKET}"),
        Resource::Distributions => format!("arn:aws:cloudfront::000000000000:distribution/{DISTRIBUTION}"),
        Resource::Store => ControlPlane::store_arn(DISTRIBUTION),
        other => unreachable!("the embedded target has nothing of {other:?}"),
    }
}

/// `bucket/key?versionId=...` without the bucket and the version.
fn source_key(source: &str) -> String {
    let (_, key) = source.trim_start_matches('/').split_once('/').expect("a bucket and a key");
    let key = key.split('?').next().expect("it begins");
    percent_encoding::percent_decode_str(key).decode_utf8().expect("UTF-8").into_owned()
}

fn listed_prefix(request: &RecordedRequest) -> String {
    let prefix = request.query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
    let prefix = percent_encoding::percent_decode_str(prefix.unwrap_or_default());
    prefix.decode_utf8().expect("UTF-8").into_owned()
}
