//! `cargo xtask bench`: sitepush beside its peers and beside the machine's own limit, in one run on one machine.
//!
//! Every figure is a whole process: wall time, CPU time of the process, peak memory. Before each push all file times
//! are made new, as in a fresh checkout. Nothing here is a test: a slow machine fails nothing.

mod growth;
mod marks;
mod measure;
mod memory;
mod peers;
mod profile;
mod programs;
mod report;
mod site;
mod work;

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use lexopt::{Arg, ValueExt};

use crate::project::Project;

use marks::Mark;
use peers::{AwsCli, Peers};
use programs::{Programs, Symbols};
use report::{Origin, Page};
use work::{Bench, Contender, Work};

/// Pages of the site, unless told otherwise.
const PAGES: usize = 2000;

/// With more pages than this, the AWS CLI takes minutes for one push.
const PAGES_FOR_AWS_CLI: usize = 2000;

/// What is measured of sitepush alone, each with a place of its own in the page.
const OTHER_PARTS: [&str; 4] = ["memory", "start", "profile", "growth"];

/// What was asked for.
struct Options {
    /// Pages; as many images come with them.
    pages: usize,
    runs: usize,
    works: Vec<Work>,
    /// From [`OTHER_PARTS`].
    other_parts: Vec<&'static str>,
    has_peers: bool,
    aws_cli: AwsCli,
    /// Whether the result is kept in the docs.
    is_kept: bool,
}

impl Options {
    fn parse(mut arguments: lexopt::Parser) -> Result<Self> {
        let (mut pages, mut only) = (None, Vec::new());
        let mut options = Self {
            pages: PAGES,
            runs: 3,
            works: Vec::new(),
            other_parts: Vec::new(),
            has_peers: true,
            aws_cli: AwsCli::LeftOut,
            is_kept: false,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("pages") => pages = Some(arguments.value()?.parse::<usize>()?.max(1)),
                Arg::Long("runs") => options.runs = arguments.value()?.parse::<usize>()?.max(1),
                Arg::Long("only") => only.push(arguments.value()?.string()?),
                Arg::Long("without-peers") => options.has_peers = false,
                Arg::Long("with-aws-cli") => options.aws_cli = AwsCli::Measured,
                Arg::Long("keep") => options.is_kept = true,
                other => return Err(other.unexpected().into()),
            }
        }
        options.choose(pages, &only)?;
        Ok(options)
    }

    /// A part that `--only` does not name is left out; and so is, with `--pages`, what does not depend on it.
    fn choose(&mut self, pages: Option<usize>, only: &[String]) -> Result<()> {
        self.pages = pages.unwrap_or(PAGES);
        if self.pages <= PAGES_FOR_AWS_CLI {
            self.aws_cli = AwsCli::Measured;
        }
        let is_part = |name: &String| {
            Work::ALL.iter().any(|work| work.name() == name) || OTHER_PARTS.contains(&name.as_str())
        };
        if let Some(unknown) = only.iter().find(|name| !is_part(name)) {
            let works = Work::ALL.map(Work::name).join(", ");
            bail!("there is no part `{unknown}`; there are {works}, {}", OTHER_PARTS.join(", "));
        }
        let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
        self.works = Work::ALL.into_iter().filter(|work| is_wanted(work.name())).collect();
        self.other_parts = OTHER_PARTS.into_iter().filter(|part| is_wanted(part)).collect();
        if pages.is_some() && only.is_empty() {
            self.other_parts.clear();
        }
        let is_whole = self.works.len() == Work::ALL.len() && self.has_peers;
        ensure!(
            !self.is_kept || self.works.is_empty() || is_whole,
            "only a whole table is kept: leave out `--only` and `--without-peers`, or `--keep`"
        );
        Ok(())
    }

    /// The places that the results have in the page.
    fn sections(&self) -> Vec<String> {
        let works = (!self.works.is_empty()).then(|| self.pages.to_string());
        works.into_iter().chain(self.other_parts.iter().map(|&part| part.to_owned())).collect()
    }
}

/// Measures, prints the tables, and keeps them in `docs/benchmarks.md` with `--keep`.
///
/// # Errors
/// When something cannot be built, installed or run.
pub fn run(project: &Project, arguments: lexopt::Parser) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    // Before the builds, which the load would be of.
    let origin = Origin::ask(project, &typed());
    let page = options.is_kept.then(|| Page::open(project, &options.sections())).transpose()?;
    let run = Run::prepare(project, &options, origin)?;
    for section in options.sections() {
        let result = run.measure(&section)?;
        println!("\n{result}");
        if let Some(page) = &page {
            page.keep(&section, &result)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command as it was typed.
fn typed() -> String {
    let arguments = std::env::args().skip(1);
    std::iter::once("cargo xtask".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// All that is needed to measure.
struct Run<'a> {
    options: &'a Options,
    origin: Origin,
    programs: Programs,
    peers: Peers,
    scratch: std::path::PathBuf,
}

impl<'a> Run<'a> {
    fn prepare(project: &Project, options: &'a Options, origin: Origin) -> Result<Self> {
        let scratch = project.scratch("bench");
        std::fs::create_dir_all(&scratch)?;
        let is_profiled = options.other_parts.contains(&"profile");
        if is_profiled && let Err(missing) = profile::need_perf() {
            bail!("`{}` is missing: {}", missing.tool, missing.how);
        }
        let symbols = if is_profiled { Symbols::Wanted } else { Symbols::NotWanted };
        let programs = Programs::build(project, &scratch, symbols)?;
        let peers = if options.has_peers && !options.works.is_empty() {
            Peers::install(project, options.aws_cli)?
        } else {
            Peers::none()
        };
        Ok(Self { options, origin, programs, peers, scratch })
    }

    /// What stands in a section of the page: where it is from, the figures, the marks.
    fn measure(&self, section: &str) -> Result<String> {
        let Self { options, programs, scratch, .. } = self;
        let runs = match options.runs {
            1 => "One run".to_owned(),
            runs => format!("Medians of {runs} runs in turn"),
        };
        let marked = |about: &str, (figures, marks): (String, Vec<Mark>)| {
            let marks = if marks.is_empty() { String::new() } else { format!("\n{}", marks::render(&marks)) };
            format!("{}{figures}{marks}", self.origin.heading(about))
        };
        Ok(match section {
            "memory" => marked(&runs, memory::memory(programs, scratch, options.runs)?),
            "start" => marked("The two in turn", memory::start(programs)?),
            "profile" => {
                let (about, text) = profile::first_push(programs, scratch)?;
                format!("{}{text}", self.origin.heading(&about))
            }
            "growth" => {
                format!("{}{}", self.origin.heading("One run each"), growth::measure(programs, scratch)?)
            }
            _ => {
                let pages = options.pages;
                let bench = Bench { programs, scratch, pages, runs: options.runs };
                let peers = self.peers.all().iter().cloned().map(Contender::Peer);
                let contenders: Vec<_> =
                    [Contender::Sitepush, Contender::Limit].into_iter().chain(peers).collect();
                let measured = bench.measure(&contenders, &options.works)?;
                let about =
                    format!("{runs} (and the ends between which they lie), {pages} pages and as many images");
                marked(&about, (report::works_table(&measured), marks::of_works(&measured)))
            }
        })
    }
}
