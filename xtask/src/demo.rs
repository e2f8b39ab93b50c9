//! `cargo xtask demo`: the whole way of a site, on this machine and without an account. Builds the frontend, has the
//! program publish it to its own preview, checks over HTTP that what is served is the build, then pushes an edit
//! and checks again.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};

use crate::edited::EditedSite;
use crate::frontend::{self, Files};
use crate::preview::{self, Preview};
use crate::project::Project;
use crate::{http, tools};

const DEFAULT_PORT: u16 = 4173;

#[derive(Debug)]
struct Args {
    once: bool,
    port: u16,
}

/// Runs the task: serves until Ctrl-C, or with `--once` ends after the checks.
///
/// # Errors
/// When a tool is missing, a build or a push fails, or the site served is not the site built.
pub fn run(project: &Project, arguments: lexopt::Parser) -> Result<ExitCode> {
    show(project, &parse(arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The demo to its end on a free port, as a part of the test suite.
///
/// # Errors
/// When a tool is missing, a build or a push fails, or the site served is not the site built.
pub fn once(project: &Project) -> Result<()> {
    show(project, &Args { once: true, port: 0 })
}

fn show(project: &Project, args: &Args) -> Result<()> {
    if let Err(missing) = tools::need_node() {
        bail!("`{}` is missing or too old: {}", missing.tool, missing.how);
    }
    step("building the frontend");
    frontend::install_if_needed(project)?;
    frontend::build(project, &project.commit().unwrap_or_else(|| "dev".to_owned()))?;
    let dist = frontend::dist(project);

    step("building sitepush");
    let program = preview::build_program(project)?;

    step("publishing to a preview on this machine");
    let preview = Preview::start(project, &program, &dist, args.port)?;
    println!("the site is at {}/", preview.address().site_url);
    verify(&preview, &dist)?;

    step("pushing an edit: one heading, and the commit that the site names");
    let edited = EditedSite::make(project, &dist)?;
    preview.push(edited.folder())?;
    verify(&preview, edited.folder())?;
    drop(edited);

    if !args.once {
        step(&format!("serving at {}/ until Ctrl-C", preview.address().site_url));
        preview.wait()?;
    }
    Ok(())
}

fn parse(mut arguments: lexopt::Parser) -> Result<Args> {
    let mut args = Args { once: false, port: DEFAULT_PORT };
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("once") => args.once = true,
            Arg::Long("port") => args.port = arguments.value()?.parse().context("`--port`")?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(args)
}

fn step(text: &str) {
    println!("\n=== {text}");
}

/// Asks for every file of the build, and for the folder of every index page, and compares the bytes.
fn verify(preview: &Preview, folder: &Path) -> Result<()> {
    let files = frontend::read(folder)?;
    let wanted = wanted(&files);
    let mut wrong = Vec::new();
    for (path, content) in &wanted {
        let answer = http::get(&preview.address().site_url, path)?;
        if answer.status != 200 {
            wrong.push(format!("{path} answers {}", answer.status));
        } else if answer.body != *content {
            wrong.push(format!("{path} has other bytes than the build"));
        }
    }
    if !wrong.is_empty() {
        bail!("{} of {} addresses are not as built: {}", wrong.len(), wanted.len(), wrong.join("; "));
    }
    println!("all {} addresses answer with the bytes of the build", wanted.len());
    Ok(())
}

/// The paths that have to answer, each with its bytes, in the order of the keys.
fn wanted(files: &Files) -> Vec<(String, &[u8])> {
    let mut wanted = Vec::new();
    for (key, content) in files.iter().filter(|(key, _)| is_published(key)) {
        wanted.push((http::path_of(key), content.as_slice()));
        if let Some(folder) =
            key.strip_suffix("index.html").filter(|folder| folder.is_empty() || folder.ends_with('/'))
        {
            wanted.push((http::path_of(folder), content.as_slice()));
        }
    }
    wanted
}

/// Whether a file of a build becomes an object: the two configuration files and dot files do not.
fn is_published(key: &str) -> bool {
    let is_dot_file = key.split('/').any(|segment| segment.starts_with('.') && segment != ".well-known");
    !is_dot_file && !matches!(key, "_headers" | "_redirects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_file_and_every_folder_of_an_index_page_is_asked_for() {
        let keys =
            ["index.html", "a/index.html", "a/myindex.html", "_headers", ".env", ".well-known/x", "b c.js"];
        let files: Files = keys.iter().map(|key| ((*key).to_owned(), key.as_bytes().to_vec())).collect();
        let paths: Vec<_> = wanted(&files).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["/.well-known/x", "/a/index.html", "/a/", "/a/myindex.html", "/b%20c.js", "/index.html", "/"]
        );
    }
}
