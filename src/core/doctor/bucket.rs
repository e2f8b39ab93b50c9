//! The bucket's settings.

use super::facts::{DistributionSetup, Encryption, Expected, Facts, LifecycleRule, OriginAccess, Versioning};
use super::{Finding, Judgment, Notes, Subject, policy};
use crate::core::key::STATE_PREFIX;

/// With less, yesterday's release can be made live again and last week's cannot.
const SHORT_WAY_BACK_DAYS: i32 = 7;

/// With at least this many earlier versions of each file, as many releases back can be reached, however young a version is
/// when its days are over: as many as sitepush keeps files of, untold ([`RetentionRules`]).
///
/// [`RetentionRules`]: crate::core::diff::RetentionRules
const ENOUGH_VERSIONS: i32 = 5;

/// The end of the name of the key that AWS makes in each account for S3.
const MANAGED_KEY: &str = "alias/aws/s3";

pub(super) fn examine(facts: &Facts, expected: &Expected) -> Vec<Finding> {
    let bucket = &facts.bucket;
    let mut notes = Notes::new(Subject::Bucket, None);
    if let Some(elsewhere) = &bucket.elsewhere {
        notes.problem(
            "bucket",
            format!("it was looked for in another region than it is in: {elsewhere}"),
            "set `region` of the target, or pass `--region`",
        );
        return notes.findings;
    }
    match notes.read("bucket", &bucket.region) {
        Some(Some(region)) if region.is_empty() => {
            notes.ok("bucket", format!("{} is there", expected.bucket));
        }
        Some(Some(region)) => notes.ok("bucket", format!("{} is in {region}", expected.bucket)),
        Some(None) => {
            notes.problem(
                "bucket",
                format!("there is no bucket `{}`", expected.bucket),
                "check its name and the account in use; sitepush does not create buckets",
            );
            return notes.findings;
        }
        None => {}
    }
    public_access(&mut notes, facts);
    if let Some(ownership) = notes.read("acls", &bucket.object_ownership) {
        match ownership.map(String::as_str) {
            Some("BucketOwnerEnforced") => notes.ok("acls", "ACLs are off"),
            found => notes.warning(
                "acls",
                format!("ACLs are in force ({})", found.unwrap_or("no ownership controls")),
                "set the bucket's object ownership to BucketOwnerEnforced",
            ),
        }
    }
    versioning(&mut notes, facts);
    encryption(&mut notes, facts, expected);
    policy::examine(&mut notes, facts, expected);
    lifecycle(&mut notes, facts, expected);
    notes.findings
}

fn public_access(notes: &mut Notes, facts: &Facts) {
    let Some(block) = notes.read("public-access", &facts.bucket.public_access_block) else { return };
    let parts = block.map(|block| {
        [
            ("BlockPublicAcls", block.blocks_public_acls),
            ("IgnorePublicAcls", block.ignores_public_acls),
            ("BlockPublicPolicy", block.blocks_public_policy),
            ("RestrictPublicBuckets", block.restricts_public_buckets),
        ]
    });
    let off: Vec<&str> = match parts {
        Some(parts) => parts.into_iter().filter(|(_, is_on)| !is_on).map(|(name, _)| name).collect(),
        None => vec!["all four settings"],
    };
    if off.is_empty() {
        notes.ok("public-access", "public access is blocked");
    } else {
        // The account has such a block, too, which is not looked at; whether somebody is let in is the policy's matter.
        notes.warning(
            "public-access",
            format!("the bucket itself does not block public access: {} off", off.join(", ")),
            "turn on all four settings of the bucket's public access block",
        );
    }
}

fn versioning(notes: &mut Notes, facts: &Facts) {
    let Some(versioning) = notes.read("versioning", &facts.bucket.versioning) else { return };
    let what = match versioning {
        Some(Versioning::Enabled) => return notes.ok("versioning", "earlier versions are kept"),
        Some(Versioning::Suspended) => {
            "versioning is suspended: what is overwritten is lost, and so are rollbacks"
        }
        Some(Versioning::NeverEnabled) | None => {
            "no versions are kept: an earlier release cannot be made live again"
        }
    };
    notes.problem("versioning", what, "enable versioning of the bucket");
}

