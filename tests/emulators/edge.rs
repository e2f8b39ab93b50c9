//! Invalidations, as CloudFront's emulators record them.

use crate::emulator::Emulator;
use crate::meddler::{Meddler, Meddling};
use crate::support::Site;

pub fn a_changed_page_is_invalidated_under_all_its_paths(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), Vec::<Vec<String>>::new());
    site.write("index.html", "new").write("about/index.html", "newer");
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), [["/", "/about*", "/index.html"]]);
}

pub fn an_invalidation_that_failed_is_made_by_the_next_run(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    site.write("style.css", "new");
    let meddler = Meddler::start(&emulator.url, Meddling::Refuse("/invalidation"));
    let mut command = emulator.push_command(&site, &["--retry-seconds", "1"]);
    let output = command.env("AWS_ENDPOINT_URL_CLOUDFRONT", &meddler.url).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(meddler.count() > 0, "nothing was refused");
    assert_eq!(emulator.invalidated(), Vec::<Vec<String>>::new());
    assert_eq!(emulator.body("style.css"), "new");
    // The build did not change, and yet there is something to do.
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), [["/style.css"]]);
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated().len(), 1);
}

pub fn paths_are_invalidated_by_hand(emulator: &Emulator) {
    let id = &emulator.distribution;
    emulator.run(&["invalidate", "/blog/*", "about", "--wait", "--distribution", id]).success();
    assert_eq!(emulator.invalidated(), [["/about", "/blog/*"]]);
}
