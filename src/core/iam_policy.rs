//! The least that an identity needs: commands and a target in, an IAM policy out.
//!
//! [`needs::COMMANDS`] is the only list of what commands call, and [`operation`] of what IAM wants for it.

pub mod conditions;
pub mod denied;
pub mod needs;
pub mod operation;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::domain::certificate::{CLOUDFRONT_REGION, OWNER_TAG};
use super::domain::name::DnsName;
use super::key::{KeyPrefix, STATE_PREFIX};
use conditions::Condition;
use needs::{CommandNeeds, Reach};
use operation::Resource;

/// Characters of a managed policy at most, white space not counted (IAM quotas).
pub const MANAGED_POLICY_CHARACTERS: usize = 6_144;

/// Characters of all inline policies of a role at most, white space not counted (IAM quotas).
pub const ROLE_POLICY_CHARACTERS: usize = 10_240;

/// What the policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyTarget {
    /// `aws`, `aws-cn`, `aws-us-gov`...
    pub partition: String,
    /// Twelve digits; none leaves the account open. Ids of distributions are unique in all accounts, and nobody can
    /// be let into the distributions of another account, so that grants no more.
    pub account: Option<String>,
    /// A name, or the ARN of an access point.
    pub bucket: String,
    pub prefix: KeyPrefix,
    pub distributions: Vec<String>,
    /// The ARN of the key value store.
    pub key_value_store: Option<String>,
    /// The ARN of the key that the bucket is encrypted with.
    pub kms_key: Option<String>,
    /// The names that `domain` brings to the distribution.
    pub domains: Vec<DnsName>,
    /// The ids of the hosted zones that the names are in; none leaves it open.
    pub hosted_zones: Vec<String>,
}

/// A policy as IAM takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// The version of the language.
    version: &'static str,
    pub statement: Vec<Statement>,
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    pub sid: &'static str,
    effect: &'static str,
    /// Sorted.
    pub action: Vec<&'static str>,
    pub resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// Must agree with [`OWNER_TAG`].
const REQUEST_TAG: &str = "aws:RequestTag/sitepush";
const RESOURCE_TAG: &str = "aws:ResourceTag/sitepush";

/// What actions are granted together.
type Scope = (Resource, Reach);

impl PolicyDocument {
    /// The least policy for `commands` on `target`, in an order that depends on neither's. Without statements when the
    /// target has nothing that the commands ask.
    pub fn derive(commands: &[&CommandNeeds], target: &PolicyTarget) -> Self {
        let statement = granted(commands).into_iter().filter_map(|(scope, actions)| {
            let resource = target.resources(scope);
            (!resource.is_empty()).then(|| Statement {
                sid: sid(scope),
                effect: "Allow",
                action: actions.into_iter().collect(),
                resource,
                condition: target.condition(scope),
            })
        });
        Self { version: "2012-10-17", statement: statement.collect() }
    }

    /// Its length as IAM counts it: without white space, of which no value has any.
    ///
    /// # Panics
    /// Never: it is JSON.
    pub fn characters(&self) -> usize {
        serde_json::to_string(self).expect("a policy has only string keys").chars().count()
    }
}

/// Whether any of the commands is about a bucket.
pub fn needs_bucket(commands: &[&CommandNeeds]) -> bool {
    let is_of_bucket =
        |(resource, _): &Scope| matches!(resource, Resource::Objects | Resource::Names | Resource::Bucket);
    granted(commands).keys().any(is_of_bucket)
}

/// Whether any of the commands changes something by the site's names.
pub fn needs_names(commands: &[&CommandNeeds]) -> bool {
    let is_of_names =
        |(resource, _): &Scope| matches!(resource, Resource::NewCertificate | Resource::Records);
    granted(commands).keys().any(is_of_names)
}

