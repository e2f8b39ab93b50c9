//! How the headers of S3 are spelled in what is sent, read from the requests themselves: an SDK that looks at what arrived
//! lower-cases every name.

use std::collections::{BTreeMap, BTreeSet};

use crate::emulator::Emulator;
use crate::observe::configuration;
use crate::support::{Answer, BUCKET, Site};
use crate::witness::{Exchange, Witness};

/// What the SDK adds to its own requests, and to no other; not in the reference.
const OF_THE_SDK: &str = "x-amz-user-agent";

/// In every signed request.
///
/// Source: "Common Request Headers", Amazon S3 API Reference.
const COMMON: [&str; 2] = ["x-amz-content-sha256", "x-amz-date"];

/// As the rules below give it: `x-amz-meta-` and a name, in lower case.
///
/// Source: "Working with object metadata", Amazon S3 User Guide.
const METADATA: [&str; 2] = ["x-amz-meta-build_id-2", "x-amz-meta-owner"];

const COPY: [&str; 3] = ["x-amz-copy-source", "x-amz-copy-source-if-match", "x-amz-metadata-directive"];

/// What each request has of its own, and whether metadata is given by it.
///
/// Source: the operations' pages, Amazon S3 API Reference.
const REFERENCE: [(&str, &[&str], bool); 7] = [
    ("PutObject", &["x-amz-checksum-sha256"], true),
    ("CreateMultipartUpload", &["x-amz-checksum-algorithm"], true),
    ("UploadPart", &["x-amz-checksum-sha256"], false),
    ("CompleteMultipartUpload", &[], false),
    ("CopyObject", &COPY, false),
    (HEADERS_ALONE, &COPY, true),
    // A list of keys has a checksum, which the SDK makes.
    ("DeleteObjects", &["x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm"], false),
];

/// A copy of an object onto itself.
const HEADERS_ALONE: &str = "CopyObject for other headers";

/// Which operation of S3 a request is; none of those that change nothing.
fn operation(exchange: &Exchange) -> Option<&'static str> {
    let (method, target) = exchange.call().split_once(' ')?;
    let target = target.strip_prefix('/').filter(|target| target.starts_with(BUCKET))?;
    let (key, query) = target.split_once('?').unwrap_or((target, ""));
    let source = exchange.header("x-amz-copy-source");
    match method {
        "PUT" if source == Some(key) => Some(HEADERS_ALONE),
        "PUT" if source.is_some() => Some("CopyObject"),
        "PUT" if query.contains("partNumber=") => Some("UploadPart"),
        "PUT" => Some("PutObject"),
        "POST" if query.contains("uploadId=") => Some("CompleteMultipartUpload"),
        "POST" if query.starts_with("uploads") => Some("CreateMultipartUpload"),
        "POST" if query.starts_with("delete") => Some("DeleteObjects"),
        _ => None,
    }
}

/// A site whose style sheet and film have metadata of this owner, pushed through a witness.
fn push(emulator: &Emulator, site: &Site, owner: &str) -> Vec<Exchange> {
    let headers = format!("{{ X-Amz-Meta-Owner = \"{owner}\", \"x-amz-meta-build_id-2\" = \"17\" }}");
    let rule = |key: &str| format!("[[rules]]\nmatch = \"{key}\"\nheaders = {headers}\n");
    let rules = configuration(emulator, &["style.css", "film.mp4"].map(rule).concat());
    let [folder, rules] = [site.path(), rules.path()].map(|path| path.to_str().expect("a plain path"));
    let witness = Witness::start(&emulator.url);
    let mut command = emulator.command(&["push", folder, "--config", rules, "--allow-shrink"]);
    let output = command.env("AWS_ENDPOINT_URL", &witness.url).output().expect("the program starts");
    Answer::from_output(&output).success();
    witness.exchanges()
}

pub fn the_headers_of_s3_are_spelled_as_in_its_reference(emulator: &Emulator) {
    let site = Site::small();
    site.write("film.mp4", vec![7; 17 << 20]);
    let mut exchanges = push(emulator, &site, "one");
    // Headers alone, a new name for bytes that are there, and a page less.
    site.write("more.js", "console.log(2)").remove("about/index.html");
    exchanges.extend(push(emulator, &site, "another"));
    let mut sent: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for exchange in &exchanges {
        let Some(operation) = operation(exchange) else { continue };
        let of_s3 = exchange.headers().map(|(name, _)| name);
        let of_s3 = of_s3.filter(|name| name.to_ascii_lowercase().starts_with("x-amz-"));
        sent.entry(operation).or_default().extend(of_s3.filter(|name| *name != OF_THE_SDK));
    }
    let expected = REFERENCE.map(|(operation, own, has_metadata)| {
        let metadata: &[&str] = if has_metadata { &METADATA } else { &[] };
        (operation, [own, &COMMON, metadata].concat().into_iter().collect())
    });
    assert_eq!(sent, expected.into());
}
