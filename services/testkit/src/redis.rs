//! A Redis on loopback, with a password, that can be stopped, started and frozen.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::files::write_private;
use crate::process::{PATIENCE, Process, free_port, is_listening};
use crate::store::{Durability, Group, StoreError, StoreSettings, end, file_error};

/// The program; `cargo xtask test --only services` sets it.
const VARIABLE: &str = "SITEPUSH_REDIS";

pub const PASSWORD: &str = "correct-horse-battery";

/// A server.
#[derive(Debug)]
pub struct Redis {
    settings: StoreSettings,
    pub port: u16,
    tls: Option<Certificates>,
    running: Option<Process>,
    /// Dropped last: the folder of a test's own server.
    _temporary: Option<TempDir>,
}

impl Redis {
    /// Starts a server of a test's own, empty; with TLS it takes nothing else.
    ///
    /// # Panics
    /// When the program is not there or fails.
    pub fn start(with_tls: bool) -> Self {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from);
        let program = program
            .unwrap_or_else(|| panic!("{VARIABLE} names no program: run `cargo xtask test --only services`"));
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let tls = with_tls.then(|| Certificates::make(folder.path(), "redis", "127.0.0.1"));
        let settings = StoreSettings {
            program,
            folder: folder.path().to_owned(),
            password: PASSWORD.to_owned(),
            port: free_port(),
            durability: Durability::Quick,
            group: Group::Shared,
        };
        let started = Self::make(settings, tls, Some(folder));
        started.unwrap_or_else(|error| panic!("Redis does not start: {error}"))
    }

    /// Starts a server on what its folder holds.
    ///
    /// # Errors
    /// When the folder cannot be used, or the server does not come up.
    pub fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        Self::make(settings, None, None)
    }

    fn make(
        settings: StoreSettings,
        tls: Option<Certificates>,
        temporary: Option<TempDir>,
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(&settings.folder).map_err(file_error(&settings.folder))?;
        let port = settings.port;
        let mut redis = Self { settings, port, tls, running: None, _temporary: temporary };
        redis.try_resume()?;
        Ok(redis)
    }

    /// Starts the server on the same port, with the data that it saved.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        self.try_resume().unwrap_or_else(|error| panic!("Redis does not start: {error}"));
    }

    /// As [`resume`](Self::resume), for those who go on without it.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn try_resume(&mut self) -> Result<(), StoreError> {
        // On the command line, every user of the machine would see the password.
        let config = self.settings.folder.join("redis.conf");
        write_private(&config, &self.config()).map_err(file_error(&config))?;
        let mut command = Command::new(&self.settings.program);
        command.arg(&config).current_dir(&self.settings.folder);
        let port = self.port;
        let started = self.settings.start(command, "Redis takes connections", |_| is_listening(port));
        self.running = Some(started?);
        Ok(())
    }

    fn config(&self) -> String {
        let password = &self.settings.password;
        // Relative to the working folder.
        let mut config =
            format!("bind 127.0.0.1\nrequirepass \"{password}\"\nappendonly yes\nsave \"\"\ndir ./\n");
        if self.settings.durability == Durability::Quick {
            config.push_str("appendfsync no\nenable-debug-command local\n");
        }
        let port = self.port;
        config.push_str(&match &self.tls {
            None => format!("port {port}\n"),
            Some(tls) => format!(
                "port 0\ntls-port {port}\ntls-auth-clients no\ntls-cert-file \"{}\"\ntls-key-file \"{}\"\ntls-ca-cert-file \"{}\"\n",
                tls.server.display(),
                tls.server_key.display(),
                tls.authority.display()
            ),
        });
        config
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
            ("REDIS_PASSWORD", self.settings.password.clone()),
        ];
        match &self.tls {
            None => variables.push(("REDIS_TLS", "off".to_owned())),
            Some(tls) => variables.push(("REDIS_CA_FILE", tls.authority.display().to_string())),
        }
        variables
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let Some(process) = self.running.take() else { return };
        match self.settings.durability {
            // Asked, it writes what it still holds.
            Durability::Durable => end(process, "TERM", PATIENCE),
            Durability::Quick => drop(process),
        }
    }
}
