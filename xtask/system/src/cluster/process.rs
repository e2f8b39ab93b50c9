//! A task's process: started within its image, asked to end, and ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use super::image::UnpackedImage;
use super::state::ProcessId;
use crate::process;

/// The variable that tells a service where to listen. Source: `service_common::settings`.
const LISTEN_ADDRESS: &str = "LISTEN_ADDRESS";

/// Starts the image's program with `environment`, listening at `address`, in a process group of its own: Ctrl-C in the
/// terminal that the cluster was started from is not meant for it.
///
/// # Errors
/// When there is no such program, or it may not be run.
pub(super) fn start(
    image: &UnpackedImage,
    command: &[String],
    environment: &BTreeMap<String, String>,
    address: SocketAddr,
) -> io::Result<Child> {
    let mut program = match (&image.root, rustix::process::geteuid().is_root()) {
        // As a container: nothing of the machine's files, and not as root.
        (Some(root), true) => {
            let mut chroot = Command::new("chroot");
            if let Some((user, group)) = image.user {
                chroot.arg(format!("--userspec={user}:{group}"));
                // Without this the supplementary groups of root would stay.
                chroot.arg("--groups=");
            }
            chroot.arg(root).args(command);
            chroot
        }
        // Without the right to change the root: the program alone, with the machine's files.
        (Some(root), false) => {
            let mut direct = Command::new(root.join(command[0].trim_start_matches('/')));
            direct.args(&command[1..]);
            direct
        }
        (None, _) => {
            let mut direct = Command::new(&command[0]);
            direct.args(&command[1..]);
            direct
        }
    };
    program
        .env_clear()
        // `chroot` is looked for, and programs in images expect one.
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(image.environment.iter().map(|(name, value)| (name, value)))
        .envs(environment)
        .env(LISTEN_ADDRESS, address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    program.spawn()
}

/// The ports that tasks of this process have, be it that they listen there already or not yet. Another process (each test is
/// one) may be given the same port between the question and the task's own listening; its task then cannot listen, and ends.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// An address that no other task gets for as long as this value lives.
#[derive(Debug)]
pub(super) struct Reserved(SocketAddr);

impl Reserved {
    pub(super) fn address(&self) -> SocketAddr {
        self.0
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0.port());
    }
}

/// A port of loopback that nobody has at this moment. Until the program listens there it looks free, and two tasks at one
/// address would be one target: when one of them ends, the other gets no more requests.
///
/// # Errors
/// When there is none.
pub(super) fn free_address() -> io::Result<Reserved> {
    reserve(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr())
}

/// Asks for addresses until one is no task's.
fn reserve(mut next: impl FnMut() -> io::Result<SocketAddr>) -> io::Result<Reserved> {
    loop {
        let address = next()?;
        if TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(address.port()) {
            return Ok(Reserved(address));
        }
    }
}

/// Which process this is, or none when it ended.
pub(super) fn identify(pid: i32) -> Option<ProcessId> {
    let started = process::start_of(u32::try_from(pid).ok()?)?;
    Some(ProcessId { pid, started })
}

/// Asks a process to end. One that has ended is fine.
pub(super) fn terminate(process: ProcessId) {
    if let Some(pid) = still_there(process) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Ends a process and all that it started.
pub(super) fn kill(process: ProcessId) {
    if let Some(pid) = still_there(process) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Ends what a process that has just ended left behind in its group, as the end of a container does.
pub(super) fn kill_left_behind(process: ProcessId) {
    if let Some(group) = Pid::from_raw(process.pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn still_there(process: ProcessId) -> Option<Pid> {
    if identify(process.pid) == Some(process) { Pid::from_raw(process.pid) } else { None }
}

/// As a container's runtime gives it: 128 and the signal for a process that was ended by one.
pub(super) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_when_it_started_too() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let own = identify(pid).unwrap();
        assert_eq!(identify(pid), Some(own));
        assert!(still_there(own).is_some());
        assert!(still_there(ProcessId { started: own.started + 1, ..own }).is_none());
    }

    #[test]
    fn no_two_tasks_have_one_address_until_the_first_has_ended() {
        // Which nothing listens at: these are no ports that the system gives out.
        let mut offers = [1, 1, 2, 1].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).into_iter();
        let mut next = || Ok(offers.next().unwrap());
        let (first, second) = (reserve(&mut next).unwrap(), reserve(&mut next).unwrap());
        assert_eq!([first.address().port(), second.address().port()], [1, 2]);
        drop(first);
        assert_eq!(reserve(&mut next).unwrap().address().port(), 1);
    }

    #[test]
    fn a_signal_gives_the_code_that_containers_have() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}
