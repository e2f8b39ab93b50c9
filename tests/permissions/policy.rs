//! The printed policy, held against what was asked.

use serde_json::Value;
use sitepush::local::control::ControlPlane;

use crate::lab::{Lab, Used};
use crate::support::DISTRIBUTION;

impl Lab {
    /// The policy for the command, as it is printed.
    fn policy(&self) -> Vec<Statement> {
        let store = ControlPlane::store_arn(DISTRIBUTION);
        let arguments = ["--for", self.command, "--distribution", DISTRIBUTION, "--key-value-store", &store];
        let answer = self.run("iam-policy", &arguments).success();
        assert_eq!(answer.stderr, "");
        let statements = answer.json()["Statement"].as_array().expect("a list").clone();
        statements.iter().map(Statement::read).collect()
    }

    /// The policy allows all that was asked, and nothing in it was not needed.
    pub fn assert_is_least(&self) {
        let policy = self.policy();
        for used in &self.used {
            let is_allowed = policy.iter().any(|statement| statement.allows(used));
            assert!(is_allowed, "`{}` needs {used:?} in {policy:#?}", self.command);
        }
        let state = format!("{}.sitepush/", self.key_prefix());
        for statement in &policy {
            for action in &statement.actions {
                let is_use = |used: &&Used| used.action == action && statement.allows(used);
                let uses: Vec<_> = self.used.iter().filter(is_use).collect();
                assert!(!uses.is_empty(), "`{}` does not need {action}", self.command);
                let is_wide = |text: &str| text.ends_with("/*") && !text.ends_with(".sitepush/*");
                let on_state = |used: &&Used| {
                    let key =
                        used.names.as_deref().or_else(|| used.resource.split_once('/').map(|(_, key)| key));
                    key.is_some_and(|key| key.starts_with(&state))
                };
                if statement.resources.iter().any(|resource| is_wide(resource)) {
                    let is_needed = !uses.iter().all(on_state);
                    assert!(is_needed, "`{}` needs {action} on its own state only", self.command);
                }
            }
        }
    }
}

/// A statement of a printed policy.
#[derive(Debug)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    /// What `s3:prefix` has to be like.
    names: Option<String>,
}

impl Statement {
    fn read(statement: &Value) -> Self {
        let list = |name: &str| {
            let list = statement[name].as_array().expect("a list");
            list.iter().map(|item| item.as_str().expect("text").to_owned()).collect()
        };
        assert_eq!(statement["Effect"], "Allow");
        let names = &statement["Condition"]["StringLike"]["s3:prefix"];
        Self {
            actions: list("Action"),
            resources: list("Resource"),
            names: names.as_str().map(str::to_owned),
        }
    }

    fn allows(&self, used: &Used) -> bool {
        let has_names = |pattern: &String| used.names.as_deref().is_some_and(|names| is_like(pattern, names));
        self.actions.iter().any(|action| action == used.action)
            && self.resources.iter().any(|pattern| is_like(pattern, &used.resource))
            && self.names.as_ref().is_none_or(has_names)
    }
}

/// Whether the text is like a pattern with stars, as IAM compares ARNs.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(rest, &text[at..]))
        }),
    }
}
