//! Right sites, of which nothing may be found, and what is told of them.

use sitepush::local::control::ControlPlane;

use crate::published::{found, published, verify, whole_site};
use crate::support::{BUCKET, Cloud, DISTRIBUTION, Site};

#[test]
fn nothing_is_found_of_a_site_that_serves_its_release() {
    let (cloud, _site) = published(&[]);
    let url = cloud.target.site_url();
    for round in ["from the origin", "from the cache"] {
        let document = verify(&cloud, &url, &[]).success().json();
        assert_eq!(found(&document), [""; 0], "{round}: {document:#}");
        assert_eq!(document["is_right"], true);
        assert_eq!((&document["asked_count"], &document["object_count"]), (&13.into(), &13.into()));
        assert_eq!(document["tls"], serde_json::Value::Null);
        let hits = document["caches"]["hit_count"].as_u64().expect("a number");
        assert_eq!(hits > 10, round == "from the cache", "{document:#}");
    }
}

/// Pushes the site with this `[site]` section and expects nothing to be found.
fn assert_right(settings: &str, site: &Site, prefix: &str) {
    let cloud = Cloud::new();
    let store_arn = ControlPlane::store_arn(DISTRIBUTION);
    let home = Site::new();
    home.write("sitepush.toml", format!("[site]\n{settings}\n"));
    let config = home.path().join("sitepush.toml");
    let more = ["--config", config.to_str().expect("a plain path"), "--prefix", prefix];
    cloud.push(site, &[&["--key-value-store", &store_arn], &more[..]].concat()).success();
    let document = verify(&cloud, &cloud.target.site_url(), &more).json();
    assert_eq!(found(&document), [""; 0], "{settings}: {document:#}");
    assert_eq!(document["is_right"], true);
}

#[test]
fn nothing_is_found_however_a_site_wants_its_addresses() {
    let site = whole_site();
    for settings in [
        "trailing_slash = \"auto\"",
        "trailing_slash = \"add\"",
        "trailing_slash = \"remove\"",
        "clean_urls = false",
        "single_page = true",
    ] {
        assert_right(settings, &site, "");
    }
}

#[test]
fn a_sample_is_told_as_one_and_a_report_is_for_people() {
    let (cloud, _site) = published(&[]);
    let url = cloud.target.site_url();
    let target = ["--bucket", BUCKET, "--distribution", DISTRIBUTION];
    let answer = cloud.run(&[&["verify", &url, "--sample", "4"], &target[..]].concat()).success();
    assert!(answer.stdout.contains("asked     4 of 13 pages and files"), "{}", answer.stdout);
    assert!(answer.stdout.contains("verdict   right\n"), "{}", answer.stdout);
    assert_eq!(answer.stderr, "");
}

#[test]
fn an_earlier_release_is_held_against_the_site_when_it_is_named() {
    let (cloud, _site) = published(&[]);
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    let earlier = releases[1]["id"].as_str().expect("an id");
    let url = cloud.target.site_url();
    let document = verify(&cloud, &url, &["--release", earlier]).expect_code(1).json();
    assert_eq!(document["release_id"], earlier);
    assert_eq!(
        found(&document),
        [
            "problem bytes /about",
            "problem bytes /about/",
            "problem bytes /about/index.html",
            "problem bytes /style.css",
            "problem not-there /gone",
            "problem not-there /gone.html",
            "problem not-there /gone/",
        ]
    );
    let live = releases[0]["id"].as_str().expect("an id");
    verify(&cloud, &url, &["--release", live]).success();
    verify(&cloud, &url, &["--release", "19700101T000000Z"]).explains(64, &["there is no release"]);
}

#[test]
fn where_the_site_is_must_be_known() {
    let cloud = Cloud::new();
    let url = cloud.target.site_url();
    cloud.run(&["verify", &url, "--bucket", BUCKET]).explains(64, &["nothing was published here yet"]);
    let folder = Site::small();
    cloud.run(&["push", folder.path().to_str().expect("a plain path"), "--bucket", BUCKET]).success();
    cloud.run(&["verify", "--bucket", BUCKET]).explains(64, &["nothing says where the site is", "`url`"]);
    cloud
        .run(&["verify", "www.example.com", "--bucket", BUCKET])
        .explains(64, &["`www.example.com`", "https://"]);
    // From the configuration.
    let home = Site::new();
    home.write("sitepush.toml", format!("[targets.a]\nbucket = \"{BUCKET}\"\nurl = \"{url}\"\n"));
    let config = home.path().join("sitepush.toml");
    let answer = cloud.run(&["verify", "--config", config.to_str().expect("a plain path")]).success();
    assert!(answer.stdout.contains(&url), "{}", answer.stdout);
}

#[test]
fn nothing_is_changed_and_only_the_record_is_read() {
    let (cloud, _site) = published(&[]);
    cloud.requests();
    verify(&cloud, &cloud.target.site_url(), &[]).success();
    let mut asked = cloud.requests();
    asked.sort();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|request| request.starts_with("GET .sitepush/")), "{asked:?}");
}
