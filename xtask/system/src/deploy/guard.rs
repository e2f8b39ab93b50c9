//! What a deploy refuses unless it was agreed to, read out of its plan before the first effect. Pure.

use anyhow::Result;

use super::changes::Changes;
use super::failure::Failure;
use super::plan::{DeployPlan, Scope, Step};
use super::site::OlderCommit;
use super::view;

/// What a deploy may do.
#[derive(Clone, Copy, Debug)]
pub struct Permissions {
    pub scope: Scope,
    pub is_agreed: bool,
    pub may_lose_data: bool,
    pub older_commit: OlderCommit,
}

/// Reads a plan for what was not agreed to.
///
/// # Errors
/// The first that refuses.
pub fn check(plan: &DeployPlan, permissions: Permissions) -> Result<()> {
    commit_is_not_older(&plan.commit, plan.newer_commit.as_deref(), permissions)?;
    for step in &plan.steps {
        let Step::Infrastructure { changes } = step else { continue };
        nothing_is_lost(changes, permissions)?;
        nothing_is_protected(changes)?;
        no_repository_is_replaced(changes)?;
        let beyond = changes.beyond_services();
        if permissions.scope == Scope::Services && !beyond.is_empty() {
            let failure =
                Failure::refused(format!("the infrastructure would change too: {}", beyond.join(", ")));
            return Err(failure
                .hint("deploy without `--only services`, or look at `--only infra` first")
                .into());
        }
    }
    Ok(())
}

/// Refuses to deploy `commit` where it comes before `newer`, which runs.
///
/// # Errors
/// When it does, and that was not agreed to.
pub fn commit_is_not_older(commit: &str, newer: Option<&str>, permissions: Permissions) -> Result<()> {
    let Some(newer) = newer.filter(|_| permissions.older_commit == OlderCommit::Refuse) else {
        return Ok(());
    };
    let (commit, newer) = (view::short(commit), view::short(newer));
    let failure = Failure::refused(format!("{commit} is older than {newer}, which runs"));
    Err(failure
        .hint("pull first; `cargo xtask rollback` goes back without building, `--allow-older-commit` deploys it anyway")
        .into())
}

/// Refuses changes that lose data, or take services away. All of it is named at once: one flag agrees to it.
///
/// # Errors
/// When they do, and that was not agreed to.
pub fn nothing_is_lost(changes: &Changes, permissions: Permissions) -> Result<()> {
    let (services, data) = (changes.taking_away(), changes.losing_data());
    if permissions.may_lose_data || (services.is_empty() && data.is_empty()) {
        return Ok(());
    }
    let parts = [("takes services away", services), ("deletes or replaces what holds data", data)];
    let parts = parts.iter().filter(|(_, lost)| !lost.is_empty());
    let said: Vec<String> = parts.map(|(what, lost)| format!("{what}: {}", lost.join(", "))).collect();
    let failure = Failure::refused(format!("this plan {}", said.join("; and it ")));
    Err(failure.hint("if that is meant, say `--allow-data-loss`").into())
}

/// Refuses changes that AWS would refuse part way: whoever accepts that data is lost has not turned its protection off.
///
/// # Errors
/// When something that is protected would be deleted, or replaced.
pub fn nothing_is_protected(changes: &Changes) -> Result<()> {
    let refused = changes.refused();
    if refused.is_empty() {
        return Ok(());
    }
    let what = "this plan deletes or replaces what AWS protects from deletion";
    let failure = Failure::refused(format!("{what}: {}", refused.join(", ")));
    Err(failure
        .hint("nothing was changed; set `deletion_protection = false` in terraform.tfvars and deploy that first, in a commit without this change")
        .into())
}

