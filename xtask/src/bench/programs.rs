//! The programs of this repository that a measurement runs, built for release, and the server among them.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use crate::project::Project;
use crate::tools;

/// Where they are.
pub struct Programs {
    pub sitepush: PathBuf,
    pub local_s3: PathBuf,
    pub bare_puts: PathBuf,
    pub growth: PathBuf,
    /// sitepush with its symbols left in, where a profile was asked for.
    pub with_symbols: Option<PathBuf>,
}

/// Whether a profile will be asked for the names of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbols {
    Wanted,
    NotWanted,
}

impl Programs {
    /// Builds them for release.
    ///
    /// # Errors
    /// When one cannot be built.
    pub fn build(project: &Project, scratch: &Path, symbols: Symbols) -> Result<Self> {
        let release = project.target().join("release");
        let sitepush = release.join("sitepush");
        let cargo = |arguments: &[&str]| tools::run(project.command("cargo").args(arguments));
        let mut with_symbols = None;
        if symbols == Symbols::Wanted {
            // The release program, linked once more: with other settings another program would be profiled than is
            // measured.
            cargo(&["rustc", "--release", "--bin", "sitepush", "--", "-C", "strip=none"])?;
            let copy = scratch.join("sitepush-with-symbols");
            std::fs::copy(&sitepush, &copy).context("cannot copy the program with symbols")?;
            with_symbols = Some(copy);
        }
        // Apart from the examples, which would bring it what the tests turn on in its dependencies.
        cargo(&["build", "--release", "--bin", "sitepush"])?;
        cargo(&["build", "--release", "--examples"])?;
        let example = |name: &str| release.join("examples").join(name);
        Ok(Self {
            sitepush,
            local_s3: example("local_s3"),
            bare_puts: example("bare_puts"),
            growth: example("growth"),
            with_symbols,
        })
    }
}

/// A command that finds the server's credentials and region, and no settings of whoever runs it.
pub fn client(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", home)
        .env("AWS_ACCESS_KEY_ID", "local-access-key")
        .env("AWS_SECRET_ACCESS_KEY", "local-secret-access-key")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_CONFIG_FILE")
        .env_remove("AWS_SHARED_CREDENTIALS_FILE");
    command
}

/// `program push`, as its users would run it in `folder`.
pub fn push(program: &Path, site: &Path, endpoint: &str, folder: &Path) -> Command {
    let mut command = client(program, folder);
    command.arg("push").arg(site).args(["--bucket", "bench", "--prefix", "site"]);
    command.args(["--endpoint-url", endpoint]).current_dir(folder);
    command
}

/// The embedded S3 in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub endpoint: String,
}

impl Server {
    /// Starts it with an empty bucket.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let asked = child.stdin.take().context("the server's input is piped")?;
        let answers = BufReader::new(child.stdout.take().context("the server's output is piped")?);
        let mut server = Self { child, asked, answers, endpoint: String::new() };
        server.endpoint = server.read()?;
        Ok(server)
    }

    /// How many requests came in since this was last asked.
    ///
    /// # Errors
    /// When the server has died.
    pub fn take_requests(&mut self) -> Result<u64> {
        writeln!(self.asked).context("the server has died")?;
        self.read()?.parse().context("the server's count")
    }

    fn read(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("the server has died")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
