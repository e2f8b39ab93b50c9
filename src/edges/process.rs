//! This process and its machine, as far as another run needs to tell whether it is still at work.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::core::lock::ProcessIdentity;

/// Who this process is.
pub fn identity() -> ProcessIdentity {
    let user = variable("USER").or_else(|| variable("LOGNAME")).or_else(user_of_the_system);
    let user = user.unwrap_or_else(|| "someone".into());
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("the system has random numbers");
    ProcessIdentity {
        owner: format!("{user}@{}", host_name()),
        process_id: std::process::id(),
        machine: machine(),
        nonce: const_hex::encode(nonce),
    }
}

/// The name that the system has for this process's user: services and containers often have no `USER`.
fn user_of_the_system() -> Option<String> {
    let output = Command::new("id").arg("-un").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Whether a lock's holder is known to have ended: it ran on this machine, in this process namespace, since the
/// machine was started, and there is no such process any more. Anything less is no proof.
pub fn is_gone(holder: &ProcessIdentity) -> bool {
    let machine = machine();
    !machine.is_empty()
        && holder.machine == machine
        && !Path::new(&format!("/proc/{}", holder.process_id)).exists()
}

/// The boot and the process namespace; empty where the system does not tell them. Containers on one machine share
/// the boot but neither the namespace nor, as a rule, the host name.
fn machine() -> String {
    let boot = read("/proc/sys/kernel/random/boot_id");
    let namespace = link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Some(boot), Some(namespace)) => format!("{}/{boot}/{namespace}", host_name()),
        _ => String::new(),
    }
}

fn host_name() -> String {
    read("/proc/sys/kernel/hostname")
        .or_else(|| variable("HOSTNAME"))
        .or_else(|| variable("COMPUTERNAME"))
        .unwrap_or_else(|| "a machine".into())
}

#[expect(clippy::disallowed_methods, reason = "this edge asks the system who and where we are")]
fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this edge asks the system who and where we are")]
fn link(path: &str) -> Option<String> {
    Some(std::fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

#[expect(clippy::disallowed_methods, reason = "this edge asks the system who and where we are")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
