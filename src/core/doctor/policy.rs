//! The bucket's policy: whom it lets in, and to what.
//!
//! Judges the requests that matter here, one at a time, as IAM does: allowed by some statement and denied by none.
//! Conditions beyond the source of a request and its encryption are not guessed at: such an allowance may hold, such a
//! denial may not. Nor is it known whom a canonical user id stands for: it may be whoever asks.

mod language;

use std::collections::BTreeMap;

use super::Notes;
use super::facts::{DistributionSetup, Expected, Facts, OriginAccess, Reading};
use crate::core::key::STATE_PREFIX;
use language::{Asker, Document, Request, Speaks};

/// One of each kind of file under `.sitepush/`: to deny some of them is not enough.
const RECORDS: [&str; 5] =
    ["manifest.json.gz", "lock.json", "releases/x.json.gz", "parts/x.json.gz", "intent.json"];

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
    public(notes, &allowed_to_anybody(&document, bucket, &page), is_restricted);
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
                    Asker::Identity(_) => {
                        format!("deny `s3:GetObject` on `.sitepush/*` to {}", asker.described())
                    }
                    _ => "deny `s3:GetObject` on `.sitepush/*` to cloudfront.amazonaws.com".to_owned(),
                },
            ),
        }
    }
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
            Self::Distribution(_) => {
                "cloudfront.amazonaws.com for this distribution (AWS:SourceArn)".to_owned()
            }
            Self::Identity(id) => format!("the origin access identity `{id}`"),
            Self::Anybody => "everybody".to_owned(),
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
fn public(notes: &mut Notes, allowed: &BTreeMap<String, Speaks>, is_restricted: bool) {
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