/// The actions by what they are granted on. What is granted on the site is not granted on the state in it once more, nor
/// on names what is granted on the bucket with all of them.
fn granted(commands: &[&CommandNeeds]) -> BTreeMap<Scope, BTreeSet<&'static str>> {
    let mut granted: BTreeMap<Scope, BTreeSet<&'static str>> = BTreeMap::new();
    for call in commands.iter().flat_map(|needs| needs.calls()) {
        for grant in call.operation.grants {
            let reach = match grant.resource {
                Resource::Objects | Resource::Names => call.reach,
                _ => Reach::Site,
            };
            granted.entry((grant.resource, reach)).or_default().insert(grant.action);
        }
    }
    for (wide, narrow) in [
        ((Resource::Objects, Reach::Site), (Resource::Objects, Reach::State)),
        ((Resource::Names, Reach::Site), (Resource::Names, Reach::State)),
        ((Resource::Bucket, Reach::Site), (Resource::Names, Reach::Site)),
        ((Resource::Bucket, Reach::Site), (Resource::Names, Reach::State)),
    ] {
        let on_wide = granted.get(&wide).cloned().unwrap_or_default();
        if let Some(on_narrow) = granted.get_mut(&narrow) {
            on_narrow.retain(|action| !on_wide.contains(action));
        }
    }
    granted.retain(|_, actions| !actions.is_empty());
    granted
}

/// Letters and digits, as IAM wants it.
fn sid((resource, reach): Scope) -> &'static str {
    match (resource, reach) {
        (Resource::Objects, Reach::Site) => "Objects",
        (Resource::Objects, Reach::State) => "State",
        (Resource::Names, Reach::Site) => "Names",
        (Resource::Names, Reach::State) => "NamesOfState",
        (Resource::Bucket, _) => "Bucket",
        (Resource::Distributions, _) => "Distributions",
        (Resource::DistributionParts, _) => "DistributionParts",
        (Resource::Store, _) => "KeyValueStore",
        (Resource::Key, _) => "EncryptionKey",
        (Resource::Lists, _) => "Lists",
        (Resource::Certificates, _) => "Certificates",
        (Resource::NewCertificate, _) => "NewCertificate",
        (Resource::CertificateTag, _) => "CertificateTag",
        (Resource::OwnCertificates, _) => "OwnCertificates",
        (Resource::ZoneList, _) => "HostedZoneList",
        (Resource::Zones, _) => "HostedZones",
        (Resource::Records, _) => "Records",
        (Resource::RecordChanges, _) => "RecordChanges",
    }
}

/// Of CloudFront, what a distribution refers to.
const DISTRIBUTION_PARTS: &[&str] = &[
    "cache-policy",
    "function",
    "origin-access-control",
    "origin-request-policy",
    "response-headers-policy",
];

impl PolicyTarget {
    /// None where the target has nothing of the kind.
    fn resources(&self, (resource, reach): Scope) -> Vec<String> {
        match resource {
            Resource::Objects => vec![format!("{}{}", self.objects_arn(), self.key_pattern(reach))],
            Resource::Names | Resource::Bucket => vec![self.bucket_arn()],
            Resource::Store => self.key_value_store.iter().cloned().collect(),
            Resource::Key => self.kms_key.iter().cloned().collect(),
            // Names, certificates and records are those of a distribution.
            _ if self.distributions.is_empty() => Vec::new(),
            Resource::Distributions => self.distribution_arns(),
            // Some are AWS's own, so that the account is left open.
            Resource::DistributionParts => {
                let arn = |kind| format!("arn:{}:cloudfront::*:{kind}/*", self.partition);
                DISTRIBUTION_PARTS.iter().map(arn).collect()
            }
            Resource::Certificates | Resource::CertificateTag | Resource::OwnCertificates => {
                vec![self.certificate_arns()]
            }
            Resource::Zones => self.zone_arns(),
            Resource::RecordChanges => vec![format!("arn:{}:route53:::change/*", self.partition)],
            Resource::Lists | Resource::ZoneList => vec!["*".to_owned()],
            Resource::NewCertificate | Resource::Records if self.domains.is_empty() => Vec::new(),
            Resource::NewCertificate => vec!["*".to_owned()],
            Resource::Records => self.zone_arns(),
        }
    }

