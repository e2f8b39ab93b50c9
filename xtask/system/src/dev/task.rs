//! `cargo xtask dev`: starts the application, says where it is, and ends it at the first Ctrl-C; a second one kills.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use xtask::project::Project;

use super::application::{Application, Options, step};
use super::check::{Check, check};
use super::lock::LockError;
use super::log::Shown;

/// Where a browser finds it by default.
const PORT: u16 = 4173;

/// As shells have it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Lost a race or locked (`docs/exit-codes.md`).
const LOCKED: u8 = 4;

/// How long to wait for a build that cannot be interrupted.
const LAST_WAIT: Duration = Duration::from_secs(15);

/// The whole application on this machine: PostgreSQL, Redis, the services, the site at an edge
///
/// One address, which is printed; Ctrl-C ends all of it. Data is kept between runs.
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Start it, use the site and the services through the one address, and end with 0, or with 1 and the reason
    #[arg(long)]
    pub check: bool,
    /// The port of the address; 0 takes a free one [default: 4173, with --check a free one]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Forget the data of earlier runs
    #[arg(long)]
    pub fresh: bool,
    /// Keep data and logs in this folder [default: target/xtask/dev]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Show every line of the logs, not warnings and errors only
    #[arg(long)]
    pub verbose: bool,
    /// Print one JSON document: with --check the outcome, otherwise where everything is
    #[arg(long)]
    pub json: bool,
}

/// Runs the task.
///
/// # Errors
/// When the application cannot be started, or ends by itself.
pub fn run(project: &Project, args: &DevArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(live(project, args));
    runtime.shutdown_timeout(LAST_WAIT);
    match outcome {
        Err(error) if matches!(error.downcast_ref(), Some(LockError::Held(_))) => {
            eprintln!("error: {error:#}\nhint: end that one first, or name another folder with `--data`");
            Ok(ExitCode::from(LOCKED))
        }
        other => other,
    }
}

async fn live(project: &Project, args: &DevArgs) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let starting = Application::start(project, options(project, args));
    let mut application = tokio::select! {
        started = starting => started?,
        // What was started by then is ended with the future.
        () = signals.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let kill = application.killer();
    let outcome = if args.check {
        tokio::select! {
            checks = check(&application) => {
                report(&application, &checks, args.json);
                let is_good = checks.iter().all(|check| check.problem.is_none());
                Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            () = signals.next() => Ok(ExitCode::from(INTERRUPTED)),
        }
    } else {
        announce(&application, args.json);
        serve(&mut application, &mut signals).await
    };
    step("ending");
    tokio::select! {
        () = application.stop() => outcome,
        () = signals.next() => {
            eprintln!("killing what is left");
            kill();
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn options(project: &Project, args: &DevArgs) -> Options {
    Options {
        folder: args.data.clone().unwrap_or_else(|| project.scratch("dev")),
        port: args.port.unwrap_or(if args.check { 0 } else { PORT }),
        fresh: args.fresh,
        shown: if args.verbose { Shown::Everything } else { Shown::Problems },
    }
}

/// Until a signal comes, or the edge ends; a line on standard input takes in what was changed.
async fn serve(application: &mut Application, signals: &mut Signals) -> Result<ExitCode> {
    let mut input = lines_of_input();
    loop {
        tokio::select! {
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            error = application.failed() => return Err(error),
            Some(()) = input.recv() => {}
        }
        tokio::select! {
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            changed = application.take_in_changes() => match changed {
                Ok(changed) if changed.is_empty() => step("no service changed; the site is published again if it did"),
                Ok(changed) => step(&format!("replaced: {}", changed.join(", "))),
                Err(error) => eprintln!("error: {error:#}\nhint: what ran before still runs"),
            }
        }
    }
}

/// A message for each line on standard input; none any more when there is nobody to write one.
///
/// A thread of its own: a read cannot be given up, and the runtime would wait for it at the end.
fn lines_of_input() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            // A line that is written while the last one is seen to counts for nothing.
            let _ = sender.try_send(());
        }
    });
    receiver
}

fn announce(application: &Application, is_json: bool) {
    if is_json {
        println!("{}", document(application));
        return;
    }
    println!("\nthe application is at {}/", application.address());
    for service in application.services() {
        println!("  {:<10} {}", service.name, service.description.paths.join(" "));
    }
    println!("  {:<10} {}", "logs", application.logs_folder().display());
    println!("Enter takes in what you changed, Ctrl-C ends it\n");
}

fn document(application: &Application) -> Value {
    let services = application.services().map(|service| {
        let member =
            json!({"paths": service.description.paths, "process": application.process(&service.name)});
        (service.name.clone(), member)
    });
    json!({
        "address": application.address(),
        "services": services.collect::<serde_json::Map<_, _>>(),
        "logs": application.logs_folder(),
        "site": application.site_folder(),
    })
}

fn report(application: &Application, checks: &[Check], is_json: bool) {
    let is_good = checks.iter().all(|check| check.problem.is_none());
    if is_json {
        println!("{}", json!({"ok": is_good, "address": application.address(), "checks": checks}));
    } else {
        for check in checks {
            match &check.problem {
                None => println!("  ok      {}", check.name),
                Some(problem) => println!("  FAILED  {}\n          {problem}", check.name),
            }
        }
    }
    if !is_good {
        eprint!("{}", application.last_lines());
    }
}

/// Ctrl-C, the request to terminate, and the end of the terminal.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
