//! A new bundle and the cached pages that refer to the old one.

use crate::edition::EDITIONS;
use crate::support::{Cloud, Site};

#[test]
fn a_new_bundle_drops_the_pages_that_refer_to_the_old_one_by_its_tag_and_no_other() {
    let cloud = Cloud::new();
    let site = Site::new();
    let page = |site: &Site, number: usize, hash: &str, text: &str| {
        site.write(&format!("{number}/index.html"), format!("{text} <script src=\"/assets/app-{hash}.js\">"));
    };
    for (number, bundle) in [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)] {
        page(&site, number, EDITIONS[bundle], "first");
    }
    for hash in EDITIONS {
        site.write(&format!("assets/app-{hash}.js"), hash);
    }
    cloud.push(&site, &[]).success();
    let visit = || (0..6).map(|number| cloud.visit(&format!("/{number}/")).1).collect::<Vec<_>>();
    let before = visit();
    for number in [0, 2, 4] {
        page(&site, number, EDITIONS[2], "second");
    }
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.invalidated(), [["#uses:assets/app-drxg7gsa.js"]]);
    let after = visit();
    for number in 0..6 {
        let is_new = after[number].starts_with("second");
        assert_eq!(is_new, number % 2 == 0, "{number}: {}", after[number]);
        assert_eq!(is_new, after[number] != before[number]);
    }
    // The tags are part of the record: the same build again has nothing to do.
    cloud.requests();
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.requests().len(), 2);
}
