//! Other people's programs: runs them, finds them, and says how to get the ones that are missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A tool that a task cannot do without and that is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub tool: &'static str,
    /// One sentence that says how to get it.
    pub how: &'static str,
}

/// Runs a command with its output shown, and fails unless it succeeds.
///
/// # Errors
/// When it cannot be started or exits with anything but 0; the message names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// The command as one would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The executable called `name`, or none when the path has no such file.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Node.js and npm, as new as the frontend's tools need them.
///
/// # Errors
/// When one is missing or too old, with the way to get it.
pub fn need_node() -> Result<(), Missing> {
    const HOW: &str = "install Node.js 20.19 or newer, which brings npm (https://nodejs.org)";
    if find("npm").is_none() {
        return Err(Missing { tool: "npm", how: HOW });
    }
    let output = Command::new("node").arg("--version").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    match node_version(&version) {
        Some(version) if version >= (20, 19) => Ok(()),
        _ => Err(Missing { tool: "node", how: HOW }),
    }
}

/// Major and minor out of `v20.19.5`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Terraform, as new as the modules' tests need it.
///
/// # Errors
/// When it is missing or too old, with the way to get it.
pub fn need_terraform() -> Result<(), Missing> {
    const MISSING: Missing = Missing {
        tool: "terraform",
        how: "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install)",
    };
    let output = Command::new("terraform").arg("version").env("CHECKPOINT_DISABLE", "1").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    match terraform_version(&version) {
        Some(version) if version >= (1, 11) => Ok(()),
        _ => Err(MISSING),
    }
}

/// Major and minor out of `Terraform v1.11.4`; warnings may stand before it.
fn terraform_version(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find_map(|line| line.strip_prefix("Terraform v"))?;
    let mut numbers = line.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Python 3 with its `venv` module and pip, which private environments are made with.
///
/// # Errors
/// When Python or one of the two is missing, with the way to get it.
pub fn need_python() -> Result<(), Missing> {
    const HOW: &str = "install Python 3.11 or newer with venv and pip (`apt-get install python3-venv`)";
    if find("python3").is_none() {
        return Err(Missing { tool: "python3", how: HOW });
    }
    let mut modules = Command::new("python3");
    modules.args(["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"]);
    match modules.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Missing { tool: "python3-venv", how: HOW }),
    }
}

/// The folder of programs of a private Python environment in `folder`, made with what `pip install WANTED` installs; what
/// is missing, when nothing can be downloaded.
///
/// It is made anew unless the last one there was made, to its end, with the same `versions`: the text of the file that `wanted`
/// names, or nothing where `wanted` has the versions itself.
///
/// # Errors
/// When Python cannot make it, or a package is not to be had in the version that is wanted.
pub fn python_environment(
    folder: &Path,
    wanted: &[&str],
    versions: &str,
) -> Result<Result<PathBuf, Missing>> {
    const UNREACHABLE: Missing = Missing {
        tool: "a Python package index",
        how: "nothing could be downloaded: connect to PyPI, or name a mirror to pip (PIP_INDEX_URL, PIP_FIND_LINKS)",
    };
    let programs = folder.join("bin");
    let stamp = folder.join("installed");
    // Not the path of a file of versions: another checkout that shares the target folder has the same file elsewhere.
    let contents = if versions.is_empty() { wanted.join("\n") } else { versions.to_owned() };
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == contents) {
        return Ok(Ok(programs));
    }
    eprintln!("installing {} into {}", wanted.join(" "), folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args(["install", "--quiet"]).args(wanted).stdout(Stdio::inherit());
    let output = pip.output().with_context(|| format!("cannot run `{}`", describe(&pip)))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    eprint!("{complaints}");
    if !output.status.success() {
        if has_no_index(&complaints) {
            return Ok(Err(UNREACHABLE));
        }
        bail!("`{}` ended with {}", describe(&pip), output.status);
    }
    // Written last: an environment that was given up half-way has no stamp.
    std::fs::write(&stamp, contents).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Ok(programs))
}

/// Whether pip gave up because no index answered. A version that an index does not have, or that another package forbids,
/// is a mistake in what is wanted: then pip lists the versions there are, or lost no connection.
fn has_no_index(complaints: &str) -> bool {
    complaints.contains("(from versions: none)") && complaints.contains("after connection broken by")
}

