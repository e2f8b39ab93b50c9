//! `cargo xtask bench`: sitepush beside its peers and beside the machine's own limit, in one run on one machine.
//!
//! Every figure is a whole process: wall time, CPU time of the process, peak memory. Before each push all file times
//! are made new, as in a fresh checkout. Nothing here is a test: a slow machine fails nothing.

mod measure;
mod peers;
mod report;
mod site;
mod work;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};

use crate::project::Project;

use peers::Peers;
use report::Table;
use work::{Bench, WORKS};

/// What was asked for.
struct Options {
    /// Pages; as many images come with them.
    pages: usize,
    runs: usize,
    /// Names of the works to measure; all when empty.
    only: Vec<String>,
    has_peers: bool,
    /// Whether the result is kept in the docs.
    is_kept: bool,
}

impl Options {
    fn parse(mut arguments: lexopt::Parser) -> Result<Self> {
        let mut options = Self { pages: 2000, runs: 3, only: Vec::new(), has_peers: true, is_kept: false };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("pages") => options.pages = arguments.value()?.parse()?,
                Arg::Long("runs") => options.runs = arguments.value()?.parse::<usize>()?.max(1),
                Arg::Long("only") => options.only.push(arguments.value()?.string()?),
                Arg::Long("without-peers") => options.has_peers = false,
                Arg::Long("keep") => options.is_kept = true,
                other => return Err(other.unexpected().into()),
            }
        }
        if let Some(unknown) = options.only.iter().find(|name| WORKS.iter().all(|work| work.name != **name)) {
            let names = WORKS.iter().map(|work| work.name).collect::<Vec<_>>().join(", ");
            bail!("there is no work `{unknown}`; there are {names}");
        }
        Ok(options)
    }
}

/// Measures, prints the table, and keeps it in `docs/benchmarks.md` with `--keep`.
pub fn run(project: &Project, arguments: lexopt::Parser) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let programs = work::build(project)?;
    let peers = if options.has_peers { Peers::install(project)? } else { Peers::none() };
    let scratch = project.scratch("bench");
    let bench = Bench { programs, peers, scratch, pages: options.pages, runs: options.runs };
    let mut table = Table::new(&bench);
    for work in WORKS {
        if options.only.is_empty() || options.only.iter().any(|name| name == work.name) {
            table.add(work, bench.measure(work)?);
        }
    }
    println!("{}", table.render());
    if options.is_kept {
        let path = project.path("docs/benchmarks.md");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        std::fs::write(&path, report::replace(&text, options.pages, &table.render())?)?;
        println!("kept in docs/benchmarks.md");
    }
    Ok(ExitCode::SUCCESS)
}
