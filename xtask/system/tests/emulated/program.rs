//! The built program on the emulated environment, as a person runs it; what it left is asked of the environment itself.

#![expect(clippy::print_stderr, reason = "a test of many minutes shows what it is at")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use system::emulated::ProcessMark;

use crate::account::Account;
use crate::clone::Clone;

pub struct Program<'a> {
    clone: &'a Clone,
    target: PathBuf,
}

/// How a run ended.
pub struct Answer {
    code: Option<i32>,
    stdout: String,
    pub stderr: String,
}

/// What the first page says, and so of which commit it is.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    Shows(&'static str),
    Hides(&'static str),
}

impl Page {
    pub fn is_it(self, body: &str) -> bool {
        match self {
            Self::Shows(text) => body.contains(text),
            Self::Hides(text) => !body.contains(text),
        }
    }
}

pub enum Ended {
    /// With what it had said on stderr.
    Killed(String),
    ByItself(Answer),
}

impl Answer {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl<'a> Program<'a> {
    /// Builds into the folder that this test was built into, so that nothing is built twice.
    pub fn new(clone: &'a Clone) -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_system")).ancestors().nth(2).expect("target/debug/system");
        Self { clone, target: target.to_owned() }
    }

    pub fn folder(&self) -> PathBuf {
        self.target.join("xtask/emulated")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_system"));
        command.args(&arguments[..1]).args(["--env", "emulated"]).args(&arguments[1..]);
        // As Cargo tells a program that it runs.
        command
            .env("CARGO_MANIFEST_DIR", self.clone.path("xtask/system"))
            .env("CARGO_TARGET_DIR", &self.target);
        command.current_dir(self.clone.path("")).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        answer(self.command(arguments))
    }

    /// As the program runs itself inside of the environment, which then outlives it.
    pub fn run_inside(&self, arguments: &[&str]) -> Answer {
        let mut command = self.command(arguments);
        command.env("SITEPUSH_STANDING_IN", self.folder().join("standing-in.json"));
        command.env_remove("AWS_CA_BUNDLE").env_remove("TF_CLI_CONFIG_FILE").envs(self.variables());
        answer(command)
    }

    /// Kills the program when it says something that `is_step` is looking for: what it has started goes on, as it would.
    pub fn run_and_kill(&self, arguments: &[&str], is_step: impl Fn(&str) -> bool) -> Ended {
        let (answer, was_there) = self.run_and_signal(arguments, "-KILL", is_step);
        if was_there { Ended::Killed(answer.stderr) } else { Ended::ByItself(answer) }
    }

    /// Stops the program as Ctrl-C does.
    pub fn run_and_stop(&self, arguments: &[&str], is_step: impl Fn(&str) -> bool) -> Answer {
        let (answer, was_there) = self.run_and_signal(arguments, "-INT", is_step);
        assert!(was_there, "it was not there to be stopped:\n{}", answer.stderr);
        answer
    }

    /// Sends a signal to the program, which is two processes of one group, the first time that `is_step` fits.
    fn run_and_signal(
        &self,
        arguments: &[&str],
        signal: &str,
        is_step: impl Fn(&str) -> bool,
    ) -> (Answer, bool) {
        eprintln!("--- {} (until {signal})", arguments.join(" "));
        let mut command = self.command(arguments);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let group = format!("-{}", child.id());
        let (mut said, mut is_sent) = (String::new(), false);
        for line in BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok) {
            eprintln!("{line}");
            said.push_str(&line);
            said.push('\n');
            if !is_sent && line.split_once("] ").is_some_and(|(_, text)| is_step(text)) {
                let kill = Command::new("kill").args([signal, "--", &group]).status().expect("kill runs");
                assert!(kill.success());
                is_sent = true;
            }
        }
        let code = child.wait().expect("it ends").code();
        (Answer { code, stdout: String::new(), stderr: said }, is_sent)
    }

    /// How often Terraform has written its state.
    pub fn terraform_serial(&self) -> u64 {
        self.state()["serial"].as_u64().expect("a number")
    }

    /// How many resources Terraform knows of.
    pub fn state_resources(&self) -> usize {
        self.state()["resources"].as_array().expect("a list").len()
    }

    /// Terraform's state, as it lies in its bucket.
    fn state(&self) -> Value {
        let (bucket, key) =
            ("sitepush-state-123456789012-eu-central-1", "sitepush-staging/terraform.tfstate");
        let text = self.account().object(bucket, key);
        serde_json::from_str(&text).expect("it is JSON")
    }

    fn read(&self, file: &str) -> Value {
        let text = std::fs::read(self.folder().join(file)).expect("the environment is there");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    fn variables(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.read("environment.json")["variables"].clone()).expect("texts")
    }

    pub fn account(&self) -> Account {
        Account::new(&self.variables())
    }

    /// The gaps that the code names.
    pub fn known_gaps(&self) -> Value {
        self.read("standing-in.json")["gaps"].clone()
    }

    /// All processes of the environment.
    pub fn processes(&self) -> Vec<ProcessMark> {
        let mut marks: Vec<ProcessMark> = serde_json::from_value(self.read("children.json")).expect("marks");
        marks.push(serde_json::from_value(self.read("environment.json")["process"].clone()).expect("a mark"));
        assert!(marks.len() >= 6, "{marks:?}");
        marks
    }

    /// What `sitepush doctor` says of what Terraform made: each check that is not `ok`, as `status name`, sorted. No resolver
    /// is asked: none outside knows the names.
    pub fn doctor(&self) -> Vec<String> {
        let site = &self.state()["outputs"]["site"]["value"];
        let of = |name: &str| site[name].as_str().unwrap_or_else(|| panic!("no {name} in {site}"));
        let mut doctor = Command::new(self.target.join("debug/sitepush"));
        doctor.args(["doctor", "--json", "--resolver", "127.0.0.1:9", "--region", "eu-central-1"]);
        doctor.args(["--bucket", of("bucket")]);
        doctor.args(["--distribution", of("distribution"), "--key-value-store", of("key_value_store")]);
        doctor.envs(self.variables()).current_dir(self.clone.path(""));
        let document = answer(doctor).expect_code(0).json();
        let findings = document["findings"].as_array().expect("a list").iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().expect("a text").to_owned();
        let found = findings.map(|finding| format!("{} {}", text(finding, "status"), text(finding, "check")));
        let mut found: Vec<String> = found.filter(|line| !line.starts_with("ok ")).collect();
        found.sort();
        found
    }

    /// The first page, as a visitor gets it.
    pub fn page(&self, url: &str) -> String {
        ureq::get(format!("{url}/")).call().expect("it answers").body_mut().read_to_string().expect("text")
    }

    /// Signs the guestbook, sees the counter and looks at the first page in a headless browser.
    pub fn look(&self, url: &str, page: Page) {
        let screenshots = self.target.join("xtask/screenshots");
        let mut script = Command::new("node");
        script.current_dir(self.clone.path("")).args(["frontend/browser/services.mjs", "--site", url]);
        script.arg("--screenshots").arg(screenshots);
        match page {
            Page::Shows(text) => script.args(["--shows", text]),
            Page::Hides(text) => script.args(["--hides", text]),
        };
        answer(script).expect_code(0);
    }
}

/// Runs a command to its end, and shows what it says.
fn answer(mut command: Command) -> Answer {
    let words = command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    eprintln!("--- {words}");
    let output = command.output().expect("the program runs");
    let answer = Answer {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    eprint!("{}", answer.stderr);
    answer
}
