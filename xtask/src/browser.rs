//! The published application in front of a real browser: starts a preview, lets `frontend/browser/run.mjs` look at
//! it, and makes a second push when the script has a page open and asks for it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::edited::EditedSite;
use crate::frontend;
use crate::preview::{self, Preview};
use crate::project::Project;

/// What the script prints when it waits for the edited site to be live.
const WAITING: &str = "waiting for the edit";

/// Publishes the build and looks at it. The build has to be there.
///
/// # Errors
/// When the preview does not start, a push fails, or the browser finds something to complain about.
pub fn look(project: &Project, chromium: &Path) -> Result<()> {
    let program = preview::build_program(project)?;
    let dist = frontend::dist(project);
    let edited = EditedSite::make(project, &dist)?;
    let preview = Preview::start(project, &program, &dist, 0)?;
    let screenshots = project.scratch("screenshots");
    println!("looking at {} with {}", preview.address().site_url, chromium.display());

    let mut script = project.command("node");
    script.arg("frontend/browser/run.mjs").args(["--site", &preview.address().site_url, "--edit"]);
    script.arg("--screenshots").arg(&screenshots).env("CHROMIUM", chromium);
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run `node`")?;
    let mut input = child.stdin.take().context("the script's input is not piped")?;
    let output = child.stdout.take().context("the script's output is not piped")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what the script says")?;
        if line == WAITING {
            // The script goes on either way, and then says what it misses.
            if let Err(error) = preview.push(edited.folder()) {
                println!("  FAILED  the second push: {error:#}");
            }
            writeln!(input, "pushed").context("the script stopped listening")?;
        } else {
            println!("{line}");
        }
    }
    let status = child.wait().context("cannot wait for the script")?;
    println!("screenshots are in {}", screenshots.display());
    if !status.success() {
        bail!("the browser found something to complain about");
    }
    Ok(())
}
