//! `cargo xtask image`: what is asked for, built, and pushed; and how that is told.

use std::process::ExitCode;

use anyhow::{Context, Result};
use xtask::project::Project;

use super::build::build;
use super::error::{ImageError, PASSWORD, USER};
use super::push::push;
use super::registry::Registry;
use super::report::{self, Done};
use super::services::{choose, services};
use super::source::Source;

/// What `cargo xtask image` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The services to build; all of them when none is named.
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Push the images, with the commit as their tag. Refused when the tree differs from the commit.
    #[arg(long)]
    push: bool,
    /// Where to push: ACCOUNT.dkr.ecr.REGION.amazonaws.com/PREFIX, or a registry on this machine such as
    /// http://127.0.0.1:5000/PREFIX. Each service has the repository PREFIX/SERVICE. SITEPUSH_REGISTRY_USER and
    /// SITEPUSH_REGISTRY_PASSWORD log in to one that is not ECR.
    #[arg(long, value_name = "URL", env = "SITEPUSH_REGISTRY")]
    registry: Option<String>,
    /// Print one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

/// Runs the task. Errors are told here, since each has an exit code of its own.
///
/// # Errors
/// Never; what went wrong is in the exit code.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person who started it")]
pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let told = prepare(project, arguments).and_then(|images| {
        Ok(if arguments.json { report::json(&images)? } else { report::table(&images, &project.path("")) })
    });
    match told {
        Ok(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let refusal = report::refusal(&error);
            eprint!("{}", refusal.text);
            if arguments.json {
                print!("{}", refusal.json);
            }
            Ok(ExitCode::from(refusal.exit_code))
        }
    }
}

fn prepare(project: &Project, arguments: &Arguments) -> Result<Vec<Done>> {
    let services = choose(&services(project)?, &arguments.services)?;
    let source = Source::find(project)?;
    if !arguments.push {
        let built = build(project, &services, &source)?;
        return Ok(built.into_iter().map(|built| Done { built, pinned: None }).collect());
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    // Whether it can be pushed is known before the minutes that a build takes.
    let registry = destination(arguments, &source)?;
    if let Some(service) = services.first() {
        runtime.block_on(registry.check(&service.name))?;
    }
    let built = build(project, &services, &source)?;
    runtime.block_on(async {
        let mut images = Vec::new();
        for built in built {
            let pinned = push(&built, &registry, &source).await;
            let pinned = pinned.with_context(|| format!("cannot push the image of `{}`", built.service))?;
            images.push(Done { built, pinned: Some(pinned) });
        }
        Ok(images)
    })
}

/// Where to push, if the tree is the commit's.
fn destination(arguments: &Arguments, source: &Source) -> Result<Registry> {
    let registry = arguments.registry.as_deref().ok_or(ImageError::NowhereToPush)?;
    let registry = Registry::parse(registry)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let registry = logged_in(registry, variable(USER), variable(PASSWORD))?;
    if !source.changed.is_empty() {
        let (commit, files) = (source.commit.clone(), source.changed.clone());
        return Err(ImageError::DirtyTree { commit, files }.into());
    }
    Ok(registry)
}

/// A registry that is told who asks, if anything says it.
fn logged_in(
    registry: Registry,
    user: Option<String>,
    password: Option<String>,
) -> Result<Registry, ImageError> {
    match (user, password) {
        (Some(user), Some(password)) => Ok(registry.with_password(user, password)),
        (None, None) => Ok(registry),
        (Some(_), None) => Err(ImageError::HalfALogIn { set: USER, missing: PASSWORD }),
        (None, Some(_)) => Err(ImageError::HalfALogIn { set: PASSWORD, missing: USER }),
    }
}
