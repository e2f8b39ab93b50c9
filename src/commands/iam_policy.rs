//! `sitepush iam-policy`: prints the least policy for commands on a target. Asks nobody.

use crate::cli::IamPolicyArgs;
use crate::core::iam_policy::{MANAGED_POLICY_CHARACTERS, PolicyDocument, ROLE_POLICY_CHARACTERS};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::settings::IamPolicySettings;
use crate::ui::human;
use crate::ui::terminal;

/// Prints the policy as JSON.
///
/// # Errors
/// When the arguments name no commands or target, the target has nothing that the commands ask, or IAM would not take a
/// policy of that size.
pub fn run(args: &IamPolicyArgs) -> Result<ExitCode, Error> {
    let settings = IamPolicySettings::resolve(args)?;
    let policy = PolicyDocument::derive(&settings.commands, &settings.target);
    if policy.statement.is_empty() {
        let names: Vec<String> =
            settings.commands.iter().map(|needs| format!("`{}`", needs.command)).collect();
        return Err(Error::usage(format!("the target has nothing that {} would ask", names.join(", ")))
            .with_hint("pass `--distribution`, or set `distributions` of the target in sitepush.toml"));
    }
    let characters = policy.characters();
    if characters > ROLE_POLICY_CHARACTERS {
        return Err(Error::usage(format!(
            "the policy has {} characters, more than the {} that IAM takes",
            human::thousands(characters as u64),
            human::thousands(ROLE_POLICY_CHARACTERS as u64)
        ))
        .with_hint("make several policies, of some of the commands, distributions or names each"));
    }
    if characters > MANAGED_POLICY_CHARACTERS {
        terminal::note(&format!(
            "warning: {} characters are more than a managed policy takes ({}): make it an inline policy of a role\n",
            human::thousands(characters as u64),
            human::thousands(MANAGED_POLICY_CHARACTERS as u64)
        ));
    }
    terminal::json(&policy);
    Ok(ExitCode::Done)
}
