//! The least that an identity needs: commands and a target in, an IAM policy out.
//!
//! [`needs::COMMANDS`] is the only list of what commands call, and [`operation`] of what IAM wants for it.

pub mod denied;
pub mod needs;
pub mod operation;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::key::{KeyPrefix, STATE_PREFIX};
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

/// Operator, key, value.
pub type Condition = BTreeMap<&'static str, BTreeMap<&'static str, String>>;

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

/// The actions by what they are granted on. What is granted on the site is not granted on the state in it once more.
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
    for resource in [Resource::Objects, Resource::Names] {
        let on_site = granted.get(&(resource, Reach::Site)).cloned().unwrap_or_default();
        if let Some(on_state) = granted.get_mut(&(resource, Reach::State)) {
            on_state.retain(|action| !on_site.contains(action));
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
        (Resource::Store, _) => "KeyValueStore",
        (Resource::Key, _) => "EncryptionKey",
    }
}

impl PolicyTarget {
    fn resources(&self, (resource, reach): Scope) -> Vec<String> {
        match resource {
            Resource::Objects => vec![format!("{}{}", self.objects_arn(), self.key_pattern(reach))],
            Resource::Names | Resource::Bucket => vec![self.bucket_arn()],
            Resource::Distributions => self.distribution_arns(),
            Resource::Store => self.key_value_store.iter().cloned().collect(),
            Resource::Key => self.kms_key.iter().cloned().collect(),
        }
    }

    fn condition(&self, (resource, reach): Scope) -> Option<Condition> {
        let (key, pattern) = match resource {
            Resource::Names => ("s3:prefix", self.key_pattern(reach)),
            // S3 uses the key in the name of the identity; by itself the identity has no use for it.
            Resource::Key => ("kms:ViaService", "s3.*".to_owned()),
            _ => return None,
        };
        let is_limiting = pattern != "*";
        is_limiting.then(|| BTreeMap::from([("StringLike", BTreeMap::from([(key, pattern)]))]))
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

    /// Sorted; each once.
    fn distribution_arns(&self) -> Vec<String> {
        let account = self.account.as_deref().unwrap_or("*");
        let ids: BTreeSet<&String> = self.distributions.iter().collect();
        ids.into_iter()
            .map(|id| format!("arn:{}:cloudfront::{account}:distribution/{}", self.partition, literal(id)))
            .collect()
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
