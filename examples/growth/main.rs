//! What the parts of a push cost at sizes that nobody keeps on a disk: the real code, on made metadata.
//!
//! `growth record FILES FOLDER` writes the record of a site of that many files, half of them pages.
//! `growth plan FILES first|again|pages|bundle FOLDER` takes that record for the live one, but for a first push, and plans the
//! next push from it. It says what was read of the record, and what would be written: `traffic read BYTES FILES`.
//! `growth scan FOLDER` hashes a folder that is on a disk, and nothing else.
//! Each step is a line: its name, its seconds, and the most memory in kB that the process had up to its end.
#![expect(clippy::print_stdout, reason = "whoever started it reads the figures")]

mod made;
mod record;
mod steps;

use std::path::Path;

use anyhow::{Result, bail};
use sitepush::core::inventory::Packing;
use sitepush::core::key::ObjectKey;
use sitepush::core::manifest::parts::Split;
use sitepush::edges::site_dir::{self, ScanRules};

use made::Change;
use record::Record;
use steps::step;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["record", files, folder] => record::write(
            Path::new(folder),
            made::live_manifest(files.parse()?)?.encode(Split::default(), None)?,
        ),
        ["plan", files, change, folder] => {
            plan(files.parse()?, Change::named(change)?, &Record::of(Path::new(folder)))
        }
        ["scan", folder] => scan(Path::new(folder)),
        _ => bail!(
            "usage: growth record FILES FOLDER | plan FILES first|again|pages|bundle FOLDER | scan FOLDER"
        ),
    }
}

/// What a push does between the answer that holds the record's first file and the request that writes the next one.
fn plan(files: usize, change: Change, record: &Record) -> Result<()> {
    let names = made::names(files, change);
    let verdicts = step("names", || made::verdicts(&names))?;
    let scanned = made::scanned(names, verdicts, change);
    let mut live = match change {
        Change::First => None,
        _ => Some(step("decode", || record.beside_build(&scanned))??),
    };
    let build = step("classify", || made::classified(scanned, live.as_ref()))?;
    if let Some(live) = &mut live {
        step("settle", || record.settle(live, &build))??;
    }
    let live = live.as_ref();
    let push = step("plan", || made::planned(&build, live))??;
    println!("traffic read {}", record.read());
    if push.planned.plan.is_empty() {
        return Ok(());
    }
    let written = made::written(&push.planned.plan);
    let next = step("commit", || made::next_manifest(&build, &push, live, written))?;
    let encoded = step("encode", || next.encode(Split::default(), live))??;
    println!("traffic written {}", record::traffic_of(&encoded));
    Ok(())
}

fn scan(folder: &Path) -> Result<()> {
    let scan = step("scan", || site_dir::scan(folder, &EveryFile))??;
    println!("files {}", scan.files.len());
    Ok(())
}

/// Nothing is left out and nothing is packed, as without a `sitepush.toml`; every text is searched for secrets.
struct EveryFile;

impl ScanRules for EveryFile {
    fn exclusion(&self, _: &ObjectKey) -> Option<String> {
        None
    }

    fn packing(&self, _: &ObjectKey, _: &[u8]) -> Packing {
        Packing::AsIs
    }

    fn allows_secret(&self, _: &ObjectKey) -> bool {
        false
    }
}
