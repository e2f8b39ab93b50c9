//! The table: figures, ratios, and what machine they are from.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result};

use super::measure::Sample;
use super::work::{Bench, Contender, Work};

/// The rows so far.
pub struct Table {
    heading: String,
    rows: Vec<(&'static str, Vec<(Contender, Sample)>)>,
}

impl Table {
    pub fn new(bench: &Bench) -> Self {
        let heading = format!(
            "{} pages and as many images, median of {} run(s). {}. {}.",
            bench.pages,
            bench.runs,
            machine(),
            text_of("rustc", &["--version"])
        );
        Self { heading, rows: Vec::new() }
    }

    pub fn add(&mut self, work: &Work, samples: Vec<(Contender, Sample)>) {
        self.rows.push((work.about, samples));
    }

    /// Markdown: one line a contender, with the ratio of sitepush to it.
    pub fn render(&self) -> String {
        let mut text = format!(
            "{}\n\n| work | tool | wall s | CPU s | memory MB | sitepush / it, wall | CPU |\n|---|---|---|---|---|---|---|\n",
            self.heading
        );
        for (about, samples) in &self.rows {
            let own =
                samples.iter().find(|(contender, _)| *contender == Contender::Sitepush).map(|(_, own)| *own);
            for (contender, sample) in samples {
                let ratios = own.filter(|_| *contender != Contender::Sitepush).map_or_else(
                    || " | ".to_owned(),
                    |own| {
                        format!(
                            "{:.2} | {:.2}",
                            own.wall_seconds / sample.wall_seconds,
                            own.cpu_seconds / sample.cpu_seconds.max(0.001)
                        )
                    },
                );
                let _ = writeln!(
                    text,
                    "| {about} | {} | {:.2} | {:.2} | {:.0} | {ratios} |",
                    name(*contender),
                    sample.wall_seconds,
                    sample.cpu_seconds,
                    sample.peak_megabytes
                );
            }
        }
        text
    }
}

fn name(contender: Contender) -> &'static str {
    match contender {
        Contender::Sitepush => "**sitepush**",
        Contender::Limit => "bare loop of signed PUTs",
        Contender::Peer(peer) => peer.name(),
    }
}

/// Puts the table between its two marks in the page.
pub fn replace(page: &str, pages: usize, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench {pages} -->\n"), format!("<!-- end {pages} -->"));
    let (before, rest) =
        page.split_once(&begin).with_context(|| format!("the page has no `{}`", begin.trim()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("the page has no `{end}`"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

fn machine() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores of {}, {}",
        model.map_or("an unknown model", |(_, name)| name),
        text_of("uname", &["-sr"])
    )
}

fn text_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
