//! Child processes: started on a free port, spoken to by signals, and never left behind.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that is waited for may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Waits until `done` gives a value.
///
/// # Panics
/// When it gives none for a minute; `what` says what was waited for.
pub fn wait_until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", PATIENCE.as_secs());
        thread::sleep(POLL);
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
///
/// Below those that Linux gives away by itself, and spread by process: between this answer and the server's start nobody
/// else is likely to take it.
///
/// # Panics
/// When the machine has none.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(101);
    let candidates = (0..20_000).map(|_| {
        let offset = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919)) % 20_000;
        u16::try_from(10_000 + offset).expect("it is below 30,000")
    });
    let mut free = candidates.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("there is a free port")
}

pub(crate) fn is_listening(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A child that does not outlive this value.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let spawned = Self::try_spawn(command);
        spawned.unwrap_or_else(|error| panic!("cannot run {:?}: {error}", command.get_program()))
    }

    pub fn try_spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let sent = self.try_signal(signal).expect("`kill` is there");
        assert!(sent.success(), "the process {} is gone", self.0.id());
    }

    pub fn try_signal(&self, signal: &str) -> io::Result<ExitStatus> {
        let mut kill = Command::new("kill");
        kill.args([format!("-{signal}"), self.0.id().to_string()]).stderr(Stdio::null()).status()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    pub fn wait(&mut self, what: &str) -> ExitStatus {
        wait_until(what, || self.0.try_wait().expect("it is our child"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and may be stopped by a signal that only this one gets through to.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
