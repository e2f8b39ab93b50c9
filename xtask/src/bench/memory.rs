//! What a push costs in memory as a site grows, and what starting the program costs.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::marks::Mark;
use super::measure::{Figures, Spread};
use super::programs::Programs;
use super::work::{Bench, Contender, Work};

/// Pages of the two sites; as many images come with them.
const PAGES: [usize; 2] = [10_000, 50_000];

/// What is pushed to both.
const WORKS: [Work; 4] = [Work::First, Work::Again, Work::Edit, Work::Bundle];

/// A start is over in milliseconds and costs nothing to repeat.
const STARTS: usize = 300;

/// Measures the peak of each work at both sizes: the table and its marks.
///
/// # Errors
/// When a push fails.
pub fn memory(programs: &Programs, scratch: &Path, runs: usize) -> Result<(String, Vec<Mark>)> {
    let peaks = |pages| -> Result<Vec<Figures>> {
        let bench = Bench { programs, scratch, pages, runs };
        let measured = bench.measure(&[Contender::Sitepush], &WORKS)?;
        Ok(measured.iter().map(|measured| measured.rows[0].1).collect())
    };
    let (small, large) = (peaks(PAGES[0])?, peaks(PAGES[1])?);
    let files = PAGES.map(|pages| pages * 2);
    let mut text = format!(
        "| work | MB at {} files | MB at {} files | bytes for each further file |\n|---|---|---|---|\n",
        files[0], files[1]
    );
    let mut marks = Vec::new();
    for ((work, small), large) in WORKS.into_iter().zip(&small).zip(&large) {
        let (small, large) = (small.peak_megabytes, large.peak_megabytes);
        let further = (large.median - small.median) * 1e6 / (files[1] - files[0]) as f64;
        let (small_text, large_text) = (small.show(0), large.show(0));
        let _ = writeln!(text, "| {} | {small_text} | {large_text} | {further:.0} |", work.about());
        let peak = format!("memory at {} files", files[0]);
        marks.push(Mark::new(work.about(), &peak, (small.median, 60.0), " MB", 0));
        marks.push(Mark::new(work.about(), "memory for each further file", (further, 1000.0), " B", 0));
    }
    Ok((text, marks))
}

/// Measures `sitepush --version`, beside a program that does nothing: the table and its mark.
///
/// # Errors
/// When one of them fails.
pub fn start(programs: &Programs) -> Result<(String, Vec<Mark>)> {
    let mut sitepush = Command::new(&programs.sitepush);
    sitepush.arg("--version");
    let mut commands = [("**sitepush --version**", sitepush), ("`true`", Command::new("true"))];
    let mut milliseconds = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for ((_, command), milliseconds) in commands.iter_mut().zip(&mut milliseconds) {
            milliseconds.push(wall_milliseconds(command)?);
        }
    }
    let mut text = format!("| {STARTS} starts of | median ms | least | most |\n|---|---|---|---|\n");
    let spreads = milliseconds.map(Spread::of);
    for ((name, _), Spread { median, min, max }) in commands.iter().zip(&spreads) {
        let _ = writeln!(text, "| {name} | {median:.2} | {min:.2} | {max:.2} |");
    }
    let mark = Mark::new("start-up", "median wall", (spreads[0].median, 5.0), " ms", 2);
    Ok((text, vec![mark]))
}

fn wall_milliseconds(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    ensure!(status.success(), "{:?} ended with {status}", command.get_program());
    Ok(milliseconds)
}
