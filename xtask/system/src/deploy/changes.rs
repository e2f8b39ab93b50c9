//! What a plan of Terraform changes, read out of `terraform show -json`. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The changes of a plan, sorted by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    pub resources: Vec<Change>,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub address: String,
    pub kind: String,
    pub action: Action,
    /// Top-level arguments whose values differ, for an update; sorted.
    pub arguments: Vec<String>,
    /// Whether AWS refuses to delete it as it is now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Replace,
    Delete,
    /// Terraform lets go of it, and it stays.
    Forget,
}

impl Action {
    /// As Terraform has it in a plan: `["delete", "create"]` in either order is a replacement. None for what changes
    /// nothing.
    fn parse(actions: &[&str]) -> Option<Self> {
        match actions {
            ["create"] => Some(Self::Create),
            ["update"] => Some(Self::Update),
            ["delete"] => Some(Self::Delete),
            ["forget"] => Some(Self::Forget),
            ["delete", "create"] | ["create", "delete"] => Some(Self::Replace),
            _ => None,
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::Forget => ".",
        }
    }
}

/// What an emulator does not keep: a difference that each plan finds again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The type and name of the resource, without module and key: `aws_ecs_service.this`.
    pub resource: String,
    pub argument: String,
    pub reason: String,
}

/// Arguments that have AWS refuse to delete. Source: the provider's `aws_db_instance` and `aws_lb`, and for what others add,
/// `aws_dynamodb_table`.
const PROTECTIONS: &[&str] =
    &["deletion_protection", "enable_deletion_protection", "deletion_protection_enabled"];

/// Whether AWS refuses to delete a resource that is as `before` says.
pub fn is_protected(before: &Value) -> bool {
    PROTECTIONS.iter().any(|name| before[*name] == true)
}

/// What is not the plan of Terraform that is expected.
#[derive(Debug, thiserror::Error)]
#[error("the plan of Terraform has no list of resources")]
pub struct NoPlan;

