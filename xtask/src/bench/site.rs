//! The made site: pages that refer to hashed files, and images.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;

/// Size of an image: with a page of about 1.3 kB, 2,000 of each are 11 MB.
const IMAGE_BYTES: usize = 4000;

/// Writes the site of an edition: every page refers to the edition's bundle.
pub fn write(folder: &Path, pages: usize, edition: &str) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("assets"))?;
    let script = format!("assets/app-{}.js", name_hash(&format!("app {edition}")));
    fs::write(folder.join(&script), format!("console.log('{edition}');\n").repeat(400))?;
    for (name, kind) in [("vendor", "js"), ("theme", "css"), ("print", "css")] {
        let file = format!("assets/{name}-{}.{kind}", name_hash(name));
        fs::write(folder.join(file), format!("/* {name} */\n").repeat(300))?;
    }
    for number in 0..pages {
        let image = noise(number);
        let image_name = format!("assets/image-{}.png", name_hash(&format!("image {number}")));
        fs::write(folder.join(&image_name), image)?;
        fs::create_dir_all(folder.join(format!("pages/{number}")))?;
        fs::write(folder.join(format!("pages/{number}/index.html")), page(&script, &image_name, number))?;
    }
    fs::write(folder.join("index.html"), page(&script, "favicon.ico", pages))?;
    Ok(())
}

/// One page in a hundred.
pub const ONE_PERCENT: usize = 100;

/// The numbers of the pages that an edit changes: one in `every`.
pub fn edited(pages: usize, every: usize) -> impl Iterator<Item = usize> {
    (0..pages).step_by(every)
}

/// Edits one page in `every`.
pub fn edit(folder: &Path, pages: usize, every: usize) -> Result<()> {
    for number in edited(pages, every) {
        let path = folder.join(format!("pages/{number}/index.html"));
        fs::write(&path, format!("{}<p>edited</p>", fs::read_to_string(&path)?))?;
    }
    Ok(())
}

/// Gives every file a time later than any object's, as a fresh checkout does.
pub fn touch(folder: &Path) -> Result<()> {
    let time = SystemTime::now() + Duration::from_secs(5);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            touch(&entry.path())?;
        } else {
            fs::File::options().write(true).open(entry.path())?.set_modified(time)?;
        }
    }
    Ok(())
}

fn page(script: &str, image: &str, number: usize) -> String {
    format!(
        "<!doctype html><title>Page {number}</title><script type=\"module\" src=\"/{script}\"></script>\
         <img src=\"/{image}\"><p>{}</p>",
        "A site that is never broken while it changes. ".repeat(24)
    )
}

/// Eight characters as Rollup writes them.
fn name_hash(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut name = String::new();
    for _ in 0..8 {
        name.push(char::from(ALPHABET[usize::try_from(state % 62).expect("below 62")]));
        state = state.rotate_left(11).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    name
}

/// Bytes that do not compress, the same each time.
fn noise(seed: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(IMAGE_BYTES + 8);
    while bytes.len() < IMAGE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}
