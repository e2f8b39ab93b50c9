//! `cargo xtask image | dev | plan | deploy | rollback | status | destroy`: the whole application. Parses and dispatches,
//! nothing else; each task has a module.

#![expect(clippy::print_stderr, reason = "a task runner talks to the person who started it")]
#![allow(clippy::disallowed_methods, reason = "the walls are the product's; a task runner is all edges")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use system::deploy::{
    self, DeployArguments, DestroyArguments, PlanArguments, RollbackArguments, StatusArguments,
};
use system::{dev, emulated, image};
use xtask::project::Project;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The whole application: on this machine, and on AWS"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One variant a task, with the arguments type of its module.
#[derive(Debug, Subcommand)]
enum Task {
    /// Build the images of the services, and push them
    Image(image::Arguments),
    /// Run the whole application on this machine
    Dev(dev::DevArgs),
    /// Show what a deploy would change
    Plan(PlanArguments),
    /// Deploy the commit that is checked out: infrastructure, services, site
    Deploy(DeployArguments),
    /// Take site and services back to an earlier release
    Rollback(RollbackArguments),
    /// Show what runs where, and whether it is healthy
    Status(StatusArguments),
    /// Take an environment away. Its backups stay: it names them, and the commands that delete them
    Destroy(DestroyArguments),
    /// Holds the emulated environment
    #[command(hide = true)]
    EmulatedEnvironment(emulated::BackgroundArguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help is an answer; anything else is a usage error, which has a code of its own here.
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match run(arguments.task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let project = Project::find()?;
    match task {
        Task::Image(arguments) => image::run(&project, &arguments),
        Task::Plan(arguments) => deploy::run(&project, &deploy::Task::Plan(arguments)),
        Task::Deploy(arguments) => deploy::run(&project, &deploy::Task::Deploy(arguments)),
        Task::Rollback(arguments) => deploy::run(&project, &deploy::Task::Rollback(arguments)),
        Task::Status(arguments) => deploy::run(&project, &deploy::Task::Status(arguments)),
        Task::Destroy(arguments) => deploy::run(&project, &deploy::Task::Destroy(arguments)),
        Task::EmulatedEnvironment(arguments) => emulated::run_background(&project, &arguments),
        Task::Dev(args) => dev::run(&project, &args),
    }
}
