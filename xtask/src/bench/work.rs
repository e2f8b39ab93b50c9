//! The works: what is measured, from which state to which.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::project::Project;
use crate::tools;

use super::measure::{self, Sample, median};
use super::peers::{Peer, Peers};
use super::site;

/// What is done to the site between the push that prepares and the push that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The measured push is the first.
    First,
    Nothing,
    /// One page in a hundred.
    Edit,
    /// Every page refers to another script.
    Bundle,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub name: &'static str,
    pub about: &'static str,
    pub change: Change,
}

/// All of them, in the order of the table.
pub const WORKS: &[Work] = &[
    Work { name: "first", about: "first push", change: Change::First },
    Work { name: "again", about: "same build, fresh checkout", change: Change::Nothing },
    Work { name: "edit", about: "1% of pages edited", change: Change::Edit },
    Work { name: "bundle", about: "new bundle: every page", change: Change::Bundle },
];

/// What is measured, in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Sitepush,
    /// The files as signed PUTs in a bare loop.
    Limit,
    Peer(Peer),
}

/// The programs of this repository, built for release.
pub struct Programs {
    sitepush: PathBuf,
    local_s3: PathBuf,
    bare_puts: PathBuf,
}

/// Everything that a measurement needs.
pub struct Bench {
    pub programs: Programs,
    pub peers: Peers,
    pub scratch: PathBuf,
    pub pages: usize,
    pub runs: usize,
}

/// Builds the programs for release.
pub fn build(project: &Project) -> Result<Programs> {
    let arguments = ["build", "--release", "--bin", "sitepush", "--examples"];
    tools::run(project.command("cargo").args(arguments))?;
    let target =
        project.scratch("").parent().context("the scratch folder lies in the target folder")?.to_owned();
    let release = target.join("release");
    let release = if release.exists() { release } else { target.join("../release") };
    Ok(Programs {
        sitepush: release.join("sitepush"),
        local_s3: release.join("examples/local_s3"),
        bare_puts: release.join("examples/bare_puts"),
    })
}

impl Bench {
    /// The medians of one work, contender by contender.
    pub fn measure(&self, work: &Work) -> Result<Vec<(Contender, Sample)>> {
        let mut contenders = vec![Contender::Sitepush];
        if work.change == Change::First {
            contenders.push(Contender::Limit);
        }
        contenders.extend(self.peers.all().into_iter().map(Contender::Peer));
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
        // In turn, so that a machine that slows down slows all of them.
        for run in 0..self.runs {
            for (index, contender) in contenders.iter().enumerate() {
                println!("{} {:?}, run {} of {}", work.name, contender, run + 1, self.runs);
                samples[index].push(self.once(work, *contender)?);
            }
        }
        Ok(contenders.into_iter().zip(samples.into_iter().map(median)).collect())
    }

    fn once(&self, work: &Work, contender: Contender) -> Result<Sample> {
        let folder = self.scratch.join("work");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let site = folder.join("site");
        site::write(&site, self.pages, "one")?;
        let server = Server::start(&self.programs.local_s3)?;
        if work.change != Change::First {
            measure::run(&self.command(contender, &site, &server.endpoint, &folder)?, &folder)?;
        }
        match work.change {
            Change::First | Change::Nothing => {}
            Change::Edit => drop(site::edit(&site, self.pages)?),
            Change::Bundle => site::write(&site, self.pages, "two")?,
        }
        site::touch(&site)?;
        measure::run(&self.command(contender, &site, &server.endpoint, &folder)?, &folder)
    }

    fn command(&self, contender: Contender, site: &Path, endpoint: &str, folder: &Path) -> Result<Command> {
        let mut command = match contender {
            Contender::Sitepush => {
                let mut command = Command::new(&self.programs.sitepush);
                command.arg("push").arg(site).args(["--bucket", "bench", "--prefix", "site"]);
                command.args(["--endpoint-url", endpoint]).current_dir(folder);
                command
            }
            Contender::Limit => {
                let mut command = Command::new(&self.programs.bare_puts);
                command.arg(site).args([endpoint, "bench", "32"]);
                command
            }
            Contender::Peer(peer) => self.peers.command(peer, site, endpoint, folder)?,
        };
        command
            .env("AWS_ACCESS_KEY_ID", "local-access-key")
            .env("AWS_SECRET_ACCESS_KEY", "local-secret-access-key")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Ok(command)
    }
}

/// The embedded S3 in a process of its own; killed when dropped.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let mut child =
            Command::new(program).stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let mut endpoint = String::new();
        let output = child.stdout.take().context("the server's output is piped")?;
        BufReader::new(output).read_line(&mut endpoint)?;
        Ok(Self { child, endpoint: endpoint.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