impl Changes {
    /// Reads the document of `terraform show -json PLAN`. Data sources are no changes.
    ///
    /// # Errors
    /// When it is no such document.
    pub fn parse(document: &Value) -> Result<Self, NoPlan> {
        if document.get("format_version").is_none() {
            return Err(NoPlan);
        }
        // A plan that creates nothing at all has no list.
        let list = document["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
        let mut resources: Vec<Change> = list.iter().filter_map(change).collect();
        resources.sort_by(|one, other| one.address.cmp(&other.address));
        Ok(Self { resources })
    }

    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    pub fn count(&self, action: Action) -> usize {
        self.resources.iter().filter(|change| change.action == action).count()
    }

    /// Splits off what is only a gap of an emulator: updates all of whose arguments are in `gaps`. The indexes of the
    /// gaps that were met come second.
    pub fn without(self, gaps: &[Gap]) -> (Self, Vec<usize>) {
        let mut met = Vec::new();
        let resources = self.resources.into_iter().filter(|change| {
            let found: Vec<Option<usize>> = change
                .arguments
                .iter()
                .map(|argument| {
                    gaps.iter().position(|gap| change.is_of(&gap.resource) && gap.argument == *argument)
                })
                .collect();
            let is_gap =
                change.action == Action::Update && !found.is_empty() && found.iter().all(Option::is_some);
            if is_gap {
                met.extend(found.into_iter().flatten());
            }
            !is_gap
        });
        let resources = resources.collect();
        met.sort_unstable();
        met.dedup();
        (Self { resources }, met)
    }

    /// The resources that have nothing to do with containers.
    pub fn beyond_services(&self) -> Vec<&str> {
        const OF_SERVICES: &[&str] = &[
            "aws_ecs_task_definition",
            "aws_ecs_service",
            "aws_appautoscaling_target",
            "aws_appautoscaling_policy",
        ];
        let beyond = self.resources.iter().filter(|change| !OF_SERVICES.contains(&change.kind.as_str()));
        beyond.map(|change| change.address.as_str()).collect()
    }

    /// Resources that are to be replaced or deleted, and that AWS refuses to delete as they are now. That the same plan turns the
    /// protection off does not help: what is deleted is what there is.
    pub fn refused(&self) -> Vec<&str> {
        let is_refused = |change: &&Change| {
            change.is_protected && matches!(change.action, Action::Delete | Action::Replace)
        };
        self.resources.iter().filter(is_refused).map(|change| change.address.as_str()).collect()
    }

    /// Repositories that would be replaced.
    pub fn replaced_repositories(&self) -> Vec<&str> {
        let is_replaced =
            |change: &&Change| change.action == Action::Replace && change.kind == "aws_ecr_repository";
        self.resources.iter().filter(is_replaced).map(|change| change.address.as_str()).collect()
    }

    /// Services whose containers go, and do not come back. One that is replaced does.
    pub fn taking_away(&self) -> Vec<&str> {
        let is_taken = |change: &&Change| change.action == Action::Delete && change.kind == "aws_ecs_service";
        self.resources.iter().filter(is_taken).map(|change| change.address.as_str()).collect()
    }

    /// Resources whose loss loses data: replaced or deleted.
    pub fn losing_data(&self) -> Vec<&str> {
        const WITH_DATA: &[&str] = &[
            "aws_db_instance",
            "aws_elasticache_replication_group",
            "aws_s3_bucket",
            "aws_ecr_repository",
            "aws_route53_zone",
        ];
        let lost = |change: &&Change| {
            matches!(change.action, Action::Delete | Action::Replace)
                && WITH_DATA.contains(&change.kind.as_str())
        };
        self.resources.iter().filter(lost).map(|change| change.address.as_str()).collect()
    }
}

impl Change {
    /// Whether it is of the resource `TYPE.NAME`, in whatever module and of whatever key.
    fn is_of(&self, resource: &str) -> bool {
        let without_key = self.address.split_once('[').map_or(self.address.as_str(), |(head, _)| head);
        without_key.strip_suffix(resource).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

fn change(resource: &Value) -> Option<Change> {
    if resource["mode"] != "managed" {
        return None;
    }
    let actions: Vec<&str> =
        resource["change"]["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
    let action = Action::parse(&actions)?;
    let text = |name: &str| resource[name].as_str().map(str::to_owned);
    Some(Change {
        address: text("address")?,
        kind: text("type")?,
        action,
        arguments: arguments(&resource["change"]),
        is_protected: is_protected(&resource["change"]["before"]),
    })
}

/// What differs, by the name of the argument; a value that is known only later differs.
fn arguments(change: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (change["before"].as_object(), change["after"].as_object()) else {
        return Vec::new();
    };
    let unknown = change["after_unknown"].as_object();
    let is_unknown =
        |name: &String| unknown.is_some_and(|unknown| unknown.get(name) == Some(&Value::Bool(true)));
    let differs = |name: &&String| before.get(*name) != after.get(*name) || is_unknown(name);
    let names = before.keys().chain(unknown.into_iter().flat_map(|unknown| unknown.keys()));
    let mut names: Vec<String> = names.filter(differs).cloned().collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    impl Changes {
        /// Changes without arguments, for tests elsewhere.
        pub(crate) fn of(list: &[(&str, &[&str])]) -> Self {
            let resource = |(address, actions): &(&str, &[&str])| {
                let kind = address.split('.').find(|part| part.starts_with("aws_"));
                json!({"mode": "managed", "address": address, "type": kind,
                    "change": {"actions": actions, "before": null, "after": null}})
            };
            let list: Vec<Value> = list.iter().map(resource).collect();
            Self::parse(&json!({"format_version": "1.2", "resource_changes": list})).expect("a plan")
        }
    }

    fn update(address: &str, before: &Value, after: &Value) -> Changes {
        let kind = address.split('.').find(|part| part.starts_with("aws_"));
        let change = json!({"actions": ["update"], "before": before, "after": after, "after_unknown": {}});
        let resource = json!({"mode": "managed", "address": address, "type": kind, "change": change});
        Changes::parse(&json!({"format_version": "1.2", "resource_changes": [resource]})).expect("a plan")
    }

    #[test]
    fn a_replacement_is_one_in_either_order() {
        let changes = Changes::of(&[
            ("b.aws_x.this", &["delete", "create"]),
            ("a.aws_x.this", &["create", "delete"]),
            ("c.aws_x.this", &["no-op"]),
            ("d.aws_x.this", &["read"]),
        ]);
        assert_eq!(changes.count(Action::Replace), 2);
        let addresses: Vec<_> = changes.resources.iter().map(|change| change.address.as_str()).collect();
        assert_eq!(addresses, ["a.aws_x.this", "b.aws_x.this"]);
    }

    #[test]
    fn an_update_is_a_gap_only_when_all_of_it_is() {
        let gap = Gap {
            resource: "aws_ecs_service.this".to_owned(),
            argument: "zone".to_owned(),
            reason: "not kept".to_owned(),
        };
        let address = "module.services.aws_ecs_service.this[\"guestbook\"]";
        let (before, after) = (json!({"zone": 1, "count": 1}), json!({"zone": 2, "count": 1}));
        let gaps = std::slice::from_ref(&gap);
        assert_eq!(update(address, &before, &after).without(gaps), (Changes::default(), vec![0]));
        let more = json!({"zone": 2, "count": 2});
        let (left, met) = update(address, &before, &more).without(gaps);
        assert_eq!((left.resources.len(), met), (1, vec![]));
        assert_eq!(left.resources[0].arguments, ["count", "zone"]);
        let other = "module.services.aws_ecs_service.other_this";
        assert_eq!(update(other, &before, &after).without(gaps).0.resources.len(), 1);
        // A resource that is made anew is no gap, whatever its arguments.
        let made = Changes::of(&[("aws_ecs_service.this", &["create"])]);
        assert_eq!(made.clone().without(gaps), (made, vec![]));
    }

    #[test]
    fn what_holds_data_is_named_when_it_would_go() {
        let changes = Changes::of(&[
            ("module.d.aws_db_instance.this", &["delete", "create"]),
            ("aws_s3_bucket.logs", &["update"]),
            ("aws_ecs_service.this", &["delete"]),
        ]);
        assert_eq!(changes.losing_data(), ["module.d.aws_db_instance.this"]);
        assert_eq!(changes.taking_away(), ["aws_ecs_service.this"]);
        assert_eq!(changes.beyond_services(), ["aws_s3_bucket.logs", "module.d.aws_db_instance.this"]);
    }

    #[test]
    fn what_aws_protects_is_named_when_it_would_go() {
        let change = |address: &str, actions: &[&str], before: Value| {
            json!({"mode": "managed", "address": address, "type": "aws_db_instance",
                "change": {"actions": actions, "before": before, "after": {"deletion_protection": false}}})
        };
        let (on, off) = (json!({"deletion_protection": true}), json!({"deletion_protection": false}));
        let list = [
            change("replaced", &["delete", "create"], on.clone()),
            change("deleted", &["delete"], json!({"enable_deletion_protection": true})),
            change("turned_off", &["update"], on.clone()),
            change("let_go", &["forget"], on),
            change("open", &["delete"], off),
        ];
        let changes = Changes::parse(&json!({"format_version": "1.2", "resource_changes": list}));
        assert_eq!(changes.expect("a plan").refused(), ["deleted", "replaced"]);
    }

    #[test]
    fn another_document_is_no_empty_plan() {
        assert!(Changes::parse(&json!({})).is_err());
        assert_eq!(Changes::parse(&json!({"format_version": "1.2"})).expect("a plan"), Changes::default());
    }
}
