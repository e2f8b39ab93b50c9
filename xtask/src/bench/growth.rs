//! What a push costs as a site grows: measured on a disk, measured on made metadata, estimated from both.

mod estimate;
mod made;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::measure::{Sample, Spread};
use super::programs::{self, Programs};
use super::work::{Life, Work};

/// Pages of the sites that are written to the disk; as many images come with them.
const PAGES: [usize; 2] = [10_000, 50_000];

/// Files of the sites that are made in memory. The last is the size that is estimated.
const MADE_FILES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// An edit changes as many pages at every size, so that what grows is the site's share of the cost.
const EDITED_PAGES: usize = 100;

/// A folder is hashed this often: the middle counts.
const SCANS: usize = 3;

/// What is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Push {
    First,
    Again,
    Pages,
    Bundle,
}

impl Push {
    const ALL: [Self; 4] = [Self::First, Self::Again, Self::Pages, Self::Bundle];

    fn about(self) -> String {
        match self {
            Self::First => Work::First.about().to_owned(),
            Self::Again => "same build".to_owned(),
            Self::Pages => format!("{EDITED_PAGES} pages edited"),
            Self::Bundle => "new bundle".to_owned(),
        }
    }

    fn work(self) -> Work {
        match self {
            Self::First => Work::First,
            Self::Again => Work::Again,
            Self::Pages => Work::Edit,
            Self::Bundle => Work::Bundle,
        }
    }
}

/// A site on the disk, pushed and changed and pushed.
struct OnDisk {
    files: usize,
    bytes: u64,
    scan_seconds: Spread,
    /// In the order of [`Push::ALL`].
    pushes: Vec<Sample>,
}

/// Measures, and gives the tables.
///
/// # Errors
/// When something fails to run.
pub fn measure(programs: &Programs, scratch: &Path) -> Result<String> {
    let on_disk: Vec<OnDisk> =
        PAGES.into_iter().map(|pages| measure_on_disk(programs, scratch, pages)).collect::<Result<_>>()?;
    let made = MADE_FILES.into_iter().map(|files| made::measure(&programs.growth, scratch, files));
    let made: Vec<made::Site> = made.collect::<Result<_>>()?;
    Ok(format!(
        "On a disk, pushed to the server on this machine:\n\n{}\n\
         Made metadata, the same code without a disk and without a server (seconds; MB at the peak):\n\n{}\n\
         {}",
        disk_table(&on_disk),
        made::table(&made),
        estimate::text(&on_disk, made.last().expect("some sizes are made"))
    ))
}

fn measure_on_disk(programs: &Programs, scratch: &Path, pages: usize) -> Result<OnDisk> {
    println!("growth: {pages} pages and as many images on the disk");
    let mut life = Life::begin(programs, scratch, pages)?;
    let (files, bytes) = contents(&life.site)?;
    let mut scans = Vec::new();
    for _ in 0..SCANS {
        let mut scan = Command::new(&programs.growth);
        let steps = made::steps(scan.arg("scan").arg(&life.site))?;
        scans.push(steps.seconds("scan")?);
    }
    let mut pushes = Vec::new();
    for push in Push::ALL {
        life.change(push.work(), pages / EDITED_PAGES)?;
        let command = programs::push(&programs.sitepush, &life.site, &life.server.endpoint, &life.folder);
        pushes.push(life.measure(&command)?);
    }
    Ok(OnDisk { files, bytes, scan_seconds: Spread::of(scans), pushes })
}

/// Files of a folder, and their bytes.
fn contents(folder: &Path) -> Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (more_files, more_bytes) = contents(&entry.path())?;
            files += more_files;
            bytes += more_bytes;
        } else {
            files += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((files, bytes))
}

fn disk_table(on_disk: &[OnDisk]) -> String {
    let mut text = "| files | MB | scan s | work | wall s | CPU s | memory MB | requests |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for OnDisk { files, bytes, scan_seconds, pushes } in on_disk {
        for (push, sample) in Push::ALL.iter().zip(pushes) {
            let Sample { wall_seconds, cpu_seconds, peak_megabytes, requests } = sample;
            let (megabytes, scan) = (*bytes as f64 / 1e6, scan_seconds.median);
            let _ = writeln!(
                text,
                "| {files} | {megabytes:.0} | {scan:.2} | {} | {wall_seconds:.2} | {cpu_seconds:.2} | {peak_megabytes:.0} | {requests} |",
                push.about()
            );
        }
    }
    text
}
