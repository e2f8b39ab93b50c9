//! The workflows of GitHub Actions, held against a linter that npm brings at a pinned version.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::tools;

/// Where the linter's package and the program that calls it are.
const SOURCES: &str = "xtask/workflows";
const FILES: &[&str] = &["package.json", "package-lock.json", "lint.mjs"];

/// Lints every workflow.
///
/// # Errors
/// When the linter cannot be installed, or finds something.
pub fn lint(project: &Project) -> Result<()> {
    let folder = project.scratch("workflows");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in FILES {
        let from = project.path(&format!("{SOURCES}/{file}"));
        fs::copy(&from, folder.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let prefix = folder.to_str().context("the path is not UTF-8")?;
    tools::run(project.command("npm").args([
        "--prefix",
        prefix,
        "ci",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]))?;
    let files = project.files()?;
    let workflows: Vec<&String> =
        files.iter().filter(|file| file.starts_with(".github/workflows/")).collect();
    ensure!(!workflows.is_empty(), "there are no workflows in .github/workflows");
    tools::run(project.command("node").arg(folder.join("lint.mjs")).args(&workflows))?;
    println!("{} workflows, nothing found", workflows.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a workflow between two of its lines, the second not included.
    fn between(file: &str, from: &str, to: &str) -> String {
        let project = Project::find().expect("cargo runs the tests");
        let text =
            fs::read_to_string(project.path(&format!(".github/workflows/{file}"))).expect("it is there");
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{file} has no `{from}`"));
        rest.split(to).next().expect("a part").to_owned()
    }

    /// Each workflow: its file's name and its text.
    fn workflows() -> Vec<(String, String)> {
        let folder = Project::find().expect("cargo runs the tests").path(".github/workflows");
        let files = fs::read_dir(folder).expect("it is there").map(|file| file.expect("it is read"));
        let read = |path| fs::read_to_string(path).expect("it is a text");
        files.map(|file| (file.file_name().to_string_lossy().into_owned(), read(file.path()))).collect()
    }

    /// The values that the lines of a workflow give a member, wherever it stands.
    fn values<'a>(text: &'a str, member: &str) -> Vec<&'a str> {
        let members = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
        let values = members.filter_map(|line| line.strip_prefix(member)?.strip_prefix(':'));
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// A shell that no line names is `bash -e`, which asks only for the end of a pipe how it went. Source: GitHub, "Workflow syntax for
    /// GitHub Actions", on `jobs.<job_id>.steps[*].shell`.
    #[test]
    fn what_fails_before_a_pipe_fails_the_step() {
        let workflows = workflows();
        let running: Vec<_> = workflows.iter().filter(|(_, text)| !values(text, "run").is_empty()).collect();
        assert!(!running.is_empty());
        for (file, text) in running {
            assert!(text.contains("\ndefaults:\n  run:\n    shell: bash\n"), "{file} names no shell");
            assert_eq!(values(text, "shell"), ["bash"], "{file} has another shell in one of its steps");
        }
    }

    #[test]
    fn every_push_is_tested_and_has_images() {
        for file in ["ci.yml", "images.yml"] {
            let events = between(file, "\non:\n", "\npermissions:");
            assert!(events.starts_with("  push:\n    branches: [\"**\"]\n"), "{file}: {events}");
        }
    }

    /// A group of all commits of a branch would cancel the run of one when the next is pushed.
    #[test]
    fn a_commit_that_is_followed_by_another_keeps_its_images() {
        let group = between("images.yml", "\nconcurrency:\n", "\n\n");
        assert!(
            group
                .contains("  group: images-${{ github.event_name == 'push' && github.sha || github.ref }}\n"),
            "{group}"
        );
    }

    #[test]
    fn a_rollback_that_waits_does_not_give_way_to_the_next_deploy() {
        let group = between("deploy_environment.yml", "\nconcurrency:\n", "\n\n");
        assert_eq!(
            group,
            "  group: deploy-${{ inputs.environment }}\n  cancel-in-progress: false\n  queue: max"
        );
    }

    /// A workflow that runs after another one has this repository's rights, whoever set the other one off.
    #[test]
    fn what_a_fork_proposes_is_not_deployed() {
        let staging = between("deploy.yml", "\n  staging:\n", "\n    uses:");
        assert!(
            staging.contains(
                "(github.event.workflow_run.conclusion == 'success' && github.event.workflow_run.event == 'push')"
            ),
            "{staging}"
        );
        let production = between("deploy.yml", "\n  production:\n", "\n    uses:");
        assert!(production.contains("needs: staging"), "{production}");
    }

    /// Who approves, and from which branch, are rules of the environment on GitHub; the role asks for its name, and GitHub signs it only for a
    /// job that may ask for a token, whoever calls it.
    #[test]
    fn a_deploy_is_in_its_environment_and_may_prove_it() {
        let environment = "    environment: ${{ inputs.environment }}\n";
        let token = "    permissions:\n      contents: read\n      id-token: write\n";
        let run = between("deploy_environment.yml", "\n  run:\n", "\n    steps:");
        assert!(format!("{run}\n").contains(environment), "{run}");
        assert!(format!("{run}\n").contains(token), "{run}");
        let callers = [
            between("deploy.yml", "\n  staging:\n", "\n\n"),
            between("deploy.yml", "\n  production:\n", "\n\n"),
            between("rollback.yml", "\n  rollback:\n", "\n\n"),
        ];
        let wanted = ["staging", "production", "${{ inputs.environment }}"];
        for (caller, environment) in callers.iter().zip(wanted) {
            assert!(caller.contains("    uses: ./.github/workflows/deploy_environment.yml\n"), "{caller}");
            assert!(caller.contains(token), "{caller}");
            assert!(caller.contains(&format!("    with:\n      environment: {environment}\n")), "{caller}");
        }
    }

    #[test]
    fn the_rollback_goes_back_and_the_deploy_does_not() {
        let steps = between("deploy_environment.yml", "\n    steps:\n", "\n\n");
        let step = |condition: &str| {
            let (_, rest) =
                steps.split_once(&format!("      - if: ${{{{ {condition} }}}}\n")).expect(condition);
            values(rest, "run")[0].to_owned()
        };
        assert!(step("!inputs.back").starts_with("cargo xtask deploy --env"), "{steps}");
        assert!(step("inputs.back").starts_with("cargo xtask rollback "), "{steps}");
        let back = between("rollback.yml", "\n    with:\n", "\n\n");
        assert_eq!(values(&back, "back"), ["true"], "{back}");
        assert_eq!(values(&back, "back_to"), ["${{ inputs.back_to }}"], "{back}");
        let forward = between("deploy.yml", "\njobs:\n", "\n\n\n");
        assert!(values(&forward, "back").is_empty(), "{forward}");
    }

    /// AWS refuses a session that is longer than the role allows.
    #[test]
    fn a_deploy_asks_for_as_long_as_its_role_allows() {
        let project = Project::find().expect("cargo runs the tests");
        let role =
            fs::read_to_string(project.path("infra/modules/deploy_role/main.tf")).expect("it is there");
        let allowed = role.lines().find_map(|line| line.trim().strip_prefix("max_session_duration = "));
        let steps = between("deploy_environment.yml", "\n    steps:\n", "\n\n");
        assert_eq!(values(&steps, "role-duration-seconds"), [allowed.expect("the role says how long")]);
    }
}
