//! Other people's servers as children: moto, ministack and the registry, each on a free port of loopback, with an environment
//! that names nothing of this machine but what it needs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use service_testkit::free_port;
use xtask::tools;

use super::tree::ACCOUNT;

/// What the shell may have for real AWS, and must not reach the emulated one or the other way round.
pub const NOT_MEANT: &[&str] = &[
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_CA_BUNDLE",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "TF_CLI_CONFIG_FILE",
    "TF_DATA_DIR",
    "TF_WORKSPACE",
];

const START_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// A server that ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    pub name: &'static str,
    /// Without a closing slash.
    pub url: String,
    child: Child,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // None of them has anything to put in order: what they keep goes with the environment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// moto, with what it lacks for this Terraform (`xtask/system/emulated/moto_server.py`).
///
/// # Errors
/// When it does not come up.
pub fn moto(emulators: &Path, folder: &Path) -> Result<Server> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/emulated/moto_server.py");
    start("moto", folder, |port| {
        let mut command = python(emulators, script);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        // The policies that AWS keeps are attached by their ARN; certificates are issued after two seconds.
        command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true").env("MOTO_ACM_VALIDATION_WAIT", "2");
        command
    })
}

/// ministack, for CloudFront and its key value stores.
///
/// # Errors
/// When it does not come up.
pub fn ministack(emulators: &Path, folder: &Path) -> Result<Server> {
    let script = emulators.join("ministack");
    start("ministack", folder, |port| {
        let mut command = python(emulators, &script.to_string_lossy());
        command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
        command.env("GATEWAY_PORT", port.to_string()).env("MINISTACK_ACCOUNT_ID", ACCOUNT);
        command.env("SERVICES", "cloudfront,cloudfront-keyvaluestore,iam,sts");
        // Otherwise it listens on a fixed port of every address.
        command.env("IOT_MTLS_ENABLED", "0");
        command
    })
}

/// Debian's registry, in place of ECR's data plane.
///
/// # Errors
/// When it is missing or does not come up.
pub fn registry(folder: &Path) -> Result<Server> {
    let program = tools::need_docker_registry().map_err(|missing| crate::stores::missing_tool(&missing))?;
    let storage = folder.join("registry-data");
    start("registry", folder, |port| {
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             http:\n  addr: 127.0.0.1:{port}\n",
            storage.display()
        );
        // What cannot be written is missed by the registry at once, and said in its log.
        let _ = fs::write(&config, text);
        let mut command = Command::new(&program);
        command.arg("serve").arg(config);
        command
    })
}

fn python(emulators: &Path, script: &str) -> Command {
    let mut command = Command::new(emulators.join("python3"));
    // By the interpreter, and not by its first line, which names the folder that the environment was made in.
    command.arg(script);
    command
}

fn start(name: &'static str, folder: &Path, command: impl Fn(u16) -> Command) -> Result<Server> {
    let home = folder.join(name);
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let log = folder.join(format!("{name}.log"));
    // Between the look for a free port and its use somebody else may take it: then the child ends.
    for _ in 0..3 {
        let port = free_port();
        let mut command = command(port);
        let own: Vec<(std::ffi::OsString, Option<std::ffi::OsString>)> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command.env_clear();
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("TMPDIR", &home);
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let copy = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        command.current_dir(&home).stdin(Stdio::null()).stdout(file).stderr(copy);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Server { name, url: format!("http://127.0.0.1:{port}"), child };
        if answers(&mut server)? {
            return Ok(server);
        }
    }
    let text = fs::read_to_string(&log).unwrap_or_default();
    bail!("{name} ended three times: {}", text.lines().next_back().unwrap_or("it says nothing"));
}

/// Waits until it answers anything; no when it ended.
fn answers(server: &mut Server) -> Result<bool> {
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let deadline = Instant::now() + START_LIMIT;
    while Instant::now() < deadline {
        if server.has_ended() {
            return Ok(false);
        }
        if agent.get(&server.url).call().is_ok() {
            return Ok(true);
        }
        std::thread::sleep(POLL);
    }
    bail!("{} did not answer within {} s", server.name, START_LIMIT.as_secs());
}
