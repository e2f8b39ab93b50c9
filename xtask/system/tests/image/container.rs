//! Runs an image as ECS would: as its user, on a root file system that cannot be written.
//!
//! Without a container runtime, since those want more of a machine than tests may: a mount that is private to the process and
//! read-only, and `chroot`.

use std::path::Path;
use std::process::{Child, Command};

use system::image::{ImageConfig, unpack};

/// A process that does not outlive its test, however that ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Unpacks an image; the digests on the way are checked.
pub fn unpacked(image: &str, folder: &Path) -> Result<ImageConfig, String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(unpack(image, folder)).map_err(|error| format!("{error:#}"))
}

/// The command that runs an unpacked image; none where this is not root, who alone may do it.
pub fn command(config: &ImageConfig, root: &Path) -> Option<Command> {
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root {
        eprintln!("not run: only root may change the root folder of a process");
        return None;
    }
    let (user, group) = config.user_ids().expect("numbers");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec"]);
    command.arg("mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; user=$2; root=$1; shift 2; exec chroot --userspec=\"$user\" \"$root\" \"$@\"");
    command.arg("sh").arg(root).arg(format!("{user}:{group}")).args(config.command());
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path"));
    command.envs(config.env.iter().filter_map(|variable| variable.split_once('=')));
    Some(command)
}
