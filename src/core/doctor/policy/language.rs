//! The language of IAM's policies, as far as it is judged: whether a statement speaks of a request.
//!
//! Conditions beyond the source of a request and its encryption are not guessed at, and it is not known whom a canonical user
//! id stands for: what depends on them speaks perhaps.

use serde::Deserialize;
use serde_json::{Map, Value};
use wildmatch::WildMatch;

const SERVICE: &str = "cloudfront.amazonaws.com";

/// What stands before the id in the ARN of an origin access identity, in every partition.
const IDENTITY_USER: &str = ":iam::cloudfront:user/CloudFront Origin Access Identity ";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    #[serde(default)]
    pub(super) statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    pub(super) fn items(&self) -> &[T] {
        match self {
            Self::Many(items) => items,
            Self::One(item) => std::slice::from_ref(item),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    effect: String,
    principal: Option<Value>,
    not_principal: Option<Value>,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: Map<String, Value>,
}

/// Whether a statement speaks of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Speaks {
    No,
    /// It has conditions that are not judged here, or principals that are not known.
    Perhaps,
    Yes,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asker<'a> {
    /// CloudFront for the distribution with this ARN.
    Distribution(&'a str),
    /// CloudFront by the origin access identity with this id, which is a user and no service.
    Identity(&'a str),
    /// A stranger without credentials, or with those of an account of their own.
    Anybody,
}

/// A request: an action and, behind `arn:aws:s3:::`, what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
}

impl Statement {
    pub(super) fn is(&self, effect: &str) -> bool {
        self.effect.eq_ignore_ascii_case(effect)
    }

    pub(super) fn speaks_of(&self, request: Request<'_>) -> Speaks {
        let named = |patterns: Option<&OneOrMany<String>>,
                     others: Option<&OneOrMany<String>>,
                     is: &dyn Fn(&str) -> bool| {
            match (patterns, others) {
                (Some(patterns), _) => patterns.items().iter().any(|pattern| is(pattern)),
                (None, Some(others)) => !others.items().iter().any(|pattern| is(pattern)),
                (None, None) => false,
            }
        };
        let is_action = |pattern: &str| {
            WildMatch::new(&pattern.to_ascii_lowercase()).matches(&request.action.to_ascii_lowercase())
        };
        let is_resource = |pattern: &str| {
            let name = pattern.split_once(":s3:::").map_or(pattern, |(_, name)| name);
            WildMatch::new(name).matches(request.resource)
        };
        let is_meant = named(self.action.as_ref(), self.not_action.as_ref(), &is_action)
            && named(self.resource.as_ref(), self.not_resource.as_ref(), &is_resource);
        if is_meant { self.names(request.asker).min(self.conditions_hold(request.asker)) } else { Speaks::No }
    }

    fn names(&self, asker: Asker<'_>) -> Speaks {
        match (&self.principal, &self.not_principal) {
            (Some(principal), _) => names(principal, asker),
            (None, Some(excluded)) => match names(excluded, asker) {
                Speaks::Yes => Speaks::No,
                Speaks::Perhaps => Speaks::Perhaps,
                Speaks::No => Speaks::Yes,
            },
            (None, None) => Speaks::No,
        }
    }

    fn conditions_hold(&self, asker: Asker<'_>) -> Speaks {
        let mut all = Speaks::Yes;
        for (operator, tests) in &self.condition {
            for (key, values) in tests.as_object().into_iter().flatten() {
                all = all.min(condition_holds(operator, key, &texts(values), asker));
            }
        }
        all
    }

    /// Whether it holds for one distribution, or account, and not for CloudFront as a whole.
    pub(super) fn is_tied_to_a_source(&self) -> bool {
        let keys = self.condition.values().filter_map(Value::as_object).flat_map(Map::keys);
        keys.into_iter().any(|key| is_source_key(key))
    }
}

fn is_source_key(key: &str) -> bool {
    ["aws:SourceArn", "aws:SourceAccount"].iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// Source: "AWS JSON policy elements: Principal", IAM User Guide: in a resource's policy, `"*"` and `{"AWS": "*"}` are the same.
/// Services are among them: policies that mean to spare them add the condition `aws:PrincipalIsAWSService`. An origin access
/// identity is `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC`, or a canonical user whose
/// id only CloudFront tells ("Restrict access to an Amazon S3 origin", CloudFront Developer Guide).
fn names(principal: &Value, asker: Asker<'_>) -> Speaks {
    let has = |kind: &str, is_wanted: &dyn Fn(&str) -> bool| {
        principal.get(kind).is_some_and(|found| texts(found).iter().any(|text| is_wanted(text)))
    };
    let is_named = principal == "*"
        || has("AWS", &|name| name == "*")
        || match asker {
            Asker::Anybody => false,
            Asker::Distribution(_) => has("Service", &|name| name == SERVICE),
            Asker::Identity(id) => {
                has("AWS", &|name| name.split_once(IDENTITY_USER).is_some_and(|(_, found)| found == id))
            }
        };
    match asker {
        _ if is_named => Speaks::Yes,
        Asker::Identity(_) if has("CanonicalUser", &|_| true) => Speaks::Perhaps,
        _ => Speaks::No,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// Source: "IAM JSON policy elements: Condition operators", IAM User Guide. Requests here are encrypted.
fn condition_holds(operator: &str, key: &str, values: &[String], asker: Asker<'_>) -> Speaks {
    let judge = |holds: bool| if holds { Speaks::Yes } else { Speaks::No };
    let is_key = |known: &str| key.eq_ignore_ascii_case(known);
    let operator = operator.to_ascii_lowercase();
    // Both keys are there whenever it is known who asks, so that `IfExists` makes no difference.
    let is_bool = matches!(operator.as_str(), "bool" | "boolifexists");
    let is_value = |wanted: &str| values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
    if is_bool && is_key("aws:SecureTransport") {
        return judge(is_value("true"));
    }
    if is_bool && is_key("aws:PrincipalIsAWSService") {
        match asker {
            Asker::Distribution(_) => return judge(is_value("true")),
            Asker::Identity(_) => return judge(is_value("false")),
            Asker::Anybody => {}
        }
    }
    let found = match asker {
        Asker::Distribution(arn) if is_key("aws:SourceArn") => Some(arn),
        Asker::Distribution(arn) if is_key("aws:SourceAccount") => arn.split(':').nth(4),
        // A user's own request has no source.
        Asker::Identity(_) | Asker::Anybody if is_source_key(key) => return Speaks::No,
        Asker::Distribution(_) | Asker::Identity(_) | Asker::Anybody => None,
    };
    match (found, operator.as_str()) {
        (Some(found), "stringequals") => judge(values.iter().any(|value| value == found)),
        (Some(found), "stringlike" | "arnlike" | "arnequals") => {
            judge(values.iter().any(|value| WildMatch::new(value).matches(found)))
        }
        _ => Speaks::Perhaps,
    }
}

/// Something that a pattern fits.
fn example(pattern: &str) -> String {
    pattern.replace(['*', '?'], "x")
}

/// Resources of the bucket that a pattern fits; none for a pattern of another bucket.
fn resources_of(pattern: &str, bucket: &str, page: &str) -> Vec<String> {
    let pattern = pattern.split_once(":s3:::").map_or(pattern, |(_, name)| name);
    let in_folder = pattern.split_once('/').map(|(_, key)| format!("{bucket}/{}", example(key)));
    let candidates = [Some(bucket.to_owned()), Some(page.to_owned()), in_folder];
    let matcher = WildMatch::new(pattern);
    candidates.into_iter().flatten().filter(|candidate| matcher.matches(candidate)).collect()
}

impl Document {
    fn strongest(&self, effect: &str, request: Request<'_>) -> Speaks {
        let statements = self.statement.items().iter().filter(|statement| statement.is(effect));
        statements.map(|statement| statement.speaks_of(request)).max().unwrap_or(Speaks::No)
    }

    /// Requests that the statements for everybody name: the pattern of the action, and one action and one resource that
    /// the patterns fit. In whatever folder a bucket is open, one of them tells.
    pub(super) fn named_for_anybody(&self, bucket: &str, page: &str) -> Vec<(String, String, String)> {
        let is_for_anybody =
            |statement: &&Statement| statement.is("Allow") && statement.names(Asker::Anybody) == Speaks::Yes;
        let mut requests = Vec::new();
        for statement in self.statement.items().iter().filter(is_for_anybody) {
            let actions = statement.action.as_ref().map(OneOrMany::items).unwrap_or_default();
            let patterns = statement.resource.as_ref().map(OneOrMany::items).unwrap_or_default();
            for resource in patterns.iter().flat_map(|pattern| resources_of(pattern, bucket, page)) {
                let asked = actions.iter().map(|action| (action.clone(), example(action), resource.clone()));
                requests.extend(asked);
            }
        }
        requests
    }

    /// Whether the request may pass, as far as this policy goes. A denial that may not hold denies nothing.
    pub(super) fn allows(&self, request: Request<'_>) -> Speaks {
        match self.strongest("Deny", request) {
            Speaks::Yes => Speaks::No,
            Speaks::No | Speaks::Perhaps => self.strongest("Allow", request),
        }
    }
}
