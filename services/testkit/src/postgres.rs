//! A PostgreSQL on loopback, with a password, that can be stopped, started and frozen.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::files::{NOBODY, give_away, is_root, write_private};
use crate::process::{PATIENCE, Process, free_port};
use crate::store::{Durability, Group, StoreError, StoreSettings, end, file_error};

/// The folder of PostgreSQL's programs; `cargo xtask test --only services` sets it.
const VARIABLE: &str = "SITEPUSH_POSTGRES";

pub const USER: &str = "app";
pub const PASSWORD: &str = "correct horse battery";

/// A server.
#[derive(Debug)]
pub struct Postgres {
    settings: StoreSettings,
    pub port: u16,
    running: Option<Process>,
    frozen: bool,
    /// Dropped last: the folder of a test's own server.
    _temporary: Option<TempDir>,
}

impl Postgres {
    /// Makes a cluster of a test's own and starts it. Passwords are demanded, and TLS is offered when there are certificates.
    ///
    /// # Panics
    /// When the programs are not there, or one of them fails.
    pub fn start(with_tls: bool) -> (Self, Option<Certificates>) {
        let programs = std::env::var_os(VARIABLE).map(PathBuf::from);
        let programs = programs
            .unwrap_or_else(|| panic!("{VARIABLE} names no folder: run `cargo xtask test --only services`"));
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let settings = StoreSettings {
            program: programs,
            folder: folder.path().to_owned(),
            password: PASSWORD.to_owned(),
            port: free_port(),
            durability: Durability::Quick,
            group: Group::Shared,
        };
        let made = Self::make(settings, Some(folder));
        let mut postgres = made.unwrap_or_else(|error| panic!("PostgreSQL is not made: {error}"));
        let certificates = with_tls.then(|| postgres.certify());
        postgres.resume();
        (postgres, certificates)
    }