fn encryption(notes: &mut Notes, facts: &Facts, expected: &Expected) {
    let Some(encryption) = notes.read("encryption", &facts.bucket.encryption) else { return };
    match encryption {
        Some(Encryption::S3) => notes.ok("encryption", "objects are encrypted with S3's own keys"),
        Some(Encryption::Kms { key }) => {
            let judgment = kms(key.as_deref().filter(|key| !key.ends_with(MANAGED_KEY)), facts, expected);
            notes.all_judged("encryption", [judgment]);
        }
        Some(Encryption::Other(name)) => notes.warning(
            "encryption",
            format!("objects are encrypted by `{name}`, which sitepush does not know"),
            "use SSE-S3 (AES256)",
        ),
        None => notes.warning(
            "encryption",
            "no default encryption is set",
            "set the bucket's default encryption to SSE-S3 (AES256)",
        ),
    }
}

/// What it means that new objects are encrypted with a KMS key: this one, or AWS's own.
///
/// Source: "Restrict access to an Amazon S3 origin", CloudFront Developer Guide: the key's policy must let the distribution in,
/// and an origin access identity has no way to use a key. The policies of AWS's own keys cannot be changed ("AWS managed
/// keys", KMS Developer Guide).
fn kms(own_key: Option<&str>, facts: &Facts, expected: &Expected) -> Judgment {
    let shows_by_identity = |setup: &DistributionSetup| {
        let origin = setup.site_behavior(&expected.bucket, &expected.prefix).setup.origin.as_ref();
        origin.is_some_and(|origin| matches!(origin.access, OriginAccess::Identity { .. }))
    };
    let with_identity =
        facts.distributions.iter().find(|(_, setup)| setup.known().is_some_and(shows_by_identity));
    match (own_key, with_identity) {
        (_, Some((id, _))) => Judgment::problem(
            format!(
                "objects are encrypted with a KMS key, and {id} reads by an origin access identity, which can use none"
            ),
            "use SSE-S3 (AES256), or give the origin an origin access control that always signs",
        ),
        (None, None) if !facts.distributions.is_empty() => Judgment::problem(
            "objects are encrypted with AWS's own KMS key (`aws/s3`), which no distribution may use: each is answered with 403",
            "use SSE-S3 (AES256), or a key of your own that the distribution may use, and push the files again",
        ),
        (None, None) => Judgment::warning(
            "objects are encrypted with AWS's own KMS key (`aws/s3`), which no distribution may use",
            "use SSE-S3 (AES256)",
        ),
        (Some(key), None) => Judgment::warning(
            format!("objects are encrypted with the KMS key {key}, whose policy is not looked at"),
            "let the key's policy allow `kms:Decrypt` to cloudfront.amazonaws.com for the distribution (AWS:SourceArn), and `kms:Decrypt` and `kms:GenerateDataKey` to the publisher",
        ),
    }
}

fn lifecycle(notes: &mut Notes, facts: &Facts, expected: &Expected) {
    let Some(rules) = notes.read("lifecycle", &facts.bucket.lifecycle) else { return };
    let site = expected.prefix.as_str();
    let touches = |rule: &&LifecycleRule| {
        rule.is_enabled && (site.starts_with(&rule.prefix) || rule.prefix.starts_with(site))
    };
    let rules: Vec<&LifecycleRule> = rules.into_iter().flatten().filter(touches).collect();
    let judgment = match in_use(&rules) {
        Some(judgment) => Err(judgment),
        None => way_back(&rules, site),
    };
    notes.judged("lifecycle", judgment);
}