/// A Chromium to drive; asks apt for one where that needs no questions.
///
/// # Errors
/// When there is none and none can be installed.
pub fn need_chromium() -> Result<PathBuf, Missing> {
    const MISSING: Missing = Missing {
        tool: "chromium",
        how: "install it (`apt-get install chromium`), or name a Chrome or Chromium in the variable CHROMIUM",
    };
    let here = || {
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        named.or_else(|| ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find))
    };
    here().or_else(|| apt_install("chromium").then(here).flatten()).ok_or(MISSING)
}

/// The folder of PostgreSQL's programs.
///
/// Debian and Ubuntu keep the server out of the path, in a folder for each version; the newest is taken. None is installed
/// here, because installing it starts a server.
///
/// # Errors
/// When there is none.
pub fn need_postgres() -> Result<PathBuf, Missing> {
    const MISSING: Missing =
        Missing { tool: "postgres", how: "install PostgreSQL 14 or newer (`apt-get install postgresql`)" };
    let on_path = find("initdb").and_then(|program| program.canonicalize().ok());
    let of_debian = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
        let folders = versions.map(|version| version.path().join("bin"));
        folders.filter(|folder| folder.join("initdb").is_file()).max_by_key(|folder| version_of(folder))
    };
    let folder = on_path.and_then(|program| program.parent().map(Path::to_owned)).or_else(of_debian);
    folder.filter(|folder| folder.join("postgres").is_file()).ok_or(MISSING)
}

/// 15 for a folder `15/bin`; nothing comes after a name that is no number.
fn version_of(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// The program of Redis; asks apt for it where that needs no questions.
///
/// # Errors
/// When there is none and none can be installed.
pub fn need_redis() -> Result<PathBuf, Missing> {
    const MISSING: Missing = Missing {
        tool: "redis-server",
        how: "install Redis 6.2 or newer with TLS (`apt-get install redis-server`)",
    };
    let here = || find("redis-server");
    here().or_else(|| apt_install("redis-server").then(here).flatten()).ok_or(MISSING)
}

/// The program of a container registry. None is installed here, because Debian's package starts one on a port that all may reach.
///
/// # Errors
/// When there is none.
pub fn need_docker_registry() -> Result<PathBuf, Missing> {
    const MISSING: Missing =
        Missing { tool: "docker-registry", how: "install it (`apt-get install docker-registry`)" };
    find("docker-registry").ok_or(MISSING)
}

/// The program that looks into registries; asks apt for it where that needs no questions.
///
/// # Errors
/// When there is none and none can be installed.
pub fn need_skopeo() -> Result<PathBuf, Missing> {
    const MISSING: Missing = Missing { tool: "skopeo", how: "install it (`apt-get install skopeo`)" };
    let here = || find("skopeo");
    here().or_else(|| apt_install("skopeo").then(here).flatten()).ok_or(MISSING)
}

/// Installs a Debian package when this process may; says whether it worked.
fn apt_install(package: &str) -> bool {
    if find("apt-get").is_none() || !is_root() {
        return false;
    }
    eprintln!("installing the package `{package}` with apt-get");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", package])
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert_eq!(node_version("v20.19.5\n"), Some((20, 19)));
        assert!(node_version("v20.9.0") < node_version("v20.19.0"));
        assert_eq!(node_version(""), None);
        assert_eq!(node_version("20.19.5"), None);
    }

    #[test]
    fn the_version_of_terraform_is_read_past_its_warnings() {
        let text =
            "There are some problems with the CLI configuration:\n\nTerraform v1.9.8\non linux_amd64\n";
        assert_eq!(terraform_version(text), Some((1, 9)));
        assert!(terraform_version("Terraform v1.11.4") >= Some((1, 11)));
        assert_eq!(terraform_version(""), None);
    }

    #[test]
    fn an_index_that_does_not_answer_is_told_from_a_version_that_it_does_not_have() {
        let none = "ERROR: Could not find a version that satisfies the requirement moto==5.2.5 (from versions: none)";
        let warning = "WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/moto/";
        assert!(has_no_index(&format!("{warning}\n{none}")));
        assert!(!has_no_index(none), "an index that knows no such package");
        assert!(!has_no_index(&format!("{warning}\n{}", none.replace("none", "5.2.3, 5.2.4"))));
    }

    #[test]
    fn the_newest_postgresql_is_taken_by_number() {
        let folders = ["9.6/bin", "9/bin", "15/bin"].map(Path::new);
        assert_eq!(folders.map(version_of), [None, Some(9), Some(15)]);
    }

    #[test]
    fn a_command_that_fails_is_named_in_the_error() {
        let error = run(Command::new("false").arg("--really")).expect_err("`false` fails");
        assert!(error.to_string().starts_with("`false --really` ended with"), "{error}");
    }
}
