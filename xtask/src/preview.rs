//! A running `sitepush preview` and the pushes made to it, both as child processes of the built program.
//!
//! The contract is the command line and the JSON document on the first line of its output; no code is shared.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::project::Project;
use crate::tools;

/// How long a preview may take to publish a small site and say where it is.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end once asked.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// What a process exits with when a Ctrl-C ends it, as shells have it: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Where a preview serves and how to push to it: the document that `sitepush preview --json` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without a closing slash.
    pub site_url: String,
    pub endpoint_url: String,
    pub bucket: String,
    pub distribution_id: String,
    pub region: String,
    access_key_id: String,
    secret_access_key: String,
}

impl Address {
    /// Reads the document.
    ///
    /// # Errors
    /// When it is not JSON or lacks a member.
    pub fn parse(line: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(line)
            .with_context(|| format!("the preview's first line is not JSON: {line:?}"))?;
        let member = |name: &str| {
            let text = document[name].as_str().map(str::to_owned);
            text.with_context(|| format!("the preview's first line has no `{name}`"))
        };
        Ok(Self {
            site_url: member("site_url")?.trim_end_matches('/').to_owned(),
            endpoint_url: member("endpoint_url")?,
            bucket: member("bucket")?,
            distribution_id: member("distribution_id")?,
            region: member("region")?,
            access_key_id: member("access_key_id")?,
            secret_access_key: member("secret_access_key")?,
        })
    }
}

/// Builds the program and gives the path of the executable.
pub fn build_program(project: &Project) -> Result<PathBuf> {
    let mut command = project.command("cargo");
    command.args([
        "build",
        "--workspace",
        "--bin",
        "sitepush",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot run `cargo`")?;
    if !output.status.success() {
        bail!("`{}` ended with {}", tools::describe(&command), output.status);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "sitepush")
            .then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executables.next_back().context("cargo built no executable called `sitepush`")
}

/// A preview that serves until this value is dropped, or until a signal ends this process.
pub struct Preview {
    program: PathBuf,
    address: Address,
    running: Running,
}

impl Preview {
    /// Starts a preview of `folder`; `port` 0 takes any free one. Returns once the site is published.
    ///
    /// # Errors
    /// When it ends early, keeps silent or says something else than the contract has.
    pub fn start(project: &Project, program: &Path, folder: &Path, port: u16) -> Result<Self> {
        let mut command = project.command(&program.to_string_lossy());
        command.arg("preview").arg(folder).args(["--port", &port.to_string(), "--json"]);
        // In a process group of its own a Ctrl-C reaches it once, from here, and not a second time from the terminal.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let shown = tools::describe(&command);
        let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
        let first_line = first_line(&mut child);
        // From here on the child is stopped whatever happens.
        let running = Running(Arc::new(Mutex::new(Some(child))));
        running.stop_on_signals()?;
        let address =
            first_line.and_then(|line| Address::parse(&line)).with_context(|| format!("`{shown}`"))?;
        Ok(Self { program: program.to_owned(), address, running })
    }

    /// Where it serves.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Publishes `folder` to the preview with a real push, its output shown.
    ///
    /// # Errors
    /// When the push exits with anything but 0.
    pub fn push(&self, folder: &Path) -> Result<()> {
        let Address { endpoint_url, bucket, distribution_id, region, .. } = &self.address;
        let mut command = Command::new(&self.program);
        command.arg("push").arg(folder);
        command.args(["--bucket", bucket, "--distribution", distribution_id]);
        command.args(["--endpoint-url", endpoint_url, "--region", region]);
        command.env("AWS_ACCESS_KEY_ID", &self.address.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", &self.address.secret_access_key);
        // A session token of the person who runs this would not belong to these keys.
        command.env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
        tools::run(&mut command)
    }

    /// Waits until the preview ends by itself; a Ctrl-C ends it and this process.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn wait(&self) -> Result<()> {
        loop {
            match self.running.poll()? {
                None => thread::sleep(POLL),
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the preview ended with {status}"),
            }
        }
    }
}

/// The first line of the child's output; what follows is read and passed over, so that the child never blocks on it.
fn first_line(child: &mut Child) -> Result<String> {
    let output = child.stdout.take().context("the output is not piped")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens after the first line.
            let _ = sender.send(line);
        }
    });
    match receiver.recv_timeout(START_LIMIT) {
        Ok(line) => Ok(line),
        Err(RecvTimeoutError::Disconnected) => bail!("it ended without saying where it serves"),
        Err(RecvTimeoutError::Timeout) => bail!("it said nothing for {} s", START_LIMIT.as_secs()),
    }
}

/// The child, until it is stopped; shared with the thread that waits for signals.
struct Running(Arc<Mutex<Option<Child>>>);

impl Running {
    /// Ends the child, then this process, at the first Ctrl-C or request to terminate.
    fn stop_on_signals(&self) -> Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for signals")?;
        let shared = Self(Arc::clone(&self.0));
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                shared.stop();
                std::process::exit(INTERRUPTED);
            }
        });
        Ok(())
    }

    /// How the child ended, or none while it runs (and once it is stopped: whoever stopped it goes on from there).
    fn poll(&self) -> Result<Option<ExitStatus>> {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        child.as_mut().map_or(Ok(None), |child| Ok(child.try_wait()?))
    }

    /// Asks the child to end, and ends it when it does not. Does nothing the second time.
    fn stop(&self) {
        let Some(mut child) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // The standard library can only kill; a preview that is asked closes its sockets and its store.
        let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        let deadline = Instant::now() + STOP_LIMIT;
        while asked.as_ref().is_ok_and(ExitStatus::success) && Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
            eprintln!("warning: cannot stop the preview: {error}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"site_url":"http://127.0.0.1:1/","endpoint_url":"http://127.0.0.1:2","bucket":"preview",
        "distribution_id":"EPREVIEW","region":"us-east-1","access_key_id":"a","secret_access_key":"b"}"#;

    #[test]
    fn the_address_has_no_closing_slash() {
        let address = Address::parse(LINE).expect("it is whole");
        assert_eq!(address.site_url, "http://127.0.0.1:1");
        assert_eq!(address.bucket, "preview");
    }

    #[test]
    fn a_member_that_is_missing_is_named() {
        let error = Address::parse(&LINE.replace("region", "place")).expect_err("the region is missing");
        assert!(error.to_string().contains("`region`"), "{error}");
        assert!(Address::parse("serving").is_err());
    }

    #[test]
    fn a_program_that_breaks_the_contract_is_an_error_that_names_it() {
        let project = Project::find().expect("cargo runs the tests");
        for (program, expected) in [("false", "without saying where it serves"), ("echo", "is not JSON")] {
            let started = Preview::start(&project, Path::new(program), Path::new("dist"), 0);
            let error = format!("{:#}", started.err().expect("it is no preview"));
            assert!(error.contains(&format!("`{program} preview dist --port 0 --json`")), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }
}
