//! `cargo xtask test`: runs the parts of the suite one after another and says at the end how each went.
//!
//! Decides what counts as a failure; what a part does is in `parts`.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};

use crate::parts::{PARTS, Part, Run};
use crate::project::Project;
use crate::tools::Missing;

/// How one part went.
#[derive(Debug)]
enum Verdict {
    Passed,
    Failed(String),
    Skipped(Missing),
}

#[derive(Debug, Default)]
struct Args {
    list: bool,
    only: Vec<String>,
    thorough: bool,
}

/// Runs the task. Every part runs, whatever became of the ones before it.
///
/// # Errors
/// When the arguments make no sense.
pub fn run(project: Project, arguments: lexopt::Parser) -> Result<ExitCode> {
    let args = parse(arguments)?;
    if args.list {
        for part in PARTS {
            println!("{:<10} {}", part.name, part.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let missing_tools_fail = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    let run = Run { project, thorough: args.thorough };
    let mut results = Vec::new();
    for part in choose(&args.only)? {
        println!("\n=== {}: {}", part.name, part.about);
        let started = Instant::now();
        let verdict = judge((part.run)(&run), missing_tools_fail);
        results.push((part.name, verdict, started.elapsed()));
    }
    print!("\n{}", render(&results));
    let failed = results.iter().any(|(_, verdict, _)| matches!(verdict, Verdict::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn parse(mut arguments: lexopt::Parser) -> Result<Args> {
    let mut args = Args::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("list") => args.list = true,
            Arg::Long("only") => args.only.push(arguments.value()?.string()?),
            Arg::Long("thorough") => args.thorough = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(args)
}

/// The named parts in the order of the table; all of them when none is named.
fn choose(names: &[String]) -> Result<Vec<&'static Part>> {
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!("there is no part `{unknown}`; the parts are {}", known.join(", "));
    }
    Ok(PARTS.iter().filter(|part| names.is_empty() || names.iter().any(|name| name == part.name)).collect())
}

/// A part that lacks a tool is skipped where a person looks on, and a failure where nobody does.
fn judge(result: Result<Option<Missing>>, missing_tools_fail: bool) -> Verdict {
    match result {
        Ok(None) => Verdict::Passed,
        Ok(Some(missing)) if missing_tools_fail => {
            Verdict::Failed(format!("`{}` is missing: {}", missing.tool, missing.how))
        }
        Ok(Some(missing)) => Verdict::Skipped(missing),
        Err(error) => Verdict::Failed(format!("{error:#}")),
    }
}

/// One line per part, then the count of parts as the last line.
fn render(results: &[(&str, Verdict, Duration)]) -> String {
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, verdict, duration) in results {
        let (word, detail) = match verdict {
            Verdict::Passed => {
                passed += 1;
                ("passed", String::new())
            }
            Verdict::Failed(why) => {
                failed += 1;
                ("FAILED", format!("  {why}"))
            }
            Verdict::Skipped(missing) => {
                skipped += 1;
                ("not run", format!("  `{}` is missing: {}", missing.tool, missing.how))
            }
        };
        lines.push(format!("{name:<10} {word:<8} {:>6.1} s{detail}\n", duration.as_secs_f64()));
    }
    lines.push(format!("{passed} passed, {failed} failed"));
    if skipped > 0 {
        lines.push(format!(", {skipped} skipped"));
    }
    lines.push("\n".to_owned());
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_BROWSER: Missing = Missing { tool: "chromium", how: "install it" };

    #[test]
    fn the_last_line_counts_parts() {
        let second = Duration::from_secs(1);
        let results = [
            ("format", judge(Ok(None), true), second),
            ("clippy", judge(Err(anyhow::anyhow!("it broke")), true), second),
        ];
        let text = render(&results);
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(text.contains("clippy     FAILED      1.0 s  it broke"), "{text}");
    }

    #[test]
    fn a_missing_tool_is_a_visible_skip() {
        let text = render(&[("browser", judge(Ok(Some(NO_BROWSER)), false), Duration::ZERO)]);
        assert!(text.contains("not run"), "{text}");
        assert!(text.contains("install it"), "{text}");
        assert_eq!(text.lines().last(), Some("0 passed, 0 failed, 1 skipped"));
    }

    #[test]
    fn a_missing_tool_fails_where_nobody_looks_on() {
        assert!(matches!(judge(Ok(Some(NO_BROWSER)), true), Verdict::Failed(_)));
    }

    #[test]
    fn parts_run_in_the_order_of_the_table_whatever_the_order_asked_for() {
        let names = ["tidy", "format"].map(str::to_owned);
        let chosen: Vec<_> = choose(&names).expect("both exist").iter().map(|part| part.name).collect();
        assert_eq!(chosen, ["format", "tidy"]);
        assert!(choose(&["lint".to_owned()]).is_err());
    }

    #[test]
    fn no_two_parts_share_a_name() {
        let mut names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PARTS.len());
    }
}
