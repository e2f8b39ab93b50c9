//! `verify` against what a bucket gives to strangers by itself. No emulator serves what is behind a distribution.

use aws_sdk_s3::primitives::ByteStream;

use crate::emulator::{Emulator, Kind};
use crate::support::{Answer, BUCKET, Site};

/// Lets everybody read the bucket's objects, and no more.
fn open_to_everybody(emulator: &Emulator) {
    let statement = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Readers","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::{BUCKET}/*"}}]}}"#
    );
    let unblock = emulator.s3.delete_public_access_block().bucket(BUCKET);
    let allow = emulator.s3.put_bucket_policy().bucket(BUCKET).policy(statement);
    emulator.runtime.block_on(async {
        unblock.send().await.expect("public policies can be allowed");
        allow.send().await.expect("buckets have policies");
    });
}

/// A published site whose addresses are its keys, with its folder of settings.
fn opened(emulator: &Emulator) -> (Site, Site) {
    let (site, home) = (Site::small(), Site::new());
    home.write("sitepush.toml", "[site]\nclean_urls = false\n");
    open_to_everybody(emulator);
    emulator.push(&site, &["--config", &config(&home)]).success();
    (site, home)
}

fn config(home: &Site) -> String {
    home.path().join("sitepush.toml").to_str().expect("a plain path").to_owned()
}

/// `fault path` of all that is found, but for the made-up names and the root, which a bucket has no page for.
fn found(emulator: &Emulator, home: &Site) -> Vec<String> {
    let url = format!("{}/{BUCKET}", emulator.url);
    let answer: Answer = emulator.on_target("verify", &[&url, "--all", "--json", "--config", &config(home)]);
    let document = answer.json();
    let findings = document["findings"].as_array().expect("a list").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let found = findings.map(|finding| format!("{} {}", text(&finding["fault"]), text(&finding["path"])));
    found.filter(|found| !found.ends_with(" /")).collect()
}

pub fn what_a_bucket_gives_to_strangers_is_held_against_the_record(emulator: &Emulator) {
    let (_site, home) = opened(emulator);
    // The policy denies them nothing.
    let readable = "state-readable /.sitepush/manifest.json.gz";
    assert_eq!(found(emulator, &home), [readable]);
    let wrong =
        emulator.s3.put_object().bucket(BUCKET).key("style.css").content_type("text/css; charset=utf-8");
    let wrong = wrong.cache_control("public, max-age=0, s-maxage=31536000, must-revalidate");
    let wrong = wrong.body(ByteStream::from_static(b"body { color: red }"));
    emulator.runtime.block_on(wrong.send()).expect("objects can be written");
    let gone = emulator.s3.delete_object().bucket(BUCKET).key("about/index.html");
    emulator.runtime.block_on(gone.send()).expect("objects can be deleted");
    assert_eq!(found(emulator, &home), [readable, "not-there /about/index.html", "bytes /style.css"]);
}

/// The status of what a stranger asks for.
fn asked_by_a_stranger(emulator: &Emulator, path: &str) -> u16 {
    use std::io::{Read as _, Write as _};
    let address = emulator.url.strip_prefix("http://").expect("an address");
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let status = String::from_utf8_lossy(&answer);
    status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// A listing needs `s3:ListBucket`:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
#[test]
fn moto_lists_for_strangers_what_they_may_only_read() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        open_to_everybody(&emulator);
        let status = asked_by_a_stranger(&emulator, &format!("/{BUCKET}/"));
        assert_eq!(status, if emulator.kind == Kind::Moto { 200 } else { 403 });
    }
}

/// Without `s3:ListBucket`, what is missing is answered with 403:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
#[test]
fn neither_hides_what_is_missing_from_those_who_may_not_list() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        open_to_everybody(&emulator);
        let status = asked_by_a_stranger(&emulator, &format!("/{BUCKET}/nothing.html"));
        assert_eq!(status, 404, "{:?}", emulator.kind);
    }
}
