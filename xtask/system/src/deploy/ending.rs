//! What the plan of an end says of what it deletes, beyond that it deletes it, read out of `terraform show -json`. Pure.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes;
use super::failure::Failure;

/// What has to be known before anything is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Addresses of what AWS refuses to delete as it is now; sorted.
    pub protected: Vec<String>,
    /// Names of buckets, which S3 does not delete while they hold anything.
    pub buckets: Vec<String>,
    /// Names of repositories, which ECR does not delete while they hold anything.
    pub repositories: Vec<String>,
    /// Backups that outlive it.
    pub backups: Vec<Backup>,
}

/// A backup that AWS keeps of what is deleted, by the name that only this environment's has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Backup {
    DatabaseSnapshot(String),
    /// All automated backups of the instance with this resource id.
    AutomatedBackups(String),
    CacheSnapshot(String),
}

/// A backup that is left, as `--json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Such as "the last snapshot of the database".
    pub what: String,
    /// The command that deletes it, for good.
    pub remove: String,
}

/// What becomes of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backups {
    Keep,
    Delete,
}

impl Backup {
    /// What it is, with its name.
    pub fn what(&self) -> String {
        match self {
            Self::DatabaseSnapshot(id) => format!("the last snapshot of the database, {id}"),
            Self::AutomatedBackups(id) => {
                format!("automated backups of the database, {id}, for as many days as they were kept")
            }
            Self::CacheSnapshot(name) => format!("the last snapshot of the cache, {name}"),
        }
    }

    /// The command that deletes it, for good.
    pub fn remove(&self) -> String {
        match self {
            Self::DatabaseSnapshot(id) => {
                format!("aws rds delete-db-snapshot --db-snapshot-identifier {id}")
            }
            Self::AutomatedBackups(id) => {
                format!("aws rds delete-db-instance-automated-backup --dbi-resource-id {id}")
            }
            Self::CacheSnapshot(name) => format!("aws elasticache delete-snapshot --snapshot-name {name}"),
        }
    }

    pub fn left(&self) -> Left {
        Left { what: self.what(), remove: self.remove() }
    }
}

