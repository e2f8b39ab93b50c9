//! `cargo xtask`: the tasks round the product, one file each. Dispatches and nothing else.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person who started it"
)]
#![allow(clippy::disallowed_methods, reason = "the walls are the product's; a task runner is all edges")]

use std::process::ExitCode;

use anyhow::Result;
use lexopt::Arg;

use xtask::project::Project;
use xtask::{bench, demo, system, test, tidy};

const USAGE: &str = "\
usage: cargo xtask <task>

  demo [--once] [--port N]                      publish the frontend to a preview on this machine and check it
  test [--list] [--only PART]... [--thorough]   run every check there is, part by part
  bench [--only PART]... [--pages N] [--runs N] [--without-peers] [--with-aws-cli] [--keep]
                                                measure beside the peers and the machine's own limit
  image | dev | plan | deploy | rollback | status | destroy
                                                the whole application; `cargo xtask TASK --help` says how
  tidy                                          check who imports whom, and the shape of the files
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    let Some(Arg::Value(task)) = arguments.next()? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let project = Project::find()?;
    match task.to_string_lossy().as_ref() {
        "bench" => bench::run(&project, arguments),
        "demo" => demo::run(&project, arguments),
        "test" => test::run(project, arguments),
        "tidy" => tidy::run(&project, arguments),
        task if system::TASKS.contains(&task) => system::run(&project, task, arguments),
        other => {
            eprint!("error: there is no task `{other}`\n\n{USAGE}");
            Ok(ExitCode::from(64))
        }
    }
}