/// Refuses to replace a repository: what runs is pulled from it, this deploy's images are pushed to it before Terraform applies, and
/// ECR would not delete it with them in it.
///
/// # Errors
/// When one would be.
fn no_repository_is_replaced(changes: &Changes) -> Result<()> {
    let replaced = changes.replaced_repositories();
    if replaced.is_empty() {
        return Ok(());
    }
    let failure = Failure::refused(format!(
        "this plan replaces repositories, and the images that run are in them: {}",
        replaced.join(", ")
    ));
    Err(failure
        .hint("nothing was changed; leave the repository's name and encryption as they are, and `terraform untaint` one that a killed run has left")
        .into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::failure::{class, hint};
    use super::*;
    use crate::class::Class;

    const NOTHING: Permissions = Permissions {
        scope: Scope::All,
        is_agreed: true,
        may_lose_data: false,
        older_commit: OlderCommit::Refuse,
    };

    /// A plan of commit `b` that has Terraform make `changes`.
    fn plan(changes: &[(&str, &[&str])]) -> DeployPlan {
        DeployPlan {
            environment: "staging".to_owned(),
            commit: "b".repeat(40),
            scope: Scope::All,
            from_commit: None,
            newer_commit: None,
            steps: vec![Step::CheckLive, Step::Infrastructure { changes: Changes::of(changes) }],
        }
    }

    #[track_caller]
    fn refused(plan: &DeployPlan, permissions: Permissions) -> (String, String) {
        let error = check(plan, permissions).expect_err("it is refused");
        assert_eq!(class(&error), Class::Refused);
        (error.to_string(), hint(&error).expect("there is a way"))
    }

    #[test]
    fn data_is_not_lost_unless_that_is_agreed_to() {
        let losing = plan(&[("module.d.aws_db_instance.this", &["delete", "create"])]);
        let (message, hint) = refused(&losing, NOTHING);
        assert!(message.ends_with("holds data: module.d.aws_db_instance.this"), "{message}");
        assert!(hint.contains("--allow-data-loss"), "{hint}");
        check(&losing, Permissions { may_lose_data: true, ..NOTHING }).expect("it was agreed to");
        check(&plan(&[("aws_db_instance.this", &["update"])]), NOTHING).expect("nothing is lost");
    }

    #[test]
    fn what_is_protected_is_refused_whatever_was_agreed_to() {
        let before = json!({"deletion_protection": true});
        let change = json!({"actions": ["delete", "create"], "before": before, "after": null});
        let database = json!({"mode": "managed", "address": "module.d.aws_db_instance.this",
            "type": "aws_db_instance", "change": change});
        let document = json!({"format_version": "1.2", "resource_changes": [database]});
        let changes = Changes::parse(&document).expect("a plan");
        let plan = DeployPlan { steps: vec![Step::Infrastructure { changes }], ..plan(&[]) };
        let may_lose_data = Permissions { may_lose_data: true, ..NOTHING };
        let (message, hint) = refused(&plan, may_lose_data);
        assert!(message.ends_with("protects from deletion: module.d.aws_db_instance.this"), "{message}");
        assert!(hint.contains("deletion_protection = false"), "{hint}");
        // That data would be lost comes first: it may not be meant.
        assert!(refused(&plan, NOTHING).0.contains("holds data"));
    }

    #[test]
    fn a_repository_is_not_replaced_whatever_was_agreed_to() {
        let repository = "module.registry.aws_ecr_repository.this[\"greeter\"]";
        let may_lose_data = Permissions { may_lose_data: true, ..NOTHING };
        let (message, hint) = refused(&plan(&[(repository, &["delete", "create"])]), may_lose_data);
        assert!(message.ends_with(&format!("the images that run are in them: {repository}")), "{message}");
        assert!(hint.contains("name and encryption"), "{hint}");
        check(&plan(&[(repository, &["delete"])]), may_lose_data).expect("its service goes, too");
        check(&plan(&[("aws_s3_bucket.logs", &["delete", "create"])]), may_lose_data).expect("agreed to");
    }

    #[test]
    fn a_service_is_not_taken_away_unless_that_is_agreed_to() {
        let service = "module.services.aws_ecs_service.this[\"greeter\"]";
        // As with images that are left out: the containers go, and nothing else.
        let only_containers = plan(&[(service, &["delete"])]);
        let (message, hint) = refused(&only_containers, NOTHING);
        assert_eq!(message, format!("this plan takes services away: {service}"));
        assert!(hint.contains("--allow-data-loss"), "{hint}");
        for scope in [Scope::Services, Scope::Infra] {
            refused(&only_containers, Permissions { scope, ..NOTHING });
        }
        // What goes besides is not agreed to unseen.
        let more = plan(&[(service, &["delete"]), ("aws_db_instance.this", &["delete"])]);
        let (message, _) = refused(&more, NOTHING);
        assert!(
            message.ends_with("; and it deletes or replaces what holds data: aws_db_instance.this"),
            "{message}"
        );
        check(&more, Permissions { may_lose_data: true, ..NOTHING }).expect("it was agreed to");
        check(&plan(&[(service, &["delete", "create"])]), NOTHING).expect("it comes back");
    }

    #[test]
    fn services_alone_are_containers_alone() {
        let services = Permissions { scope: Scope::Services, ..NOTHING };
        let both = plan(&[("aws_vpc.this", &["update"]), ("aws_ecs_service.this", &["update"])]);
        let (message, _) = refused(&both, services);
        assert_eq!(message, "the infrastructure would change too: aws_vpc.this");
        check(&both, NOTHING).expect("everything was asked for");
        check(&plan(&[("aws_ecs_service.this", &["update"])]), services).expect("they are containers");
    }

    #[test]
    fn an_older_commit_is_deployed_only_on_purpose() {
        let older = DeployPlan { newer_commit: Some("c".repeat(40)), ..plan(&[]) };
        for scope in [Scope::All, Scope::Services, Scope::Infra, Scope::Site] {
            let (message, hint) = refused(&older, Permissions { scope, ..NOTHING });
            assert_eq!(message, "bbbbbbb is older than ccccccc, which runs");
            assert!(hint.contains("--allow-older-commit"), "{hint}");
        }
        check(&older, Permissions { older_commit: OlderCommit::Accept, ..NOTHING })
            .expect("it is on purpose");
    }
}
