//! The works: what is measured, from which state to which. They are the first days of one site, one after another.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::measure::{self, Figures, Sample};
use super::peers::Peer;
use super::programs::{self, Programs, Server};
use super::site;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// The first push.
    First,
    /// The same build, with new times.
    Again,
    /// One page in a hundred edited.
    Edit,
    /// Every page refers to another script.
    Bundle,
}

impl Work {
    /// All of them, in the order in which they happen to a site.
    pub const ALL: [Self; 4] = [Self::First, Self::Again, Self::Edit, Self::Bundle];

    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Edit => "edit",
            Self::Bundle => "bundle",
        }
    }

    /// The first column of the table.
    pub fn about(self) -> &'static str {
        match self {
            Self::First => "first push",
            Self::Again => "same build, fresh checkout",
            Self::Edit => "1% of pages edited",
            Self::Bundle => "new bundle: every page",
        }
    }
}

/// Who is measured, in the order of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contender {
    Sitepush,
    /// The files as signed PUTs in a bare loop.
    Limit,
    Peer(Peer),
}

impl Contender {
    /// The second column of the table.
    pub fn label(&self) -> &str {
        match self {
            Self::Sitepush => "**sitepush**",
            Self::Limit => "bare loop of signed PUTs",
            Self::Peer(peer) => &peer.label,
        }
    }

    fn does(&self, work: Work) -> bool {
        *self != Self::Limit || work == Work::First
    }
}

/// Everything that a measurement needs.
pub struct Bench<'a> {
    pub programs: &'a Programs,
    pub scratch: &'a Path,
    pub pages: usize,
    pub runs: usize,
}

/// What was measured of one work.
pub struct Measured {
    pub work: Work,
    pub rows: Vec<(Contender, Figures)>,
    /// Objects that the work changes, where that is less than all.
    pub changed: Option<usize>,
}

impl Bench<'_> {
    /// Measures the works of every contender, both in the order of the rows.
    ///
    /// # Errors
    /// When a contender fails.
    pub fn measure(&self, contenders: &[Contender], works: &[Work]) -> Result<Vec<Measured>> {
        let mut samples: Vec<Vec<(Work, Sample)>> = vec![Vec::new(); contenders.len()];
        // In turn, so that a machine that slows down slows all of them.
        for run in 0..self.runs {
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                println!("{}, run {} of {}", contender.label(), run + 1, self.runs);
                samples.extend(self.life(contender, works)?);
            }
        }
        let row = |work: Work, contender: &Contender, samples: &[(Work, Sample)]| {
            let own: Vec<Sample> =
                samples.iter().filter(|(of, _)| *of == work).map(|(_, sample)| *sample).collect();
            (!own.is_empty()).then(|| (contender.clone(), Figures::of(&own)))
        };
        let measured = works.iter().map(|&work| {
            let rows = contenders.iter().zip(&samples);
            let rows = rows.filter_map(|(contender, samples)| row(work, contender, samples)).collect();
            let changed = (work == Work::Edit).then(|| site::edited(self.pages, site::ONE_PERCENT).count());
            Measured { work, rows, changed }
        });
        Ok(measured.collect())
    }

    /// One site from its first push to the last of `works`. What is not wanted is left out, but for the first push.
    fn life(&self, contender: &Contender, works: &[Work]) -> Result<Vec<(Work, Sample)>> {
        if !works.iter().any(|work| contender.does(*work)) {
            return Ok(Vec::new());
        }
        let mut life = Life::begin(self.programs, self.scratch, self.pages)?;
        let mut samples = Vec::new();
        for work in Work::ALL.into_iter().filter(|work| contender.does(*work)) {
            if work != Work::First && !works.contains(&work) {
                continue;
            }
            life.change(work, site::ONE_PERCENT)?;
            let sample = life.measure(&self.command(contender, &life)?)?;
            if works.contains(&work) {
                samples.push((work, sample));
            }
        }
        Ok(samples)
    }

    fn command(&self, contender: &Contender, life: &Life) -> Result<Command> {
        let Life { site, folder, server, .. } = life;
        Ok(match contender {
            Contender::Sitepush => programs::push(&self.programs.sitepush, site, &server.endpoint, folder),
            Contender::Limit => {
                let mut command = programs::client(&self.programs.bare_puts, folder);
                command.arg(site).args([&server.endpoint, "bench", "32"]);
                command
            }
            Contender::Peer(peer) => peer.command(site, &server.endpoint, folder)?,
        })
    }
}

/// A made site and the server that it is published to.
pub struct Life {
    pub folder: PathBuf,
    pub site: PathBuf,
    pub server: Server,
    pages: usize,
}

impl Life {
    /// A new folder, a new site that is not published yet, an empty bucket.
    ///
    /// # Errors
    /// When the site cannot be written or the server does not start.
    pub fn begin(programs: &Programs, scratch: &Path, pages: usize) -> Result<Self> {
        let folder = scratch.join("work");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let site = folder.join("site");
        site::write(&site, pages, "one")?;
        Ok(Self { folder, site, server: Server::start(&programs.local_s3)?, pages })
    }

    /// Does to the site what is pushed next; `every` tells how many pages an edit leaves alone for each that it changes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn change(&self, work: Work, every: usize) -> Result<()> {
        match work {
            Work::First | Work::Again => {}
            Work::Edit => site::edit(&self.site, self.pages, every)?,
            Work::Bundle => site::write(&self.site, self.pages, "two")?,
        }
        site::touch(&self.site)
    }

    /// Runs a command to its end, with the requests that it made. What was written before it is on the disk by then, so
    /// that nobody is charged for the kernel's writing of somebody else's files.
    ///
    /// # Errors
    /// When it fails.
    pub fn measure(&mut self, command: &Command) -> Result<Sample> {
        let settled = Command::new("sync").arg("--file-system").arg(&self.folder).status();
        ensure!(settled.context("cannot run sync (coreutils)")?.success(), "sync failed");
        self.server.take_requests()?;
        let sample = measure::run(command, &self.folder)?;
        Ok(Sample { requests: self.server.take_requests()?, ..sample })
    }
}
