//! A build that was published twice to the embedded target, and what `verify` finds of it.

use std::io::Write as _;

use serde_json::Value;
use sitepush::local::control::ControlPlane;

use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION, Site};

pub const OLD_ABOUT: &str = "<h1>About us, as it was</h1>";
pub const ABOUT: &str = "<h1>About us</h1><link href=\"/style.css\">";
pub const OLD_STYLE: &str = "body { color: white }";
pub const NOT_FOUND: &str = "<h1>There is no such page</h1>";

/// A file of every kind: pages, fingerprinted files, text, data, pictures, fonts, and one that is stored packed.
pub fn whole_site() -> Site {
    let site = Site::new();
    site.write(
        "index.html",
        "<script src=\"/assets/app-DRXg7gsA.js\"></script><a href=\"/about/\">about</a>",
    )
    .write("about/index.html", OLD_ABOUT)
    .write("404.html", NOT_FOUND)
    .write("gone.html", "<h1>Soon gone</h1>")
    .write("assets/app-DRXg7gsA.js", "console.log(1);\n".repeat(200))
    .write("assets/photo-D0KLVOtM.png", vec![7; 3000])
    .write("style.css", OLD_STYLE)
    .write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
    .write("data.json", "{\"a\": 1}")
    .write("site.webmanifest", "{}".to_owned() + &" ".repeat(2000))
    .write("caf\u{e9} menu.txt", "soup")
    .write("font.woff2", vec![1; 1500])
    .write("pack.js", "let packed = true;\n".repeat(100))
    .write("pack.js.gz", gzip("let packed = true;\n".repeat(100).as_bytes()));
    site
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// The site was published, then a page and the style sheet were changed and a page was removed.
pub fn published(options: &[&str]) -> (Cloud, Site) {
    let (cloud, site) = (Cloud::new(), whole_site());
    let store_arn = ControlPlane::store_arn(DISTRIBUTION);
    let more = [&["--key-value-store", &store_arn], options].concat();
    cloud.push(&site, &more).success();
    site.write("about/index.html", ABOUT).write("style.css", "body { color: black }").remove("gone.html");
    cloud.push(&site, &more).success();
    (cloud, site)
}

/// `verify URL --all --json MORE`.
pub fn verify(cloud: &Cloud, url: &str, more: &[&str]) -> Answer {
    let target = ["verify", url, "--bucket", BUCKET, "--distribution", DISTRIBUTION, "--all", "--json"];
    cloud.run(&[&target, more].concat())
}

/// `problem old-copy /about/`, the release's id in made-up names left out; sorted.
pub fn found(document: &Value) -> Vec<String> {
    let id = document["release_id"].as_str().expect("a release");
    let text = |value: &Value| value.as_str().expect("text").replace(id, "ID");
    let findings = document["findings"].as_array().expect("a list").iter();
    let mut found: Vec<String> = findings
        .map(|finding| {
            format!("{} {} {}", text(&finding["severity"]), text(&finding["fault"]), text(&finding["path"]))
        })
        .collect();
    found.sort();
    found
}
