//! What the parts of a push cost at sizes that nobody keeps on a disk: the real code, on made metadata.
//!
//! `growth manifest FILES PATH` writes the record of a site of that many files, half of them pages.
//! `growth plan FILES first|again|pages|bundle PATH` takes that record for the live one, but for a first push, and plans the
//! next push from it.
//! `growth scan FOLDER` hashes a folder that is on a disk, and nothing else.
//! Each step is a line: its name, its seconds, and the most memory in kB that the process had up to its end.
#![expect(clippy::print_stdout, reason = "whoever started it reads the figures")]

mod made;
mod steps;

use std::path::Path;

use anyhow::{Result, bail};
use sitepush::core::inventory::Packing;
use sitepush::core::key::ObjectKey;
use sitepush::core::manifest::Manifest;
use sitepush::core::manifest::parts::Split;
use sitepush::edges::site_dir::{self, ScanRules};

use made::Change;
use steps::step;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["manifest", files, path] => {
            std::fs::write(path, made::live_manifest(files.parse()?)?.encode(Split::NEVER)?.root)?;
            Ok(())
        }
        ["plan", files, change, path] => plan(files.parse()?, Change::named(change)?, Path::new(path)),
        ["scan", folder] => scan(Path::new(folder)),
        _ => bail!(
            "usage: growth manifest FILES PATH | plan FILES first|again|pages|bundle PATH | scan FOLDER"
        ),
    }
}

/// What a push does between the answer that holds the manifest and the request that writes the next one.
fn plan(files: usize, change: Change, path: &Path) -> Result<()> {
    let names = made::names(files, change);
    let live = match change {
        Change::First => None,
        _ => Some(read(path)?),
    };
    let live = live.as_ref();
    let verdicts = step("names", || made::verdicts(&names))?;
    let scanned = made::scanned(names, verdicts, change);
    let build = step("classify", || made::classified(scanned, live))?;
    let push = step("plan", || made::planned(&build, live))??;
    if push.planned.plan.is_empty() {
        return Ok(());
    }
    let written = made::written(&push.planned.plan);
    let next = step("commit", || made::next_manifest(&build, &push, live, written))?;
    let encoded = step("encode", || next.encode(Split::NEVER))??;
    println!("size {}", encoded.root.len());
    Ok(())
}

fn read(path: &Path) -> Result<Manifest> {
    let bytes = std::fs::read(path)?;
    Ok(step("decode", || Manifest::decode(&bytes))??)
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
