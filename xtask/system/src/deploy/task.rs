//! The five tasks as the command line has them: opens a session, runs the task, reports, and gives the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;
use xtask::project::Project;

use super::arguments::{
    Common, DeployArguments, DestroyArguments, PlanArguments, RollbackArguments, StatusArguments,
};
use super::ending::Backups;
use super::forward;
use super::guard::Permissions;
use super::outcome::Outcome;
use super::plan::Scope;
use super::session::Session;
use super::settings::{EMULATED, STANDING_IN};
use super::site::OlderCommit;
use super::ui::Ui;
use super::{destroy, failure, rollback, status, view};
use crate::emulated::{self, Need};

/// One of the tasks, with its flags.
#[derive(Clone, Debug)]
pub enum Task {
    Plan(PlanArguments),
    Deploy(DeployArguments),
    Rollback(RollbackArguments),
    Status(StatusArguments),
    Destroy(DestroyArguments),
}

impl Task {
    fn common(&self) -> &Common {
        match self {
            Self::Plan(arguments) => &arguments.common,
            Self::Deploy(arguments) => &arguments.common,
            Self::Rollback(arguments) => &arguments.common,
            Self::Status(arguments) => &arguments.common,
            Self::Destroy(arguments) => &arguments.common,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Deploy(_) => "deploy",
            Self::Rollback(_) => "rollback",
            Self::Status(_) => "status",
            Self::Destroy(_) => "destroy",
        }
    }
}

/// Runs a task. Errors are told here, since each class has an exit code of its own.
///
/// # Errors
/// When there is no runtime.
pub fn run(project: &Project, task: &Task) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let done = runtime.block_on(enter(project, task));
    let error = match done {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    let (class, hint) = (failure::class(&error), failure::hint(&error));
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {}", cause.to_string().replace('\n', "\n    "));
    }
    if let Some(hint) = &hint {
        eprintln!("hint: {hint}");
    }
    if task.common().json {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let error =
            json!({"class": class.name(), "message": error.to_string(), "causes": causes, "hint": hint});
        println!("{}", json!({"error": error, "exit_code": class.code()}));
    }
    tell_ci(&view::markdown_failure(task.name(), &format!("{error:#}"), hint.as_deref()));
    Ok(ExitCode::from(class.code()))
}

async fn enter(project: &Project, task: &Task) -> Result<ExitCode> {
    // An environment on this machine has this program run again, with what stands in for AWS in its variables.
    if task.common().env == EMULATED && std::env::var_os(STANDING_IN).is_none() {
        let need = match task {
            Task::Plan(_) | Task::Deploy(_) => Need::Start,
            Task::Rollback(_) | Task::Status(_) => Need::Present,
            Task::Destroy(_) => Need::End,
        };
        return emulated::run(project, need).await;
    }
    let ui = Ui::default();
    let session = Session::open(project, &task.common().env, ui).await?;
    session.explained(perform(&session, task).await)
}

async fn perform(session: &Session, task: &Task) -> Result<ExitCode> {
    let ui = session.ui;
    match task {
        Task::Plan(arguments) => {
            let plan = forward::plan(session, arguments.only.unwrap_or(Scope::All)).await?;
            conclude(task, &view::markdown_plan(&plan, forward::refusal(&plan).as_deref()), &plan)
        }
        Task::Deploy(arguments) => {
            let permissions = Permissions {
                scope: arguments.only.unwrap_or(Scope::All),
                is_agreed: arguments.yes,
                may_lose_data: arguments.allow_data_loss,
                older_commit: if arguments.allow_older_commit {
                    OlderCommit::Accept
                } else {
                    OlderCommit::Refuse
                },
            };
            report(task, ui, &forward::deploy(session, permissions).await?)
        }
        Task::Rollback(arguments) => {
            report(task, ui, &rollback::rollback(session, arguments.to.as_deref(), arguments.yes).await?)
        }
        Task::Status(_) => {
            let status = status::status(session).await?;
            let text = status::render(&status);
            if !task.common().json {
                print!("{text}");
            }
            conclude(task, &view::markdown_status(&status.environment, &text), &status)
        }
        Task::Destroy(arguments) => {
            let backups = if arguments.delete_backups { Backups::Delete } else { Backups::Keep };
            let destroyed = destroy::destroy(session, arguments.confirm.as_deref(), backups).await?;
            conclude(task, &view::markdown_destroyed(&destroyed), &destroyed)
        }
    }
}

fn report(task: &Task, ui: Ui, outcome: &Outcome) -> Result<ExitCode> {
    ui.text(&format!("\n{}", view::summary(outcome)));
    conclude(task, &view::markdown(outcome), outcome)
}

/// What every task ends with that went well: the `summary` of the job, and the one document of `--json`.
fn conclude(task: &Task, summary: &str, value: &impl serde::Serialize) -> Result<ExitCode> {
    tell_ci(summary);
    if task.common().json {
        println!("{}", serde_json::to_string_pretty(value).context("cannot print the document")?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Appends to the summary of the job, where GitHub runs this.
fn tell_ci(text: &str) {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        eprintln!("warning: cannot write the job's summary: {error}");
    }
}
