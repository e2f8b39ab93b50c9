//! A PostgreSQL of the test's own: a fresh cluster in a temporary folder, which can be stopped, started and frozen.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, free_port, wait_until};

/// The folder of PostgreSQL's programs; `cargo xtask test --only services` sets it.
const VARIABLE: &str = "SITEPUSH_POSTGRES";

/// PostgreSQL refuses to run as root; this is `nobody` on every Linux.
const NOBODY: u32 = 65_534;

pub const USER: &str = "app";
pub const PASSWORD: &str = "correct horse battery";

/// A server.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    pub port: u16,
    running: Option<Process>,
    frozen: bool,
}

impl Postgres {
    /// Makes a cluster and starts it. Passwords are demanded, and TLS is offered when there are certificates.
    ///
    /// # Panics
    /// When the programs are not there, or one of them fails.
    pub fn start(with_tls: bool) -> (Self, Option<Certificates>) {
        let programs = std::env::var_os(VARIABLE).map(PathBuf::from);
        let programs = programs
            .unwrap_or_else(|| panic!("{VARIABLE} names no folder: run `cargo xtask test --only services`"));
        let folder = tempfile::tempdir().expect("there is room for a folder");
        give_away(folder.path(), 0o700);
        let mut postgres = Self { folder, programs, port: free_port(), running: None, frozen: false };
        postgres.init();
        let certificates = with_tls.then(|| postgres.certify());
        postgres.resume();
        (postgres, certificates)
    }

    /// Starts the server on the same port and data.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        // No durability is asked for here, and few processes.
        command.args(["-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=16MB"]);
        self.running = Some(Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::null())));
        let pid_file = self.data().join("postmaster.pid");
        wait_until("PostgreSQL takes connections", || {
            // The eighth line is the server's own word on how far it is, which `pg_ctl` waits for as well.
            let is_ready = fs::read_to_string(&pid_file).ok()?.lines().nth(7)?.trim() == "ready";
            is_ready.then_some(())
        });
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
            ("DATABASE_PASSWORD", PASSWORD.to_owned()),
            ("DATABASE_TLS", "off".to_owned()),
        ]
    }

    /// How a client of the test's own connects.
    pub fn connection(&self) -> String {
        format!("host=127.0.0.1 port={} dbname=postgres user={USER} password='{PASSWORD}'", self.port)
    }

    fn init(&self) {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD).expect("the folder can be written to");
        give_away(&password, 0o600);
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.data()).arg(format!("--pwfile={}", password.display()));
        command.args(["-U", USER, "--auth=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8"]);
        let output = command.output().expect("`initdb` runs");
        assert!(output.status.success(), "`initdb` failed: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes certificates and demands TLS of everyone.
    fn certify(&self) -> Certificates {
        let certificates = Certificates::make(self.folder.path(), "postgres", "127.0.0.1");
        give_away(&certificates.server_key, 0o600);
        for file in [&certificates.authority, &certificates.server] {
            give_away(file, 0o644);
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
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env_clear().env("LC_ALL", "C");
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
        if self.running.is_some() {
            // Killed, the server would leave its children to end by themselves; asked, it ends them first.
            self.stop();
        }
    }
}

/// The program runs as somebody else where this is root, and reads only what is its own.
fn give_away(path: &Path, mode: u32) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file is there");
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