    fn condition(&self, (resource, reach): Scope) -> Option<Condition> {
        match resource {
            Resource::Names => {
                let pattern = self.key_pattern(reach);
                (pattern != "*").then(|| Condition::default().with("StringLike", "s3:prefix", [pattern]))
            }
            // S3 uses the key in the name of the identity; by itself the identity has no use for it.
            Resource::Key => Some(Condition::default().with("StringLike", "kms:ViaService", ["s3.*"])),
            Resource::NewCertificate => Some(Condition::of_new_certificate(&self.domains).with(
                "StringEquals",
                REQUEST_TAG,
                self.distribution_ids(),
            )),
            // ACM has no key for a certificate that is being made: another one could be given the tag. What
            // `OwnCertificates` allows then is to delete it, which ACM refuses while anything uses it.
            Resource::CertificateTag => {
                Some(Condition::default().with("StringEquals", REQUEST_TAG, self.distribution_ids()).with(
                    "ForAllValues:StringEquals",
                    "aws:TagKeys",
                    [OWNER_TAG],
                ))
            }
            Resource::OwnCertificates => {
                Some(Condition::default().with("StringEquals", RESOURCE_TAG, self.distribution_ids()))
            }
            Resource::Records => Some(Condition::of_records(&self.domains)),
            _ => None,
        }
    }

    fn bucket_arn(&self) -> String {
        if self.is_access_point() {
            self.bucket.clone()
        } else {
            format!("arn:{}:s3:::{}", self.partition, self.bucket)
        }
    }

    /// What stands before a key.
    fn objects_arn(&self) -> String {
        let separator = if self.is_access_point() { "/object/" } else { "/" };
        format!("{}{separator}", self.bucket_arn())
    }

    fn is_access_point(&self) -> bool {
        self.bucket.starts_with("arn:")
    }

    fn key_pattern(&self, reach: Reach) -> String {
        let prefix = literal(self.prefix.as_str());
        match reach {
            Reach::Site => format!("{prefix}*"),
            Reach::State => format!("{prefix}{STATE_PREFIX}*"),
        }
    }

    fn certificate_arns(&self) -> String {
        format!("arn:{}:acm:{CLOUDFRONT_REGION}:{}:certificate/*", self.partition, self.account_part())
    }

    /// Sorted; each once.
    fn zone_arns(&self) -> Vec<String> {
        let arn = |id: &str| format!("arn:{}:route53:::hostedzone/{id}", self.partition);
        if self.hosted_zones.is_empty() {
            return vec![arn("*")];
        }
        let ids: BTreeSet<&String> = self.hosted_zones.iter().collect();
        ids.into_iter().map(|id| arn(&literal(id))).collect()
    }

    fn account_part(&self) -> &str {
        self.account.as_deref().unwrap_or("*")
    }

    /// Sorted; each once.
    fn distribution_ids(&self) -> BTreeSet<String> {
        self.distributions.iter().cloned().collect()
    }

    fn distribution_arns(&self) -> Vec<String> {
        let arn = |id: &String| {
            let account = self.account_part();
            format!("arn:{}:cloudfront::{account}:distribution/{}", self.partition, literal(id))
        };
        self.distribution_ids().iter().map(arn).collect()
    }
}

/// The text with what IAM would take for a wildcard or a variable standing for itself.
///
/// Source: "IAM policy elements: Variables and tags" (IAM User Guide), on special characters.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut literal, character| {
        match character {
            '*' | '?' | '$' => literal.extend(['$', '{', character, '}']),
            _ => literal.push(character),
        }
        literal
    })
}

/// The partition of a region; the public one where no region is told.
///
/// Source: the partitions of the AWS SDKs (`partitions.json`).
pub fn partition_of(region: &str) -> &'static str {
    const STARTS: &[(&str, &str)] = &[
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    STARTS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests;
