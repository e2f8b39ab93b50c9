//! A Redis of the test's own: empty, in memory, with a password, which can be stopped, started and frozen.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, free_port, is_listening, wait_until};

/// The program; `cargo xtask test --only services` sets it.
const VARIABLE: &str = "SITEPUSH_REDIS";

pub const PASSWORD: &str = "correct-horse-battery";

/// A server.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    pub port: u16,
    tls: Option<Certificates>,
    running: Option<Process>,
}

impl Redis {
    /// Starts a server; with TLS it takes nothing else.
    ///
    /// # Panics
    /// When the program is not there or fails.
    pub fn start(with_tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let tls = with_tls.then(|| Certificates::make(folder.path(), "redis", "127.0.0.1"));
        let mut redis = Self { folder, port: free_port(), tls, running: None };
        redis.resume();
        redis
    }

    /// Starts the server on the same port, with the data that it saved.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from);
        let program = program
            .unwrap_or_else(|| panic!("{VARIABLE} names no program: run `cargo xtask test --only services`"));
        let mut command = Command::new(program);
        command.args([
            "--bind",
            "127.0.0.1",
            "--requirepass",
            PASSWORD,
            "--appendonly",
            "yes",
            "--appendfsync",
            "no",
        ]);
        command.args(["--save", "", "--enable-debug-command", "local"]).arg("--dir").arg(self.folder.path());
        let port = self.port.to_string();
        match &self.tls {
            None => command.args(["--port", &port]),
            Some(tls) => command
                .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"])
                .arg("--tls-cert-file")
                .arg(&tls.server)
                .arg("--tls-key-file")
                .arg(&tls.server_key)
                .arg("--tls-ca-cert-file")
                .arg(&tls.authority),
        };
        self.running = Some(Process::spawn(command.stdout(Stdio::null())));
        wait_until("Redis takes connections", || is_listening(self.port).then_some(()));
    }

    /// Ends the server; its connections are cut.
    ///
    /// # Panics
    /// When it is not running.
    pub fn stop(&mut self) {
        let mut process = self.running.take().expect("it is running");
        process.signal("TERM");
        process.wait("Redis ends");
    }

    /// Lets it do nothing any more, while its connections stay: a machine that hangs.
    ///
    /// # Panics
    /// When it is not running.
    pub fn freeze(&self) {
        self.running.as_ref().expect("it is running").signal("STOP");
    }

    /// Lets it run again.
    ///
    /// # Panics
    /// When it is not running.
    pub fn thaw(&self) {
        self.running.as_ref().expect("it is running").signal("CONT");
    }

    /// What a client has to trust, where there is TLS.
    pub fn authority(&self) -> Option<&PathBuf> {
        self.tls.as_ref().map(|tls| &tls.authority)
    }

    /// The environment of a service that uses this server.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", self.port.to_string()),
            ("REDIS_PASSWORD", PASSWORD.to_owned()),
        ];
        match &self.tls {
            None => variables.push(("REDIS_TLS", "off".to_owned())),
            Some(tls) => variables.push(("REDIS_CA_FILE", tls.authority.display().to_string())),
        }
        variables
    }
}
