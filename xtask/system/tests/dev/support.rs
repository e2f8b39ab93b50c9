//! The task as a process, and the application as a value.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use system::dev::{Application, Options, Shown};
use tempfile::TempDir;
use xtask::project::Project;

/// However busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder that PostgreSQL reaches where it may not run as root.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), everyone).expect("it is ours");
    folder
}

pub async fn start(folder: &Path) -> anyhow::Result<Application> {
    let options = Options { folder: folder.to_owned(), port: 0, fresh: false, shown: Shown::Problems };
    Application::start(&Project::find().expect("cargo runs the tests"), options).await
}

pub fn task(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_system"));
    command.args(["dev", "--json", "--port", "0"]).args(flags).arg("--data").arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the task to its end.
pub fn run(folder: &Path, flags: &[&str]) -> Output {
    task(folder, flags).output().expect("it runs")
}

/// The task while it serves. Ended when dropped.
pub struct Serving {
    pub child: Child,
    /// What it printed when all was there.
    pub document: Value,
    folder: PathBuf,
}

impl Serving {
    pub fn start(folder: &Path) -> Self {
        Self::of(task(folder, &[]).stderr(Stdio::inherit()), folder)
    }

    pub fn of(command: &mut Command, folder: &Path) -> Self {
        let mut child = command.spawn().expect("it runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it is text");
        let document = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it is no document: {line:?}"));
        Self { child, document, folder: folder.to_owned() }
    }

    /// The processes that it started, by name.
    pub fn processes(&self) -> Vec<(String, u32)> {
        processes(&self.folder)
    }

    /// Sends a signal such as `INT`, and waits for the end.
    pub fn end(&mut self, name: &str) -> Option<i32> {
        signal(self.child.id(), name);
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), "TERM");
            let _ = self.child.wait();
        }
    }
}

/// The processes that a run with its data in `folder` has started, by name.
pub fn processes(folder: &Path) -> Vec<(String, u32)> {
    let text = fs::read_to_string(folder.join("processes.json")).expect("the record is there");
    let list: Vec<Value> = serde_json::from_str(&text).expect("it is JSON");
    let one = |process: &Value| {
        let id = process["process"].as_u64().and_then(|id| u32::try_from(id).ok());
        (process["name"].as_str().expect("a name").to_owned(), id.expect("an id"))
    };
    list.iter().map(one).collect()
}

pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(sent.expect("`kill` is there").success(), "process {process} is gone");
}

/// Whether the process is there, other than as a corpse that nobody has looked at.
pub fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub async fn wait_until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A request of a visitor's.
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(PATIENCE)).build().into()
}
