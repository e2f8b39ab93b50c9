//! The bucket's policy: whom it lets in, and to what.
//!
//! Judges the requests that matter here, one at a time, as IAM does: allowed by some statement and denied by none.
//! Conditions beyond the source of a request and its encryption are not guessed at: such an allowance may hold, such a
//! denial may not. Nor is it known whom a canonical user id stands for: it may be whoever asks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use wildmatch::WildMatch;

use super::Notes;
use super::facts::{DistributionSetup, Expected, Facts, OriginAccess, Reading};
use crate::core::key::STATE_PREFIX;

const SERVICE: &str = "cloudfront.amazonaws.com";

/// What stands before the id in the ARN of an origin access identity, in every partition.
const IDENTITY_USER: &str = ":iam::cloudfront:user/CloudFront Origin Access Identity ";

/// One of each kind of file under `.sitepush/`: to deny some of them is not enough.
const RECORDS: [&str; 3] = ["manifest.json.gz", "lock.json", "releases/x.json.gz"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    fn items(&self) -> &[T] {
        match self {
            Self::Many(items) => items,
            Self::One(item) => std::slice::from_ref(item),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
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
enum Speaks {
    No,
    /// It has conditions that are not judged here, or principals that are not known.
    Perhaps,
    Yes,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Asker<'a> {
    /// CloudFront for the distribution with this ARN.
    Distribution(&'a str),
    /// CloudFront by the origin access identity with this id, which is a user and no service.
    Identity(&'a str),
    /// A stranger without credentials, or with those of an account of their own.
    Anybody,
}

/// A request: an action and, behind `arn:aws:s3:::`, what it is about.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    asker: Asker<'a>,
    action: &'a str,
    resource: &'a str,
}

impl<'a> Asker<'a> {
    /// As whom CloudFront asks for what the distribution shows.
    fn of(setup: &'a DistributionSetup, expected: &Expected) -> Self {
        let site = setup.site_behavior(&expected.bucket, &expected.prefix);
        match site.setup.origin.as_ref().map(|origin| &origin.access) {
            Some(OriginAccess::Identity { id }) => Self::Identity(id),
            _ => Self::Distribution(&setup.arn),
        }
    }

    /// Whom to allow, in words.
    fn described(self) -> String {
        match self {
            Self::Distribution(_) => "cloudfront.amazonaws.com for this distribution (AWS:SourceArn)".to_owned(),
            Self::Identity(id) => format!("the origin access identity `{id}`"),
            Self::Anybody => "everybody".to_owned(),
        }
    }
}

impl Statement {
    fn is(&self, effect: &str) -> bool {
        self.effect.eq_ignore_ascii_case(effect)
    }

    fn speaks_of(&self, request: Request<'_>) -> Speaks {
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
    fn is_tied_to_a_source(&self) -> bool {
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
            Asker::Identity(id) => has("AWS", &|name| {
                name.split_once(IDENTITY_USER).is_some_and(|(_, found)| found == id)
            }),
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
    fn named_for_anybody(&self, bucket: &str, page: &str) -> Vec<(String, String, String)> {
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
    fn allows(&self, request: Request<'_>) -> Speaks {
        match self.strongest("Deny", request) {
            Speaks::Yes => Speaks::No,
            Speaks::No | Speaks::Perhaps => self.strongest("Allow", request),
        }
    }
}

pub(super) fn examine(notes: &mut Notes, facts: &Facts, expected: &Expected) {
    let Some(text) = notes.read("policy", &facts.bucket.policy) else { return };
    let askers: Vec<(&str, Asker<'_>)> = facts
        .distributions
        .iter()
        .filter_map(|(id, setup)| Some((id.as_str(), Asker::of(setup.known()?, expected))))
        .collect();
    let Some(text) = text else {
        if facts.distributions.is_empty() {
            notes.ok("policy", "the bucket has no policy");
        } else {
            let asker = askers.first().map_or(Asker::Distribution(""), |(_, asker)| *asker);
            notes.problem(
                "policy",
                "the bucket has no policy: the distribution may read nothing",
                format!("allow `s3:GetObject` to {}", asker.described()),
            );
        }
        return;
    };
    let document: Document = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            return notes.unknown(
                "policy",
                format!("the bucket's policy cannot be read: {error}"),
                "look at the policy by hand",
            );
        }
    };
    let bucket = expected.bucket.as_str();
    let page = format!("{bucket}/{}index.html", expected.prefix.as_str());
    let records =
        RECORDS.map(|record| format!("{bucket}/{}{STATE_PREFIX}{record}", expected.prefix.as_str()));
    let is_restricted =
        facts.bucket.public_access_block.known().is_some_and(|block| block.restricts_public_buckets);
    public(notes, allowed_to_anybody(&document, bucket, &page), is_restricted);
    let is_unread = |reading: &Reading<_>| !matches!(reading, Reading::Known(_) | Reading::Absent);
    for (id, _) in facts.distributions.iter().filter(|(_, reading)| is_unread(reading)) {
        notes.unknown(
            "policy",
            format!("whether the distribution {id} may read the site cannot be told: it could not be read"),
            "see `enabled` for what it takes to read it",
        );
    }
    for (id, asker) in askers {
        let asked = |action, resource| Request { asker, action, resource };
        reads(notes, &document, id, asked("s3:GetObject", &page));
        match document.allows(asked("s3:ListBucket", bucket)) {
            Speaks::Yes | Speaks::Perhaps => {
                notes.ok("policy-listing", format!("what is missing is answered with 404 to {id}"));
            }
            Speaks::No => notes.warning(
                "policy-listing",
                format!("what is missing is answered with 403 to {id}, not 404"),
                format!("allow `s3:ListBucket` on the bucket to {}", asker.described()),
            ),
        }
        let most = records.iter().map(|record| document.allows(asked("s3:GetObject", record))).max();
        match most.unwrap_or(Speaks::No) {
            Speaks::No => notes.ok("policy-state", format!("{id} may not read sitepush's records")),
            Speaks::Yes | Speaks::Perhaps => notes.problem(
                "policy-state",
                format!("{id} may read `.sitepush/`, which names every file and commit"),
                match asker {
                    Asker::Identity(_) => format!("deny `s3:GetObject` on `.sitepush/*` to {}", asker.described()),
                    _ => "deny `s3:GetObject` on `.sitepush/*` to cloudfront.amazonaws.com".to_owned(),
                },
            ),
        }
    }
}

fn reads(notes: &mut Notes, document: &Document, id: &str, request: Request<'_>) {
    if document.allows(request) == Speaks::No {
        return notes.problem(
            "policy",
            format!("the bucket's policy does not let the distribution {id} read the site"),
            format!("allow `s3:GetObject` to {}", request.asker.described()),
        );
    }
    // Under a condition that is not judged here, it may well be this distribution alone. An identity is nobody else's.
    let is_service = matches!(request.asker, Asker::Distribution(_));
    let surely = document
        .statement
        .items()
        .iter()
        .filter(|statement| statement.is("Allow") && statement.speaks_of(request) == Speaks::Yes);
    if is_service && surely.into_iter().any(|statement| !statement.is_tied_to_a_source()) {
        notes.warning(
            "policy",
            "the bucket's policy lets every distribution of every account read the site",
            format!("add the condition AWS:SourceArn with the distribution {id}"),
        );
    } else {
        notes.ok("policy", format!("the distribution {id} may read the site"));
    }
}

/// What a stranger may do, by the patterns that the policy has for it.
fn allowed_to_anybody(document: &Document, bucket: &str, page: &str) -> BTreeMap<String, Speaks> {
    // These for statements with NotAction or NotResource, which name nothing to ask for.
    let usual = [
        ("s3:GetObject", page),
        ("s3:ListBucket", bucket),
        ("s3:PutObject", page),
        ("s3:DeleteObject", page),
    ];
    let usual = usual.map(|(action, resource)| (action.to_owned(), action.to_owned(), resource.to_owned()));
    let mut allowed: BTreeMap<String, Speaks> = BTreeMap::new();
    for (shown, action, resource) in usual.into_iter().chain(document.named_for_anybody(bucket, page)) {
        let found = document.allows(Request { asker: Asker::Anybody, action: &action, resource: &resource });
        let most = allowed.entry(shown).or_insert(Speaks::No);
        *most = (*most).max(found);
    }
    allowed
}

/// Source: "Blocking public access to your Amazon S3 storage", S3 User Guide: `RestrictPublicBuckets` leaves of a public policy
/// what it allows to AWS's services and to the bucket's own account.
fn public(notes: &mut Notes, allowed: BTreeMap<String, Speaks>, is_restricted: bool) {
    let those = |speaks: Speaks| {
        let found = allowed.iter().filter(|(_, found)| **found == speaks);
        found.map(|(action, _)| format!("`{action}`")).collect::<Vec<_>>().join(", ")
    };
    let (open, perhaps) = (those(Speaks::Yes), those(Speaks::Perhaps));
    let remedy = "take the statement with the principal `*` out of the policy";
    if !open.is_empty() && is_restricted {
        notes.warning(
            "policy-public",
            format!("the bucket's policy allows {open} to everybody, and nothing but the public access block is in the way"),
            remedy,
        );
    } else if !open.is_empty() {
        notes.problem(
            "policy-public",
            format!("the bucket's policy allows {open} to everybody, past CloudFront, unless the account blocks public access"),
            remedy,
        );
    } else if !perhaps.is_empty() {
        notes.warning(
            "policy-public",
            format!("the bucket's policy allows {perhaps} to everybody under a condition"),
            "make sure that the condition lets in whom you mean, or name the principals",
        );
    } else {
        notes.ok("policy-public", "the bucket's policy lets no strangers in");
    }
}
