//! What is printed and kept: tables, what they are from, and their places in the page.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::project::Project;

use super::work::{Contender, Measured};

/// Where the results are kept.
const PAGE: &str = "docs/benchmarks.md";

/// What a run is from: day, command, commit, machine, compiler.
pub struct Origin(String);

impl Origin {
    /// Asks the machine. `command` is what was typed.
    pub fn ask(project: &Project, command: &str) -> Self {
        let commit = project.commit().unwrap_or_default();
        Self(format!(
            "{}, `{command}`, commit {}; {}; {}",
            text_of("date", &["--utc", "+%Y-%m-%d"]),
            commit.get(..7).unwrap_or("unknown"),
            machine(),
            text_of("rustc", &["--version"]),
        ))
    }

    /// The line over a table; `about` says what was done, as a sentence without its period.
    pub fn heading(&self, about: &str) -> String {
        format!("{about}. {}.\n\n", self.0)
    }
}

/// Markdown: one line a contender, with the ratio of sitepush to it.
pub fn works_table(works: &[Measured]) -> String {
    let mut text = "| work | tool | wall s | CPU s | memory MB | requests | sitepush / it, wall | CPU |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for Measured { work, rows, .. } in works {
        let own = rows.iter().find(|(contender, _)| *contender == Contender::Sitepush).map(|(_, own)| own);
        for (contender, figures) in rows {
            let ratios = own.filter(|_| *contender != Contender::Sitepush).map_or_else(
                || " | ".to_owned(),
                |own| {
                    let wall = own.wall_seconds.median / figures.wall_seconds.median;
                    let cpu = own.cpu_seconds.median / figures.cpu_seconds.median.max(0.01);
                    format!("{wall:.2} | {cpu:.2}")
                },
            );
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.2} | {:.0} | {} | {ratios} |",
                work.about(),
                contender.label(),
                figures.wall_seconds.show(2),
                figures.cpu_seconds.median,
                figures.peak_megabytes.median,
                figures.requests
            );
        }
    }
    text
}

/// The page in which results are kept.
pub struct Page {
    path: PathBuf,
}

impl Page {
    /// Opens the page, which must have a place for each of `sections`: found out before anything is measured.
    ///
    /// # Errors
    /// When there is no page or a place is missing.
    pub fn open(project: &Project, sections: &[String]) -> Result<Self> {
        let page = Self { path: project.path(PAGE) };
        let text = page.read()?;
        for section in sections {
            replace(&text, section, "")?;
        }
        Ok(page)
    }

    /// Puts what was measured into its place.
    ///
    /// # Errors
    /// When the page cannot be read or written.
    pub fn keep(&self, section: &str, result: &str) -> Result<()> {
        let text = replace(&self.read()?, section, result)?;
        std::fs::write(&self.path, text).with_context(|| format!("cannot write {PAGE}"))?;
        println!("kept in {PAGE}");
        Ok(())
    }

    fn read(&self) -> Result<String> {
        std::fs::read_to_string(&self.path).with_context(|| format!("cannot read {PAGE}"))
    }
}

/// Puts `result` between the two marks of its section.
fn replace(page: &str, section: &str, result: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench {section} -->\n"), format!("<!-- end {section} -->"));
    let missing = |mark: &str| format!("{PAGE} has no place for this result: no `{}`", mark.trim());
    let (before, rest) = page.split_once(&begin).with_context(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).with_context(|| missing(&end))?;
    Ok(format!("{before}{begin}{result}{end}{after}"))
}

fn machine() -> String {
    let lines = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = lines("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = lines("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gibibytes =
        memory.and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or_default() / 1_048_576.0;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = lines("/proc/loadavg");
    format!(
        "{cores} cores of {}, {gibibytes:.0} GiB, load {} before, {}",
        model.map_or("an unknown model", |(_, name)| name),
        load.split_whitespace().next().unwrap_or("unknown"),
        text_of("uname", &["-sr"])
    )
}

fn text_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_takes_the_place_of_the_last_one_and_leaves_the_rest() {
        let page =
            "# Numbers\n<!-- bench 1 -->\nold\n<!-- end 1 -->\nbetween\n<!-- bench 2 -->\n<!-- end 2 -->\n";
        let kept = replace(page, "1", "new\n").expect("the page has the place");
        assert_eq!(kept, page.replace("old", "new"));
        assert_eq!(replace(&kept, "1", "new\n").expect("it still has"), kept);
        let error = replace(page, "3", "new").expect_err("there is no third place").to_string();
        assert!(error.ends_with("no `<!-- bench 3 -->`"), "{error}");
    }
}
