//! Where the first push spends its time: a profile by the kernel's own profiler, in groups that say what to do about it.

mod groups;
mod samples;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools::{self, Missing};

use super::programs::{self, Programs};
use super::work::{Life, Work};

/// Pages of the site: enough for thousands of samples.
const PAGES: usize = 10_000;

/// Samples a second; no divisor of any timer's rate, so that nothing periodic is always or never met.
const FREQUENCY: &str = "3989";

/// Functions that are named in the second table.
const NAMED: usize = 20;

/// The profiler, or how to get it.
///
/// # Errors
/// When it is missing.
pub fn need_perf() -> Result<(), Missing> {
    const HOW: &str = "install it (Debian: `apt-get install linux-perf`)";
    tools::find("perf").map(drop).ok_or(Missing { tool: "perf", how: HOW })
}

/// Profiles a first push: what was done, and its tables.
///
/// # Errors
/// When the profiler may not look into the kernel, or anything fails to run.
pub fn first_push(programs: &Programs, scratch: &Path) -> Result<(String, String)> {
    let program = programs.with_symbols.as_ref().context("a profile needs the program's symbols")?;
    println!("profile: first push of {PAGES} pages and as many images");
    let life = Life::begin(programs, scratch, PAGES)?;
    life.change(Work::First, 1)?;
    let push = programs::push(program, &life.site, &life.server.endpoint, &life.folder);
    let data = life.folder.join("perf.data");
    record(&push, &data)?;
    let mut script = Command::new("perf");
    script.args(["script", "--fields", "comm,ip,sym,dso", "--input"]).arg(&data);
    let output = script.output().context("cannot run `perf script`")?;
    ensure!(output.status.success(), "`perf script` ended with {}", output.status);
    let samples = samples::parse(&String::from_utf8_lossy(&output.stdout));
    ensure!(
        samples.iter().any(|sample| sample.kernel.is_some()),
        "perf saw nothing of the kernel: run as root, or set `kernel.perf_event_paranoid` to 1 and `kernel.kptr_restrict` to 0"
    );
    let about = format!("{PAGES} pages and as many images, {} samples by perf", samples.len());
    Ok((about, tables(&samples)))
}

fn record(push: &Command, data: &Path) -> Result<()> {
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--freq", FREQUENCY, "--call-graph", "fp", "--output"]).arg(data);
    perf.arg("--").arg(push.get_program()).args(push.get_args());
    for (name, value) in push.get_envs() {
        match value {
            Some(value) => perf.env(name, value),
            None => perf.env_remove(name),
        };
    }
    if let Some(folder) = push.get_current_dir() {
        perf.current_dir(folder);
    }
    // What the push says is of no interest, what perf complains of is.
    let output = perf.output().context("cannot run `perf record`")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`perf record` ended with {}:\n{complaints}", output.status);
    Ok(())
}

fn tables(samples: &[samples::Sample]) -> String {
    let mut by_group: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_function: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for sample in samples {
        let group = groups::of(sample);
        *by_group.entry(group).or_default() += 1;
        *by_function.entry((group, sample.name())).or_default() += 1;
    }
    let percent = |count: usize| 100.0 * count as f64 / samples.len() as f64;
    let mut text = "| what | share of CPU time |\n|---|---|\n".to_owned();
    for (group, count) in most(by_group) {
        let _ = writeln!(text, "| {group} | {:.1}% |", percent(count));
    }
    let _ = write!(text, "\nThe functions that take most:\n\n| function | of | share |\n|---|---|---|\n");
    for ((group, name), count) in most(by_function).into_iter().take(NAMED) {
        let _ = writeln!(text, "| `{name}` | {group} | {:.1}% |", percent(count));
    }
    text
}

/// The most frequent first.
fn most<T: Ord>(counts: BTreeMap<T, usize>) -> Vec<(T, usize)> {
    let mut counts: Vec<(T, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
