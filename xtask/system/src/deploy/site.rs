//! The site: builds the frontend with the environment's addresses, and has the built `sitepush` program publish it, go back,
//! and say what is live. The contract is its command line and its JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use xtask::frontend;
use xtask::project::Project;

use super::failure::Failure;
use super::left;
use super::process::{self, Output};
use super::settings::Settings;
use super::terraform::SiteOutput;
use crate::class::Class;

/// The program, pointed at one environment's bucket and distribution.
#[derive(Debug)]
pub struct Site {
    project: Project,
    program: PathBuf,
    target: Vec<String>,
    /// By which what a killed run has left is known.
    deployment: String,
}

/// A release of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    pub id: String,
    pub commit: Option<String>,
    /// When that was committed.
    pub commit_time: Option<Timestamp>,
    /// The release that this one went back to.
    pub back_to: Option<String>,
}

/// What to do with a commit older than the one that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OlderCommit {
    Refuse,
    Accept,
}

impl Site {
    /// Builds the program; cheap when it is built.
    ///
    /// # Errors
    /// When it does not compile.
    pub async fn open(project: &Project, settings: &Settings, output: &SiteOutput) -> Result<Self> {
        let program = build_program(project).await?;
        let SiteOutput { bucket, distribution, key_value_store } = output;
        let target = [
            "--bucket",
            bucket,
            "--distribution",
            distribution,
            "--region",
            &settings.region,
            "--key-value-store",
            key_value_store,
        ];
        Ok(Self {
            project: project.clone(),
            program,
            target: target.map(str::to_owned).to_vec(),
            deployment: settings.deployment(),
        })
    }

    /// Builds the pages of `commit`, which find the services under their own address, as CloudFront leads there.
    ///
    /// # Errors
    /// When npm fails.
    pub async fn build(&self, commit: &str, stop: &CancellationToken) -> Result<PathBuf> {
        if !frontend::is_installed(&self.project) {
            self.npm(&["ci", "--no-audit", "--no-fund"], commit, stop).await?;
        }
        self.npm(&["run", "--silent", "build", "--", "--logLevel", "warn"], commit, stop).await?;
        Ok(frontend::dist(&self.project))
    }

    /// Runs npm in the frontend, its output kept back: standard output is for a document.
    async fn npm(&self, arguments: &[&str], commit: &str, stop: &CancellationToken) -> Result<()> {
        let mut npm = Command::from(self.project.command("npm"));
        npm.args(["--prefix", "frontend"]).args(arguments);
        npm.env("SITE_COMMIT", commit).env("SITE_SERVICES", "1").env(left::MARK, &self.deployment);
        let output = process::run(npm, stop, &mut |_| ()).await?;
        if output.status.success() {
            return Ok(());
        }
        process::unless_stopped(stop)?;
        Err(anyhow::anyhow!(output.complaint(20)).context(Failure::service("cannot build the frontend")))
    }

    async fn run(&self, arguments: &[&str], stop: &CancellationToken) -> Result<Value> {
        let mut command = Command::from(self.project.command(&self.program.to_string_lossy()));
        command.args(arguments).args(&self.target).arg("--json").env(left::MARK, &self.deployment);
        let shown = format!("sitepush {}", arguments[0]);
        let output = process::run(command, stop, &mut |_| ()).await?;
        if !output.status.success() {
            return Err(failure(&shown, &output));
        }
        serde_json::from_str(&output.stdout).with_context(|| format!("`{shown}` printed no JSON"))
    }

    /// Publishes the build, and gives the live release.
    ///
    /// # Errors
    /// When `sitepush push` does, in its words.
    pub async fn push(
        &self,
        build: &Path,
        older_commit: OlderCommit,
        stop: &CancellationToken,
    ) -> Result<String> {
        let folder = build.to_str().context("the path of the build is not UTF-8")?;
        // The check afterwards looks at what visitors get, so the caches have to be through with it.
        let mut arguments = vec!["push", folder, "--wait"];
        if older_commit == OlderCommit::Accept {
            arguments.push("--allow-older-commit");
        }
        self.run(&arguments, stop).await?;
        let live = self.live(stop).await?;
        Ok(live.context("`sitepush push` ended well, and nothing is live")?.id)
    }

    /// Makes an earlier release live again, and gives the release that this is.
    ///
    /// # Errors
    /// When `sitepush rollback` does, in its words.
    pub async fn go_back(&self, release: &str, stop: &CancellationToken) -> Result<String> {
        self.run(&["rollback", release, "--wait"], stop).await?;
        let live = self.live(stop).await?;
        Ok(live.context("`sitepush rollback` ended well, and nothing is live")?.id)
    }

    /// The release that is live; none before the first push.
    ///
    /// # Errors
    /// When the bucket cannot be read.
    pub async fn live(&self, stop: &CancellationToken) -> Result<Option<Live>> {
        let releases = self.run(&["releases"], stop).await?;
        let list = releases.as_array().context("`sitepush releases` printed no list")?;
        Ok(list.iter().find(|release| release["is_live"] == true).map(|release| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            Live {
                id: text(&release["id"]).unwrap_or_default(),
                commit: text(&release["commit"]["hash"]),
                commit_time: release["commit"]["time"].as_str().and_then(|time| time.parse().ok()),
                back_to: text(&release["kind"]["to"]).or_else(|| text(&release["to"])),
            }
        }))
    }
}

/// Builds `sitepush`.
async fn build_program(project: &Project) -> Result<PathBuf> {
    let mut cargo = Command::from(project.command("cargo"));
    cargo.args(["build", "--quiet", "--workspace", "--bin", "sitepush"]);
    cargo.args(["--message-format", "json-render-diagnostics"]).stderr(std::process::Stdio::inherit());
    let output = cargo.output().await.context("cannot run `cargo`")?;
    if !output.status.success() {
        return Err(Failure::service("cannot build `sitepush`").into());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "sitepush")
            .then(|| message["executable"].as_str().map(PathBuf::from))?
    };
    messages.lines().filter_map(executable).next_back().context("cargo built no executable called `sitepush`")
}

/// What `sitepush` says of itself, with its class.
fn failure(shown: &str, output: &Output) -> anyhow::Error {
    let class = match output.status.code() {
        Some(3) => Class::Refused,
        Some(4) => Class::Conflict,
        Some(5) => Class::Environment,
        Some(64) => Class::Usage,
        Some(130) => Class::Interrupted,
        _ => Class::Service,
    };
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let error = &document["error"];
    let mut failure = Failure::new(class, format!("`{shown}` failed"));
    let Some(message) = error["message"].as_str() else {
        return anyhow::anyhow!(output.complaint(12)).context(failure);
    };
    failure.hint = error["hint"].as_str().map(str::to_owned);
    let causes = error["causes"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str);
    let text = std::iter::once(message).chain(causes).collect::<Vec<_>>().join(": ");
    anyhow::anyhow!(text).context(failure)
}
