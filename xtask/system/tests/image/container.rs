//! Runs an image as ECS would: as its user, on a root file system that cannot be written.
//!
//! Each way that the machine has is taken: a private read-only mount and `chroot` where this is root, the same in a user namespace
//! for anybody, and `crun` where it is installed and root starts it. Podman wants more of a machine than tests may.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::json;
use system::image::{ImageConfig, unpack};
use tempfile::TempDir;

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

/// How an image is run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Root takes the image's user, on a mount that only the process has.
    Chroot,
    /// Anybody is root in a user namespace, for the mount, and the image's user in one within it.
    UserNamespace,
    /// A container runtime. What it runs is a child, which does not get the signals of whoever kills it.
    Crun,
}

/// What is done before the program: `$1` is the root folder, `$2` and `$3` are its user and group.
const PRIVATE: &str = "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; \
    root=$1; user=$2; group=$3; shift 3; ";
const AS_ROOT: &str = "exec chroot --userspec=\"$user:$group\" \"$root\" \"$@\"";
const AS_ANYBODY: &str =
    "exec unshare --user --map-user=\"$user\" --map-group=\"$group\" --root=\"$root\" -- \"$@\"";
/// `$1` is where it keeps its state, `$2` the bundle. It refuses cgroups of both versions beside each other, so it sees those of the
/// second alone; it makes none.
const CRUN: &str = "if [ -d /sys/fs/cgroup/unified ]; then umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; fi; \
    exec crun --root \"$1\" --cgroup-manager=disabled run --bundle \"$2\" \"image-$$\"";

impl Way {
    const ALL: [Self; 3] = [Self::Chroot, Self::UserNamespace, Self::Crun];

    /// The ways that this machine has, the plainest first; why it has not the others is said.
    ///
    /// # Panics
    /// When there is none and this is CI, which would prove nothing of the images.
    pub fn all() -> Vec<Self> {
        let (mut ways, mut reasons) = (Vec::new(), Vec::new());
        for way in Self::ALL {
            match way.is_here() {
                Ok(()) => ways.push(way),
                Err(reason) => reasons.push(format!("not run by {way:?}: {reason}")),
            }
        }
        let said = reasons.join("\n");
        if !said.is_empty() {
            eprintln!("{said}");
        }
        let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        assert!(!ways.is_empty() || !is_ci, "no image can be run on this machine:\n{said}");
        ways
    }

    /// Finds out with an empty root folder: what gets as far as not finding the program would have run it.
    fn is_here(self) -> Result<(), String> {
        let is_root =
            Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        if !is_root && self != Self::UserNamespace {
            return Err("only root may".to_owned());
        }
        let config = ImageConfig {
            user: "65532:65532".to_owned(),
            entrypoint: vec!["/nothing".to_owned()],
            ..ImageConfig::default()
        };
        let root = tempfile::tempdir().expect("a folder");
        let mut prepared = self.prepare(&config, root.path(), &[]);
        let output = prepared.command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_missed = match self {
            // Of a program that is not there. Source: chroot(1), unshare(1).
            Self::Chroot | Self::UserNamespace => output.status.code() == Some(127),
            Self::Crun => said.contains("executable file `/nothing`"),
        };
        if is_missed { Ok(()) } else { Err(said.trim().to_owned()) }
    }

    /// The command that runs an unpacked image with the variables that it has and `more`.
    pub fn prepare(self, config: &ImageConfig, root: &Path, more: &[(&str, &str)]) -> Prepared {
        let (user, group) = config.user_ids().expect("numbers");
        let mut variables: Vec<(&str, &str)> =
            config.env.iter().filter_map(|variable| variable.split_once('=')).collect();
        variables.extend(more);
        let home = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("unshare");
        if self == Self::UserNamespace {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-ec"]);
        let start = match self {
            Self::Chroot => format!("{PRIVATE}{AS_ROOT}"),
            Self::UserNamespace => format!("{PRIVATE}{AS_ANYBODY}"),
            Self::Crun => CRUN.to_owned(),
        };
        command.arg(start).arg("sh");
        match self {
            Self::Chroot | Self::UserNamespace => {
                command.arg(root).args([user.to_string(), group.to_string()]).args(config.command());
            }
            Self::Crun => {
                let bundle = bundle((user, group), &config.command(), &variables, root);
                fs::write(home.path().join("config.json"), bundle.to_string()).expect("a file");
                command.arg(home.path().join("state")).arg(home.path());
            }
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path"));
        command.envs(variables);
        Prepared { command, _home: home }
    }
}

/// A command, and the folder that it needs.
pub struct Prepared {
    pub command: Command,
    _home: TempDir,
}

/// What ECS asks its runtime for, by the OCI runtime specification: no capabilities, no way to more, a root that is read only.
fn bundle(
    (user, group): (u32, u32),
    arguments: &[&str],
    variables: &[(&str, &str)],
    root: &Path,
) -> serde_json::Value {
    let variables: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": user, "gid": group},
            "args": arguments,
            "env": variables,
            "cwd": "/",
            "noNewPrivileges": true,
            "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []},
        },
        "root": {"path": root, "readonly": true},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        ],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    })
}
