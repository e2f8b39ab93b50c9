//! The site as a visitor meets it: `sitepush preview`, which publishes the build by a real push and serves it at an edge that
//! leads `/api/*` to the router.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;
use xtask::preview::Address;
use xtask::project::Project;

use super::child::{Child, Output};
use super::log::Log;
use super::record::Record;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The edge at work.
#[derive(Debug)]
pub(super) struct Site {
    child: Child,
    pub address: Address,
}

/// What the edge serves, and where.
pub(super) struct Setup<'a> {
    pub program: &'a Path,
    /// The build; published again whenever it changes.
    pub folder: &'a Path,
    pub port: u16,
    /// Where `/api/*` is led.
    pub router: SocketAddr,
    pub log: &'a Arc<Log>,
    pub record: &'a Arc<Record>,
}

impl Site {
    /// Publishes and serves.
    ///
    /// # Errors
    /// When it ends, or says nothing or something else than where it is; with the last lines of its log.
    pub async fn start(project: &Project, setup: &Setup<'_>) -> Result<Self> {
        let mut command = project.command(&setup.program.to_string_lossy());
        command.arg("preview").arg(setup.folder).args([
            "--watch",
            "--json",
            "--port",
            &setup.port.to_string(),
        ]);
        command.arg("--upstream").arg(format!("/api/*={}", setup.router));
        let mut child = Child::spawn(command, Output::Taken, setup.log, setup.record)?;
        let address = first_line(&mut child).await.and_then(|line| Address::parse(&line));
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                // Its last words come with its end.
                let _ = timeout(STOP_LIMIT, child.wait()).await;
                let tail = setup.log.tail();
                Err(error.context(format!("the site does not start; the last of its log:{tail}")))
            }
        }
    }

    /// Waits until it ends by itself, which it should not.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it.
    pub async fn end(self) {
        let log = Arc::clone(&self.child.log);
        if let Err(error) = self.child.end(Signal::INT, STOP_LIMIT).await {
            log.say(&format!("{error:#}"));
        }
    }
}

/// The first line of its output; what follows goes to its log.
async fn first_line(child: &mut Child) -> Result<String> {
    let mut output = BufReader::new(child.take_output().context("the output is piped")?);
    let mut line = String::new();
    let read = timeout(START_LIMIT, output.read_line(&mut line)).await;
    let length = read.map_err(|_| anyhow!("it said nothing for {} s", START_LIMIT.as_secs()))??;
    ensure!(length > 0, "it ended without saying where it serves");
    child.log_rest(output);
    Ok(line)
}
