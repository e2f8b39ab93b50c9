//! Times steps one after another, and asks the kernel how much memory they needed.

use std::time::Instant;

use anyhow::{Context as _, Result};

/// Does one step and prints its line.
///
/// # Errors
/// When the kernel does not tell the peak: on anything but Linux.
pub fn step<T>(name: &str, work: impl FnOnce() -> T) -> Result<T> {
    let started = Instant::now();
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    println!("{name} {seconds:.6} {}", peak_kilobytes()?);
    Ok(result)
}

/// The largest resident set of this process so far.
fn peak_kilobytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this needs Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
