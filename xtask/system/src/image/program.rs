//! Builds the program of a service: static, without traces of this machine, so that every clone gives the same bytes.
//!
//! What decides over the bytes besides the source: the versions of Rust, of the C compiler and of the C library.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::project::Project;
use xtask::tools;

/// The one platform that tasks run on. Named even where it is the machine's own: then flags concern the program alone, and
/// neither build scripts nor macros.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The profile in the workspace's `Cargo.toml`.
const PROFILE: &str = "image";

/// Variables that change what a compiler writes, and that a shell may have for other reasons.
const CHANGING: &[&str] =
    &["CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"];

/// Where the folders of this machine are.
struct Folders {
    root: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
    sysroot: PathBuf,
}

/// Builds one package and returns the program's path. Cargo's output is shown.
///
/// Each package is built by itself: together with another one, what they share would get the features of both, and the bytes
/// would depend on what else was asked for.
///
/// # Errors
/// When Cargo fails, or there is no program where it should be.
pub(super) fn compile(project: &Project, package: &str, binary: &str) -> Result<PathBuf> {
    let folders = Folders {
        root: project.path("."),
        target: project.target(),
        cargo_home: cargo_home()?,
        sysroot: sysroot(project)?,
    };
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--locked", "--profile", PROFILE, "--target", TARGET]);
    cargo.args(["--package", package, "--bin", binary]);
    for (name, _) in env::vars_os().filter(|(name, _)| is_changing(name)) {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(&folders)).env("CARGO_INCREMENTAL", "0");
    // Whatever asks for the time of the source gets the same one for every commit: another would build all of C anew, and
    // put the commit into the program, which has it from its image.
    cargo.env("SOURCE_DATE_EPOCH", "0");
    tools::run(&mut cargo)?;
    let program = folders.target.join(TARGET).join(PROFILE).join(binary);
    ensure!(program.is_file(), "Cargo left no program in {}", program.display());
    Ok(program)
}

fn is_changing(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let is_for_c =
        |known: &&str| name.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    CHANGING.iter().any(is_for_c)
        || name.starts_with("CARGO_PROFILE_")
        || name.starts_with("CARGO_TARGET_X86_64_")
}

/// The compiler's flags in the form that may hold spaces.
fn flags(folders: &Folders) -> OsString {
    let mut flags = vec![
        OsString::from("-Ctarget-feature=+crt-static"),
        // Without this, a static program reads random numbers from files that an empty root does not have.
        OsString::from("--cfg=getrandom_backend=\"linux_getrandom\""),
    ];
    // The last one that fits is taken, so the root comes before what may lie in it.
    let places = [
        (&folders.root, "/src"),
        (&folders.target, "/src/target"),
        (&folders.cargo_home, "/cargo"),
        (&folders.sysroot, "/rust"),
    ];
    for (folder, name) in places {
        flags.push(
            [
                OsStr::new("--remap-path-prefix="),
                without_dots(folder).as_os_str(),
                OsStr::new("="),
                OsStr::new(name),
            ]
            .into_iter()
            .collect(),
        );
    }
    flags.join(OsStr::new("\x1f"))
}

/// The path without `.` segments, which the compiler would not find in the names it compares.
fn without_dots(path: &Path) -> PathBuf {
    path.components().collect()
}

fn cargo_home() -> Result<PathBuf> {
    let named = env::var_os("CARGO_HOME").map(PathBuf::from);
    named
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

fn sysroot(project: &Project) -> Result<PathBuf> {
    let mut rustc: Command = project.command("rustc");
    let output = rustc.args(["--print", "sysroot"]).output().context("cannot run `rustc`")?;
    ensure!(output.status.success(), "`rustc --print sysroot` failed");
    Ok(PathBuf::from(String::from_utf8(output.stdout).context("the sysroot is not UTF-8")?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_this_machine_gets_another_name_and_the_inner_one_comes_last() {
        let folders = Folders {
            root: PathBuf::from("/home/ada/my site/."),
            target: PathBuf::from("/home/ada/my site/target"),
            cargo_home: PathBuf::from("/home/ada/.cargo"),
            sysroot: PathBuf::from("/opt/rust"),
        };
        let flags = flags(&folders).into_string().expect("all are UTF-8");
        let remapped: Vec<_> =
            flags.split('\x1f').filter_map(|flag| flag.strip_prefix("--remap-path-prefix=")).collect();
        assert_eq!(
            remapped,
            [
                "/home/ada/my site=/src",
                "/home/ada/my site/target=/src/target",
                "/home/ada/.cargo=/cargo",
                "/opt/rust=/rust"
            ]
        );
    }

    #[test]
    fn what_a_shell_has_set_for_other_builds_is_left_out() {
        for name in
            ["CFLAGS", "CFLAGS_x86_64_unknown_linux_gnu", "RUSTFLAGS", "CARGO_PROFILE_IMAGE_OPT_LEVEL"]
        {
            assert!(is_changing(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "CARGO_HOME", "CFLAGSX", "CARGO_TARGET_DIR", "CC"] {
            assert!(!is_changing(OsStr::new(name)), "{name}");
        }
    }
}