    /// Starts a server on the cluster in its folder, which is made when there is none.
    ///
    /// Where this process is root the folder becomes `nobody`'s, who has to be able to reach it.
    ///
    /// # Errors
    /// When the folder cannot be used, or the server does not come up.
    pub fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let mut postgres = Self::make(settings, None)?;
        postgres.try_resume()?;
        Ok(postgres)
    }

    fn make(settings: StoreSettings, temporary: Option<TempDir>) -> Result<Self, StoreError> {
        let folder = &settings.folder;
        fs::create_dir_all(folder).and_then(|()| give_away(folder, 0o700)).map_err(file_error(folder))?;
        let port = settings.port;
        let postgres = Self { settings, port, running: None, frozen: false, _temporary: temporary };
        if !postgres.data().exists() {
            postgres.init()?;
        }
        Ok(postgres)
    }

    /// Starts the server on the same port and data.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        self.try_resume().unwrap_or_else(|error| panic!("PostgreSQL does not start: {error}"));
    }

    /// As [`resume`](Self::resume), for those who go on without it.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn try_resume(&mut self) -> Result<(), StoreError> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        // Few processes are enough.
        command.args(["-c", "max_connections=60", "-c", "shared_buffers=16MB"]);
        if self.settings.durability == Durability::Quick {
            command.args(["-c", "fsync=off"]);
        }
        let pid_file = self.data().join("postmaster.pid");
        // The first line is the process, which may be one that was killed; the eighth is the server's own word on how far it
        // is, which `pg_ctl` waits for as well.
        let is_ready = |process: u32| {
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            let line = |number: usize| text.lines().nth(number).unwrap_or_default().trim();
            line(0) == process.to_string() && line(7) == "ready"
        };
        self.running = Some(self.settings.start(command, "PostgreSQL takes connections", is_ready)?);
        Ok(())
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    /// The process, while there is one.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(Process::id)
    }

    /// Ends the server; its connections are cut.
    ///
    /// # Panics
    /// When it is not running.
    pub fn stop(&mut self) {
        let mut process = self.running.take().expect("it is running");
        // SIGINT is PostgreSQL's fast shutdown.
        process.signal("INT");
        process.wait("PostgreSQL ends");
    }

    /// Lets nothing of the server run any more, while its connections stay: a machine that hangs.
    ///
    /// # Panics
    /// When the processes cannot be found.
    pub fn freeze(&mut self) {
        self.signal_all("STOP");
        self.frozen = true;
    }

    /// Lets it run again.
    ///
    /// # Panics
    /// When the processes cannot be found.
    pub fn thaw(&mut self) {
        self.signal_all("CONT");
        self.frozen = false;
    }

    /// The environment of a service that uses this server without TLS.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_HOST", "127.0.0.1".to_owned()),
            ("DATABASE_PORT", self.port.to_string()),
            ("DATABASE_NAME", "postgres".to_owned()),
            ("DATABASE_USER", USER.to_owned()),
            ("DATABASE_PASSWORD", self.settings.password.clone()),
            ("DATABASE_TLS", "off".to_owned()),
        ]
    }

    /// How a client connects, as `psql` and libraries take it.
    pub fn connection(&self) -> String {
        let (port, password) = (self.port, &self.settings.password);
        format!("host=127.0.0.1 port={port} dbname=postgres user={USER} password='{password}'")
    }

    /// What the server has written to its log since it was started.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.settings.log()).expect("the log is there")
    }

    fn init(&self) -> Result<(), StoreError> {
        let password = self.settings.folder.join("password");
        write_private(&password, &self.settings.password)
            .and_then(|()| give_away(&password, 0o600))
            .map_err(file_error(&password))?;
        // Under another name until it is whole: `initdb` may be killed half-way.
        let unfinished = self.settings.folder.join("data.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(file_error(&unfinished))?;
        }
        let mut command = self.command("initdb");
        command.arg("-D").arg(&unfinished).arg(format!("--pwfile={}", password.display()));
        command.args(["-U", USER, "--auth=scram-sha-256", "--no-locale", "--encoding=UTF8"]);
        if self.settings.durability == Durability::Quick {
            command.arg("--no-sync");
        }
        let program = PathBuf::from(command.get_program());
        let output = match command.stdin(Stdio::null()).output() {
            Ok(output) => output,
            Err(source) => return Err(StoreError::Run { program, source }),
        };
        if !output.status.success() {
            let log = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(StoreError::Ended { program, status: output.status, log });
        }
        fs::rename(&unfinished, self.data()).map_err(file_error(&unfinished))
    }

    /// Makes certificates and demands TLS of everyone.
    fn certify(&self) -> Certificates {
        let certificates = Certificates::make(&self.settings.folder, "postgres", "127.0.0.1");
        for (file, mode) in [
            (&certificates.server_key, 0o600),
            (&certificates.authority, 0o644),
            (&certificates.server, 0o644),
        ] {
            give_away(file, mode).expect("root may give files away");
        }
        let config = format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            certificates.server.display(),
            certificates.server_key.display()
        );
        fs::write(self.data().join("postgresql.auto.conf"), config).expect("the folder can be written to");
        fs::write(self.data().join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n")
            .expect("the folder can be written to");
        certificates
    }

    fn data(&self) -> PathBuf {
        self.settings.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.settings.program.join(program));
        command.current_dir(&self.settings.folder).env_clear().env("LC_ALL", "C");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The server and the processes that it made, which are its children.
    fn signal_all(&self, signal: &str) {
        let pid_file = fs::read_to_string(self.data().join("postmaster.pid")).expect("the server is running");
        let parent = pid_file.lines().next().expect("it starts with the process id").to_owned();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let signal = format!("-{signal}");
        let sent = Command::new("kill").args([&signal, &parent]).status();
        assert!(sent.expect("`kill` is there").success(), "PostgreSQL is gone");
        for child in children.split_whitespace() {
            // A child may end between the list and the signal.
            let _ = Command::new("kill").args([&signal, child]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.frozen {
            self.thaw();
        }
        if let Some(process) = self.running.take() {
            // Killed, the server would leave its children to end by themselves; asked, it ends them first.
            end(process, "INT", PATIENCE);
        }
    }
}
