//! Builds that change as a whole: each edition has a bundle, pages and an unhashed style sheet of its own.

use std::collections::{BTreeMap, BTreeSet};

use sitepush::core::digest::Sha256Digest;
use sitepush::core::fingerprint;
use sitepush::local::s3::Snapshot;

use crate::support::Site;

/// A bundle's hashed names: all of them change with the edition.
pub const EDITIONS: [&str; 3] = ["DRXg7gsA", "CzQAN4l5", "B7bbbQ2x"];

/// How much there is of an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Five pages, four hashed files, two others.
    Small,
    /// 25 pages, 30 hashed files, five others: one page is of this edition alone.
    Large,
}

/// Texts by key.
pub type Files = BTreeMap<String, String>;

const PAGES: [&str; 5] =
    ["index.html", "about/index.html", "guide/index.html", "guide/start.html", "404.html"];

/// Hashed files of an edition besides those of its bundle: parts of it, and pictures that stay from one to the next.
const PARTS: usize = 18;
const PICTURES: usize = 10;

/// Makes the folder of `site` that edition, whatever was there.
pub fn edition(site: &Site, scale: Scale, number: usize) {
    for entry in std::fs::read_dir(site.path()).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.expect("it can be removed");
    }
    for (key, text) in files(scale, number) {
        site.write(&key, text);
    }
}

/// What an edition consists of.
pub fn files(scale: Scale, number: usize) -> Files {
    let hash = EDITIONS[number];
    let mut files = Files::new();
    let theme = format!("theme-{number}.css");
    for (index, page) in pages(scale, number).into_iter().enumerate() {
        let mut used = vec![format!("assets/app-{hash}.js"), format!("assets/app-{hash}.css"), theme.clone()];
        if scale == Scale::Large {
            used.extend([part(number, index % PARTS), picture(index % PICTURES)]);
        }
        let links: String = used.iter().map(|key| format!("<link href=\"/{key}\">")).collect();
        files.insert(page, format!("edition {number}, page {index} {links}"));
    }
    for kind in ["js", "css"] {
        files.insert(format!("assets/app-{hash}.{kind}"), format!("edition {number} {kind}"));
    }
    files.insert(theme, format!("theme {number}"));
    match scale {
        Scale::Small => {
            let lazy = EDITIONS[(number + 1) % EDITIONS.len()];
            for kind in ["js", "css"] {
                files.insert(format!("assets/lazy-{lazy}.{kind}"), format!("lazy {lazy} {kind}"));
            }
            files.insert("data.json".to_owned(), "{}".to_owned());
        }
        Scale::Large => {
            files.extend((0..PARTS).map(|index| (part(number, index), format!("part {index} of {number}"))));
            files.extend((0..PICTURES).map(|index| (picture(index), format!("picture {index}"))));
            let others = [("data.json", number), ("sw.js", number), ("robots.txt", 0), ("favicon.svg", 0)];
            files.extend(others.map(|(key, number)| (key.to_owned(), format!("{key} {number}"))));
        }
    }
    files
}

/// Keys of pages.
pub fn pages(scale: Scale, number: usize) -> Vec<String> {
    let mut pages = PAGES.map(str::to_owned).to_vec();
    if scale == Scale::Large {
        pages.extend((0..19).map(|post| format!("posts/{post:02}.html")));
        pages.push(format!("posts/only-in-{number}.html"));
    }
    pages
}

fn part(edition: usize, index: usize) -> String {
    format!("assets/part{index}-{}.js", hash_of(&format!("part {index} of {edition}")))
}

fn picture(index: usize) -> String {
    format!("assets/picture{index}-{}.png", hash_of(&format!("picture {index}")))
}

/// Eight letters and digits, as bundlers put them into names. These happen to look like no word or number.
fn hash_of(text: &str) -> String {
    let digest = Sha256Digest::of(text.as_bytes()).to_base64();
    digest.chars().filter(char::is_ascii_alphanumeric).skip(4).take(8).collect()
}

/// The paths by which visitors reach a page.
pub fn paths(page: &str) -> Vec<String> {
    let folder = page.strip_suffix("index.html");
    let mut paths = vec![format!("/{page}")];
    paths.extend(folder.map(|folder| format!("/{folder}")));
    paths.extend(folder.and_then(|folder| folder.strip_suffix('/')).map(|name| format!("/{name}")));
    paths
}

/// Keys that a page refers to.
pub fn references(page: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(page);
    let links = text.split('"').filter_map(|part| part.strip_prefix('/'));
    links.map(str::to_owned).collect()
}

/// Keys that any page of the bucket refers to.
pub fn all_references(snapshot: &Snapshot) -> BTreeSet<String> {
    let pages = snapshot.iter().filter(|(key, _)| key.ends_with(".html"));
    pages.flat_map(|(_, body)| references(body)).collect()
}

/// Whether the name of a file changes with its content.
pub fn is_hashed(key: &str) -> bool {
    key.starts_with("assets/")
}

/// What is wrong with the site: pages that refer to objects that are not there.
pub fn broken(snapshot: &Snapshot) -> Vec<String> {
    let pages = snapshot.iter().filter(|(key, _)| key.ends_with(".html"));
    pages
        .flat_map(|(page, body)| {
            let missing = references(body).into_iter().filter(|key| !snapshot.contains_key(key));
            missing.map(move |key| format!("`{page}` refers to `{key}`, which is not there"))
        })
        .collect()
}

#[test]
fn a_large_edition_has_some_sixty_files_of_which_another_keeps_a_few() {
    let [one, other] = [0, 1].map(|number| files(Scale::Large, number));
    let hashed = |files: &Files| files.keys().filter(|key| is_hashed(key)).count();
    assert_eq!((one.len(), hashed(&one), pages(Scale::Large, 0).len()), (60, 30, 25));
    for files in [&one, &other] {
        let verdicts = fingerprint::classify(files.keys().map(String::as_str));
        for (key, verdict) in files.keys().zip(verdicts) {
            assert_eq!(verdict.is_fingerprinted(), is_hashed(key), "`{key}`: {}", verdict.reason);
        }
    }
    let kept = one.iter().filter(|(key, text)| other.get(*key) == Some(text));
    assert_eq!(kept.count(), PICTURES + 2, "the pictures, `robots.txt` and `favicon.svg`");
}