impl Ending {
    /// Reads the document of a plan. What is only replaced or changed is no part of an end.
    pub fn parse(document: &Value) -> Self {
        let list = document["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
        let mut ending = Self::default();
        for resource in list.iter().filter(|resource| is_deleted(resource)) {
            let before = &resource["change"]["before"];
            let text = |name: &str| before[name].as_str().map(str::to_owned);
            match resource["type"].as_str() {
                Some("aws_s3_bucket") => ending.buckets.extend(text("bucket")),
                Some("aws_ecr_repository") => ending.repositories.extend(text("name")),
                _ => {}
            }
            ending.backups.extend(backups(resource["type"].as_str().unwrap_or_default(), before));
            if changes::is_protected(before) {
                ending.protected.extend(resource["address"].as_str().map(str::to_owned));
            }
        }
        ending.protected.sort();
        ending
    }

    /// Refuses an end that AWS would refuse part way, when all that nobody protects is gone.
    ///
    /// # Errors
    /// When something is protected.
    pub fn guard(&self) -> Result<(), Failure> {
        if self.protected.is_empty() {
            return Ok(());
        }
        let failure =
            Failure::refused(format!("these are protected from deletion: {}", self.protected.join(", ")));
        Err(failure.hint(
            "nothing was changed; set `deletion_protection = false` in terraform.tfvars and `deploy --only infra` first",
        ))
    }
}

/// What AWS keeps of a resource of the type `kind` that was as `before` says. Source: DeleteDBInstance of the RDS API,
/// DeleteReplicationGroup of the ElastiCache API; its automatic snapshots go with the replication group.
fn backups(kind: &str, before: &Value) -> Vec<Backup> {
    let text = |name: &str| before[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let snapshot = text("final_snapshot_identifier").filter(|_| before["skip_final_snapshot"] != true);
    match kind {
        "aws_db_instance" => {
            let automated = text("resource_id").filter(|_| before["delete_automated_backups"] == false);
            let automated = automated.map(Backup::AutomatedBackups);
            snapshot.map(Backup::DatabaseSnapshot).into_iter().chain(automated).collect()
        }
        "aws_elasticache_replication_group" => snapshot.map(Backup::CacheSnapshot).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What is told before the end about `backups`, in an environment whose state is in the folder `state`, such as
/// `bucket/sitepush-staging`.
pub fn render(backups: &[Backup], policy: Backups, state: &str) -> String {
    let mut text = render_left(if policy == Backups::Keep { backups } else { &[] }, state);
    if policy == Backups::Delete {
        for backup in backups {
            let _ = writeln!(text, "goes, too: {}", backup.what());
        }
    }
    text
}

/// What is told about what stays.
pub fn render_left(left: &[Backup], state: &str) -> String {
    let mut text = format!("stays: the state in s3://{state}/, with its earlier versions\n");
    for backup in left {
        let _ = writeln!(text, "stays: {}; to delete it for good:\n  {}", backup.what(), backup.remove());
    }
    text
}

fn is_deleted(resource: &Value) -> bool {
    resource["mode"] == "managed" && resource["change"]["actions"] == serde_json::json!(["delete"])
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::class::Class;

    /// A plan that deletes resources, each with what it is.
    pub(crate) fn document(resources: &[(&str, Value)]) -> Value {
        let resource = |(address, before): &(&str, Value)| {
            let kind = address.split('.').find(|part| part.starts_with("aws_"));
            json!({"mode": "managed", "address": address, "type": kind,
                "change": {"actions": ["delete"], "before": before, "after": null}})
        };
        let list: Vec<Value> = resources.iter().map(resource).collect();
        json!({"format_version": "1.2", "resource_changes": list})
    }

    #[test]
    fn what_aws_protects_is_named_before_anything_is_deleted() {
        let plan = document(&[
            ("module.services.aws_lb.this", json!({"enable_deletion_protection": true})),
            ("module.database.aws_db_instance.this", json!({"deletion_protection": true})),
            ("module.site.aws_s3_bucket.this", json!({"bucket": "site"})),
        ]);
        let ending = Ending::parse(&plan);
        assert_eq!(ending.protected, ["module.database.aws_db_instance.this", "module.services.aws_lb.this"]);
        let refused = ending.guard().expect_err("it is protected");
        assert_eq!(refused.class, Class::Refused);
        assert!(refused.message.contains("module.database.aws_db_instance.this"), "{refused}");
        assert!(refused.hint.is_some_and(|hint| hint.contains("deletion_protection = false")));
    }

    #[test]
    fn only_what_goes_is_emptied() {
        let mut plan = document(&[
            ("module.site.aws_s3_bucket.this", json!({"bucket": "site", "id": "site"})),
            ("module.site.aws_s3_bucket_policy.this", json!({"bucket": "site"})),
            ("aws_s3_bucket.kept", json!({"bucket": "kept"})),
            ("module.registry.aws_ecr_repository.this[\"counter\"]", json!({"name": "staging/counter"})),
        ]);
        plan["resource_changes"][2]["change"]["actions"] = json!(["no-op"]);
        let ending = Ending::parse(&plan);
        assert_eq!(
            (ending.buckets, ending.repositories),
            (vec!["site".to_owned()], vec!["staging/counter".to_owned()])
        );
    }

    #[test]
    fn what_stays_is_told_with_the_way_to_delete_it() {
        let database = |skip: bool, delete_automated: bool| {
            json!({"final_snapshot_identifier": "staging-db-made-1", "skip_final_snapshot": skip,
                "resource_id": "db-ABC", "delete_automated_backups": delete_automated})
        };
        let left = |before: Value| {
            let cache =
                ("aws_elasticache_replication_group.this", json!({"final_snapshot_identifier": "cache-1"}));
            let ending = Ending::parse(&document(&[("aws_db_instance.this", before), cache]));
            ending.backups.iter().map(Backup::remove).collect::<Vec<_>>()
        };
        let cache = "aws elasticache delete-snapshot --snapshot-name cache-1";
        let snapshot = "aws rds delete-db-snapshot --db-snapshot-identifier staging-db-made-1";
        let automated = "aws rds delete-db-instance-automated-backup --dbi-resource-id db-ABC";
        assert_eq!(left(database(false, false)), [snapshot, automated, cache]);
        assert_eq!(left(database(true, true)), [cache]);
        let one = [Backup::CacheSnapshot("cache-1".to_owned())];
        let state = "stays: the state in s3://bucket/staging/, with its earlier versions\n";
        let expected = format!(
            "{state}stays: the last snapshot of the cache, cache-1; to delete it for good:\n  \
            aws elasticache delete-snapshot --snapshot-name cache-1\n"
        );
        assert_eq!(render(&one, Backups::Keep, "bucket/staging"), expected);
        let expected = format!("{state}goes, too: the last snapshot of the cache, cache-1\n");
        assert_eq!(render(&one, Backups::Delete, "bucket/staging"), expected);
    }

    #[test]
    fn what_nobody_protects_may_go() {
        let mut plan = document(&[
            ("aws_lb.this", json!({"enable_deletion_protection": false})),
            ("aws_db_instance.this", json!({"deletion_protection": null})),
            ("aws_db_instance.other", json!({"deletion_protection": true})),
        ]);
        // Terraform lets go of it, and AWS is not asked.
        plan["resource_changes"][2]["change"]["actions"] = json!(["forget"]);
        let ending = Ending::parse(&plan);
        assert_eq!(ending.protected, [""; 0]);
        ending.guard().expect("nothing is in the way");
    }
}