/// Rules that take away what visitors are shown. One that goes by size may hit none of it.
fn in_use(rules: &[&LifecycleRule]) -> Option<Judgment> {
    let harm = |rule: &LifecycleRule| {
        let (what, remedy) = match (rule.deletes_current, &rule.archives_current) {
            (true, _) => (
                "deletes objects of the site that are in use".to_owned(),
                "take the expiration of current objects out of the rule",
            ),
            (false, Some(class)) => (
                format!("moves objects that are in use to {class}, where nobody can read them"),
                "take the transition out of the rule",
            ),
            (false, None) => return None,
        };
        Some(if rule.goes_by_size {
            Judgment::warning(format!("the rule `{}`, for some sizes, {what}", rule.id), remedy)
        } else {
            Judgment::problem(format!("the rule `{}` {what}", rule.id), remedy)
        })
    };
    let found: Vec<Judgment> = rules.iter().filter_map(|rule| harm(rule)).collect();
    found.into_iter().max_by_key(|judgment| judgment.status)
}

/// For how long earlier versions can be copied back; or what is wrong with the rules for them.
fn way_back(rules: &[&LifecycleRule], site: &str) -> Result<String, Judgment> {
    // No rollback reads earlier versions of sitepush's own records.
    let records = format!("{site}{STATE_PREFIX}");
    let of_files = |rule: &&&LifecycleRule| !rule.prefix.starts_with(&records);
    let archiving = rules.iter().filter(of_files);
    let archiving = archiving.filter_map(|rule| Some((&rule.id, rule.archives_noncurrent.as_ref()?))).next();
    if let Some((id, class)) = archiving {
        return Err(Judgment::warning(
            format!(
                "the rule `{id}` moves earlier versions to {class}, from where no rollback can copy them"
            ),
            "take the transition of noncurrent versions out of the rule",
        ));
    }
    // Only a rule for the whole site bounds what earlier versions cost.
    let of_all = |rule: &&&LifecycleRule| site.starts_with(&rule.prefix) && !rule.goes_by_size;
    let bound = rules.iter().filter(of_all).filter_map(|rule| rule.noncurrent_days).min();
    // A rule for one folder shortens the way back of every release that has files there.
    let deleting = || rules.iter().filter(of_files).filter(|rule| rule.noncurrent_days.is_some());
    let shortest = deleting().min_by_key(|rule| {
        let keeps_enough = rule.noncurrent_versions_kept >= ENOUGH_VERSIONS;
        (keeps_enough, rule.noncurrent_days, rule.noncurrent_versions_kept)
    });
    match bound.and(shortest) {
        None => Err(Judgment::warning(
            "earlier versions are kept for ever, and cost more with every push",
            "expire noncurrent versions after the time in which you may want to go back",
        )),
        Some(rule) if is_short(rule) => Err(Judgment::warning(
            format!(
                "earlier versions are gone after {}: older releases cannot be made live again",
                life(rule)
            ),
            "give noncurrent versions a longer life",
        )),
        Some(_) if !rules.iter().filter(of_all).any(|rule| rule.aborts_uploads) => Err(Judgment::warning(
            "parts of large uploads that were given up stay, unseen and paid for",
            "abort incomplete multipart uploads after a week",
        )),
        Some(rule) => Ok(format!("earlier versions are kept for {}", life(rule))),
    }
}

fn is_short(rule: &LifecycleRule) -> bool {
    rule.noncurrent_days.is_some_and(|days| days < SHORT_WAY_BACK_DAYS)
        && rule.noncurrent_versions_kept < ENOUGH_VERSIONS
}

/// How long the rule lets earlier versions be. One goes only when its days are over and enough newer ones are there.
///
/// Source: `NoncurrentVersionExpiration`, Amazon S3 API Reference.
fn life(rule: &LifecycleRule) -> String {
    let days = match rule.noncurrent_days {
        Some(1) => "one day".to_owned(),
        days => format!("{} days", days.unwrap_or(0)),
    };
    match rule.noncurrent_versions_kept {
        0 => days,
        1 => format!("{days}, and the last one of each file longer"),
        count => format!("{days}, and the last {count} of each file longer"),
    }
}
