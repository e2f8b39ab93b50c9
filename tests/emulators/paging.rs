//! More objects than a listing has on one page, and more deletions than one request takes.

use crate::emulator::Emulator;
use crate::support::{Answer, Site};
use crate::witness::{Exchange, Witness};

/// S3 lists at most so many keys a page, and deletes at most so many by one request.
const MOST: usize = 1_000;

/// Pushes through a proxy that sees every request.
fn push(emulator: &Emulator, site: &Site, more: &[&str]) -> (serde_json::Value, Vec<Exchange>) {
    let witness = Witness::start(&emulator.url);
    let mut command = emulator.push_command(site, &[&["--json"], more].concat());
    let output = command.env("AWS_ENDPOINT_URL", &witness.url).output().expect("the program starts");
    (Answer::from_output(&output).success().json(), witness.exchanges())
}

pub fn more_than_a_page_of_objects_is_adopted_and_more_than_a_request_takes_is_deleted(emulator: &Emulator) {
    let site = Site::small();
    let pages: Vec<String> = (0..MOST + 100).map(|number| format!("blog/{number:04}.html")).collect();
    for page in &pages {
        site.write(page, page);
        emulator.put_foreign(page, page);
    }
    for stranger in ["a-stranger.txt", "zzz/stranger.txt"] {
        emulator.put_foreign(stranger, "somebody's");
    }
    let (adopted, asked) = push(emulator, &site, &[]);
    assert_eq!(adopted["outcome"]["header_update_count"], pages.len());
    assert_eq!(adopted["outcome"]["uploaded_count"], 6);
    let listings = asked.iter().filter(|exchange| exchange.call().contains("list-type=2")).count();
    assert_eq!(listings, 2);
    emulator.assert_is_published(&site, "");

    let (gone, kept) = pages.split_at(MOST + 1);
    for page in gone {
        site.remove(page);
    }
    let (dropped, asked) = push(emulator, &site, &["--allow-shrink", "--max-deletes", "2000"]);
    assert_eq!(dropped["outcome"]["deleted_count"], gone.len());
    let deletes = asked.iter().filter(|exchange| exchange.body.contains("<Delete"));
    let counts: Vec<usize> = deletes.map(|exchange| exchange.body.matches("<Key>").count()).collect();
    assert_eq!(counts, [MOST, 1]);
    let left = emulator.site_keys();
    assert_eq!(left.len(), kept.len() + 6 + 2);
    for key in kept.iter().map(String::as_str).chain(["a-stranger.txt", "zzz/stranger.txt"]) {
        assert!(left.iter().any(|left| left == key), "{key} is gone");
    }
}
